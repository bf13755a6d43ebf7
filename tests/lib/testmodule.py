# SPDX-License-Identifier: GPL-3.0-or-later
"""testmodule.py REPORT FILE [NAME…]: runs the tests of one module, of these names only if there
are any (Class or Class.test), and writes a line of JSON to REPORT as each ends."""

import importlib
import json
import sys
import time
import unittest
from pathlib import Path


class Reporter(unittest.TestResult):
    def __init__(self, report):
        super().__init__()
        self.report = report
        self.subtests = []

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.subtests = []
        self.outcome = "ok"
        self.text = ""

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.failed(test, self.failures)

    def addError(self, test, err):
        super().addError(test, err)
        if not isinstance(test, unittest.TestCase):  # setUpClass and the like
            self.write(str(test), "FAIL", 0, self.errors[-1][1])
        else:
            self.failed(test, self.errors)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            self.failed(subtest, self.failures if failed else self.errors)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.outcome, self.text = "skip", reason

    def failed(self, test, where):
        self.outcome = "FAIL"
        title = f"{test}\n" if hasattr(test, "test_case") else ""
        self.text += title + where[-1][1]

    def stopTest(self, test):
        super().stopTest(test)
        self.write(test.id(), self.outcome, time.monotonic() - self.began, self.text)

    def write(self, name, outcome, seconds, text):
        json.dump({"name": name, "outcome": outcome, "seconds": seconds, "text": text}, self.report)
        self.report.write("\n")
        self.report.flush()


def main(report, file, *names):
    file = Path(file).resolve()
    sys.path[:0] = [str(Path(__file__).resolve().parent), str(file.parent)]
    with open(report, "a", encoding="utf-8", errors="backslashreplace") as output:
        result = Reporter(output)
        try:
            module = importlib.import_module(file.stem)
            loader = unittest.defaultTestLoader
            tests = (loader.loadTestsFromNames(names, module) if names
                     else loader.loadTestsFromModule(module))
        except Exception as error:  # a module that cannot be loaded is a failure to tell of
            result.write(file.stem, "FAIL", 0, f"{type(error).__name__}: {error}")
            return 1
        tests.run(result)
        return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
