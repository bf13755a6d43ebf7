# SPDX-License-Identifier: GPL-3.0-or-later
"""obbackupctl setup: from nothing to a nightly backup, asked and unasked."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pexpect

from harness import (CANCELLED, DONE, FAILED, NOT_AUTHORISED, NOT_FOUND, PARTIAL, SANDBOX, USAGE,
                     Installation, SandboxTest, Size, ctl, server, unittest)

PROPERTIES = "Where is Openbravo.properties"
WHICH = "Which one"
NAME = "called here"
UNIT = "Which unit of systemd"
PLACE = "In which directory"
TIME = "backed up by itself"
DO = "Do it"
FIRST = "first backup now"
QUESTIONS = [PROPERTIES, NAME, UNIT, PLACE, TIME, DO]
DISK = Path("/mnt/backup")
NOTHING = ([], [], [])
ALL = (["openbravo"], ["disk"], ["nightly"])


def mount_tmpfs(path, mebibytes=512):
    """The sandbox has mounts of its own."""
    Path(path).mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}M,mode=755", "tmpfs", path],
                   check=True)


def unmount(path):
    subprocess.run(["umount", "--lazy", path], check=True)


def make_installation(name):
    made = Installation(Path("/opt") / name, server(), database=name, size=Size.tiny(),
                        odd_names=False)
    return made.make()


def setUpModule():
    for path, mebibytes in (("/opt", 512), ("/mnt", 16)):
        mount_tmpfs(path, mebibytes)
        unittest.addModuleCleanup(unmount, path)


class SetupTest(SandboxTest):
    """The installation lies where installations lie, and there is a disk for backups."""

    @classmethod
    def setUpClass(cls):
        cls.installation = make_installation("site")
        cls.addClassCleanup(cls.installation.remove)

    def setUp(self):
        super().setUp()
        DISK.mkdir()
        self.addCleanup(DISK.rmdir)
        mount_tmpfs(DISK)
        self.addCleanup(unmount, DISK)
        self.addCleanup(self.remove_all)

    def remove_all(self):
        instances, destinations, schedules = self.there()
        for kind, names in (("schedule", schedules), ("instance", instances),
                            ("destination", destinations)):
            for name in names:
                ctl(kind, "remove", name)

    @staticmethod
    def there():
        """The names of all instances, destinations and schedules."""
        return tuple(
            sorted(thing["Name"] for thing in json.loads(ctl(kind, "list", "--json").out))
            for kind in ("instance", "destination", "schedule"))

    def words(self, *more):
        """The web application lies where nobody would look for it."""
        return ["setup", "--webapp", str(self.installation.webapp), *map(str, more)]

    def spawn(self, *more):
        child = pexpect.spawn(str(SANDBOX / "bin" / "obbackupctl"), self.words(*more),
                              encoding="utf-8", timeout=60, dimensions=(24, 200),
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.addCleanup(child.close, force=True)
        return child

    def answer(self, child, *dialogue):
        """Waits for each question, and answers it; None is Enter alone."""
        for question, text in dialogue:
            child.expect(re.escape(question) + r"[^\n]*: $")
            child.sendline(text or "")

    def finish(self, child, status=DONE):
        """What was written since the last question."""
        child.expect(pexpect.EOF)
        child.close()
        self.assertEqual(child.exitstatus, status, child.before)
        return child.before


class Unattended(SetupTest):
    def test_nothing_asked(self):
        said = json.loads(self.ok(*self.words("--yes", "--json")))
        self.assertEqual(self.there(), ALL)
        self.assertTrue(said["changed"])
        self.assertEqual([said[what]["state"] for what in ("instance", "destination", "schedule")],
                         ["added"] * 3)
        self.assertEqual(said["instance"]["problems"], [])
        self.assertTrue(said["destination"]["passphrase-generated"])
        self.assertEqual([backup["id"] for backup in self.json("list")["backups"]],
                         [said["backup"]])
        instance = self.json("instance", "show")
        self.assertEqual(instance["properties"], str(self.installation.properties))
        self.assertEqual(self.json("destination", "show")["path"], str(DISK / "obbackup"))
        schedule = self.json("schedule", "show")
        self.assertEqual((schedule["instance"], schedule["destinations"], schedule["times"],
                          schedule["random-delay"], schedule["verify-after"]),
                         ("openbravo", ["disk"], ["*-*-* 03:00"], "15m", "5%"))
        self.assertEqual(set(schedule["retention"]),
                         {"keep-daily=7", "keep-weekly=4", "keep-monthly=12"})

        # Again: all is kept, and not even a second backup is made.
        configuration = self.configuration()
        said = self.json(*self.words("--yes"))
        self.assertFalse(said["changed"])
        self.assertEqual([said[what]["state"] for what in ("instance", "destination", "schedule")],
                         ["kept"] * 3)
        self.assertIn("nothing was changed", self.ok(*self.words("--yes")))
        self.assertEqual(self.configuration(), configuration)
        self.assertEqual(len(self.json("list")["backups"]), 1)

    @staticmethod
    def configuration():
        return {path: path.read_bytes() for path in (SANDBOX / "etc").rglob("*") if path.is_file()}

    def test_all_options(self):
        out = self.ok(*self.words("--yes", "--properties", self.installation.source, "--name",
                                  "erp", "--unit", "none", "--destination", "tape", "--path",
                                  DISK / "here", "--at", "23:15", "--no-backup"))
        self.assertEqual(self.there(), (["erp"], ["tape"], ["nightly"]))
        self.assertEqual(self.json("destination", "show")["path"], str(DISK / "here"))
        self.assertEqual(self.json("schedule", "show")["times"], ["*-*-* 23:15"])
        self.assertEqual(self.json("list")["backups"], [])
        self.assertIn("recovery-key", out)

    def test_no_schedule(self):
        said = self.json(*self.words("--yes", "--no-schedule", "--no-backup"))
        self.assertEqual(said["schedule"], {"state": "skipped"})
        self.assertEqual(self.there(), (["openbravo"], ["disk"], []))
        # What was left out may be added later; the rest stays.
        self.ok(*self.words("--yes", "--no-backup"))
        self.assertEqual(self.there(), ALL)

    def test_what_is_there_is_kept(self):
        self.ok("destination", "add", "other", "--path", DISK / "other")
        said = self.json(*self.words("--yes", "--no-backup"))
        self.assertEqual(said["destination"]["state"], "kept")
        self.assertEqual(self.there(), (["openbravo"], ["other"], ["nightly"]))
        self.assertEqual(self.json("schedule", "show")["destinations"], ["other"])

    def test_options_of_what_is_kept(self):
        """They are not followed, and that is told; where they say what is so, nothing is."""
        words = ["--yes", "--no-backup", "--properties", self.installation.properties, "--unit",
                 "none", "--path", DISK / "here", "--at", "3:30"]
        self.ok(*self.words(*words))
        done = ctl(*self.words(*words))
        self.assertEqual(done.status, DONE, done.err)
        self.assertNotIn("warning", done.err)
        done = ctl(*self.words("--yes", "--properties", "/etc/passwd", "--unit", "tomcat", "--path",
                               DISK / "there", "--at", "4:30"))
        self.assertEqual(done.status, DONE, done.err)
        for option in ("--properties /etc/passwd", "--unit tomcat", f"--path {DISK}/there",
                       "--at 4:30"):
            self.assertRegex(done.err, f"warning: {option} is not followed")
        self.assertEqual(self.there(), ALL)

    def test_several_are_there(self):
        for name in ("first", "second"):
            self.ok("instance", "add", name, "--properties", self.installation.properties)
            self.ok("destination", "add", name, "--path", DISK / name)
        self.refused(USAGE, "first, second.*--name", *self.words("--yes"))
        self.refused(USAGE, "first, second.*--destination", *self.words("--yes", "--name", "first"))
        self.ok(*self.words("--yes", "--no-backup", "--name", "first", "--destination", "second"))
        schedule = self.json("schedule", "show")
        self.assertEqual((schedule["instance"], schedule["destinations"]), ("first", ["second"]))
        # The schedule says where to.
        self.assertIn("nothing was changed", self.ok(*self.words("--yes", "--name", "first")))
        self.ok(*self.words("--yes", "--no-backup", "--name", "second", "--destination", "second"))
        self.assertEqual(self.there()[2], ["nightly", "nightly-2"])

    def test_who_may_not(self):
        self.refused(NOT_AUTHORISED, "(?i)authori", *self.words("--yes"), user="clerk")
        self.assertEqual(self.there(), NOTHING)
        self.ok(*self.words("--yes", "--no-backup"), user="site")
        self.assertEqual(self.there(), ALL)

    def test_what_is_missing_is_named(self):
        for words, text in ((["--name", "a b"], "--name"), (["--destination", "-x"], "--dest")):
            with self.subTest(words=words):
                self.refused(USAGE, text, *self.words("--yes", *words))
        second = make_installation("second")
        self.addCleanup(second.remove)
        done = self.refused(USAGE, "--properties", *self.words("--yes"))
        self.assertIn("/opt/site", done.err)
        self.assertIn("/opt/second", done.err)
        for installation in (second, self.installation):
            installation.properties.rename(installation.properties.with_suffix(".off"))
            self.addCleanup(installation.properties.with_suffix(".off").rename,
                            installation.properties)
        self.refused(USAGE, "--properties FILE", *self.words("--yes"))
        done = ctl(*self.words("--yes", "--json"))
        self.assertEqual(done.status, USAGE)
        self.assertIn("--properties", json.loads(done.out)["error"])
        self.assertEqual(self.there(), NOTHING)

    def test_a_home_is_not_trusted(self):
        """Anybody can put something there that looks like an installation."""
        home = Path("/home/clerk-of-setup/OpenbravoERP/config")
        home.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, "/home/clerk-of-setup")
        shutil.copy(self.installation.properties, home)
        self.installation.properties.rename(self.installation.properties.with_suffix(".off"))
        self.addCleanup(self.installation.properties.with_suffix(".off").rename,
                        self.installation.properties)
        done = self.refused(USAGE, "--properties", *self.words("--yes"))
        self.assertIn("/home/clerk-of-setup", done.err)
        self.assertEqual(self.there(), NOTHING)

    def test_wrong_values(self):
        for words, status in ((["--properties", "/nowhere/Openbravo.properties"], (NOT_FOUND,)),
                              (["--properties", "/etc/passwd"], (FAILED,)),
                              (["--path", "/nowhere/at/all"], (NOT_FOUND,)),
                              (["--at", "25:00"], (FAILED,)),
                              (["--unit", "a b"], (FAILED,))):
            with self.subTest(words=words):
                done = ctl(*self.words("--yes", *words))
                self.assertIn(done.status, status, done.err)
                self.assertEqual(self.there(), NOTHING)

    def test_error_in_the_middle(self):
        """What was done stays, is told, and the next run goes on from there."""
        (DISK / "obbackup").mkdir()
        (DISK / "obbackup" / "letters").touch()
        done = self.refused(FAILED, "other things.*What was done stays: instance openbravo",
                            *self.words("--yes", "--no-backup"))
        self.assertEqual(done.err.count("other things"), 1)
        self.assertEqual(self.there(), (["openbravo"], [], []))
        (DISK / "obbackup" / "letters").unlink()
        self.refused(FAILED, "someday.*What was done stays: destination disk",
                     *self.words("--yes", "--no-backup", "--at", "someday"))
        self.assertEqual(self.there(), (["openbravo"], ["disk"], []))
        done = ctl(*self.words("--yes", "--no-backup", "--at", "someday", "--json"))
        said = json.loads(done.out)
        self.assertEqual((said["changed"], said["schedule"]["state"]), (False, "missing"))
        self.assertIn("someday", said["error"])
        self.ok(*self.words("--yes", "--no-backup"))
        self.assertEqual(self.there(), ALL)

    def test_backups_from_before(self):
        """On a new host: the passphrase is where somebody keeps it."""
        passphrase = self.directory / "passphrase"
        passphrase.write_text("kept in a safe\n")
        words = ["destination", "add", "disk", "--path", DISK / "obbackup", "--passphrase-file",
                 passphrase]
        self.ok(*words)
        self.ok("destination", "remove", "disk")
        (SANDBOX / "etc" / "keys" / "disk.key").unlink()
        done = ctl(*self.words("--yes", "--no-backup", "--json"))
        self.assertEqual(done.status, FAILED, done.err)
        self.assertEqual(json.loads(done.out)["error-name"], "WrongPassphrase")
        self.assertIn(f"destination add disk --path '{DISK}/obbackup' --passphrase-file", done.err)
        self.ok(*words)
        self.ok(*self.words("--yes", "--no-backup"))
        self.assertEqual(self.there(), ALL)

    def test_problems_are_told(self):
        attachments = self.installation.attachments
        attachments.rename(attachments.with_name("away"))
        self.addCleanup(attachments.with_name("away").rename, attachments)
        done = self.refused(PARTIAL, "warning: The attachments",
                            *self.words("--yes", "--no-backup"))
        self.assertEqual(done.err.count("The attachments"), 1)
        self.assertEqual(self.there(), ALL)

    def test_on_the_same_disk(self):
        unmount(DISK)
        self.addCleanup(mount_tmpfs, DISK)
        done = ctl(*self.words("--yes", "--no-backup", "--path", "/opt/backups"))
        self.addCleanup(shutil.rmtree, "/opt/backups")
        self.assertEqual(done.status, DONE, done.err)
        self.assertIn("same file system", done.err)

    def test_no_terminal(self):
        done = self.refused(USAGE, "--yes", *self.words())
        self.assertEqual(done.out, "")
        done = ctl(*self.words("--json"))
        self.assertEqual((done.status, json.loads(done.out)["changed"]), (USAGE, False))
        self.assertEqual(self.there(), NOTHING)


class Asked(SetupTest):
    def test_enter_alone(self):
        child = self.spawn()
        self.answer(child, *[(question, None) for question in QUESTIONS], (FIRST, None))
        out = self.finish(child)
        self.assertRegex(out, "Backup [0-9a-f]{8} of openbravo is in disk")
        self.assertEqual(self.there(), ALL)
        self.assertEqual(self.json("destination", "show")["path"], str(DISK / "obbackup"))
        self.assertEqual(len(self.json("list")["backups"]), 1)
        out = self.finish(self.spawn())
        self.assertIn("nothing was changed", out)
        self.assertIn("Instance openbravo is there", out)

    def test_other_answers(self):
        child = self.spawn()
        self.answer(child, (PROPERTIES, str(self.installation.source)), (NAME, "erp"),
                    (UNIT, "none"), (PLACE, str(DISK / "elsewhere")), (TIME, "4:30"), (DO, "y"))
        child.expect("recovery-key")
        self.answer(child, (FIRST, "no"))
        self.finish(child)
        self.assertEqual(self.there(), (["erp"], ["disk"], ["nightly"]))
        self.assertEqual(self.json("destination", "show")["path"], str(DISK / "elsewhere"))
        self.assertEqual(self.json("schedule", "show")["times"], ["*-*-* 04:30"])
        self.assertEqual(self.json("list")["backups"], [])

    def test_asked_again(self):
        """What cannot be used is asked for again, also what the service alone can tell."""
        (DISK / "full").mkdir()
        (DISK / "full" / "letters").touch()
        child = self.spawn("--no-backup")
        self.answer(child, (PROPERTIES, "/nowhere"), (PROPERTIES, "/etc/passwd"),
                    (PROPERTIES, "\x02"), (PROPERTIES, None), (NAME, "a b"), (NAME, "-"),
                    (NAME, None), (UNIT, "no/unit"), (UNIT, None), (PLACE, "/nowhere/at/all"),
                    (PLACE, "/etc/passwd"), (PLACE, str(DISK / "full")), (TIME, "24:00"),
                    (TIME, "someday"), (DO, "perhaps"), (DO, "yes"))
        child.expect("other things")
        self.answer(child, ("In which other", str(DISK / "new")))
        child.expect("someday")
        self.answer(child, ("When else", "Mon..Fri 22:30"))
        self.finish(child)
        self.assertEqual(self.there(), ALL)
        self.assertEqual(self.json("schedule", "show")["times"], ["Mon..Fri 22:30"])

    def test_no_is_no(self):
        child = self.spawn()
        self.answer(child, *[(question, None) for question in QUESTIONS[:-1]], (DO, "no"))
        self.assertIn("Nothing was done", self.finish(child, CANCELLED))
        self.assertEqual(self.there(), NOTHING)

    def test_interrupted_anywhere(self):
        for number, question in enumerate(QUESTIONS):
            for key in ("\x03", "\x04"):
                with self.subTest(question=question, key=key):
                    child = self.spawn()
                    self.answer(child, *[(before, None) for before in QUESTIONS[:number]])
                    child.expect(re.escape(question) + r"[^\n]*: $")
                    child.send(key)
                    self.finish(child, CANCELLED)
                    self.assertEqual(self.there(), NOTHING)
                    self.assertEqual(os.listdir(DISK), [])

    def test_interrupted_at_the_backup(self):
        child = self.spawn()
        self.answer(child, *[(question, None) for question in QUESTIONS])
        child.expect(FIRST)
        child.send("\x03")
        self.assertIn("What was done stays", self.finish(child, CANCELLED))
        self.assertEqual(self.there(), ALL)
        self.assertIn("no backup of openbravo yet", self.finish(self.spawn()))

    def test_interrupted_when_asked_again(self):
        """What is whole stays, and the next run goes on from there."""
        (DISK / "full").mkdir()
        (DISK / "full" / "letters").touch()
        child = self.spawn("--no-backup", "--path", DISK / "full", "--at", "someday")
        self.answer(child, (PROPERTIES, None), (NAME, None), (UNIT, None), (DO, None))
        child.expect("In which other")
        child.send("\x03")
        self.assertIn("What was done stays: instance openbravo.", self.finish(child, CANCELLED))
        self.assertEqual(self.there(), (["openbravo"], [], []))
        self.assertEqual(os.listdir(DISK / "full"), ["letters"])
        child = self.spawn("--no-backup", "--at", "someday")
        self.answer(child, (PLACE, None), (DO, None))
        child.expect("When else")
        child.send("\x04")
        self.assertIn("What was done stays: destination disk.", self.finish(child, CANCELLED))
        self.assertEqual(self.there(), (["openbravo"], ["disk"], []))
        child = self.spawn("--no-backup")
        self.answer(child, (TIME, None), (DO, None))
        self.finish(child)
        self.assertEqual(self.there(), ALL)

    def test_problems(self):
        """An installation that is not in order is taken back, unless one goes on."""
        attachments = self.installation.attachments
        attachments.rename(attachments.with_name("away"))
        self.addCleanup(attachments.with_name("away").rename, attachments)
        for reply in ("\x03", "no\n", "\n"):
            child = self.spawn("--no-backup")
            self.answer(child, *[(question, None) for question in QUESTIONS])
            child.expect("warning: The attachments")
            child.expect("Go on all the same")
            child.send(reply)
            self.finish(child, CANCELLED)
            self.assertEqual(self.there(), NOTHING)
        child = self.spawn("--no-backup")
        self.answer(child, *[(question, None) for question in QUESTIONS], ("Go on", "yes"))
        self.finish(child, PARTIAL)
        self.assertEqual(self.there(), ALL)

    def test_several(self):
        second = make_installation("second")
        self.addCleanup(second.remove)
        child = self.spawn("--no-backup")
        child.expect("1  /opt/second/opt/OpenbravoERP.*2  /opt/site/opt/OpenbravoERP")
        self.answer(child, (WHICH, "3"), (WHICH, "0"), (WHICH, "/etc/passwd"), (WHICH, "2"),
                    *[(question, None) for question in QUESTIONS[1:]])
        self.finish(child)
        self.assertEqual(self.json("instance", "show")["properties"],
                         str(self.installation.properties))

    def test_several_are_there(self):
        for name in ("first", "second"):
            self.ok("instance", "add", name, "--properties", self.installation.properties)
        child = self.spawn("--no-backup")
        self.answer(child, ("which", "third"), ("which", "second"), (PLACE, None), (TIME, "none"),
                    (DO, None))
        self.finish(child)
        self.assertEqual(self.there(), (["first", "second"], ["disk"], []))

    def test_the_terminal_is_not_steered(self):
        """Neither a path nor a value of a file that somebody put there."""
        evil = Path("/opt/\x1b[31mevil/config")
        evil.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, evil.parent)
        (evil / "Openbravo.properties").write_bytes(
            b"bbdd.url=x\nsource.path=/\ncontext.name=\x1b]0;evil\x07\n")
        plain = Path("/opt/plain/config")
        plain.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, plain.parent)
        (plain / "Openbravo.properties").write_bytes(
            b"bbdd.url=x\nsource.path=/\ncontext.name=\x9b31m\xc2\x9b\n")
        (DISK.parent / "\x1b[31mdisk").mkdir()
        self.addCleanup((DISK.parent / "\x1b[31mdisk").rmdir)
        child = self.spawn()
        child.expect(WHICH)
        said = child.before
        child.sendline("1")
        child.expect(NAME)
        said += child.before
        child.close(force=True)
        self.assertIn("/opt/plain", said)
        for character in ("\x1b", "\x9b", "\x07"):
            self.assertNotIn(character, said)

    def test_json(self):
        """The questions are no part of the document."""
        child = pexpect.spawn("/bin/sh", ["-c", f"obbackupctl {' '.join(self.words('--json'))} "
                                          f"> {self.directory}/out"],
                              encoding="utf-8", timeout=60, dimensions=(24, 200))
        self.addCleanup(child.close, force=True)
        self.answer(child, *[(question, None) for question in QUESTIONS], (FIRST, None))
        self.finish(child)
        said = json.loads((self.directory / "out").read_text())
        self.assertTrue(said["changed"])
        self.assertTrue(said["backup"])


if __name__ == "__main__":
    unittest.main()
