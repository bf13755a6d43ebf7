/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-lock-file.h"

#include <unistd.h>

#include "ob-error.h"
#include "ob-host.h"
#include "ob-json-reader.h"
#include "ob-time.h"

#define STALE_SECONDS (30 * 60)
/* Holders refresh every five minutes: two refreshes missing, and some. */
#define SUSPECT_SECONDS (12 * 60)

/* No two clocks of hosts at work differ by so much; one that was set does. */
#define FUTURE_SECONDS (60 * 60)

#define MAX_STRING 4096

ObLockFile *
ob_lock_file_new (gboolean exclusive)
{
  ObLockFile *self = g_new0 (ObLockFile, 1);

  clock_gettime (CLOCK_REALTIME, &self->time);
  self->exclusive = exclusive;
  self->hostname = ob_host_get_name ();
  self->username = ob_host_get_user_name ();
  self->pid = getpid ();
  self->uid = geteuid ();
  self->gid = getegid ();
  self->machine = ob_host_get_machine ();
  self->boot_id = ob_host_get_boot_id ();
  self->pid_namespace = ob_host_get_pid_namespace ();
  self->process_start = ob_host_get_process_start (getpid ());
  return self;
}

void
ob_lock_file_free (ObLockFile *self)
{
  if (self == NULL)
    return;

  g_free (self->hostname);
  g_free (self->username);
  g_free (self->machine);
  g_free (self->boot_id);
  g_free (self->pid_namespace);
  g_free (self);
}

char *
ob_lock_file_to_json (const ObLockFile *self)
{
  g_autoptr (GString) text = g_string_new ("{\"time\":");
  g_autofree char *time = ob_time_format (&self->time);

  ob_json_append_string (text, time);
  g_string_append_printf (text, ",\"exclusive\":%s,\"hostname\":",
                          self->exclusive ? "true" : "false");
  ob_json_append_string (text, self->hostname);
  g_string_append (text, ",\"username\":");
  ob_json_append_string (text, self->username);
  g_string_append_printf (text, ",\"pid\":%" G_GINT64_FORMAT ",\"uid\":%u,\"gid\":%u", self->pid,
                          self->uid, self->gid);
  g_string_append (text, ",\"obbackup\":{\"machine\":");
  ob_json_append_string (text, self->machine);
  g_string_append (text, ",\"boot_id\":");
  ob_json_append_string (text, self->boot_id);
  g_string_append (text, ",\"pid_namespace\":");
  ob_json_append_string (text, self->pid_namespace);
  g_string_append_printf (text, ",\"process_start\":%" G_GUINT64_FORMAT "}}", self->process_start);

  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
read_string (ObJsonReader *reader, char **value)
{
  g_free (*value);
  *value = ob_json_reader_dup_string (reader, MAX_STRING);
}

static void
read_number (ObJsonReader *reader, guint *value)
{
  guint64 number = 0;

  if (ob_json_reader_read_uint (reader, G_MAXUINT32, &number))
    *value = (guint) number;
}

static void
read_obbackup (ObJsonReader *reader, ObLockFile *self)
{
  ObJsonSlice name;

  ob_json_reader_begin_object (reader);
  while (ob_json_reader_next_member (reader, &name))
    {
      if (ob_json_slice_is (&name, "machine"))
        read_string (reader, &self->machine);
      else if (ob_json_slice_is (&name, "boot_id"))
        read_string (reader, &self->boot_id);
      else if (ob_json_slice_is (&name, "pid_namespace"))
        read_string (reader, &self->pid_namespace);
      else if (ob_json_slice_is (&name, "process_start"))
        ob_json_reader_read_uint (reader, G_MAXINT64, &self->process_start);
      else
        ob_json_reader_skip (reader);
    }
}

static gboolean
read_time (ObJsonReader *reader, struct timespec *when)
{
  g_autofree char *text = ob_json_reader_dup_string (reader, 64);

  return (text != NULL && ob_time_parse (text, when)) || ob_json_reader_fail (reader);
}

/* Whether the text is sound and has a time. */
static gboolean
read_text (ObJsonReader *reader, ObLockFile *self)
{
  ObJsonSlice name;
  gboolean has_time = FALSE;
  guint64 pid = 0;

  ob_json_reader_begin_object (reader);
  while (ob_json_reader_next_member (reader, &name))
    {
      if (ob_json_slice_is (&name, "time"))
        has_time = read_time (reader, &self->time);
      else if (ob_json_slice_is (&name, "exclusive"))
        ob_json_reader_read_boolean (reader, &self->exclusive);
      else if (ob_json_slice_is (&name, "hostname"))
        read_string (reader, &self->hostname);
      else if (ob_json_slice_is (&name, "username"))
        read_string (reader, &self->username);
      else if (ob_json_slice_is (&name, "pid"))
        ob_json_reader_read_uint (reader, G_MAXINT32, &pid);
      else if (ob_json_slice_is (&name, "uid"))
        read_number (reader, &self->uid);
      else if (ob_json_slice_is (&name, "gid"))
        read_number (reader, &self->gid);
      else if (ob_json_slice_is (&name, "obbackup"))
        read_obbackup (reader, self);
      else
        ob_json_reader_skip (reader);
    }
  self->pid = (gint64) pid;

  return ob_json_reader_finish (reader) && has_time;
}

ObLockFile *
ob_lock_file_from_json (const void *text, gsize size, GError **error)
{
  g_autoptr (ObLockFile) self = g_new0 (ObLockFile, 1);
  ObJsonReader reader;

  self->hostname = g_strdup ("");
  self->username = g_strdup ("");
  self->machine = g_strdup ("");
  self->boot_id = g_strdup ("");
  self->pid_namespace = g_strdup ("");

  ob_json_reader_init (&reader, text, size);
  if (!read_text (&reader, self))
    {
      g_set_error_literal (error, OB_ERROR, OB_ERROR_CORRUPT,
                           "The content of the lock file does not make sense");
      return NULL;
    }
  return g_steal_pointer (&self);
}

/* Whether our /proc and our kill(2) speak of the very processes that the lock was written among. */
static gboolean
is_from_here (const ObLockFile *self)
{
  g_autofree char *boot_id = ob_host_get_boot_id ();
  g_autofree char *pid_namespace = ob_host_get_pid_namespace ();

  return *boot_id != '\0' && *pid_namespace != '\0' && g_str_equal (self->boot_id, boot_id)
         && g_str_equal (self->pid_namespace, pid_namespace);
}

static gboolean
has_host_name_of_ours (const ObLockFile *self)
{
  g_autofree char *name = ob_host_get_name ();

  return *name != '\0' && g_str_equal (self->hostname, name);
}

/* Whether this machine was started anew since. Copies of a machine may have its id, and even its
 * name: but one that is at work refreshes its lock. A time that is yet to come was written before
 * our clock was set right. */
static gboolean
is_from_earlier_boot (const ObLockFile *self, const struct timespec *now)
{
  g_autofree char *machine = ob_host_get_machine ();
  g_autofree char *boot_id = ob_host_get_boot_id ();
  gint64 boot = ob_host_get_boot_time ();

  if (*machine == '\0' || !g_str_equal (self->machine, machine) || !has_host_name_of_ours (self)
      || *boot_id == '\0' || *self->boot_id == '\0' || g_str_equal (self->boot_id, boot_id))
    return FALSE;
  if (self->time.tv_sec < boot)
    return (gint64) now->tv_sec - self->time.tv_sec > OB_LOCK_FILE_SETTLED_SECONDS;
  return self->time.tv_sec - (gint64) now->tv_sec > FUTURE_SECONDS
         && (gint64) now->tv_sec - boot > OB_LOCK_FILE_SETTLED_SECONDS;
}

gboolean
ob_lock_file_is_stale (const ObLockFile *self, const struct timespec *now)
{
  gint64 age = (gint64) now->tv_sec - self->time.tv_sec;
  gboolean may_be_known;

  if (age > STALE_SECONDS || is_from_earlier_boot (self, now))
    return TRUE;
  if (*self->boot_id != '\0')
    may_be_known = is_from_here (self);
  else
    may_be_known = age > SUSPECT_SECONDS && has_host_name_of_ours (self);
  return may_be_known && ob_host_process_has_ended ((pid_t) self->pid, self->process_start);
}

char *
ob_lock_file_describe_holder (const ObLockFile *self)
{
  return g_strdup_printf ("%s on %s (process %" G_GINT64_FORMAT ")",
                          *self->username == '\0' ? "somebody" : self->username,
                          *self->hostname == '\0' ? "an unnamed host" : self->hostname, self->pid);
}

static char *
describe_duration (gint64 seconds)
{
  if (seconds < 60)
    return g_strdup_printf ("%" G_GINT64_FORMAT " s", MAX (seconds, 0));
  return g_strdup_printf ("%" G_GINT64_FORMAT " min", (seconds + 30) / 60);
}

char *
ob_lock_file_describe_age (const ObLockFile *self, const struct timespec *now)
{
  gint64 age = (gint64) now->tv_sec - self->time.tv_sec;
  g_autofree char *time = ob_time_format (&self->time);
  g_autofree char *ago = describe_duration (age);
  g_autofree char *left = describe_duration (STALE_SECONDS - age);

  return g_strdup_printf ("%s, %s ago; unless it is refreshed, it expires in %s", time, ago, left);
}
