/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The examples in data/hooks, run as the service runs them. */
#include "ob-hooks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "log-fixture.h"
#include "ob-child.h"
#include "ob-fd.h"

#define PATIENCE_SECONDS 60

/* What would do harm if a shell, a header, sed or printf took it for its own. */
#define HOSTILE                                                                                    \
  "$(touch pwned) `touch pwned`; touch pwned \\\"quote\\\" \"x\" %s%n \\n \\1 & | ' ü “€”\r\n" \
  "Bcc: victim@example.com\n.\nFrom me"
#define HOSTILE_LINE                                                                               \
  "$(touch pwned) `touch pwned`; touch pwned \\\"quote\\\" \"x\" %s%n \\n \\1 & | ' ü “€”  " \
  "Bcc: victim@example.com . From me"

/* Prints what a program that reads mail makes of the file. */
static const char mail_reader[]
  = "import email, email.policy, sys\n"
    "mail = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)\n"
    "assert not mail.defects, mail.defects\n"
    "for name, value in sorted(mail.items()):\n"
    "    print(f'{name}: {value}')\n"
    "sys.stdout.write('\\n' + mail.get_content())\n";

/* Prints its port, and writes the requests into the directory; the first path answers 500. */
static const char web_server[]
  = "import http.server, json, os, sys\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    def do_POST(self):\n"
    "        body = self.rfile.read(int(self.headers['Content-Length']))\n"
    "        json.loads(body)\n"
    "        with open(sys.argv[1] + '/body', 'wb') as file:\n"
    "            file.write(body)\n"
    "        with open(sys.argv[1] + '/request', 'w') as file:\n"
    "            file.write(f'{self.path} {self.headers[\"Content-Type\"]} {self.headers[\"X-Key\"]}')\n"
    "        self.send_response(500 if self.path == '/broken' else 200)\n"
    "        self.end_headers()\n"
    "    def log_message(self, *ignored):\n"
    "        pass\n"
    "server = http.server.HTTPServer(('127.0.0.1', 0), Handler)\n"
    "os.write(1, b'%d\\n' % server.server_port)\n"
    "server.serve_forever()\n";

static void
set_up (Fixture *fixture, gconstpointer data)
{
  const char *name = data;
  g_autofree char *source = g_build_filename (OB_HOOK_EXAMPLES, name, NULL);
  g_autofree char *copy = g_strconcat ("hooks.d/50-", name, NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  struct stat info;

  fixture_set_up (fixture, data);
  g_assert_cmpint (mkdirat (fixture->fd, "hooks.d", 0755), ==, 0);
  g_file_get_contents (source, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (stat (source, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 0111, ==, 0111);
  fixture_write (fixture, copy, text);
  g_assert_cmpint (fchmodat (fixture->fd, copy, 0755, 0), ==, 0);
}

static void write_settings (Fixture *fixture, const char *name, mode_t mode, const char *format,
                            ...) G_GNUC_PRINTF (4, 5);

static void
write_settings (Fixture *fixture, const char *name, mode_t mode, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  fixture_write (fixture, name, text);
  g_assert_cmpint (fchmodat (fixture->fd, name, mode, 0), ==, 0);
}

/* Has the hooks told of an event, and returns what was logged. */
static char *
emit (Fixture *fixture, ObSeverity severity, const char *message)
{
  g_autofree char *directory = fixture_path (fixture, "hooks.d");
  g_autoptr (ObHooks) hooks = ob_hooks_new (directory, 30);
  g_autoptr (ObEvent) event = ob_event_new (OB_EVENT_DAMAGE_FOUND, severity, message);

  ob_event_set_string (event, "destination", message);
  ob_event_set_int64 (event, "bytes", 77);
  ob_hooks_emit (hooks, event);
  g_assert_true (ob_hooks_drain (hooks, PATIENCE_SECONDS));
  return log_fixture_take ();
}

static gboolean
is_there (Fixture *fixture, const char *name)
{
  return faccessat (fixture->fd, name, F_OK, 0) == 0;
}

static char *
contents (Fixture *fixture, const char *name)
{
  g_autofree char *path = fixture_path (fixture, name);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static char *
read_mail (Fixture *fixture)
{
  g_autofree char *path = fixture_path (fixture, "mail");
  const char *argv[] = { "/usr/bin/python3", "-c", mail_reader, path, NULL };
  ObChildSpec spec = { .argv = argv, .stdout_fd = OB_CHILD_CAPTURE };
  g_autoptr (GError) error = NULL;
  g_autoptr (ObChild) child = ob_child_start (&spec, &error);

  g_assert_no_error (error);
  ob_child_wait (child, NULL, &error);
  g_assert_no_error (error);
  return g_strdup (ob_child_get_output (child));
}

/* A sendmail that keeps the mail and its arguments, and then ends with @status. */
static void
make_sendmail (Fixture *fixture, int status)
{
  write_settings (fixture, "sendmail", 0755,
                  "#!/bin/sh\ncd '%s'\ncat >mail\necho \"$*\" >arguments\necho sent >&2\nexit %d\n",
                  fixture->path, status);
}

static void
test_mail (Fixture *fixture, gconstpointer data)
{
  g_autofree char *log = NULL;
  g_autofree char *mail = NULL;
  g_autofree char *arguments = NULL;
  const char *body;

  make_sendmail (fixture, 0);
  write_settings (fixture, "hooks.d/50-mail.conf", 0600,
                  "# Who\nto=A <admin@example.com>, \"B\" <b=c@example.com>\n\n"
                  "from=backup@example.com\nsendmail=%s/sendmail",
                  fixture->path);
  log = emit (fixture, OB_SEVERITY_ERROR, HOSTILE);
  g_assert_cmpstr (log, ==, "");
  mail = read_mail (fixture);
  arguments = contents (fixture, "arguments");
  g_assert_cmpstr (arguments, ==, "-t -i\n");

  g_assert_true (g_str_has_prefix (mail, "Auto-Submitted: auto-generated\n"));
  g_assert_text_has (mail, "\nFrom: backup@example.com\n");
  g_assert_text_has (mail, "b=c@example.com");
  g_assert_text_has (mail, "\nSubject: [obbackup] error: damage-found on ");
  body = strstr (mail, "\n\n") + 2;
  g_assert_true (
    g_str_has_prefix (body, HOSTILE_LINE "\n\nWhat the service knows about it:\n\n{\n"));
  g_assert_text_has (body, "\n  \"event\" : \"damage-found\",\n");
  g_assert_text_has (body, "\n  \"bytes\" : 77\n}\n");
  g_assert_null (strstr (mail, "\nBcc:"));
  g_assert_false (is_there (fixture, "pwned"));
  g_assert_false (is_there (fixture, "hooks.d/pwned"));
  g_assert_cmpint (access ("/pwned", F_OK), !=, 0);
}

static void
test_mail_severity (Fixture *fixture, gconstpointer data)
{
  g_autofree char *log = NULL;
  g_autofree char *mail = NULL;

  make_sendmail (fixture, 0);
  write_settings (fixture, "hooks.d/50-mail.conf", 0600, "sendmail=%s/sendmail\n", fixture->path);
  log = emit (fixture, OB_SEVERITY_INFO, "All is well.");
  g_assert_cmpstr (log, ==, "");
  g_assert_false (is_there (fixture, "mail"));
  write_settings (fixture, "hooks.d/50-mail.conf", 0600, "severities=info\nsendmail=%s/sendmail\n",
                  fixture->path);
  g_free (log);
  log = emit (fixture, OB_SEVERITY_INFO, "All is well.");
  mail = read_mail (fixture);
  g_assert_text_has (mail, "\nTo: root\n");
  g_assert_text_has (mail, "\n\nAll is well.\n\n");
  g_assert_null (strstr (mail, "From:"));
}

static void
test_mail_fails (Fixture *fixture, gconstpointer data)
{
  g_autofree char *failed = NULL;
  g_autofree char *missing = NULL;

  make_sendmail (fixture, 75);
  write_settings (fixture, "hooks.d/50-mail.conf", 0600, "sendmail=%s/sendmail\n", fixture->path);
  failed = emit (fixture, OB_SEVERITY_ERROR, "Damage.");
  g_assert_text_has (failed, "Hook 50-mail failed when it was told of damage-found");
  g_assert_text_has (failed, "status 75: sent");
  write_settings (fixture, "hooks.d/50-mail.conf", 0600, "too=root\nsendmail=/none/sendmail\n");
  missing = emit (fixture, OB_SEVERITY_ERROR, "Damage.");
  g_assert_text_has (missing, "there is no setting \"too\"");
  g_assert_text_has (missing, "/none/sendmail");
}

/* The server's child, and its port. */
static ObChild *
start_server (Fixture *fixture, guint *port)
{
  const char *argv[] = { "/usr/bin/python3", "-c", web_server, fixture->path, NULL };
  int fds[2];
  ob_autofd int ours = -1;
  ob_autofd int childs = -1;
  ObChild *child;
  char text[16] = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  ours = fds[0];
  childs = fds[1];
  child = ob_child_start (&(ObChildSpec){ .argv = argv, .stdout_fd = childs }, &error);
  g_assert_no_error (error);
  ob_fd_clear (&childs);
  g_assert_cmpint (read (ours, text, sizeof text - 1), >, 0);
  *port = (guint) g_ascii_strtoull (text, NULL, 10);
  g_assert_cmpuint (*port, >, 0);
  return child;
}

static void
test_webhook (Fixture *fixture, gconstpointer data)
{
  guint port = 0;
  g_autoptr (ObChild) server = start_server (fixture, &port);
  g_autofree char *log = NULL;
  g_autofree char *body = NULL;
  g_autofree char *request = NULL;
  g_autoptr (JsonNode) root = NULL;

  write_settings (fixture, "hooks.d/50-webhook.curl", 0600,
                  "url = \"http://127.0.0.1:%u/token\"\nheader = \"X-Key: key\"\n", port);
  log = emit (fixture, OB_SEVERITY_ERROR, HOSTILE);
  g_assert_cmpstr (log, ==, "");
  request = contents (fixture, "request");
  g_assert_cmpstr (request, ==, "/token application/json key");
  body = contents (fixture, "body");
  root = json_from_string (body, NULL);
  g_assert_nonnull (root);
  g_assert_cmpstr (json_object_get_string_member (json_node_get_object (root), "message"), ==,
                   HOSTILE_LINE);
}

static void
test_webhook_fails (Fixture *fixture, gconstpointer data)
{
  guint port = 0;
  g_autoptr (ObChild) server = start_server (fixture, &port);
  g_autofree char *missing = emit (fixture, OB_SEVERITY_ERROR, "Damage.");
  g_autofree char *open = NULL;
  g_autofree char *broken = NULL;
  g_autofree char *gone = NULL;

  g_assert_text_has (missing, "50-webhook.curl is missing");
  write_settings (fixture, "hooks.d/50-webhook.curl", 0640,
                  "url = \"http://127.0.0.1:%u/broken\"\n", port);
  open = emit (fixture, OB_SEVERITY_ERROR, "Damage.");
  g_assert_text_has (open, "can be read by others");
  g_assert_false (is_there (fixture, "request"));

  g_assert_cmpint (fchmodat (fixture->fd, "hooks.d/50-webhook.curl", 0600, 0), ==, 0);
  broken = emit (fixture, OB_SEVERITY_ERROR, "Damage.");
  g_assert_text_has (broken, "returned error: 500");
  g_assert_true (is_there (fixture, "request"));

  g_clear_pointer (&server, ob_child_free);
  gone = emit (fixture, OB_SEVERITY_ERROR, "Damage.");
  g_assert_text_has (gone, "Hook 50-webhook failed when it was told of damage-found");
  /* The token is nobody's business, wherever the log goes. */
  g_assert_null (strstr (broken, "/broken"));
  g_assert_null (strstr (gone, "/broken"));
}

#define ADD(path, name, func) g_test_add (path, Fixture, name, set_up, func, fixture_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_fixture_begin ();
  ADD ("/hook-examples/mail", "mail", test_mail);
  ADD ("/hook-examples/mail-severity", "mail", test_mail_severity);
  ADD ("/hook-examples/mail-fails", "mail", test_mail_fails);
  ADD ("/hook-examples/webhook", "webhook", test_webhook);
  ADD ("/hook-examples/webhook-fails", "webhook", test_webhook_fails);
  return g_test_run ();
}
