# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes in comes out: in place, elsewhere, in parts, after a disaster."""

from pathlib import Path

from harness import DONE, PARTIAL, SOURCE, InstallationTest, Size, compare

ODD = SOURCE / "tests" / "lib" / "odd.sql"


class RoundTripTest(InstallationTest):
    def restore(self, identifier, *words):
        return self.json("restore", identifier, "--yes", *words)

    def spoil(self):
        """Changes something in every part."""
        self.installation.query("UPDATE c_bpartner SET name = 'spoilt'")
        self.installation.query("DROP VIEW c_order_v")
        (self.installation.source / "build.xml").write_text("spoilt")
        (self.installation.webapp / "WEB-INF" / "web.xml").unlink()
        (self.installation.attachments / "new").mkdir(exist_ok=True)


class InPlace(RoundTripTest):
    """The whole variety of content, with the application running around the restore."""

    size = Size()
    odd_names = True
    application = True

    def test_after_a_disaster(self):
        before = self.describe()
        answer = self.installation.ask_application()
        identifier = self.backup("--label", "before the disaster")
        self.installation.wreck()
        self.assertEqual(self.restore("latest")["id"], identifier)
        self.assert_same_installation(before, self.describe())
        self.assertEqual(self.installation.ask_application(), answer)

    def test_application_works_as_its_user(self):
        identifier = self.backup()
        self.restore(identifier)
        orders = self.installation.ask_application()["orders"]
        self.installation.ask_application("/order", {})
        state = self.installation.ask_application()
        self.assertEqual(state["orders"], orders + 1)
        self.assertEqual(state["lost"], [])
        self.assertEqual(self.installation.value("SELECT current_user"), "tad")
        self.installation.query("INSERT INTO ad_user_v (name) VALUES ('through the rule')")
        # A view that is behind its tables comes back up to date, so let none be.
        for view in ("c_order_month", "c_order_year"):
            self.installation.query(f"REFRESH MATERIALIZED VIEW {view}")

    def test_former_state_is_kept(self):
        before = self.describe()
        identifier = self.backup()
        self.spoil()
        spoilt = self.describe()
        result = self.restore(identifier)
        self.assert_same_installation(before, self.describe())
        previous = result["previous"]
        self.assertEqual(set(previous), {"database", "sources", "webapp", "attachments"})
        for part in ("sources", "webapp", "attachments"):
            with self.subTest(part=part):
                # Its own time and mode are those of what is set aside; the content is untouched.
                kept = compare.describe_tree(previous[part])
                kept[b"."] = spoilt[1][part][b"."]
                self.assert_same_tree(spoilt[1][part], kept)
        kept = compare.describe_database(self.installation.server, previous["database"])
        self.assertEqual(kept["table public.c_bpartner"],
                         spoilt[0]["table public.c_bpartner"])

    def test_application_is_stopped_and_started(self):
        identifier = self.backup()
        run = self.installation.programs / "run" / "pid"
        process = run.read_text()
        result = self.restore(identifier)
        self.assertNotEqual(run.read_text(), process)
        self.assertTrue(self.installation.application_runs())
        self.assertGreater(result["downtime"], 0)

    def test_application_that_was_down(self):
        before = self.describe()
        identifier = self.backup()
        self.addCleanup(self.installation.start_application)
        self.installation.stop_application()
        self.spoil()
        self.restore(identifier)
        self.assert_same_installation(before, self.describe())
        self.installation.stop_application()

    def test_only_attachments(self):
        before = self.describe()
        identifier = self.backup()
        self.spoil()
        spoilt = self.describe()
        self.addCleanup(self.restore, identifier)
        result = self.restore(identifier, "--only", "attachments")
        self.assertEqual(result["parts"], ["attachments"])
        after = self.describe()
        self.assert_same_tree(before[1]["attachments"], after[1]["attachments"])
        self.assert_same_tree(spoilt[1]["sources"], after[1]["sources"])
        self.assertEqual(spoilt[0], after[0])

    def test_only_database(self):
        before = self.describe()
        identifier = self.backup()
        self.spoil()
        spoilt = self.describe()
        self.addCleanup(self.restore, identifier)
        self.restore(identifier, "--only", "database")
        after = self.describe()
        self.assert_same_database(before[0], after[0])
        self.assertEqual(spoilt[1], after[1])

    def test_twice(self):
        before = self.describe()
        identifier = self.backup()
        for _ in range(2):
            self.spoil()
            self.restore(identifier)
        self.assert_same_installation(before, self.describe())

    def test_second_backup_stores_little(self):
        first = self.bus.manager("GetBackup", "(sa{sv})", self.backup(), {})[0]
        second = self.bus.manager("GetBackup", "(sa{sv})", self.backup(), {})[0]
        self.assertEqual(first["sizes"]["sources"], second["sizes"]["sources"])
        self.assertLess(second["stored"], second["size"] / 20)


class Elsewhere(RoundTripTest):
    size = Size()
    odd_names = True

    def test_into_a_directory(self):
        before = self.describe()
        identifier = self.backup()
        self.ok("restore", identifier, "--into", self.directory / "new")
        for part, tree in before[1].items():
            with self.subTest(part=part):
                self.assert_same_tree(
                    tree, compare.describe_tree(self.directory / "new" / part))
        self.assert_same_installation(before, self.describe())

    def test_one_part_into_a_directory(self):
        identifier = self.backup()
        into = self.directory / "new"
        into.mkdir()
        self.ok("restore", identifier, "--into", into, "--only", "webapp")
        self.assertEqual([path.name for path in into.iterdir()], ["webapp"])

    def test_into_a_directory_that_is_not_empty(self):
        identifier = self.backup("--only", "webapp")
        (self.directory / "mine").touch()
        self.refused(1, "empty", "restore", identifier, "--into", self.directory)
        self.assertEqual([path.name for path in self.directory.iterdir()], ["mine"])

    def test_into_a_database(self):
        before = self.describe()
        identifier = self.backup()
        self.addCleanup(self.installation.server.query,
                        "DROP DATABASE IF EXISTS ob_copy WITH (FORCE)")
        self.ok("restore", identifier, "--into-database", "ob_copy")
        self.assert_same_database(
            before[0], compare.describe_database(self.installation.server, "ob_copy"))
        self.assert_same_installation(before, self.describe())

    def test_odd_database(self):
        server = self.installation.server
        server.run_file(ODD, self.installation.database)
        before = self.describe()[0]
        identifier = self.backup("--only", "database")
        self.addCleanup(server.query, "DROP DATABASE IF EXISTS ob_copy WITH (FORCE)")
        self.ok("restore", identifier, "--into-database", "ob_copy")
        self.assert_same_database(before, compare.describe_database(server, "ob_copy"))

    def test_into_a_database_that_is_there(self):
        identifier = self.backup("--only", "database")
        self.refused(1, "already", "restore", identifier, "--into-database",
                     self.installation.database)

    def test_both_at_once(self):
        before = self.describe()
        identifier = self.backup()
        self.addCleanup(self.installation.server.query,
                        "DROP DATABASE IF EXISTS ob_copy WITH (FORCE)")
        self.ok("restore", identifier, "--into", self.directory / "new",
                "--into-database", "ob_copy", "--original-settings")
        self.assert_same_database(
            before[0], compare.describe_database(self.installation.server, "ob_copy"))
        self.assert_same_tree(before[1]["sources"],
                              compare.describe_tree(self.directory / "new" / "sources"))

    def test_latest_that_holds_the_part(self):
        whole = self.backup()
        self.backup("--only", "webapp")
        result = self.json("restore", "latest", "--only", "attachments", "--into",
                           self.directory / "new")
        self.assertEqual(result["id"], whole)


class Nested(RoundTripTest):
    """Attachments inside the sources: nothing stored twice, nothing lost."""

    nested_attachments = True

    def test_whole(self):
        before = self.describe()
        self.backup()
        self.installation.wreck()
        self.restore("latest")
        self.assert_same_installation(before, self.describe())

    def test_nothing_is_stored_twice(self):
        identifier = self.backup()
        name = next(path.name for path in self.installation.attachments.rglob("*.pdf"))
        listed = self.restic("ls", identifier)
        self.assertEqual(len([line for line in listed.splitlines() if line.endswith(name)]), 1)

    def test_sources_alone_carry_the_attachments_over(self):
        before = self.describe()
        identifier = self.backup()
        (self.installation.attachments / "later.txt").write_text("made after the backup")
        (self.installation.source / "build.xml").write_text("spoilt")
        self.restore(identifier, "--only", "sources")
        after = self.describe()
        # The attachments are where they were, with what came later; the directory that holds
        # them is the one from the backup.
        self.assert_same_tree(before[1]["sources"], after[1]["sources"])
        self.assertTrue((self.installation.attachments / "later.txt").exists())
        (self.installation.attachments / "later.txt").unlink()
        self.assertEqual([], [line for line in compare.tree_differences(
            before[1]["attachments"], compare.describe_tree(self.installation.attachments))
            if not line.startswith("b'.': mtime")])

    def test_attachments_alone(self):
        before = self.describe()
        identifier = self.backup()
        some = next(self.installation.attachments.rglob("*.pdf"))
        some.write_text("spoilt")
        self.restore(identifier, "--only", "attachments")
        self.assert_same_tree(before[1]["attachments"],
                              compare.describe_tree(self.installation.attachments))


class Properties(RoundTripTest):
    """A restore of the sources brings the properties of the backup, which name this host's
    database; one into another instance's database is not among them."""

    def test_passwords_are_not_in_the_manifest(self):
        identifier = self.backup("--only", "webapp")
        manifest = self.bus.manager("GetBackup", "(sa{sv})", identifier, {})[0]["manifest"]
        for secret in (self.installation.password, "postgres-password", self.passphrase()):
            self.assertNotIn(secret, manifest)
        self.assertIn("org.openbravo.advpaymentmngt", self.bus.manager(
            "GetBackup", "(sa{sv})", self.backup("--only", "database"), {})[0]["manifest"])

    def test_attachment_that_is_not_on_the_disk(self):
        path, name = self.installation.query(
            "SELECT path, name FROM c_file WHERE path IS NOT NULL LIMIT 1")[0]
        file = Path(self.installation.attachments, path, name)
        aside = self.directory / "aside"
        file.rename(aside)
        self.addCleanup(aside.rename, file)
        done = self.json("backup", "erp", status=(DONE, PARTIAL))
        self.assertIn(name, " ".join(done["warnings"]))


