# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a secret can be seen in a command line or an environment."""

import os
import threading
from pathlib import Path


class Watcher:
    """Looks at the command lines and environments of all processes until it is stopped."""

    def __init__(self, words):
        self.words = [word.encode() for word in words]
        self.found = set()
        self.looked = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        while not self.ended.is_set():
            for file in Path("/proc").glob("[0-9]*"):
                self.look(file, "cmdline")
                # What root alone can read is no leak, but of long-lived processes it is one.
                self.look(file, "environ")

    def look(self, directory, name):
        try:
            data = (directory / name).read_bytes()
            program = (directory / "comm").read_text().strip()
        except OSError:
            return
        if directory.name == str(os.getpid()) or program in ("restic", "postgres"):
            return
        self.looked += 1
        for word in self.words:
            if word in data:
                self.found.add(f"{name} of {program}")

    def stop(self):
        self.ended.set()
        self.thread.join()
