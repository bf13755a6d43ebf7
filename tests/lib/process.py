# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc tells of a process. See proc(5)."""

import os
import re
from pathlib import Path

PREFERRED = -10


def seconds_of(directory):
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """What all of its threads took, also those that have ended, but not its children."""
    return seconds_of(Path(f"/proc/{pid}"))


def serving_seconds(pid):
    """What its main thread and that of its connection to the bus took."""
    return sum(seconds_of(thread) for thread in Path(f"/proc/{pid}/task").iterdir()
               if thread.name == str(pid) or (thread / "comm").read_text() == "gdbus\n")


def resident_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise ValueError(f"process {pid} has no memory")


def prefer(pid):
    """Gives its threads, and those that they start, the processors before others, where this is
    allowed."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.setpriority(os.PRIO_PROCESS, int(thread), PREFERRED)
        except PermissionError:
            return


def descriptors(pid):
    """What its descriptors are of, without the numbers that differ from one to the next."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(re.sub(r"\d+", "N", os.readlink(f"/proc/{pid}/fd/{name}")))
        except FileNotFoundError:
            pass
    return sorted(found)


def thread_names(pid):
    names = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            names.append((thread / "comm").read_text().strip())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return sorted(names)


def children(pid):
    """Processes that it started, also those that have ended and were not waited for."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(rest.split()[1]) == pid:
            found.append(f"{name}) {rest.split()[0]}")
    return found
