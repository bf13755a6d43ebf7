# SPDX-License-Identifier: GPL-3.0-or-later
"""The destination's file system loses its power in the middle of a backup, with all that was not
synced: what is there afterwards is a repository that restic calls correct, every backup that was
reported as done is whole, and the next one goes on."""

import time

from disks import LosingDisk
from harness import LONG, SANDBOX, ctl, wait_until
from survival import SurvivalTest

LOSSES = 40 if LONG else 2


class PowerLoss(SurvivalTest):
    kind = "ext4"
    destination = "losing"

    def passphrase(self):
        return (SANDBOX / "etc" / "keys" / "losing.key").read_text().rstrip("\n")

    def lose(self, disk):
        """The power goes. Nothing that the service has open may keep the file system busy."""
        disk.lose_power()
        self.kill_service()
        wait_until(lambda: self.try_to(disk.come_back), "the file system does not come back")

    @staticmethod
    def try_to(function):
        try:
            function()
            return True
        except Exception:  # umount while the last process ends
            return False

    def lose_in_backup(self, disk, moment):
        before = self.listed()
        self.change()
        path = self.start_backup(destination="losing")
        deadline = time.monotonic() + moment
        wait_until(lambda: time.monotonic() > deadline
                   or self.bus.job(path)["State"] not in ("queued", "running"), "no moment came")
        if self.bus.job(path)["State"] == "succeeded":
            before.add(self.bus.result(path)["id"])
            self.expected[self.bus.result(path)["id"]] = self.trees()
        self.lose(disk)
        self.assert_survived(before)

    def test_backup(self):
        with LosingDisk(self.directory, 1500, self.kind) as disk:
            self.repository = disk.path / "repository"
            self.ok("destination", "add", "losing", "--path", self.repository)
            self.addCleanup(ctl, "destination", "remove", "losing")
            # What the command said is done is done, whatever comes.
            self.lose(disk)
            self.good_backup()
            self.lose(disk)
            self.change()
            start = time.monotonic()
            self.good_backup()
            seconds = time.monotonic() - start
            self.rounds([self.random.uniform(0, seconds) for _ in range(LOSSES)],
                        lambda moment: self.lose_in_backup(disk, moment))
            self.ok("destination", "remove", "losing")
            self.restart_service()


class PowerLossOfXfs(PowerLoss):
    kind = "xfs"
