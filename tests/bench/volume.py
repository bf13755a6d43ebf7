# SPDX-License-Identifier: GPL-3.0-or-later
"""Data for measuring: the installation of tests/lib, with volume added.

tests/lib makes every kind of thing, one after the other. Here much of few kinds is added by as
many processes as there are processors: large attachments, half of which cannot be compressed as
scans and PDFs cannot, and rows by COPY into the tables that are large in a real installation."""

import concurrent.futures
import dataclasses
import hashlib
import io
import json
import os
import random
import shutil
from pathlib import Path

from installation import Installation, Size
from postgres import SUPERUSER, Postgres
from trees import Attachment, TreeMaker

# As an administrator with 8 GB for the database would set it. Nothing is left unsafe: fsync,
# full_page_writes and synchronous_commit are on, as they are by default.
PRODUCTION = {"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
              "maintenance_work_mem": "256MB", "work_mem": "16MB", "effective_cache_size": "4GB"}
# While the data is made nobody asks what survives a crash.
LOADING = PRODUCTION | {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
                        "max_wal_size": "16GB", "autovacuum": "off"}

BYTES_A_TASK = 16 << 20
ROWS_A_TASK = 50_000


@dataclasses.dataclass
class Volume:
    """What is added to an installation of a size."""

    size: Size
    attachment_bytes: int
    facts: int
    lines: int
    trails: int
    images: int

    @classmethod
    def named(cls, name):
        if name == "small":
            return cls(Size(), 12 << 20, 10_000, 5_000, 5_000, 30)
        if name == "medium":
            return cls(Size(orders=6000, images=20, image_bytes=100_000, extra_tables=100,
                            source_files=4000, webapp_files=10, attachments=400),
                       270 << 20, 280_000, 190_000, 190_000, 350)
        return cls(Size(orders=20_000, images=40, image_bytes=100_000, extra_tables=500,
                        source_files=12_000, webapp_files=10, attachments=1500),
                   1170 << 20, 3_200_000, 2_000_000, 2_000_000, 3500)


class KeptPostgres(Postgres):
    """A server whose cluster has a place of its own, so that it can be kept and used again."""

    def __init__(self, directory):  # pylint: disable=super-init-not-called
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "log"
        self.port = None
        self.process = None
        self.settings = dict(LOADING)
        if not self.data.exists():
            directory.mkdir(mode=0o755)
            shutil.chown(directory, SUPERUSER, SUPERUSER)
            self._make_cluster()

    def restart_for_production(self):
        self.stop()
        self.settings = dict(PRODUCTION)
        self.start()


# attachments

class VolumeMaker(TreeMaker):
    """Makes large attachments; each task has a seed of its own."""

    def __init__(self, seed, uid, gid):
        super().__init__(seed, None, uid, gid, False)
        vocabulary = random.Random(1)
        self.words = [vocabulary.randbytes(1 + i % 5).hex().encode() for i in range(256)]

    def text(self, length):
        """Words without a pattern: about a third of it is left when it is compressed."""
        words = self.random.randbytes(length // 7 + 1)
        return b" ".join(map(self.words.__getitem__, words))[:length]

    def add(self, root, table, task, limit):
        """Adds files of some 10 KB to some MB until there are limit bytes; returns their rows."""
        attachments, number = [], 0
        while limit > 0:
            length = min(limit, 8 << 20, int(self.random.lognormvariate(12.5, 1.2)) + 1)
            limit -= length
            number += 1
            record, identifier = (f"{self.random.getrandbits(128):032X}" for _ in range(2))
            compressible = number % 2 == 0
            name = f"{'Listado' if compressible else 'Escaneo'} {task}-{number}." + (
                "csv" if compressible else "pdf")
            path = "/".join([table, *(record[i:i + 3] for i in range(0, 32, 3))])
            self.file(f"{root}/{path}/{name}",
                      self.text(length) if compressible else self.random.randbytes(length))
            attachments.append(Attachment(identifier, name, table, record, path))
        return attachments


def add_attachments(root, table, seed, task, limit, uid, gid):
    return VolumeMaker(f"{seed} {task}", uid, gid).add(root, table, task, limit)


# rows

def key(*parts):
    return hashlib.md5("".join(map(str, parts)).encode()).hexdigest().upper()


def fact_row(seed, number, _noise):
    year, day = 2023 + number % 2, number // 2 % 336
    return (f"{key(seed, 'volume fact', number)}\t{year}-{1 + day // 28:02}-{1 + day % 28:02}\t"
            f"{40_000_000 + number % 977}\t{number % 99_991 / 100}\t{number % 7 * 1.21:.2f}\n")


def line_row(seed, number, noise, orders):
    """Of one of the orders that are there already, by the key that data.sql gave it."""
    words = " ".join(noise.choices(DESCRIPTIONS, k=8))
    return (f"{key(seed, 'volume line', number)}\t{key(seed, 'order', 1 + number % orders)}\t"
            f"{number * 10}\t{1 + number % 40}\t{number % 9973 / 100}\t{words}\n")


def trail_row(seed, number, _noise):
    second = number % 86_400
    return (f"2024-{1 + number // 86_400 % 12:02}-{1 + number // 1_036_800 % 28:02} "
            f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}+00\tc_order\t"
            f"{key(seed, 'volume trail', number)}\t{'IUD'[number % 3]}\n")


def image_row(seed, number, noise):
    picture = noise.randbytes(100_000).hex()
    return f"{key(seed, 'volume image', number)}\tvolume {number}\t\\\\x{picture}\n"


DESCRIPTIONS = ("producto servicio mantenimiento transporte entrega parcial según pedido caja "
                "unidad referencia descuento año lote revisión urgente almacén").split()
COLUMNS = {
    "fact_acct": "fact_acct_id, dateacct, account, amtacctdr, amtacctcr",
    "c_orderline": "c_orderline_id, c_order_id, line, qty, price, description",
    "ad_audit_trail": "at, tablename, record_id, action",
    "ad_image": "ad_image_id, name, bindarydata",
}
ROWS = {"fact_acct": fact_row, "c_orderline": line_row, "ad_audit_trail": trail_row,
        "ad_image": image_row}


class RowFile(io.RawIOBase):
    """What COPY reads, made while it reads."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows
        self.rest = b""

    def readable(self):
        return True

    def read(self, size=-1):
        pieces, length = [self.rest], len(self.rest)
        while length < size:
            row = next(self.rows, None)
            if row is None:
                break
            pieces.append(row.encode())
            length += len(pieces[-1])
        content = b"".join(pieces)
        self.rest = content[size:]
        return content[:size]


def add_rows(connect, table, seed, numbers, extra):
    """Adds rows to a table past its triggers, as pg_restore does."""
    noise = random.Random(f"{seed} {table} {numbers.start}")
    rows = (ROWS[table](seed, number, noise, *extra) for number in numbers)
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role TO replica")
        cursor.copy_expert(f"COPY {table} ({COLUMNS[table]}) FROM STDIN", RowFile(rows), 1 << 16)
    connection.close()


@dataclasses.dataclass
class Connect:
    """Connects to the database from another process."""

    port: int
    database: str

    def __call__(self):
        server = Postgres.__new__(Postgres)
        server.port = self.port
        return server.connect(self.database)


# all of it

@dataclasses.dataclass
class VolumeInstallation(Installation):
    """An installation with volume; make() brings it into being, reuse() takes one that was kept."""

    volume: Volume = None
    trees_too: bool = True

    def make_database(self):
        super().make_database()
        # Openbravo's own keys have no check. A regular expression for each of them would take a
        # third of the server's time in a restore, whoever asks for it, and hide the difference.
        self.server.query("ALTER DOMAIN ob_uuid DROP CONSTRAINT ob_uuid_check",
                          database=self.database)
        tasks = [(Connect(self.server.port, self.database), table, self.seed,
                  range(first, min(first + step, count)), extra)
                 for table, count, step, extra in (
                     ("fact_acct", self.volume.facts, ROWS_A_TASK, ()),
                     ("c_orderline", self.volume.lines, ROWS_A_TASK, (self.size.orders,)),
                     ("ad_audit_trail", self.volume.trails, ROWS_A_TASK, ()),
                     ("ad_image", self.volume.images, 200, ()))
                 for first in range(0, count, step)]
        in_parallel(add_rows, tasks)
        # So that no measurement pays for hint bits and statistics of rows that were just loaded.
        self.server.query("VACUUM ANALYZE", database=self.database)

    def make_trees(self):
        if not self.trees_too:
            return
        super().make_trees()
        sizes = [BYTES_A_TASK] * (self.volume.attachment_bytes // BYTES_A_TASK)
        sizes.append(self.volume.attachment_bytes - sum(sizes))
        table = TreeMaker(self.seed, self.size, self.uid, self.gid, False).table_id(0)
        tasks = [(str(self.attachments), table, self.seed, number, size, self.uid, self.gid)
                 for number, size in enumerate(sizes)]
        for attachments in in_parallel(add_attachments, tasks):
            self.record_attachments(attachments)

    def reuse(self):
        """The server has another port each time."""
        self.write_properties(self.properties)
        return self


def in_parallel(function, tasks):
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        return [done.result() for done in [pool.submit(function, *task) for task in tasks]]


def open_installation(directory, size, seed, trees=True):
    """Makes the data below directory, or takes what was kept there; returns the installation with
    its server running. Without trees there is only the database."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)
    made = directory / "made.json"
    wanted = {"size": size, "seed": seed}
    found = json.loads(made.read_text()) if made.exists() else None
    if found not in (None, wanted):
        raise SystemExit(f"{directory} holds other data: {found}; asked for was {wanted}.")
    if found is None and any(directory.iterdir()):
        raise SystemExit(f"{directory} is not empty, and what is in it is not complete.")
    volume = Volume.named(size)
    server = KeptPostgres(directory / "postgresql")
    try:
        if found is not None:
            server.settings = dict(PRODUCTION)
        server.start()
        installation = VolumeInstallation(directory / "installation", server, seed=seed,
                                          size=volume.size, volume=volume, trees_too=trees, odd_names=False)
        if found is not None:
            return installation.reuse()
        installation.make()
        server.restart_for_production()
        made.write_text(json.dumps(wanted))
        return installation
    except BaseException:
        server.stop()
        raise


# changing it

class Changes:
    """Changes files, each time others, and takes all of it back at the end."""

    def __init__(self, roots, keep, seed):
        self.files = sorted(path for root in roots for path in Path(root).rglob("*")
                            if path.is_file() and not path.is_symlink())
        self.keep = keep
        self.random = random.Random(f"{seed} changes")
        self.changed = {}
        self.added = []

    def __enter__(self):
        self.keep.mkdir()
        return self

    def __exit__(self, *ignored):
        for path, copy in self.changed.items():
            shutil.copyfile(copy, path)
            shutil.copystat(copy, path)
        for path in self.added:
            path.unlink(missing_ok=True)
        shutil.rmtree(self.keep)

    def apply(self):
        for path in self.random.sample(self.files, max(1, len(self.files) // 100)):
            self.change(path)
        for path in self.random.sample(self.files, min(50, len(self.files))):
            new = path.parent / f"new-{len(self.added)}.txt"
            self.added.append(new)
            new.write_bytes(self.random.randbytes(int(self.random.lognormvariate(9, 1))))

    def change(self, path):
        """A few bytes in the middle become others, and the file a little longer."""
        if path not in self.changed:
            self.changed[path] = self.keep / str(len(self.changed))
            shutil.copy2(path, self.changed[path])
        with open(path, "r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(self.random.randbytes(40))
            file.seek(0, os.SEEK_END)
            file.write(self.random.randbytes(40))
