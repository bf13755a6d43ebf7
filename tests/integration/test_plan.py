# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore in place would do, told beforehand: what takes whose place, what changes, what it needs,
how long the application stands still, and what is in the way. Nothing is made or stopped."""

import os
import pty
import shutil
import subprocess

from disks import Disk
from harness import (DONE, FAILED, NOT_FOUND, SANDBOX, USAGE, InstallationTest, ctl, server)


class PlanTest(InstallationTest):
    application = True
    activation_key = None

    @classmethod
    def make_installation(cls, name=None, **how):
        return super().make_installation(name, activation_key=cls.activation_key, **how)

    def plan(self, *words, status=DONE):
        return self.json("restore", *words, "--plan", status=status)

    def neighbours(self):
        return {str(tree.parent / name) for tree in self.installation.trees().values()
                for name in os.listdir(tree.parent)}


class Plan(PlanTest):
    def test_all(self):
        identifier = self.backup()
        self.installation.query("UPDATE ad_module SET version = '9.9.9' WHERE javapackage ="
                                " (SELECT min (javapackage::text) FROM ad_module)")
        before, beside = self.describe(), self.neighbours()
        plan = self.plan(identifier)
        self.assertEqual(plan["id"], identifier)
        self.assertEqual(plan["instance"], "erp")
        replaces = {entry["part"]: entry for entry in plan["replaces"]}
        self.assertEqual({part: entry["where"] for part, entry in replaces.items()},
                         {"database": self.installation.database,
                          **{part: str(tree) for part, tree in self.installation.trees().items()}})
        for entry in replaces.values():
            self.assertTrue(entry["exists"])
            self.assertGreater(entry["size"], 0)
            self.assertGreater(entry["backup-size"], 0)
        module, = plan["modules"]
        self.assertEqual((module["change"], module["from"]), ("changed", "9.9.9"))
        self.assertTrue(plan["stops"].endswith("application.py"))
        self.assertGreater(plan["downtime"], 0)
        self.assertGreaterEqual(plan["seconds"], plan["downtime"])
        self.assertFalse(plan["measured"])
        self.assertFalse(plan["keep-oid"])
        self.assertEqual(plan["obstacles"], [])
        self.assertTrue(plan["space"])
        for space in plan["space"]:
            self.assertGreater(space["free"], space["needed"])
        self.assertEqual(self.neighbours(), beside)
        self.assert_same_installation(before, self.describe())
        self.assertTrue(self.installation.application_runs())
        self.assertEqual([job["Operation"] for job in self.json("jobs")].count("restore"), 0)

    def test_estimates_come_from_the_last_restore(self):
        identifier = self.backup()
        done = self.json("restore", identifier, "--yes")
        plan = self.plan(identifier)
        self.assertTrue(plan["measured"])
        self.assertAlmostEqual(plan["downtime"], done["downtime"], delta=done["downtime"] / 2)
        ctl("release-previous", "erp", "--yes")

    def test_of_parts(self):
        plan = self.plan(self.backup(), "--only", "attachments")
        self.assertEqual([entry["part"] for entry in plan["replaces"]], ["attachments"])
        self.assertEqual(plan["modules"], [])

    def test_where_nothing_is_there_any_more(self):
        identifier = self.backup()
        shutil.rmtree(self.installation.attachments)
        plan = self.plan(identifier)
        gone = {entry["part"] for entry in plan["replaces"] if not entry["exists"]}
        self.assertEqual(gone, {"attachments"})
        self.assertFalse(self.installation.attachments.exists())
        self.ok("restore", identifier, "--only", "attachments", "--yes")

    def test_shown_before_it_is_asked(self):
        """On a terminal; an answer that is no yes leaves all as it is."""
        identifier = self.backup()
        before = self.describe()
        for answer, status in (("n\n", None), ("y\n", DONE)):
            with self.subTest(answer=answer):
                master, slave = pty.openpty()
                process = subprocess.Popen([SANDBOX / "bin" / "obbackupctl", "restore", identifier],
                                           stdin=slave, stdout=slave, stderr=slave,
                                           start_new_session=True)
                os.close(slave)
                os.write(master, answer.encode())
                text = b""
                while True:
                    try:
                        data = os.read(master, 65536)
                    except OSError:
                        break
                    if not data:
                        break
                    text += data
                os.close(master)
                code = process.wait()
                self.assertIn("takes the place of", text.decode())
                self.assertIn("undo-restore", text.decode())
                if status is None:
                    self.assertNotEqual(code, DONE)
                    self.assert_same_installation(before, self.describe())
                else:
                    self.assertEqual(code, status, text.decode())
        ctl("release-previous", "erp", "--yes")

    def test_wrong_words(self):
        self.refused(NOT_FOUND, "", "restore", "0123456789", "--plan")
        self.refused(USAGE, "in place", "restore", "latest", "--plan", "--into", "/tmp/x")

    def test_no_right_to_create_databases(self):
        """Without a superuser it is the application's own role that would have to."""
        identifier = self.backup()
        text = self.installation.properties.read_bytes()
        self.addCleanup(self.ok, "instance", "edit", "erp", "--properties",
                        self.installation.properties)
        self.addCleanup(self.installation.properties.write_bytes, text)
        self.addCleanup(server().query, f"ALTER ROLE {self.installation.owner} CREATEDB")
        self.installation.properties.write_bytes(
            b"\n".join(line for line in text.split(b"\n") if b"bbdd.system" not in line))
        server().query(f"ALTER ROLE {self.installation.owner} NOCREATEDB")
        self.ok("instance", "edit", "erp", "--properties", self.installation.properties)
        plan = self.plan(identifier, status=FAILED)
        self.assertTrue([text for text in plan["obstacles"]
                         if f'ALTER ROLE "{self.installation.owner}" CREATEDB;' in text], plan)

    def test_no_database_server(self):
        identifier = self.backup()
        server().stop()
        try:
            plan = self.plan(identifier, status=FAILED)
        finally:
            server().start()
        self.assertTrue(plan["obstacles"])
        self.installation.stop_application()
        self.installation.start_application()

    def test_no_space(self):
        """The file system of the attachments is full."""
        identifier = self.backup()
        text = self.installation.properties.read_bytes()
        with Disk(self.directory, 64) as disk:
            place = disk.path / "attachments"
            shutil.copytree(self.installation.attachments, place, symlinks=True)
            self.installation.properties.write_bytes(text.replace(
                f"attach.path={self.installation.attachments}".encode(),
                f"attach.path={place}".encode()))
            self.ok("instance", "edit", "erp", "--properties", self.installation.properties)
            with open(disk.path / "filler", "wb") as filler:
                free = os.statvfs(disk.path)
                os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_frsize - 40960)
            plan = self.plan(identifier, "--only", "attachments", status=FAILED)
            self.installation.properties.write_bytes(text)
            self.ok("instance", "edit", "erp", "--properties", self.installation.properties)
        self.assertTrue([text for text in plan["obstacles"] if "are needed" in text], plan)

    def test_damaged_backup(self):
        """Found before anything is stopped."""
        identifier = self.backup()
        packs = sorted((self.repository / "data").rglob("*"), key=lambda file: file.stat().st_size)
        victim = packs[-1]
        content = victim.read_bytes()
        self.addCleanup(victim.write_bytes, content)
        victim.unlink()
        self.refused(FAILED, "damaged", "restore", identifier, "--plan")
        self.refused(FAILED, "damaged", "restore", identifier, "--yes")
        self.assertTrue(self.installation.application_runs())


class WithKey(PlanTest):
    activation_key = "a key"

    def test_choice(self):
        identifier = self.backup()
        plan = self.plan(identifier)
        self.assertTrue(plan["keep-oid"])
        self.assertGreater(plan["downtime"], plan["quick-downtime"])
        quick = self.plan(identifier, "--quick")
        self.assertFalse(quick["keep-oid"])
        self.assertTrue([text for text in quick["notes"] if "activated again" in text])
        out = self.ok("restore", identifier, "--plan")
        self.assertIn("--quick", out)


class WithoutControl(InstallationTest):
    def test_still_connected(self):
        identifier = self.backup()
        connection = self.installation.connect()
        self.addCleanup(connection.close)
        plan = self.json("restore", identifier, "--plan", status=FAILED)
        self.assertTrue([text for text in plan["obstacles"] if "connected" in text], plan)
        plan = self.json("restore", identifier, "--plan", "--force")
        self.assertEqual(plan["obstacles"], [])


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_plan")
