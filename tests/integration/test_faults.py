# SPDX-License-Identifier: GPL-3.0-or-later
"""The service is killed, the database dies, the disk fails, somebody cancels: no half backup is
ever seen, old ones stay whole, and the living installation is what it was or what was restored."""

import os
import signal
import time
from pathlib import Path

from harness import BUSY, FAILED, LONG, SANDBOX, Size, compare, ctl, run, server, wait_until
from survival import SurvivalTest

KILLS = 200 if LONG else 2
KILLS_IN_RESTORE = 60 if LONG else 2
# Two seconds are promised; the machine of the tests may be busy with others.
SECONDS_TO_CANCEL = 10


class FaultTest(SurvivalTest):
    """An installation big enough that there is a middle to be interrupted in."""

    size = Size(orders=1500, images=40, image_bytes=200_000, extra_tables=10, source_files=1000,
                webapp_files=100, attachments=100, large_file=40 << 20, sparse_file=4 << 20)
    application = True

    def measure(self, begin):
        """How long a job takes that nothing disturbs."""
        start = time.monotonic()
        self.succeeded(begin())
        return time.monotonic() - start

    def interrupt(self, path, seconds):
        """Waits until this long after now, or until the job has ended."""
        deadline = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() > deadline
                   or self.bus.job(path)["State"] not in ("queued", "running"), "no moment came")

    def staging(self):
        """What lies beside the living directories and databases under a name of ours."""
        found = {f"database {name}" for name, in server().query("SELECT datname FROM pg_database")
                 if name not in ("postgres", "template0", "template1")}
        for parent in {tree.parent for tree in self.installation.trees().values()} | {
                self.installation.webapp.parent.parent}:
            found |= {f"{parent}/{name}" for name in os.listdir(parent)}
        return found


class KilledInBackup(FaultTest):
    size = SurvivalTest.size

    def kill(self, moment):
        before = self.listed()
        self.change()
        path = self.start_backup()
        self.interrupt(path, moment)
        ended = self.bus.job(path)["State"] == "succeeded"
        self.kill_service()
        job = self.bus.job(path)
        self.assertIn(job["State"], ("succeeded",) if ended else ("interrupted", "succeeded"))
        self.assert_survived(before)

    def test_kill(self):
        self.good_backup()
        self.change()
        start = time.monotonic()
        self.good_backup()
        seconds = time.monotonic() - start
        self.rounds([self.random.uniform(0, seconds) for _ in range(KILLS)], self.kill)

    def test_no_lock_of_the_dead_stands_in_the_way(self):
        self.change()
        path = self.start_backup()
        wait_until(lambda: os.listdir(self.repository / "locks")
                   or self.bus.job(path)["State"] != "running", "no lock")
        self.kill_service()
        self.backup()

    def test_no_dump_outlives_the_service(self):
        self.change()
        path = self.start_backup()
        self.wait_phase(path, "(?i)database")
        self.kill_service()
        wait_until(lambda: not server().query(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND application_name ~ 'pg_dump'",
            [self.installation.database]), "pg_dump goes on")


class KilledInRestore(FaultTest):
    def state(self):
        """Of every part, in one value that can be compared."""
        database, trees = self.describe()
        return {"database": database, **trees}

    def assert_untouched_or_whole(self, living, backed_up):
        """Every part as it was, or every part as in the backup."""
        now = self.state()

        def differences(state):
            return [f"{part}: {line}" for part in state for line in (
                compare.database_differences if part == "database" else
                compare.tree_differences)(state[part], now[part])]

        from_living = differences(living)
        if from_living:
            self.assertEqual(differences(backed_up)[:10], [], f"and from before: {from_living[:10]}")

    def test_kill(self):
        backed_up = self.state()
        identifier = self.backup()
        self.change()
        seconds = self.measure(lambda: self.start_restore(identifier))
        for number in range(KILLS_IN_RESTORE):
            with self.subTest(number=number):
                self.change()
                living = self.state()
                path = self.start_restore(identifier)
                # The end is where the parts take their place.
                self.interrupt(path, seconds * (1 - self.random.random() ** 2))
                self.kill_service()
                job = self.bus.job(path)
                self.assertIn(job["State"], ("interrupted", "succeeded"))
                self.assert_untouched_or_whole(living, backed_up)
                self.ok("instance", "check", "erp")
        wait_until(self.installation.application_runs, "the application does not run")
        self.ok("restore", identifier, "--yes")
        self.assert_untouched_or_whole(backed_up, backed_up)

    def test_kill_at_every_phase(self):
        """At the first moment of each phase that a restore goes through."""
        backed_up = self.state()
        identifier = self.backup()
        self.change()
        path = self.start_restore(identifier)
        phases = []

        def collect():
            job = self.bus.job(path)
            if job["Phase"] and job["Phase"] not in phases:
                phases.append(job["Phase"])
            return job["State"] not in ("queued", "running")

        wait_until(collect, "the restore does not end", 1200)
        self.succeeded(path)
        self.assertTrue(phases)
        for phase in phases:
            with self.subTest(phase=phase):
                self.change()
                living = self.state()
                path = self.start_restore(identifier)
                wait_until(lambda: (job := self.bus.job(path))["Phase"] == phase
                           or job["State"] not in ("queued", "running"), "it does not come there")
                self.kill_service()
                self.bus.job(path)
                self.assert_untouched_or_whole(living, backed_up)

    def test_nothing_is_left_beside(self):
        identifier = self.backup()
        self.ok("restore", identifier, "--yes")
        before = self.staging()
        path = self.start_restore(identifier)
        self.wait_phase(path, "(?i)database|load|stag|read|restor")
        self.kill_service()
        job = self.bus.job(path)
        if job["State"] == "interrupted":
            wait_until(lambda: self.staging() <= before, "staging is left behind: "
                       f"{self.staging() - before}")


class Cancelled(FaultTest):
    def cancel_in(self, path, phase):
        """Cancels in a phase; returns the job and the seconds that it took to end."""
        self.wait_phase(path, phase)
        start = time.monotonic()
        done = ctl("cancel", path.rpartition("/")[2])
        job = self.wait_job(path)
        if job["State"] == "cancelled":
            self.assertEqual(done.status, 0, done.err)
        return job, time.monotonic() - start

    def phases(self, begin):
        """All phases of a job that nothing disturbs."""
        path, phases = begin(), []

        def collect():
            job = self.bus.job(path)
            if job["Phase"] and job["Phase"] not in phases and job["Cancelable"]:
                phases.append(job["Phase"])
            return job["State"] not in ("queued", "running")

        wait_until(collect, "the job does not end", 1200)
        self.succeeded(path)
        return phases

    def begin_backup(self):
        self.change()
        return self.start_backup()

    def test_backup(self):
        self.backup()
        phases = self.phases(self.begin_backup)
        self.assertGreaterEqual(len(phases), 2, phases)
        cancelled = 0
        for phase in phases:
            with self.subTest(phase=phase):
                before = self.backups()
                path = self.begin_backup()
                job, seconds = self.cancel_in(path, f"^{phase}$")
                self.assertLess(seconds, SECONDS_TO_CANCEL)
                if job["State"] == "cancelled":
                    cancelled += 1
                    self.assertEqual(self.backups(), before)
                    self.assertEqual(job["ErrorName"], "Cancelled")
                    self.assertEqual(os.listdir(self.repository / "locks"), [])
        self.assertGreater(cancelled, 0)
        self.assertFalse(server().query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name ~ 'pg_dump'"))
        self.assert_repository_whole()
        self.backup()

    def test_restore(self):
        identifier = self.backup()
        phases = self.phases(lambda: self.start_restore(identifier))
        cancelled = 0
        for phase in phases:
            with self.subTest(phase=phase):
                self.change()
                before, beside = self.describe(), self.staging()
                path = self.start_restore(identifier)
                job, seconds = self.cancel_in(path, f"^{phase}$")
                self.assertLess(seconds, SECONDS_TO_CANCEL)
                if job["State"] == "cancelled":
                    cancelled += 1
                    self.assert_same_installation(before, self.describe())
                    self.assertEqual(self.staging(), beside)
                self.assertTrue(self.installation.application_runs())
        self.assertGreater(cancelled, 0)

    def test_waiting_for_a_table(self):
        """Cancelled while it waits for a lock that the application holds."""
        connection = self.installation.connect()
        connection.autocommit = False
        self.addCleanup(connection.close)
        connection.cursor().execute("LOCK TABLE c_order IN ACCESS EXCLUSIVE MODE")
        path = self.start_backup()
        wait_until(lambda: server().query("SELECT 1 FROM pg_locks WHERE NOT granted"), "no wait")
        start = time.monotonic()
        self.bus.cancel(path)
        self.assertEqual(self.wait_job(path)["State"], "cancelled")
        self.assertLess(time.monotonic() - start, SECONDS_TO_CANCEL)
        connection.rollback()


class Others(FaultTest):
    """It is not the service that fails."""

    def assert_backup_fails(self, path, errors=None):
        before = self.backups()
        job = self.wait_job(path)
        result = self.bus.result(path)
        if job["State"] == "succeeded":  # it was faster
            return None
        self.assertEqual(job["State"], "failed", f"{job} {result}")
        self.assertGreater(len(result["error"]), 20)
        if errors:
            self.assertIn(job["ErrorName"], errors, result["error"])
        self.assertEqual(self.backups(), before)
        self.assertEqual(os.listdir(self.repository / "locks"), [])
        return result["error"]

    def test_database_server_dies_in_a_backup(self):
        self.change()
        path = self.start_backup()
        self.wait_phase(path, "(?i)database")
        server().stop(signal.SIGQUIT)
        try:
            self.assert_backup_fails(path, ("DatabaseUnreachable", "Failed"))
        finally:
            server().start()
        self.backup()

    def programs(self, name):
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if (directory / "comm").read_text().strip() == name:
                    found.append(int(directory.name))
            except OSError:
                pass
        return found

    def test_pg_dump_is_killed(self):
        self.change()
        path = self.start_backup()
        killed = wait_until(lambda: self.programs("pg_dump")
                            or self.bus.job(path)["State"] not in ("queued", "running"), "no dump")
        if killed is not True:
            for process in killed:
                os.kill(process, signal.SIGKILL)
            error = self.assert_backup_fails(path)
            if error:
                self.assertIn("pg_dump", error)
        self.backup()

    def test_pg_restore_is_killed(self):
        identifier = self.backup()
        self.change()
        before, beside = self.describe(), self.staging()
        path = self.start_restore(identifier)
        killed = wait_until(lambda: self.programs("pg_restore")
                            or self.bus.job(path)["State"] not in ("queued", "running"), "no load")
        if killed is not True:
            for process in killed:
                os.kill(process, signal.SIGKILL)
        job = self.wait_job(path)
        if job["State"] == "failed":
            self.assertIn("pg_restore", self.bus.result(path)["error"])
            self.assert_same_installation(before, self.describe())
            self.assertEqual(self.staging(), beside)

    def test_database_server_dies_in_a_restore(self):
        identifier = self.backup()
        self.change()
        before = self.describe()
        path = self.start_restore(identifier)
        wait_until(lambda: self.programs("pg_restore")
                   or self.bus.job(path)["State"] not in ("queued", "running"), "no load")
        server().stop(signal.SIGQUIT)
        try:
            job = self.wait_job(path)
        finally:
            server().start()
        if job["State"] == "failed":
            self.assert_same_installation(before, self.describe())
            # What could not be cleared away while the server was down is cleared at the next start.
            self.restart_service()

    def test_stop_command_fails(self):
        identifier = self.backup()
        self.change()
        before, beside = self.describe(), self.staging()
        program = self.installation.programs / "application.py"
        text = program.read_text()
        program.write_text("#!/bin/sh\necho 'the port is on fire' >&2\nexit 3\n")
        self.addCleanup(program.write_text, text)
        done = ctl("restore", identifier, "--yes")
        self.assertEqual(done.status, FAILED, done)
        self.assertIn("the port is on fire", done.err)
        self.assert_same_installation(before, self.describe())
        self.assertEqual(self.staging(), beside)


class Restarted(FaultTest):
    def test_running_job_comes_back_as_interrupted(self):
        self.change()
        path = self.start_backup()
        wait_until(lambda: self.bus.job(path)["State"] == "running", "it does not begin")
        self.kill_service()
        job = self.bus.job(path)
        if job["State"] != "succeeded":
            self.assertEqual(job["State"], "interrupted")
            self.assertEqual(job["Operation"], "backup")
            self.assertGreater(job["EndTime"], 0)
            self.assertEqual(ctl("watch", path.rpartition("/")[2]).status, FAILED)

    def test_asked_to_end_it_cancels_and_ends(self):
        before = self.backups()
        self.change()
        path = self.start_backup()
        wait_until(lambda: self.bus.job(path)["State"] == "running", "it does not begin")
        self.kill_service(signal.SIGTERM)
        job = self.bus.job(path)
        self.assertIn(job["State"], ("interrupted", "succeeded"))
        if job["State"] != "succeeded":
            self.assertEqual(self.backups(), before)
        self.assertEqual(os.listdir(self.repository / "locks"), [])

    def test_locked_repository(self):
        """Somebody's exclusive lock (a prune by restic) is respected, and named."""
        settings = SANDBOX / "etc" / "obbackup.conf"
        settings.write_text("[obbackup]\nrepository-lock-timeout=3\n")
        self.addCleanup(settings.unlink)
        self.restart_service()
        blocker = self.directory / "blocker"
        blocker.mkdir()
        run("cp", "-a", self.repository, blocker / "copy")
        process = os.fork()
        if process == 0:
            os.environ["RESTIC_PASSWORD"] = self.passphrase()
            os.execvp("strace", ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=unlinkat",
                                 "-e", "inject=unlinkat:delay_enter=600s", "restic", "--no-cache",
                                 "--quiet", "--repo", str(self.repository), "check"])
        self.addCleanup(os.waitpid, process, 0)
        self.addCleanup(os.kill, process, signal.SIGKILL)
        wait_until(lambda: os.listdir(self.repository / "locks"), "restic does not lock")
        done = ctl("backup", "erp")
        if done.status != 0:
            self.assertEqual(done.status, BUSY, done.err)
            self.assertRegex(done.err, "(?i)lock")
