# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold whatever befell a backup: restic calls the repository correct, every backup that
was reported as done restores as it was, and the next one succeeds and stores nothing again that is
there. The loops are repeated with the same OBBACKUP_SEED."""

import os
import random
import shutil

from harness import InstallationTest, Size, compare

SEED = int(os.environ.get("OBBACKUP_SEED", "20240607"))
CHANGED = 8 << 20
# What one backup may store beside CHANGED: the database, which is small, trees, indexes.
BESIDE = 6 << 20
ROUNDS = 20
FILES = "sources,webapp,attachments"


class SurvivalTest(InstallationTest):
    """An installation of which each backup changes a part: much less than all of it. The other part
    does not compress, so that one who stores it again is found out."""

    size = Size(orders=200, images=10, image_bytes=100_000, source_files=200, webapp_files=30,
                attachments=30, extra_tables=10, large_file=16 << 20, sparse_file=1 << 20)
    odd_names = True
    destination = "disk"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)
        cls.expected = {}  # what a backup is to restore, by its id; None for a partial one

    def change(self):
        """Something new to back up, and other than what is backed up."""
        stamp = str(self.random.random())
        (self.installation.source / "build.xml").write_text(stamp)
        (self.installation.source / "big.bin").write_bytes(self.random.randbytes(CHANGED))
        (self.installation.webapp / "WEB-INF" / "web.xml").write_text(stamp)
        (self.installation.attachments / "note.txt").write_text(stamp)
        self.installation.query("UPDATE c_bpartner SET name = %s", [stamp])

    def trees(self):
        return {part: compare.describe_tree(tree)
                for part, tree in self.installation.trees().items()}

    def stored(self):
        """Bytes of all packs."""
        return sum(file.stat().st_size for file in (self.repository / "data").rglob("*")
                   if file.is_file())

    def listed(self):
        return {backup["id"] for backup in self.json(
            "list", "--from", self.destination)["backups"]}

    def good_backup(self):
        """One that nothing disturbs: it succeeds."""
        identifier = self.backup("--to", self.destination)
        self.expected[identifier] = self.trees()
        return identifier

    def assert_restores(self, identifier):
        """Its files, into a directory."""
        into = self.directory / "restored"
        self.ok("restore", identifier, "--from", self.destination, "--only", FILES, "--into", into)
        for part, tree in (self.expected[identifier] or {}).items():
            with self.subTest(identifier=identifier, part=part):
                self.assert_same_tree(tree, compare.describe_tree(into / part))
        shutil.rmtree(into)

    def assert_repository_whole(self, *words):
        """As restic judges it; what is not referred to is no damage."""
        self.restic("unlock", "--remove-all")
        self.restic("check", *words)

    def assert_survived(self, before):
        """After the misfortune of a backup, of whose beginning these were the backups; nothing has
        changed since then."""
        after = self.listed()
        self.assertLessEqual(before, after)
        # What is visible is whole, whether or not its job could still say so.
        for identifier in after - before:
            self.expected.setdefault(identifier, self.trees())
        self.assert_repository_whole()
        self.assert_restores(self.random.choice(sorted(after)))
        size = self.stored()
        self.good_backup()
        # That is less than the part that did not change.
        self.assertLess(self.stored() - size, CHANGED + BESIDE)

    def assert_all_restore(self):
        self.assertEqual(set(self.expected), self.listed())
        self.assert_repository_whole("--read-data")
        for identifier in self.expected:
            self.assert_restores(identifier)

    def rounds(self, these, function):
        """Calls function with each of these. Now and then, and in the end, every backup is restored,
        and then restic removes old ones, since a long loop would fill the disk."""
        for number, this in enumerate(these):
            with self.subTest(number=number, this=this, seed=SEED):
                function(this)
            if number % ROUNDS == ROUNDS - 1:
                self.assert_all_restore()
                self.restic("forget", "--keep-last", "3", "--prune")
                self.expected = {identifier: self.expected[identifier]
                                 for identifier in self.listed()}
        self.assert_all_restore()
