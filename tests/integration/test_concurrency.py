# SPDX-License-Identifier: GPL-3.0-or-later
"""Two services, each with directories, a bus and a view of process numbers of its own, and restic
beside them, at work on one repository: every backup succeeds, prunes come through, and what is
there at the end is whole."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from harness import (FINAL, LONG, SANDBOX, SOURCE, InstallationTest, Size, compare, run,
                     unittest, wait_until)

SECONDS = 60 if LONG else 10
SEED = 20250612
BUSY_PROGRAM = Path(__file__).resolve().parent.parent / "lib" / "busy.py"


class ConcurrencyTest(InstallationTest):
    size = Size.tiny()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.make_installation("second")

    def second_service(self, script):
        """Starts a shell script beside another service with its own sandbox."""
        passphrase = self.directory / "passphrase"
        passphrase.write_text(self.passphrase())
        passphrase.chmod(0o600)
        begin = (f"obbackupctl instance add other --properties {self.second.properties} "
                 f"--webapp {self.second.webapp} >&2 && "
                 f"obbackupctl destination add shared --path {self.repository} "
                 f"--passphrase-file {passphrase} >&2 && ")
        return subprocess.Popen([SOURCE / "tests" / "sandbox", self.directory / "sandbox", "--",
                                 "bash", "-c", begin + script], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait(self, process):
        out, err = process.communicate(timeout=1200)
        self.assertEqual(process.returncode, 0, out + err)
        return out


class Restic(threading.Thread):
    """Backs up by restic again and again; where it finds a lock it is tried again."""

    def __init__(self, test, seconds):
        super().__init__()
        self.test = test
        self.end = time.monotonic() + seconds
        self.directory = test.directory / "restics"
        self.directory.mkdir()
        self.environment = {"RESTIC_PASSWORD": test.passphrase()}
        self.random = random.Random(SEED)
        self.made = 0
        self.locked = 0
        self.failed = []

    def run(self):
        while time.monotonic() < self.end and not self.failed:
            (self.directory / "file").write_bytes(self.random.randbytes(1 << 20))
            self.back_up()
            time.sleep(self.random.uniform(0, 1))

    def back_up(self):
        while True:
            done = run("restic", "--no-cache", "--repo", self.test.repository, "backup",
                       self.directory, environment=self.environment)
            if done.status == 0:
                self.made += 1
                return
            if "locked" not in done.err:
                self.failed.append(done)
                return
            self.locked += 1
            time.sleep(self.random.uniform(0.1, 0.5))


class Together(ConcurrencyTest):
    def assert_told(self, told):
        self.assertEqual(told["failed"], [])
        self.assertGreater(len(told["made"]), 3)
        print(f"# {len(told['made'])} backups, {len(told['deleted'])} deleted, {told['pruned']} "
              f"prunes freed {told['freed']} bytes, {told['busy']} times locked", file=sys.stderr)

    def test_all_at_once(self):
        words = ["/usr/bin/python3", "-B", BUSY_PROGRAM]
        other = self.second_service(
            f"{' '.join(map(str, words))} {SEED + 1} {SECONDS} other {self.second.source}")
        wait_until(lambda: (self.directory / "sandbox" / "etc" / "destinations" /
                            "shared.conf").exists() or other.poll() is not None, "no second service")
        restic = Restic(self, SECONDS)
        restic.start()
        done = run(*words, SEED, SECONDS, "erp", self.installation.source)
        restic.join()
        told = [json.loads(done.out), json.loads(self.wait(other))]

        for one in told:
            self.assert_told(one)
        self.assertEqual(restic.failed, [])
        self.assertGreater(restic.made, 0)
        self.assertGreater(sum(one["pruned"] for one in told), 0)
        left = {name for one in told for name in one["made"] if name not in one["deleted"]}
        found = self.backups()
        self.assertLessEqual(left, set(found))
        self.assertEqual(len(found), len(left) + restic.made)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.ok("prune", "--max-unused", "0")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        for installation, one in ((self.installation, told[0]), (self.second, told[1])):
            target = self.directory / "back"
            self.restic("restore", one["made"][-1], "--target", target)
            self.assert_same_tree(compare.describe_tree(installation.source),
                                  compare.describe_tree(target / "sources"))
            shutil.rmtree(target)


class Respected(ConcurrencyTest):
    def test_backup_elsewhere_keeps_a_prune_away(self):
        """What another service has under way is neither seen as garbage nor cut off."""
        big = self.second.source / "big.bin"
        big.write_bytes(random.Random(SEED).randbytes(200 << 20))
        self.addCleanup(big.unlink)
        self.backup("--only", "webapp")
        other = self.second_service("obbackupctl backup other --only sources --json")
        wait_until(lambda: list((self.repository / "locks").iterdir()) or other.poll() is not None,
                   "it does not begin")
        path = self.bus.manager("Prune", "(sa{sv})", "disk", {})[0]
        self.succeeded(path)
        identifier = json.loads(self.wait(other).splitlines()[-1])["id"]
        self.assertIn(identifier, self.backups())
        self.restic("check", "--read-data")

    def test_what_another_pruned_is_known_at_once(self):
        """The index in memory follows: a backup does not build on what is there no more."""
        content = random.Random(SEED + 7).randbytes(5 << 20)
        file = self.installation.source / "comes and goes"
        file.write_bytes(content)
        self.addCleanup(file.unlink)
        first = self.backup("--only", "sources")
        file.write_bytes(b"")
        self.backup("--only", "sources")
        self.wait(self.second_service(f"obbackupctl delete --yes {first} >&2 && "
                                      "obbackupctl prune --max-unused 0 >&2"))
        file.write_bytes(content)
        again = self.json("backup", "erp", "--only", "sources")
        self.assertGreater(again["stored"], 5 << 20)
        self.restic("check", "--read-data")
        self.ok("restore", again["id"], "--into", self.directory / "into")
        self.assertEqual((self.directory / "into" / "sources" / "comes and goes").read_bytes(),
                         content)


class Paused(InstallationTest):
    """The machine stands still while a backup runs, as a virtual one may, and does not know it."""

    size = Size.tiny()

    def test_what_is_pruned_meanwhile(self):
        """Others took its lock for stale, and what it built on is gone: it is no backup, and the
        next one is not misled."""
        content = random.Random(SEED + 8).randbytes(5 << 20)
        file = self.installation.source / "comes and goes"
        file.write_bytes(content)
        first = self.backup("--only", "sources")
        file.write_bytes(b"")
        second = self.backup("--only", "sources")
        self.restic("forget", first)
        file.write_bytes(content)
        (self.installation.source / "big.bin").write_bytes(os.urandom(300 << 20))

        path = self.start_backup(parts=["sources"])
        wait_until(lambda: self.bus.job(path)["BytesDone"] > 10 << 20
                   or self.bus.job(path)["State"] in FINAL, "it reads nothing")
        process = self.bus.service_pid()
        os.kill(process, signal.SIGSTOP)
        try:
            for lock in (self.repository / "locks").iterdir():
                lock.unlink()
            self.restic("prune", "--max-unused", "0")
        finally:
            os.kill(process, signal.SIGCONT)
        job = self.wait_job(path)
        self.assertEqual((job["State"], job["ErrorName"].rpartition(".")[2]), ("failed", "Locked"))
        self.assertEqual(self.backups(), [second])

        again = self.backup("--only", "sources")
        self.assertEqual(self.json("verify", "--read-data")["n-problems"], 0)
        self.restic("check", "--read-data")
        self.ok("restore", again, "--into", self.directory / "into")
        self.assertEqual((self.directory / "into" / "sources" / "comes and goes").read_bytes(),
                         content)


if __name__ == "__main__":
    unittest.main()
