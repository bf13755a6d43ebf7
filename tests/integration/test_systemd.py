# SPDX-License-Identifier: GPL-3.0-or-later
"""The service under a systemd that was booted for it (tests/container): its own unit with all that
this forbids it, activated by the bus; the application as a unit, or started by commands, which then
run in transient units. The trees lie below /opt and /srv."""

import os
import re
import signal
from pathlib import Path

from harness import (DONE, NOT_AUTHORISED, PARTIAL, SANDBOX, Installation, InstallationTest,
                     compare, ctl, run, server, wait_until)
from tracer import Tracer

UNITS = Path("/run/systemd/system")
SERVICE = "obbackupd.service"
UNIT = "openbravo-test.service"
# Seconds that stopping and starting may take, where a test waits for them to pass.
LIMIT = 2

APPLICATION = """\
[Unit]
Description=The small application server of the tests

[Service]
Type=forking
User=openbravo
ExecStart={start}
ExecStop={stop}
TimeoutStopSec=60
"""

# The stop command says that it was called, and goes on when it may.
GATE = """\
[Service]
ExecStop=
ExecStop=/bin/sh -c ': > {run}/called; while [ ! -e {run}/may ]; do sleep 0.01; done'
"""


def systemctl(*words, status=0):
    done = run("systemctl", "--no-pager", *words)
    if status is not None and done.status != status:
        raise AssertionError(f"systemctl {words}: {done.status}\n{done.out}{done.err}")
    return done.out.strip()


def show(unit, name):
    return systemctl("show", "--value", f"--property={name}", unit)


def cgroup(process):
    """The unit's part of the path of its control group."""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "name=systemd" or (controllers == "" and path != "/"):
            return path
    return "/"


class SystemdTest(InstallationTest):
    """An installation below /opt and /srv."""

    @classmethod
    def make_installation(cls, name=None, **how):
        name = name or cls.__name__.lower()
        made = Installation(f"/srv/{name}", server(), database=name, size=cls.size,
                            odd_names=cls.odd_names)
        made.source = Path(f"/opt/{name}/OpenbravoERP")
        made.properties = made.source / "config" / "Openbravo.properties"
        cls.addClassCleanup(made.remove)
        return made.make()

    def setUp(self):
        super().setUp()
        self.cursor = self.journal("--lines=0", "--show-cursor").rpartition("cursor: ")[2].strip()

    # in the place of what the sandbox has

    @staticmethod
    def journal(*words):
        return run("journalctl", "--quiet", "--no-pager", *words).out

    def log(self):
        run("journalctl", "--sync")
        return self.journal("--unit", SERVICE, "--after-cursor", self.cursor)

    def exits(self):
        return [int(number) + (128 if how == "killed" else 0) for how, number in re.findall(
            r"Main process exited, code=(\w+), status=(\d+)", self.log())] if hasattr(
                self, "cursor") else []

    # what these tests do

    def application_pid(self):
        return int((self.installation.programs / "run" / "pid").read_text())

    def identity(self):
        """The application's process, so that one can see that it is still the same."""
        process = self.application_pid()
        return process, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]

    def assert_application_is_apart(self):
        process = self.application_pid()
        self.assertTrue(self.installation.application_runs())
        self.assertEqual(os.stat(f"/proc/{process}").st_uid, self.installation.uid)
        self.assertNotIn(SERVICE, cgroup(process))
        self.assertIn(SERVICE, cgroup(self.bus.service_pid()))
        # Nor in its sandbox.
        status = Path(f"/proc/{process}/status").read_text()
        self.assertRegex(status, r"NoNewPrivs:\s+0")
        self.assertRegex(Path(f"/proc/{self.bus.service_pid()}/status").read_text(),
                         r"NoNewPrivs:\s+1\n(?s:.*)Seccomp:\s+2")

    def assert_application_survives(self, action):
        before = self.identity()
        action()
        self.assertEqual(self.identity(), before)
        self.assertTrue(self.installation.application_runs())

    def restore(self, identifier):
        return self.succeeded(self.start_restore(identifier))

    def change(self):
        """Another state than that of the backup."""
        self.installation.query("UPDATE c_bpartner SET name = 'changed'")
        for tree in self.installation.trees().values():
            (tree / "changed.txt").write_text("changed")

    def go_there_and_back(self):
        before = self.describe()
        identifier = self.backup()
        self.change()
        first = self.identity()
        self.restore(identifier)
        self.assert_same_installation(before, self.describe())
        self.assertNotEqual(self.identity(), first)
        self.assert_application_is_apart()
        return identifier

    @staticmethod
    def restart():
        systemctl("restart", SERVICE)


class UnitTest(SystemdTest):
    """The application is a unit."""

    @classmethod
    def instance_words(cls, installation, application):
        start, stop = installation.application_commands()
        (UNITS / UNIT).write_text(APPLICATION.format(start=" ".join(start), stop=" ".join(stop)))
        cls.drop_ins = UNITS / f"{UNIT}.d"
        systemctl("daemon-reload")
        systemctl("start", UNIT)
        cls.addClassCleanup(systemctl, "stop", UNIT, status=None)
        return [*super().instance_words(installation, False), "--unit", UNIT]

    def drop_in(self, text):
        """Changes the unit for this test."""
        self.drop_ins.mkdir(exist_ok=True)
        file = self.drop_ins / "test.conf"
        file.write_text(text)
        systemctl("daemon-reload")

        def take_away():
            file.unlink()
            systemctl("daemon-reload")
            systemctl("reset-failed", UNIT, status=None)
            systemctl("start", UNIT)

        self.addCleanup(take_away)

    def limit(self):
        """Stopping and starting may take LIMIT seconds."""
        file = SANDBOX / "etc" / "obbackup.conf"
        before = file.read_text()

        def back():
            file.write_text(before)
            self.restart()

        file.write_text(before + f"\n[obbackup]\ncommand-timeout={LIMIT}\n")
        self.addCleanup(back)
        self.restart()


class Unit(UnitTest):
    def test_there_and_back(self):
        before = self.journal("--unit", UNIT, "--output=cat")
        self.go_there_and_back()
        self.assertEqual(show(UNIT, "ActiveState"), "active")
        told = self.journal("--unit", UNIT, "--output=cat")[len(before):]
        self.assertIn(f"Stopped {UNIT}", told)
        self.assertIn(f"Started {UNIT}", told)

    def test_undone(self):
        identifier = self.backup()
        self.change()
        before = self.describe()
        self.restore(identifier)
        self.succeeded(self.bus.manager("UndoRestore", "(sa{sv})", "erp", {})[0])
        self.assert_same_installation(before, self.describe())
        self.assert_application_is_apart()

    def test_service_ends(self):
        """However it ends, it does not take the application with it."""
        self.backup()
        for verb in ("restart", "stop", "start"):
            with self.subTest(verb=verb):
                self.assert_application_survives(lambda verb=verb: systemctl(verb, SERVICE))
        self.assert_application_survives(self.kill_and_see_it_again)
        self.assert_application_is_apart()

    def kill_and_see_it_again(self):
        """Nobody asks for it: systemd starts it again by itself."""
        self.expected_exits = (128 + signal.SIGKILL,)
        process = self.bus.service_pid()
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: self.bus.service_pid() not in (process, None), "it is not started again")

    def test_no_such_unit(self):
        self.addCleanup(self.ok, "instance", "edit", "erp", "--unit", UNIT)
        told = ctl("instance", "edit", "erp", "--unit", "no-such.service")
        self.assertRegex(told.err, 'systemd has no unit no-such.service.*"not-found"')

    def test_setup_proposes_it(self):
        self.addCleanup(ctl, "instance", "remove", "other")
        self.ok("setup", "--yes", "--name", "other", "--properties", self.installation.properties,
                "--no-schedule", "--no-backup", status=(DONE, PARTIAL))
        self.assertEqual(self.json("instance", "show", "other")["unit"], UNIT)

    def test_does_not_stop(self):
        """It is given up in time, and nothing is exchanged."""
        self.limit()
        identifier = self.backup()
        self.change()
        before = self.describe()
        self.drop_in(f"[Service]\nExecStop=\nExecStop=/bin/sleep 100\nTimeoutStopSec={LIMIT + 1}\n")
        path = self.start_restore(identifier)
        self.assertEqual(self.wait_job(path)["State"], "failed")
        error = self.bus.result(path)["error"]
        self.assertRegex(error, f"stop the unit {UNIT}: it is not done after {LIMIT} seconds")
        wait_until(self.installation.application_runs, "the application does not run again")
        self.assert_same_installation(before, self.describe())
        wait_until(lambda: show(UNIT, "ActiveState") == "active", "the unit is not active")

    def test_does_not_start(self):
        """With what was restored: then what was there before is put back, and starts."""
        broken = self.installation.source / "broken"
        broken.touch()
        identifier = self.backup()
        broken.unlink()
        self.change()
        before = self.describe()
        self.drop_in(f"[Service]\nExecStartPre=/bin/sh -c '! test -e {broken}'\n")
        path = self.start_restore(identifier)
        self.assertEqual(self.wait_job(path)["State"], "failed")
        error = self.bus.result(path)["error"]
        self.assertIn(f'start the unit {UNIT}: its job ended as "failed" (exit-code); '
                      f'"journalctl -u {UNIT}" tells more', error)
        self.assert_same_installation(before, self.describe())
        self.assert_application_is_apart()


class Killed(UnitTest):
    """The service is killed after it has stopped the application."""

    def setUp(self):
        super().setUp()
        self.expected_exits = (128 + signal.SIGKILL,)
        directory = self.installation.programs / "run"
        self.called, self.may = directory / "called", directory / "may"
        self.identifier = self.backup()
        self.backed_up = self.describe()
        self.change()
        self.before = self.describe()
        self.drop_in(GATE.format(run=directory))
        self.addCleanup(self.may.touch)

    def begin(self):
        for file in (self.called, self.may):
            file.unlink(missing_ok=True)
        self.start_restore(self.identifier)
        wait_until(self.called.exists, "the application is not stopped")
        return self.bus.service_pid()

    def kill_while_exchanging(self):
        process = self.begin()
        with Tracer(process, self.directory, "renameat2", "signal=KILL:when=2"):
            self.may.touch()
            wait_until(lambda: not Path(f"/proc/{process}").exists(), "it is not killed")
        self.assertFalse(self.installation.application_runs())

    def assert_ended(self):
        wait_until(lambda: not (Path("/var/lib/obbackup/restores") / "erp.json").exists(),
                   "the journal stays")
        wait_until(self.installation.application_runs, "the application does not run")
        wait_until(self.bus.service_pid, "the service does not run")
        self.may.touch()
        now = self.describe()
        one = compare.database_differences(self.before[0], now[0]) == []
        self.assert_same_installation(self.before if one else self.backed_up, now)
        self.assert_application_is_apart()

    def test_asked_for_at_once(self):
        self.kill_while_exchanging()
        self.bus.properties("/org/openbravo/Backup1", "")
        self.assert_ended()

    def test_nobody_asks(self):
        """systemd starts it again by itself."""
        self.kill_while_exchanging()
        self.assert_ended()

    def test_while_stopping(self):
        """What systemd was asked for goes on without the service."""
        process = self.begin()
        os.kill(process, signal.SIGKILL)
        self.may.touch()
        wait_until(lambda: not self.installation.application_runs(), "it is not stopped")
        systemctl("start", SERVICE)
        self.assert_ended()


class Commands(SystemdTest):
    """The application is started and stopped by commands."""

    application = True

    def test_there_and_back(self):
        self.go_there_and_back()
        self.assertRegex(cgroup(self.application_pid()), r"/obbackup-erp-start-\w+\.service$")
        for verb in ("restart", "stop", "start"):
            with self.subTest(verb=verb):
                self.assert_application_survives(lambda verb=verb: systemctl(verb, SERVICE))
        self.assert_application_is_apart()
        # And is stopped again where it is now.
        self.go_there_and_back()
        # systemd keeps the unit that the application lives in, and no other.
        told = systemctl("list-units", "--all", "--no-legend", "--plain", "obbackup-erp-*")
        self.assertRegex(told, r"^obbackup-erp-start-\w+\.service [^\n]*$")

    def test_fails(self):
        """What the command said last is told."""
        start, stop = (" ".join(words) for words in self.installation.application_commands())
        script = self.installation.programs / "refuse"
        script.write_text('#!/bin/sh\necho "no server $1" >&2\nexit 4\n')
        script.chmod(0o755)
        identifier = self.backup()
        self.ok("instance", "edit", "erp", "--start-command", start, "--stop-command",
                f"{script} '$HOME 100%'")
        self.addCleanup(self.ok, "instance", "edit", "erp", "--start-command", start,
                        "--stop-command", stop)
        path = self.start_restore(identifier)
        self.assertEqual(self.wait_job(path)["State"], "failed")
        self.assertRegex(self.bus.result(path)["error"],
                         r"refuse ended with status 4: no server \$HOME 100%")
        self.assertEqual(systemctl("list-units", "--all", "--no-legend", "obbackup-erp-stop*"), "")


class Hardened(SystemdTest):
    """What the unit leaves to the service is enough, and no more than that."""

    odd_names = True

    def test_policy(self):
        """polkit itself decides, and the service runs with what its unit leaves to it."""
        self.ok("list", user="openbravo")
        self.refused(NOT_AUTHORISED, "authori", "list", user="clerk")
        status = Path(f"/proc/{self.bus.service_pid()}/status").read_text()
        for name in re.findall(r"Cap(?:Eff|Prm|Bnd):\s+(\w+)", status):
            # Neither CAP_SYS_ADMIN nor CAP_SYS_PTRACE.
            self.assertEqual(int(name, 16) & (1 << 21 | 1 << 19), 0)

    def test_files_of_all_kinds(self):
        """Of any owner, with all that a file can have."""
        before, into = self.describe()[1], self.directory / "into"
        self.ok("restore", self.backup(), "--only", ",".join(before), "--into", into)
        for part, tree in before.items():
            with self.subTest(part=part):
                self.assert_same_tree(tree, compare.describe_tree(into / part))

    def test_drill(self):
        self.ok("verify", self.backup(), "--drill")


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_systemd")
