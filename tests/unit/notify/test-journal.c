/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ob-journal.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"
#include "ob-child.h"
#include "ob-fd.h"

/* What systemd listens to. */
#define JOURNAL_DIRECTORY "/run/systemd/journal"

static ObEvent *
make_event (ObSeverity severity)
{
  ObEvent *event = ob_event_new (OB_EVENT_BACKUP_LATE, severity, "The backup of “ob” is late.");

  ob_event_set_string (event, "instance", "ob");
  ob_event_set_string (event, "state", "a=b \"c\"");
  ob_event_set_int64 (event, "duration_seconds", -5);
  ob_event_set_int64 (event, "bytes", G_MAXINT64);
  ob_event_set_boolean (event, "automatic", FALSE);
  return event;
}

static GLogWriterOutput
write_fields (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  GString *text = data;

  g_string_append_printf (text, "level %d\n", level);
  for (gsize i = 0; i < n_fields; i++)
    {
      g_assert_cmpint (fields[i].length, ==, -1);
      g_string_append_printf (text, "%s=%s\n", fields[i].key, (const char *) fields[i].value);
    }
  return G_LOG_WRITER_HANDLED;
}

static void
test_fields (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (ObEvent) info = make_event (OB_SEVERITY_INFO);
  g_autoptr (ObEvent) warning = make_event (OB_SEVERITY_WARNING);
  g_autoptr (ObEvent) error = make_event (OB_SEVERITY_ERROR);
  g_autofree char *expected = g_strdup_printf ("level %d\n"
                                               "MESSAGE=The backup of “ob” is late.\n"
                                               "MESSAGE_ID=%s\n"
                                               "PRIORITY=3\n"
                                               "OBBACKUP_EVENT=backup-late\n"
                                               "OBBACKUP_INSTANCE=ob\n"
                                               "OBBACKUP_STATE=a=b \"c\"\n"
                                               "OBBACKUP_DURATION_SEC=-5\n"
                                               "OBBACKUP_BYTES=9223372036854775807\n"
                                               "OBBACKUP_AUTOMATIC=false\n",
                                               G_LOG_LEVEL_WARNING, OB_JOURNAL_ID_BACKUP_LATE);

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  g_log_set_writer_func (write_fields, text, NULL);
  ob_journal_write (error);
  g_assert_cmpstr (text->str, ==, expected);
  g_string_truncate (text, 0);
  ob_journal_write (warning);
  g_assert_true (g_str_has_prefix (text->str, "level 16\n"));
  g_assert_nonnull (strstr (text->str, "\nPRIORITY=4\n"));
  g_string_truncate (text, 0);
  ob_journal_write (info);
  g_assert_true (g_str_has_prefix (text->str, "level 32\n"));
  g_assert_nonnull (strstr (text->str, "\nPRIORITY=5\n"));
}

static void
test_ids (void)
{
  for (guint i = 0; i < OB_N_EVENTS; i++)
    {
      const char *id = ob_journal_get_message_id (i);

      g_assert_cmpuint (strlen (id), ==, 32);
      g_assert_cmpuint (strspn (id, "0123456789abcdef"), ==, 32);
      for (guint j = 0; j < i; j++)
        g_assert_cmpstr (id, !=, ob_journal_get_message_id (j));
    }
}

/* A socket in place of the journal's, in mounts of our own. */
static int
listen_as_journal (void)
{
  const struct sockaddr_un address
    = { .sun_family = AF_UNIX, .sun_path = JOURNAL_DIRECTORY "/socket" };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (bind (fd, (const struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

/* What the journal gets from GLib's own writer, which the service has. */
static void
test_socket (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ObEvent) event = make_event (OB_SEVERITY_WARNING);
  char text[4096] = { 0 };
  ob_autofd int fd = -1;

  if (!fixture_begin_mounts (fixture))
    return;
  g_assert_cmpint (mount ("tmpfs", "/run", "tmpfs", 0, NULL), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (JOURNAL_DIRECTORY, 0755), ==, 0);
  fd = listen_as_journal ();
  g_log_set_writer_func (g_log_writer_journald, NULL, NULL);
  ob_journal_write (event);
  g_assert_cmpint (recv (fd, text, sizeof text - 1, 0), >, 0);
  g_assert_nonnull (strstr (text, "\nMESSAGE_ID=" OB_JOURNAL_ID_BACKUP_LATE "\n"));
  g_assert_nonnull (strstr (text, "\nOBBACKUP_INSTANCE=ob\n"));
  g_assert_nonnull (strstr (text, "\nOBBACKUP_BYTES=9223372036854775807\n"));
}

static char *
run_journalctl (const char *root, const char *option, const char *id)
{
  g_autofree char *root_option = g_strconcat ("--root=", root, NULL);
  const char *argv[] = { "/usr/bin/journalctl", root_option, "--no-pager", option, id, NULL };
  ObChildSpec spec = { .argv = argv, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChild) child = ob_child_start (&spec, &error);

  g_assert_no_error (error);
  ob_child_wait (child, NULL, &error);
  g_assert_no_error (error);
  /* Mistakes in a catalog are told of, and passed over. */
  g_assert_cmpstr (ob_child_get_errors (child), ==, "");
  return g_strdup (ob_child_get_output (child));
}

/* systemd itself finds an explanation of each event in the catalog, and of nothing else. */
static void
test_catalog (Fixture *fixture, gconstpointer data)
{
  g_autofree char *directory = fixture_path (fixture, "usr/lib/systemd/catalog");
  g_autofree char *database = fixture_path (fixture, "var/lib/systemd/catalog");
  g_autofree char *text = NULL;
  g_autofree char *list = NULL;
  g_autofree char *nothing = NULL;
  guint count = 0;

  g_assert_true (g_file_get_contents (OB_CATALOG_FILE, &text, NULL, NULL));
  g_assert_cmpint (g_mkdir_with_parents (directory, 0755), ==, 0);
  g_assert_cmpint (g_mkdir_with_parents (database, 0755), ==, 0);
  fixture_write (fixture, "usr/lib/systemd/catalog/obbackup.catalog", text);
  nothing = run_journalctl (fixture->path, "--update-catalog", NULL);
  for (guint i = 0; i < OB_N_EVENTS; i++)
    {
      g_autofree char *entry
        = run_journalctl (fixture->path, "--dump-catalog", ob_journal_get_message_id (i));

      g_assert_nonnull (strstr (entry, "\nSubject: "));
      g_assert_nonnull (strstr (entry, "\nDefined-By: obbackup\n"));
    }
  list = run_journalctl (fixture->path, "--list-catalog", NULL);
  for (const char *c = list; *c != '\0'; c++)
    count += *c == '\n' ? 1 : 0;
  g_assert_cmpuint (count, ==, OB_N_EVENTS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/journal/fields", test_fields);
  g_test_add_func ("/journal/ids", test_ids);
  g_test_add ("/journal/socket", Fixture, NULL, fixture_set_up, test_socket, fixture_tear_down);
  g_test_add ("/journal/catalog", Fixture, NULL, fixture_set_up, test_catalog, fixture_tear_down);
  return g_test_run ();
}
