# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/bench/engine runs in a sandbox: makes the data, measures, and prints the table."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

# pylint: disable=wrong-import-position
from ceph import Ceph  # noqa: E402
from measuring import ToolFailed, load, size_of, warm_up  # noqa: E402
from options import MEASUREMENTS, parse  # noqa: E402
from pgbackrest import PgBackRest  # noqa: E402
from report import Results, bytes_text, machine, print_table, write_json  # noqa: E402
from sides import (Borg, PostgresTools, Restic, ResticOnS3, Service, ServiceOnS3,  # noqa: E402
                   Tar)
from volume import PRODUCTION, Changes, open_installation  # noqa: E402


def say(text):
    print(text, flush=True)


class Bench:
    """Measures what was asked for, round by round."""

    def __init__(self, options, directory, installation, sandbox, server):
        """server: the one that speaks S3, or None."""
        self.options = options
        self.directory = directory
        self.installation = installation
        self.roots = [installation.source, installation.attachments]
        programs = sandbox / "bin"
        self.tar = None
        if server is not None:
            self.ours = ServiceOnS3(programs, directory, server, options.profile)
            self.restic = ResticOnS3(directory / "restic", self.roots, server)
        else:
            self.ours = Service(programs, directory, options.profile)
            self.restic = Restic(directory / "restic", self.roots)
            self.tar = Tar(directory, self.roots)
        self.keepers = {"restic": self.restic}
        if server is None and shutil.which("borg"):
            self.keepers["borg"] = Borg(directory / "borg", self.roots)
        self.postgres = PostgresTools(directory, installation)
        self.pgbackrest = self.find_pgbackrest()
        self.restored = 0
        self.results = {name: Results(name, title[0].upper() + title[1:])
                        for name, title in MEASUREMENTS.items()}

    def find_pgbackrest(self):
        wanted = {"database", "database-restore"} & set(self.options.only)
        if not wanted or self.options.profile is not None or not shutil.which("pgbackrest"):
            return None
        return PgBackRest(self.directory, self.installation.server)

    # one against the other

    def compare(self, name, ours, peers):
        """Measures ours before each of the peers, so that both meet the same weather. The memory
        that whatever ran before has freed is the host's by now, hence the warm-up: else ours, as
        the first, gets it back for all."""
        warm_up(*self.roots)
        if self.options.profile is not None:
            self.results[name].add(ours(), None, None)
            return
        for label, peer in peers.items():
            figure = ours()
            self.results[name].add(figure, label, peer())
        say(f"  {name}: " + ", ".join(
            [f"obbackup {self.results[name].ours[-1].seconds:.2f} s"]
            + [f"{label} {pairs[-1][1].seconds:.2f} s"
               for label, pairs in self.results[name].pairs.items()]))

    # the files

    def first(self):
        def anew(keeper):
            keeper.renew()
            return keeper.back_up()

        peers = {} if self.tar is None else {"tar | zstd -3 -T0": self.tar.back_up}
        peers |= {label: lambda keeper=keeper: anew(keeper)
                  for label, keeper in self.keepers.items()}
        self.compare("first", lambda: anew(self.ours), peers)

    def begin_anew(self):
        """For who measures only what follows the first backup."""
        for keeper in self.every_keeper():
            keeper.renew()
            keeper.back_up()

    def every_keeper(self):
        return [self.ours] if self.options.profile else [self.ours, *self.keepers.values()]

    def unchanged(self):
        peers = {label: keeper.back_up for label, keeper in self.keepers.items()}
        if self.tar is not None:
            self.tar.list_files()
            peers["tar -g"] = self.tar.back_up_incremental
        self.compare("unchanged", lambda: self.ours.back_up("unchanged"), peers)

    def changed(self, changes):
        """A change can be backed up only once, hence ours once for all peers."""
        changes.apply()
        figure = self.ours.back_up("changed")
        self.compare("changed", lambda: figure,
                     {label: keeper.back_up for label, keeper in self.keepers.items()})

    def restore(self):
        """What was restored stays until the end: ext4 does not give an inode away again for
        minutes after it was freed, and looks past all of them for each new file."""
        def into_new(keeper):
            self.restored += 1
            return keeper.restore(self.directory / f"restored-{self.restored}")

        self.compare("restore", lambda: into_new(self.ours),
                     {label: lambda keeper=keeper: into_new(keeper)
                      for label, keeper in self.keepers.items()})

    def verify(self):
        self.compare("verify", self.ours.verify,
                     {label: keeper.verify for label, keeper in self.keepers.items()})

    # the database

    def encrypted(self, work):
        """Ours as a peer of itself."""
        def measure():
            with self.installation.server.wanting_encryption():
                return work()

        return {"obbackup, encrypted": measure} if self.options.encrypted else {}

    def back_up_database_anew(self):
        self.ours.renew()
        self.postgres.checkpoint()
        return self.ours.back_up_database()

    def dump_to_restic_anew(self):
        self.restic.renew()
        return self.postgres.dump_restic(self.restic)

    def back_up_cluster_anew(self):
        self.pgbackrest.renew()
        self.postgres.checkpoint()
        return self.pgbackrest.back_up()

    def database(self):
        peers = {"pg_dump -Fc -Z0 | zstd -3 -T0": self.postgres.dump_zstd,
                 "pg_dump -Fc": self.postgres.dump_custom,
                 "pg_dump -Fc -Z0 | restic": self.dump_to_restic_anew}
        if self.pgbackrest is not None:
            peers["pgbackrest, zst 3, of the cluster"] = self.back_up_cluster_anew
        peers |= self.encrypted(self.back_up_database_anew)
        self.compare("database", self.back_up_database_anew, peers)

    def database_restore(self):
        def and_drop(restore):
            try:
                return restore()
            finally:
                self.postgres.drop_copy()

        if "database" not in self.options.only:
            self.back_up_database_anew()
        peers = {"pg_restore -j2 of -Fd -Z0":
                 lambda: and_drop(lambda: self.postgres.restore(self.postgres.tree)),
                 "the same, then vacuumdb -Z -j2":
                 lambda: and_drop(lambda: self.postgres.restore(self.postgres.tree, True)),
                 "pg_restore -j2 of -Fc":
                 lambda: and_drop(lambda: self.postgres.restore(self.postgres.archive))}
        if self.pgbackrest is not None:
            if "database" not in self.options.only:
                self.back_up_cluster_anew()
            peers["pgbackrest, of the cluster"] = self.pgbackrest.restore

        def ours():
            return and_drop(self.ours.restore_database)

        self.compare("database-restore", ours, peers | self.encrypted(ours))

    # all of it

    def run_round(self, changes):
        only = self.options.only
        if "first" in only:
            self.first()
        elif {"unchanged", "changed", "restore", "verify"} & set(only):
            self.begin_anew()
        if "unchanged" in only:
            self.unchanged()
        if "changed" in only:
            self.changed(changes)
        if "restore" in only:
            self.restore()
        if "verify" in only:
            self.verify()
        if "database" in only:
            self.database()
        if "database-restore" in only:
            self.database_restore()

    def run(self):
        if "database-restore" in self.options.only and not self.options.profile:
            self.postgres.make_dumps()
        with Changes(self.roots, self.directory / "kept", self.options.seed) as changes:
            for number in range(self.options.rounds):
                say(f"Round {number + 1} of {self.options.rounds} (load {load():.1f})")
                self.run_round(changes)
        self.ours.remove()


# around it

def describe(installation):
    """What is measured on, in numbers."""
    files = [path for root in (installation.source, installation.attachments)
             for path in root.rglob("*") if path.is_file()]
    return {"files": len(files), "file_bytes": sum(map(size_of, files)),
            "database_bytes": installation.server.value(
                f"SELECT pg_database_size ('{installation.database}')")}


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0] if done.returncode == 0 else "missing"


def build_options():
    """How obbackup was built; figures of a build that is not optimised say nothing."""
    build = Path(os.environ["OBBACKUP_BUILD"])
    options = {option["name"]: option["value"] for option in json.loads(
        (build / "meson-info" / "intro-buildoptions.json").read_text())}
    return {name: options[name] for name in ("buildtype", "optimization", "b_sanitize")}


def about(options, installation):
    return {"size": options.size, "seed": options.seed, "rounds": options.rounds,
            "data": describe(installation), "machine": machine(), "build": build_options(),
            "versions": [version("restic", "version"), version("borg", "--version"),
                         version("tar", "--version"), version("zstd", "--version"),
                         version("pgbackrest", "version"),
                         version("/usr/lib/postgresql/15/bin/pg_dump", "--version")],
            "postgresql": PRODUCTION, "load_before": load()}


def tell(facts):
    data, host, build = facts["data"], facts["machine"], facts["build"]
    say(f"{host['processor']}, {host['cores']} cores, {bytes_text(host['memory'])} of memory, "
        f"Linux {host['kernel']}; load average {facts['load_before']:.1f} before")
    say(f"obbackup built with -O{build['optimization']}; " + "; ".join(facts["versions"]))
    say(f"{data['files']} files, {bytes_text(data['file_bytes'])}; database of "
        f"{bytes_text(data['database_bytes'])}; PostgreSQL with fsync, full_page_writes and "
        "synchronous_commit on, "
        + ", ".join(f"{name} {value}" for name, value in facts["postgresql"].items()))
    if build["optimization"] in ("0", "g") or build["b_sanitize"] != "none":
        say("THIS BUILD IS NOT OPTIMISED: its figures say nothing.")


def end_at_a_signal(*_):
    """Once: what is cleaned up then must not be interrupted."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def start_s3(options, sandbox, stack):
    server = Ceph(sandbox)
    stack.callback(server.remove)
    server.start()
    if options.distance:
        program = Path(os.environ["OBBACKUP_BUILD"]) / "tests" / "bench" / "distance"
        relay = stack.enter_context(subprocess.Popen(
            [program, str(server.port), str(options.distance)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True))
        server.url = f"http://127.0.0.1:{relay.stdout.readline().strip()}"
    return server


def measure(options, sandbox, stack):
    say(f"Making the data ({options.size}).")
    data = options.data.absolute() if options.data else sandbox / "data"
    installation = open_installation(data, options.size, options.seed)
    stack.callback(installation.server.stop)
    if options.encrypted:
        installation.server.encrypt()
    directory = sandbox / "bench"
    directory.mkdir()
    server = start_s3(options, sandbox, stack) if options.s3 else None
    bench = Bench(options, directory, installation, sandbox, server)
    bench.ours.call("instance", "add", "erp", "--properties", installation.properties)
    facts = about(options, installation)
    tell(facts)
    bench.run()
    facts["load_after"] = load()
    if options.profile is None:
        print_table(bench.results.values())
        say(f"\nload average {facts['load_before']:.1f} before, {facts['load_after']:.1f} after")
        if options.json:
            write_json(options.json, facts, bench.results.values())


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end_at_a_signal)
    try:
        with contextlib.ExitStack() as stack:
            measure(options, Path(os.environ["OBBACKUP_SANDBOX"]), stack)
    except KeyboardInterrupt:
        return 130
    except ToolFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
