# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's user owns the properties, the sources, the parents of the attachments and the
database. He must not become root, nor the superuser of the database, through us."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness import (DONE, FAILED, PARTIAL, SANDBOX, InstallationTest, compare, ctl, identity)

SECRET = "only root may read this"
ANY = (DONE, FAILED, PARTIAL)
LIBRARY = Path(__file__).resolve().parent.parent / "lib"

# Exchanges a directory and a symbolic link to another, over and over.
SWAPPER = """
import os, sys
path, target = sys.argv[1:]
while True:
    os.rename(path, path + '.aside')
    os.symlink(target, path)
    os.unlink(path)
    os.rename(path + '.aside', path)
"""


class PrivilegeTest(InstallationTest):
    application = True

    def setUp(self):
        super().setUp()
        self.victim = self.directory / "victim"
        for name in ("OpenbravoERP/config", "attachments", "openbravo/WEB-INF"):
            (self.victim / name).mkdir(parents=True)
        for name in ("OpenbravoERP/config/secret", "attachments/secret",
                     "openbravo/WEB-INF/secret", "secret"):
            (self.victim / name).write_text(SECRET)
        self.victim.chmod(0o700)
        self.untouched = compare.describe_tree(self.victim)
        self.addCleanup(self.assert_victim_untouched)

    def assert_victim_untouched(self):
        self.assert_same_tree(self.untouched, compare.describe_tree(self.victim))

    def as_application(self, function):
        """Runs a function with the rights of the application's user."""
        process = os.fork()
        if process == 0:
            status = 1
            try:
                os.setgroups([])
                os.setresgid(61002, 61002, 61002)
                os.setresuid(61002, 61002, 61002)
                function()
                status = 0
            except OSError as error:
                os.write(2, f"{error}\n".encode())
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(process, 0)[1], 0)

    def assert_no_secret(self, identifiers):
        """No backup holds what only root may read."""
        for identifier in identifiers:
            into = self.directory / f"look-{identifier[:8]}"
            self.restic("restore", identifier, "--target", into)
            found = subprocess.run(["grep", "-rlF", SECRET, into], capture_output=True, text=True,
                                   check=False)
            self.assertEqual(found.stdout, "")
            shutil.rmtree(into)

    def replace_by_link(self, path, target):
        """Puts a symbolic link in the place of a directory, until the end of the test."""
        aside = path.with_name(path.name + ".aside")

        def put():
            os.rename(path, aside)
            os.symlink(target, path)

        def back():
            if path.is_symlink():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)
            os.rename(aside, path)

        self.as_application(put)
        self.addCleanup(back)


class Files(PrivilegeTest):
    def test_changed_properties(self):
        """Jobs go on with what is frozen, and say so."""
        before = self.installation.properties.read_bytes()

        def change():
            text = before.replace(str(self.installation.attachments).encode(),
                                  str(self.victim).encode())
            self.installation.properties.write_bytes(text)

        self.as_application(change)
        self.addCleanup(self.installation.properties.write_bytes, before)
        result = self.json("backup", "erp", status=(DONE, PARTIAL))
        self.assertRegex(" ".join(result["warnings"]), "(?i)attach.*|propert")
        self.assert_no_secret([result["id"]])
        details = self.json("instance", "show", "erp")
        self.assertEqual(details["attachments"], str(self.installation.attachments))

    def test_new_properties_have_to_be_accepted(self):
        before = self.installation.properties.read_bytes()
        moved = self.directory / "moved"
        shutil.copytree(self.installation.attachments, moved)
        self.installation.properties.write_bytes(before.replace(
            str(self.installation.attachments).encode(), str(moved).encode()))
        self.ok("instance", "edit", "erp")
        self.assertEqual(self.json("instance", "show", "erp")["attachments"], str(moved))
        self.installation.properties.write_bytes(before)
        self.ok("instance", "edit", "erp")
        self.assertEqual(self.json("instance", "show", "erp")["attachments"],
                         str(self.installation.attachments))

    def test_a_part_is_a_link(self):
        self.replace_by_link(self.installation.source, self.victim / "OpenbravoERP")
        before = set(self.backups())
        done = ctl("backup", "erp")
        self.assertIn(done.status, (FAILED, PARTIAL), done.out + done.err)
        self.assertRegex(done.err, "(?i)link")
        self.assert_no_secret(set(self.backups()) - before)

    def test_a_parent_is_a_link(self):
        # The parent of the sources belongs to the application's user; its own parent does not.
        opt = self.installation.source.parent
        os.chown(opt.parent, 61002, 61002)
        self.addCleanup(os.chown, opt.parent, 0, 0)
        self.replace_by_link(opt, self.victim)
        before = set(self.backups())
        done = ctl("backup", "erp")
        self.assertIn(done.status, (FAILED, PARTIAL), done.out + done.err)
        self.assert_no_secret(set(self.backups()) - before)

    def test_restore_over_a_link(self):
        identifier = self.backup()
        self.replace_by_link(self.installation.source, self.victim / "OpenbravoERP")
        ctl("restore", identifier, "--yes", "--only", "sources")
        self.assert_victim_untouched()

    def test_restore_below_a_swapped_parent(self):
        identifier = self.backup()
        opt = self.installation.source.parent
        os.chown(opt.parent, 61002, 61002)
        self.addCleanup(os.chown, opt.parent, 0, 0)
        self.replace_by_link(opt, self.victim)
        ctl("restore", identifier, "--yes", "--only", "sources")
        self.assert_victim_untouched()

    def test_race(self):
        """A directory and its parent change places with links while backups and restores run."""
        identifier = self.backup()
        made = set(self.backups())
        for path, target in ((self.installation.source / "src", self.victim / "OpenbravoERP"),
                             (self.installation.source, self.victim / "OpenbravoERP")):
            with self.subTest(path=path.name):
                swapper = subprocess.Popen([sys.executable, "-c", SWAPPER, path, target],
                                           stderr=subprocess.DEVNULL, **identity("openbravo"))
                try:
                    for _ in range(3):
                        ctl("backup", "erp", "--only", "sources")
                    ctl("restore", identifier, "--yes", "--only", "sources")
                finally:
                    swapper.kill()
                    swapper.wait()
                aside = path.with_name(path.name + ".aside")
                if path.is_symlink():
                    path.unlink()
                if not path.exists() and aside.exists():
                    aside.rename(path)
                self.assert_victim_untouched()
        self.assert_no_secret(set(self.backups()) - made)
        shutil.rmtree(self.installation.source.with_name(
            self.installation.source.name + ".aside"), ignore_errors=True)
        self.ok("restore", identifier, "--yes", "--only", "sources")

    def test_hard_links_and_modes_reach_nobody_else(self):
        """While a restore is being staged nobody else can enter it."""
        identifier = self.backup()
        path = self.start_restore(identifier)
        seen = []
        while self.bus.job(path)["State"] in ("queued", "running"):
            for parent in (self.installation.source.parent, self.installation.directory,
                           self.installation.webapp.parent.parent):
                for name in os.listdir(parent):
                    directory = parent / name
                    if "obbackup" in name:
                        try:
                            status = directory.lstat()
                        except FileNotFoundError:
                            continue
                        seen.append(name)
                        inside = [directory] if directory.is_dir() else []
                        self.assertTrue(status.st_uid == 0 and not status.st_mode & 0o077
                                        or not inside or "previous" in name, (name, status))
        self.succeeded(path)

    def test_commands_run_as_the_application(self):
        """The start command is the administrator's word, but it runs without root's rights."""
        self.backup()
        self.ok("restore", "latest", "--yes", "--only", "webapp")
        process = int((self.installation.programs / "run" / "pid").read_text())
        status = Path(f"/proc/{process}/status").read_text()
        self.assertRegex(status, r"Uid:\s+61002\s+61002\s+61002\s+61002")
        self.assertRegex(status, r"CapEff:\s+0+\n")
        groups = [line.split()[1:] for line in status.splitlines() if line.startswith("Groups")][0]
        self.assertNotIn("0", groups)
        # Not a child whose end would be the service's business, nor holding what it has open.
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            self.assertNotIn(str(SANDBOX / "etc"), os.readlink(descriptor))

    def test_path_of_a_client_is_not_opened_by_the_service(self):
        """--into of an ordinary user is opened with his own rights."""
        self.backup("--only", "webapp")
        closed = self.directory / "closed"
        closed.mkdir(mode=0o700)
        done = ctl("restore", "latest", "--into", closed / "new", user="site")
        self.assertEqual(done.status, FAILED, done.out + done.err)
        self.assertEqual(os.listdir(closed), [])


class Database(PrivilegeTest):
    """The owner's code is in the database wherever code can be; the superuser never runs it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        installation = cls.installation
        installation.server.run_file(LIBRARY / "attack.sql", installation.database,
                                     user=installation.owner, password=installation.password)

    def assert_no_superuser(self):
        self.assertEqual([("postgres",)], self.installation.server.query(
            "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolsuper"))

    def setUp(self):
        super().setUp()
        self.assert_no_superuser()
        self.addCleanup(self.assert_no_superuser)

    def test_the_trap_springs(self):
        """Else this test would prove nothing: a superuser who looks is caught."""
        for statement in ("SELECT * FROM public.trap_view",
                          "REFRESH MATERIALIZED VIEW public.trap_filled",
                          "INSERT INTO public.trap (id) VALUES (99)",
                          "SELECT count(*) FROM public.c_file",
                          "SELECT oid FROM pg_catalog.pg_class WHERE oid = 1::oid"):
            self.installation.server.query(statement, database=self.installation.database)
            caught = self.installation.server.value(
                "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'tad'")
            self.installation.server.query("ALTER ROLE tad NOSUPERUSER")
            if "MATERIALIZED" not in statement:  # runs as the owner of the view, by PostgreSQL
                self.assertTrue(caught, statement)

    def test_backup(self):
        self.json("backup", "erp", "--only", "database", status=(DONE, PARTIAL))

    def test_check(self):
        ctl("instance", "check", "erp")
        ctl("instance", "edit", "erp")

    def test_restore_in_place(self):
        identifier = self.json("backup", "erp", "--only", "database",
                               status=(DONE, PARTIAL))["id"]
        self.ok("restore", identifier, "--yes")
        self.assertEqual(self.installation.value("SELECT pg_catalog.count(*) FROM public.trap"), 5)

    def test_restore_elsewhere(self):
        identifier = self.json("backup", "erp", "--only", "database",
                               status=(DONE, PARTIAL))["id"]
        self.addCleanup(self.installation.server.query,
                        "DROP DATABASE IF EXISTS ob_copy WITH (FORCE)")
        self.ok("restore", identifier, "--into-database", "ob_copy")


