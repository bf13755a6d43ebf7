# SPDX-License-Identifier: GPL-3.0-or-later
"""System calls of the service fail in the middle of a backup, one after another, and disks fill up at
any byte: the backup fails and says why, or is what it says it is, and the repository survives."""

import os
import signal
import subprocess

from bus import BusError
from disks import Disk
from harness import LONG, SANDBOX, ctl, wait_until
from survival import CHANGED, SurvivalTest
from tracer import Tracer

# What each call is made to fail with. The first is the one that CI tries.
CALLS = {
    "fsync": ("EIO", "ENOSPC"),
    "renameat": ("EIO", "ENOSPC"),
    "pwrite64": ("EIO", "ENOSPC"),
    "writev": ("ENOSPC", "EIO"),
    "write": ("ENOSPC", "EIO"),
    "openat": ("EIO", "EMFILE", "ENOSPC"),
    "openat2": ("EIO", "EMFILE", "ENOSPC"),
    "pread64": ("EIO",),
    "read": ("EIO",),
    "getdents64": ("EIO",),
    "statx": ("EIO",),
    "newfstatat": ("EIO",),
    "unlinkat": ("EIO",),
    "mkdirat": ("ENOSPC",),
    "memfd_create": ("ENOMEM",),
    "sync_file_range": ("EIO",),
}
# strace counts the calls of each thread by itself: the job's threads begin with the job. Whichever
# comes to this number is tried; beyond it, those of a thread are like the others before.
MOST = 12
SAMPLE = 4
FILLINGS = 24 if LONG else 3


class Calls(SurvivalTest):
    def setUp(self):
        super().setUp()
        self.good_backup()

    def ask(self):
        """Starts a backup; or what kept the service from it, which may be struck while it asks the bus
        who that is."""
        try:
            return self.start_backup(), None
        except BusError as error:
            return None, error

    def try_fault(self, call, error, number):
        """A backup in which this call fails; returns how many did."""
        self.change()
        before = self.listed()
        with Tracer(self.bus.service_pid(), self.directory, call,
                    f"error={error}:when={number}") as tracer:
            path, refusal = self.ask()
            job = self.wait_job(path) if path else None
        struck = tracer.struck()
        if refusal is not None:
            self.assertTrue(struck, refusal)
            self.assert_survived(before)
            return "refused", len(struck)
        result = self.bus.result(path)
        told = f"{job['State']} {result.get('error', '')}\n{struck[:5]}"
        self.assertIn(job["State"], ("succeeded", "partial", "failed"), told)
        if job["State"] == "failed":
            self.assertTrue(struck, told)
            self.assertGreater(len(result["error"]), 20, told)
            self.assertEqual(self.listed(), before, told)
        elif job["State"] == "partial":
            # It lacks something of this state, and says so.
            self.assertTrue(job["Warnings"] or result.get("warnings"), told)
            self.expected[result["id"]] = None
        self.assert_survived(before)
        return job["State"], len(struck)

    def test_every_call(self):
        faults = [(call, error, number) for call, errors in CALLS.items()
                  for error in errors[:None if LONG else 1] for number in range(1, MOST + 1)]
        if not LONG:
            faults = self.random.sample(faults, SAMPLE)
        states = {}

        def try_one(fault):
            state, struck = self.try_fault(*fault)
            key = (fault[0], state if struck else "not reached")
            states[key] = states.get(key, 0) + 1

        self.rounds(faults, try_one)
        for (call, state), n in sorted(states.items()):
            print(f"{call:16} {state:12} {n}")


class Filling(SurvivalTest):
    """The destination has room for this many bytes more, and then none: writes are cut short."""

    destination = "small"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.disk = Disk(SANDBOX / "work", 400)
        cls.enterClassContext(cls.disk)
        cls.repository = cls.disk.path / "repository"

    def passphrase(self):
        return (SANDBOX / "etc" / "keys" / "small.key").read_text().rstrip("\n")

    def fill(self, room):
        self.change()
        before = self.listed()
        ballast = self.disk.path / "ballast"
        status = os.statvfs(self.disk.path)
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0,
                               max(4096, status.f_bavail * status.f_frsize - room))
        path = self.start_backup(destination="small")
        job = self.wait_job(path)
        if job["State"] != "succeeded":
            self.assertEqual(job["State"], "failed")
            self.assertEqual(job["ErrorName"], "NoSpace", self.bus.result(path))
            self.assertEqual(self.listed(), before)
        ballast.unlink()
        self.assert_survived(before)

    def test_any_room(self):
        self.ok("destination", "add", "small", "--path", self.repository)
        self.addCleanup(ctl, "destination", "remove", "small")
        self.good_backup()
        self.rounds([self.random.randrange(CHANGED + (CHANGED >> 3)) for _ in range(FILLINGS)],
                    self.fill)
        self.restart_service()
