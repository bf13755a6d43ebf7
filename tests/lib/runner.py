# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the unit tests and beside them the integration tests, several modules of these at once, since
much of a test is waiting; prints a line as each ends, tells of the failures at the end, and ends
with "N passed, N failed"."""

import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ["OBBACKUP_BUILD"])
LONG = os.environ.get("OBBACKUP_LONG") == "1"
AT_ONCE = min(4, (os.cpu_count() or 1) + 2)
# What takes longer: ThreadSanitizer costs five to fifteen times the processor's time.
SLOW = LONG or "TSAN_OPTIONS" in os.environ
SECONDS_A_MODULE = 4 * 3600 if SLOW else 1800
LINES_A_FAILURE = 30
# The longest first, so that at the end nothing is waited for alone.
FIRST = ["test_faults", "test_package", "test_s3", "test_schedules", "test_killed_exchange",
         "test_exchange", "test_prune", "test_guard"]
# In a container that systemd boots, with these options of it; all others in a sandbox.
BOOTED = {"test_systemd": [], "test_package": ["--bare"]}
# What tests/container ends with where this machine cannot boot one, and says why.
IMPOSSIBLE = 77


class Report:
    """Counts, prints and keeps what has failed; from any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failures = []

    def add(self, name, outcome, seconds=0.0, text="", points=1):
        with self.lock:
            if outcome == "FAIL":
                self.failures.append((name, text))
            elif outcome == "ok":
                self.passed += points
            reason = f"  ({text})" if outcome == "skip" else ""
            print(f"{outcome:4}  {name}  {seconds:.1f} s{reason}", flush=True)

    def end(self):
        for name, text in self.failures:
            lines = text.rstrip().splitlines()
            if len(lines) > LINES_A_FAILURE:
                lines = ["…"] + lines[-LINES_A_FAILURE:]
            print(f"\n--- {name}")
            print("\n".join(line[:500] for line in lines))
        if self.failures:
            print("\nFailed: " + ", ".join(name for name, _ in self.failures))
        print(f"\n{self.passed} passed, {len(self.failures)} failed", flush=True)
        return 1 if self.failures else 0


# unit tests

def count_points(test):
    """How many tests of the program passed; one where it does not count them."""
    return max(1, len(re.findall(r"^ok \d+(?!.*# SKIP)", test["stdout"], re.MULTILINE)))


def failure_text(test):
    """The messages, without the lines of what went well."""
    lines = [line for line in test["stdout"].splitlines()
             if not re.match(r"(ok|#|\d+\.\.|TAP version)", line) or "rror" in line]
    return "\n".join(lines[-LINES_A_FAILURE:] + test.get("stderr", "").splitlines()[-LINES_A_FAILURE:]
                     + [f"({test['result']}, status {test['returncode']})"])


def run_unit_tests(report, suites):
    """All unit tests, or those of the named suites, in one run of meson."""
    log = BUILD / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    words = ["meson", "test", "-C", BUILD, "--no-rebuild", "--quiet"]
    if SLOW:
        words += ["--timeout-multiplier", "20"]
    for suite in suites:
        words += ["--suite", suite]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace")
    Module.running.add(process)
    output, _ = process.communicate()
    Module.running.discard(process)
    if not log.exists():
        if "No tests defined" not in output:
            report.add("unit", "FAIL", 0, output)
        return
    for line in log.read_text(errors="replace").splitlines():
        test = json.loads(line)
        name = "unit " + test["name"].removeprefix("obbackup:")
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            points = count_points(test)
            report.add(f"{name} ({points})", "ok", test["duration"], points=points)
        elif test["result"] == "SKIP":
            report.add(name, "skip", test["duration"], "skipped")
        else:
            report.add(name, "FAIL", test["duration"], failure_text(test))


# integration tests

class Module:
    running = set()
    stopping = False

    def __init__(self, file, names):
        self.file = file
        self.names = names

    @classmethod
    def stop_all(cls, *ignored):
        """The handler of signals: what runs ends, and nothing else is started."""
        cls.stopping = True
        for process in list(cls.running):
            process.terminate()
        sys.exit(1)

    def run(self, report, top):
        """In a sandbox or a container of its own below top. The lines of its report are followed as
        they come."""
        if self.stopping:
            return
        is_booted = self.file.stem in BOOTED
        place = [TESTS / "container", *BOOTED[self.file.stem]] if is_booted else [TESTS / "sandbox"]
        directory = top / self.file.stem
        directory.mkdir()
        directory.chmod(0o755)
        results = directory / "report"
        results.touch()
        with open(directory / "output", "wb") as output:
            process = subprocess.Popen(
                [*place, directory, "--",
                 "/usr/bin/python3", "-B", TESTS / "lib" / "testmodule.py", results, self.file,
                 *self.names],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=dict(os.environ, TMPDIR=str(directory)))
            self.running.add(process)
            failed, timed_out = self.follow(process, results, report)
            self.running.discard(process)
        if timed_out:
            report.add(self.file.stem, "FAIL", SECONDS_A_MODULE, "took too long and was stopped\n"
                       + self.tail(directory / "output"))
        elif process.returncode == IMPOSSIBLE and is_booted:
            report.add(self.file.stem, "skip", 0, self.tail(directory / "output"))
        elif process.returncode != 0 and not failed:
            report.add(self.file.stem, "FAIL", 0, f"ended with status {process.returncode}\n"
                       + self.tail(directory / "output"))
        if "OBBACKUP_KEEP" not in os.environ:
            shutil.rmtree(directory, ignore_errors=True)

    def follow(self, process, results, report):
        """Reports each line as it comes; returns whether there was a failure, and a time-out."""
        failed, deadline = False, time.monotonic() + SECONDS_A_MODULE
        with open(results, encoding="utf-8") as lines:
            while True:
                ended = process.poll() is not None
                while line := lines.readline():
                    test = json.loads(line)
                    failed = failed or test["outcome"] == "FAIL"
                    report.add(test["name"], test["outcome"], test["seconds"], test["text"])
                if ended:
                    return failed, False
                if time.monotonic() > deadline:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    return failed, True
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    pass

    @staticmethod
    def tail(file):
        return "\n".join(file.read_text(errors="replace").splitlines()[-LINES_A_FAILURE:])


def integration_modules(names):
    """The modules to run: all, or those that the names mean, with the tests named in each."""
    files = {file.stem: file for file in sorted((TESTS / "integration").glob("test_*.py"))}
    if not names:
        order = FIRST + sorted(set(files) - set(FIRST))
        return [Module(files[name], []) for name in order]
    chosen = {}
    for name in names:
        stem, _, inner = name.removesuffix(".py").rpartition("/")[2].partition(".")
        stem = stem if stem.startswith("test_") else "test_" + stem
        if stem not in files:
            sys.exit(f"tests/run: there is no test {name}; there are: unit, {', '.join(files)}")
        chosen.setdefault(stem, []).extend([inner] if inner else [])
    return [Module(files[stem], inner) for stem, inner in chosen.items()]


def main(names):
    units = [name for name in names if re.match(r"unit\b", name)]
    others = [name for name in names if name not in units]
    modules = integration_modules(others) if others or not names else []
    report = Report()
    # Readable for every user: the servers and the test users work below it.
    top = Path(tempfile.mkdtemp(prefix="tests-", dir=os.environ.get("TMPDIR", "/tmp")))
    top.chmod(0o755)
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            futures = []
            if units or not names:
                suites = [name[5:] for name in units if name[5:]]
                futures.append(pool.submit(run_unit_tests, report, suites))
            futures += [pool.submit(module.run, report, top) for module in modules]
            for future in futures:
                future.result()
    finally:
        if "OBBACKUP_KEEP" in os.environ:
            print(f"kept: {top}")
        else:
            shutil.rmtree(top, ignore_errors=True)
    return report.end()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, Module.stop_all)
    signal.signal(signal.SIGINT, Module.stop_all)
    sys.exit(main(sys.argv[1:]))
