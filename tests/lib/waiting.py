# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something to become true. Deadlines are generous: the machine may be busy, and
ThreadSanitizer slows a program down ten times."""

import os
import time

PATIENCE = 600 if "TSAN_OPTIONS" in os.environ else 120
INTERVAL = 0.02


def wait_until(condition, what, seconds=PATIENCE):
    """Calls condition again and again until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} seconds")
        time.sleep(INTERVAL)
