# SPDX-License-Identifier: GPL-3.0-or-later
"""The short part of a restore in place and its undoing: the application is stopped, parts take each
other's place, the database keeps its number where that matters, the application has to come up
again; and what was there before is kept, comes back, and goes."""

import http.server
import os
import re
import shutil
import threading
import time

from harness import (BUSY, FAILED, NOT_FOUND, SANDBOX, USAGE, InstallationTest, ctl, server,
                     wait_until)



class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(503)

    def log_message(self, *arguments):
        pass


HEALTHY = "SELECT count(*) > 0 FROM c_order"


class ExchangeTest(InstallationTest):
    application = True
    activation_key = None

    @classmethod
    def make_installation(cls, name=None, **how):
        return super().make_installation(name, activation_key=cls.activation_key, **how)

    def change(self, stamp):
        """Another state than the one that is backed up."""
        self.installation.query("UPDATE c_bpartner SET name = %s", [stamp])
        for tree in self.installation.trees().values():
            (tree / "stamp.txt").write_text(stamp)

    def number(self, database=None):
        """The OID of a database."""
        return server().query("SELECT oid::bigint FROM pg_database WHERE datname = %s",
                              [database or self.installation.database])[0][0]

    def previous(self):
        return self.details().get("previous", [])

    def details(self):
        return self.json("instance", "show", "erp")

    def settle(self):
        ctl("release-previous", "erp", "--yes")
        self.assertEqual(self.beside(), set())

    def assert_runs(self):
        wait_until(self.installation.application_runs, "the application does not run")


class Undone(ExchangeTest):
    def test_undo_and_undo_again(self):
        backed_up = self.describe()
        identifier = self.backup()
        self.change("entered since")
        living, number = self.describe(), self.number()
        self.ok("restore", identifier, "--yes")
        self.assert_same_installation(backed_up, self.describe())
        kept = {entry["part"]: entry for entry in self.previous()}
        self.assertEqual(set(kept), {"database", "sources", "webapp", "attachments"})
        for entry in kept.values():
            self.assertGreater(int(entry["size"]), 1000)
            self.assertAlmostEqual(int(entry["until"]) - int(entry["since"]), 3 * 86400, delta=5)

        done = self.json("undo-restore", "erp", "--yes")
        self.assertLess(done["downtime"], 20)
        self.assertEqual(set(done["parts"]), set(kept))
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.number(), number)
        self.assert_runs()

        self.change("entered after it was undone")
        now = self.describe()
        self.ok("undo-restore", "erp", "--yes")
        self.assert_same_installation(backed_up, self.describe())
        self.ok("undo-restore", "--yes")
        self.assert_same_installation(now, self.describe())

        done = self.json("release-previous", "erp", "--yes")
        self.assertEqual(len(done["released"]), 4)
        self.assertGreater(done["bytes"], 1000)
        self.assertEqual(self.beside(), set())
        self.assertEqual(self.previous(), [])
        self.refused(NOT_FOUND, "no former state is kept", "undo-restore", "erp", "--yes")
        self.assert_same_installation(now, self.describe())

    def test_undo_of_a_part(self):
        identifier = self.backup()
        self.change("entered since")
        living = self.describe()
        self.ok("restore", identifier, "--only", "database", "--yes")
        self.change("entered after the restore")
        files = self.describe()[1]
        done = self.json("undo-restore", "erp", "--yes")
        self.assertEqual(done["parts"], ["database"])
        database, trees = self.describe()
        self.assert_same_database(living[0], database)
        for part, tree in files.items():
            self.assert_same_tree(tree, trees[part])
        self.settle()

    def test_asked_for_on_a_terminal(self):
        self.ok("restore", self.backup(), "--yes")
        done = ctl("undo-restore", "erp", stdin="")
        self.assertNotEqual(done.status, 0)
        self.assertRegex(done.err, "--yes")
        self.settle()

    def test_what_is_kept_was_removed_by_hand(self):
        identifier = self.backup()
        self.ok("restore", identifier, "--yes")
        where = {entry["part"]: entry["where"] for entry in self.previous()}
        shutil.rmtree(where["webapp"])
        before = self.describe()
        self.refused(NOT_FOUND, "not in .* any more", "undo-restore", "erp", "--yes")
        self.assert_same_installation(before, self.describe())
        self.assert_runs()
        server().query(f'DROP DATABASE "{where["database"]}"')
        self.refused(NOT_FOUND, "any more", "undo-restore", "erp", "--yes")
        self.settle()

    def test_two_restores_are_undone_one_by_one(self):
        identifier = self.backup()
        self.ok("restore", identifier, "--yes")
        self.change("between the two")
        between = self.describe()
        self.ok("restore", identifier, "--yes")
        self.assertEqual(len(self.previous()), 8)
        self.ok("undo-restore", "erp", "--yes")
        self.assert_same_installation(between, self.describe())
        self.settle()

    def test_time_is_up(self):
        settings = SANDBOX / "etc" / "obbackup.conf"
        self.addCleanup(self.restart_service)
        self.addCleanup(settings.unlink)
        self.ok("restore", self.backup(), "--yes")
        kept = self.beside()
        self.restart_service()
        time.sleep(1)  # in which it is not released
        self.assertEqual(self.beside(), kept)
        settings.write_text("[obbackup]\nkeep-previous=1s\n")
        time.sleep(1)  # it is a second old, whatever the clock's resolution
        self.restart_service()
        wait_until(lambda: not self.beside(), "what was kept is not released")
        wait_until(lambda: not self.previous(), "its record stays")
        self.assertNotIn("release-previous", [job["Operation"] for job in self.json("jobs")
                                              if job["State"] == "failed"])

    def test_not_released_where_nothing_else_is_whole(self):
        settings = SANDBOX / "etc" / "obbackup.conf"
        settings.write_text("[obbackup]\nkeep-previous=1s\n")
        self.addCleanup(self.restart_service)
        self.addCleanup(settings.unlink)
        self.ok("restore", self.backup(), "--yes")
        # As a backup of which a repair has taken something.
        record, = (SANDBOX / "state" / "restores").glob("erp.*.json")
        text = record.read_text()
        record.write_text(re.sub(r'"whole" ?: ?true', '"whole" : false', text))
        self.assertNotEqual(record.read_text(), text)
        time.sleep(1)  # its time is up
        self.restart_service()
        time.sleep(2)  # in which it is not released
        self.assertNotEqual(self.beside(), set())
        self.settle()


class WithoutKey(ExchangeTest):
    def test_number_changes_unless_it_is_asked_for(self):
        identifier = self.backup()
        number = self.number()
        self.ok("restore", identifier, "--yes")
        self.assertNotEqual(self.number(), number)
        number = self.number()
        self.change("entered since")
        done = self.json("restore", identifier, "--keep-oid", "--yes")
        self.assertEqual(self.number(), number)
        self.assertEqual(done.get("warnings", []), [])
        self.settle()

    def test_both_is_too_much(self):
        self.refused(USAGE, "not both", "restore", "latest", "--keep-oid", "--quick", "--yes")


class WithKey(ExchangeTest):
    activation_key = "a key"

    def properties_of(self, database):
        """What a copy of a database does not have by itself."""
        return server().query(
            "SELECT datconnlimit, datallowconn, pg_get_userbyid (datdba),"
            "  (SELECT string_agg (a::text, ',' ORDER BY a::text) FROM unnest (datacl) AS a),"
            "  shobj_description (oid, 'pg_database'),"
            "  (SELECT string_agg (concat (setrole, setconfig), ',' ORDER BY setrole)"
            "     FROM pg_db_role_setting WHERE setdatabase = d.oid)"
            "  FROM pg_database d WHERE datname = %s", [database])

    def test_number_stays_there_and_back(self):
        backed_up = self.describe()
        identifier = self.backup()
        number = self.number()
        server().query(f'COMMENT ON DATABASE "{self.installation.database}" IS \'living\'')
        self.change("entered since")
        living = self.describe()
        properties = self.properties_of(self.installation.database)
        done = self.json("restore", identifier, "--yes")
        self.assertEqual(self.number(), number)
        self.assertEqual([text for text in done.get("warnings", []) if "activation" in text], [])
        self.assert_same_installation(backed_up, self.describe())
        self.assertEqual(len([name for name in self.beside() if "/" not in name]), 1)
        kept = done["previous"]["database"]
        self.assertEqual(self.properties_of(kept), properties)
        self.assert_runs()

        self.ok("undo-restore", "erp", "--yes")
        self.assertEqual(self.number(), number)
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.properties_of(self.installation.database), properties)
        self.assertEqual(len([name for name in self.beside() if "/" not in name]), 1)
        self.assert_runs()
        self.settle()

    def test_quick(self):
        identifier = self.backup()
        number = self.number()
        done = self.json("restore", identifier, "--quick", "--yes")
        self.assertNotEqual(self.number(), number)
        self.assertTrue([text for text in done["warnings"] if "activated again" in text], done)
        self.ok("undo-restore", "erp", "--yes")
        self.assertEqual(self.number(), number)
        self.settle()

    def test_application_that_is_not_well(self):
        """All goes back, the number too."""
        self.ok("instance", "edit", "erp", "--health-sql", "SELECT name <> 'as backed up' FROM"
                " c_bpartner LIMIT 1", "--health-timeout", "2")
        self.addCleanup(self.ok, "instance", "edit", "erp", "--health-sql", "none")
        self.installation.query("UPDATE c_bpartner SET name = 'as backed up'")
        identifier = self.backup()
        self.change("as it is now")
        living, number = self.describe(), self.number()
        self.refused(FAILED, "put back as it was", "restore", identifier, "--yes")
        self.assertEqual(self.number(), number)
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.beside(), set())
        self.assert_runs()


class Well(ExchangeTest):
    def edit(self, *words):
        self.ok("instance", "edit", "erp", *words)
        self.addCleanup(self.ok, "instance", "edit", "erp", "--health-url", "none",
                        "--health-sql", "none")

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.installation.http_port}{path}"

    def test_shown(self):
        self.edit("--health-url", self.url(), "--health-sql", HEALTHY, "--health-timeout", "20")
        details = self.details()
        self.assertEqual(details["health-url"], self.url())
        self.assertEqual(details["health-sql"], HEALTHY)
        self.ok("instance", "edit", "erp", "--health-url", "none", "--health-sql", "none")
        self.assertNotIn("health-url", self.details())

    def test_restored_when_it_is(self):
        self.edit("--health-url", self.url(), "--health-sql", HEALTHY)
        self.installation.ask_application()
        backed_up = self.describe()
        identifier = self.backup()
        self.change("entered since")
        self.ok("restore", identifier, "--yes")
        self.assert_same_installation(backed_up, self.describe())
        self.assert_runs()
        self.settle()

    def assert_put_back(self, *words):
        identifier = self.backup()
        self.change("entered since")
        living = self.describe()
        self.edit(*words, "--health-timeout", "2")
        self.refused(FAILED, "put back as it was", "restore", identifier, "--yes")
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.beside(), set())
        self.assertEqual(self.previous(), [])
        self.assert_runs()
        self.assertNotIn("stopped", self.details())

    def test_url_that_does_not_answer(self):
        self.assert_put_back("--health-url", "http://127.0.0.1:9/")

    def test_url_that_answers_no(self):
        identifier = self.backup()
        self.change("entered since")
        server = http.server.HTTPServer(("127.0.0.1", 0), Refusing)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        living = self.describe()
        self.edit("--health-url", f"http://127.0.0.1:{server.server_port}/",
                  "--health-timeout", "2")
        self.refused(FAILED, "answers 503", "restore", identifier, "--yes")
        self.assert_same_installation(living, self.describe())

    def test_query_that_fails(self):
        self.assert_put_back("--health-sql", "SELECT no_such_thing FROM c_order")

    def test_query_that_gives_no(self):
        self.assert_put_back("--health-sql", "SELECT false")

    def test_query_that_writes(self):
        self.assert_put_back("--health-sql", "DELETE FROM c_orderline RETURNING true")

    def test_query_of_two_statements(self):
        self.assert_put_back("--health-sql", "SELECT true; COMMIT; DROP TABLE c_orderline")

    def test_no_address(self):
        for url in ("gopher://x/", "localhost", "http://", "file:///etc/passwd"):
            with self.subTest(url=url):
                self.refused(FAILED, "http or https", "instance", "edit", "erp", "--health-url", url)


class Stopped(ExchangeTest):
    def test_start_fails(self):
        """With what was restored it does not start: the former state does."""
        (self.installation.webapp / "stamp.txt").unlink(missing_ok=True)
        identifier = self.backup()
        self.change("entered since")
        living = self.describe()
        program = self.installation.programs / "application.py"
        text = program.read_text()
        stamp = self.installation.webapp / "stamp.txt"
        program.write_text(text.replace(
            "def start(options):",
            f"def start(options):\n    if not Path({str(stamp)!r}).exists():\n"
            "        sys.exit('no stamp, no start')"))
        self.refused(FAILED, "put back as it was.*no stamp, no start", "restore", identifier,
                     "--yes")
        program.write_text(text)
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.beside(), set())
        self.assert_runs()
        self.assertNotIn("stopped", self.details())

    def test_never_starts_again(self):
        """Neither: all is as it was, and the status tells that the application is stopped."""
        identifier = self.backup()
        self.change("entered since")
        living = self.describe()
        program = self.installation.programs / "application.py"
        text = program.read_text()
        program.write_text(text.replace("def start(options):",
                                        "def start(options):\n    sys.exit('never')"))
        self.refused(FAILED, "put back as it was", "restore", identifier, "--yes")
        self.assert_same_installation(living, self.describe())
        self.assertRegex(self.details()["stopped"], "never")
        self.assertRegex(self.ok("status", status=(0, 1)), "(?i)application is stopped")
        program.write_text(text)
        self.ok("restore", identifier, "--yes")
        self.assertNotIn("stopped", self.details())
        self.assert_runs()
        self.settle()

    def test_does_not_stop(self):
        """Within the time that it has."""
        settings = SANDBOX / "etc" / "obbackup.conf"
        settings.write_text("[obbackup]\ncommand-timeout=2\n")
        self.addCleanup(self.restart_service)
        self.addCleanup(settings.unlink)
        self.restart_service()
        identifier = self.backup()
        self.change("entered since")
        living = self.describe()
        program = self.installation.programs / "application.py"
        text = program.read_text()
        self.addCleanup(program.write_text, text)
        # It starts what runs already, as the former state is started after all.
        program.write_text(text.replace("def stop(options):",
                                        "def stop(options):\n    time.sleep(600)")
                           .replace("def start(options):", "def start(options):\n    return 0"))
        self.refused(FAILED, "did not stop.*within 2 s|did not stop.*2 seconds", "restore", identifier,
                     "--yes")
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.beside(), set())
        self.assert_runs()

    def test_still_connected(self):
        identifier = self.backup()
        self.change("entered since")
        living = self.describe()
        connection = self.installation.connect()
        self.addCleanup(connection.close)
        self.refused(BUSY, "still connected .* as tad.*--force", "restore", identifier, "--yes")
        self.assert_same_installation(living, self.describe())
        self.assertEqual(self.beside(), set())
        self.assert_runs()
        self.ok("restore", identifier, "--yes", "--force")
        self.assert_runs()
        self.settle()


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_exchange")
