# SPDX-License-Identifier: GPL-3.0-or-later
"""What is printed and written of the figures."""

import dataclasses
import json
import os
import platform
import statistics

OURS = "obbackup"
NOTES = """\
seconds   median of the rounds, as a person at the command line waits
on disk   the same until all of it is on the disk. Equal to seconds where the tool syncs what it
          writes itself (obbackup's, restic's and borg's backups) and where PostgreSQL does (all
          restores of a database: committed, fsync on); else with fsync of the file (tar, pg_dump)
          or sync of the file system (restores of files, obbackup's too)
ratio     obbackup's time by the peer's: the median of the ratios of neighbouring runs; below 1
          obbackup is faster. First of the seconds, then of the times until it is on the disk
CPU       seconds of all cores in the tool's own processes (obbackup's with the pg_dump and
          pg_restore that it starts), without PostgreSQL's server. Other load changes it less than
          the seconds, but does change it: the same command has differed by almost half
memory    peak of obbackupd (not of the pg_dump and pg_restore it starts), with what it held
          before, since it goes on from one operation to the next, which a peer does not; of the
          peer's processes together; of pg_restore -j2 the largest; never of PostgreSQL's server
stored    by how much the repository or file has grown. Compression is not the same for all:
          obbackup's and restic's is their own choice (obbackup's is in ob-compressor.c), that of
          tar, borg and pg_dump into zstd is level 3, of pg_dump -Fc gzip; a ratio of times has to
          be read beside this column
pgbackrest  copies the files of the cluster, indexes too, with two processes, and what it stored has
          the WAL; its restore is into an empty directory, until a server on it answers
With one or two rounds, or a load above the number of cores, a ratio is a hint and no result."""


def bytes_text(count):
    if count is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def median(figures, field):
    values = [getattr(figure, field) for figure in figures if getattr(figure, field) is not None]
    return statistics.median(values) if values else None


class Results:
    """The figures of one measurement: pairs of ours and a peer's, in the order of the runs."""

    def __init__(self, name, title):
        self.name = name
        self.title = title
        self.ours = []
        self.pairs = {}

    def add(self, ours, label, peer):
        if not any(ours is figure for figure in self.ours):
            self.ours.append(ours)
        if label is not None:
            self.pairs.setdefault(label, []).append((ours, peer))

    def ratio(self, label, field):
        return statistics.median(getattr(ours, field) / getattr(peer, field)
                                 for ours, peer in self.pairs[label])

    def rows(self):
        yield self.row(OURS, self.ours, "", "")
        for label, pairs in self.pairs.items():
            yield self.row(label, [peer for _, peer in pairs],
                           f"{self.ratio(label, 'seconds'):.2f}",
                           f"{self.ratio(label, 'synced'):.2f}")

    @staticmethod
    def row(label, figures, ratio, ratio_synced):
        seconds = [figure.seconds for figure in figures]
        return (label, f"{median(figures, 'seconds'):.2f}",
                f"{min(seconds):.2f}–{max(seconds):.2f}",
                f"{median(figures, 'synced'):.2f}", ratio, ratio_synced,
                f"{median(figures, 'processor'):.2f}",
                f"{max(figure.memory for figure in figures) / (1 << 20):.0f} MiB",
                bytes_text(median(figures, "stored")), f"{median(figures, 'load'):.1f}")

    def as_object(self):
        def plain(figures):
            return [dataclasses.asdict(figure) for figure in figures]

        peers = {label: {"ratio": self.ratio(label, "seconds"),
                         "ratio_synced": self.ratio(label, "synced"),
                         "figures": plain(peer for _, peer in pairs),
                         "ours": plain(ours for ours, _ in pairs)}
                 for label, pairs in self.pairs.items()}
        return {"title": self.title, "ours": plain(self.ours), "peers": peers}


HEADINGS = ("", "seconds", "from–to", "on disk", "ratio", "on disk", "CPU", "memory", "stored",
            "load")


def print_table(all_results):
    sections = [(results.title, list(results.rows())) for results in all_results if results.ours]
    lines = [HEADINGS] + [row for _, rows in sections for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def print_row(row):
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(["", row[0].ljust(widths[0]), *cells]))

    print()
    print_row(HEADINGS)
    for title, rows in sections:
        print(title)
        for row in rows:
            print_row(row)
    print("\n" + NOTES)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def machine():
    return {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release(),
            "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")}


def write_json(file, about, all_results):
    file.write_text(json.dumps(
        {**about, "measurements": {results.name: results.as_object()
                                   for results in all_results if results.ours}},
        indent=1, default=str) + "\n")
