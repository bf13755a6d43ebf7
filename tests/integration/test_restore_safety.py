# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore in place takes nothing away that is not its own, and leaves the application running."""

import os
import shutil

from harness import FAILED, InstallationTest, ctl, server


class Passengers(InstallationTest):
    """What lies in a directory that is exchanged would go with its former state."""

    def test_repository_in_the_sources(self):
        repository = self.installation.source / "backups"
        self.ok("destination", "add", "inside", "--path", repository)
        self.addCleanup(shutil.rmtree, repository, ignore_errors=True)
        self.addCleanup(ctl, "destination", "remove", "inside")
        identifier = self.backup("--to", "disk")
        before = self.describe()
        done = ctl("restore", identifier, "--yes")
        self.assertEqual(done.status, FAILED, done)
        self.assertIn("repository of destination inside", done.err)
        self.assertIn("--into", done.err)
        self.assert_same_installation(before, self.describe())


class Rows(InstallationTest):
    """The rows of many small tables go over several connections at once."""

    def test_table_that_takes_none_is_named(self):
        self.installation.query("CREATE FUNCTION fits(n integer) RETURNS boolean LANGUAGE sql AS"
                                " 'SELECT true'")
        for number in range(30):
            check = "CHECK (fits(n))" if number == 17 else ""
            self.installation.query(f"CREATE TABLE small_{number:02} (n integer {check})")
            self.installation.query(f"INSERT INTO small_{number:02} VALUES (1), (2)")
        self.installation.query("CREATE OR REPLACE FUNCTION fits(n integer) RETURNS boolean"
                                " LANGUAGE sql AS 'SELECT false'")
        identifier = self.backup("--only", "database")
        done = ctl("restore", identifier, "--only", "database", "--into-database", "copy", "--yes")
        self.assertEqual(done.status, FAILED, done)
        self.assertIn("The rows of the table public.small_17 cannot be loaded", done.err)
        self.assertEqual(server().value("SELECT count(*) FROM pg_database WHERE datname = 'copy'"),
                         0)


class CleanHost(InstallationTest):
    def test_parents_that_are_missing(self):
        identifier = self.backup()
        holder = self.installation.webapp.parent.parent
        aside = self.directory / "aside"
        shutil.move(holder, aside)
        self.ok("restore", identifier, "--yes", "--only", "webapp")
        for path in (holder, self.installation.webapp.parent):
            with self.subTest(path=path):
                self.assertEqual(path.stat().st_mode & 0o7777, 0o755)


class Replaced(InstallationTest):
    application = True

    def test_parent_is_replaced_by_a_copy(self):
        """While the application is stopped: nothing can be exchanged there, the rest returns."""
        identifier = self.backup()
        before = self.describe()
        webapps = self.installation.webapp.parent
        former = webapps.with_name("former")
        program = self.installation.programs / "application.py"
        real = program.with_name("real.py")
        text = program.read_text()
        real.write_text(text)
        os.chmod(real, 0o755)
        self.addCleanup(program.write_text, text)
        webapps.parent.chmod(0o777)
        program.write_text(
            "#!/bin/sh\n"
            f"case \"$*\" in *stop) test -e {former} || {{ mv {webapps} {former} &&\n"
            f"  cp -a {former} {webapps}; }};; esac\n"
            f"exec {real} \"$@\"\n")
        done = ctl("restore", identifier, "--yes")
        self.assertEqual(done.status, FAILED, done)
        self.assertIn("another one than when the restore began", done.err)
        self.assertTrue(self.installation.application_runs())
        self.assert_same_installation(before, self.describe())
        self.ok("instance", "check", "erp")
        self.restored_again(identifier)

    def restored_again(self, identifier):
        self.ok("restore", identifier, "--yes")
        self.assertTrue(self.installation.application_runs())
