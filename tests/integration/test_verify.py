# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository is damaged by hand in every way: verify finds it and names the backups and the files
that it touches; a repair keeps what can be had and says what cannot, and restic agrees."""

import json
import os
import shutil
import stat
import time

from bus import BusError
from disks import Disk
from gi.repository import GLib
from harness import (DONE, FAILED, LONG, NAME, NOT_FOUND, PARTIAL, ROOT, UNAVAILABLE, USAGE,
                     InstallationTest, Size, compare, ctl, run, server, wait_until)


class VerifyTest(InstallationTest):
    size = Size(orders=50, source_files=40, webapp_files=10, attachments=20, extra_tables=2)

    def setUp(self):
        super().setUp()
        kept = self.directory / "kept"
        shutil.copytree(self.repository, kept)
        self.addCleanup(self.put_back, kept)

    def put_back(self, kept):
        """Each test damages the repository of its class, which the next one finds whole."""
        shutil.rmtree(self.repository)
        shutil.copytree(kept, self.repository)

    # damage

    def packs(self):
        return sorted(path for path in (self.repository / "data").rglob("*") if path.is_file())

    @staticmethod
    def flip(path, offset):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
        with open(path, "r+b") as file:
            file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))

    def restic_json(self, *words):
        return [json.loads(line) for line in self.restic(*words, "--json").splitlines() if line]

    def tree(self, identifier, path):
        """The nodes of a directory of a backup, by name."""
        tree = json.loads(self.restic("cat", "snapshot", identifier))["tree"]
        for name in filter(None, path.split("/")):
            tree = self.nodes(tree)[name]["subtree"]
        return self.nodes(tree)

    def nodes(self, tree):
        nodes = json.loads(self.restic("cat", "blob", tree))["nodes"]
        return {node["name"]: node for node in nodes}

    def locate(self, blob):
        """The pack and the place in it: (path, offset, length)."""
        for name in self.restic("list", "index").split():
            for pack in json.loads(self.restic("cat", "index", name))["packs"]:
                for entry in pack["blobs"]:
                    if entry["id"] == blob:
                        path = self.repository / "data" / pack["id"][:2] / pack["id"]
                        return path, entry["offset"], entry["length"]
        raise AssertionError(f"{blob} is in no index")

    def add_file(self, name, content):
        path = self.installation.trees()["attachments"] / name
        path.write_bytes(content)
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    # verifying

    def verify(self, *words, status=DONE):
        return self.json("verify", *words, status=status)

    def kinds(self, result):
        return {problem["kind"] for problem in result["problems"]}

    def affected(self, result):
        return {backup["id"]: backup["files"] for backup in result["affected"]}


class Sound(VerifyTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = ctl("backup", "erp", "--label", "first")
        if done.status != 0:
            raise AssertionError(done.err)

    def test_structure(self):
        result = self.verify()
        self.assertEqual(result["state"], "succeeded")
        self.assertEqual((result["n-problems"], result["n-affected"], result["bytes-read"],
                          result["backups"], result["depth"]), (0, 0, 0, 1, "structure"))
        self.assertGreater(result["trees"], 3)

    def test_read_data(self):
        result = self.verify("--read-data")
        stored = sum(path.stat().st_size for path in self.packs())
        self.assertEqual((result["bytes-read"], result["packs-read"]), (stored, len(self.packs())))
        out = self.ok("verify", "--read-data")
        self.assertRegex(out, r"^Sound: 1 backup, \d+ packs, .* read, in .*\.\n$")
        self.assertEqual(self.ok("verify", "--quiet"), "")

    def test_sample(self):
        whole = self.verify("--sample", "100%")
        stored = sum(path.stat().st_size for path in self.packs())
        self.assertEqual(whole["bytes-read"], stored)
        some = self.verify("--sample", "1%", "--seed", "7")
        self.assertEqual(some["depth"], "sample")
        self.assertEqual(some["packs-read"], 1)
        again = self.verify("--sample", "1%", "--seed", "7")
        self.assertEqual(again["bytes-read"], some["bytes-read"])

    def test_named(self):
        for words in (["latest"], ["--instance", "erp"], ["--from", "disk", "latest"]):
            with self.subTest(words=words):
                self.assertEqual(self.verify(*words)["backups"], 1)

    def test_remembered(self):
        self.verify("--read-data")
        shown = self.json("show", "latest")
        self.assertEqual((shown["verified-result"], shown["verified-depth"]), ("sound", "data"))
        self.assertLess(abs(shown["verified"] - time.time()), 600)
        self.assertRegex(self.ok("show", "latest"), r"verified +.*sound \(all data read\)")
        self.assertRegex(self.ok("status"), "disk was verified ")
        self.verify()
        shown = self.json("show", "latest")
        self.assertEqual(shown["verified-depth"], "structure")
        self.assertGreater(shown["verified-data"], 0)

    def test_refused(self):
        self.refused(FAILED, "no share", "verify", "--sample", "0%")
        self.refused(FAILED, "no share", "verify", "--sample", "101%")
        self.refused(FAILED, "no share", "verify", "--sample", "nan")
        self.refused(FAILED, "no share", "verify", "--sample", "5%%")
        self.refused(FAILED, "not both", "verify", "--sample", "5%", "--read-data")
        self.refused(FAILED, "whole destination", "verify", "latest", "--repair", "--yes")
        self.refused(USAGE, "--yes", "verify", "--repair")
        self.refused(NOT_FOUND, "no destination|nowhere", "verify", "--from", "nowhere")
        self.refused(NOT_FOUND, "no backup", "verify", "ffffffff")
        self.refused(USAGE, "Unknown option", "verify", "--no-such")

    def test_refused_on_the_bus(self):
        for ids, options in (([], {"no-such": GLib.Variant("b", True)}),
                             ([], {"sample": GLib.Variant("d", 0.0)}),
                             ([], {"sample": GLib.Variant("d", 1.5)}),
                             ([], {"sample": GLib.Variant("d", float("nan"))}),
                             ([], {"sample": GLib.Variant("s", "5%")}),
                             ([], {"sample": GLib.Variant("d", 0.5),
                                   "read-data": GLib.Variant("b", True)}),
                             ([], {"repair": GLib.Variant("b", True)}),
                             ([""], {}), (["x" * 5000], {}), (["latest"] * 300, {})):
            with self.subTest(ids=str(ids)[:20], options=options):
                with self.assertRaises(BusError) as caught:
                    self.bus.call(ROOT, NAME, "Verify", "(asa{sv})", ids, options)
                self.assertEqual(caught.exception.name, "InvalidArgument")

    def test_read_only(self):
        """A repository that cannot be written is verified all the same; it is not repaired."""
        with Disk(self.directory, 120) as disk:
            self.ok("destination", "add", "small", "--path", disk.path / "repository")
            self.addCleanup(ctl, "destination", "remove", "small")
            self.backup("--to", "small", "--only", "webapp")
            disk.make_read_only()
            for _ in range(2):
                result = self.verify("--read-data", "--from", "small")
                self.assertEqual((result["n-problems"], result["backups"]), (0, 1))
                self.refused(UNAVAILABLE, "read-only", "verify", "--repair", "--yes", "--from",
                             "small")
                self.restart_service()
            disk.make_writable()


class Damaged(VerifyTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lost = cls.installation.trees()["attachments"] / "lost.bin"
        cls.content = os.urandom(300000)
        cls.lost.write_bytes(cls.content)
        cls.before = json.loads(ctl("backup", "erp", "--json").out.splitlines()[-1])["id"]
        cls.lost.unlink()
        cls.after = json.loads(ctl("backup", "erp", "--json").out.splitlines()[-1])["id"]

    def blob_of_lost(self):
        return self.tree(self.before, "attachments")["lost.bin"]["content"][0]

    def damage_file(self):
        path, offset, length = self.locate(self.blob_of_lost())
        self.flip(path, offset + length // 2)
        return path

    def test_blob(self):
        path = self.damage_file()
        self.assertEqual(self.verify()["n-problems"], 0)
        result = self.verify("--read-data", status=FAILED)
        self.assertEqual(self.kinds(result), {"pack-content", "blob"})
        self.assertEqual(self.affected(result), {self.before: ["attachments/lost.bin"]})
        self.assertEqual(result["affected"][0]["instance"], "erp")
        self.assertIn(path.name, result["error"])

        done = ctl("verify", "--read-data")
        self.assertEqual(done.status, FAILED)
        self.assertRegex(done.out, r"(?s)Damage \(2\):.*Backups that lost something \(1\):\n"
                         rf"  {self.before[:8]}  .*\n    attachments/lost\.bin\n")
        self.assertRegex(done.err, "Destination disk is damaged; 1 backup lost files")

        self.assertEqual(self.json("show", self.before)["verified-result"], "damaged")
        self.assertEqual(self.json("show", self.after)["verified-result"], "sound")
        self.assertRegex(self.ok("list"), rf"{self.before[:8]} .* damaged ")
        self.assertRegex(self.ok("status"), "disk is damaged")
        for backup, damaged in ((self.before, True), (self.after, False)):
            told = " ".join(self.json("restore", backup, "--plan").get("warnings", []))
            self.assertEqual("found backup " + backup[:8] + " damaged" in told, damaged, told)
        # One that reads no data does not make it good.
        self.verify()
        self.assertEqual(self.json("show", self.before)["verified-result"], "damaged")
        self.verify(self.after, "--read-data", "--instance", "erp", status=(DONE, FAILED))

    def test_header(self):
        path, _, _ = self.locate(self.blob_of_lost())
        self.flip(path, -30)
        result = self.verify("--read-data", status=FAILED)
        self.assertEqual(self.kinds(result), {"pack-content", "pack-header"})
        self.assertEqual(result["affected"], [])

    def test_index(self):
        for index in (self.repository / "index").iterdir():
            self.flip(index, 40)
        result = self.verify(status=FAILED)
        self.assertIn("index", self.kinds(result))
        self.assertEqual(set(self.affected(result)), {self.before, self.after})

    def test_snapshot(self):
        self.flip(self.repository / "snapshots" / self.before, 30)
        result = self.verify(status=FAILED)
        self.assertEqual(self.kinds(result), {"snapshot"})
        self.assertIn(self.before, result["problems"][0]["object"])
        self.assertEqual((result["n-affected"], result["n-unreadable"]), (0, 1))
        self.refused(FAILED, "1 backup cannot be read at all", "verify")

    def test_relabelled(self):
        """What is asked for by name is not passed over in silence, whatever its file is called."""
        self.ok("label", self.before, "another")
        file, = (path for path in (self.repository / "snapshots").iterdir()
                 if path.name not in (self.before, self.after))
        self.ok("list")
        self.flip(file, 30)
        result = self.verify(self.before, self.after, status=FAILED)
        self.assertEqual(self.kinds(result), {"snapshot"})
        self.assertIn(file.name, result["problems"][0]["object"])
        self.assertEqual(self.verify(self.after)["n-problems"], 0)
        self.restart_service()
        self.refused(NOT_FOUND, "could be read", "verify", self.before)

    def test_replaced(self):
        """Damaged files in the place of sound ones, while the service keeps what it read open."""
        self.verify("--read-data")
        files = [*self.packs(), *(self.repository / "index").iterdir()]
        for path in files:
            damaged = bytearray(path.read_bytes())
            damaged[len(damaged) // 2] ^= 1
            beside = path.with_name(path.name + "-new")
            beside.write_bytes(damaged)
            beside.rename(path)
        result = self.verify("--read-data", status=FAILED)
        self.assertEqual(sum(problem["kind"] == "index" for problem in result["problems"]),
                         len(list((self.repository / "index").iterdir())))

    def test_nothing_is_built_on_what_is_gone(self):
        """A backup after packs were lost can be restored, and says that they are."""
        for harm in (lambda path: path.unlink(),
                     lambda path: os.truncate(path, path.stat().st_size // 2)):
            with self.subTest():
                for path in self.packs():
                    path.chmod(0o600)
                    harm(path)
                made = self.json("backup", "erp", "--only", "sources,attachments")
                self.assertRegex(" ".join(made["warnings"]), "packs .* missing or damaged")
                self.assertIn(made["id"], set(self.backups()))
                self.assertNotIn(made["id"], self.affected(self.verify("--read-data",
                                                                       status=FAILED)))
                into = self.directory / "into"
                self.ok("restore", made["id"], "--into", into, "--yes")
                for part in ("sources", "attachments"):
                    self.assert_same_tree(compare.describe_tree(self.installation.trees()[part]),
                                          compare.describe_tree(into / part))
                shutil.rmtree(into)

    def test_nothing_is_built_on_what_is_damaged(self):
        """Nor on what a verification has found, until it is mended; a prune keeps the better."""
        self.damage_file()
        self.verify("--read-data", status=FAILED)
        self.restart_service()
        times = self.lost.parent.stat()
        self.addCleanup(os.utime, self.lost.parent, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.add_file("lost.bin", self.content)
        made = self.json("backup", "erp", "--only", "attachments")
        self.assertRegex(" ".join(made["warnings"]), "1 pack of .* found damaged when it was ver")
        self.assertEqual(self.affected(self.verify("--read-data", status=FAILED)), {})
        into = self.directory / "into"
        for step in ("backup", "prune"):
            with self.subTest(after=step):
                self.ok("restore", made["id"], "--into", into, "--yes")
                self.assertEqual((into / "attachments" / "lost.bin").read_bytes(), self.content)
                shutil.rmtree(into)
                self.ok("prune", "--max-unused", "0")
        # Once it is mended, nobody speaks of it any more.
        self.repair(DONE)
        self.assertEqual(self.json("backup", "erp", "--only", "attachments")["warnings"], [])

    def test_found_beside_a_backup(self):
        """The backup was under way already, so it says so, and the next one stores anew."""
        connection = self.installation.connect()
        connection.autocommit = False
        self.addCleanup(connection.close)
        connection.cursor().execute("LOCK TABLE c_order IN ACCESS EXCLUSIVE MODE")
        for damage in (False, True):
            with self.subTest(damage=damage):
                if damage:
                    self.damage_file()
                path = self.start_backup()
                wait_until(lambda: server().query("SELECT 1 FROM pg_locks WHERE NOT granted"),
                           "no wait")
                self.verify("--read-data", status=FAILED if damage else DONE)
                connection.rollback()
                told = " ".join(self.succeeded(path).get("warnings", []))
                self.assertEqual("While this backup was made" in told, damage, told)
                connection.cursor().execute("LOCK TABLE c_order IN ACCESS EXCLUSIVE MODE")
        connection.rollback()
        told = " ".join(self.json("backup", "erp")["warnings"])
        self.assertIn("found damaged when it was verified", told)
        self.assertNotIn("While this backup was made", told)

    def test_tree(self):
        blob = self.tree(self.before, "")["attachments"]["subtree"]
        path, offset, _ = self.locate(blob)
        self.flip(path, offset + 20)
        result = self.verify(status=FAILED)
        self.assertEqual(self.affected(result), {self.before: ["attachments/"]})

    def test_truncated(self):
        path, offset, _ = self.locate(self.blob_of_lost())
        path.chmod(0o600)
        os.truncate(path, offset + 10)
        result = self.verify(status=FAILED)
        self.assertIn("pack-size", self.kinds(result))
        self.assertIn("attachments/lost.bin", self.affected(result)[self.before])

    def test_cut_behind_all_blobs(self):
        """What is cut off a pack is nothing that a backup needs: it is restored in full."""
        path, _, _ = self.locate(self.blob_of_lost())
        path.chmod(0o600)
        os.truncate(path, path.stat().st_size - 5)
        self.assertEqual(self.affected(self.verify(status=FAILED)), {})
        into = self.directory / "into"
        self.ok("restore", self.before, "--only", "attachments", "--into", into, "--yes")
        self.assertEqual((into / "attachments" / "lost.bin").stat().st_size, 300000)

    def test_missing(self):
        path, _, _ = self.locate(self.blob_of_lost())
        path.unlink()
        result = self.verify(status=FAILED)
        self.assertEqual(self.kinds(result), {"pack-missing"})
        self.assertIn("attachments/lost.bin", self.affected(result)[self.before])

    def test_extra(self):
        extra = self.repository / "data" / "ab" / ("ab" + 62 * "0")
        extra.write_bytes(b"what a crash left")
        result = self.verify("--read-data")
        self.assertEqual((result["unused-packs"], result["unused-bytes"]), (1, 17))
        self.assertRegex(self.ok("verify"), "1 packs .* prune")

    # repairs

    def repair(self, status):
        return self.json("verify", "--repair", "--yes", status=status)

    def assert_repaired(self):
        self.assertEqual(self.verify("--read-data")["n-problems"], 0)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.restart_service()
        self.assertEqual(self.verify("--read-data")["n-problems"], 0)

    def test_repair_blob(self):
        self.damage_file()
        result = self.repair(PARTIAL)
        self.assertEqual(result["repairs"][0]["backups-marked"], 1)
        self.assertEqual(result["repairs"][0]["blobs-lost"], 1)
        self.assert_repaired()

        self.assertEqual(set(self.backups()), {self.before, self.after})
        shown = self.json("show", self.before)
        self.assertEqual((shown["result"], shown["n-lost"], shown["lost"]),
                         ("partial", 1, ["attachments/lost.bin"]))
        self.assertRegex(self.ok("show", self.before), "lost +attachments/lost.bin")
        self.assertEqual(self.json("show", self.after)["result"], "complete")

        into = self.directory / "into"
        done = self.refused(PARTIAL, "lost.bin", "restore", self.before, "--only",
                            "sources,attachments", "--into", into, "--yes")
        self.assertIn("Restored", done.out)
        self.assertFalse((into / "attachments" / "lost.bin").exists())
        after = self.describe()[1]
        self.ok("restore", self.after, "--only", "sources,attachments", "--into",
                self.directory / "other", "--yes")
        for part in ("sources", "attachments"):
            self.assert_same_tree(after[part],
                                  compare.describe_tree(self.directory / "other" / part))
        # The next backup goes on from it.
        self.backup()

    def test_repair_index(self):
        for index in (self.repository / "index").iterdir():
            self.flip(index, 40)
        result = self.repair(DONE)
        self.assertEqual(result["repairs"][0]["backups-marked"], 0)
        self.assertGreater(result["repairs"][0]["packs-added"], 0)
        self.assert_repaired()
        self.assertEqual(self.json("show", self.before)["result"], "complete")

    def test_repair_index_and_header(self):
        """Whatever pack cannot tell any more what is in it, while no index can either: what was in
        others stays, what is lost is told, and what comes after has it again."""
        kept = self.directory / "kept"
        with_data = self.locate(self.blob_of_lost())[0]
        packs = self.packs() if LONG else [with_data]
        for pack in [path.relative_to(self.repository) for path in packs]:
            with self.subTest(pack=pack):
                self.put_back(kept)
                for index in (self.repository / "index").iterdir():
                    self.flip(index, 40)
                self.flip(self.repository / pack, -30)
                self.repair((DONE, PARTIAL))
                self.assert_repaired()
                if pack.name == with_data.name:
                    self.assertEqual(self.json("show", self.before)["result"], "partial")
                self.ok("prune")
                self.assertFalse((self.repository / pack).exists())
                before = self.describe()[1]
                into = self.directory / pack.name
                self.ok("restore", self.backup(), "--only", "sources,attachments", "--into", into,
                        "--yes")
                for part in ("sources", "attachments"):
                    self.assert_same_tree(before[part], compare.describe_tree(into / part))

    def test_repair_missing(self):
        path, _, _ = self.locate(self.blob_of_lost())
        path.unlink()
        self.repair(PARTIAL)
        self.assert_repaired()
        self.assertEqual(self.json("show", self.before)["result"], "partial")

    def test_repair_sound(self):
        before = sorted(os.listdir(self.repository / "index"))
        self.repair(DONE)
        self.assertEqual(sorted(os.listdir(self.repository / "index")), before)

    def test_repair_of_nothing_left(self):
        shutil.rmtree(self.repository / "data")
        (self.repository / "data").mkdir()
        self.repair(PARTIAL)
        self.assertEqual(self.verify("--read-data")["n-problems"], 0)
        self.assertEqual(self.json("show", self.before)["result"], "partial")


class Foreign(VerifyTest):
    """What restic itself wrote."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = (cls.repository.parent / "by-restic.key")
        cls.key.write_text("of restic\n")
        cls.key.chmod(0o600)
        cls.foreign = cls.repository.parent / "by-restic"
        environment = {"RESTIC_PASSWORD": "of restic"}
        for words in (["init"], ["backup", str(cls.installation.source)],
                      ["backup", str(cls.installation.source), "--tag", "again"]):
            done = run("restic", "--no-cache", "--repo", cls.foreign, *words,
                       environment=environment)
            if done.status != 0:
                raise AssertionError(done.err)
        done = ctl("destination", "add", "foreign", "--path", cls.foreign, "--passphrase-file",
                   cls.key)
        if done.status != 0:
            raise AssertionError(done.err)
        cls.addClassCleanup(ctl, "destination", "remove", "foreign")

    def test_verify(self):
        result = self.verify("--read-data", "--from", "foreign")
        self.assertEqual((result["n-problems"], result["backups"]), (0, 2))

    def test_repair(self):
        packs = sorted((self.foreign / "data").rglob("*"), key=lambda path: path.stat().st_size)
        self.flip(packs[-1], packs[-1].stat().st_size // 2)
        result = self.verify("--read-data", "--from", "foreign", status=FAILED)
        self.assertEqual(len(result["affected"]), 2)
        self.assertTrue(result["affected"][0]["files"])
        self.json("verify", "--repair", "--yes", "--from", "foreign", status=PARTIAL)
        self.assertEqual(self.verify("--read-data", "--from", "foreign")["n-problems"], 0)
        out = self.restic("check", "--read-data", repository=self.foreign, passphrase="of restic")
        self.assertIn("no errors were found", out)
        listed = self.json("list", "--from", "foreign")["backups"]
        self.assertEqual([backup["result"] for backup in listed], ["partial", "partial"])
