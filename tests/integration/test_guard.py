# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes and the guard: Katherine installs a module that fails half-way, and is back where she was; what
succeeds stays. Whatever becomes of the caller or of the service meanwhile, nothing is rolled back by
itself, and nothing is forgotten."""

import json
import os
import pty
import re
import select
import shutil
import signal
import time
import unittest

from bus import ROOT
from gi.repository import GLib
from harness import (BUSY, CANCELLED, DONE, FAILED, NAME, NOT_AUTHORISED, NOT_FOUND, SANDBOX, USAGE,
                     InstallationTest, calls_as, compare, ctl, server, start_ctl, wait_until)

EXISTS = FAILED
# What a module does when it is installed: schema, data, views, functions, files.
MODULE = """
set -e
psql --quiet --set ON_ERROR_STOP=1 <<'SQL'
CREATE TABLE obmail_config (obmail_config_id varchar(32) PRIMARY KEY, server varchar(60));
INSERT INTO obmail_config VALUES ('1', 'mail.example.org');
ALTER TABLE c_order ADD COLUMN em_obmail_sent char(1) DEFAULT 'N';
UPDATE c_bpartner SET name = name || ' (mail)';
DELETE FROM c_orderline WHERE line = 1;
UPDATE ad_module SET version = '99';
UPDATE ad_system_info SET system_status = 'RB31';
SQL
mkdir -p "$SOURCES/modules/org.example.mail/src"
echo 'class Mail {}' > "$SOURCES/modules/org.example.mail/src/Mail.java"
rm "$SOURCES/build.xml"
echo broken > "$WEBAPP/WEB-INF/web.xml"
echo sent > "$ATTACHMENTS/sent.txt"
"""


class GuardTest(InstallationTest):
    application = True
    activation_key = "a key"

    @classmethod
    def make_installation(cls, name=None, **how):
        return super().make_installation(name, activation_key=cls.activation_key, **how)

    def environment(self):
        """For psql and the paths, as the module's installer has them."""
        installation = self.installation
        return {"PGHOST": "127.0.0.1", "PGPORT": str(server().port),
                "PGDATABASE": installation.database, "PGUSER": installation.owner,
                "PGPASSWORD": installation.password, "SOURCES": str(installation.source),
                "WEBAPP": str(installation.webapp), "ATTACHMENTS": str(installation.attachments)}

    def guard(self, *words, script, **how):
        return ctl("guard", "erp", *words, "--", "/bin/bash", "-c", script,
                   environment=self.environment(), **how)

    def number(self):
        return server().query("SELECT oid::bigint FROM pg_database WHERE datname = %s",
                              [self.installation.database])[0][0]

    def changes(self):
        return self.json("change", "list")

    def change_since(self):
        for interfaces in self.bus.objects().values():
            if f"{NAME}.Instance" in interfaces:
                return interfaces[f"{NAME}.Instance"]["ChangeSince"]
        raise AssertionError("no instance")

    def assert_runs(self):
        wait_until(self.installation.application_runs, "the application does not run")

    def begin(self, **options):
        change, path = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "by hand", options)
        self.succeeded(path)
        return change

    def tearDown(self):
        for change in self.changes():
            ctl("change", "end", change["id"], "--succeeded")
        ctl("release-previous", "erp", "--yes")
        super().tearDown()


class Katherine(GuardTest):
    def test_module_fails_half_way(self):
        self.installation.ask_application()
        before, number = self.describe(), self.number()
        answer = self.installation.ask_application()
        done = self.guard("--label", "before org.example.mail", script=MODULE + "exit 7")
        self.assertEqual(done.status, 7, done.err)
        self.assertEqual(done.out, "")
        self.assertIn("All is as it was before the change", done.err)
        self.assert_runs()
        self.assert_same_installation(before, self.describe())
        self.assertEqual(self.number(), number)
        self.assertEqual(self.installation.ask_application(), answer)
        self.assertEqual(self.changes(), [])
        backup = self.json("list")["backups"][0]
        self.assertEqual((backup["kind"], backup["label"]), ("automatic", "before org.example.mail"))

    def test_module_succeeds(self):
        done = self.guard(script=MODULE + "echo installed; echo a note >&2")
        self.assertEqual(done.status, DONE, done.err)
        self.assertEqual(done.out, "installed\n")
        self.assertIn("a note\n", done.err)
        self.assertEqual(self.installation.value("SELECT count(*) FROM obmail_config"), 1)
        self.assertTrue((self.installation.attachments / "sent.txt").exists())
        self.assertEqual(self.changes(), [])
        self.assertEqual(self.change_since(), 0)
        self.assert_runs()
        self.guard("--on-failure", "restore", script="exit 1")


class Guard(GuardTest):
    def stamp(self, text):
        (self.installation.attachments / "stamp.txt").write_text(text)

    def stamped(self):
        return (self.installation.attachments / "stamp.txt").read_text()

    def count_ended(self):
        """Jobs that had something to do at the end of a change."""
        return [job["Operation"] for job in self.json("jobs")].count("end-change")

    def setUp(self):
        super().setUp()
        self.stamp("before")

    def test_exit_statuses(self):
        for script, status in (("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("kill -TERM $$", 143),
                               ("kill -KILL $$", 137)):
            with self.subTest(script=script):
                self.assertEqual(self.guard("--on-failure", "keep", script=script).status, status)
                self.assertEqual(self.changes(), [])

    def test_command_that_is_none(self):
        ended = self.count_ended()
        for command, status in (("/no/such/program", 127), ("/etc/passwd", 126)):
            with self.subTest(command=command):
                done = ctl("guard", "erp", "--", command)
                self.assertEqual(done.status, status)
                self.assertRegex(done.err, "cannot be run")
                self.assertEqual(self.changes(), [])
        self.assertEqual(self.count_ended(), ended)

    def test_keep(self):
        done = self.guard("--on-failure", "keep", script='echo after > "$ATTACHMENTS/stamp.txt"; exit 1')
        self.assertEqual(done.status, 1)
        self.assertEqual(self.stamped(), "after\n")
        self.assertEqual(self.changes(), [])

    def test_stop(self):
        port = self.installation.http_port
        done = self.guard("--stop", script=f"! echo > /dev/tcp/127.0.0.1/{port}")
        self.assertEqual(done.status, DONE, done.err)
        self.assert_runs()
        before = self.describe()
        done = self.guard("--stop", script=f'! echo > /dev/tcp/127.0.0.1/{port} || exit 9; {MODULE} exit 3')
        self.assertEqual(done.status, 3, done.err)
        self.assert_runs()
        self.assert_same_installation(before, self.describe())

    def test_usage(self):
        self.refused(USAGE, "after \"--\"", "guard", "erp")
        self.refused(USAGE, "ask, restore or keep", "guard", "erp", "--on-failure", "cry", "--", "true")
        self.refused(NOT_FOUND, "no-such", "guard", "no-such", "--", "true")

    def test_no_backup_no_command(self):
        marker = self.directory / "ran"
        self.repository.rename(self.directory / "gone")
        try:
            done = ctl("guard", "erp", "--", "touch", marker)
        finally:
            (self.directory / "gone").rename(self.repository)
        self.assertNotEqual(done.status, DONE)
        self.assertIn("was not run", done.err)
        self.assertFalse(marker.exists())
        self.assertEqual(self.changes(), [])
        self.assertEqual(self.guard(script="true").status, DONE)

    # on a terminal

    def on_terminal(self, script, *dialogue, words=()):
        """Runs guard on a terminal of its own; dialogue: pairs of what to wait for, and what to type.
        Returns its status and all that it wrote."""
        process, terminal = pty.fork()
        if process == 0:
            os.environ.update(self.environment())
            os.execv(SANDBOX / "bin" / "obbackupctl", [
                "obbackupctl", "guard", "erp", *words, "--", "/bin/bash", "-c", script])
        text, steps, deadline = b"", list(dialogue), time.monotonic() + 120
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break
                if not data:
                    break
                text += data
            if steps and re.search(steps[0][0].encode(), text):
                os.write(terminal, steps.pop(0)[1])
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.close(terminal)
        return status, text.decode(errors="replace")

    def test_asks_on_a_terminal(self):
        script = 'echo after > "$ATTACHMENTS/stamp.txt"; exit 5'
        status, text = self.on_terminal(script, ("how it was before", b"no\n"))
        self.assertEqual(status, 5, text)
        self.assertEqual(self.stamped(), "after\n")
        self.assertEqual(self.changes(), [])
        self.stamp("before")
        status, text = self.on_terminal(script, ("how it was before", b"perhaps\nyes\n"))
        self.assertEqual(status, 5, text)
        self.assertEqual(self.stamped(), "before")
        self.assertEqual(self.changes(), [])

    def test_interrupt_always_asks(self):
        """Also where it would restore by itself, and though the command makes a success of it."""
        script = ('trap "echo after > $ATTACHMENTS/stamp.txt; exit 0" INT; echo at work;'
                  ' while :; do sleep 0.1; done')
        status, text = self.on_terminal(script, ("at work", b"\x03"), ("was interrupted", b"no\n"),
                                        words=["--on-failure", "restore"])
        self.assertEqual(status, 0, text)
        self.assertEqual(self.stamped(), "after\n")
        self.stamp("before")
        status, text = self.on_terminal(script, ("at work", b"\x03"), ("was interrupted", b"yes\n"),
                                        words=["--on-failure", "keep"])
        self.assertEqual(self.stamped(), "before")
        self.assertEqual(self.changes(), [])

    def test_terminal_is_the_commands(self):
        status, text = self.on_terminal('read -p "your name? " name; echo "hello $name"; tty',
                                        ("your name", b"Katherine\n"))
        self.assertEqual(status, 0, text)
        self.assertIn("hello Katherine", text)
        self.assertIn("/dev/pts/", text)

    @unittest.skipIf("TSAN_OPTIONS" in os.environ,
                     "ThreadSanitizer keeps a signal back until waitpid() is over")
    def test_signals_are_passed_on(self):
        marker = self.directory / "marker"
        process = start_ctl("guard", "erp", "--on-failure", "restore", "--", "/bin/bash", "-c",
                            f"trap 'echo got it > {marker}; exit 3' TERM; echo > {marker}.ready;"
                            " while :; do sleep 0.1; done")
        wait_until((self.directory / "marker.ready").exists, "the command does not run")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 3, err)
        self.assertEqual(marker.read_text(), "got it\n")
        self.assertEqual(self.changes(), [])

    def test_killed_it_stays_open(self):
        ready = self.directory / "ready"
        process = start_ctl("guard", "erp", "--label", "big one", "--", "/bin/bash", "-c",
                            f"echo $$ > {ready}.new; mv {ready}.new {ready}; exec sleep 600")
        wait_until(ready.exists, "the command does not run")
        process.kill()
        os.kill(int(ready.read_text()), signal.SIGKILL)
        process.communicate()
        change, = self.changes()
        self.assertEqual((change["instance"], change["label"]), ("erp", "big one"))
        self.assertGreater(self.change_since(), 0)
        self.ok("change", "end", change["id"], "--failed")
        self.assertEqual(self.changes(), [])


class Changes(GuardTest):
    def test_one_at_a_time(self):
        change = self.begin()
        done = self.refused(EXISTS, f"is open since.*{change}", "guard", "erp", "--", "true")
        self.assertIn("change end", done.err)
        self.ok("change", "end", change, "--succeeded")
        self.assertEqual(self.guard(script="true").status, DONE)

    def test_no_such_and_ended_twice(self):
        self.refused(NOT_FOUND, "no change nonsense", "change", "end", "nonsense", "--failed")
        change = self.begin()
        self.refused(USAGE, "--succeeded or --failed", "change", "end", change)
        self.ok("change", "end", change, "--succeeded")
        self.refused(NOT_FOUND, "is over: it succeeded at ", "change", "end", change, "--failed")
        change = self.begin()
        self.ok("change", "end", change, "--failed")
        self.refused(NOT_FOUND, "is over: it was rolled back", "change", "end", change, "--failed")

    def test_outlives_the_service(self):
        before = self.describe()
        change = self.begin()
        self.installation.query("UPDATE c_bpartner SET name = 'changed'")
        self.kill_service()
        self.assertEqual([entry["id"] for entry in self.changes()], [change])
        self.ok("change", "end", change, "--failed")
        self.assert_same_installation(before, self.describe())

    def hold(self, verb):
        called, may, let_go = self.installation.hold_application(verb)
        self.addCleanup(let_go)
        return called, may, let_go

    def stop_option(self):
        return {"stop": GLib.Variant("b", True)}

    def interrupted_while_stopping(self, times):
        """Runs a guard that is interrupted when it cannot be cancelled any more; how it ended."""
        called, may, let_go = self.hold("stop")
        ran = self.directory / "ran"
        guard = start_ctl("guard", "erp", "--stop", "--", "touch", ran)
        wait_until(called.exists, "the application is not stopped")
        guard.send_signal(signal.SIGINT)
        told = guard.stderr.readline()
        self.assertIn("Cancelling", told)
        if times == 1:
            may.touch()
        else:
            guard.send_signal(signal.SIGINT)
        told += guard.stderr.read()
        guard.wait(60)
        guard.stdout.close()
        guard.stderr.close()
        may.touch()
        wait_until(lambda: not any(job["State"] in ("queued", "running")
                                   for job in self.json("jobs")), "the job does not end")
        let_go()
        self.assertFalse(ran.exists(), told)
        self.assertEqual(guard.returncode, CANCELLED, told)
        return told

    def test_interrupted_while_stopping(self):
        told = self.interrupted_while_stopping(1)
        self.assertIn("was not run", told)
        self.assertEqual(self.changes(), [])
        self.assert_runs()

    def test_interrupted_twice_while_stopping(self):
        told = self.interrupted_while_stopping(2)
        change, = self.changes()
        self.assertIn(f"change end {change['id']} --succeeded", told)
        self.ok("change", "end", change["id"], "--succeeded")
        self.assert_runs()

    def test_not_written_down(self):
        """The application was stopped, and then there is no room to say so: it is started again."""
        called, may, _ = self.hold("stop")
        _, path = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "", self.stop_option())
        wait_until(called.exists, "the application is not stopped")
        changes = SANDBOX / "state" / "changes"
        shutil.rmtree(changes)
        self.addCleanup(self.restart_service)
        may.touch()
        job = self.wait_job(path)
        self.assertEqual(job["State"], "failed", job)
        self.assert_runs()

    def test_cut_off_before_the_start(self):
        """It was to be ended as succeeded, and the application was about to be started: that it is not
        is told, until it is seen to run; and the change is open still."""
        change = self.begin(**self.stop_option())
        self.assertFalse(self.installation.application_runs())
        called, _, let_go = self.hold("start")
        self.bus.manager("EndChange", "(sba{sv})", change, True, {})
        wait_until(called.exists, "the application is not started")
        self.kill_service()
        details = self.json("instance", "show", "erp")
        self.assertRegex(details["stopped"], "about to be started")
        self.assertEqual([entry["id"] for entry in self.changes()], [change])
        let_go()
        url = f"http://127.0.0.1:{self.installation.http_port}/"
        self.ok("instance", "edit", "erp", "--health-url", url)
        self.addCleanup(self.ok, "instance", "edit", "erp", "--health-url", "none")
        self.ok("instance", "check", "erp", status=(DONE, FAILED))
        self.assertIn("stopped", self.json("instance", "show", "erp"))
        self.installation.start_application()
        self.ok("instance", "check", "erp", status=(DONE, FAILED))
        self.assertNotIn("stopped", self.json("instance", "show", "erp"))

    def test_backup_cut_off(self):
        """Nothing was begun."""
        change, path = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "", {})
        self.kill_service()
        state = self.bus.job(path)["State"]
        if state == "interrupted":
            self.assertEqual(self.changes(), [])
            self.refused(NOT_FOUND, "never began", "change", "end", change, "--succeeded")

    def test_backup_cancelled(self):
        change, path = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "", {})
        self.bus.cancel(path)
        if self.wait_job(path)["State"] == "cancelled":
            self.assertEqual(self.changes(), [])
            self.refused(NOT_FOUND, "never began", "change", "end", change, "--succeeded")

    def test_rollback_cut_off(self):
        """Ended by the service's next start, or still open; never half."""
        before = self.describe()
        for number in range(4):
            with self.subTest(number=number):
                change = self.begin()
                self.installation.query("UPDATE c_bpartner SET name = %s", [f"changed {number}"])
                changed = self.describe()
                path = self.bus.manager("EndChange", "(sba{sv})", change, False, {})[0]
                self.wait_phase(path, ["counting", "database|rows", "exchanging", "starting"][number])
                self.kill_service()
                self.bus.job(path)
                now = self.describe()
                if self.changes():
                    self.assert_same_installation(changed, now)
                    self.ok("change", "end", change, "--failed")
                self.assert_same_installation(before, self.describe())
                self.assert_runs()
                ctl("release-previous", "erp", "--yes")

    def test_ended_twice_at_once(self):
        """Whoever ends it while it is being taken back is told so; a rollback that is cancelled leaves it
        open."""
        change = self.begin()
        path = self.bus.manager("EndChange", "(sba{sv})", change, False, {})[0]
        for word in ("--succeeded", "--failed"):
            self.refused(BUSY, "being ended by another job", "change", "end", change, word)
        self.assertGreater(self.change_since(), 0)
        self.bus.cancel(path)
        if self.wait_job(path)["State"] == "cancelled":
            self.assertEqual([entry["id"] for entry in self.changes()], [change])
            self.ok("change", "end", change, "--succeeded")

    def test_gained_rows_are_told(self):
        change = self.begin()
        self.installation.ask_application("/order", {})
        done = self.json("change", "end", change, "--failed")
        self.assertEqual(done["gained"]["public.c_order"], 1)
        self.assertEqual(done["gained"]["public.c_orderline"], 5)
        self.assertGreaterEqual(done["age"], 0)
        self.assertEqual(done["parts"], ["database", "sources", "webapp", "attachments"])

    def make_old(self, change):
        """As if it had been begun five hours ago; the service reads the file each time."""
        file = SANDBOX / "state" / "changes" / "erp.json"
        content = json.loads(file.read_text())
        self.assertEqual(content["id"], change)
        content["time"] -= 5 * 3600
        file.write_text(json.dumps(content))

    def test_old_and_in_use(self):
        change = self.begin()
        self.make_old(change)
        self.installation.ask_application("/order", {})
        living = self.describe()
        out = self.ok("status", status=(DONE, FAILED))
        self.assertRegex(out, f"! a change of erp.*still open. Did it succeed.*{change} --succeeded"
                              f".*{change} --failed")
        self.refused(BUSY, "5.0 hours ago, and the application has been in use.*c_order",
                     "change", "end", change, "--failed")
        self.assert_same_installation(living, self.describe())
        self.assertEqual(len(self.changes()), 1)
        self.ok("change", "end", change, "--failed", "--force")
        self.assertEqual(self.changes(), [])

    def test_old_and_not_in_use(self):
        """What the module itself has entered is no use of the application."""
        change = self.begin()
        self.make_old(change)
        self.installation.query("INSERT INTO ad_module SELECT md5 (ad_module_id), name || '2', version,"
                                " javapackage || '2', status FROM ad_module LIMIT 1")
        self.ok("change", "end", change, "--failed")

    def test_rollback_that_fails_leaves_it_open(self):
        change = self.begin()
        mend = self.installation.break_application("the port is on fire")
        try:
            self.refused(FAILED, "the port is on fire", "change", "end", change, "--failed")
        finally:
            mend()
        self.assertEqual([entry["id"] for entry in self.changes()], [change])
        self.installation.stop_application()
        self.installation.start_application()
        self.ok("change", "end", change, "--failed")

    def test_rollback_stops_what_runs_again(self):
        """Whoever started the application meanwhile: the host when it booted, or the module itself."""
        before = self.describe()
        change = self.begin(**self.stop_option())
        self.installation.query("UPDATE c_bpartner SET name = 'changed'")
        self.installation.start_application()
        self.ok("change", "end", change, "--failed")
        self.assert_same_installation(before, self.describe())
        self.assert_runs()

    def test_success_of_what_runs_again(self):
        change = self.begin(**self.stop_option())
        self.installation.start_application()
        self.ok("change", "end", change, "--succeeded")
        self.assert_runs()
        self.assertNotIn("stopped", self.json("instance", "show", "erp"))

    def test_application_does_not_come_up(self):
        """Then the change has not succeeded after all, and there is a way back."""
        before = self.describe()
        for way in ("--failed", "--succeeded"):
            change = self.begin(**self.stop_option())
            self.installation.query("UPDATE c_bpartner SET name = 'changed'")
            mend = self.installation.break_application("the port is on fire")
            try:
                self.refused(FAILED, "stays open.*does not come up.*the port is on fire",
                             "change", "end", change, "--succeeded")
                self.assertEqual([entry["id"] for entry in self.changes()], [change])
                if way == "--succeeded":
                    self.ok("change", "end", change, way, "--force")
            finally:
                mend()
            if way == "--failed":
                self.ok("change", "end", change, way)
                self.assert_same_installation(before, self.describe())
                self.assert_runs()
            self.assertEqual(self.changes(), [])
        self.assertRegex(self.json("instance", "show", "erp")["stopped"], "the port is on fire")
        self.installation.start_application()

    def test_instance_with_an_open_change_is_not_removed(self):
        change = self.begin()
        self.refused(BUSY, "change", "instance", "remove", "erp")
        self.ok("change", "end", change, "--succeeded")

    def test_its_backup_is_not_deleted(self):
        self.backup()
        change = self.begin()
        backup = self.changes()[0]["backup"]
        self.refused(FAILED, "open change of erp", "delete", backup, "--yes")
        self.ok("change", "end", change, "--succeeded")
        self.ok("delete", backup, "--yes")

    def call(self, user, method, arguments):
        return calls_as(user, [(ROOT, NAME, method, arguments, 0)])[0]

    def test_who_may_end_it(self):
        """With the right to make backups alone: whoever began it."""
        error, text = self.call("openbravo", "BeginChange", "('erp', 'mine', @a{sv} {})")
        self.assertEqual(error, "", text)
        wait_until(lambda: [entry for entry in self.changes() if entry["open"]], "no change")
        change, = self.changes()
        error, text = self.call("clerk", "EndChange", f"('{change['id']}', true, @a{{sv}} {{}})")
        self.assertTrue(error.endswith("NotAuthorized"), (error, text))
        error, text = self.call("openbravo", "EndChange", f"('{change['id']}', false, @a{{sv}} {{}})")
        self.assertEqual(error, "", text)
        wait_until(lambda: not self.changes(), "it is not rolled back")

        change = self.begin()
        for succeeded in ("true", "false"):
            error, text = self.call("openbravo", "EndChange",
                                    f"('{change}', {succeeded}, @a{{sv}} {{}})")
            self.assertTrue(error.endswith("NotAuthorized"), (error, text))
        self.assertEqual(len(self.changes()), 1)


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_guard")
