# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/bench/many-files runs in a sandbox. The attachments of a small installation are a tree of so
many small files, fifty in a directory. After the first backup a hundred of them are changed, each
round others, and the tree is backed up again: by obbackup, and by restic. Beside them stands what
find needs to ask for the status of every file, which no backup can do without."""

import argparse
import json
import os
import random
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

# pylint: disable=wrong-import-position
from measuring import load, run  # noqa: E402
from sides import Restic, Service  # noqa: E402
from volume import open_installation  # noqa: E402

FILES_A_DIRECTORY = 50
CHANGED = 100


def path_of(root, number):
    directory = number // FILES_A_DIRECTORY
    return f"{root}/{directory // 1000:03}/{directory % 1000:03}/{number}"


def grow(root, first, count):
    """Makes the files from first on, until there are count."""
    noise = random.Random(first)
    for number in range(first, count):
        path = path_of(root, number)
        if number % FILES_A_DIRECTORY == 0:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(noise.randbytes(noise.randrange(100, 1500)))


def change(root, count, noise):
    for number in noise.sample(range(count), CHANGED):
        with open(path_of(root, number), "ab") as file:
            file.write(b"changed")


def measure(ours, restic, root, count, rounds):
    noise = random.Random(count)
    ours.renew()
    restic.renew()
    row = {"files": count, "load": load(), "first": ours.back_up_parts("first", "attachments"),
           "restic first": restic.back_up(), "ours": [], "restic": [], "find": []}
    for _ in range(rounds):
        change(root, count, noise)
        row["ours"].append(ours.back_up_parts("changed", "attachments"))
        row["restic"].append(restic.back_up())
        # -newermt asks for the status of each, which without it find would not do.
        row["find"].append(run(["find", root, "-newermt", "2100-01-01"]))
    return row


def print_row(row):
    def median(name):
        return statistics.median(figure.seconds for figure in row[name])

    ours, memory = median("ours"), max(figure.memory for figure in [row["first"], *row["ours"]])
    print(f"{row['files']:>8} {row['first'].seconds:>8.2f} {row['restic first'].seconds:>8.2f} "
          f"{ours:>8.2f} {median('restic'):>8.2f} {ours / median('restic'):>6.2f} "
          f"{median('find'):>6.2f} {memory / 2**20:>7.0f} {row['load']:>5.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/many-files", description=__doc__)
    parser.add_argument("--files", default="10000,100000,1000000",
                        type=lambda text: sorted(map(int, text.split(","))))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    sandbox = Path(os.environ["OBBACKUP_SANDBOX"])
    installation = open_installation(sandbox / "data", "small", 1)
    rows = []
    try:
        directory = sandbox / "bench"
        directory.mkdir()
        root = Path(installation.attachments, "many")
        ours = Service(sandbox / "bin", directory)
        restic = Restic(directory / "restic", [installation.attachments])
        ours.call("instance", "add", "erp", "--properties", installation.properties)
        print(f"{'':>8} {'first backup':^17} {'a hundred changed':^24} {'':>6} {'MiB':>7}\n"
              f"{'files':>8} {'obbackup':>8} {'restic':>8} {'obbackup':>8} {'restic':>8} {'ratio':>6} "
              f"{'find':>6} {'memory':>7} {'load':>5}", flush=True)
        done = 0
        for count in options.files:
            grow(root, done, count)
            done = count
            rows.append(measure(ours, restic, root, count, options.rounds))
            print_row(rows[-1])
        ours.remove()
    finally:
        installation.server.stop()
    if options.json:
        options.json.write_text(json.dumps(rows, default=vars))


if __name__ == "__main__":
    main()
