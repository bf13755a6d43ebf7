# SPDX-License-Identifier: GPL-3.0-or-later
"""strace on the running service: it counts its system calls, makes one of them fail, or ends it there.
strace counts the calls of each thread by itself."""

import collections
import os
import signal
import subprocess

from waiting import wait_until


class Tracer:
    """strace on the running service; a context manager."""

    def __init__(self, process, directory, call, inject=None):
        """inject: what strace is to do with the calls, "error=EIO:when=3"."""
        self.log = directory / "strace.log"
        self.words = ["strace", "-f", "-y", "-o", self.log, "-p", str(process), "-e",
                      f"trace={call}"]
        if inject:
            self.words += ["-e", f"inject={call}:{inject}"]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.set_blocking(self.process.stderr.fileno(), False)
        told = b""

        def is_attached():
            nonlocal told
            told += self.process.stderr.read() or b""
            if self.process.poll() is not None:
                raise AssertionError(f"strace ended: {told.decode()}")
            return b"attached" in told

        wait_until(is_attached, "strace does not attach")
        return self

    def __exit__(self, *ignored):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.process.stderr.close()

    def calls(self):
        """How often each thread made the call, the most first."""
        counts = collections.Counter(line.split()[0] for line in self.log.read_text(
            errors="replace").splitlines() if "(" in line and "resumed>" not in line)
        return sorted(counts.values(), reverse=True)

    def struck(self):
        """The lines of the calls that were made to fail."""
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if "(INJECTED)" in line]
