# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests stand on. Each module of them runs in a sandbox of its own (see
tests/sandbox), which tests/run starts; inside there is one PostgreSQL server a module."""

import collections
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from gi.repository import GLib

import compare
from bus import FINAL, NAME, ROOT, Bus
from installation import Installation, Size
from postgres import Postgres
from waiting import PATIENCE, wait_until

LIBRARY = Path(__file__).resolve().parent
SOURCE = LIBRARY.parent.parent
LONG = os.environ.get("OBBACKUP_LONG") == "1"

DONE, FAILED, USAGE, PARTIAL, NOT_AUTHORISED, NOT_FOUND, BUSY, UNAVAILABLE = range(8)
CANCELLED = 130

Done = collections.namedtuple("Done", "status out err")

if "OBBACKUP_SANDBOX" not in os.environ:
    raise RuntimeError("This test runs in a sandbox: start it with tests/run "
                       + Path(sys.argv[0]).stem)
SANDBOX = Path(os.environ["OBBACKUP_SANDBOX"])


def identity(user):
    """Arguments of subprocess that make a program run as this user."""
    if user == "root":
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid,
            "extra_groups": os.getgrouplist(user, entry.pw_gid), "cwd": "/"}


def run(*command, user="root", stdin=None, timeout=1200, environment=None):
    """Runs a program and returns its status and texts."""
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False,
                          input=b"" if stdin is None else stdin.encode(), timeout=timeout,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
                          **identity(user))
    return Done(done.returncode, done.stdout.decode(errors="surrogateescape"),
                done.stderr.decode(errors="surrogateescape"))


def ctl(*words, **how):
    """Runs obbackupctl."""
    return run(SANDBOX / "bin" / "obbackupctl", *words, **how)


def start_ctl(*words, user="root"):
    """Starts obbackupctl and does not wait for it."""
    return subprocess.Popen([SANDBOX / "bin" / "obbackupctl", *map(str, words)],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **identity(user))


def calls_as(user, calls):
    """Makes calls on the bus as this user, all over one connection: each is (path, interface,
    method, text of the arguments, number of descriptors); returns [(error name, text)]."""
    program = SANDBOX / "programs" / "bus.py"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        shutil.copy(LIBRARY / "bus.py", program)
        program.chmod(0o644)
    done = run("/usr/bin/python3", "-B", program, user=user, stdin=json.dumps(calls))
    if done.status != 0:
        raise AssertionError(f"the calls as {user} failed: {done.err}")
    return [tuple(answer) for answer in json.loads(done.out)]


def as_variants(options):
    """A dictionary as a{sv}, of texts and lists of texts."""
    return {name: GLib.Variant("as" if isinstance(value, (list, tuple)) else "s", value)
            for name, value in options.items()}


_server = None


def server():
    """The module's PostgreSQL server, started when it is first asked for."""
    global _server
    if _server is None:
        _server = Postgres(SANDBOX, sync=False).start()
        unittest.addModuleCleanup(_server.remove)
    return _server


class SandboxTest(unittest.TestCase):
    """A test with the bus and the command line. It fails too where the service ended in a way
    that the test did not ask for, or complained of itself."""

    maxDiff = None
    expected_exits = ()

    def setUp(self):
        self.bus = Bus()
        self._log = SANDBOX / "log" / "obbackupd.log"
        self._exits = SANDBOX / "log" / "exits"
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._exits_start = len(self.exits())
        self.directory = SANDBOX / "work" / self.id().rpartition(".")[2]
        self.directory.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def tearDown(self):
        unexpected = [status for status in self.exits()[self._exits_start:]
                      if status not in (0, *self.expected_exits)]
        self.assertEqual(unexpected, [], f"obbackupd ended with this:\n{self.log()[-3000:]}")
        complaint = re.search(r".*(CRITICAL|Sanitizer|runtime error:|assertion .* failed).*",
                              self.log())
        self.assertIsNone(complaint, f"obbackupd complains:\n{self.log()[-3000:]}")

    # the service

    def exits(self):
        return [int(line) for line in self._exits.read_text().split()] if self._exits.exists() else []

    def log(self):
        """What the service wrote during this test."""
        if not self._log.exists():
            return ""
        with open(self._log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def kill_service(self, number=signal.SIGKILL):
        """Ends the service and waits until it is gone; the next call starts it again."""
        self.expected_exits = (*self.expected_exits, 128 + number)
        process, before = self.bus.service_pid(), len(self.exits())
        os.kill(process, number)
        wait_until(lambda: len(self.exits()) > before, "the service did not end")
        wait_until(lambda: self.bus.service_pid() != process, "the bus kept its name")

    def restart_service(self):
        self.kill_service(signal.SIGTERM)
        self.bus.properties(ROOT, "")

    # the command line

    def ok(self, *words, status=DONE, **how):
        """Runs obbackupctl, which must end well; returns what it wrote."""
        done = ctl(*words, **how)
        allowed = status if isinstance(status, tuple) else (status,)
        self.assertIn(done.status, allowed, f"obbackupctl {words}:\n{done.out}{done.err}")
        return done.out

    def json(self, *words, status=DONE, **how):
        """The same with --json: the last object that it wrote, its result."""
        out = self.ok(*words, "--json", status=status, **how)
        try:
            return json.loads(out)
        except json.JSONDecodeError:
            return json.loads(out.splitlines()[-1])

    def refused(self, status, text, *words, **how):
        """Runs obbackupctl, which must end with this status and tell what text matches."""
        done = ctl(*words, **how)
        told = f"obbackupctl {words}: status {done.status}\n{done.out}{done.err}"
        self.assertEqual(done.status, status, told)
        self.assertRegex(done.err, re.compile(text, re.DOTALL), told)
        return done

    # jobs

    def wait_job(self, path, seconds=10 * PATIENCE):
        """Waits until the job has ended and returns its properties."""
        return wait_until(lambda: (job := self.bus.job(path))["State"] in FINAL and job,
                          f"{path} has not ended", seconds)

    def wait_phase(self, path, phase):
        """Waits until the job is in a phase that phase matches, or has ended."""
        return wait_until(lambda: (job := self.bus.job(path))
                          and (re.search(phase, job["Phase"]) or job["State"] in FINAL) and job,
                          f"{path} does not reach {phase}")

    def succeeded(self, path):
        """Waits for a job, which must succeed, and returns its result."""
        job = self.wait_job(path)
        result = self.bus.result(path)
        self.assertEqual(job["State"], "succeeded", f"{job}\n{result}\n{self.bus.log(path)}")
        return result

    # comparing

    def assert_same_database(self, before, after):
        self.assertEqual(compare.database_differences(before, after), [])

    def assert_same_tree(self, before, after, ignore=()):
        self.assertEqual(compare.tree_differences(before, after, ignore)[:20], [])


class InstallationTest(SandboxTest):
    """A test with an installation that obbackup knows as "erp" and a destination "disk". The
    installation is made once for the class, unless a test wrecks it by make_new()."""

    size = Size.tiny()
    nested_attachments = False
    odd_names = False
    application = False
    installation = None

    @classmethod
    def make_installation(cls, name=None, **how):
        """Another installation in the same server; it is removed with the class."""
        name = name or cls.__name__.lower()
        how = {"size": cls.size, "nested_attachments": cls.nested_attachments,
               "odd_names": cls.odd_names, **how}
        made = Installation(SANDBOX / "installations" / name, server(), database=name, **how)
        made.directory.parent.mkdir(exist_ok=True)
        cls.addClassCleanup(made.remove)
        return made.make()

    def beside(self):
        """Databases and directories that restores left."""
        found = {name for name, in server().query(
            "SELECT datname FROM pg_database WHERE datname ~ %s",
            [f"^{self.installation.database}_"])}
        for parent in {tree.parent for tree in self.installation.trees().values()} | {
                self.installation.webapp.parent.parent}:
            found |= {f"{parent}/{name}" for name in os.listdir(parent)
                      if name.startswith(".obbackup-")}
        return found

    @staticmethod
    def instance_words(installation, application):
        words = ["--properties", installation.properties, "--webapp", installation.webapp]
        if application:
            start, stop = installation.application_commands()
            words += ["--start-command", " ".join(start), "--stop-command", " ".join(stop)]
        return words

    @classmethod
    def setUpClass(cls):
        cls.installation = cls.make_installation()
        cls.repository = SANDBOX / "repositories" / cls.__name__.lower()
        cls.repository.parent.mkdir(exist_ok=True)
        if cls.application:
            cls.installation.start_application()
        for words in (["instance", "add", "erp",
                       *cls.instance_words(cls.installation, cls.application)],
                      ["destination", "add", "disk", "--path", cls.repository]):
            done = ctl(*words)
            if done.status != 0:
                raise AssertionError(f"obbackupctl {words}:\n{done.out}{done.err}")
        cls.addClassCleanup(ctl, "instance", "remove", "erp")
        cls.addClassCleanup(ctl, "destination", "remove", "disk")

    # what tests do over and over

    def backup(self, *words, **how):
        """Makes a backup and returns its id."""
        return self.json("backup", "erp", *words, **how)["id"]

    def start_backup(self, **options):
        """Asks for a backup on the bus and returns the job's path."""
        return self.bus.manager("Backup", "(sa{sv})", "erp", as_variants(options))[0]

    def start_restore(self, identifier, **options):
        return self.bus.manager("Restore", "(sa{sv})", identifier, as_variants(options))[0]

    def backups(self):
        """The ids of all backups in the destination."""
        return [backup["id"] for backup in self.bus.manager("ListBackups", "(a{sv})", {})[0]]

    def describe(self, installation=None):
        """The installation as it is: (database, {part: tree})."""
        installation = installation or self.installation
        omit = {"sources": ["attachments"] if installation.nested_attachments else []}
        return (compare.describe_database(installation.server, installation.database),
                {part: compare.describe_tree(tree, omit=omit.get(part, []))
                 for part, tree in installation.trees().items()})

    def assert_same_installation(self, before, after):
        self.assert_same_database(before[0], after[0])
        for part, tree in before[1].items():
            with self.subTest(part=part):
                self.assert_same_tree(tree, after[1][part])

    def passphrase(self):
        return (SANDBOX / "etc" / "keys" / "disk.key").read_text().rstrip("\n")

    def restic(self, *words, repository=None, passphrase=None, status=0):
        """Runs Debian's restic on the repository."""
        done = run("restic", "--no-cache", "--repo", repository or self.repository, *words,
                   environment={"RESTIC_PASSWORD": passphrase or self.passphrase()})
        self.assertEqual(done.status, status, f"restic {words}:\n{done.out}{done.err}")
        return done.out


__all__ = ["BUSY", "CANCELLED", "DONE", "FAILED", "FINAL", "InstallationTest", "Installation",
           "LONG", "NAME", "NOT_AUTHORISED", "NOT_FOUND", "PARTIAL", "ROOT", "SANDBOX", "SOURCE",
           "SandboxTest", "Size", "UNAVAILABLE", "USAGE", "as_variants", "calls_as", "compare", "ctl", "run",
           "server", "start_ctl", "unittest", "wait_until"]
