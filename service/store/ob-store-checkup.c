/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-store-checkup.h"

#include <openssl/rand.h>
#include <string.h>

#include "ob-deadline.h"
#include "ob-error.h"

#define KIB 1024
#define MIB (1024 * 1024)
#define GB (1000.0 * 1000 * 1000)
#define PROBE_SIZE (64 * KIB)
#define MAX_SNAPSHOTS 10000
#define LATENCY_REQUESTS 5
/* Microseconds that all of them may take. */
#define LATENCY_TIME (3 * G_USEC_PER_SEC)
/* Some stores show what was removed for a moment more; and what was broken off on its way there may
 * still be stored when the order to remove it has come first. */
#define LOOKS 4
#define LOOK_PAUSE G_USEC_PER_SEC
/* Of the free space, what a probe may take: one part in so many. */
#define SHARE 8
/* What a rate is expected to change by from one piece to the next. */
#define CAUTION 0.8

static const gsize pieces[] = { 4 * KIB, 64 * KIB, 512 * KIB, 2 * MIB, 8 * MIB };
#define THRIFTY (512 * KIB)

/* Something that is written only to be removed. */
typedef struct
{
  ObStore *store;
  ObCheckup *checkup;
  char *name;
  guint8 *data;
  gsize size;
  gboolean left;     /* it may be there */
  gboolean kept;      /* the destination has versions of it, and does not let go of them */
  gboolean unsettled; /* it may come to be there although it was removed */
} Probe;

/* internal methods */

static double
get_seconds (gint64 began)
{
  return (double) MAX (g_get_monotonic_time () - began, 1) / G_USEC_PER_SEC;
}

static void
add_milliseconds (ObCheckup *checkup, double seconds)
{
  ob_checkup_add_figure (checkup, "milliseconds", g_variant_new_double (seconds * 1000));
}

/* Bytes that no compression, and no guess, makes less of; a name that no other host's check has. */
static void
probe_init (Probe *probe, ObStore *store, ObCheckup *checkup, gsize size)
{
  guint64 number = 0;

  *probe = (Probe){ store, checkup, NULL, g_malloc (size), size, FALSE, FALSE, FALSE };
  if (RAND_bytes (probe->data, (int) size) != 1
      || RAND_bytes ((unsigned char *) &number, sizeof number) != 1)
    number = (guint64) g_get_real_time ();
  probe->name = g_strdup_printf ("obbackup-check-%016" G_GINT64_MODIFIER "x", number);
}

/* Nobody can cancel this: what was cancelled leaves nothing. */
static gboolean
probe_remove (Probe *probe, GError **error)
{
  if (!ob_store_remove (probe->store, probe->name, NULL, error))
    return FALSE;
  probe->left = FALSE;
  probe->kept = ob_checkup_is_thrifty (probe->checkup)
                && !ob_store_purge (probe->store, probe->name, NULL, NULL);
  return TRUE;
}

/* After a write that was broken off: looks again whether it has come after all. */
static void
probe_remove_late (Probe *probe)
{
  for (guint i = 1; i < LOOKS; i++)
    {
      g_autoptr (GError) error = NULL;

      g_usleep (LOOK_PAUSE);
      if (ob_store_stat (probe->store, probe->name, NULL, NULL, &error)
            ? !probe_remove (probe, NULL)
            : !g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND))
        return;
    }
}

static void
probe_clear (Probe *probe)
{
  g_autoptr (GError) error = NULL;

  if (probe->left && !probe_remove (probe, &error))
    g_message ("%s may be left: %s", probe->name, error->message);
  else if (probe->unsettled)
    probe_remove_late (probe);
  g_free (probe->name);
  g_free (probe->data);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Probe, probe_clear)

static gboolean
probe_put (Probe *probe, gsize size, GCancellable *cancellable, GError **error)
{
  const struct iovec part = { probe->data, size };

  probe->left = TRUE;
  if (ob_store_put (probe->store, probe->name, &part, 1, OB_STORE_PUT_NONE, cancellable, error))
    return TRUE;
  probe->unsettled = g_cancellable_is_cancelled (cancellable);
  return FALSE;
}

static void
fail_damaged (Probe *probe, const guint8 *read, gsize size, gsize expected)
{
  g_autofree char *where = ob_store_describe (probe->store);
  gsize first = 0;

  while (first < MIN (size, expected) && read[first] == probe->data[first])
    first++;
  ob_checkup_fail (probe->checkup, g_error_new (
    OB_ERROR, OB_ERROR_CORRUPT,
    "What was read back from %s is not what was written there (%" G_GSIZE_FORMAT " of %"
    G_GSIZE_FORMAT " bytes, others from byte %" G_GSIZE_FORMAT "): the disk, or something on the "
    "way to it, damages data; do not trust it with backups",
    where, size, expected, first));
}

/* internal methods: write, read, delete */

static void
check_write (Probe *probe, const char *needs)
{
  ObCheckup *checkup = probe->checkup;
  GError *error = NULL;
  gint64 began = g_get_monotonic_time ();
  double took;

  if (!ob_checkup_begin (checkup, "write", needs))
    return;
  if (!probe_put (probe, probe->size, ob_checkup_get_cancellable (checkup), &error))
    {
      ob_checkup_fail (checkup, error);
      return;
    }
  ob_store_settle (probe->store, ob_checkup_get_cancellable (checkup));
  took = get_seconds (began);
  ob_checkup_add_figure (checkup, "bytes", g_variant_new_uint64 (probe->size));
  add_milliseconds (checkup, took);
  ob_checkup_end (checkup, OB_CHECKUP_OK, "%u KiB in %.1f ms", (guint) (probe->size / KIB),
                  took * 1000);
}

static void
check_read (Probe *probe)
{
  ObCheckup *checkup = probe->checkup;
  g_autoptr (GBytes) bytes = NULL;
  GError *error = NULL;
  gconstpointer data;
  gint64 began;
  double took;
  gsize size;

  if (!ob_checkup_begin (checkup, "read", "write"))
    return;
  ob_store_forget (probe->store, probe->name);
  began = g_get_monotonic_time ();
  bytes = ob_store_get (probe->store, probe->name, probe->size,
                        ob_checkup_get_cancellable (checkup), &error);
  ob_store_settle (probe->store, ob_checkup_get_cancellable (checkup));
  took = get_seconds (began);
  if (bytes == NULL)
    {
      ob_checkup_fail (checkup, error);
      return;
    }
  data = g_bytes_get_data (bytes, &size);
  if (size != probe->size || memcmp (data, probe->data, size) != 0)
    {
      fail_damaged (probe, data, size, probe->size);
      return;
    }
  ob_checkup_add_figure (checkup, "bytes", g_variant_new_uint64 (size));
  add_milliseconds (checkup, took);
  ob_checkup_end (checkup, OB_CHECKUP_OK, "the same, in %.1f ms", took * 1000);
}

/* Whether the probe can be seen no more. *@seen: whether the store lets us look at all. */
static gboolean
is_gone (Probe *probe, gboolean *seen)
{
  for (guint i = 0; i < LOOKS; i++)
    {
      g_autoptr (GError) error = NULL;

      if (i > 0)
        g_usleep (LOOK_PAUSE);
      if (ob_store_stat (probe->store, probe->name, NULL,
                         ob_checkup_get_cancellable (probe->checkup), &error))
        continue;
      *seen = g_error_matches (error, OB_ERROR, OB_ERROR_NOT_FOUND);
      return TRUE;
    }
  return FALSE;
}

static void
check_delete (Probe *probe)
{
  ObCheckup *checkup = probe->checkup;
  GError *error = NULL;
  gint64 began = g_get_monotonic_time ();
  gboolean seen = FALSE;
  double took;

  if (!ob_checkup_begin (checkup, "delete", "write"))
    return;
  if (!probe_remove (probe, &error))
    {
      g_prefix_error (&error, "What the check has written cannot be removed, and stays: ");
      probe->left = FALSE;
      ob_checkup_fail (checkup, error);
      return;
    }
  took = get_seconds (began);
  if (!is_gone (probe, &seen))
    {
      ob_checkup_fail (checkup, g_error_new (
        OB_ERROR, OB_ERROR_FAILED,
        "%s was removed, and is still there: the destination does not remove what it says it does",
        probe->name));
      return;
    }
  add_milliseconds (checkup, took);
  ob_checkup_add_figure (checkup, "kept", g_variant_new_boolean (probe->kept));
  ob_checkup_end (
    checkup, OB_CHECKUP_OK, "%s in %.1f ms%s",
    seen ? "it is gone," : "whether it is gone cannot be seen; removed", took * 1000,
    probe->kept ? "; a version of it stays, locked, or since this key may not remove it" : "");
}

/* internal methods: latency */

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double first = *(const double *) a;
  double second = *(const double *) b;

  return first < second ? -1 : first > second;
}

/* Asks for something small; a refusal is an answer as well. */
static gboolean
ask (ObStore *store, GCancellable *cancellable, GError **error)
{
  g_autoptr (GError) local = NULL;

  if (ob_store_stat (store, "config", NULL, cancellable, &local)
      || g_error_matches (local, OB_ERROR, OB_ERROR_NOT_FOUND)
      || g_error_matches (local, OB_ERROR, OB_ERROR_CREDENTIALS_REJECTED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* internal methods: speed */

/* The largest that there is room for; 0 where there is none. */
static gsize
get_largest (ObStore *store, ObCheckup *checkup)
{
  guint64 free_bytes = G_MAXUINT64;
  guint64 total_bytes = G_MAXUINT64;
  guint64 most;
  gsize largest = 0;

  ob_store_space (store, &free_bytes, &total_bytes, ob_checkup_get_cancellable (checkup), NULL);
  most = ob_checkup_is_thrifty (checkup) ? MIN (THRIFTY, free_bytes / SHARE) : free_bytes / SHARE;
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    if (pieces[i] <= most)
      largest = pieces[i];
  return largest;
}

/* Moves @size bytes one way. */
typedef gboolean (*Move) (Probe *probe, gsize size, guint8 *buffer, GCancellable *cancellable,
                          gssize *moved, GError **error);

static gboolean
move_up (Probe *probe, gsize size, guint8 *buffer, GCancellable *cancellable, gssize *moved,
         GError **error)
{
  *moved = (gssize) size;
  return probe_put (probe, size, cancellable, error);
}

static gboolean
move_down (Probe *probe, gsize size, guint8 *buffer, GCancellable *cancellable, gssize *moved,
           GError **error)
{
  ob_store_forget (probe->store, probe->name);
  *moved = ob_store_read (probe->store, probe->name, 0, buffer, size, cancellable, error);
  return *moved >= 0;
}

typedef struct
{
  gsize size; /* of the largest piece that was moved; 0: none in time */
  double seconds;
} Speed;

/* Moves pieces of up to @largest bytes while there is time. FALSE where the step was ended as
 * failed. */
static gboolean
measure (Probe *probe, gsize largest, Move move, guint8 *buffer, Speed *speed)
{
  g_autoptr (ObDeadline) deadline = ob_deadline_new (
    OB_STORE_CHECKUP_SPEED_TIME, ob_checkup_get_cancellable (probe->checkup));
  GCancellable *stop = ob_deadline_get_cancellable (deadline);

  *speed = (Speed){ 0, 0 };
  for (guint i = 0; i < G_N_ELEMENTS (pieces) && pieces[i] <= largest; i++)
    {
      gint64 began = g_get_monotonic_time ();
      double left = (double) ob_deadline_get_left (deadline) / G_USEC_PER_SEC * CAUTION;
      GError *error = NULL;
      gssize moved;

      if (speed->size > 0 && speed->seconds * (double) pieces[i] / (double) speed->size > left)
        break;
      if (!move (probe, pieces[i], buffer, stop, &moved, &error))
        {
          gboolean late = ob_deadline_get_left (deadline) == 0
                          && g_error_matches (error, OB_ERROR, OB_ERROR_CANCELLED);

          if (!late || g_cancellable_is_cancelled (ob_checkup_get_cancellable (probe->checkup)))
            {
              ob_checkup_fail (probe->checkup, error);
              return FALSE;
            }
          g_error_free (error);
          break;
        }
      ob_store_settle (probe->store, stop);
      *speed = (Speed){ pieces[i], get_seconds (began) };
      if (buffer != NULL
          && ((gsize) moved != pieces[i] || memcmp (buffer, probe->data, pieces[i]) != 0))
        {
          fail_damaged (probe, buffer, (gsize) moved, pieces[i]);
          return FALSE;
        }
    }
  return TRUE;
}

/* MiB a second, with as many digits as mean something. Transfer full. */
static char *
format_rate (double rate)
{
  return g_strdup_printf ("%.*f MiB/s", rate >= 10 ? 0 : rate >= 1 ? 1 : 3, rate);
}

static void
end_speed (Probe *probe, const Speed *speed)
{
  double rate = (double) speed->size / MIB / MAX (speed->seconds, 1e-6);
  double limit = (double) ob_store_get_rate (probe->store) / MIB;
  g_autofree char *rate_text = format_rate (rate);
  g_autofree char *limit_text = format_rate (limit);
  g_autofree char *held
    = limit > 0 ? g_strconcat (", of at most ", limit_text, " that are set for it", NULL)
                : g_strdup ("");

  if (speed->size == 0)
    {
      ob_checkup_end (probe->checkup, OB_CHECKUP_WARNING,
                      "%u KiB did not get through in %d s%s: backups will take very long",
                      (guint) (pieces[0] / KIB), OB_STORE_CHECKUP_SPEED_TIME / 1000, held);
      return;
    }
  ob_checkup_add_figure (probe->checkup, "mib-per-second", g_variant_new_double (rate));
  ob_checkup_add_figure (probe->checkup, "bytes", g_variant_new_uint64 (speed->size));
  ob_checkup_add_figure (probe->checkup, "seconds", g_variant_new_double (speed->seconds));
  ob_checkup_end (probe->checkup, OB_CHECKUP_OK, "%s (%u KiB in %.2f s)%s", rate_text,
                  (guint) (speed->size / KIB), speed->seconds, held);
}

/* What was uploaded at last is what there is to download. Gives its size. */
static gsize
check_upload (Probe *probe, gsize largest)
{
  Speed speed;

  if (!measure (probe, largest, move_up, NULL, &speed))
    return 0;
  end_speed (probe, &speed);
  return speed.size;
}

static void
check_download (Probe *probe, gsize size)
{
  g_autofree guint8 *buffer = NULL;
  Speed speed;

  if (!ob_checkup_begin (probe->checkup, "download", "upload"))
    return;
  if (size == 0)
    {
      ob_checkup_end (probe->checkup, OB_CHECKUP_SKIPPED, "nothing was uploaded in time");
      return;
    }
  buffer = g_malloc (size);
  if (measure (probe, size, move_down, buffer, &speed))
    end_speed (probe, &speed);
}

/* public methods */

static gboolean
count (const char *name, guint64 size, gpointer user_data)
{
  guint *n = user_data;

  return ++*n < MAX_SNAPSHOTS;
}

void
ob_store_checkup_list (ObStore *store, const char *needs, ObCheckup *checkup)
{
  GError *error = NULL;
  guint n = 0;

  if (!ob_checkup_begin (checkup, "list", needs))
    return;
  if (!ob_store_list (store, "snapshots", count, &n, ob_checkup_get_cancellable (checkup), &error))
    {
      ob_checkup_fail (checkup, error);
      return;
    }
  ob_checkup_add_figure (checkup, "snapshots", g_variant_new_uint32 (n));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "%u%s", n,
                  n == 1               ? " snapshot"
                  : n == MAX_SNAPSHOTS ? " snapshots or more"
                                       : " snapshots");
}

void
ob_store_checkup_write (ObStore *store, const char *needs, ObCheckup *checkup)
{
  g_auto (Probe) probe = { 0 };
  gsize size = PROBE_SIZE;

  /* Where a rate is set it may take a second. */
  if (store != NULL && ob_store_get_rate (store) > 0)
    size = (gsize) CLAMP (ob_store_get_rate (store), KIB, PROBE_SIZE);
  probe_init (&probe, store, checkup, size);
  check_write (&probe, needs);
  check_read (&probe);
  check_delete (&probe);
}

void
ob_store_checkup_latency (ObStore *store, const char *needs, ObCheckup *checkup)
{
  double took[LATENCY_REQUESTS];
  gint64 began = g_get_monotonic_time ();
  GError *error = NULL;
  guint n = 0;

  if (!ob_checkup_begin (checkup, "latency", needs))
    return;
  while (n < LATENCY_REQUESTS && (n == 0 || g_get_monotonic_time () - began < LATENCY_TIME))
    {
      gint64 asked = g_get_monotonic_time ();

      if (!ask (store, ob_checkup_get_cancellable (checkup), &error))
        {
          ob_checkup_fail (checkup, error);
          return;
        }
      took[n++] = get_seconds (asked);
    }
  qsort (took, n, sizeof *took, compare_doubles);
  add_milliseconds (checkup, took[n / 2]);
  ob_checkup_add_figure (checkup, "requests", g_variant_new_uint32 (n));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "%.2f ms", took[n / 2] * 1000);
}

void
ob_store_checkup_speed (ObStore *store, const char *needs, ObCheckup *checkup)
{
  g_auto (Probe) probe = { 0 };
  gsize largest, size = 0;

  probe.checkup = checkup;
  if (!ob_checkup_begin (checkup, "upload", needs))
    {
      check_download (&probe, 0);
      return;
    }
  largest = get_largest (store, checkup);
  if (largest == 0)
    ob_checkup_block (checkup, "there is too little room to try");
  else
    {
      probe_init (&probe, store, checkup, largest);
      size = check_upload (&probe, largest);
    }
  check_download (&probe, size);
}

gboolean
ob_store_checkup_space (ObStore *store, const char *needs, guint64 *free_bytes,
                        guint64 *total_bytes, ObCheckup *checkup)
{
  GError *error = NULL;

  if (!ob_checkup_begin (checkup, "space", needs))
    return FALSE;
  if (!ob_store_space (store, free_bytes, total_bytes, ob_checkup_get_cancellable (checkup),
                       &error))
    {
      ob_checkup_fail (checkup, error);
      return FALSE;
    }
  if (*total_bytes == G_MAXUINT64)
    {
      ob_checkup_end (checkup, OB_CHECKUP_NOT_TOLD, "the server does not say how much there is");
      return TRUE;
    }
  ob_checkup_add_figure (checkup, "free", g_variant_new_uint64 (*free_bytes));
  ob_checkup_add_figure (checkup, "total", g_variant_new_uint64 (*total_bytes));
  ob_checkup_end (checkup, OB_CHECKUP_OK, "%.1f GB free of %.1f GB", (double) *free_bytes / GB,
                  (double) *total_bytes / GB);
  return TRUE;
}
