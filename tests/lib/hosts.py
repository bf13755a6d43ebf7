# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a small network, in this process's own network namespace: each is a sandbox (see
tests/sandbox) with a network, a hostname, a bus, a polkitd and an obbackupd of its own. "with
host:" does what is in it on that host, so that what is started there belongs to it and ends with
it."""

import collections
import ctypes
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from waiting import wait_until

SOURCE = Path(__file__).resolve().parent.parent.parent
SERVER = "10.77.0.1"
SERVER_NAME = "s3.acme.example"
NAMESPACES = ("pid", "ipc", "uts", "net", "mnt")
CLONE_NEWNET = 0x40000000
# What sanitizers are told, which goes along everywhere.
SANITIZERS = {name: os.environ[name] for name in (
    "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS", "G_SLICE") if name in os.environ}
SECONDS_TO_START = 60
SECONDS_TO_STOP = 60

libc = ctypes.CDLL(None, use_errno=True)
Done = collections.namedtuple("Done", "status out err")


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def ip(*words, batch=None):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True, text=True,
                   input=batch)


def make_network():
    """A network of this process's own, with nothing but the address of the server in it."""
    check(libc.unshare(CLONE_NEWNET), "unshare")
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{SERVER}/32", "dev", "lo")


def enter(namespaces):
    for name in NAMESPACES:
        check(libc.setns(namespaces[name], 0), f"setns {name}")


def open_namespaces(process):
    return {name: os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            for name in NAMESPACES}


class Host:
    """number: of its network, 1 to 250; uid: of the user "openbravo" there. Its directory is the
    sandbox's, and all that it has lies below it."""

    def __init__(self, parent, name, number, uid=61002):
        self.directory = Path(parent) / name
        self.name, self.number, self.uid = name, number, uid
        self.address = f"10.77.{number}.2"
        self.programs = self.directory / "bin"
        self.started = []
        self.depth = 0
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.process = self._start()
        self.home = open_namespaces("self")
        inside = wait_until(self._find_first, f"the host {name} does not start", SECONDS_TO_START)
        self.namespaces = open_namespaces(inside)
        self._connect(inside)
        with self:
            self._set_up_files()

    def _start(self):
        """Ready says the host's first program, since the sandbox is set up then."""
        log = open(self.directory / "host.log", "ab")
        with log:
            return subprocess.Popen(
                ["unshare", "--net", "--uts", "--", "bash", "-c",
                 'hostname "$1" && exec "$2" "$3" -- sh -c "touch $3/ready; exec sleep infinity"',
                 "host", self.name, SOURCE / "tests" / "sandbox", self.directory],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def _find_first(self):
        """The sandbox's first process, which is its own number 1."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name}: {(self.directory / 'host.log').read_text()}")
        if not (self.directory / "ready").exists():
            return None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def _connect(self, inside):
        near = f"host{self.number}"
        ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", inside)
        ip("address", "add", f"10.77.{self.number}.1/24", "dev", near)
        ip("link", "set", near, "up")
        with self:
            ip("link", "set", "lo", "up")
            ip("address", "add", f"{self.address}/24", "dev", "eth0")
            ip("link", "set", "eth0", "up")
            ip("route", "add", "default", "via", f"10.77.{self.number}.1")

    def _set_up_files(self):
        """Who the server is, and whom the application runs as."""
        for name, change in (("hosts", lambda text: f"{SERVER} {SERVER_NAME}\n{text}"),
                             ("nsswitch.conf", self._know_no_names),
                             ("passwd", self._renumber), ("group", self._renumber)):
            file = Path("/etc") / name
            mode, copy = file.stat().st_mode, self.directory / name
            copy.write_text(change(file.read_text()))
            copy.chmod(mode & 0o777)
            subprocess.run(["mount", "--bind", copy, file], check=True)

    @staticmethod
    def _know_no_names(text):
        """As a name server that answers at once that it does not know a name."""
        return re.sub("^hosts:.*$", "hosts: files", text, flags=re.MULTILINE)

    def _renumber(self, text):
        return text.replace("openbravo:x:61002:61002:", f"openbravo:x:{self.uid}:{self.uid}:") \
                   .replace("openbravo:x:61002:", f"openbravo:x:{self.uid}:")

    # being there

    def __enter__(self):
        if self.depth == 0:
            enter(self.namespaces)
        self.depth += 1
        return self

    def __exit__(self, *ignored):
        self.depth -= 1
        if self.depth == 0:
            enter(self.home)

    def environment(self):
        """What somebody has who logs in there."""
        return {"PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                **SANITIZERS}

    def run(self, *command, environment=None, stdin=None, timeout=600):
        """Runs a program on the host, as root, and returns its status and texts."""
        with self:
            done = subprocess.run(
                [str(word) for word in command], capture_output=True, check=False, timeout=timeout,
                input=b"" if stdin is None else stdin.encode(), cwd="/",
                env={**self.environment(), "HOME": "/root", **(environment or {})})
        return Done(done.returncode, done.stdout.decode(errors="replace"),
                    done.stderr.decode(errors="replace"))

    def ctl(self, *words, **how):
        return self.run(self.programs / "obbackupctl", *words, **how)

    def start(self, *command):
        """Starts a program that stays, and waits for its first line."""
        with self:
            process = subprocess.Popen([str(word) for word in command], cwd="/",
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.started.append(process)
        if not process.stdout.readline():
            raise RuntimeError(f"{command} did not start")
        return process

    def restart_service(self, **variables):
        """Ends obbackupd, which starts again when it is next asked for, with these variables."""
        (self.directory / "service.env").write_text(
            "".join(f"{name}='{value}'\n" for name, value in {**SANITIZERS, **variables}.items()))
        exits = self.directory / "log" / "exits"
        before = len(exits.read_text().split()) if exits.exists() else 0
        if self.run("pkill", "--exact", "obbackupd").status == 0:
            wait_until(lambda: exits.exists() and len(exits.read_text().split()) > before,
                       "the service does not end", SECONDS_TO_STOP)

    def log(self):
        file = self.directory / "log" / "obbackupd.log"
        return file.read_text(errors="replace") if file.exists() else ""

    # its end

    def destroy(self):
        """All at once: the kernel kills what runs there when its first process dies. Fails where the
        service has complained of itself."""
        complaint = re.search(r".*(CRITICAL|Sanitizer|runtime error:|assertion .* failed).*",
                              self.log())
        if self.process.poll() is None:
            os.kill(int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
                        .read_text().split()[0]), signal.SIGKILL)
        # The kernel is not done before those that are ours have been waited for.
        for process in self.started:
            process.wait(SECONDS_TO_STOP)
            process.stdout.close()
        self.process.wait(SECONDS_TO_STOP)
        for descriptor in [*self.namespaces.values(), *self.home.values()]:
            os.close(descriptor)
        shutil.rmtree(self.directory)
        if complaint is not None:
            raise AssertionError(f"{self.name}: obbackupd complains: {complaint[0]}")
