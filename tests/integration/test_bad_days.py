# SPDX-License-Identifier: GPL-3.0-or-later
"""Days when the machine is not as it should be: no room for the service's own files, configuration
that somebody left half written, state that is garbage, hooks that hang. Backups go on, the status
says what is wrong and why, and it is over when the reason is."""

import os
import shutil
import signal
import time

from disks import Disk
from harness import (DONE, FAILED, NAME, ROOT, SANDBOX, InstallationTest, ctl, unittest, wait_until)

# The unit gives 90; hooks have 5 to end by themselves and 5 once they are told.
SECONDS_TO_STOP = 30
GARBAGE = {
    "empty": b"",
    "zeros": bytes(4096),
    "binary": bytes(range(256)) * 16,
    "half a line": b"[state]\nresult=succ",
    "half a group": b"[sta",
    "without a group": b"planned=1\n",
    "another group": b"[other]\nplanned=1\n",
    "odd keys": b"[state]\nbackup-late=1\n:=2\nbackup-late:=3\nplanned=x\nresult=\\x\nerp=\n"
                b"erp disk=;;\n",
    "large numbers": b"[state]\nplanned=99999999999999999999\nlast-run=-9223372036854775808\n"
                     b"missed=9223372036854775807\nowed=perhaps\nerp disk=1e9;-1;0x10\n"
                     b"backup-late:erp=-9223372036854775808\nlast-success=18446744073709551615\n"
                     b"space=1:2;x:y;9223372036854775807:1;\n",
}


class BadDay(InstallationTest):
    def problems(self, code):
        return [problem for problem in self.bus.manager("GetProblems", "(a{sv})", {})[0]
                if problem["code"] == code]

    def stop_service(self):
        self.kill_service(signal.SIGTERM)
        self.expected_exits = ()


class Full(BadDay):
    """No room for what the service remembers. The destination has room."""

    def setUp(self):
        super().setUp()
        self.ok("status", status=(DONE, FAILED))
        self.stop_service()
        self.disk = Disk(self.directory, 24)
        self.enterContext(self.disk)
        for name in ("state", "cache"):
            place = self.disk.path / name
            shutil.copytree(SANDBOX / name, place)
            Disk.run("mount", "--bind", place, SANDBOX / name)
            self.addCleanup(Disk.run, "umount", "--lazy", SANDBOX / name)
        self.addCleanup(self.restart_service)
        self.ballast = self.disk.path / "ballast"

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as ballast:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    pass

    def test_backups_go_on(self):
        before = self.backup()
        self.fill()
        made = self.backup()
        problem, = self.problems("history-lost")
        self.assertRegex(problem["message"], "record of job .*No space left")
        self.assertIn("history-lost:jobs", self.bus.properties(ROOT, "")["HealthReasons"])
        self.assertIn("No space left", self.ok("status", status=(DONE, FAILED)))
        self.assertEqual(set(self.backups()), {before, made})
        self.restic("check", "--read-data")
        # What changes the installation is not begun where its journal has no room.
        source = self.installation.source / "build.xml"
        source.write_bytes(b"<changed/>")
        self.assertNotEqual(ctl("restore", made, "--yes").status, DONE)
        self.assertEqual(source.read_bytes(), b"<changed/>")

        # There is room again, and nobody does anything.
        last = max(int(path.rpartition("/")[2]) for path in self.bus.objects() if "/jobs/" in path)
        self.ballast.unlink()
        wait_until(lambda: not self.problems("history-lost"), "it is still told", 60)
        jobs = {path: self.bus.job(path) for path in self.bus.objects() if "/jobs/" in path}
        self.kill_service()
        self.assertEqual({path: self.bus.job(path) for path in jobs}, jobs)
        self.assertNotIn("interrupted", [job["State"] for job in jobs.values()])
        path = self.start_backup()
        self.assertGreater(int(path.rpartition("/")[2]), last)
        self.succeeded(path)

    def test_full_at_the_start(self):
        made = self.backup()
        self.stop_service()
        self.fill()
        self.assertIn(made, self.backups())
        self.backup()
        self.assertTrue(self.problems("history-lost"))


class HalfWritten(BadDay):
    """Files in the directory of the configuration that cannot be used: the service starts, all
    others work, and the status names the file and says why."""

    def setUp(self):
        super().setUp()
        self.ok("schedule", "add", "nightly", "--at", "*-01-01 00:00")
        self.addCleanup(ctl, "schedule", "remove", "nightly")

    def spoil(self, file, make):
        """Stops the service, puts what make() makes in the place of a file, and starts it again."""
        self.stop_service()
        path = SANDBOX / "etc" / file
        kept = path.read_bytes() if path.exists() else None

        def mend():
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            if kept is not None:
                path.write_bytes(kept)
                path.chmod(0o600)

        path.unlink(missing_ok=True)
        make(path)
        return mend

    def check_told(self, file, why):
        problem, = self.problems("configuration-error")
        self.assertRegex(problem["message"], f"(?s){file}.*{why}")
        self.assertIn(file, self.ok("status", status=(DONE, FAILED)))
        name = file.removesuffix(".conf")
        reasons = self.bus.properties(ROOT, "")["HealthReasons"]
        self.assertTrue([reason for reason in reasons
                         if reason.startswith(f"configuration-error:{name}")], reasons)

    def check_mended(self, mend):
        self.stop_service()
        mend()
        self.assertEqual(self.problems("configuration-error"), [])
        self.backup("--only", "webapp")

    def test_each_file(self):
        """Something else is in the place of the second instance and destination."""
        whole = {folder: (SANDBOX / "etc" / folder / f"{name}.conf").read_bytes()
                 for folder, name in (("instances", "erp"), ("destinations", "disk"),
                                      ("schedules", "nightly"))}
        for folder, text in whole.items():
            half = text[:len(text) // 2] + b"\n[x"
            for what, make, why in (
                    ("half", lambda path, half=half: path.write_bytes(half),
                     "understood|key|group"),
                    ("zeros", lambda path: path.write_bytes(bytes(500)), "."),
                    ("not text", lambda path: path.write_bytes(b"[x]\nkey=\xff\xfe\n"), "UTF-8")):
                with self.subTest(folder=folder, what=what):
                    file = f"{folder}/other.conf"
                    mend = self.spoil(file, make)
                    try:
                        self.check_told(file, why)
                        self.backup("--only", "webapp")
                    finally:
                        self.check_mended(mend)

    def test_what_is_no_file(self):
        for what, make in (("pipe", os.mkfifo), ("directory", os.mkdir),
                           ("link to nothing", lambda path: path.symlink_to("nothing"))):
            for file in ("schedules/other.conf", "obbackup.conf"):
                with self.subTest(file=file, what=what):
                    mend = self.spoil(file, make)
                    try:
                        self.check_told(file, "not a regular file")
                        self.backup("--only", "webapp")
                    finally:
                        self.check_mended(mend)

    def test_settings(self):
        for text, why in (("[obbackup]\nthreads=many\nhook-time-limit=5\n", "threads"),
                          ("[obbackup]\nkeep-previous=for ever\n", "keep-previous"),
                          ("[obbackup]\nthreads=2\n[obba", "understood")):
            with self.subTest(text=text):
                mend = self.spoil("obbackup.conf", lambda path, text=text: path.write_text(text))
                try:
                    self.check_told("obbackup.conf", why)
                    self.assertIn("instances", "".join(self.bus.objects()))
                    self.ok("schedule", "run", "nightly")
                finally:
                    self.check_mended(mend)


class Garbage(BadDay):
    def test_state(self):
        """Whatever is in a file of what is remembered: it is left out, and written anew."""
        self.ok("schedule", "add", "nightly", "--at", "*-01-01 00:00", "--late-after", "1s")
        self.addCleanup(ctl, "schedule", "remove", "nightly")
        self.ok("schedule", "run", "nightly")
        self.ok("verify")
        wait_until(lambda: self.problems("backup-late"), "the backup is never late")
        state = SANDBOX / "state"
        self.stop_service()
        files = [file for file in state.glob("**/*") if file.is_file()]
        names = {str(file.relative_to(state)) for file in files}
        self.assertLessEqual({"schedules/nightly.conf", "health/problems.conf",
                              "metrics/backups.conf", "instances/erp.conf",
                              "destinations/disk.conf"}, names)
        kept = {file: file.read_bytes() for file in files}
        for what, content in [*GARBAGE.items(), ("truncated", None)]:
            with self.subTest(what=what):
                for file, text in kept.items():
                    file.write_bytes(text[:len(text) // 2] if content is None else content)
                self.assertIn(f"{ROOT}/schedules/nightly", self.bus.objects())
                self.problems("backup-late")
                self.ok("jobs")
                self.ok("status", status=(DONE, FAILED))
                self.ok("schedule", "run", "nightly")
                self.assertEqual(
                    self.bus.properties(f"{ROOT}/schedules/nightly", "Schedule")["LastResult"],
                    "succeeded")
                self.stop_service()


class Hooks(BadDay):
    def setUp(self):
        super().setUp()
        self.hooks = SANDBOX / "etc" / "hooks.d"
        self.hooks.mkdir()
        self.addCleanup(shutil.rmtree, self.hooks)

    def test_one_that_hangs_does_not_keep_the_service(self):
        """Neither one that heeds no signal, nor what it has started in a session of its own and
        that holds its output open."""
        began = self.directory / "began"
        for name, script in (("deaf", "trap '' TERM INT HUP\nsleep 1000 & wait\nsleep 1000"),
                             ("holder", f"setsid sleep 60 &\ntouch {began}\nsleep 1000")):
            (self.hooks / name).write_text(f"#!/bin/sh\n{script}\n")
            (self.hooks / name).chmod(0o755)
        self.backup("--only", "webapp")
        wait_until(began.exists, "no hook began")
        start = time.monotonic()
        self.kill_service(signal.SIGTERM)
        self.assertEqual(self.exits()[-1], 0)
        self.assertLess(time.monotonic() - start, SECONDS_TO_STOP)
        # Another one takes over at once.
        shutil.rmtree(self.hooks)
        self.hooks.mkdir()
        self.backup("--only", "webapp")


if __name__ == "__main__":
    unittest.main()
