# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a repository grows by in so many nights of a living database, by the average size of the
chunks that its dump is cut into, and how much restic's does.

Each night 0.2 % of the rows are updated in scattered places and 0.5 % are new. The dump is what
obbackup stores (pg_dump's archive, uncompressed); the sizes are those of tests/bench/chunk-sizes.c,
restic's those of its repository."""

import argparse
import contextlib
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

# pylint: disable=wrong-import-position
from measuring import size_of  # noqa: E402
from postgres import PROGRAMS  # noqa: E402
from volume import COLUMNS, Volume, add_rows, open_installation  # noqa: E402

BLOCK = 1 << 20
# Of each table its key, and the column that is updated with what is put into it.
UPDATED = {"fact_acct": ("fact_acct_id", "amtacctdr = amtacctdr + 1"),
           "c_orderline": ("c_orderline_id", "qty = qty + 1"),
           "ad_audit_trail": ("record_id", "at = at + interval '1 second'")}


def live_a_night(installation, volume, night):
    """What happens to the database in a day."""
    numbers = {"fact_acct": volume.facts, "c_orderline": volume.lines,
               "ad_audit_trail": volume.trails}
    for table, (key, change) in UPDATED.items():
        installation.server.query(
            f"SET session_replication_role TO replica; UPDATE {table} SET {change} "
            f"WHERE hashtext ({key} || '{night}') % 500 = 0", database=installation.database)
        count = numbers[table]
        first = count + night * (count // 200)
        extra = (installation.size.orders,) if table == "c_orderline" else ()
        add_rows(lambda: installation.server.connect(installation.database), table,
                 installation.seed, range(first, first + count // 200), extra)
    # As autovacuum would, sooner or later.
    for table in COLUMNS:
        installation.server.query(f"VACUUM {table}", database=installation.database)


def dump(installation):
    return subprocess.Popen(
        [PROGRAMS / "pg_dump", "--format=custom", "--compress=0", installation.database],
        stdout=subprocess.PIPE, env=installation.server.environment())


def feed(installation, tool):
    """Gives a dump to the tool; returns what it says of each size."""
    with dump(installation) as process:
        while block := process.stdout.read(BLOCK):
            tool.stdin.write(struct.pack("=I", len(block)) + block)
    tool.stdin.write(struct.pack("=I", 0))
    tool.stdin.flush()
    return json.loads(tool.stdout.readline())


def back_up_with_restic(installation, repository):
    """Returns by how much the repository grew."""
    environment = dict(os.environ, RESTIC_REPOSITORY=str(repository), RESTIC_PASSWORD="nights")
    if not repository.exists():
        subprocess.run(["restic", "init", "--quiet"], env=environment, check=True)
    before = size_of(repository)
    with dump(installation) as process:
        subprocess.run(["restic", "backup", "--quiet", "--stdin", "--no-cache"],
                       stdin=process.stdout, env=environment, check=True)
    return size_of(repository) - before


def megabytes(number):
    return f"{number / 1e6:.1f}"


def print_table(nights):
    """nights: of each the sizes' answers and restic's bytes; the first is the first backup."""
    print(f"{'chunks':>9} {'first':>8} {'a night':>8} {'all':>9} {'of restic':>9} {'CPU, first':>10}")
    restic_all = sum(restic for _, restic in nights)
    for i, first in enumerate(nights[0][0]):
        stored = [answers[i]["stored"] for answers, _ in nights]
        print(f"{first['size'] // 1024:>5} KiB {megabytes(stored[0]):>8} "
              f"{megabytes(sum(stored[1:]) / max(1, len(stored) - 1)):>8} "
              f"{megabytes(sum(stored)):>9} {sum(stored) / restic_all:>9.2f} "
              f"{first['seconds']:>9.1f}s")
    print(f"{'restic':>9} {megabytes(nights[0][1]):>8} "
          f"{megabytes((restic_all - nights[0][1]) / max(1, len(nights) - 1)):>8} "
          f"{megabytes(restic_all):>9}")
    print("\nMB stored: of the first backup, of each of the nights after it on average, and of all")


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/nights", description=__doc__)
    parser.add_argument("--size", choices=("small", "medium", "full"), default="medium")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    nights = []
    with tempfile.TemporaryDirectory(prefix="obbackup-nights-") as name, \
            contextlib.ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)
        installation = open_installation(directory / "data", options.size, 1, trees=False)
        stack.callback(installation.server.stop)
        tool = stack.enter_context(subprocess.Popen(
            [Path(os.environ["OBBACKUP_BUILD"]) / "tests/bench/chunk-sizes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        stack.callback(tool.stdin.close)
        for night in range(options.nights + 1):
            if night > 0:
                live_a_night(installation, Volume.named(options.size), night - 1)
            nights.append((feed(installation, tool),
                           back_up_with_restic(installation, directory / "restic")))
            print(f"night {night}: restic {megabytes(nights[-1][1])}, " + ", ".join(
                f"{answer['size'] // 1024} KiB {megabytes(answer['stored'])}"
                for answer in nights[-1][0]), flush=True)
    print_table(nights)
    if options.json:
        options.json.write_text(json.dumps(nights))


if __name__ == "__main__":
    main()
