# SPDX-License-Identifier: GPL-3.0-or-later
"""What many clients cost the service while it works; that it does not grow with what it does."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import process
from bus import BusError
from harness import (FAILED, LONG, NAME, ROOT, SANDBOX, SOURCE, UNAVAILABLE, InstallationTest, Size,
                     calls_as, ctl, identity, unittest, wait_until)

TEXT_FILES, TEXT_BYTES = 12, 32 << 20
READERS, CALLERS = 45, 5
FINISHED_JOBS = 12
ROUNDS = 40 if LONG else 12
KEPT_JOBS = 50
PAIRS = 9 if LONG else 2
MOST_PAIRS = 9 if LONG else 6
MOST_COST = 0.05
MOST_RATIO = 1.25
MOST_GROWTH = 4 << 20
# For each round. What is freed is not always given back, but less and less stays.
MOST_GROWTH_OF_A_ROUND = (8 if LONG else 32) << 10
# The records of jobs are not all of one length.
MOST_GROWTH_OF_STATE = 128 << 10


SANITIZED = any(name in os.environ for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"))


class LoadTest(InstallationTest):
    size = Size.tiny()

    def check_often(self, times):
        for _ in range(times):
            self.wait_job(self.bus.call(f"{ROOT}/instances/erp", f"{NAME}.Instance", "Check",
                                        "(a{sv})", {})[0])


@unittest.skipIf(SANITIZED, "the sanitizers cost more than any client")
class Clients(LoadTest):
    """CPU seconds are compared, not times. The service has the processors before the clients and
    whatever else the machine does, as far as that can be had."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for number in range(TEXT_FILES):
            # Digits: they compress to half, so most of a backup is work and not writing.
            (cls.installation.source / f"digits-{number}").write_text(
                os.urandom(TEXT_BYTES // 2).hex())

    def setUp(self):
        super().setUp()
        self.repository = SANDBOX / "repositories" / "fresh"

    def fill_history(self):
        """Jobs that have ended: who asks for all objects gets them, too."""
        for _ in range(FINISHED_JOBS):
            self.wait_job(self.bus.call(f"{ROOT}/instances/erp", f"{NAME}.Instance", "Check",
                                        "(a{sv})", {})[0])

    def start_clients(self):
        program = SANDBOX / "programs" / "clients.py"
        program.parent.mkdir(exist_ok=True)
        shutil.copy(SOURCE / "tests" / "lib" / "clients.py", program)
        program.chmod(0o644)
        started = []
        for user, words in (("clerk", [READERS]), ("root", [CALLERS, "methods"])):
            client = subprocess.Popen(
                ["/usr/bin/python3", "-B", program, *map(str, words)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, **identity(user))
            started.append(client)
            self.addCleanup(client.kill)
            self.assertEqual(client.stdout.readline(), "ready\n")
        return started

    def stop_clients(self, clients, seconds):
        """They must have been there all the time, and all of their calls have been answered."""
        for client, number in zip(clients, (READERS, CALLERS)):
            told = json.loads(client.communicate()[0])
            failed = [name for name in told if ":" in name]
            self.assertEqual(failed, [], told)
            self.assertGreater(told["GetManagedObjects"] + told["GetAll"], seconds * number, told)
            self.assertEqual(told["JobFinished"], number, told)
            self.assertGreaterEqual(told["Progress"], number, told)
            self.assertGreaterEqual(told["PropertiesChanged"], number, told)

    def measure(self, with_clients):
        """The CPU seconds of the service, without those of its children, for a backup into a
        repository of its own: of all threads, and, for a second of it, of those that serve the
        bus."""
        self.ok("destination", "add", "fresh", "--path", self.repository)
        clients = self.start_clients() if with_clients else []
        service = self.bus.service_pid()
        began = time.monotonic()
        before = process.cpu_seconds(service), process.serving_seconds(service)
        path = self.start_backup(destination="fresh")
        wait_until(lambda: time.sleep(0.2) or self.bus.job(path)["EndTime"], "it does not end", 600)
        spent = process.cpu_seconds(service) - before[0]
        serving = process.serving_seconds(service) - before[1]
        seconds = time.monotonic() - began
        self.succeeded(path)
        self.assertEqual(self.bus.objects()[path][f"{NAME}.Job"], self.bus.job(path))
        self.stop_clients(clients, seconds)
        self.ok("destination", "remove", "fresh")
        shutil.rmtree(self.repository)
        who = "50 clients" if with_clients else "nobody"
        print(f"# {who}: {spent:.2f} CPU s, {serving:.2f} of them for the bus, in {seconds:.1f} s, "
              f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        return spent, serving / seconds

    def test_fifty(self):
        """What the clients cost is seen in the threads that serve the bus: the work of the others
        takes some percent more or less from run to run, more than all clients together. They ask by
        the clock, and how long a backup takes depends on what else the machine does, so the cost is
        that of a second; a backup that has the machine for itself spends more than one CPU second
        in it. What disturbs only adds, so the least of each counts, and where the machine disturbs
        much there are more pairs: no number of them hides what the clients really cost. The sum of
        all threads tells, within its noise, that nothing hides in the others."""
        # Who asks for all objects gets those of jobs that have ended, too.
        self.check_often(FINISHED_JOBS)
        service = self.bus.service_pid()
        process.prefer(service)
        alone, beside, memory = [], [], []
        cost = ratio = math.inf
        while len(memory) < PAIRS or (
                len(memory) < MOST_PAIRS and (cost >= MOST_COST or ratio >= MOST_RATIO)):
            alone.append(self.measure(False))
            beside.append(self.measure(True))
            memory.append(process.resident_bytes(service))
            cost = min(rate for _, rate in beside) - min(rate for _, rate in alone)
            ratio = min(spent for spent, _ in beside) / min(spent for spent, _ in alone)
        print(f"# {len(memory)} pairs: the clients cost {cost:.1%} of a core; all of it is "
              f"{ratio:.3f} times as much", file=sys.stderr)
        self.assertLess(cost, MOST_COST, (alone, beside))
        self.assertLess(ratio, MOST_RATIO, (alone, beside))
        self.assertLess(memory[-1] - memory[0], MOST_GROWTH, memory)


class Day(LoadTest):
    """The jobs of a day and more, one after the other, of all kinds and with all ends."""

    def setUp(self):
        super().setUp()
        # Nobody else's files are in there.
        temporary = SANDBOX / "tmp"
        temporary.mkdir()
        environment = SANDBOX / "service.env"
        before = environment.read_text()
        environment.write_text(f"{before}TMPDIR='{temporary}'\n")
        self.addCleanup(environment.write_text, before)
        hooks = SANDBOX / "etc" / "hooks.d"
        hooks.mkdir()
        self.addCleanup(shutil.rmtree, hooks)
        (hooks / "hook").write_text("#!/bin/sh\nexec cat > /dev/null\n")
        (hooks / "hook").chmod(0o755)
        self.ok("schedule", "add", "nightly", "--at", "*-01-01 00:00", "--keep-last", "2",
                "--verify", "10%")
        self.addCleanup(ctl, "schedule", "remove", "nightly")
        self.restart_service()
        self.service = self.bus.service_pid()
        self.jobs = 0

    def cancel_one(self):
        """One that runs, or has ended already, and one that waits for it."""
        paths = [self.start_backup(), self.start_backup()]
        for path in reversed(paths):
            try:
                self.bus.cancel(path)
            except BusError:
                pass
        for path in paths:
            self.jobs += 1
            self.wait_job(path)

    def fail_twice(self):
        hidden = self.repository.with_name("hidden")
        self.repository.rename(hidden)
        try:
            self.refused(UNAVAILABLE, "", "backup", "erp")
        finally:
            hidden.rename(self.repository)
        self.refused(FAILED, "", "restore", "latest", "--into-database",
                     self.installation.database)
        self.jobs += 2

    def denied(self):
        (name, _), = calls_as("clerk", [(ROOT, NAME, "Backup", "('erp', @a{sv} {})", 0)])
        self.assertEqual(name, "NotAuthorized")

    def round(self, number):
        for words in (["backup", "erp"], ["verify"], ["list"], ["schedule", "run", "nightly"],
                      ["backup", "erp", "--only", "sources"], ["verify", "--read-data"],
                      ["retention", "nightly", "--yes"], ["prune", "--max-unused", "0"],
                      ["restore", "latest", "--only", "sources", "--into", self.directory / "into"],
                      ["instance", "check", "erp"], ["destination", "check", "disk"]):
            self.ok(*words)
            self.jobs += words[0] != "list"
        shutil.rmtree(self.directory / "into")
        (self.installation.source / "changes").write_text(str(number))
        self.cancel_one()
        self.fail_twice()
        self.denied()
        if number % 5 == 0:
            self.ok("verify", "latest", "--drill")
            self.jobs += 1
        # Nothing else deletes what was not made by a schedule.
        manual = [backup["id"] for backup in self.json("list")["backups"]
                  if backup["kind"] == "manual"]
        self.ok("delete", "--yes", *manual)
        self.jobs += 1

    def sample(self):
        wait_until(lambda: not process.children(self.service), "children are left")
        files = [file for file in (SANDBOX / "state").rglob("*") if file.is_file()]
        return {
            "memory": process.resident_bytes(self.service),
            "descriptors": process.descriptors(self.service),
            "threads": process.thread_names(self.service),
            "state files": sorted(re.sub(r"[0-9a-f]{64}|\d+", "N", str(file)) for file in files),
            "state bytes": sum(file.stat().st_size for file in files),
            "left": sorted(str(file) for name in ("tmp", "run", "cache")
                           for file in (SANDBOX / name).rglob("*") if file.is_file()),
            "shared": sorted(os.listdir("/dev/shm")) + Path("/proc/sysvipc/shm").read_text().split(
                "\n")[1:-1],
        }

    def test_nothing_grows(self):
        self.check_often(KEPT_JOBS)
        samples = []
        for number in range(ROUNDS):
            self.round(number)
            samples.append(self.sample())
        # In the first half it still learns how much it needs.
        warm, last = samples[ROUNDS // 2 - 1:][:3], samples[-3:]
        most_memory = (ROUNDS // 2 - 2) * MOST_GROWTH_OF_A_ROUND
        print(f"# {self.jobs} jobs: memory {[sample['memory'] >> 10 for sample in samples]} KiB, "
              f"state {[sample['state bytes'] >> 10 for sample in samples]} KiB, "
              f"{len(last[0]['descriptors'])} descriptors, {len(last[0]['threads'])} threads",
              file=sys.stderr)
        self.assertEqual(self.bus.service_pid(), self.service)
        # A build that looks for leaks tells of them when it ends.
        self.kill_service(signal.SIGTERM)
        for what in ("descriptors", "threads", "state files", "left", "shared"):
            least = min((sample[what] for sample in last), key=len)
            most = max((sample[what] for sample in warm), key=len)
            self.assertLessEqual(len(least), len(most), f"{what}: {most}\nthen {least}")
        # The sanitizers keep what is freed, and tell of what is lost by themselves.
        for what, most in (("memory", float("inf") if SANITIZED else most_memory),
                           ("state bytes", MOST_GROWTH_OF_STATE)):
            grown = min(sample[what] for sample in last) - min(sample[what] for sample in warm)
            self.assertLess(grown, most, f"{what}: {[sample[what] for sample in samples]}")


if __name__ == "__main__":
    unittest.main()
