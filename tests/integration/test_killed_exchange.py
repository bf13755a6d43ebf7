# SPDX-License-Identifier: GPL-3.0-or-later
"""The service is killed at every step of the exchange: before each rename that it makes, of its journal
and of directories, and before each thing that it tells PostgreSQL, in a restore that keeps the
database's number, in one that does not, and in their undoing. Started again it ends each in the old or
in the new state, whole, and the application runs."""

import os
import random
import signal

from bus import BusError
from harness import LONG, InstallationTest, compare, ctl, server, wait_until
from survival import SEED
from tracer import Tracer

# Of the many moments a sample for CI, chosen by the seed.
SAMPLE = None if LONG else 2


class KilledTest(InstallationTest):
    application = True
    activation_key = None
    words = ()

    @classmethod
    def make_installation(cls, name=None, **how):
        return super().make_installation(name, activation_key=cls.activation_key, **how)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)
        cls.make_gate()
        cls.backed_up = cls.state()
        cls.identifier = None

    @classmethod
    def make_gate(cls):
        """The stop command says that it was called, and goes on when it may."""
        programs = cls.installation.programs
        cls.called, cls.may = programs / "run" / "called", programs / "run" / "may"
        gate = programs / "gate"
        stop = " ".join(cls.installation.application_commands()[1])
        gate.write_text(f"#!/bin/sh\n: > {cls.called}\n"
                        f"while [ ! -e {cls.may} ]; do sleep 0.01; done\nexec {stop}\n")
        gate.chmod(0o755)
        start = " ".join(cls.installation.application_commands()[0])
        done = ctl("instance", "edit", "erp", "--stop-command", gate, "--start-command", start)
        if done.status != 0:
            raise AssertionError(done.err)

    def setUp(self):
        super().setUp()
        self.expected_exits = (128 + signal.SIGKILL,)
        self.open_gate()
        if type(self).identifier is None:
            type(self).identifier = self.backup()

    def open_gate(self):
        self.may.touch()

    @classmethod
    def state(cls):
        database = compare.describe_database(server(), cls.installation.database)
        return {"database": database,
                **{part: compare.describe_tree(tree)
                   for part, tree in cls.installation.trees().items()}}

    def differences(self, one, other):
        return [f"{part}: {line}" for part in one for line in (
            compare.database_differences if part == "database" else
            compare.tree_differences)(one[part], other[part])]

    def number(self):
        return server().query("SELECT oid::bigint FROM pg_database WHERE datname = %s",
                              [self.installation.database])[0][0]

    def prepare(self):
        """Another state than the backup's; returns it."""
        ctl("release-previous", "erp", "--yes")
        self.assertEqual(self.beside(), set())
        stamp = str(self.random.random())
        self.installation.query("UPDATE c_bpartner SET name = %s", [stamp])
        for tree in self.installation.trees().values():
            (tree / "stamp.txt").write_text(stamp)
        return self.state()

    def begin(self):
        """Begins what is to be cut off; the path of its job."""
        raise NotImplementedError

    def trace(self, call, inject=None):
        """Runs it with strace on the service from the moment on that the application is stopped."""
        for file in (self.called, self.may):
            file.unlink(missing_ok=True)
        path, before = self.begin(), len(self.exits())
        wait_until(self.called.exists, "the application is not stopped")
        with Tracer(self.bus.service_pid(), self.directory, call, inject) as tracer:
            self.open_gate()
            if inject is None:
                self.wait_job(path)
            else:
                wait_until(lambda: len(self.exits()) > before, "it is not killed")
        return path, tracer

    def assert_ended(self, living, number, path):
        """After the service was started again, by being asked."""
        wait_until(lambda: self.is_known(path), "the service does not come back")
        wait_until(lambda: not self.journal().exists(), "the journal stays")
        self.assertTrue(self.installation.application_runs())
        now = self.state()
        from_living = self.differences(living, now)
        if from_living:
            self.assertEqual(self.differences(self.other, now), [], f"and: {from_living[:10]}")
        if self.activation_key is not None or not from_living:
            self.assertEqual(self.number(), number)
        self.assert_nothing_left(bool(from_living))

    def is_known(self, path):
        try:
            return self.bus.job(path)
        except BusError:
            return None

    def journal(self):
        return self.repository.parent.parent / "state" / "restores" / "erp.json"

    def assert_nothing_left(self, exchanged):
        """Besides what is kept."""
        self.assertEqual(len(self.beside()), 4 if exchanged else 0)

    def kill_at(self, call, number):
        living, oid = self.prepare(), self.number()
        path, _ = self.trace(call, f"signal=KILL:when={number}")
        self.assert_ended(living, oid, path)

    def try_all(self, call):
        self.prepare()
        path, tracer = self.trace(call)
        self.succeeded(path)
        n = tracer.calls()[0]
        self.assertGreater(n, 0)
        numbers = list(range(1, n + 1))
        if SAMPLE is not None:
            # Some of all, and one near the end, where what is not needed any more is removed.
            numbers = sorted({*self.random.sample(numbers, min(SAMPLE, n)),
                              self.random.randint(max(1, n - 10), n)})
        for number in numbers:
            with self.subTest(call=call, number=number, of=n):
                self.kill_at(call, number)


class RestoreTest(KilledTest):
    def begin(self):
        self.other = self.backed_up
        return self.start_restore(self.identifier)


class Restore(RestoreTest):
    def test_renames_of_files(self):
        self.try_all("renameat")

    def test_renames_of_directories(self):
        self.try_all("renameat2")

    def test_statements(self):
        self.try_all("sendto")


class Booted(RestoreTest):
    """The host stood still in the middle of the exchange, and starts the application when it starts:
    it does not run while the rest is exchanged."""

    def test_started_by_the_host(self):
        living, oid = self.prepare(), self.number()
        path, _ = self.trace("renameat2", "signal=KILL:when=1")
        self.installation.start_application()
        self.called.unlink()
        self.assert_ended(living, oid, path)
        self.assertTrue(self.called.exists(), "the application was not stopped")


class RestoreWithNumber(RestoreTest):
    activation_key = "a key"

    def test_renames_of_files(self):
        self.try_all("renameat")

    def test_statements(self):
        self.try_all("sendto")


class UndoTest(KilledTest):
    def prepare(self):
        """What is undone is a restore."""
        self.other = super().prepare()
        self.open_gate()
        self.succeeded(self.start_restore(self.identifier))
        return self.state()

    def begin(self):
        return self.bus.manager("UndoRestore", "(sa{sv})", "erp", {})[0]

    def assert_nothing_left(self, exchanged):
        self.assertEqual(len(self.beside()), 4)
        self.open_gate()
        self.ok("undo-restore", "erp", "--yes")


class Undo(UndoTest):
    def test_renames_of_files(self):
        self.try_all("renameat")

    def test_renames_of_directories(self):
        self.try_all("renameat2")

    def test_statements(self):
        self.try_all("sendto")


class UndoWithNumber(UndoTest):
    activation_key = "a key"

    def test_statements(self):
        self.try_all("sendto")


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_killed_exchange")
