/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-store.h"

#include <string.h>

#include "ob-error.h"
#include "ob-rate-limit.h"

#define MAX_NAME_LENGTH 255

typedef struct
{
  ObRateLimit *limit; /* NULL: none */
  guint64 rate;
} ObStorePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (ObStore, ob_store, G_TYPE_OBJECT)

static void
ob_store_finalize (GObject *object)
{
  ObStorePrivate *priv = ob_store_get_instance_private (OB_STORE (object));

  g_clear_pointer (&priv->limit, ob_rate_limit_free);
  G_OBJECT_CLASS (ob_store_parent_class)->finalize (object);
}

static void
ob_store_init (ObStore *self)
{
}

static void
ob_store_class_init (ObStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ob_store_finalize;
}

/* internal methods */

/* Names come from the repository's own code, but also from what a repository holds. */
static gboolean
check_name (ObStore *self, const char *name, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (name, "/", -1);
  g_autofree char *shown = NULL;
  gboolean good = *name != '\0' && strlen (name) <= MAX_NAME_LENGTH;

  for (char **part = parts; good && *part != NULL; part++)
    good = **part != '\0' && strcmp (*part, ".") != 0 && strcmp (*part, "..") != 0;
  if (good)
    return TRUE;
  shown = g_strescape (name, NULL);
  g_set_error (error, OB_ERROR, OB_ERROR_INVALID_ARGUMENT,
               "\"%.300s\" is not a name that an object of a destination can have", shown);
  return FALSE;
}

static gboolean
check_cancelled (GCancellable *cancellable, GError **error)
{
  if (!g_cancellable_is_cancelled (cancellable))
    return TRUE;
  g_set_error_literal (error, OB_ERROR, OB_ERROR_CANCELLED, "The job was cancelled");
  return FALSE;
}

static void
slow_down (ObStore *self, guint64 bytes, GCancellable *cancellable)
{
  ObStorePrivate *priv = ob_store_get_instance_private (self);

  if (priv->limit != NULL)
    ob_rate_limit_wait (priv->limit, bytes, cancellable);
}

/* public methods */

gboolean
ob_store_put (ObStore *self,
              const char *name,
              const struct iovec *parts,
              gsize n_parts,
              ObStorePutFlags flags,
              GCancellable *cancellable,
              GError **error)
{
  guint64 bytes = 0;

  if (!check_name (self, name, error))
    return FALSE;
  for (gsize i = 0; i < n_parts; i++)
    bytes += parts[i].iov_len;
  slow_down (self, bytes, cancellable);
  return check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->put (self, name, parts, n_parts, flags, cancellable, error);
}

gboolean
ob_store_flush (ObStore *self, GCancellable *cancellable, GError **error)
{
  return check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->flush (self, cancellable, error);
}

gssize
ob_store_read (ObStore *self,
               const char *name,
               guint64 offset,
               void *buffer,
               gsize size,
               GCancellable *cancellable,
               GError **error)
{
  gssize done = -1;

  if (!check_name (self, name, error) || !check_cancelled (cancellable, error))
    return -1;
  done = OB_STORE_GET_CLASS (self)->read (self, name, offset, buffer, size, cancellable, error);
  if (done > 0)
    slow_down (self, (guint64) done, cancellable);
  return done;
}

gssize
ob_store_read_kept (ObStore *self,
                    const char *name,
                    guint64 offset,
                    void *buffer,
                    gsize size,
                    GCancellable *cancellable,
                    GError **error)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  if (klass->read_kept == NULL)
    return ob_store_read (self, name, offset, buffer, size, cancellable, error);
  if (!check_name (self, name, error) || !check_cancelled (cancellable, error))
    return -1;
  return klass->read_kept (self, name, offset, buffer, size, cancellable, error);
}

gboolean
ob_store_distrust (ObStore *self, const char *name)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->distrust != NULL && klass->distrust (self, name);
}

static GBytes *
stat_and_read (ObStore *self,
               const char *name,
               gsize max,
               GCancellable *cancellable,
               GError **error)
{
  g_autofree guint8 *data = NULL;
  guint64 size;
  gssize done;

  if (!ob_store_stat (self, name, &size, cancellable, error))
    return NULL;
  if (size > max)
    {
      g_autofree char *where = ob_store_describe (self);

      g_set_error (error, OB_ERROR, OB_ERROR_CORRUPT,
                   "%s in %s is damaged: it has %" G_GUINT64_FORMAT
                   " bytes, where at most %" G_GSIZE_FORMAT " make sense",
                   name, where, size, max);
      return NULL;
    }

  data = g_try_malloc (size > 0 ? size : 1);
  if (data == NULL)
    {
      g_set_error (error, OB_ERROR, OB_ERROR_FAILED,
                   "There is not enough memory for the %" G_GUINT64_FORMAT " bytes of %s", size,
                   name);
      return NULL;
    }
  done = size == 0 ? 0 : ob_store_read (self, name, 0, data, size, cancellable, error);
  return done < 0 ? NULL : g_bytes_new_take (g_steal_pointer (&data), (gsize) done);
}

GBytes *
ob_store_get (ObStore *self,
              const char *name,
              gsize max,
              GCancellable *cancellable,
              GError **error)
{
  if (!check_name (self, name, error) || !check_cancelled (cancellable, error))
    return NULL;
  if (OB_STORE_GET_CLASS (self)->get != NULL)
    return OB_STORE_GET_CLASS (self)->get (self, name, max, cancellable, error);
  return stat_and_read (self, name, max, cancellable, error);
}

gboolean
ob_store_stat (ObStore *self,
               const char *name,
               guint64 *size,
               GCancellable *cancellable,
               GError **error)
{
  guint64 ignored;

  return check_name (self, name, error) && check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->stat (self, name, size != NULL ? size : &ignored,
                                             cancellable, error);
}

gboolean
ob_store_list (ObStore *self,
               const char *directory,
               ObStoreListFunc func,
               gpointer user_data,
               GCancellable *cancellable,
               GError **error)
{
  return check_name (self, directory, error) && check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->list (self, directory, func, user_data, cancellable, error);
}

gboolean
ob_store_hide (ObStore *self, const char *name, GCancellable *cancellable, GError **error)
{
  return check_name (self, name, error) && check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->remove (self, name, cancellable, error);
}

gboolean
ob_store_check_unlocked (ObStore *self, const char *name, GCancellable *cancellable, GError **error)
{
  g_autofree char *when = NULL;
  g_autofree char *where = NULL;
  gint64 until;

  if (!ob_store_get_lock (self, name, &until, cancellable, error))
    return FALSE;
  if (until == 0)
    return TRUE;
  when = ob_store_format_lock (until);
  where = ob_store_describe (self);
  g_set_error (error, OB_ERROR, OB_ERROR_LOCKED,
               "%s in %s is locked until %s: nobody can remove it before", name, where, when);
  return FALSE;
}

gboolean
ob_store_remove (ObStore *self, const char *name, GCancellable *cancellable, GError **error)
{
  return ob_store_check_unlocked (self, name, cancellable, error)
         && ob_store_hide (self, name, cancellable, error);
}

char *
ob_store_format_lock (gint64 until)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (until);

  return time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M") : g_strdup ("the end of time");
}

gboolean
ob_store_is_for_good (const char *name)
{
  static const char *const directories[] = { "data/", "index/", "keys/", "snapshots/" };

  for (gsize i = 0; i < G_N_ELEMENTS (directories); i++)
    if (g_str_has_prefix (name, directories[i]))
      return TRUE;
  return strcmp (name, "config") == 0;
}

guint
ob_store_get_lock_days (ObStore *self)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->get_lock_days != NULL ? klass->get_lock_days (self) : 0;
}

gboolean
ob_store_check_locks (ObStore *self, GCancellable *cancellable, GError **error)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);
  g_autofree char *where = NULL;
  gboolean can = FALSE;

  if (ob_store_get_lock_days (self) == 0)
    return TRUE;
  if (!klass->can_lock (self, &can, cancellable, error))
    return FALSE;
  if (can)
    return TRUE;
  where = ob_store_describe (self);
  g_set_error (error, OB_ERROR, OB_ERROR_NOT_SUPPORTED,
               "Objects in %s cannot be locked, since the bucket has no object lock; make a bucket "
               "that has (it keeps versions, too), or do without lock-days",
               where);
  return FALSE;
}

/* *@may: whether there may be a lock on the object at all. */
static gboolean
may_be_locked (ObStore *self, const char *name, gboolean *may, GCancellable *cancellable,
               GError **error)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  *may = FALSE;
  if (!check_name (self, name, error) || !check_cancelled (cancellable, error))
    return FALSE;
  return klass->can_lock == NULL || !ob_store_is_for_good (name)
         || klass->can_lock (self, may, cancellable, error);
}

gboolean
ob_store_get_lock (ObStore *self, const char *name, gint64 *until, GCancellable *cancellable,
                   GError **error)
{
  gboolean may;

  *until = 0;
  return may_be_locked (self, name, &may, cancellable, error)
         && (!may || OB_STORE_GET_CLASS (self)->get_lock (self, name, until, cancellable, error));
}

gboolean
ob_store_extend_lock (ObStore *self, const char *name, gint64 until, gboolean *changed,
                      GCancellable *cancellable, GError **error)
{
  gboolean may;

  *changed = FALSE;
  return may_be_locked (self, name, &may, cancellable, error)
         && (!may
             || OB_STORE_GET_CLASS (self)->extend_lock (self, name, until, changed, cancellable,
                                                        error));
}

gboolean
ob_store_space (ObStore *self,
                guint64 *free_bytes,
                guint64 *total_bytes,
                GCancellable *cancellable,
                GError **error)
{
  return check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->space (self, free_bytes, total_bytes, cancellable, error);
}

gboolean
ob_store_prepare (ObStore *self, GCancellable *cancellable, GError **error)
{
  return check_cancelled (cancellable, error)
         && OB_STORE_GET_CLASS (self)->prepare (self, cancellable, error);
}

gboolean
ob_store_has_failed (ObStore *self)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->has_failed != NULL && klass->has_failed (self);
}

gboolean
ob_store_is_consistent (ObStore *self)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->is_consistent != NULL && klass->is_consistent (self);
}

guint
ob_store_get_reads_at_once (ObStore *self)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->get_reads_at_once != NULL ? klass->get_reads_at_once (self) : 1;
}

char *
ob_store_get_waiting (ObStore *self, gint64 *since)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->get_waiting != NULL ? klass->get_waiting (self, since) : NULL;
}

void
ob_store_forget (ObStore *self, const char *name)
{
  if (OB_STORE_GET_CLASS (self)->forget != NULL && check_name (self, name, NULL))
    OB_STORE_GET_CLASS (self)->forget (self, name);
}

gboolean
ob_store_purge (ObStore *self, const char *name, GCancellable *cancellable, GError **error)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return check_name (self, name, error) && check_cancelled (cancellable, error)
         && (klass->purge == NULL || klass->purge (self, name, cancellable, error));
}

void
ob_store_checkup (ObStore *self, ObCheckup *checkup)
{
  if (OB_STORE_GET_CLASS (self)->checkup != NULL)
    OB_STORE_GET_CLASS (self)->checkup (self, checkup);
}

void
ob_store_set_rate (ObStore *self, guint64 rate)
{
  ObStorePrivate *priv = ob_store_get_instance_private (self);

  if (OB_STORE_GET_CLASS (self)->set_rate != NULL)
    {
      OB_STORE_GET_CLASS (self)->set_rate (self, rate);
      return;
    }
  g_clear_pointer (&priv->limit, ob_rate_limit_free);
  priv->rate = rate;
  if (rate > 0)
    priv->limit = ob_rate_limit_new (rate);
}

guint64
ob_store_get_rate (ObStore *self)
{
  ObStorePrivate *priv = ob_store_get_instance_private (self);

  return priv->rate;
}

void
ob_store_settle (ObStore *self, GCancellable *cancellable)
{
  slow_down (self, 0, cancellable);
}

guint64
ob_store_get_requests (ObStore *self)
{
  ObStoreClass *klass = OB_STORE_GET_CLASS (self);

  return klass->get_requests != NULL ? klass->get_requests (self) : 0;
}

char *
ob_store_describe (ObStore *self)
{
  return OB_STORE_GET_CLASS (self)->describe (self);
}
