# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of tests/bench/engine. Run as a program it only checks them, so that a wrong one is
told before anything is installed or built; hence it imports nothing but Python's own."""

import argparse
import sys
from pathlib import Path

MEASUREMENTS = {
    "first": "first backup of the files",
    "unchanged": "the same files, with nothing changed",
    "changed": "the same files, 1 % of them changed and 50 new",
    "restore": "restore of the files into a new directory",
    "verify": "verification of the repository of the files, reading all data",
    "database": "first backup of the database",
    "database-restore": "restore of the database under a new name",
}
# What can be measured with --s3.
ON_S3 = ["first", "unchanged", "changed", "restore", "verify"]
SIZES = ("small", "medium", "full")


def names(text):
    chosen = text.split(",")
    for name in chosen:
        if name not in MEASUREMENTS:
            raise argparse.ArgumentTypeError(
                f"{name} is not one of {', '.join(MEASUREMENTS)}")
    return [name for name in MEASUREMENTS if name in chosen]


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tests/bench/engine",
        description="Compares obbackup with tar, restic, borg, pgbackrest and "
                    "PostgreSQL's own tools.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="measurements:\n" + "\n".join(
            f"  {name:18}{title}" for name, title in MEASUREMENTS.items()))
    parser.add_argument("--size", choices=SIZES, default="medium",
                        help="small: to try it out; medium: 300 MB of files and a database of "
                             "200 MB; full: 1.3 GB of files and a database of 2 GB "
                             "(default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N",
                        help="medians are taken of so many (default: %(default)s)")
    parser.add_argument("--only", type=names, metavar="NAME,…",
                        help="run some of the measurements")
    parser.add_argument("--s3", action="store_true",
                        help="the repositories lie in buckets of a Ceph gateway on loopback: "
                             "obbackup against restic, on the files alone")
    parser.add_argument("--distance", type=positive, metavar="MS",
                        help="with --s3: each answer takes so many milliseconds longer, as from "
                             "a server far away")
    parser.add_argument("--encrypted", action="store_true",
                        help="the database server offers encryption, as Debian's does; beside the "
                             "peers, obbackup is measured where the server wants it even of "
                             "connections from its own host")
    parser.add_argument("--data", type=Path, metavar="DIR",
                        help="make the data there and keep it, or use what an earlier run kept")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="the same seed makes the same data (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--profile", type=Path, metavar="DIR",
                        help="no peers and no figures: obbackupd under perf record -g, a file "
                             "for each measurement in DIR")
    options = parser.parse_args(arguments)
    if options.only is None:
        options.only = ON_S3 if options.s3 else list(MEASUREMENTS)
    if options.distance and not options.s3:
        parser.error("--distance goes with --s3")
    if options.s3 and not set(options.only) <= set(ON_S3):
        parser.error(f"with --s3 there are {', '.join(ON_S3)}")
    if options.encrypted and not {"database", "database-restore"} & set(options.only):
        parser.error("--encrypted goes with database and database-restore")
    return options


if __name__ == "__main__":
    parse(sys.argv[1:])
