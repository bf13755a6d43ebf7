# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc tells of a process. See proc(5)."""

import os
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
