#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""busy.py SEED SECONDS INSTANCE SOURCE

Backs the sources of an instance up again and again through the service of its sandbox, each time
changed, deletes its older backups and prunes, and prints as JSON what came of it. Somebody else
may do the same at the same repository, so a deletion and a prune may find it locked; a backup
must not fail."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

BUSY = 6
KEPT = 3


class Busy:
    def __init__(self, seed, instance, source):
        self.random = random.Random(seed)
        self.instance = instance
        self.directory = Path(source) / "blobs"
        self.directory.mkdir(exist_ok=True)
        self.told = {"made": [], "deleted": [], "pruned": 0, "freed": 0, "busy": 0, "failed": []}

    def ctl(self, *words):
        """The result; None where the repository was locked or it failed, which is told."""
        done = subprocess.run(["obbackupctl", *words, "--json"], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        if done.returncode == BUSY and words[0] != "backup":
            self.told["busy"] += 1
        else:
            self.told["failed"].append([words, done.returncode, done.stdout[-500:], done.stderr])
        return None

    def back_up(self):
        for _ in range(3):
            file = self.directory / f"{self.random.randrange(20)}.bin"
            file.write_bytes(self.random.randbytes(self.random.randrange(1 << 20)))
        result = self.ctl("backup", self.instance, "--only", "sources")
        if result:
            self.told["made"].append(result["id"])

    def delete(self):
        left = [name for name in self.told["made"] if name not in self.told["deleted"]]
        if len(left) > KEPT:
            result = self.ctl("delete", "--yes", *left[:-KEPT])
            if result:
                self.told["deleted"] += result["removed"]

    def prune(self):
        result = self.ctl("prune")
        if result:
            self.told["pruned"] += 1
            self.told["freed"] += result["freed"]

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(3):
                self.back_up()
                # A moment for those who need the repository for themselves.
                time.sleep(self.random.uniform(0, 0.5))
            self.delete()
            self.prune()
        return self.told


def main(seed, seconds, instance, source):
    json.dump(Busy(seed, instance, source).run(float(seconds)), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
