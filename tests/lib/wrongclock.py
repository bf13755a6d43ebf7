# SPDX-License-Identifier: GPL-3.0-or-later
"""A service whose clock is wrong."""


def wrong_clock(shift):
    """The variables of a service whose clock goes wrong by shift ("+61m"). The library stands
    before pthread_cond_timedwait() too, so ThreadSanitizer misses what locks do there, and is not to
    tell of it."""
    return {"LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
            "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TSAN_OPTIONS": "report_bugs=0"}
