# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill restores a backup into a scratch database and directory, compares, checks and removes all
of it again, however it ends; what lives is not touched, and what was learnt stays with the backup."""

import fcntl
import os
import signal
import subprocess

from bus import BusError
from disks import Disk, flip_byte
from gi.repository import GLib
from harness import (DONE, FAILED, NOT_FOUND, PARTIAL, SANDBOX, InstallationTest,
                     Size, ctl, server, wait_until)


class DrillTest(InstallationTest):
    size = Size(orders=400, source_files=60, webapp_files=10, attachments=20, extra_tables=6)
    odd_names = True

    def tearDown(self):
        self.assert_no_scratch()
        super().tearDown()

    # what there is

    @staticmethod
    def scratch_databases():
        return [name for name, in server().query(
            "SELECT datname FROM pg_database WHERE datname LIKE 'obbackup\\_drill\\_%%'")]

    @staticmethod
    def scratch_files(directory=None):
        """The records in STATE/drills and the directories of drills."""
        return sorted(os.listdir(SANDBOX / "state" / "drills")
                      + (os.listdir(directory) if directory else []))

    def assert_no_scratch(self, directory=None):
        self.assertEqual(self.scratch_databases(), [])
        self.assertEqual([name for name in self.scratch_files(directory)
                          if name != "lost+found"], [])

    def drill(self, *words, status=DONE):
        return self.json("verify", "--drill", *words, status=status)

    def start_drill(self, *ids):
        return self.bus.manager("Verify", "(asa{sv})", ids, {"drill": GLib.Variant("b", True)})[0]

    def fails(self, error, text, *words):
        """A drill that has to end with this error; returns the one backup of its result."""
        path = self.start_drill(*words)
        job = self.wait_job(path)
        self.assertEqual((job["State"], job["ErrorName"].rpartition(".")[2]), ("failed", error),
                         self.bus.log(path))
        result = self.bus.result(path)
        self.assertRegex(result["error"], text)
        return result["backups"][0]

    def record(self, identifier):
        return self.bus.manager("GetBackup", "(sa{sv})", identifier, {})[0]

    def warnings_of_restore(self, identifier):
        return " ".join(self.json("restore", identifier, "--plan").get("warnings", []))

    def set_checks(self, *checks):
        words = [word for check in checks or ("",) for word in ("--check-sql", check)]
        self.addCleanup(ctl, "instance", "edit", "erp", "--check-sql", "")
        self.ok("instance", "edit", "erp", *words)

    def set_directory(self, directory):
        settings = SANDBOX / "etc" / "obbackup.conf"
        settings.write_text(f"[obbackup]\ndrill-directory={directory}\n")
        self.addCleanup(self.restart_service)
        self.addCleanup(settings.unlink)
        self.restart_service()

    def sessions(self):
        """Who is connected to the living database, and since when."""
        return sorted(server().query(
            "SELECT pid, backend_start::text FROM pg_stat_activity"
            " WHERE datname = %s AND backend_type = 'client backend'", [self.installation.database]))


class Proven(DrillTest):
    def test_sound_backup(self):
        identifier = self.backup()
        before = self.describe()
        session = self.installation.connect()
        self.addCleanup(session.close)
        sessions = self.sessions()
        roles = server().query("SELECT rolname FROM pg_roles ORDER BY 1")

        backup, = self.drill()["backups"]

        self.assertEqual((backup["id"], backup["instance"], backup["destination"], backup["result"]),
                         (identifier, "erp", "disk", "proven"))
        tables = self.record(identifier)["manifest"]
        self.assertIn('"tables"', tables)
        self.assertGreater(backup["rows"], 400)
        self.assertEqual(backup["files"], self.record(identifier)["files"])
        self.assertGreater(backup["bytes"], 9 << 20)
        self.assertEqual(backup["checks"], [])
        self.assert_no_scratch()
        self.assert_same_installation(before, self.describe())
        self.assertTrue(set(sessions) <= set(self.sessions()), "a session of the application ended")
        self.assertEqual(server().query("SELECT rolname FROM pg_roles ORDER BY 1"), roles)

        record = self.record(identifier)
        self.assertEqual(record["proven-result"], "proven")
        self.assertGreater(record["proven"], record["time"])
        self.assertNotIn("verified", record)
        self.assertIn("PROVEN", self.ok("list"))
        self.assertRegex(self.ok("list"), "just now|ago")
        self.assertRegex(self.ok("show", identifier), "drill +proven ")
        self.assertRegex(self.ok("status"), f"{identifier[:8]} was proven .* by a drill")
        self.assertRegex(self.ok("instance", "show", "erp"), f"drill +.*proven.*{identifier[:8]}")
        self.restart_service()
        self.assertEqual(self.record(identifier)["proven-result"], "proven")
        self.assertRegex(self.ok("status"), f"{identifier[:8]} was proven .* by a drill")

    def test_only_named_parts(self):
        """A backup of files alone needs no database, nor one of the database a directory."""
        files = self.backup("--only", "attachments")
        backup, = self.drill(files)["backups"]
        self.assertEqual((backup["result"], backup["rows"]), ("proven", 0))
        database = self.backup("--only", "database")
        backup, = self.drill("latest")["backups"]
        self.assertEqual((backup["id"], backup["result"], backup["files"]), (database, "proven", 0))

    def test_closed_to_others(self):
        """While it is filled and looked at, nobody else can connect; afterwards it is gone."""
        self.backup()
        self.set_checks("SELECT pg_sleep (2) IS NOT NULL")
        path = self.start_drill()
        self.wait_phase(path, "running checks")
        name, = self.scratch_databases()
        acl, owner = server().query("SELECT datacl::text, pg_get_userbyid (datdba) FROM pg_database "
                                    "WHERE datname = %s", [name])[0]
        self.assertEqual(owner, self.installation.owner)
        self.assertRegex(acl, "^{(\"?tad=[^,]*,?)+}$")
        self.assertFalse(server().query("SELECT has_database_privilege (%s, %s, 'CONNECT')",
                                        [self.installation.reader, name])[0][0])
        self.succeeded(path)

    def test_words(self):
        self.refused(FAILED, "--drill", "verify", "--drill", "--read-data")
        self.refused(FAILED, "--drill", "verify", "--drill", "--repair")
        self.refused(NOT_FOUND, "", "verify", "--drill", "0123456789abcdef")
        self.refused(NOT_FOUND, "nowhere", "verify", "--drill", "--instance", "nowhere")
        with self.assertRaisesRegex(BusError, "drill"):
            self.bus.manager("Verify", "(asa{sv})", [], {"drill": GLib.Variant("b", True),
                                                         "sample": GLib.Variant("d", 0.5)})


class Checked(DrillTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if ctl("backup", "erp").status not in (DONE, PARTIAL):
            raise AssertionError("no backup")

    def test_checks_that_hold(self):
        checks = ["SELECT count(*) FROM c_order", "SELECT count(*) > 10 FROM c_order;",
                  "SELECT current_user = 'tad' AND NOT pg_is_in_recovery ()"]
        self.set_checks(*checks)
        self.assertIn(checks[1], self.ok("instance", "show", "erp"))
        backup, = self.drill()["backups"]
        self.assertEqual([(check["number"], check["sql"], check["ok"], check["message"])
                          for check in backup["checks"]],
                         [(number, check, True, "") for number, check in enumerate(checks, 1)])
        # What is not given stays; an empty one takes all away.
        self.ok("instance", "edit", "erp")
        self.assertIn(checks[0], self.ok("instance", "show", "erp"))
        self.ok("instance", "edit", "erp", "--check-sql", "")
        self.assertNotIn("check-sql", self.ok("instance", "show", "erp"))

    def test_check_that_fails(self):
        self.set_checks("SELECT true", "SELECT count(*) > 1000000 FROM c_order")
        backup = self.fails("Corrupt", r"Check 2 \(SELECT count\(\*\) > 1000000 FROM c_order\).*false")
        self.assertEqual(backup["result"], "failed")
        self.assertEqual([check["ok"] for check in backup["checks"]], [True, False])
        self.assertEqual(self.record(backup["id"])["proven-result"], "failed")
        self.assertIn("FAILED", self.ok("list"))
        self.assertRegex(self.ok("show", backup["id"]), "drill +FAILED")
        self.assertRegex(self.ok("status"), "! the last drill of erp failed")
        self.refused(FAILED, "Check 2", "verify", "--drill")
        failed = f"drill with backup {backup['id'][:8]} failed"
        self.assertIn(failed, self.warnings_of_restore(backup["id"]))
        self.set_checks()
        self.drill()
        self.assertNotIn(failed, self.warnings_of_restore(backup["id"]))

    def test_checks_that_are_none(self):
        living = self.installation.value("SELECT count(*) FROM c_order")
        refusals = {
            "DELETE FROM c_order": "read-only",
            "WITH gone AS (DELETE FROM c_order RETURNING 1) SELECT count(*) FROM gone": "read-only",
            "SELECT set_config ('transaction_read_only', 'off', false) = 'off'": "read-write",
            "SELECT 1; SELECT 2": "multiple commands",
            "SELECT 1 FROM generate_series (1, 100000000)": "one row, not more",
            "SELECT true WHERE false": "no row",
            "SELECT true, true": "one column",
            "SELECT NULL::boolean": "NULL",
            "SELECT 'yes'::text": "boolean or a number",
            "SELECT 0": "not above 0",
            "COMMIT": "no row",
            "SELECT no_such_column FROM c_order": "no_such_column",
            "SELECT pg_read_file ('/etc/passwd') IS NOT NULL": "permission|denied",
        }
        self.set_checks(*refusals)
        backup = self.fails("Corrupt", "Check 1 ")
        for check in backup["checks"]:
            with self.subTest(sql=check["sql"]):
                self.assertFalse(check["ok"])
                self.assertRegex(check["message"], refusals[check["sql"]])
        self.assertEqual(self.installation.value("SELECT count(*) FROM c_order"), living)

    def test_bounds(self):
        self.refused(FAILED, "check-sql", "instance", "edit", "erp", "--check-sql", "SELECT 1",
                     "--check-sql", "")
        many = [word for _ in range(33) for word in ("--check-sql", "SELECT 1")]
        self.refused(FAILED, "32", "instance", "edit", "erp", *many)
        self.refused(FAILED, "check-sql", "instance", "edit", "erp", "--check-sql", "x" * 5000)
        self.assertNotIn("check-sql", self.ok("instance", "show", "erp"))


class Damaged(DrillTest):
    def test_damaged_pack(self):
        identifier = self.backup()
        largest = max((path for path in (self.repository / "data").rglob("*") if path.is_file()),
                      key=lambda path: path.stat().st_size)
        flip_byte(largest)
        backup = self.fails("Corrupt", f"{identifier[:8]}.*{largest.name[:8]}")
        self.assertEqual((backup["id"], backup["result"]), (identifier, "failed"))
        self.assertEqual(self.record(identifier)["proven-result"], "failed")

    def test_missing_pack(self):
        """It is said before anything is made."""
        identifier = self.backup()
        for path in (self.repository / "data").rglob("*"):
            if path.is_file() and path.stat().st_size > 1 << 20:
                path.unlink()
        path = self.start_drill(identifier)
        self.assertEqual(self.wait_job(path)["ErrorName"].rpartition(".")[2], "Corrupt")
        self.assertEqual(self.bus.result(path)["backups"][0]["rows"], 0)
        self.assertNotIn("counted again", str(self.bus.log(path)))


class Hindered(DrillTest):
    def test_too_little_space(self):
        identifier = self.backup()
        disk = self.directory / "small"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=0700", "tmpfs", disk],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=True)
        self.set_directory(disk)
        backup = self.fails("NoSpace", r"need \d+ MiB.*small.*40 MiB left")
        self.assertEqual((backup["result"], backup["rows"]), ("unknown", 0))
        self.assertNotIn("proven", self.record(identifier))
        self.assert_no_scratch(disk)

    def test_directory_of_its_own(self):
        identifier = self.backup()
        with Disk(self.directory, 600) as disk:
            os.chmod(disk.path, 0o700)
            self.set_directory(disk.path)
            backup, = self.drill(identifier)["backups"]
            self.assertEqual(backup["result"], "proven")
            self.assert_no_scratch(disk.path)
            os.chmod(disk.path, 0o777)
            backup = self.fails("InvalidArgument", "drill-directory", identifier)
            self.assertEqual(backup["result"], "unknown")

    def test_server_is_down(self):
        identifier = self.backup()
        self.drill(identifier)
        before = self.record(identifier)["proven"]
        server().stop()
        try:
            backup = self.fails("DatabaseUnreachable", identifier[:8], identifier)
        finally:
            server().start()
        self.assertEqual(backup["result"], "unknown")
        self.assertEqual(self.record(identifier)["proven"], before)
        self.assertEqual(self.record(identifier)["proven-result"], "proven")
        # What could not be removed while the server was down goes with the next one.
        self.drill(identifier)

    def test_cancelled(self):
        self.backup()
        self.set_checks("SELECT pg_sleep (600) IS NOT NULL")
        for phase in ("schema|rows", "indexes", "running checks"):
            with self.subTest(phase=phase):
                path = self.start_drill()
                self.wait_phase(path, phase)
                self.bus.cancel(path)
                self.assertEqual(self.wait_job(path)["State"], "cancelled")
                self.assert_no_scratch()
        self.set_checks()
        for phase in ("restoring files", "comparing files"):
            with self.subTest(phase=phase):
                path = self.start_drill()
                if self.wait_phase(path, phase)["State"] == "running":
                    self.bus.cancel(path)
                self.assertIn(self.wait_job(path)["State"], ("cancelled", "succeeded"))
                self.assert_no_scratch()

    def test_cancelled_at_the_end_of_one(self):
        """When the first of two backups was proven, and is being written down as such."""
        identifiers = [self.backup(), self.backup()]
        records = SANDBOX / "state" / "verified"
        records.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(records, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = self.start_drill(*identifiers)
        wait_until(self.scratch_databases, "the drill does not begin")
        wait_until(lambda: not self.scratch_databases() and not self.scratch_files(),
                   "the drill does not clean up")
        self.bus.cancel(path)
        os.close(lock)
        self.assertEqual(self.wait_job(path)["State"], "cancelled")
        self.assertEqual([(backup["id"], backup["result"])
                          for backup in self.bus.result(path)["backups"]],
                         [(identifiers[0], "proven")])

    def test_killed_in_the_middle(self):
        identifier = self.backup()
        self.set_checks("SELECT pg_sleep (600) IS NOT NULL")
        path = self.start_drill()
        self.wait_phase(path, "running checks")
        self.assertEqual(len(self.scratch_databases()), 1)
        self.assertEqual(len(self.scratch_files()), 1)
        self.kill_service(signal.SIGKILL)
        self.assertEqual(len(self.scratch_databases()), 1, "it was not cut off in the middle")
        # The next call starts it.
        self.assertEqual(self.bus.job(path)["State"], "interrupted")
        wait_until(lambda: not self.scratch_files(), "what was left is not removed")
        self.assert_no_scratch()
        self.assertIn("A drill was cut off; what it left was removed", self.log())
        self.assertNotIn("proven", self.record(identifier))

    def test_killed_among_the_files(self):
        """With a directory whose files are there, which the next start removes too."""
        self.backup("--only", "sources,attachments")
        half_written = SANDBOX / "state" / "drills" / ".obbackup_drill_0123456789abcdef.conf.0123abcd"
        half_written.touch()
        path = self.start_drill()
        wait_until(lambda: any(not name.endswith(".conf") for name in self.scratch_files())
                   or self.bus.job(path)["EndTime"], "no directory is made")
        self.kill_service(signal.SIGKILL)
        self.bus.job(path)
        wait_until(lambda: not self.scratch_files(), "what was left is not removed")
