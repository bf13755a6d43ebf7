# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests/bench/recovery runs in a sandbox. The two ways are taken in turn, on the same host and
with the same clean PostgreSQL, which syncs as in production; what a run brought back is removed
before the next. The peer gets all that an administrator would have to know beforehand: the order of
the archives, the role, its password, and the new host's properties. Its files are moved into place
within the file system; what it leaves in memory is written by sync -f, as ours is by itself."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

# pylint: disable=wrong-import-position
import hosts  # noqa: E402
from ceph import ACCESS_KEY, SECRET_KEY, Ceph  # noqa: E402
from hosts import Host  # noqa: E402
from installation import Installation, Size  # noqa: E402
from measuring import load, settle  # noqa: E402
from postgres import PROGRAMS, Postgres  # noqa: E402

SANDBOX = Path(os.environ["OBBACKUP_SANDBOX"])
BUCKET = "acme-backups"
ENDPOINT = f"https://{hosts.SERVER_NAME}"
SIZES = {
    "small": Size(orders=400, source_files=200, webapp_files=60, attachments=60),
    "medium": Size(orders=20_000, images=100, image_bytes=200_000, extra_tables=200,
                   source_files=8_000, webapp_files=3_000, attachments=1_500,
                   large_file=60 << 20, sparse_file=64 << 20),
}
OURS, PEER = "obbackup", "restic and pg_restore"


def must(done, what):
    if done.status != 0:
        raise SystemExit(f"{what}:\n{done.out}{done.err}")
    return done.out


class Bench:
    def __init__(self, size):
        hosts.make_network()
        self.ceph = Ceph(SANDBOX, hosts.SERVER, hosts.SERVER_NAME, tls_port=443).start()
        self.ceph.make_bucket(BUCKET)
        self.secret = SANDBOX / "secret-key"
        self.secret.write_text(SECRET_KEY + "\n")
        self.words = ["--kind", "s3", "--bucket", BUCKET, "--endpoint", ENDPOINT, "--ca-file",
                      self.ceph.certificate, "--access-key", ACCESS_KEY, "--secret-key-file",
                      self.secret]
        self.passphrase = SANDBOX / "passphrase"
        self.make_backup(size)
        self.make_host()

    def make_backup(self, size):
        host = Host(SANDBOX, "former", 1)
        try:
            with host, Postgres(host.directory, sync=False) as server:
                former = Installation(host.directory / "erp", server, size=size, odd_names=False)
                former.directory.mkdir()
                former.make()
                must(host.ctl("instance", "add", "erp", "--properties", former.properties,
                              "--webapp", former.webapp), "instance add")
                must(host.ctl("destination", "add", "cloud", *self.words), "destination add")
                self.passphrase.write_text(must(
                    host.ctl("destination", "recovery-key", "cloud"), "recovery-key"))
                told = json.loads(must(host.ctl("backup", "--json"), "backup").splitlines()[-1])
                self.bytes, self.files = told["size"], told["files"]
                self.orders = former.value("SELECT count(*) FROM c_order_v")
        finally:
            host.destroy()

    def make_host(self):
        self.host = Host(SANDBOX, "new", 2, uid=71002)
        with self.host:
            self.server = Postgres(self.host.directory, sync=True).start()
            self.new = Installation(self.host.directory / "srv", self.server,
                                    database="production", uid=71002, gid=71002)
            self.properties = self.host.directory / "root" / "Openbravo.properties"
            self.new.write_properties(self.properties)

    def clean(self):
        """As nothing had ever been here."""
        with self.host:
            self.new.stop_application()
            self.new.drop_database()
            for role in ("tad", "ob_report"):
                self.server.query(f'DROP ROLE IF EXISTS "{role}"')
            shutil.rmtree(self.new.directory, ignore_errors=True)
            self.new.directory.mkdir()
            self.new.application_commands()
        for kind, name in (("instance", "erp"), ("destination", "cloud")):
            self.host.ctl("release-previous", "erp", "--yes")
            self.host.ctl(kind, "remove", name)
        self.host.restart_service()
        for directory in ("cache", "state"):
            shutil.rmtree(self.host.directory / directory)
            (self.host.directory / directory).mkdir(0o700)
        (self.host.directory / "etc" / "keys" / "cloud.key").unlink(missing_ok=True)

    def answer(self):
        with self.host:
            self.new.start_application()
            answer = self.new.ask_application()
        if answer["orders"] != self.orders or answer["lost"]:
            raise SystemExit(f"the application answers {answer}")

    # the two ways

    def ours(self, step):
        must(self.host.ctl("destination", "add", "cloud", *self.words, "--existing",
                           "--passphrase-file", self.passphrase), "destination add")
        step("destination add")
        must(self.host.ctl("restore", "latest", "--properties", self.properties, "--webapp",
                           self.new.webapp, "--yes"), "restore")
        step("restore")
        self.answer()

    def peer(self, step):
        target = self.new.directory / "restic"
        must(self.host.run(
            "restic", "--repo", f"s3:{ENDPOINT}/{BUCKET}", "--cacert", self.ceph.certificate,
            "--cache-dir", self.new.directory / "cache", "restore", "latest", "--target", target,
            environment={"RESTIC_PASSWORD_FILE": str(self.passphrase), "RESTIC_COMPRESSION": "auto",
                         "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}),
            "restic")
        step("restic")
        self.restore_database(target / "database")
        step("pg_restore")
        for part, place in self.new.trees().items():
            place.parent.mkdir(parents=True, exist_ok=True)
            (target / part).rename(place)
        for file in (self.new.properties, self.new.webapp / "WEB-INF" / "Openbravo.properties"):
            with self.host:
                self.new.write_properties(file)
        must(self.host.run("chown", "-R", "71002:71002", *self.new.trees().values()), "chown")
        must(self.host.run("sync", "--file-system", self.new.directory), "sync")
        step("files in place")
        self.answer()

    def restore_database(self, archives):
        """As RESTORE.txt tells it: the schema, the rows of all archives, then the rest."""
        with self.host:
            for statement in ("CREATE ROLE ob_report",
                              f"CREATE ROLE tad LOGIN CREATEDB CREATEROLE PASSWORD "
                              f"'{self.new.password}'",
                              "CREATE DATABASE production OWNER tad TEMPLATE template0 ENCODING "
                              "'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"):
                self.server.query(statement)
        schema = archives / "schema.dump"
        self.pg_restore("--section=pre-data", schema)
        rows = [file for file in sorted(archives.iterdir()) if file != schema]
        with self.host:
            running = [subprocess.Popen(self.command("--section=data", file), cwd="/",
                                        env=self.server.environment()) for file in rows]
            if any([process.wait() for process in running]):
                raise SystemExit("pg_restore of the rows failed")
        self.pg_restore("--section=post-data", "--jobs=2", schema)

    @staticmethod
    def command(*words):
        return [PROGRAMS / "pg_restore", "--exit-on-error", "--dbname=production", *words]

    def pg_restore(self, *words):
        must(self.host.run(*self.command(*words), environment=self.server.environment()),
             "pg_restore")

    # measuring

    def measure(self, rounds):
        found = {OURS: [], PEER: []}
        for number in range(rounds):
            ways = [(OURS, self.ours), (PEER, self.peer)]
            for name, way in ways if number % 2 == 0 else reversed(ways):
                self.clean()
                settle()
                before, began, steps = load(), time.monotonic(), []

                def step(what, began=began, steps=steps):
                    steps.append(f"{what} until {time.monotonic() - began:.1f}")

                way(step)
                found[name].append((time.monotonic() - began, before))
                print(f"  {name:<24} {found[name][-1][0]:7.2f} s, load before {before:.1f} "
                      f"({', '.join(steps)})", flush=True)
        return found

    def remove(self):
        with self.host:
            self.new.stop_application()
            self.server.stop()
        self.host.destroy()
        self.ceph.remove()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", choices=SIZES, default="medium")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bench = Bench(SIZES[options.size])
    try:
        print(f"{bench.bytes / 1e6:.0f} MB in {bench.files} files, archives of the database among "
              f"them; {os.cpu_count()} cores")
        found = bench.measure(options.rounds)
    finally:
        bench.remove()
    print(f"{'from nothing to an answer':<26} {'median':>7} {'least':>7} {'most':>7}  seconds")
    for name, runs in found.items():
        seconds = [run[0] for run in runs]
        print(f"{name:<26} {statistics.median(seconds):7.2f} {min(seconds):7.2f} "
              f"{max(seconds):7.2f}")
    ratios = [ours[0] / peer[0] for ours, peer in zip(found[OURS], found[PEER], strict=True)]
    print(f"ratio, median of neighbouring runs: {statistics.median(ratios):.2f} (below 1 obbackup "
          "is faster)")
    if options.json:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
