# SPDX-License-Identifier: GPL-3.0-or-later
"""What many clients cost the service while it works."""

import json
import os
import shutil
import subprocess
import sys
import time

import process
from harness import (LONG, NAME, ROOT, SANDBOX, SOURCE, InstallationTest, Size, identity, unittest,
                     wait_until)

TEXT_FILES, TEXT_BYTES = 12, 32 << 20
READERS, CALLERS = 45, 5
FINISHED_JOBS = 20
PAIRS = 9 if LONG else 3
MOST_COST = 0.05
MOST_RATIO = 1.25
MOST_GROWTH = 4 << 20


class Clients(InstallationTest):
    """CPU seconds are compared, not times. The service has the processors before the clients and
    whatever else the machine does, as far as that can be had."""

    size = Size.tiny()

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
        """They must have been there all the time, and all of their calls must have been answered."""
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
        repository of its own: of all threads, and of those that serve the bus for a second of it."""
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
        print(f"# {'50 clients' if with_clients else 'nobody'}: {spent:.2f} CPU s, {serving:.2f} of "
              f"them for the bus, in {seconds:.1f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        return spent, serving / seconds

    def test_fifty(self):
        """What the clients cost is seen in the threads that serve the bus: the work of the others
        takes some percent more or less from run to run, more than all clients together. They ask by
        the clock, and how long a backup takes depends on what else the machine does, so the cost is
        that of a second; a backup that has the machine for itself spends more than one CPU second
        in it. What disturbs only adds, so the least of each counts. The sum of all threads tells,
        within its noise, that nothing hides in the others."""
        self.fill_history()
        service = self.bus.service_pid()
        process.prefer(service)
        alone, beside, memory = [], [], []
        for _ in range(PAIRS):
            alone.append(self.measure(False))
            beside.append(self.measure(True))
            memory.append(process.resident_bytes(service))
        cost = min(rate for _, rate in beside) - min(rate for _, rate in alone)
        ratio = min(spent for spent, _ in beside) / min(spent for spent, _ in alone)
        print(f"# {PAIRS} pairs: the clients cost {cost:.1%} of a core; all of it is {ratio:.3f} times "
              "as much", file=sys.stderr)
        self.assertLess(cost, MOST_COST, (alone, beside))
        self.assertLess(ratio, MOST_RATIO, (alone, beside))
        self.assertLess(memory[-1] - memory[0], MOST_GROWTH, memory)


if __name__ == "__main__":
    unittest.main()
