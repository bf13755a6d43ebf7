# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore that was cut off is taken up when nobody knows any more what has become of the application:
the host may have started it, and people may have worked with it."""

import json
import subprocess

import psycopg2
from harness import (DONE, FAILED, NOT_FOUND, SANDBOX, InstallationTest, ctl, run, server, start_ctl,
                     wait_until)

STATE = SANDBOX / "state"


class ResumedTest(InstallationTest):
    application = True

    def setUp(self):
        super().setUp()
        self.identifier = self.backup()

    def tearDown(self):
        ctl("release-previous", "erp", "--yes")
        super().tearDown()

    def hold(self, verb):
        called, may, let_go = self.installation.hold_application(verb)
        self.addCleanup(let_go)
        return called, may, let_go

    def change(self, name):
        self.installation.query("UPDATE c_bpartner SET name = %s", [name])

    def names(self):
        return self.installation.value("SELECT string_agg(DISTINCT name, ',') FROM c_bpartner")

    def stopped(self):
        return self.json("instance", "show", "erp").get("stopped", "")

    def frozen(self, directory):
        """Nothing can be written there, until what is returned is called."""
        subprocess.run(["chattr", "+i", directory], check=True)

        def thaw():
            subprocess.run(["chattr", "-i", directory], check=True)
        self.addCleanup(thaw)
        return thaw


class Stopping(ResumedTest):
    def test_stop_command_at_work(self):
        """It is waited for before the application is started again."""
        living = self.describe()
        called, may, let_go = self.hold("stop")
        self.start_what_runs_in_vain()
        self.start_restore(self.identifier)
        wait_until(called.exists, "the application is not stopped")
        self.kill_service()
        asking = start_ctl("instance", "list")
        journal = STATE / "restores" / "erp.json"
        wait_until(lambda: not journal.exists() or len(called.read_text().split()) == 2,
                   "the restore is not taken up")
        may.touch()
        asking.communicate()
        wait_until(lambda: not journal.exists(), "the journal stays")
        wait_until(lambda: not self.stop_commands(), "a stop command stays")
        let_go()
        self.assertEqual(self.stopped(), "")
        self.assertTrue(self.installation.application_runs())
        self.assert_same_installation(living, self.describe())

    def stop_commands(self):
        program = self.installation.programs / "application.py"
        return run("pgrep", "-f", f"{program} .* stop").out.split()

    def start_what_runs_in_vain(self):
        """As many start commands do, this one calls it a success that the application runs already."""
        program = self.installation.programs / "application.py"
        text = program.read_text()
        program.write_text(text.replace("def start(options):", """def start(options):
    if is_running(int((options.run / "pid").read_text())):
        return 0"""))


class Worked(ResumedTest):
    """With what was restored."""

    def test_unwell_later(self):
        """What people entered since is not thrown away."""
        self.change("before")
        called, _, let_go = self.hold("start")
        self.start_restore(self.identifier)
        wait_until(called.exists, "the application is not started")
        self.kill_service()
        let_go()
        self.installation.start_application()
        self.change("entered since")
        self.installation.stop_application()
        mend = self.installation.break_application("the port is on fire")
        try:
            self.assertRegex(self.stopped(), "undo-restore erp.*the port is on fire")
        finally:
            mend()
        self.assertEqual(self.names(), "entered since")
        self.installation.start_application()
        self.ok("undo-restore", "erp", "--yes")
        self.assertEqual(self.names(), "before")
        self.ok("undo-restore", "erp", "--yes")
        self.assertEqual(self.names(), "entered since")


    def test_nothing_before(self):
        """Nobody is told of a way back that there is not."""
        self.installation.stop_application()
        server().query(f"DROP DATABASE {self.installation.database} WITH (FORCE)")
        called, _, let_go = self.hold("start")
        self.start_restore(self.identifier)
        wait_until(called.exists, "the application is not started")
        self.kill_service()
        let_go()
        mend = self.installation.break_application("the port is on fire")
        try:
            self.assertRegex(self.stopped(), "no state before to go back to.*the port is on fire")
        finally:
            mend()
        self.installation.start_application()


class NotWrittenDown(ResumedTest):
    """All is in place and runs, and then there is no room for the record of it."""

    def end_frozen(self, path, called, may, let_go):
        wait_until(called.exists, "the application is not started")
        thaw = self.frozen(STATE / "restores")
        may.touch()
        job = self.wait_job(path)
        self.assertEqual(job["State"], "failed", job)
        self.assertRegex(self.bus.result(path)["error"], "All is restored and in place, but")
        let_go()
        thaw()

    def test_restore(self):
        before = self.describe()
        self.change("before")
        called, may, let_go = self.hold("start")
        self.end_frozen(self.start_restore(self.identifier), called, may, let_go)
        self.ok("instance", "check", "erp", status=(DONE, FAILED))
        self.assertFalse((STATE / "restores" / "erp.json").exists())
        self.assert_same_installation(before, self.describe())
        self.assertTrue(self.installation.application_runs())
        self.ok("undo-restore", "erp", "--yes")
        self.assertEqual(self.names(), "before")

    def test_rollback(self):
        """It is not gone back once more."""
        change, path = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "by hand", {})
        self.succeeded(path)
        self.change("changed")
        called, may, let_go = self.hold("start")
        path = self.bus.manager("EndChange", "(sba{sv})", change, False, {})[0]
        self.end_frozen(path, called, may, let_go)
        kept = len(self.beside())
        self.ok("change", "end", change, "--failed")
        self.assertEqual(self.json("change", "list"), [])
        self.assertEqual(len(self.beside()), kept)
        self.ok("undo-restore", "erp", "--yes")
        self.assertEqual(self.names(), "changed")


class Released(ResumedTest):
    def test_drop_cut_off(self):
        """A former database that was about to be dropped is none to go back to, and goes all the same."""
        self.ok("restore", self.identifier, "--only", "database", "--yes")
        kept, = self.beside()
        doomed = kept.replace("_before_", "_doomed_")
        self.assertNotEqual(doomed, kept)
        server().query(f'ALTER DATABASE "{kept}" RENAME TO "{doomed}"')
        self.refused(NOT_FOUND, "has been released|not on the server", "undo-restore", "erp", "--yes")
        self.ok("release-previous", "erp", "--yes")
        self.assertEqual(self.beside(), set())

    def test_old_record(self):
        """It has no other name for the database."""
        self.ok("restore", self.identifier, "--only", "database", "--yes")
        record, = (file for file in (STATE / "restores").glob("*.json")
                   if "kept-database" in file.read_text())
        content = json.loads(record.read_text())
        del content["moving-database"]
        record.write_text(json.dumps(content))
        self.ok("release-previous", "erp", "--yes")
        self.assertEqual(self.beside(), set())


class Unseen(ResumedTest):
    def test_connected_application_runs(self):
        """Where there is neither a unit nor a URL to look at."""
        mend = self.installation.break_application("the port is on fire")
        try:
            self.refused(FAILED, "the port is on fire", "restore", self.identifier, "--yes")
        finally:
            mend()
        self.assertNotEqual(self.stopped(), "")
        self.ok("instance", "check", "erp", status=(DONE, FAILED))
        self.assertNotEqual(self.stopped(), "")
        with psycopg2.connect(host="127.0.0.1", port=server().port,
                              dbname=self.installation.database, user=self.installation.owner,
                              password=self.installation.password):
            self.ok("instance", "check", "erp", status=(DONE, FAILED))
        self.assertEqual(self.stopped(), "")


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_resumed")
