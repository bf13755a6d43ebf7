# SPDX-License-Identifier: GPL-3.0-or-later
"""How an operation is measured: the clock, memory, and the state that it finds the machine in."""

import dataclasses
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP = r"""
import os, sys
size = min(4 << 30, os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 3)
piece = b"\1" * (1 << 20)
memory = [bytearray(piece) for _ in range(size >> 20)]
del memory
for root in sys.argv[1:]:
    for directory, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(directory, name), "rb", 0) as file:
                while file.read(1 << 20):
                    pass
"""


@dataclasses.dataclass
class Figure:
    """What one run of an operation took. synced is with the time until all of it is on the disk;
    the same as seconds for who sees to that itself. processor is the time of all cores in the
    tool's own processes. memory is in bytes, and so is stored: by how much what is kept has grown.
    load is the machine's average before."""

    seconds: float
    synced: float
    processor: float = None
    memory: int = None
    stored: int = None
    load: float = None


class ToolFailed(RuntimeError):
    pass


def warm_up(*roots):
    """Reads everything once, and touches and frees memory: a virtual machine gives what it does
    not use back to its host, and to get it again takes seconds. In a process of its own, whose
    memory is not ours."""
    subprocess.run([sys.executable, "-c", WARM_UP, *map(str, roots)], check=True)


def settle():
    """Before each run: nobody pays for writing what another left behind in memory."""
    os.sync()


def load():
    return os.getloadavg()[0]


def size_of(path):
    """The bytes in a file, or in all files below a directory; none where there is nothing."""
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(entry.lstat().st_size for entry in path.rglob("*") if not entry.is_dir())


def sync_file(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def sync_tree(path):
    """Writes out the file system that path is on, as sync -f does."""
    subprocess.run(["sync", "--file-system", str(path)], check=True)


def run(*commands, environment=None, directory="/", sync=None):
    """Runs commands, each reading what the one before it writes; the last one's output goes
    nowhere. sync is called afterwards, where the commands leave that to others. Memory is the sum
    of what each has taken at most; of one with several processes the largest counts."""
    settle()
    before = load()
    reports = [Path(tempfile.mkstemp(prefix="time-")[1]) for _ in commands]
    errors = tempfile.TemporaryFile()
    began = time.monotonic()
    processes, source = [], subprocess.DEVNULL
    try:
        for number, command in enumerate(commands):
            last = number == len(commands) - 1
            # time(1), since what wait4() tells of a child includes what we had when it was forked.
            processes.append(subprocess.Popen(
                ["/usr/bin/time", "--quiet", "--format=%M %U %S", f"--output={reports[number]}",
                 *map(str, command)],
                stdin=source, stdout=subprocess.DEVNULL if last else subprocess.PIPE,
                stderr=errors, env=dict(os.environ, **(environment or {})), cwd=directory))
            if source is not subprocess.DEVNULL:
                source.close()
            source = processes[-1].stdout
        statuses = [process.wait() for process in processes]
        seconds = time.monotonic() - began
        if any(statuses):
            errors.seek(0)
            words = " | ".join(shlex.join(map(str, command)) for command in commands)
            told = errors.read().decode(errors="replace")
            raise ToolFailed(f"{words}: {statuses}\n{told[-3000:]}")
        if sync is not None:
            sync()
        synced = time.monotonic() - began
        told = [report.read_text().split()[-3:] for report in reports]
        return Figure(seconds, synced,
                      processor=sum(float(user) + float(system) for _, user, system in told),
                      memory=sum(int(kilobytes) for kilobytes, _, _ in told) * 1024, load=before)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.close()
        for report in reports:
            report.unlink()
