# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository is restic's: Debian's restic checks, lists, restores and continues ours, and we
read and continue what it wrote. Tell apart what is ours: restic 0.14 keeps no link target that
is not UTF-8 and no second name of a link, knows no sparse files, and sets attributes before the
owner, which drops capabilities."""

import os

from harness import InstallationTest, Size, as_variants, compare, ctl, run

PASSPHRASE = "a second passphrase, with año"


class InteroperationTest(InstallationTest):
    size = Size(orders=100, source_files=80, webapp_files=30, attachments=30, extra_tables=4)
    odd_names = True

    def as_restic_restores(self, tree):
        """What restic 0.14 can bring back of a tree."""
        kept = {}
        for path, entry in tree.items():
            entry = dict(entry)
            entry.pop("sparse", None)
            if isinstance(entry.get("attributes"), dict):
                entry["attributes"] = {name: value for name, value in entry["attributes"].items()
                                       if name != "security.capability"}
            if entry.get("target", b"").isascii() is False:
                continue
            if "target" in entry:
                entry.pop("links", None)
            kept[path] = entry
        return kept

    def assert_restic_restored(self, tree, root):
        after = self.as_restic_restores(compare.describe_tree(root))
        self.assert_same_tree(self.as_restic_restores(tree), after)

    def passphrase_file(self, text=PASSPHRASE):
        file = self.directory / "passphrase"
        file.write_text(text + "\n")
        file.chmod(0o600)
        return file


class OursByRestic(InteroperationTest):
    def test_check_read_data(self):
        for label in ("one", "two"):
            self.backup("--label", label)
            (self.installation.source / "build.xml").write_text(label)
        out = self.restic("check", "--read-data")
        self.assertIn("no errors were found", out)

    def test_snapshots_and_tags(self):
        identifier = self.backup("--label", "before module X, pinned=no")
        listed = self.restic("snapshots", identifier)
        for word in ("obbackup", "instance=erp", "kind=manual", "label=before module X"):
            self.assertIn(word, listed)
        self.assertNotIn(" pinned", listed.replace("label=before module X, pinned", ""))

    def test_restore(self):
        before = self.describe()
        identifier = self.backup()
        self.restic("restore", identifier, "--target", self.directory / "new")
        for part, tree in before[1].items():
            with self.subTest(part=part):
                self.assert_restic_restored(tree, self.directory / "new" / part)

    def test_database_by_hand(self):
        """RESTORE.txt tells how to go on without us: that way works."""
        before = compare.describe_database(self.installation.server, self.installation.database)
        identifier = self.backup("--only", "database")
        self.restic("restore", identifier, "--target", self.directory / "new")
        self.assertIn("pg_restore", (self.directory / "new" / "RESTORE.txt").read_text())
        server = self.installation.server
        server.query(f"CREATE DATABASE by_hand OWNER {self.installation.owner} TEMPLATE template0")
        self.addCleanup(server.query, "DROP DATABASE by_hand WITH (FORCE)")
        dumps = self.directory / "new" / "database"
        schema = sorted(dumps.glob("schema*"))
        data = [file for file in sorted(dumps.glob("*.dump")) if file not in schema]
        self.assertEqual(len(schema), 1, sorted(dumps.iterdir()))
        for section, files in (("pre-data", schema), ("data", data), ("post-data", schema)):
            for file in files:
                done = run("pg_restore", "--exit-on-error", f"--section={section}",
                           "--dbname=by_hand", file, environment=server.environment())
                self.assertEqual(done.status, 0, done.err)
        after = compare.describe_database(server, "by_hand")
        differences = compare.database_differences(before, after)
        # What pg_dump leaves out is in the manifest.
        self.assertEqual([], [line for line in differences if not line.startswith(
            ("database acl", "database comment", "database datconnlimit", "database settings"))])

    def test_mount_list_find(self):
        identifier = self.backup()
        self.assertIn("/manifest.json", self.restic("ls", identifier))
        self.assertIn("Openbravo.properties", self.restic("find", "Openbravo.properties"))
        self.assertIn("obbackup", self.restic("cat", "snapshot", identifier))

    def test_retagged_and_rewritten(self):
        """restic tag writes a new snapshot file: the backup keeps its id."""
        identifier = self.backup("--label", "tagged")
        self.restic("tag", "--add", "by-hand", identifier)
        self.assertIn(identifier, self.backups())
        shown = self.bus.manager("GetBackup", "(sa{sv})", identifier, {})[0]
        self.assertEqual(shown["label"], "tagged")
        self.assertEqual(set(shown["parts"]), {"database", "sources", "webapp", "attachments"})
        self.ok("restore", identifier, "--only", "webapp", "--into", self.directory / "new")

    def test_restic_goes_on_there(self):
        self.backup()
        for _ in range(2):
            self.restic("backup", self.installation.webapp)
        self.backup()
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_prune_by_restic(self):
        """After restic has repacked, our backups are whole still."""
        before = self.describe()
        first = self.backup()
        self.restic("backup", self.installation.source)
        second = self.backup()
        self.restic("forget", first, "--prune")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.assertNotIn(first, self.backups())
        self.ok("restore", second, "--into", self.directory / "new")
        self.assert_same_tree(before[1]["sources"],
                              compare.describe_tree(self.directory / "new" / "sources"))
        self.backup()
        self.assertIn("no errors were found", self.restic("check", "--read-data"))


class ResticsByUs(InteroperationTest):
    """A repository that restic made."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ctl("destination", "remove", "disk")
        cls.restics = cls.repository.with_name("made-by-restic")
        environment = {"RESTIC_PASSWORD": "of restic"}
        done = run("restic", "--no-cache", "--repo", cls.restics, "init", "--repository-version",
                   "2", environment=environment)
        file = cls.repository.with_name("of-restic")
        file.write_text("of restic\n")
        added = ctl("destination", "add", "disk", "--path", cls.restics, "--passphrase-file", file)
        if done.status or added.status:
            raise AssertionError(done.err + added.err)

    def test_backup_into_it(self):
        before = self.describe()
        identifier = self.backup()
        self.assertIn("no errors were found", self.restic(
            "check", "--read-data", repository=self.restics, passphrase="of restic"))
        self.ok("restore", identifier, "--into", self.directory / "new")
        self.assert_same_tree(before[1]["sources"],
                              compare.describe_tree(self.directory / "new" / "sources"))

    def test_restore_what_restic_wrote(self):
        tree = compare.describe_tree(self.installation.source)
        self.restic("backup", "--tag", "by-restic", self.installation.source,
                    repository=self.restics, passphrase="of restic")
        listed = self.bus.manager("ListBackups", "(a{sv})",
                                  as_variants({"kind": "foreign"}))[0]
        self.assertEqual(len(listed), 1)
        self.ok("restore", listed[0]["id"], "--into", self.directory / "new")
        root = self.directory / "new" / self.installation.source.relative_to("/")
        # restic 0.14 writes a target that is not UTF-8 with replacement characters.
        odd = [path for path, entry in tree.items() if b"\xff" in entry.get("target", b"")]
        after = compare.describe_tree(root)
        for path in odd:
            tree.pop(path)
            after.pop(path)
        self.assert_same_tree(tree, after)

    def test_unchanged_after_restic(self):
        """restic's cache of our snapshots and ours of its: neither confuses the other."""
        for _ in range(2):
            self.restic("backup", self.installation.webapp, repository=self.restics,
                        passphrase="of restic")
            self.backup()
        self.assertIn("no errors were found", self.restic(
            "check", "--read-data", repository=self.restics, passphrase="of restic"))


class Keys(InteroperationTest):
    def test_second_key_by_restic(self):
        identifier = self.backup("--only", "webapp")
        self.restic("key", "add", "--new-password-file", self.passphrase_file())
        self.restic("check", passphrase=PASSPHRASE)
        # The same repository once more, by the other key.
        self.ok("destination", "add", "second", "--path", self.repository, "--passphrase-file",
                self.passphrase_file())
        self.addCleanup(ctl, "destination", "remove", "second")
        self.ok("restore", identifier, "--from", "second", "--only", "webapp", "--into",
                self.directory / "new")
        self.assertTrue(os.listdir(self.directory / "new" / "webapp"))

    def test_no_passphrase(self):
        path = self.directory / "open"
        done = ctl("destination", "add", "open", "--path", path, "--no-passphrase")
        self.addCleanup(ctl, "destination", "remove", "open")
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.out + done.err, "(?i)passphrase")
        identifier = self.json("backup", "erp", "--to", "open", "--only", "webapp")["id"]
        self.ok("restore", identifier, "--from", "open", "--into", self.directory / "new")

    def test_recovery_key_opens_it_with_restic(self):
        self.backup("--only", "webapp")
        key = self.ok("destination", "recovery-key", "disk").strip().splitlines()[-1].split()[-1]
        self.assertEqual(key, self.passphrase())
        self.restic("snapshots", passphrase=key)
