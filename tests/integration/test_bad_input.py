# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and machines get wrong: each is told in a sentence and by an exit status, and
nothing that was there is harmed."""

import json
import os
import shutil
import signal
import subprocess

from bus import BusError
from disks import Disk, flip_byte, truncate
from gi.repository import GLib
from harness import (BUSY, DONE, FAILED, NAME, NOT_FOUND, ROOT, SANDBOX, UNAVAILABLE, USAGE,
                     InstallationTest, SandboxTest, Size, compare, ctl, server, start_ctl,
                     wait_until)


class Properties(SandboxTest):
    def add(self, status, text, content=None, name="bad"):
        file = self.directory / "Openbravo.properties"
        if content is not None:
            file.write_bytes(content)
        self.addCleanup(ctl, "instance", "remove", name)
        self.refused(status, text, "instance", "add", name, "--properties", file)
        self.assertNotEqual(ctl("instance", "show", name).status, DONE)

    def test_missing(self):
        self.add(NOT_FOUND, "Openbravo.properties")

    def test_parent_missing(self):
        self.refused(NOT_FOUND, "no/such", "instance", "add", "bad", "--properties",
                     "/no/such/Openbravo.properties")

    def test_a_directory(self):
        (self.directory / "Openbravo.properties").mkdir()
        self.add(FAILED, "Openbravo.properties.*(directory|regular|file)")

    def test_a_fifo_is_not_waited_for(self):
        os.mkfifo(self.directory / "Openbravo.properties")
        self.add(FAILED, "Openbravo.properties")

    def test_unreadable(self):
        """Not even root reads what is beyond a link that leads nowhere or in a circle."""
        (self.directory / "Openbravo.properties").symlink_to("Openbravo.properties")
        done = ctl("instance", "add", "bad", "--properties",
                   self.directory / "Openbravo.properties")
        self.assertIn(done.status, (FAILED, NOT_FOUND))
        self.assertRegex(done.err, "Openbravo.properties")

    def test_empty(self):
        self.add(FAILED, "bbdd", b"")

    def test_without_keys_all_are_named(self):
        self.add(FAILED, "bbdd.sid.*bbdd.user|bbdd.user.*bbdd.sid",
                 b"bbdd.rdbms=POSTGRE\nbbdd.url=jdbc:postgresql://localhost:5432\n")

    def test_binary(self):
        self.add(FAILED, "Openbravo.properties", os.urandom(200_000))

    def test_zeros(self):
        self.add(FAILED, "Openbravo.properties", bytes(100_000))

    def test_enormous(self):
        with open(self.directory / "Openbravo.properties", "wb") as file:
            file.truncate(3 << 30)
        self.add(FAILED, "Openbravo.properties")

    def test_oracle(self):
        self.add(FAILED, "Oracle", b"bbdd.rdbms=ORACLE\nbbdd.url=jdbc:oracle:thin:@host:1521:xe\n"
                 b"bbdd.sid=xe\nbbdd.user=tad\nbbdd.password=tad\nbbdd.systemUser=system\n"
                 b"bbdd.systemPassword=manager\nsource.path=/tmp\nattach.path=/tmp\n")

    def test_unusable_url(self):
        self.add(FAILED, "bbdd.url", b"bbdd.rdbms=POSTGRE\nbbdd.url=http://localhost\nbbdd.sid=a\n"
                 b"context.name=openbravo\nbbdd.user=tad\nbbdd.password=tad\nbbdd.systemUser=postgres\n"
                 b"bbdd.systemPassword=x\nsource.path=/tmp\nattach.path=/tmp\n")

    def test_variables_in_a_circle(self):
        self.add(FAILED, "Openbravo.properties|source.path", b"bbdd.rdbms=POSTGRE\nbbdd.sid=a\n"
                 b"bbdd.url=jdbc:postgresql://localhost:5432\nbbdd.user=tad\nbbdd.password=tad\n"
                 b"bbdd.systemUser=p\nbbdd.systemPassword=x\nsource.path=${attach.path}\n"
                 b"attach.path=${source.path}\ncontext.name=openbravo\n")

    def test_names(self):
        file = self.directory / "Openbravo.properties"
        file.write_text("")
        for name in ("../up", "a/b", "", "x" * 64, "ñ", "-x y", ".", "new\nline"):
            with self.subTest(name=name):
                done = ctl("instance", "add", "--properties", file, "--", name)
                self.assertIn(done.status, (FAILED, USAGE), done)


class Database(InstallationTest):
    def setUp(self):
        super().setUp()
        self.before = set(self.backups())
        self.addCleanup(lambda: self.assertEqual(set(self.backups()), self.before))

    def test_down(self):
        server().stop()
        self.addCleanup(server().start)
        self.refused(FAILED, "(?i)database.*(localhost|127.0.0.1)", "backup", "erp")
        check = ctl("instance", "check", "erp")
        self.assertEqual(check.status, FAILED)
        self.assertRegex(check.out + check.err, "(?i)database")

    def test_down_when_it_is_added(self):
        """What is unreachable is said, and the installation is known all the same."""
        server().stop()
        self.addCleanup(server().start)
        self.addCleanup(ctl, "instance", "remove", "down")
        done = ctl("instance", "add", "down", "--properties", self.installation.properties)
        self.assertEqual(done.status, DONE, done.err)
        self.assertRegex(done.err, "(?i)warning:.*database")

    def test_missing(self):
        server().query(f"ALTER DATABASE {self.installation.database} RENAME TO elsewhere")
        self.addCleanup(server().query,
                        f"ALTER DATABASE elsewhere RENAME TO {self.installation.database}")
        self.refused(FAILED, self.installation.database, "backup", "erp")

    def test_wrong_password(self):
        server().query("ALTER ROLE tad PASSWORD 'another'")
        server().query("ALTER ROLE postgres PASSWORD 'another'",)
        try:
            self.refused(FAILED, "(?i)password|refused|credential", "backup", "erp")
        finally:
            for role, old in (("tad", self.installation.password),
                              ("postgres", "postgres-password")):
                server().query(f"ALTER ROLE {role} PASSWORD %s", [old], password="another")

    def test_wrong_password_of_the_owner_only(self):
        server().query("ALTER ROLE tad PASSWORD 'another'")
        self.addCleanup(server().query, "ALTER ROLE tad PASSWORD %s",
                        [self.installation.password])
        self.refused(FAILED, "tad", "backup", "erp")

    def test_no_pg_dump_of_the_version(self):
        empty = self.directory / "empty"
        empty.mkdir()
        programs = "/usr/lib/postgresql/15/bin"
        subprocess.run(["mount", "--bind", empty, programs], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", programs], check=True)
        self.refused(FAILED, "pg_dump.*15|15.*pg_dump", "backup", "erp")

    def test_pg_dump_is_another_version(self):
        programs = self.directory / "bin"
        shutil.copytree("/usr/lib/postgresql/15/bin", programs, symlinks=True)
        (programs / "pg_dump").unlink()
        (programs / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 12.3'\n")
        (programs / "pg_dump").chmod(0o755)
        subprocess.run(["mount", "--bind", programs, "/usr/lib/postgresql/15/bin"], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", "/usr/lib/postgresql/15/bin"],
                        check=True)
        self.refused(FAILED, "pg_dump", "backup", "erp")

    def test_locked_table(self):
        """The wait is limited, and the table is named."""
        configuration = SANDBOX / "etc" / "obbackup.conf"
        configuration.write_text("[obbackup]\nlock-timeout=2\n")
        self.addCleanup(self.restart_service)
        self.addCleanup(configuration.unlink)
        self.restart_service()
        connection = self.installation.connect()
        connection.autocommit = False
        self.addCleanup(connection.close)
        connection.cursor().execute("LOCK TABLE c_bpartner IN ACCESS EXCLUSIVE MODE")
        done = ctl("backup", "erp")
        self.assertIn(done.status, (FAILED, BUSY), done.err)
        self.assertRegex(done.err, "(?i)lock.*c_bpartner|c_bpartner.*lock")
        connection.rollback()
        self.before.add(self.backup())


class Destinations(InstallationTest):
    def move_away(self):
        aside = self.repository.with_name(self.repository.name + ".aside")
        self.repository.rename(aside)

        def back():
            shutil.rmtree(self.repository, ignore_errors=True)
            aside.rename(self.repository)
            self.restart_service()

        self.addCleanup(back)
        self.restart_service()

    def test_missing_directory(self):
        self.move_away()
        self.refused(UNAVAILABLE, str(self.repository), "backup", "erp")
        self.assertFalse(self.repository.exists())
        self.refused(UNAVAILABLE, str(self.repository), "destination", "check", "disk")

    def test_empty_directory(self):
        """As where the disk is not mounted: a backup never makes a repository."""
        self.move_away()
        self.repository.mkdir()
        self.refused(UNAVAILABLE, str(self.repository), "backup", "erp")
        self.assertEqual(os.listdir(self.repository), [])

    def test_another_repository(self):
        self.move_away()
        self.ok("destination", "add", "other", "--path", self.repository)
        self.addCleanup(ctl, "destination", "remove", "other")
        shutil.copy(SANDBOX / "etc" / "keys" / "other.key", SANDBOX / "etc" / "keys" / "disk.key")
        key = self.passphrase()
        before = compare.describe_tree(self.repository)
        done = ctl("backup", "erp", "--to", "disk")
        self.assertEqual(done.status, UNAVAILABLE, done.err)
        self.assertEqual(before, compare.describe_tree(self.repository))
        self.assertTrue(key)

    def setUp(self):
        super().setUp()
        key = SANDBOX / "etc" / "keys" / "disk.key"
        self.addCleanup(key.write_bytes, key.read_bytes())

    def test_path_without_parent(self):
        self.refused(UNAVAILABLE, "no/such", "destination", "add", "bad", "--path", "/no/such/place/x")
        self.assertEqual(ctl("destination", "show", "bad").status, NOT_FOUND)

    def test_path_is_a_file(self):
        (self.directory / "file").touch()
        done = ctl("destination", "add", "bad", "--path", self.directory / "file")
        self.assertIn(done.status, (FAILED, UNAVAILABLE), done)
        self.assertEqual(ctl("destination", "show", "bad").status, NOT_FOUND)

    def test_path_with_other_things(self):
        (self.directory / "place").mkdir()
        (self.directory / "place" / "thesis.tex").write_text("do not touch")
        done = ctl("destination", "add", "bad", "--path", self.directory / "place")
        self.assertIn(done.status, (FAILED, UNAVAILABLE), done)
        self.assertEqual(os.listdir(self.directory / "place"), ["thesis.tex"])

    def test_name_that_is_taken(self):
        before = (SANDBOX / "etc" / "destinations" / "disk.conf").read_text()
        self.refused(FAILED, "disk", "destination", "add", "disk", "--path",
                     self.directory / "new")
        self.assertEqual((SANDBOX / "etc" / "destinations" / "disk.conf").read_text(), before)
        self.assertFalse((self.directory / "new").exists())

    def test_wrong_passphrase(self):
        file = self.directory / "passphrase"
        file.write_text("not it\n")
        self.refused(FAILED, "(?i)passphrase", "destination", "add", "bad", "--path",
                     self.repository, "--passphrase-file", file)
        self.assertEqual(ctl("destination", "show", "bad").status, NOT_FOUND)
        self.assertFalse((SANDBOX / "etc" / "keys" / "bad.key").exists())

    def test_empty_passphrase_file(self):
        file = self.directory / "passphrase"
        file.touch()
        self.refused(FAILED, "(?i)passphrase", "destination", "add", "bad", "--path",
                     self.directory / "new", "--passphrase-file", file)

    def test_passphrase_file_missing(self):
        self.refused(NOT_FOUND, "no-such-file", "destination", "add", "bad", "--path",
                     self.directory / "new", "--passphrase-file", "/no-such-file")

    def test_a_key_that_was_lost(self):
        key = SANDBOX / "etc" / "keys" / "disk.key"
        self.restart_service()
        key.unlink()
        self.restart_service()
        done = ctl("backup", "erp")
        self.assertIn(done.status, (FAILED, NOT_FOUND, UNAVAILABLE), done)
        self.assertIn("disk.key", done.err)

    def test_read_only(self):
        with Disk(self.directory, 120) as disk:
            self.ok("destination", "add", "small", "--path", disk.path / "repository")
            self.addCleanup(ctl, "destination", "remove", "small")
            first = self.json("backup", "erp", "--to", "small")["id"]
            disk.make_read_only()
            done = ctl("backup", "erp", "--to", "small")
            self.assertIn(done.status, (FAILED, UNAVAILABLE), done)
            self.assertRegex(done.err, "(?i)read-only")
            # What is there can be read all the same.
            self.ok("restore", first, "--from", "small", "--only", "webapp", "--into",
                    self.directory / "new")
            disk.make_writable()
            self.json("backup", "erp", "--to", "small")
            self.ok("destination", "remove", "small")
            self.restart_service()


class Full(InstallationTest):
    """Real ENOSPC, on small file systems."""

    size = Size(orders=40, images=1, extra_tables=2, source_files=30, webapp_files=10,
                attachments=12, large_file=1 << 20, sparse_file=1 << 20)

    def test_destination(self):
        with Disk(self.directory, 24) as disk:
            self.ok("destination", "add", "small", "--path", disk.path / "repository")
            first = self.json("backup", "erp", "--to", "small")["id"]
            big = self.installation.source / "big.bin"
            big.write_bytes(os.urandom(40 << 20))
            self.addCleanup(big.unlink)
            key = (SANDBOX / "etc" / "keys" / "small.key").read_text().strip()
            self.refused(FAILED, "(?i)space|full", "backup", "erp", "--to", "small")
            listed = self.json("list", "--from", "small")["backups"]
            self.assertEqual([backup["id"] for backup in listed], [first])
            self.restic("check", "--read-data", "--no-lock",
                        repository=disk.path / "repository", passphrase=key)
            self.ok("restore", first, "--from", "small", "--into", self.directory / "new")
            # With room again it goes on.
            big.write_bytes(b"small now")
            self.json("backup", "erp", "--to", "small")
            self.ok("destination", "remove", "small")
            self.restart_service()

    def test_restore_into(self):
        (self.installation.source / "big.bin").write_bytes(os.urandom(40 << 20))
        self.addCleanup((self.installation.source / "big.bin").unlink)
        identifier = self.backup()
        with Disk(self.directory, 24) as disk:
            self.refused(FAILED, "(?i)space|full", "restore", identifier, "--only", "sources",
                         "--into", disk.path / "new")
            self.restart_service()

    def test_restore_in_place(self):
        """The new state does not fit beside the old: the living installation is untouched."""
        with Disk(self.directory, 40) as disk:
            disk.path.chmod(0o755)
            crowded = self.make_installation("crowded", size=self.size)
            # Its webapp lies on the small file system.
            small = disk.path / "webapps"
            small.mkdir()
            shutil.copytree(crowded.webapp, small / "openbravo", symlinks=True)
            (small / "openbravo" / "big.bin").write_bytes(os.urandom(22 << 20))
            self.ok("instance", "add", "crowded", "--properties", crowded.properties,
                    "--webapp", small / "openbravo")
            self.addCleanup(ctl, "instance", "remove", "crowded")
            identifier = self.json("backup", "crowded")["id"]
            before = compare.describe_tree(small / "openbravo")
            database = compare.describe_database(server(), "crowded", with_oid=True)
            sources = compare.describe_tree(crowded.source)
            self.refused(FAILED, "(?i)space|full", "restore", identifier, "--yes")
            self.assert_same_tree(before, compare.describe_tree(small / "openbravo"))
            self.assert_same_tree(sources, compare.describe_tree(crowded.source))
            self.assert_same_database(
                database, compare.describe_database(server(), "crowded", with_oid=True))
            # And nothing of the attempt is left.
            self.assertEqual(os.listdir(small), ["openbravo"])
            self.restart_service()


class Damage(InstallationTest):
    """Each in a copy of the repository, beside the whole one."""

    def setUp(self):
        super().setUp()
        self.identifier = self.backup("--label", "will be damaged")
        self.copy = self.directory / "copy"
        shutil.copytree(self.repository, self.copy)
        file = self.directory / "passphrase"
        file.write_text(self.passphrase())
        self.ok("destination", "add", "copy", "--path", self.copy, "--passphrase-file", file)
        self.addCleanup(ctl, "destination", "remove", "copy")
        # Nothing that was read before the damage may stand in for it.
        self.kill_service()
        shutil.rmtree(SANDBOX / "cache")
        (SANDBOX / "cache").mkdir(mode=0o700)
        self.living = self.describe()
        self.addCleanup(lambda: self.assert_same_installation(self.living, self.describe()))

    def files(self, kind):
        """The files of a kind, the largest first."""
        found = [file for file in (self.copy / kind).rglob("*") if file.is_file()]
        return sorted(found, key=lambda file: -file.stat().st_size)

    def restore_is_refused(self):
        done = self.refused(FAILED, "(?i)damage|corrupt", "restore", self.identifier, "--from",
                            "copy", "--yes")
        return done.err

    def test_flipped_byte_in_a_pack(self):
        for pack in self.files("data"):
            flip_byte(pack)
        self.assertIn("copy", self.restore_is_refused())

    def test_truncated_pack(self):
        for pack in self.files("data"):
            truncate(pack)
        self.restore_is_refused()

    def test_missing_pack(self):
        for pack in self.files("data"):
            pack.unlink()
        done = ctl("restore", self.identifier, "--from", "copy", "--yes")
        self.assertEqual(done.status, FAILED, done)

    def test_flipped_byte_in_an_index(self):
        for index in self.files("index"):
            flip_byte(index)
        self.restore_is_refused()

    def test_flipped_byte_in_a_snapshot(self):
        """The damaged one is told of, and hides none of the others."""
        snapshots = self.files("snapshots")
        damaged = [file for file in snapshots if file.name.startswith(self.identifier)]
        self.assertEqual(len(damaged), 1)
        flip_byte(damaged[0])
        done = ctl("list", "--from", "copy", "--json")
        self.assertRegex(done.err, "(?i)damage|corrupt")
        self.assertNotIn(self.identifier, [backup["id"] for backup
                                           in json.loads(done.out)["backups"]])
        done = ctl("restore", self.identifier, "--from", "copy", "--yes")
        self.assertIn(done.status, (FAILED, NOT_FOUND), done)

    def test_flipped_byte_in_the_configuration(self):
        flip_byte(self.copy / "config")
        done = ctl("list", "--from", "copy")
        self.assertNotEqual(done.status, DONE)

    def test_flipped_byte_in_the_key(self):
        for key in self.files("keys"):
            flip_byte(key)
        done = ctl("list", "--from", "copy")
        self.assertNotEqual(done.status, DONE)
        self.assertNotIn("Traceback", done.err)

    def test_every_kind_of_rubbish(self):
        """Files of rubbish among the others are told of or left alone; nothing crashes."""
        for number, kind in enumerate(("data/00", "index", "snapshots", "keys", "locks")):
            (self.copy / kind).mkdir(exist_ok=True)
            (self.copy / kind / (f"{number}" * 64)).write_bytes(os.urandom(300))
            (self.copy / kind / "not-an-id").write_bytes(b"")
        for words in (["list", "--from", "copy"], ["show", self.identifier],
                      ["destination", "check", "copy"]):
            self.assertIn(ctl(*words).status, (DONE, FAILED, UNAVAILABLE, BUSY))


class Callers(InstallationTest):
    def test_caller_killed_in_mid_job(self):
        """A job goes on without the client that began it."""
        jobs = {path for path in self.bus.objects() if "/jobs/" in path}
        process = start_ctl("backup", "erp", "--label", "orphan")
        path = wait_until(lambda: {path for path in self.bus.objects() if "/jobs/" in path} - jobs,
                          "no job began").pop()
        process.kill()
        process.communicate()
        self.succeeded(path)
        labels = [backup.get("label") for backup in
                  self.bus.manager("ListBackups", "(a{sv})", {})[0]]
        self.assertIn("orphan", labels)

    def test_interrupt_cancels(self):
        big = self.installation.source / "big.bin"
        big.write_bytes(os.urandom(200 << 20))
        self.addCleanup(big.unlink)
        before = self.backups()
        jobs = {path for path in self.bus.objects() if "/jobs/" in path}
        process = start_ctl("backup", "erp")
        path = wait_until(lambda: {path for path in self.bus.objects() if "/jobs/" in path} - jobs,
                          "no job began").pop()
        wait_until(lambda: self.bus.job(path)["State"] == "running", "it does not begin")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
        if self.wait_job(path)["State"] == "cancelled":
            self.assertEqual(process.returncode, 130, out + err)
            self.assertEqual(self.backups(), before)

    def bus_refuses(self, error, path, interface, method, signature, *arguments, **how):
        with self.assertRaises(BusError) as caught:
            self.bus.call(path, interface, method, signature, *arguments, **how)
        self.assertEqual(caught.exception.name, error, str(caught.exception))
        return str(caught.exception)

    def test_unknown_options(self):
        for method, signature, first in (
                ("AddInstance", "(sa{sv})", ["x"]), ("Backup", "(sa{sv})", ["erp"]),
                ("ListBackups", "(a{sv})", []), ("GetBackup", "(sa{sv})", ["latest"]),
                ("Restore", "(sa{sv})", ["latest"]), ("Delete", "(asa{sv})", [["ffffffff"]]),
                ("Prune", "(sa{sv})", ["disk"])):
            with self.subTest(method=method):
                text = self.bus_refuses("InvalidArgument", ROOT, NAME, method, signature, *first,
                                        {"no-such-option": GLib.Variant("b", True)})
                self.assertIn("no-such-option", text)

    def test_wrong_types(self):
        for method, signature, first, options in (
                ("Backup", "(sa{sv})", ["erp"], {"label": GLib.Variant("u", 7)}),
                ("Backup", "(sa{sv})", ["erp"], {"parts": GLib.Variant("s", "database")}),
                ("ListBackups", "(a{sv})", [], {"since": GLib.Variant("i", -1)}),
                ("Restore", "(sa{sv})", ["latest"], {"directory": GLib.Variant("s", "/tmp")}),
                ("Delete", "(asa{sv})", [["ffffffff"]], {"force": GLib.Variant("s", "yes")}),
                ("Delete", "(asa{sv})", [["latest"]], {}), ("Delete", "(asa{sv})", [[]], {}),
                ("Delete", "(asa{sv})", [["f" * 64] * 1000], {}),
                ("Prune", "(sa{sv})", ["disk"], {"max-unused": GLib.Variant("d", 5)}),
                ("Prune", "(sa{sv})", ["disk"], {"max-unused": GLib.Variant("s", "-5%")})):
            with self.subTest(options=str(options)):
                self.bus_refuses("InvalidArgument", ROOT, NAME, method, signature, *first, options)

    def test_descriptors(self):
        """Only an empty directory will do, and the handle has to be there."""
        self.backup("--only", "webapp")
        file = os.open(self.directory / "file", os.O_RDWR | os.O_CREAT)
        full = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        for descriptor in (file, full, *os.pipe()):
            self.addCleanup(os.close, descriptor)
            self.bus_refuses("InvalidArgument", ROOT, NAME, "Restore", "(sa{sv})", "latest",
                             {"directory": GLib.Variant("h", 0)}, fds=[descriptor])
        self.bus_refuses("InvalidArgument", ROOT, NAME, "Restore", "(sa{sv})", "latest",
                         {"directory": GLib.Variant("h", 5)})

    def test_arguments(self):
        for status, text, words in (
                (NOT_FOUND, "nobody", ["backup", "nobody"]),
                (NOT_FOUND, "nowhere", ["backup", "erp", "--to", "nowhere"]),
                (FAILED, "kitchen", ["backup", "erp", "--only", "kitchen"]),
                (FAILED, "(?i)reprintables|part", ["backup", "erp", "--only", "reprintables"]),
                (FAILED, "(?i)label", ["backup", "erp", "--label", "x" * 201]),
                (FAILED, "(?i)label", ["backup", "erp", "--label", "two\nlines"]),
                (NOT_FOUND, "ffffffff", ["show", "ffffffff"]),
                (FAILED, "", ["show", "zz"]),
                (FAILED, "", ["show", "ab"]),
                (NOT_FOUND, "ffffffff", ["restore", "ffffffff", "--yes"]),
                (USAGE, "date", ["list", "--date", "2026-13"]),
                (USAGE, "", ["list", "--date", "yesterday"]),
                (USAGE, "", ["no-such-command"]),
                (USAGE, "", ["backup", "--no-such-option"]),
                (USAGE, "", ["backup", "erp", "and", "more"]),
                (USAGE, "", ["instance", "add", "x"]),
                (USAGE, "", []),
                (NOT_FOUND, "999999", ["watch", "999999"]),
                (NOT_FOUND, "999999", ["cancel", "999999"])):
            with self.subTest(words=words):
                self.refused(status, text, *words)

    def test_restore_without_yes_and_terminal(self):
        self.backup("--only", "webapp")
        done = ctl("restore", "latest")
        self.assertIn(done.status, (FAILED, USAGE))
        self.assertIn("--yes", done.err)

    def test_database_names(self):
        self.backup("--only", "database")
        for name in ("", "x" * 64, "postgres", "template1", self.installation.database):
            with self.subTest(name=name):
                done = ctl("restore", "latest", "--into-database", name)
                self.assertIn(done.status, (FAILED, USAGE), done)
        name = 'odd "name"; DROP DATABASE postgres; --'
        self.addCleanup(server().query, 'DROP DATABASE IF EXISTS "' + name.replace('"', '""') + '"')
        done = ctl("restore", "latest", "--into-database", name)
        names = [row for row, in server().query("SELECT datname FROM pg_database")]
        self.assertIn("postgres", names)
        self.assertEqual(done.status == DONE, name in names, done)

    def test_several_destinations(self):
        """Where there are two, one has to be named."""
        self.ok("destination", "add", "second", "--path", self.directory / "second")
        self.addCleanup(ctl, "destination", "remove", "second")
        self.refused(FAILED, "disk.*second|second.*disk", "backup", "erp")
        self.ok("backup", "erp", "--to", "second", "--only", "webapp")

