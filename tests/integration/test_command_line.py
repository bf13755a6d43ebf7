# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see: tables, JSON, help, the way a key is told of."""

import datetime
import json
import os
import re

import pexpect

from harness import DONE, SANDBOX, USAGE, InstallationTest, ctl


class CommandLine(InstallationTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for words in (["--label", "the first"], ["--only", "webapp", "--label", "ünïcode 数"]):
            done = ctl("backup", "erp", *words)
            if done.status != DONE:
                raise AssertionError(done.err)

    def test_list(self):
        lines = self.ok("list").splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("ünïcode 数", lines[1])
        self.assertIn("the first", lines[2])
        self.assertRegex(lines[2], r"\d (B|KiB|MiB|kB|MB)")
        self.assertNotIn("\x1b", "".join(lines))

    def test_list_filters(self):
        day = datetime.date.today()
        for words, count in ((["--date", f"{day:%Y}"], 2), (["--date", f"{day:%Y-%m}"], 2),
                             (["--date", "2019"], 0), (["--kind", "manual"], 2),
                             (["--kind", "scheduled"], 0), (["--from", "disk"], 2),
                             (["--instance", "erp"], 2), (["--limit", "1"], 1)):
            with self.subTest(words=words):
                self.assertEqual(len(self.json("list", *words)["backups"]), count)

    def test_json_is_one_document(self):
        for words in (["list"], ["show", "latest"], ["status"], ["jobs"], ["instance", "list"],
                      ["instance", "show", "erp"], ["destination", "list"],
                      ["destination", "show", "disk"]):
            with self.subTest(words=words):
                json.loads(ctl(*words, "--json").out)

    def test_show(self):
        second = next(backup["id"] for backup in self.json("list")["backups"]
                      if "ünïcode" in backup.get("label", ""))
        out = self.ok("show", second)
        for word in ("erp", "manual", "webapp", "ünïcode"):
            self.assertIn(word, out)
        first = next(backup["id"] for backup in self.json("list")["backups"]
                     if backup.get("label") == "the first")
        self.assertIn("the first", self.ok("show", first[:8]))
        shown = self.json("show", first)
        self.assertEqual(shown["label"], "the first")
        self.assertIn("Core", str(shown["modules"]))

    def test_quiet_backup_prints_the_id(self):
        out = self.ok("backup", "erp", "--only", "webapp", "--quiet").strip()
        self.assertIn(out, self.backups())

    def test_names_may_be_left_out(self):
        self.ok("backup", "--only", "webapp")
        self.ok("instance", "show")
        self.ok("destination", "show")

    def test_help_of_every_command(self):
        commands = re.findall(r"^  ([a-z][a-z -]*?)(?: \[| [A-Z]|  )", self.ok("--help"),
                              re.MULTILINE)
        self.assertGreater(len(commands), 15)
        for command in commands:
            with self.subTest(command=command):
                out = self.ok(*command.split(), "--help")
                self.assertIn("--json", out)

    def test_usage_is_told(self):
        done = self.refused(USAGE, "", "instance", "no-such-word")
        self.assertIn("add", done.err)

    def test_terminal(self):
        """On a terminal there is a line of progress, which is gone at the end."""
        big = self.installation.source / "big.bin"
        big.write_bytes(os.urandom(100 << 20))
        self.addCleanup(big.unlink)
        child = pexpect.spawn(str(SANDBOX / "bin" / "obbackupctl"), ["backup", "erp"],
                              encoding="utf-8", timeout=600, dimensions=(24, 100))
        child.expect(pexpect.EOF)
        child.close()
        self.assertEqual(child.exitstatus, DONE, child.before)
        self.assertIn("\r", child.before)
        self.assertRegex(child.before, r"/s|%")
        self.assertRegex(child.before.splitlines()[-1], "Backup [0-9a-f]{8} of erp")

    def test_question_before_a_restore(self):
        child = pexpect.spawn(str(SANDBOX / "bin" / "obbackupctl"), ["restore", "latest"],
                              encoding="utf-8", timeout=600, dimensions=(24, 100))
        child.expect("(?i)restore erp")
        child.sendline("n")
        child.expect(pexpect.EOF)
        child.close()
        self.assertNotEqual(child.exitstatus, DONE)

    def test_label_cannot_steer_the_terminal(self):
        done = ctl("backup", "erp", "--only", "webapp", "--label", "\x1b[31mred")
        shown = ctl("list")
        self.assertNotIn("\x1b", shown.out + done.out + done.err)

    def test_generated_passphrase_is_told_of_once(self):
        done = ctl("destination", "add", "told", "--path", self.directory / "told")
        self.addCleanup(ctl, "destination", "remove", "told")
        self.assertEqual(done.status, DONE, done.err)
        self.assertRegex(done.out + done.err, "recovery-key")
        key = self.ok("destination", "recovery-key", "told")
        self.assertIn((SANDBOX / "etc" / "keys" / "told.key").read_text().strip(), key)
        self.assertRegex(ctl("status").out + ctl("status").err, "recovery-key")
        self.ok("destination", "recovery-key", "told", "--saved")
        self.assertNotRegex(ctl("status").out + ctl("status").err, "recovery-key --saved told")

    def test_key_stays_when_a_destination_is_removed(self):
        self.ok("destination", "add", "gone", "--path", self.directory / "gone")
        key = SANDBOX / "etc" / "keys" / "gone.key"
        text = key.read_text()
        self.ok("destination", "remove", "gone")
        self.assertEqual(key.read_text(), text)
        self.assertTrue((self.directory / "gone" / "config").exists())
