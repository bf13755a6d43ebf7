# SPDX-License-Identifier: GPL-3.0-or-later
"""A destination in S3 with object lock: what nobody can remove, and what our jobs make of that."""

import os
import time

from harness import BUSY, FAILED, SANDBOX, Size, ctl, unittest, wait_until
from test_s3 import S3Test, ceph, s3_words

MIB = 1024 * 1024
DAY = 24 * 3600


class Locked(S3Test):
    """Nobody can remove what is stored there, not even we."""

    size = Size(orders=50, source_files=20, webapp_files=20, attachments=20, extra_tables=2)
    lockable = True
    words = ("--lock-days", "8")

    def kept(self):
        """The names of what is to be locked."""
        return [key for key in ceph().keys(self.bucket) if not key.startswith("locks/")]

    def assert_nothing_hidden(self):
        for key in self.kept():
            self.assertEqual(ceph().versions(self.bucket, key)[1], [], key)

    def test_protected(self):
        before = {key for key in self.kept() if key.startswith(("data", "index", "snapshots"))}
        identifier = self.backup()
        kinds = set()
        for key in set(self.kept()) - before:
            kind = key.partition("/")[0]
            mode, until = ceph().lock(self.bucket, key)
            self.assertEqual(mode, "GOVERNANCE")
            days = 8 if kind in ("index", "snapshots") else 10
            self.assertLess(abs(until - time.time() - days * DAY), 600, key)
            if kind not in kinds:
                version = ceph().versions(self.bucket, key)[0][0]
                answer = ceph().request("DELETE", f"/{self.bucket}/{key}?versionId={version}")
                self.assertEqual(answer.status, 403, key)
            kinds.add(kind)
        self.assertEqual(kinds, {"config", "data", "index", "keys", "snapshots"})
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.ok("verify", identifier, "--read-data")
        self.ok("destination", "check", "disk")
        self.assertNotIn("obbackup-check", ceph().keys(self.bucket))
        shown = self.json("destination", "show", "disk")
        self.assertEqual(shown["lock-days"], 8)
        self.assertIn("lock-days", self.ok("destination", "show", "disk"))

    def test_delete_is_refused(self):
        identifier = self.backup("--only", "webapp")
        self.refused(BUSY, f"{identifier[:8]}.*locked until 20.*not even by force", "delete",
                     identifier, "--yes", "--force", "--prune")
        self.assertIn(identifier, self.backups())
        self.assert_nothing_hidden()

    def test_retention_leaves_it(self):
        self.ok("schedule", "add", "nightly", "--at", "*-01-01", "--keep-last", "1",
                "--rule", "manual-keep-last=1", "--only", "webapp")
        self.addCleanup(ctl, "schedule", "remove", "nightly")
        made = {self.backup("--only", "webapp") for _ in range(2)}
        result = self.json("retention", "nightly", "--yes", "--prune")
        self.assertEqual(result["removed"], [])
        reasons = [backup["reasons"] for backup in result["backups"]]
        self.assertIn("locked until", str(reasons))
        self.assertTrue(made <= set(self.backups()))
        self.assert_nothing_hidden()

    def test_prune_leaves_it(self):
        """What a backup left that was cut off is locked, and needed by nobody."""
        (self.installation.source / "large").write_bytes(os.urandom(64 * MIB))
        packs = set(ceph().keys(self.bucket, "data/"))
        job = self.start_backup(parts=["sources"])
        wait_until(lambda: set(ceph().keys(self.bucket, "data/")) - packs, "nothing arrives")
        self.kill_service()
        self.assertEqual(self.bus.job(job)["State"], "interrupted")
        arrived = set(ceph().keys(self.bucket, "data/")) - packs
        (self.installation.source / "large").unlink()
        pruned = self.json("prune", "disk")
        self.assertEqual(pruned["freed"], 0)
        self.assertGreaterEqual(pruned["locked-packs"], len(arrived))
        self.assertGreater(pruned["locked"], 8 * MIB)
        self.assertLess(abs(pruned["locked-until"] - time.time() - 10 * DAY), 600)
        self.assertIn("they are locked", self.ok("prune", "disk"))
        self.assert_nothing_hidden()
        self.backup("--only", "sources")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_what_is_used_again_is_locked_longer(self):
        self.backup()
        again = self.json("backup", "erp")
        self.assertEqual(again["lock-extended"], 0)
        self.assertLess(abs(again["locked-until"] - time.time() - 8 * DAY), 600)
        packs = ceph().keys(self.bucket, "data/")
        for key in packs:
            ceph().shorten_lock(self.bucket, key, 3600)
        ceph().shorten_lock(self.bucket, "config", 3600)
        again = self.json("backup", "erp")
        self.assertGreaterEqual(again["lock-extended"], 3)
        self.assertGreater(ceph().lock(self.bucket, "config")[1], time.time() + 9 * DAY)
        longer = [key for key in packs
                  if ceph().lock(self.bucket, key)[1] > time.time() + 9 * DAY]
        # The manifest of each backup is in packs of its own, which no other one uses.
        self.assertEqual(len(longer), again["lock-extended"] - 1)
        self.assertLess(len(longer), len(packs))

    def test_hidden_by_somebody_else(self):
        """Who has the keys can put a marker on what is locked, and the owner takes it away."""
        identifier = self.backup("--only", "webapp")
        key = f"snapshots/{identifier}"
        ceph().request("DELETE", f"/{self.bucket}/{key}")
        self.assertNotIn(identifier, self.backups())
        marker, = ceph().versions(self.bucket, key)[1]
        ceph().request("DELETE", f"/{self.bucket}/{key}?versionId={marker}")
        self.assertIn(identifier, self.backups())
        self.ok("verify", identifier, "--read-data")

    def test_label(self):
        """It takes a new snapshot file, locked as long as the former one was."""
        identifier = self.backup("--only", "webapp")
        ceph().shorten_lock(self.bucket, f"snapshots/{identifier}", 2 * DAY)
        self.ok("label", identifier, "kept well")
        self.assertEqual(self.backups().count(identifier), 1)
        self.assertIn("kept well", self.ok("show", identifier))
        files = [key for key in ceph().keys(self.bucket, "snapshots/") if identifier not in key]
        locks = [ceph().lock(self.bucket, key) for key in files]
        self.assertIn(True, [abs(until - time.time() - 2 * DAY) < 600 for _, until in locks])
        self.refused(BUSY, "locked until", "delete", identifier, "--yes", "--force")

    def test_bucket_without(self):
        bucket = ceph().make_bucket("lock-less")
        words = s3_words(bucket)
        self.refused(FAILED, "no object lock", "destination", "add", "other", *words,
                     "--lock-days", "30")
        self.assertFalse((SANDBOX / "etc" / "destinations" / "other.conf").exists())
        self.assertFalse((SANDBOX / "etc" / "keys" / "other.key").exists())
        self.assertEqual(ceph().keys(bucket), [])
        self.add("other", *words)
        self.refused(FAILED, "no object lock", "destination", "edit", "other", "--lock-days", "30")
        self.json("backup", "erp", "--to", "other", "--only", "webapp")
        self.refused(FAILED, "lock-days", "destination", "edit", "other", "--lock-mode",
                     "governance")


class LockedOtherwise(S3Test):
    size = Size(orders=50, source_files=20, webapp_files=20, attachments=20, extra_tables=2)
    lockable = True
    words = ("--lock-days", "8")

    def test_compliance(self):
        self.ok("destination", "edit", "disk", "--lock-mode", "compliance")
        self.addCleanup(self.ok, "destination", "edit", "disk", "--reset", "lock-mode")
        before = set(ceph().keys(self.bucket))
        self.backup("--only", "webapp")
        for key in set(ceph().keys(self.bucket)) - before:
            self.assertEqual(ceph().lock(self.bucket, key)[0], "COMPLIANCE")

    def test_no_more(self):
        """What is locked stays locked when no more is."""
        identifier = self.backup("--only", "webapp")
        self.ok("destination", "edit", "disk", "--lock-days", "0")
        self.addCleanup(self.ok, "destination", "edit", "disk", "--lock-days", "8")
        other = self.backup("--only", "webapp")
        self.refused(BUSY, "locked until", "delete", identifier, "--yes", "--force")
        self.ok("delete", other, "--yes", "--force")


if __name__ == "__main__":
    unittest.main()
