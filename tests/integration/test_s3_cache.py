# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of what is in S3: how many requests it leaves, and that nothing else depends on it,
whatever happens to it."""

import contextlib
import os
import shutil
import subprocess
import threading
import urllib.parse

from harness import DONE, FAILED, SANDBOX, InstallationTest, Size, compare, ctl, unittest
from test_s3 import S3Test, ceph, s3_words

CACHE = SANDBOX / "cache"
COPIES = CACHE / "repositories"
SETTINGS = SANDBOX / "etc" / "obbackup.conf"
KINDS = {"data", "index", "keys", "snapshots"}

# Of all that a backup asks for, with everything in the cache; and a list, beside the pages with the
# names of the backups: its settings and the names of the keys.
MOST_OF_A_BACKUP = 15
MOST_OF_A_LIST = 2


def copies(kind="*"):
    """The files in the cache that are whole."""
    return sorted(file for file in COPIES.glob(f"*/{kind}/*") if not file.name.startswith("."))


def in_first_blob(whole):
    """A byte is wrong. A pack of one small tree has its header soon after that."""
    return whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]


@contextlib.contextmanager
def counted(test, most, least=1):
    """What is done inside may take so many requests, as the server counts them."""
    before = ceph().count_requests()
    yield
    requests = ceph().count_requests() - before
    told = "\n".join(ceph().last_requests(min(requests, 50)))
    test.assertLessEqual(requests, most, told)
    test.assertGreaterEqual(requests, least, told)


class CacheTest(S3Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(SETTINGS.unlink, missing_ok=True)

    def set_up_settings(self, text):
        SETTINGS.write_text(f"[obbackup]\n{text}\n")
        self.restart_service()
        self.addCleanup(self.restart_service)
        self.addCleanup(SETTINGS.unlink)

    def object_of(self, copy):
        """The path, in requests, of the object that a file in the cache is a copy of."""
        kind = copy.parent.name
        below = f"{copy.name[:2]}/{copy.name}" if kind == "data" else copy.name
        return f"/{self.bucket}/{kind}/{below}"

    def describe_trees(self):
        return {part: compare.describe_tree(tree)
                for part, tree in self.installation.trees().items()}

    def use(self):
        """Everything that reads what the cache keeps; the backup that was there before must be the
        same after it. Returns the id of a new backup."""
        before = self.backups()
        new = self.backup("--only", "sources,webapp")
        self.assertEqual(set(self.backups()), {*before, new})
        target = self.directory / f"restored-{new}"
        self.ok("restore", new, "--into", target)
        for part in ("sources", "webapp"):
            self.assert_same_tree(self.trees[part], compare.describe_tree(target / part))
        shutil.rmtree(target)
        self.ok("verify", new)
        return new


class Requests(CacheTest):
    size = Size(orders=40, images=1, image_bytes=2000, extra_tables=2, source_files=12_000,
                webapp_files=10, attachments=12, large_file=1 << 20, sparse_file=8 << 20)

    def unchanged(self):
        """Makes a backup and returns how many requests it took."""
        before = ceph().count_requests()
        result = self.json("backup", "erp")
        requests = ceph().count_requests() - before
        # What it tells itself is the truth.
        self.assertEqual(result["requests"], requests)
        return requests

    def test_unchanged_backup(self):
        self.unchanged()
        self.assertLessEqual(self.unchanged(), MOST_OF_A_BACKUP)
        self.assertLessEqual(self.unchanged(), MOST_OF_A_BACKUP)
        self.restart_service()
        self.assertLessEqual(self.unchanged(), MOST_OF_A_BACKUP)
        # Without what it had kept it is more: the copies are what made it so few.
        self.restart_service()
        shutil.rmtree(COPIES)
        self.assertGreater(self.unchanged(), MOST_OF_A_BACKUP)
        self.assertLessEqual(self.unchanged(), MOST_OF_A_BACKUP)
        self.assertEqual({file.parent.name for file in copies()}, KINDS)
        self.ok("verify", "--read-data")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_local_has_none(self):
        words = ("destination", "add", "directory", "--path", SANDBOX / "work" / "local")
        self.ok(*words)
        self.addCleanup(ctl, "destination", "remove", "directory")
        result = self.json("backup", "erp", "--to", "directory", "--only", "webapp")
        self.assertNotIn("requests", result)


class History(InstallationTest):
    """A thousand backups, made in a directory and brought into a bucket."""

    N = 1000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (SANDBOX / "work").mkdir(exist_ok=True)
        bucket = ceph().make_bucket("history")
        made = ctl("backup", "erp", "--only", "webapp")
        if made.status != DONE:
            raise AssertionError(made.err)
        passphrase = (SANDBOX / "etc" / "keys" / "disk.key").read_text().strip()
        subprocess.run([os.environ["OBBACKUP_BUILD"] + "/tests/integration/copy-snapshots",
                        cls.repository, str(cls.N)], check=True,
                       env={**os.environ, "RESTIC_PASSWORD": passphrase})
        for file in cls.repository.rglob("*"):
            if file.is_file():
                answer = ceph().request("PUT", f"/{bucket}/{file.relative_to(cls.repository)}",
                                        file.read_bytes())
                assert answer.status == 200, answer.body
        file = SANDBOX / "work" / "passphrase-of-history"
        file.write_text(passphrase + "\n")
        added = ctl("destination", "add", "history", *s3_words(bucket), "--passphrase-file", file)
        if added.status != DONE:
            raise AssertionError(added.err)
        cls.addClassCleanup(ctl, "destination", "remove", "history")
        cls.most = MOST_OF_A_LIST + ceph().count_pages(bucket, "snapshots/")

    def list_all(self):
        listed = self.json("list", "--from", "history")
        backups = listed["backups"] if isinstance(listed, dict) else listed
        self.assertEqual(len(backups), self.N)

    def test_list(self):
        self.list_all()
        with counted(self, self.most):
            self.list_all()
        self.restart_service()
        with counted(self, self.most):
            self.list_all()
        self.restart_service()
        shutil.rmtree(COPIES)
        with counted(self, self.N + 20, self.N):
            self.list_all()
        with counted(self, self.most):
            self.list_all()


def flip(file):
    with open(file, "r+b") as opened:
        place = file.stat().st_size // 2
        opened.seek(place)
        byte = opened.read(1)
        opened.seek(place)
        opened.write(bytes([byte[0] ^ 0x20]))


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def swap(file):
    """The file is another one: the next of its kind, or of any."""
    others = [other for other in [*copies(file.parent.name), *copies()] if other != file]
    file.write_bytes(others[0].read_bytes())


def lock(file):
    file.chmod(0)
    file.parent.chmod(0)


HARMS = {"deleted": lambda file: file.unlink(), "flipped": flip, "cut": cut, "other": swap,
         "locked": lock}


class Harm(CacheTest):
    size = Size(orders=40, images=1, image_bytes=2000, extra_tables=2, source_files=400,
                webapp_files=40, attachments=12, large_file=1 << 20, sparse_file=8 << 20)

    def setUp(self):
        super().setUp()
        self.trees = self.describe_trees()
        self.fill()

    def fill(self):
        """The cache is as good as it can be."""
        shutil.rmtree(COPIES, ignore_errors=True)
        self.restart_service()
        self.backup("--only", "sources,webapp")
        self.assertEqual({file.parent.name for file in copies()}, KINDS)

    def check_harm(self, name, restarted):
        with self.subTest(harm=name, restarted=restarted):
            self.fill()
            for file in copies():
                HARMS[name](file)
            if restarted:
                self.restart_service()
            self.use()

    def test_before(self):
        self.check_harm("flipped", restarted=False)
        for name in HARMS:
            self.check_harm(name, restarted=True)

    def test_during(self):
        """Somebody is at it all the time."""
        done = threading.Event()

        def harm():
            number = 0
            while not done.wait(0.002):
                for file in copies():
                    number += 1
                    kind = ("deleted", "flipped", "cut", "other")[number % 4]
                    with contextlib.suppress(OSError, IndexError):
                        HARMS[kind](file)

        thread = threading.Thread(target=harm)
        thread.start()
        try:
            for _ in range(3):
                self.use()
                self.restart_service()
        finally:
            done.set()
            thread.join()

    def test_all_deleted_during(self):
        done = threading.Event()

        def delete():
            while not done.wait(0.01):
                shutil.rmtree(CACHE, ignore_errors=True)

        thread = threading.Thread(target=delete)
        thread.start()
        try:
            for _ in range(3):
                self.use()
        finally:
            done.set()
            thread.join()
        CACHE.mkdir(mode=0o700, exist_ok=True)
        self.use()
        self.assertLessEqual(KINDS - {"keys"}, {file.parent.name for file in copies()})

    @contextlib.contextmanager
    def other_cache(self, *options):
        """A file system of its own in the place of the cache."""
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", CACHE], check=True)
        self.restart_service()
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", CACHE], check=True)
            self.restart_service()

    def test_full(self):
        with self.other_cache("-o", "size=256k"):
            (CACHE / "filling").write_bytes(bytes(256 * 1024))
            self.use()
            self.restart_service()
            self.use()
            self.assertEqual(copies(), [])
        self.assertIn("cannot be used: No space left on device", self.log())

    def test_fills_up(self):
        with self.other_cache("-o", "size=128k"):
            for _ in range(3):
                self.use()

    def test_read_only(self):
        with self.other_cache("-o", "size=16m"):
            self.use()
            kept = copies()
            self.assertNotEqual(kept, [])
            subprocess.run(["mount", "-o", "remount,ro", CACHE], check=True)
            self.use()
            self.assertEqual(copies(), kept)
        self.assertIn("cannot be used: Read-only file system", self.log())

    def test_bound(self):
        limit = 100_000
        self.set_up_settings("cache-size=100K")
        for number in range(4):
            (self.installation.source / "changing").write_text(str(number))
            self.backup("--only", "sources,webapp")
            taken = sum(-(-file.stat().st_size // 4096) * 4096 for file in copies())
            self.assertLessEqual(taken, limit)
        self.assertNotEqual(copies(), [])
        (self.installation.source / "changing").unlink()
        self.trees = self.describe_trees()
        self.use()

    def test_none(self):
        self.assertNotEqual(copies(), [])
        self.set_up_settings("cache-size=0")
        self.use()
        self.assertEqual(copies(), [])

    def test_kept_well(self):
        """Nobody else may read them, and nothing in them is to be read."""
        modes = {file.stat().st_mode & 0o777 for file in copies()}
        self.assertEqual(modes, {0o600})
        for directory in (CACHE, COPIES, *COPIES.glob("*"), *COPIES.glob("*/*")):
            self.assertEqual(directory.stat().st_mode & 0o777, 0o700)
        for file in copies():
            self.assertNotIn(b"sources", file.read_bytes())
            answer = ceph().request("GET", self.object_of(file))
            self.assertEqual(answer.body, file.read_bytes())


class Truth(CacheTest):
    """What the server has counts, and not what was kept of it."""

    size = Harm.size

    def setUp(self):
        super().setUp()
        self.trees = self.describe_trees()
        self.first = self.backup("--only", "sources,webapp")
        self.assertEqual({file.parent.name for file in copies()} | {"keys"}, KINDS)

    @contextlib.contextmanager
    def spoiled(self, kind, new):
        """An object is spoiled at the server alone."""
        copy = copies(kind)[-1]
        whole = copy.read_bytes()
        path = self.object_of(copy)
        if new is None:
            ceph().request("DELETE", path)
        else:
            ceph().request("PUT", path, new(whole))
        try:
            yield
        finally:
            ceph().request("PUT", path, whole)

    def test_verify(self):
        """A whole copy proves nothing of the server's."""
        # What nobody needs any more may be spoiled.
        self.ok("prune", "--max-unused", "0")
        for kind, new in (("data", in_first_blob), ("data", None),
                          ("index", in_first_blob), ("snapshots", in_first_blob)):
            for words in ((), ("--read-data",)):
                with self.subTest(kind=kind, removed=new is None, words=words):
                    self.ok("verify", *words)
                    with self.spoiled(kind, new):
                        self.ok("verify", *words, status=FAILED)
        self.ok("verify", "--read-data")

    def test_repair(self):
        """What the server lost stays lost, and later backups do without it."""
        pack = copies("data")[-1]
        ceph().request("DELETE", self.object_of(pack))
        self.ok("verify", "--repair", "--yes", status=tuple(range(4)))
        self.ok("verify", "--read-data")
        self.use()
        self.ok("verify", "--read-data")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_deleted_here(self):
        second = self.backup("--only", "webapp")
        self.ok("delete", second, "--yes")
        self.ok("prune", "disk")
        self.assertNotIn(second, self.backups())
        self.assertNotIn(second, {file.name for file in copies("snapshots")})
        self.restart_service()
        self.assertNotIn(second, self.backups())
        self.use()

    def test_pruned_elsewhere(self):
        other = self.backup("--only", "webapp")
        self.restic("forget", "--prune", other)
        self.assertNotIn(other, self.backups())
        self.assertNotIn(other, {file.name for file in copies("snapshots")})
        (self.installation.webapp / "new").write_text("new")
        self.addCleanup((self.installation.webapp / "new").unlink)
        self.trees = self.describe_trees()
        self.use()
        present = {name.rpartition("/")[2] for kind in ("index", "snapshots")
                   for name in ceph().keys(self.bucket, kind)}
        self.assertLessEqual({file.name for kind in ("index", "snapshots")
                              for file in copies(kind)}, present)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_key_removed(self):
        """A copy of a key that was taken away opens nothing."""
        former = self.passphrase()
        file = self.directory / "new"
        file.write_text("another passphrase\n")
        self.restic("key", "add", "--new-password-file", file)
        mine = [line.split()[0].lstrip("*") for line in
                self.restic("key", "list", passphrase="another passphrase").splitlines()
                if "root" in line]
        old = next(key for key in mine if copies("keys") and any(
            copy.name.startswith(key) for copy in copies("keys")))
        self.restic("key", "remove", old, passphrase="another passphrase")
        self.restart_service()
        self.refused(FAILED, "passphrase", "backup", "erp", "--only", "webapp")
        self.ok("destination", "edit", "disk", "--passphrase-file", file)
        self.use()
        self.assertNotEqual(self.passphrase(), former)

    def test_made_anew(self):
        """Another repository in the same place has nothing of the first."""
        bucket = ceph().make_bucket("anew")
        words = ("destination", "add", "anew", *s3_words(bucket))
        self.add("anew", *words[3:])
        identifier = self.json("backup", "erp", "--to", "anew", "--only", "webapp")["id"]
        before = len(copies())
        for key in ceph().keys(bucket):
            ceph().request("DELETE", "/" + bucket + "/" + urllib.parse.quote(key))
        self.refused(7, "missing", "backup", "erp", "--to", "anew", "--only", "webapp")
        # Where the service did not see the destination go, the copies are still there.
        kept = SANDBOX / "work" / "kept"
        shutil.copytree(COPIES, kept)
        self.ok("destination", "remove", "anew")
        self.assertLess(len(copies()), before)
        shutil.rmtree(COPIES)
        kept.rename(COPIES)
        (SANDBOX / "etc" / "keys" / "anew.key").unlink()
        self.ok(*words)
        self.assertNotIn(identifier, self.backups())
        new = self.json("backup", "erp", "--to", "anew", "--only", "webapp")["id"]
        self.assertIn(new, self.backups())
        self.ok("verify", "--from", "anew", "--read-data")
        self.ok("restore", new, "--from", "anew", "--into", self.directory / "new")
        self.assert_same_tree(self.trees["webapp"],
                              compare.describe_tree(self.directory / "new" / "webapp"))

    def test_two_jobs(self):
        """Two jobs use the same copies."""
        first = self.start_backup(parts=["sources"])
        second = self.start_backup(parts=["webapp"])
        for job in (first, second):
            self.succeeded(job)
        self.use()


if __name__ == "__main__":
    unittest.main()
