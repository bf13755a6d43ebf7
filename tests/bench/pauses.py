# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/bench/pauses runs in a sandbox: the small application runs on a middle-sized installation,
and is stopped and started as in a restore of a real one; what Tomcat takes to start comes on top."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

# pylint: disable=wrong-import-position
from installation import Installation, Size  # noqa: E402
from measuring import load  # noqa: E402
from postgres import Postgres  # noqa: E402

SANDBOX = Path(os.environ["OBBACKUP_SANDBOX"])


def ctl(*words):
    """Runs obbackupctl; its result and how long it took."""
    began = time.monotonic()
    done = subprocess.run([SANDBOX / "bin" / "obbackupctl", *map(str, words)],
                          capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise SystemExit(f"obbackupctl {words}:\n{done.stdout}{done.stderr}")
    lines = done.stdout.strip().splitlines()
    return seconds, json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}


def prepare(installation):
    installation.directory.mkdir()
    installation.make()
    installation.start_application()
    start, stop = installation.application_commands()
    ctl("instance", "add", "erp", "--properties", installation.properties, "--webapp",
        installation.webapp, "--start-command", " ".join(start), "--stop-command", " ".join(stop))
    ctl("destination", "add", "disk", "--path", SANDBOX / "backups")
    ctl("backup")


def measure(rounds):
    """{what: [seconds]}"""
    found = {}

    def note(what, seconds):
        found.setdefault(what, []).append(seconds)

    for _ in range(rounds):
        note("guard, nothing changed", ctl("guard", "--", "true")[0])
        for name, words in (("number kept", ["--keep-oid"]), ("number changed", ["--quick"])):
            seconds, result = ctl("restore", "latest", "--yes", "--json", *words)
            note(f"restore, {name}: all", seconds)
            note(f"restore, {name}: application stopped", result["downtime"])
            seconds, result = ctl("undo-restore", "--yes", "--json")
            note(f"undo, {name}: all", seconds)
            note(f"undo, {name}: application stopped", result["downtime"])
            ctl("release-previous", "--yes")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    server = Postgres(SANDBOX, sync=True).start()
    installation = Installation(SANDBOX / "srv", server, activation_key="a key",
                                size=Size.middle())
    try:
        prepare(installation)
        print(f"Load of the machine before: {load()}")
        found = measure(options.rounds)
    finally:
        installation.remove()
        server.remove()
    print(f"{'seconds':<46} {'median':>7} {'least':>7} {'most':>7}")
    for what, times in found.items():
        print(f"{what:<46} {statistics.median(times):7.2f} {min(times):7.2f} {max(times):7.2f}")
    if options.json:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
