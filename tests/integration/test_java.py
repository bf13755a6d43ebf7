# SPDX-License-Identifier: GPL-3.0-or-later
"""The Openbravo server's side: the example class in Java begins a change, follows it and ends it, run by an
ordinary system user of the group obbackup, without a session and without a terminal."""

import os
import re
import shutil

from harness import SANDBOX, SOURCE, InstallationTest, ctl, run, wait_until

CLASS_PATH = "/usr/share/java/dbus.jar:/usr/share/java/unix.jar:/usr/share/java/debug-disable.jar"


class Java(InstallationTest):
    application = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.classes = SANDBOX / "programs" / "java"
        cls.classes.mkdir(parents=True)
        cls.addClassCleanup(shutil.rmtree, cls.classes)
        done = run("javac", "-Werror", "-Xlint:all,-try", "-cp", CLASS_PATH, "-d", cls.classes,
                   SOURCE / "examples" / "java" / "BackupChange.java")
        if done.status != 0:
            raise AssertionError(done.err)
        run("chmod", "-R", "a+rX", cls.classes)

    def java(self, *command, user="openbravo"):
        return run("java", "-Djava.library.path=/usr/lib/jni", "-cp", f"{self.classes}:{CLASS_PATH}",
                   "BackupChange", "erp", "from the server", *command, user=user)

    def change_something(self):
        """A command that the server's user may run: it enters something over a connection of its own."""
        script = self.directory / "module"
        script.write_text("#!/bin/sh\nPGPASSWORD=$2 psql -q -h 127.0.0.1 -p $1 -U tad -c \""
                          "UPDATE c_bpartner SET name = 'installed'\" " + self.installation.database
                          + " && exit $3\n")
        script.chmod(0o755)
        os.chmod(self.directory, 0o755)
        return script

    def partners(self):
        return {name for name, in self.installation.query("SELECT name FROM c_bpartner")}

    def install(self, status):
        return self.java(self.change_something(), self.installation.server.port,
                         self.installation.password, status)

    def test_success_and_failure(self):
        before = self.describe()
        done = self.install(3)
        self.assertEqual(done.status, 3, done.err)
        self.assertIn("taken back", done.err)
        self.assertRegex(done.err, r"(?m)^begun [0-9a-f]{32}$")
        self.assertRegex(done.err, r"(?m)^[a-z ]+ \d+ \d+$")
        self.assert_same_installation(before, self.describe())
        wait_until(self.installation.application_runs, "the application does not run")
        ctl("release-previous", "erp", "--yes")

        done = self.install(0)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("kept", done.err)
        self.assertEqual(self.partners(), {"installed"})
        self.assertEqual(self.json("change", "list"), [])
        backup = self.json("list")["backups"][0]
        self.assertEqual((backup["kind"], backup["label"]), ("automatic", "from the server"))

    def test_told_why_not(self):
        """An error comes as the sentence that a person reads."""
        change = re.search(r"begun ([0-9a-f]+)", self.java("sh", "-c", "kill -9 $PPID").err)
        self.assertTrue(change)
        done = self.java("true")
        self.assertNotEqual(done.status, 0)
        self.assertIn("is open since", done.err)
        self.ok("change", "end", change[1], "--succeeded")
        done = self.java("true", user="clerk")
        self.assertNotEqual(done.status, 0)
        self.assertRegex(done.err, "not authorised to make backups")


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_java")
