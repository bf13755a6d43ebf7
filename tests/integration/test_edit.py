# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups are labelled and pinned after they are made: they keep their ids and all that they are,
also for restic; what is pinned is kept; and nobody else's work on the repository is disturbed."""

import json
import os
import re
import shutil
import subprocess
import time
import unittest

from harness import (BUSY, DONE, FAILED, NAME, NOT_AUTHORISED, NOT_FOUND, ROOT, SANDBOX, SOURCE,
                     USAGE, InstallationTest, Size, compare, ctl, run, wait_until)

SECONDS_TO_WAIT = 3  # for the lock of another
ROUNDS = 8
OURS = ["obbackup", "instance=erp", "kind=manual"]


class EditTest(InstallationTest):
    size = Size.tiny()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.clear)

    def clear(self):
        """Leaves no backup to the next test."""
        found = self.backups()
        if found:
            self.ok("delete", "--yes", "--force", *found)

    def make_backup(self, *words):
        return self.backup("--only", "sources", *words)

    def snapshot_files(self):
        return sorted(path.name for path in (self.repository / "snapshots").iterdir())

    def as_restic_tells(self, identifier):
        """The one snapshot whose public id this is, as restic lists it."""
        found = [snapshot for snapshot in json.loads(self.restic("snapshots", "--json"))
                 if snapshot.get("original", snapshot["id"]) == identifier]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def content(self, identifier):
        """The snapshot file as it is."""
        return json.loads(self.restic("cat", "snapshot", self.as_restic_tells(identifier)["id"]))

    def show(self, identifier):
        return self.json("show", identifier)

    def assert_whole(self, identifier):
        """As restic judges it, and restores it."""
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        target = self.directory / "restored"
        self.restic("restore", self.as_restic_tells(identifier)["id"], "--target", target)
        self.assert_same_tree(compare.describe_tree(self.installation.source),
                              compare.describe_tree(target / "sources"))
        shutil.rmtree(target)

    def start_edit(self, identifier, **options):
        from gi.repository import GLib
        kinds = {bool: "b", str: "s"}
        return self.bus.manager("EditBackup", "(sa{sv})", identifier,
                                {name: GLib.Variant(kinds[type(value)], value)
                                 for name, value in options.items()})[0]


class Edited(EditTest):
    def test_label_and_pin(self):
        identifier = self.make_backup("--label", "first")
        before, content = self.show(identifier), self.content(identifier)

        self.assertIn("now pinned", self.ok("pin", identifier[:10]))
        result = self.json("label", identifier, "before module X, pinned=no")
        self.assertEqual({key: result[key] for key in ("id", "destination", "label", "pinned",
                                                       "changed")},
                         {"id": identifier, "destination": "disk", "pinned": True,
                          "changed": True, "label": "before module X, pinned=no"})

        self.assertEqual(self.show(identifier),
                         {**before, "pinned": True, "label": "before module X, pinned=no"})
        self.assertEqual(self.backups(), [identifier])
        listed = self.ok("list").splitlines()
        self.assertRegex(listed[0], "PINNED +LABEL$")
        self.assertRegex(listed[1], "yes +before module X, pinned=no$")
        self.assertRegex(self.ok("show", identifier), "(?m)^label +before module X, pinned=no$")
        self.assertRegex(self.ok("show", identifier), "(?m)^pinned +yes$")

        theirs = self.as_restic_tells(identifier)
        self.assertEqual(theirs["original"], identifier)
        self.assertEqual(theirs["tags"], [*OURS, "label=before module X, pinned=no", "pinned"])
        after = self.content(identifier)
        self.assertEqual({**content, "tags": after["tags"], "original": identifier}, after)
        self.assertEqual(len(self.snapshot_files()), 1)
        self.assert_whole(identifier)

        self.assertIn("now not pinned", self.ok("unpin", identifier))
        self.assertIn("now no label", self.ok("label", identifier, ""))
        self.assertEqual(self.as_restic_tells(identifier)["tags"], OURS)
        self.assertNotIn("label", self.show(identifier))
        self.assert_whole(identifier)
        # What follows builds on it, and it is restored, as ever.
        self.make_backup()
        self.ok("restore", identifier, "--into", self.directory / "into")
        self.assert_same_tree(compare.describe_tree(self.installation.source),
                              compare.describe_tree(self.directory / "into" / "sources"))

    def test_what_is_so_already(self):
        identifier = self.make_backup()
        self.ok("pin", identifier)
        self.ok("label", identifier, "x")
        files = self.snapshot_files()
        self.assertIn("already pinned", self.ok("pin", identifier))
        self.assertIn("already called: x", self.ok("label", identifier, "x"))
        self.assertIs(self.json("label", identifier, "x")["changed"], False)
        self.assertEqual(self.snapshot_files(), files)

    def test_several(self):
        """Each for itself: one that is not there keeps no other back."""
        made = [self.make_backup() for _ in range(3)]
        self.refused(NOT_FOUND, "no backup 00000000", "pin", made[0], "00000000", made[1])
        self.assertEqual({name: self.show(name)["pinned"] for name in made},
                         {made[0]: True, made[1]: True, made[2]: False})
        self.assertEqual(self.ok("unpin", "--quiet", *made), "")
        self.assertFalse(any(self.show(name)["pinned"] for name in made))

    def test_refusals(self):
        identifier = self.make_backup()
        files = self.snapshot_files()
        self.refused(NOT_FOUND, "no backup", "pin", "0" * 64)
        self.refused(NOT_FOUND, "no destination", "pin", identifier, "--from", "elsewhere")
        self.refused(USAGE, "by its id", "pin", "latest")
        self.refused(USAGE, "missing", "pin")
        self.refused(USAGE, "missing", "label", identifier)
        self.refused(FAILED, "cannot be the id", "pin", "../x")
        self.refused(FAILED, "one line", "label", identifier, "two\nlines")
        self.refused(FAILED, "one line", "label", identifier, "\x1b[2J")
        self.refused(FAILED, "1 to 200 characters", "label", identifier, "x" * 201)
        self.refused(NOT_AUTHORISED, "", "pin", identifier, user="clerk")
        self.refused(NOT_AUTHORISED, "", "pin", identifier, user="openbravo")
        self.assertEqual(self.snapshot_files(), files)
        self.ok("label", identifier, "ñ" * 200)
        self.assertEqual(self.as_restic_tells(identifier)["tags"], [*OURS, "label=" + "ñ" * 200])

    def test_ambiguous(self):
        """The same backup at two destinations, and two ids with one beginning."""
        identifier = self.make_backup()
        copy = SANDBOX / "repositories" / "copy"
        shutil.copytree(self.repository, copy)
        self.addCleanup(shutil.rmtree, copy)
        secret = self.directory / "passphrase"
        secret.write_text(self.passphrase())
        secret.chmod(0o600)
        self.ok("destination", "add", "copy", "--path", copy, "--passphrase-file", secret)
        self.addCleanup(ctl, "destination", "remove", "copy")
        self.refused(FAILED, "Several.*or the destination", "pin", identifier)
        self.ok("pin", identifier, "--from", "copy")
        pinned = {backup["destination"]: backup["pinned"]
                  for backup in self.json("list")["backups"]}
        self.assertEqual(pinned, {"copy": True, "disk": False})
        self.ok("destination", "remove", "copy")

    def test_of_another_tool(self):
        """What restic made can be pinned and labelled, and nothing of it is lost."""
        other = self.directory / "other"
        other.mkdir()
        (other / "file").write_text("content")
        self.restic("backup", other, "--tag", "mine", "--exclude", "*.tmp")
        identifier, = self.backups()
        content = self.content(identifier)
        self.ok("pin", identifier)
        self.ok("label", identifier, "theirs")
        shown = self.show(identifier)
        self.assertEqual((shown["kind"], shown["pinned"], shown["label"]),
                         ("foreign", True, "theirs"))
        after = self.content(identifier)
        self.assertEqual({**content, "original": identifier,
                          "tags": ["mine", "pinned", "label=theirs"]}, after)
        self.refused(FAILED, "pinned", "delete", "--yes", identifier)
        self.restic("restore", "latest", "--tag", "mine", "--target", self.directory / "back")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_restic_changes_tags_too(self):
        """It drops what we keep in the snapshot file; then the manifest tells it."""
        identifier = self.make_backup()
        before = self.show(identifier)
        self.ok("pin", identifier)
        self.restic("tag", "--add", "theirs", self.as_restic_tells(identifier)["id"])
        self.ok("label", identifier, "ours")
        self.assertEqual(self.as_restic_tells(identifier)["tags"],
                         [*OURS, "pinned", "theirs", "label=ours"])
        after = self.show(identifier)
        for key in ("id", "parts", "result", "time", "size"):
            self.assertEqual(after.get(key), before.get(key), key)
        self.assert_whole(identifier)

    def test_cut_off(self):
        """The former file is there still: the newer one counts, and the next change leaves one."""
        for words, expected in ((("pin",), True), (("unpin",), False)):
            identifier = self.make_backup()
            name, = set(self.snapshot_files()) - getattr(self, "settled", set())
            former = (self.repository / "snapshots" / name).read_bytes()
            self.ok("pin", identifier)
            restored = self.repository / "snapshots" / name
            restored.write_bytes(former)
            self.restart_service()
            self.assertIs(self.show(identifier)["pinned"], True)
            self.refused(FAILED, "pinned", "delete", "--yes", identifier)
            self.ok(*words, identifier)
            self.assertFalse(restored.exists())
            self.assertIs(self.show(identifier)["pinned"], expected)
            self.settled = set(self.snapshot_files())
            self.assert_whole(identifier)

    def test_id_that_verifications_know(self):
        """What is remembered of a backup stays with it."""
        identifier = self.make_backup()
        self.ok("verify", identifier)
        verified = self.show(identifier)["verified"]
        self.ok("pin", identifier)
        self.assertEqual(self.show(identifier)["verified"], verified)


class Kept(EditTest):
    def test_deletion(self):
        first, second, last = (self.make_backup() for _ in range(3))
        self.ok("pin", first)
        self.refused(FAILED, f"{first[:8]}.*pinned", "delete", "--yes", first)
        self.refused(FAILED, f"{first[:8]}.*pinned", "delete", "--yes", second, first)
        self.assertEqual(set(self.backups()), {first, second, last})
        self.ok("unpin", first)
        self.ok("delete", "--yes", first, second)
        self.ok("pin", last)
        self.refused(FAILED, "pinned", "delete", "--yes", last)
        self.ok("delete", "--yes", "--force", last)
        self.assertEqual(self.backups(), [])
        self.assertEqual(self.snapshot_files(), [])

    def test_retention(self):
        self.ok("schedule", "add", "nightly", "--instance", "erp", "--at", "*-01-01", "--to",
                "disk", "--only", "sources")
        self.addCleanup(ctl, "schedule", "remove", "nightly")
        for _ in range(4):
            self.ok("schedule", "run", "nightly")
            time.sleep(1)  # each is of a second of its own
        newest, third, second, first = self.backups()
        self.ok("pin", first)
        self.ok("pin", third)
        self.ok("schedule", "edit", "nightly", "--keep-last", "1")
        plan = {backup["id"]: backup for backup in
                self.json("retention", "nightly", "--plan")["backups"]}
        self.assertEqual({name: plan[name]["keep"] for name in plan},
                         {newest: True, third: True, second: False, first: True})
        self.assertIn("pinned", plan[first]["reasons"])
        self.ok("retention", "nightly", "--yes", "--prune")
        self.assertEqual(set(self.backups()), {newest, third, first})
        self.ok("unpin", third)
        self.ok("retention", "nightly", "--yes")
        self.assertEqual(set(self.backups()), {newest, first})
        self.assert_whole(first)


class Together(EditTest):
    @classmethod
    def setUpClass(cls):
        settings = SANDBOX / "etc" / "obbackup.conf"
        settings.write_text(f"[obbackup]\nrepository-lock-timeout={SECONDS_TO_WAIT}\n")
        cls.addClassCleanup(settings.unlink)
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.restart_service()

    def test_backup_of_the_same_service(self):
        """It is waited for, however long it takes."""
        identifier = self.make_backup()
        big = self.installation.source / "big.bin"
        big.write_bytes(os.urandom(60 << 20))
        self.addCleanup(big.unlink)
        backup = self.start_backup(parts=["sources"])
        edit = self.start_edit(identifier, pinned=True)
        self.assertEqual(self.bus.job(edit)["Operation"], "edit")
        self.succeeded(edit)
        self.assertEqual(self.bus.job(backup)["State"], "succeeded")
        self.assertIs(self.show(identifier)["pinned"], True)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def start_restic(self, milliseconds):
        """A backup by restic, that keeps its lock for so long."""
        (self.directory / "file").write_bytes(os.urandom(1000))
        process = subprocess.Popen(
            ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=unlinkat", "-e",
             f"inject=unlinkat:delay_enter={milliseconds}ms", "restic", "--no-cache", "--quiet",
             "--repo", self.repository, "backup", self.directory / "file"],
            env={**os.environ, "RESTIC_PASSWORD": self.passphrase()}, stdin=subprocess.DEVNULL)
        wait_until(lambda: [name for name in os.listdir(self.repository / "locks")
                            if len(name) == 64], "restic does not lock")
        return process

    def test_lock_of_another(self):
        """For a moment it is waited for; then whoever asked is told whose it is."""
        identifier = self.make_backup()
        restic = self.start_restic(100)
        path = self.start_edit(identifier, label="waited")
        self.wait_phase(path, "waiting")
        self.succeeded(path)
        self.assertEqual(restic.wait(60), 0)
        self.assertTrue(any(re.search("Waiting.*locked", line) for line in self.bus.log(path)))

        restic = self.start_restic(1200)
        files = self.snapshot_files()
        self.refused(BUSY, r"locked by root on .* \(process \d+\)", "label", identifier, "too late")
        self.assertLessEqual(set(files), set(self.snapshot_files()))
        self.assertEqual(restic.wait(60), 0)
        self.assertEqual(self.show(identifier)["label"], "waited")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def second_service(self, script):
        """Starts a shell script beside another service with its own sandbox."""
        passphrase = self.directory / "passphrase"
        passphrase.write_text(self.passphrase())
        passphrase.chmod(0o600)
        begin = (f"obbackupctl destination add shared --path {self.repository} "
                 f"--passphrase-file {passphrase} >&2 && ")
        return subprocess.Popen([SOURCE / "tests" / "sandbox", self.directory / "sandbox", "--",
                                 "bash", "-c", begin + script], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_two_services(self):
        """Each changes something else of the same backup: neither undoes what the other did."""
        identifier = self.make_backup()
        started = self.directory / "started"
        other = self.second_service(
            f"touch {started} && for i in $(seq {ROUNDS}); do obbackupctl label {identifier} "
            f"\"number $i\" || exit; done")
        wait_until(lambda: started.exists() or other.poll() is not None, "no second service")
        for number in range(ROUNDS):
            self.ok("unpin" if number % 2 == 0 else "pin", identifier)
        out, err = other.communicate(timeout=600)
        self.assertEqual(other.returncode, 0, out + err)
        shown = self.show(identifier)
        self.assertEqual((shown["pinned"], shown["label"]), (True, f"number {ROUNDS}"))
        self.assertEqual(self.backups(), [identifier])
        self.assertEqual(len(self.snapshot_files()), 1)
        self.assert_whole(identifier)


if __name__ == "__main__":
    unittest.main()
