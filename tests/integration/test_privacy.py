# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties and signals pass no authorizer: what any local user can read carries no path, no
label, no message and no secret. Nor do command lines, environments and logs carry secrets."""

import re
import subprocess
import threading

from harness import (NAME, ROOT, SANDBOX, InstallationTest, Size, calls_as, ctl, identity, run,
                     wait_until)
from watcher import Watcher

LABEL = "tell-nobody-label"


class Listener:
    """Collects as an ordinary user every signal that the service broadcasts."""

    def __init__(self, user):
        self.process = subprocess.Popen(
            ["gdbus", "monitor", "--system", "--dest", NAME], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **identity(user))
        self.lines = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()
        return "".join(self.lines)


class Privacy(InstallationTest):
    size = Size.tiny()
    application = True

    def secrets(self):
        return [self.installation.password, "postgres-password", self.passphrase()]

    def forbidden(self):
        """Words of which none may be readable."""
        return [*self.secrets(), LABEL, str(SANDBOX), "Openbravo.properties", "/attachments",
                "no-such-directory", "localhost:", str(self.installation.server.port)]

    def everything_readable(self):
        """All properties of all objects, and the introspection, as an ordinary user."""
        calls = [(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", 0)]
        for path, interfaces in self.bus.objects().items():
            calls.append((path, "org.freedesktop.DBus.Introspectable", "Introspect", "", 0))
            calls += [(path, "org.freedesktop.DBus.Properties", "GetAll", f"('{interface}',)", 0)
                      for interface in interfaces]
        calls.append((ROOT, "org.freedesktop.DBus.Properties", "GetAll", f"('{NAME}',)", 0))
        answers = calls_as("clerk", calls)
        self.assertEqual([answer for answer in answers if answer[0]], [])
        return "\n".join(text for _, text in answers)

    def assert_clean(self, text):
        for word in self.forbidden():
            self.assertNotIn(word, text)

    def test_signals_and_properties(self):
        listener = Listener("clerk")
        wait_until(lambda: any("Monitoring" in line for line in listener.lines), "no monitor")
        self.backup("--label", LABEL)
        self.ok("restore", "latest", "--yes")
        # One that fails with a message full of paths, and one with a warning of a file's name.
        moved = self.repository.with_name("no-such-directory")
        self.repository.rename(moved)
        ctl("backup", "erp", "--label", LABEL)
        moved.rename(self.repository)
        ctl("instance", "check", "erp")
        readable = self.everything_readable()
        heard = listener.stop()
        self.assertIn("JobFinished", heard)
        self.assertIn("Progress", heard)
        self.assertIn("DestinationUnavailable", heard + readable)
        self.assert_clean(heard)
        self.assert_clean(readable)

    def test_progress_comes_at_most_four_times_a_second(self):
        listener = Listener("clerk")
        wait_until(lambda: any("Monitoring" in line for line in listener.lines), "no monitor")
        path = self.start_backup()
        job = self.wait_job(path)
        heard = listener.stop()
        count = len(re.findall(rf"\.Progress \(objectpath '{path}'", heard))
        seconds = job["EndTime"] - job["StartTime"] + 2
        self.assertLessEqual(count, 4 * seconds)
        # The counters themselves are no property changes.
        for line in heard.splitlines():
            if "PropertiesChanged" in line:
                self.assertNotIn("'BytesDone'", line)

    def test_command_lines_and_environments(self):
        watcher = Watcher(self.secrets())
        try:
            self.backup()
            self.ok("restore", "latest", "--yes")
        finally:
            watcher.stop()
        self.assertGreater(watcher.looked, 100)
        self.assertEqual(watcher.found, set())

    def test_logs(self):
        self.backup("--label", LABEL)
        ctl("destination", "add", "other", "--path", self.repository, "--passphrase-file",
            "/dev/null")
        for text in (self.log(), (SANDBOX / "log" / "dbus-daemon.log").read_text()):
            for secret in self.secrets():
                self.assertNotIn(secret, text)

    def test_files_of_the_service(self):
        """No secret lies outside etc/, and an ordinary user can read none of them there."""
        self.backup("--label", LABEL)
        for top in ("state", "cache", "run"):
            for file in (SANDBOX / top).rglob("*"):
                if file.is_file():
                    for secret in self.secrets():
                        self.assertNotIn(secret.encode(), file.read_bytes(), file)
        words = "|".join(map(re.escape, self.secrets()))
        found = run("grep", "-rlE", words, SANDBOX / "etc", user="clerk")
        self.assertEqual(found.out, "")
