# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is compared: obbackup, and the tools that people use otherwise. Every side that keeps files
has the same methods:

  renew()          begins a new repository, unmeasured
  back_up()        measures a backup of the files
  restore(into)    measures the restore of the latest backup into a new directory
  verify()         measures reading and checking all that the repository holds
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import time

from bus import ROOT, Bus
from ceph import ACCESS_KEY, SECRET_KEY
from measuring import Figure, ToolFailed, load, run, settle, size_of, sync_file, sync_tree
from postgres import PROGRAMS

PASSPHRASE = "of the measurements"
COPY = "bench_copy"
# Of both, each, at once.
CONNECTIONS = 8
ZSTD = ("zstd", "-3", "-T0", "--quiet", "--force", "-o")


class Service:
    """obbackupctl, with the memory of the service that does its work."""

    def __init__(self, programs, directory, profile=None):
        self.program = programs / "obbackupctl"
        self.directory = directory
        self.profile = profile
        self.bus = Bus()
        self.count = 0
        self.destination = None
        self.latest = None

    def call(self, *words):
        """Runs obbackupctl with --json and returns the last line, the result, if there is one."""
        done = subprocess.run([self.program, *map(str, words), "--json"], capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, check=False)
        if done.returncode != 0:
            raise ToolFailed(f"obbackupctl {words}: {done.returncode}\n{done.stdout[-1000:]}"
                             f"{done.stderr}")
        lines = done.stdout.splitlines()
        # Progress comes one object a line, and some commands have nothing to say.
        return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else None

    def measure(self, name, *words):
        """Measures one command; returns its figure and its result."""
        settle()
        self.bus.properties(ROOT, "")
        status = f"/proc/{self.bus.service_pid()}"
        with open(f"{status}/clear_refs", "w", encoding="ascii") as peak:
            peak.write("5")
        profiler = self.start_profiler(name)
        busy = self.processor_seconds(status)
        before, began = load(), time.monotonic()
        result = self.call(*words)
        seconds = time.monotonic() - began
        busy = self.processor_seconds(status) - busy
        if profiler is not None:
            profiler.send_signal(signal.SIGINT)
            profiler.wait()
        with open(f"{status}/status", encoding="ascii") as lines:
            memory = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
        return Figure(seconds, seconds, busy, memory * 1024, load=before), result

    @staticmethod
    def processor_seconds(status):
        """Of the service, the programs that it has run and waited for, and obbackupctl."""
        with open(f"{status}/stat", encoding="ascii") as line:
            ticks = line.read().rpartition(")")[2].split()[11:15]
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
                + children.ru_utime + children.ru_stime)

    def start_profiler(self, name):
        if self.profile is None:
            return None
        self.profile.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            ["perf", "record", "--quiet", "--freq=997", "-g", f"--pid={self.bus.service_pid()}",
             f"--output={self.profile / name}.data"], stdin=subprocess.DEVNULL)
        time.sleep(1)
        return process

    # the repository

    def renew(self):
        """Every repository has another name, since a key outlives its destination."""
        self.remove()
        self.count += 1
        self.destination = f"repository{self.count}"
        self.call("destination", "add", self.destination, *self.make_place())
        self.latest = None

    def remove(self):
        if self.destination is not None:
            self.call("destination", "remove", self.destination)
            self.remove_place()
            self.destination = None

    # where it is

    def make_place(self):
        """For the destination; returns the options that name it."""
        return ["--path", self.directory / self.destination]

    def remove_place(self):
        shutil.rmtree(self.directory / self.destination)

    def stored(self):
        return size_of(self.directory / self.destination)

    # what it does

    def back_up_parts(self, name, parts):
        before = self.stored()
        figure, result = self.measure(name, "backup", "erp", "--to", self.destination,
                                      "--only", parts)
        self.latest = result["id"]
        figure.stored = self.stored() - before
        return figure

    def back_up(self, name="backup"):
        return self.back_up_parts(name, "sources,attachments")

    def back_up_database(self):
        return self.back_up_parts("database", "database")

    def restore(self, into):
        into.mkdir()
        figure, _ = self.measure("restore", "restore", self.latest, "--only", "sources,attachments",
                                 "--into", into, "--yes")
        began = time.monotonic()
        sync_tree(into)
        figure.synced += time.monotonic() - began
        return figure

    def verify(self):
        figure, _ = self.measure("verify", "verify", "--read-data", "--from", self.destination)
        return figure

    def restore_database(self):
        figure, _ = self.measure("database-restore", "restore", self.latest, "--only", "database",
                                 "--into-database", COPY, "--yes")
        return figure


class ServiceOnS3(Service):
    """The same with a bucket for each repository."""

    def __init__(self, programs, directory, server, profile=None):
        super().__init__(programs, directory, profile)
        self.server = server
        self.secret = directory / "secret"
        self.secret.write_text(SECRET_KEY)
        self.secret.chmod(0o600)

    def make_place(self):
        return ["--kind", "s3", "--bucket", self.server.make_bucket(self.destination),
                "--endpoint", self.server.url, "--access-key", ACCESS_KEY,
                "--secret-key-file", self.secret, "--connections", CONNECTIONS]

    def remove_place(self):
        self.server.remove_bucket(self.destination)

    def stored(self):
        return self.server.stored_bytes(self.destination)


class Repository:
    """What restic and borg have in common: a directory for the repository and one for a cache."""

    def __init__(self, directory, roots):
        self.directory = directory
        self.repository = directory / "repository"
        self.roots = [str(root) for root in roots]

    def renew(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        self.initialise()

    def initialise(self):
        raise NotImplementedError

    def grown(self, *commands, **how):
        """Runs a backup, and notes by how much the repository has grown."""
        before = self.stored()
        figure = run(*commands, **how)
        figure.stored = self.stored() - before
        return figure

    def stored(self):
        return size_of(self.repository)


class Restic(Repository):
    def command(self, *words):
        return ["restic", "--quiet", *words]

    def environment(self):
        return {"RESTIC_PASSWORD": PASSPHRASE, "RESTIC_REPOSITORY": str(self.repository),
                "RESTIC_CACHE_DIR": str(self.directory / "cache")}

    def initialise(self):
        run(self.command("init"), environment=self.environment())

    def back_up(self):
        return self.grown(self.command("backup", *self.roots),
                          environment=self.environment())

    def back_up_stream(self, command, environment):
        return self.grown(command,
                          self.command("backup", "--stdin", "--stdin-filename", "database.dump"),
                          environment={**environment, **self.environment()})

    def restore(self, into):
        into.mkdir()
        return run(self.command("restore", "latest", "--target", into),
                   environment=self.environment(), sync=lambda: sync_tree(into))

    def verify(self):
        return run(self.command("check", "--read-data"), environment=self.environment())


class ResticOnS3(Restic):
    BUCKET = "restic"

    def __init__(self, directory, roots, server):
        super().__init__(directory, roots)
        self.server = server

    def environment(self):
        return super().environment() | {
            "RESTIC_REPOSITORY": f"s3:{self.server.url}/{self.BUCKET}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def command(self, *words):
        return ["restic", "--option", f"s3.connections={CONNECTIONS}", "--quiet", *words]

    def initialise(self):
        if self.server.has_bucket(self.BUCKET):
            self.server.remove_bucket(self.BUCKET)
        self.server.make_bucket(self.BUCKET)
        super().initialise()

    def stored(self):
        return self.server.stored_bytes(self.BUCKET)


class Borg(Repository):
    def __init__(self, directory, roots):
        super().__init__(directory, roots)
        self.count = 0

    def environment(self):
        return {"BORG_PASSPHRASE": PASSPHRASE, "BORG_REPO": str(self.repository),
                "BORG_BASE_DIR": str(self.directory / "base"), "LC_ALL": "C.UTF-8"}

    def initialise(self):
        run(["borg", "init", "--encryption", "repokey"], environment=self.environment())

    def back_up(self):
        self.count += 1
        return self.grown(["borg", "create", "--compression", "zstd,3", f"::{self.count}",
                           *self.roots], environment=self.environment())

    def restore(self, into):
        into.mkdir()
        return run(["borg", "extract", f"::{self.count}"], environment=self.environment(),
                   directory=into, sync=lambda: sync_tree(into))

    def verify(self):
        return run(["borg", "check", "--verify-data"], environment=self.environment())


class Tar:
    """tar into zstd; knows no repository, and its incremental archives know what an earlier one
    listed."""

    def __init__(self, directory, roots):
        self.archive = directory / "files.tar.zst"
        self.listed = directory / "files.listed"
        self.roots = [str(root) for root in roots]

    def archive_with(self, *options):
        self.archive.unlink(missing_ok=True)
        figure = run(["tar", "--create", "--file=-", "--absolute-names", *options, *self.roots],
                     [*ZSTD, self.archive], sync=lambda: sync_file(self.archive))
        figure.stored = size_of(self.archive)
        self.archive.unlink()
        return figure

    def back_up(self):
        return self.archive_with()

    def list_files(self):
        """The listing is told apart from the files by their time: what has changed in the same
        second counts as changed."""
        time.sleep(1.1)
        self.listed.unlink(missing_ok=True)
        run(["tar", "--create", "--file=/dev/null", "--absolute-names",
             f"--listed-incremental={self.listed}", *self.roots])

    def back_up_incremental(self):
        copy = self.listed.with_suffix(".copy")
        shutil.copyfile(self.listed, copy)
        return self.archive_with(f"--listed-incremental={copy}")


class PostgresTools:
    """pg_dump and pg_restore, called past the distribution's wrapper."""

    def __init__(self, directory, installation):
        self.directory = directory
        self.server = installation.server
        self.database = installation.database
        self.owner = installation.owner
        self.archive = directory / "database.dump"
        self.tree = directory / "database.directory"
        self.environment = self.server.environment()

    def dump_command(self, *options):
        return [PROGRAMS / "pg_dump", "--no-sync", *options, self.database]

    def checkpoint(self):
        """So that none of the runs meets the checkpoint of another."""
        self.server.query("CHECKPOINT")

    def dump(self, *commands, file):
        self.checkpoint()
        figure = run(*commands, environment=self.environment, sync=lambda: sync_file(file))
        figure.stored = size_of(file)
        file.unlink()
        return figure

    def dump_zstd(self):
        file = self.directory / "database.dump.zst"
        return self.dump(self.dump_command("-Fc", "-Z0"), [*ZSTD, file], file=file)

    def dump_custom(self):
        file = self.directory / "database.measured"
        return self.dump(self.dump_command("-Fc", "-f", file), file=file)

    def dump_restic(self, restic):
        self.checkpoint()
        return restic.back_up_stream(self.dump_command("-Fc", "-Z0"), self.environment)

    # the other way

    def make_dumps(self):
        """What is restored from, made once."""
        shutil.rmtree(self.tree, ignore_errors=True)
        run(self.dump_command("-Fd", "-Z0", "-j2", "-f", self.tree), environment=self.environment)
        run(self.dump_command("-Fc", "-f", self.archive), environment=self.environment)

    def restore(self, source, analyze=False):
        """Into a new database, whose making counts, as it does for obbackup. With analyze, the
        statistics too, without which queries are planned badly until autovacuum makes them;
        obbackup's restore has them made."""
        commands = [[PROGRAMS / "createdb", "--template=template0", f"--owner={self.owner}",
                     "--encoding=UTF8", "--locale=C.UTF-8", COPY],
                    [PROGRAMS / "pg_restore", "-j2", "--exit-on-error", "-d", COPY, source]]
        if analyze:
            commands.append([PROGRAMS / "vacuumdb", "--analyze-only", "-j2", COPY])
        figures = [run(command, environment=self.environment) for command in commands]
        figure = figures[1]
        figure.seconds = figure.synced = sum(each.seconds for each in figures)
        figure.processor = sum(each.processor for each in figures)
        return figure

    def drop_copy(self):
        self.server.query(f'DROP DATABASE IF EXISTS "{COPY}" WITH (FORCE)')
        self.checkpoint()
