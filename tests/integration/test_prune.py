# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups are deleted and what they took is freed: what stays is whole by restic's judgement too,
whatever breaks in between; and locks of others are respected, those of the dead are not."""

import os
import random
import re
import signal
import time
import unittest
from pathlib import Path

from harness import (BUSY, FAILED, LONG, NAME, NOT_FOUND, PARTIAL, SANDBOX, USAGE, InstallationTest,
                     Size, compare, ctl, run, start_ctl, wait_until)

KILLS = 200 if LONG else 4
SEED = 20250611
SECONDS_TO_WAIT = 3  # for the lock of another


class PruneTest(InstallationTest):
    size = Size.tiny()

    settings = SANDBOX / "etc" / "obbackup.conf"

    @classmethod
    def setUpClass(cls):
        cls.set_seconds_to_wait(SECONDS_TO_WAIT)
        cls.addClassCleanup(cls.settings.unlink)
        super().setUpClass()

    @classmethod
    def set_seconds_to_wait(cls, seconds):
        """The service has to be restarted then."""
        cls.settings.write_text(f"[obbackup]\nrepository-lock-timeout={seconds}\n")

    def setUp(self):
        super().setUp()
        self.random = random.Random(f"{SEED} {self.id()}")
        self.restart_service()
        self.addCleanup(self.clear)

    def clear(self):
        """Leaves no backup to the next test."""
        found = self.backups()
        if found:
            self.ok("delete", "--yes", "--force", "--prune", *found)

    def change(self, files=6):
        """New content for some of forty files of a megabyte."""
        directory = self.installation.source / "blobs"
        directory.mkdir(exist_ok=True)
        for number in self.random.sample(range(40), files if any(directory.iterdir()) else 40):
            (directory / f"{number}.bin").write_bytes(self.random.randbytes(1 << 20))

    def make_backups(self, number):
        """So many backups of the sources, each a little other; {id: tree}."""
        made = {}
        for _ in range(number):
            self.change()
            made[self.backup("--only", "sources")] = compare.describe_tree(self.installation.source)
        return made

    def files(self):
        """All files of the repository but locks."""
        return {str(path.relative_to(self.repository)): path.stat().st_size
                for path in self.repository.rglob("*")
                if path.is_file() and path.parent.name != "locks"}

    def stored(self):
        return sum(size for name, size in self.files().items() if name.startswith("data/"))

    def assert_whole(self, kept):
        """As restic judges it, and restores it."""
        self.restic("check", "--read-data")
        self.assertEqual(set(self.backups()), set(kept))
        for number, (identifier, tree) in enumerate(kept.items()):
            target = self.directory / f"restored{number}"
            self.restic("restore", identifier, "--target", target)
            self.assert_same_tree(tree, compare.describe_tree(target / "sources"))
            run("rm", "-rf", target)

    def start_prune(self):
        return self.bus.manager("Prune", "(sa{sv})", "disk", {})[0]


class DeleteAndPrune(PruneTest):
    def test_frees_and_keeps(self):
        made = self.make_backups(5)
        removed, kept = list(made)[:3], dict(list(made.items())[3:])
        before = self.files()
        stored = self.stored()
        heard = self.bus.connection.signal_subscribe(
            None, "org.openbravo.Backup1", "BackupsRemoved", None, None, 0,
            lambda *arguments: self.removed.extend(arguments[5].unpack()[0]))
        self.addCleanup(self.bus.connection.signal_unsubscribe, heard)
        self.removed = []

        self.assertIn("Deleted", self.ok("delete", "--yes", *(name[:12] for name in removed)))
        self.assertEqual(set(self.backups()), set(kept))
        self.assertEqual({name for name in before if not name.startswith("snapshots/")},
                         {name for name in self.files() if not name.startswith("snapshots/")})
        from gi.repository import GLib
        while GLib.MainContext.default().iteration(False):
            pass
        self.assertEqual(set(self.removed), set(removed))

        before = self.files()
        plan = self.json("prune", "--plan")
        self.assertEqual(self.files(), before)
        self.assertIs(plan["plan"], True)
        self.assertEqual(plan["backups"], 2)
        self.assertEqual(plan["stored"], stored)
        self.assertGreater(plan["freed"], 10 << 20)
        self.assertGreater(plan["repacked-packs"] + plan["removed-packs"], 1)

        done = self.json("prune", "disk")
        self.assertEqual(done["removed-packs"], plan["removed-packs"])
        self.assertAlmostEqual(done["freed"], plan["freed"], delta=plan["freed"] / 20 + 20_000)
        self.assertEqual(stored - self.stored(), done["freed"])
        self.assertLess(done["unused"], self.stored() * 0.051)
        self.assert_whole(kept)

        nothing = self.json("prune")
        self.assertEqual(nothing["freed"], 0)
        self.assertIn("nothing to free", self.ok("prune"))
        # What follows builds on what was copied.
        again = self.json("backup", "erp", "--only", "sources")
        self.assertLess(again["stored"], 1 << 20)
        self.assert_whole({**kept, again["id"]: compare.describe_tree(self.installation.source)})

    def test_limits(self):
        made = self.make_backups(4)
        self.ok("delete", "--yes", *list(made)[:3])
        kept = dict(list(made.items())[3:])
        freed = [self.json("prune", "--plan", "--max-unused", limit)["freed"]
                 for limit in ("unlimited", "1G", "30%", "5%", "0%", "0")]
        self.assertEqual(freed, sorted(freed))
        self.assertLess(freed[0], freed[-1])
        self.refused(FAILED, "no limit", "prune", "--max-unused", "200%")
        self.refused(FAILED, "no limit", "prune", "--max-unused", "much")
        self.ok("prune", "--max-unused", "unlimited")
        self.assert_whole(kept)
        self.assertEqual(self.json("prune", "--max-unused", "0")["unused"], 0)
        self.assert_whole(kept)

    def test_at_once(self):
        made = self.make_backups(3)
        result = self.json("delete", "--yes", "--prune", *list(made)[:2])
        self.assertEqual(set(result["removed"]), set(list(made)[:2]))
        self.assertGreater(result["freed"], 0)
        self.assert_whole(dict(list(made.items())[2:]))

    def test_restics_own_backups_stay(self):
        """What another tool wrote is kept as ours is, also where it holds what ours lacks."""
        made = self.make_backups(2)
        other = self.directory / "other"
        other.mkdir()
        (other / "file").write_bytes(self.random.randbytes(5 << 20))
        self.restic("backup", other)
        self.ok("delete", "--yes", list(made)[0])
        self.ok("prune")
        self.restic("check", "--read-data")
        self.restic("restore", "latest", "--path", other, "--target", self.directory / "back")
        self.assert_same_tree(compare.describe_tree(other),
                              compare.describe_tree(Path(f"{self.directory}/back{other}")))
        # And restic prunes after us.
        self.restic("forget", "--keep-last", "1", "--group-by", "", "--prune")
        self.restic("check", "--read-data")

    def test_refusals(self):
        made = self.make_backups(2)
        first, last = made
        self.refused(NOT_FOUND, "no backup", "delete", "--yes", "0" * 64)
        self.refused(USAGE, "by their ids", "delete", "--yes", "latest")
        self.refused(USAGE, "--yes", "delete", first)
        self.refused(NOT_FOUND, "no destination", "prune", "elsewhere")
        self.assertEqual(set(self.backups()), set(made))
        self.ok("delete", "--yes", first)
        self.refused(NOT_FOUND, "no backup", "delete", "--yes", first)
        self.assertEqual(self.backups(), [last])


class LastGood(PruneTest):
    def test_needs_force(self):
        made = self.make_backups(2)
        first, last = made
        refused = self.refused(FAILED, "last good one of erp that holds sources", "delete", "--yes",
                               *made)
        self.assertIn(last[:8], refused.err)
        self.assertEqual(set(self.backups()), set(made))
        self.ok("delete", "--yes", first)
        self.refused(FAILED, "last good", "delete", "--yes", last)
        self.assertEqual(ctl("delete", "--yes", last, "--json").status, FAILED)
        self.assertEqual(self.json("instance", "show", "erp").get("last-backup"), last)
        self.ok("delete", "--yes", "--force", last)
        self.assertEqual(self.backups(), [])
        # What it was that it was protected by is not told any more.
        self.assertNotIn("last-backup", self.json("instance", "show", "erp"))
        instance = next(properties for properties in self.bus.objects().values()
                        if f"{NAME}.Instance" in properties)
        self.assertEqual(instance[f"{NAME}.Instance"]["LastSuccess"], 0)
        self.assertGreater(self.json("prune")["freed"], 0)
        self.assertEqual(self.stored(), 0)
        self.restic("check", "--read-data")

    def test_of_each_part(self):
        """A newer backup that holds less does not stand in for it."""
        whole = self.backup()
        self.backup("--only", "sources")
        self.refused(FAILED, "last good one of erp that holds.*database", "delete", "--yes", whole)

    def test_partial_is_not_good(self):
        good = self.backup("--only", "sources,webapp")
        aside = self.directory / "aside"
        self.installation.webapp.rename(aside)
        self.addCleanup(aside.rename, self.installation.webapp)
        self.backup("--only", "sources,webapp", status=(PARTIAL,))
        self.refused(FAILED, "last good", "delete", "--yes", good)

    def test_pinned(self):
        made = self.make_backups(2)
        first = next(iter(made))
        self.restic("tag", "--add", "pinned", first)
        self.refused(FAILED, "pinned", "delete", "--yes", first)
        self.assertEqual(set(self.backups()), set(made))
        self.ok("delete", "--yes", "--force", first)
        self.assertEqual(self.backups(), [list(made)[1]])
        self.ok("prune")
        self.restic("check", "--read-data")


class Damaged(PruneTest):
    def packs(self):
        return sorted((path for path in (self.repository / "data").rglob("*") if path.is_file()),
                      key=lambda path: path.stat().st_size)

    def waste(self):
        made = self.make_backups(4)
        self.ok("delete", "--yes", *list(made)[:3])
        return dict(list(made.items())[3:])

    def assert_refused(self, text):
        before = self.files()
        self.refused(FAILED, text, "prune", "--max-unused", "0")
        after = self.files()
        self.assertLessEqual(set(before), set(after))
        return set(after) - set(before)

    def test_missing_pack(self):
        kept = self.waste()
        for pack in self.packs():
            hidden = self.directory / "hidden"
            pack.rename(hidden)
            done = ctl("prune", "--plan")
            if done.status != 0:
                self.assertRegex(done.err, f"{pack.name}.*verify")
                self.assertEqual(self.assert_refused("verify"), set())
            hidden.rename(pack)
        self.ok("prune")
        self.assert_whole(kept)

    def test_damaged_pack_is_not_copied(self):
        kept = self.waste()
        contents = {pack: pack.read_bytes() for pack in self.packs()}
        for pack, content in contents.items():
            damaged = bytearray(content)
            for place in range(1000, len(content), 100_000):
                damaged[place] ^= 1
            if len(content) > 1 << 20:
                pack.write_bytes(damaged)
        self.assert_refused("Nothing was deleted.*Blob [0-9a-f]{64} in pack [0-9a-f]{64}.*damaged")
        for pack, content in contents.items():
            self.assertEqual(pack.stat().st_size, len(content))
            pack.write_bytes(content)
        # What was copied before it failed is a second copy, and goes with the next one.
        self.restic("check", "--read-data")
        self.ok("prune", "--max-unused", "0")
        self.assert_whole(kept)

    def test_damaged_backup(self):
        kept = self.waste()
        snapshot = next((self.repository / "snapshots").iterdir())
        content = snapshot.read_bytes()
        snapshot.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        self.restart_service()  # it remembers what it has read once
        self.assertEqual(self.assert_refused(f"cannot be read.*{snapshot.name}.*verify"), set())
        snapshot.write_bytes(content)
        self.ok("prune")
        self.assert_whole(kept)


class Killed(PruneTest):
    def test_kill(self):
        """At any moment of deletions and prunes: all that stays is whole, and the next one ends."""
        kept = self.make_backups(2)
        seconds = 1.0
        for number in range(KILLS):
            with self.subTest(number=number):
                kept.update(self.make_backups(1))
                gone = self.random.choice(list(kept)[:-1])
                start = time.monotonic()
                process = start_ctl("delete", "--yes", "--prune", gone)
                if number:
                    deadline = start + self.random.uniform(0, 1.2 * seconds)
                    wait_until(lambda: time.monotonic() > deadline or process.poll() is not None,
                               "no moment came")
                    self.kill_service()
                    process.wait()
                else:
                    process.wait()
                    seconds = time.monotonic() - start
                process.communicate()
                if gone not in self.backups():
                    del kept[gone]
                self.restic("unlock", "--remove-all")
                self.restic("check", *(["--read-data"] if number % 4 == 0 else []))
                self.assertEqual(set(self.backups()), set(kept))
                while len(kept) > 3:
                    last = next(iter(kept))
                    self.ok("delete", "--yes", last)
                    del kept[last]
        self.ok("prune")
        self.assertLess(self.json("prune", "--plan")["unused"], self.stored() * 0.051)
        self.assert_whole(kept)

    def test_cancel(self):
        made = self.make_backups(6)
        kept = dict(list(made.items())[5:])
        self.ok("delete", "--yes", *list(made)[:5])
        for phase in ("reading", "planning", "repacking", "indexing", "removing"):
            path = self.start_prune()
            self.wait_phase(path, phase)
            ctl("cancel", path.rpartition("/")[2])
            self.wait_job(path)
            self.restic("check")
        self.ok("prune")
        self.assert_whole(kept)


class Locks(PruneTest):
    def locks(self):
        """Without those that were still being written."""
        return [name for name in os.listdir(self.repository / "locks") if len(name) == 64]

    def leave_lock(self, host):
        """restic on a host of that name locks the repository exclusively and is killed."""
        environment = {"RESTIC_PASSWORD": self.passphrase()}
        process = os.fork()
        if process == 0:
            os.environ.update(environment)
            os.execvp("unshare", ["unshare", "--uts", "sh", "-c", f"hostname {host}; exec strace "
                                  "-qq -f -o /dev/null -e trace=unlinkat,unlink -e "
                                  "inject=unlinkat,unlink:delay_enter=600s restic --no-cache "
                                  f"--quiet --repo {self.repository} prune"])
        wait_until(self.locks, "restic does not lock")
        time.sleep(0.5)
        run("pkill", "-KILL", "-P", str(process))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        self.assertEqual(len(self.locks()), 1)
        self.addCleanup(self.restic, "unlock", "--remove-all")

    def test_of_another_host(self):
        made = self.make_backups(2)
        self.leave_lock("elsewhere")
        for words in (["prune"], ["prune", "--plan"], ["delete", "--yes", next(iter(made))],
                      ["backup", "erp", "--only", "sources"]):
            start = time.monotonic()
            refused = self.refused(BUSY, r"locked exclusively by root on elsewhere \(process \d+\).*"
                                   r"expires in \d+", *words)
            self.assertGreater(time.monotonic() - start, SECONDS_TO_WAIT / 2)
            self.assertEqual(len(self.locks()), 1, refused.err)
        # Nobody has refreshed it for half an hour.
        self.restic("unlock", "--remove-all")
        self.ok("prune")

    def test_of_this_host_after_a_crash(self):
        made = self.make_backups(4)
        kept = dict(list(made.items())[3:])
        self.ok("delete", "--yes", *list(made)[:3])
        path = self.start_prune()
        wait_until(lambda: self.locks() or self.bus.job(path)["State"] not in ("queued", "running"),
                   "no lock")
        self.kill_service()
        self.ok("prune")
        self.assertEqual(self.locks(), [])
        self.assert_whole(kept)

    def test_waits(self):
        """What is locked for a moment is waited for, however slow restic is."""
        self.set_seconds_to_wait(120)
        self.addCleanup(self.set_seconds_to_wait, SECONDS_TO_WAIT)
        self.restart_service()
        self.make_backups(1)
        blocker = os.fork()
        if blocker == 0:
            os.environ["RESTIC_PASSWORD"] = self.passphrase()
            os.execvp("strace", ["strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=unlinkat",
                                 "-e", "inject=unlinkat:delay_enter=4s", "restic", "--no-cache",
                                 "--quiet", "--repo", str(self.repository), "check"])
        wait_until(self.locks, "restic does not lock")
        path = self.start_prune()
        self.wait_phase(path, "waiting")
        result = self.succeeded(path)
        os.waitpid(blocker, 0)
        self.assertIs(result["plan"], False)
        self.assertTrue(any(re.search("Waiting.*locked", line) for line in self.bus.log(path)))

    def test_jobs_at_one_destination_wait_for_each_other(self):
        """Of one service none fails for the other's lock, however long it takes."""
        self.make_backups(2)
        self.change(40)
        paths = []
        for _ in range(3):
            paths.append(self.start_backup(parts=["sources"]))
            paths.append(self.start_prune())
        for path in paths:
            self.succeeded(path)
        self.restic("check", "--read-data")


if __name__ == "__main__":
    unittest.main()
