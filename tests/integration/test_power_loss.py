# SPDX-License-Identifier: GPL-3.0-or-later
"""The destination's file system loses its power in the middle of a backup, with all that was not
synced: what is there afterwards is a repository that restic calls correct, every backup that was
reported as done is whole, and the next one goes on."""

import os
import random
import time

from disks import LosingDisk
from harness import LONG, InstallationTest, Size, ctl, wait_until

LOSSES = 40 if LONG else 5
SEED = 20260117


class PowerLoss(InstallationTest):
    size = Size(orders=300, images=10, image_bytes=100_000, source_files=300, webapp_files=40,
                attachments=40, extra_tables=10, large_file=20 << 20, sparse_file=1 << 20)
    odd_names = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)

    def change(self):
        (self.installation.source / "big.bin").write_bytes(self.random.randbytes(30 << 20))
        self.installation.query("UPDATE c_bpartner SET name = %s", [str(self.random.random())])

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

    def test_backup(self):
        with LosingDisk(self.directory, 900) as disk:
            repository = disk.path / "repository"
            self.ok("destination", "add", "losing", "--path", repository)
            self.addCleanup(ctl, "destination", "remove", "losing")
            key = (self.directory.parent.parent / "etc" / "keys" / "losing.key").read_text().strip()
            # What the command said is done is done, whatever comes.
            self.lose(disk)
            done = {self.json("backup", "erp", "--to", "losing")["id"]}
            self.change()
            start = time.monotonic()
            done.add(self.json("backup", "erp", "--to", "losing")["id"])
            seconds = time.monotonic() - start
            for number in range(LOSSES):
                with self.subTest(number=number):
                    self.change()
                    path = self.start_backup(destination="losing")
                    deadline = time.monotonic() + self.random.uniform(0, seconds)
                    wait_until(lambda: time.monotonic() > deadline
                               or self.bus.job(path)["State"] != "running", "no moment came")
                    if self.bus.job(path)["State"] == "succeeded":
                        done.add(self.bus.result(path)["id"])
                    self.lose(disk)
                    self.restic("unlock", "--remove-all", repository=repository, passphrase=key)
                    self.restic("check", repository=repository, passphrase=key)
                    listed = {backup["id"] for backup in self.json(
                        "list", "--from", "losing")["backups"]}
                    self.assertLessEqual(done, listed)
            done.add(self.json("backup", "erp", "--to", "losing")["id"])
            self.restic("check", "--read-data", repository=repository, passphrase=key)
            self.ok("restore", self.random.choice(sorted(done)), "--from", "losing", "--into",
                    self.directory / "new")
            self.assertTrue(os.listdir(self.directory / "new" / "sources"))
            self.ok("destination", "remove", "losing")
            self.restart_service()
