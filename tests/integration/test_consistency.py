# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups made while the application writes, while tables are truncated and altered: each holds
one moment, and what belongs together is together."""

import threading
import time

import psycopg2

from harness import LONG, InstallationTest, Size, compare

ROWS = 1000
ROUNDS = 20 if LONG else 4


class Disturber:
    """Runs a function over and over in a thread, from start() until stop(); keeps its count."""

    def __init__(self, work):
        self.work = work
        self.rounds = 0
        self.error = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *ignored):
        self.ended.set()
        self.thread.join()

    def run(self):
        while not self.ended.is_set():
            try:
                self.work()
                self.rounds += 1
            except psycopg2.errors.DeadlockDetected:
                pass
            except Exception as error:  # told by the test, in its own thread
                self.error = error
                return


class Consistency(InstallationTest):
    size = Size(orders=300, source_files=60, webapp_files=20, attachments=40, extra_tables=60,
                large_file=1 << 20, sparse_file=1 << 20)
    application = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.installation.query("CREATE TABLE flip (id integer PRIMARY KEY, value integer)")
        cls.installation.query(f"INSERT INTO flip SELECT i, i FROM generate_series (1, {ROWS}) i")
        cls.installation.query("CREATE TABLE rewritten AS SELECT * FROM flip")

    def truncate(self):
        """Every transaction leaves exactly ROWS rows."""
        connection = self.installation.connect()
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE flip")
            cursor.execute(f"INSERT INTO flip SELECT i, i FROM generate_series (1, {ROWS}) i")
        connection.commit()
        connection.close()

    def alter(self):
        """A rewriting ALTER, after which an older snapshot sees no row of the table."""
        self.installation.query("ALTER TABLE rewritten ALTER value TYPE bigint")
        self.installation.query("ALTER TABLE rewritten ALTER value TYPE integer")

    def copy(self, identifier):
        """Restores the backup's database under another name; returns a function that asks it."""
        name = f"copy_{identifier[:8]}"
        self.addCleanup(self.installation.server.query,
                        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.ok("restore", identifier, "--into-database", name)
        return lambda text: self.installation.server.value(text, database=name)

    def test_truncate_and_alter_beside_it(self):
        with Disturber(self.truncate) as truncate, Disturber(self.alter) as alter:
            made = [self.backup("--only", "database") for _ in range(ROUNDS)]
            self.assertIsNone(truncate.error)
            self.assertIsNone(alter.error)
        self.assertGreater(truncate.rounds, ROUNDS)
        self.assertGreater(alter.rounds, ROUNDS)
        for identifier in made:
            ask = self.copy(identifier)
            for table in ("flip", "rewritten"):
                self.assertEqual(ask(f"SELECT count(*) FROM {table}"), ROWS, table)

    def test_application_writes(self):
        """Each order comes with five lines and one attachment, in one transaction."""
        with Disturber(lambda: self.installation.ask_application("/order", {})) as writer:
            made = [self.backup() for _ in range(ROUNDS)]
            self.assertIsNone(writer.error)
        self.assertGreater(writer.rounds, ROUNDS)
        counts = []
        for number, identifier in enumerate(made):
            ask = self.copy(identifier)
            counts.append(ask("SELECT count(*) FROM c_order WHERE grandtotal = 5"))
            self.assertEqual(0, ask(
                "SELECT count(*) FROM (SELECT c_order_id, count (c_orderline_id) AS n FROM c_order"
                " LEFT JOIN c_orderline USING (c_order_id) GROUP BY 1) AS o WHERE n <> 5"))
            into = self.directory / str(number)
            self.ok("restore", identifier, "--only", "attachments", "--into", into)
            connection = self.installation.server.connect(f"copy_{identifier[:8]}")
            with connection.cursor() as cursor:
                cursor.execute("SELECT path, name, ad_record_id FROM c_file"
                               " WHERE name = 'new.txt'")
                for path, name, record in cursor:
                    file = into / "attachments" / path / name
                    self.assertEqual(file.read_text(), f"order {record}\n")
            connection.close()
        self.assertEqual(counts, sorted(counts))

    def test_file_that_changes_while_it_is_read(self):
        """It is read again; it never makes the backup fail."""
        file = self.installation.source / "growing.log"
        state = {"round": 0}

        def grow():
            state["round"] += 1
            with open(file, "ab") as output:
                output.write(b"%d\n" % state["round"] * 5000)
            # Else it fills the disk before the reader is at its end.
            time.sleep(0.005)

        self.addCleanup(file.unlink, missing_ok=True)
        with Disturber(grow):
            made = [self.backup("--only", "sources") for _ in range(ROUNDS)]
        for number, identifier in enumerate(made):
            into = self.directory / str(number)
            self.ok("restore", identifier, "--into", into)
            text = (into / "sources" / "growing.log").read_bytes()
            self.assertTrue(text.startswith(b"1\n"), text[:20])

    def test_files_that_come_and_go(self):
        directory = self.installation.attachments / "busy"
        directory.mkdir()
        self.addCleanup(directory.rmdir)
        counter = iter(range(10 ** 9))

        def come_and_go():
            files = [directory / f"file-{next(counter)}" for _ in range(50)]
            for file in files:
                file.write_bytes(b"here for a moment" * 100)
            for file in files:
                file.unlink()

        with Disturber(come_and_go) as disturber:
            for _ in range(ROUNDS):
                self.backup("--only", "attachments")
            self.assertIsNone(disturber.error)

    def test_database_is_not_changed_by_a_backup(self):
        before = compare.describe_database(self.installation.server, self.installation.database,
                                           with_oid=True)
        self.backup()
        self.assert_same_database(before, compare.describe_database(
            self.installation.server, self.installation.database, with_oid=True))


