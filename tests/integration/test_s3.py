# SPDX-License-Identifier: GPL-3.0-or-later
"""A destination in S3, against a real server that checks every signature and every hash."""

import json
import os
import stat
import time

import pexpect

from ceph import ACCESS_KEY, SECRET_KEY, Ceph
from harness import (DONE, FAILED, NAME, SANDBOX, UNAVAILABLE, USAGE, InstallationTest, Size,
                     as_variants, compare, ctl, run, start_ctl, unittest, wait_until)
from watcher import Watcher
from wrongclock import wrong_clock

MIB = 1024 * 1024
PASSPHRASE = "a second passphrase, with año"

_ceph = None


def ceph():
    """The module's server, started when it is first asked for."""
    global _ceph
    if _ceph is None:
        _ceph = Ceph(SANDBOX)
        unittest.addModuleCleanup(_ceph.remove)
        _ceph.start()
    return _ceph


def secret_file(text=SECRET_KEY):
    file = SANDBOX / "work" / f"secret-{abs(hash(text))}"
    file.write_text(text + "\n")
    file.chmod(0o600)
    return file


def s3_words(bucket, endpoint=None, access_key=ACCESS_KEY, secret=SECRET_KEY):
    """The options that say where and how."""
    return ["--kind", "s3", "--bucket", bucket, "--endpoint", endpoint or ceph().url,
            "--access-key", access_key, "--secret-key-file", secret_file(secret)]


class S3Test(InstallationTest):
    """An installation, and a destination "disk" in a bucket of the class's own."""

    prefix = None
    lockable = False
    words = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (SANDBOX / "work").mkdir(exist_ok=True)
        ctl("destination", "remove", "disk")
        (SANDBOX / "etc" / "keys" / "disk.key").unlink()
        cls.bucket = ceph().make_bucket(cls.__name__.lower(), cls.lockable)
        where = [] if cls.prefix is None else ["--prefix", cls.prefix]
        done = ctl("destination", "add", "disk", *s3_words(cls.bucket), *where, *cls.words)
        if done.status != DONE:
            raise AssertionError(done.out + done.err)
        cls.repository = f"s3:{ceph().url}/{cls.bucket}" + (f"/{cls.prefix}" if where else "")

    def restic(self, *words, repository=None, passphrase=None, status=0):
        done = run("restic", "--no-cache", "--repo", repository or self.repository, *words,
                   environment={"RESTIC_PASSWORD": passphrase or self.passphrase(),
                                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                                "AWS_SECRET_ACCESS_KEY": SECRET_KEY})
        self.assertEqual(done.status, status, f"restic {words}:\n{done.out}{done.err}")
        return done.out

    def add(self, name, *words, status=DONE):
        """Adds a destination for this test."""
        self.addCleanup((SANDBOX / "etc" / "keys" / f"{name}.key").unlink, missing_ok=True)
        self.addCleanup(ctl, "destination", "remove", name)
        return self.ok("destination", "add", name, *words, status=status)

    def passphrase_file(self, text=None):
        file = self.directory / "passphrase"
        file.write_text((text or self.passphrase()) + "\n")
        return file


class Backups(S3Test):
    size = Size(orders=100, source_files=80, webapp_files=30, attachments=30, extra_tables=4)
    prefix = "a host/erp"

    def test_round_trip(self):
        before = self.describe()
        identifier = self.backup("--label", "in a bucket")
        listed = self.json("list")
        self.assertIn(identifier, str(listed))
        self.ok("verify", identifier, "--read-data")
        self.ok("restore", identifier, "--into", self.directory / "new")
        for part, tree in before[1].items():
            with self.subTest(part=part):
                self.assert_same_tree(tree, compare.describe_tree(self.directory / "new" / part))

    def test_layout(self):
        """As restic has it, all below the prefix; and nothing is left of a check."""
        self.backup("--only", "webapp")
        self.ok("destination", "check")
        keys = ceph().keys(self.bucket)
        self.assertEqual({key for key in keys if not key.startswith(self.prefix + "/")}, set())
        rest = {key.removeprefix(self.prefix + "/").partition("/")[0] for key in keys}
        self.assertEqual(rest, {"config", "data", "index", "keys", "snapshots"})
        for key in keys:
            if "/data/" in key:
                self.assertRegex(key, r"/data/([0-9a-f]{2})/\1[0-9a-f]{62}$")

    def test_delete_and_prune(self):
        (self.installation.source / "large").write_bytes(os.urandom(4 * MIB))
        first = self.backup()
        (self.installation.source / "large").unlink()
        second = self.backup()
        self.ok("delete", first, "--yes")
        pruned = self.json("prune", "disk")
        self.assertGreater(pruned["freed"], 3 * MIB)
        self.assertNotIn(first, self.backups())
        self.ok("restore", second, "--into", self.directory / "new")
        self.assertIn("no errors were found", self.restic("check", "--read-data"))

    def test_show(self):
        shown = self.json("destination", "show", "disk")
        self.assertEqual(shown["path"], self.repository)
        self.assertEqual(shown["credentials"], "keys")
        self.assertEqual(shown["access-key"], ACCESS_KEY)
        text = self.ok("destination", "show", "disk") + self.ok("destination", "list")
        self.assertIn(ACCESS_KEY, text)
        self.assertNotIn(SECRET_KEY, text + str(shown))
        # Space has no end there, so nothing is told of it.
        self.assertNotIn("free", text)

    def test_secret_is_kept_well(self):
        secret = SANDBOX / "etc" / "keys" / "disk.s3"
        self.assertEqual(stat.S_IMODE(secret.stat().st_mode), 0o600)
        self.assertEqual(secret.read_text().strip(), SECRET_KEY)
        configuration = (SANDBOX / "etc" / "destinations" / "disk.conf").read_text()
        self.assertNotIn(SECRET_KEY, configuration)
        self.assertNotIn(SECRET_KEY, self.log())
        watcher = Watcher([SECRET_KEY, self.passphrase()])
        self.ok("backup", "erp")
        self.ok("verify", "latest", "--drill")
        self.ok("destination", "check", "disk")
        self.kill_service()
        self.ok("list")
        watcher.stop()
        self.assertGreater(watcher.looked, 100)
        self.assertEqual(watcher.found, set())
        self.assertNotIn(SECRET_KEY, self.log())
        self.assertNotIn(SECRET_KEY, str(self.bus.objects()))
        self.add("gone", *s3_words(self.bucket), "--prefix", "gone")
        self.assertTrue((SANDBOX / "etc" / "keys" / "gone.s3").exists())
        self.ok("destination", "remove", "gone")
        self.assertFalse((SANDBOX / "etc" / "keys" / "gone.s3").exists())
        self.assertTrue((SANDBOX / "etc" / "keys" / "gone.key").exists())

    def test_survives_a_restart(self):
        identifier = self.backup("--only", "webapp")
        self.restart_service()
        self.assertIn(identifier, self.backups())


class Interoperation(S3Test):
    size = Size(orders=50, source_files=60, webapp_files=20, attachments=20, extra_tables=2)

    def test_ours_by_restic(self):
        tree = compare.describe_tree(self.installation.webapp)
        identifier = self.backup()
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.restic("restore", identifier, "--target", self.directory / "new")
        self.assert_same_tree(tree, compare.describe_tree(self.directory / "new" / "webapp"))

    def test_restics_by_us(self):
        """A repository that restic made, in a bucket that it made."""
        bucket = "made-by-restic"
        repository = f"s3:{ceph().url}/{bucket}/deep/er"
        self.restic("init", "--repository-version", "2", repository=repository, passphrase="of it")
        self.restic("backup", self.installation.webapp, repository=repository, passphrase="of it")
        self.add("restics", *s3_words(bucket), "--prefix", "deep/er", "--passphrase-file",
                 self.passphrase_file("of it"))
        listed = self.bus.manager("ListBackups", "(a{sv})", as_variants(
            {"kind": "foreign", "destination": "restics"}))[0]
        self.assertEqual(len(listed), 1)
        self.ok("restore", listed[0]["id"], "--into", self.directory / "new")
        root = self.directory / "new" / self.installation.webapp.relative_to("/")
        self.assert_same_tree(compare.describe_tree(self.installation.webapp),
                              compare.describe_tree(root))
        self.json("backup", "erp", "--to", "restics", "--only", "webapp")
        self.ok("verify", "--from", "restics", "--read-data")
        self.assertIn("no errors were found", self.restic(
            "check", "--read-data", repository=repository, passphrase="of it"))

    def test_another_host(self):
        """All that it has is the address, the keys and the passphrase."""
        identifier = self.backup()
        key = self.passphrase()
        self.ok("destination", "remove", "disk")
        file = SANDBOX / "etc" / "keys" / "disk.key"
        file.rename(file.with_name("away"))
        self.addCleanup(file.with_name("away").unlink)
        wrong = self.passphrase_file("not it")
        self.refused(FAILED, "passphrase", "destination", "add", "disk", *s3_words(self.bucket),
                     "--passphrase-file", wrong)
        self.refused(FAILED, "repository already", "destination", "add", "disk",
                     *s3_words(self.bucket))
        self.assertIn("already", self.ok("destination", "add", "disk", *s3_words(self.bucket),
                                         "--passphrase-file", self.passphrase_file(key)))
        self.assertIn(identifier, self.backups())
        self.ok("restore", identifier, "--into", self.directory / "new")


class Refusals(S3Test):
    def refuse(self, status, text, *words):
        done = self.refused(status, text, "destination", "add", "other", *words)
        self.assertNotIn(SECRET_KEY, done.out + done.err)
        self.assertFalse((SANDBOX / "etc" / "destinations" / "other.conf").exists())
        self.assertFalse((SANDBOX / "etc" / "keys" / "other.s3").exists())
        self.assertFalse((SANDBOX / "etc" / "keys" / "other.key").exists())

    def test_wrong_secret(self):
        self.refuse(FAILED, f"{ACCESS_KEY}.*secret key", *s3_words(self.bucket, secret="wrong"))

    def test_unknown_key(self):
        self.refuse(FAILED, "does not know the access key NOBODY",
                    *s3_words(self.bucket, access_key="NOBODY"))

    def test_no_bucket(self):
        self.refuse(UNAVAILABLE, "no bucket none-such", *s3_words("none-such"))

    def test_somebody_elses_bucket(self):
        ceph().add_user("other", "AKIDOTHER", "another-secret")
        self.refuse(FAILED, "AKIDOTHER may not.*s3:",
                    *s3_words(self.bucket, access_key="AKIDOTHER", secret="another-secret"))

    def test_nobody_there(self):
        began = time.monotonic()
        self.refuse(UNAVAILABLE, "does not answer.*refused",
                    *s3_words(self.bucket, endpoint="http://127.0.0.1:1"))
        self.assertLess(time.monotonic() - began, 60)

    def test_unknown_host(self):
        self.refuse(UNAVAILABLE, "does not answer", *s3_words(
            self.bucket, endpoint="https://s3.nowhere.invalid"))

    def test_plain_http(self):
        self.refuse(FAILED, "plain HTTP.*allow-http",
                    *s3_words(self.bucket, endpoint="http://192.0.2.1"))

    def test_certificate(self):
        words = s3_words(self.bucket, endpoint=ceph().tls_url)
        self.refuse(UNAVAILABLE, "certificate", *words)
        self.add("safe", *words, "--prefix", "tls", "--ca-file", ceph().certificate)
        identifier = self.json("backup", "erp", "--to", "safe", "--only", "webapp")["id"]
        self.ok("restore", identifier, "--from", "safe", "--into", self.directory / "new")
        # A session that somebody else began is no reason to trust who is not trusted.
        self.refuse(UNAVAILABLE, "certificate", *words)
        self.refuse(UNAVAILABLE, "certificate", *words, "--prefix", "tls")

    def test_options(self):
        self.refuse(USAGE, "--bucket", "--kind", "s3")
        self.refuse(USAGE, "--kind s3", "--path", self.directory / "x", "--region", "eu-west-1")
        self.refuse(FAILED, "secret-key", "--bucket", "erp", "--access-key", "K")
        self.refuse(FAILED, "plain|https", "--bucket", "erp", "--endpoint", "nonsense")
        self.refuse(FAILED, "storage-class", *s3_words(self.bucket), "--storage-class", "GLACIER")

    def test_no_credentials(self):
        """Without any hint it is the role of an EC2 instance, and this is none."""
        self.refuse(FAILED, "EC2 instance with a role", "--bucket", self.bucket, "--endpoint",
                    ceph().url)

    def test_bucket_goes(self):
        bucket = ceph().make_bucket("passing")
        self.add("passing", *s3_words(bucket))
        for key in ceph().keys(bucket):
            ceph().request("DELETE", f"/{bucket}/{key}")
        self.refused(UNAVAILABLE, "missing", "backup", "erp", "--to", "passing")
        ceph().request("DELETE", f"/{bucket}")
        self.refused(UNAVAILABLE, "passing", "backup", "erp", "--to", "passing")


class Edit(S3Test):
    def test_new_secret(self):
        ceph().add_user("new", "AKIDNEW", "the-new-secret")
        self.refused(FAILED, "secret key|AccessDenied|signature", "destination", "edit", "disk",
                     "--secret-key-file", secret_file("wrong"))
        self.ok("destination", "check", "disk")
        self.ok("destination", "edit", "disk", "--secret-key-file", secret_file())
        self.ok("destination", "check", "disk")

    def test_settings(self):
        self.ok("destination", "edit", "disk", "--connections", "2", "--region", "us-east-1")
        self.assertEqual(self.json("destination", "show")["connections"], 2)
        self.ok("destination", "edit", "disk", "--reset", "connections", "--reset", "region")
        self.assertNotIn("region", self.json("destination", "show"))
        self.refused(UNAVAILABLE, "no repository", "destination", "edit", "disk", "--prefix", "x")
        self.refused(FAILED, "nothing to change", "destination", "edit", "disk")
        self.ok("destination", "check")

    def test_profile(self):
        file = self.directory / "credentials"
        file.write_text(f"[backup]\naws_access_key_id = {ACCESS_KEY}\n"
                        f"aws_secret_access_key = {SECRET_KEY}\n")
        self.add("profile", "--bucket", self.bucket, "--endpoint", ceph().url, "--prefix", "p",
                 "--profile", "backup", "--profile-file", file)
        self.json("backup", "erp", "--to", "profile", "--only", "webapp")


class Environment(S3Test):
    """The service with another environment."""

    def start_with(self, **variables):
        file = SANDBOX / "service.env"
        former = file.read_text() if file.exists() else ""
        file.write_text(former + "".join(f"{name}={value}\n"
                                         for name, value in variables.items()))
        self.restart_service()
        self.addCleanup(self.restart_service)
        self.addCleanup(file.write_text, former)

    def test_keys(self):
        self.start_with(AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY)
        self.add("variables", "--bucket", self.bucket, "--endpoint", ceph().url, "--prefix", "e",
                 "--credentials", "environment")
        self.json("backup", "erp", "--to", "variables", "--only", "webapp")

    def test_clock(self):
        self.start_with(**wrong_clock("+61m"))
        self.refused(FAILED, r"clock of this machine is 6[01] minutes ahead.*timedatectl",
                     "backup", "erp", "--only", "webapp")


class Outage(S3Test):
    """The server goes, and comes back, while we are at it."""

    size = Size(orders=50, source_files=20, webapp_files=20, attachments=20, extra_tables=2)

    def setUp(self):
        super().setUp()
        for number in range(12):
            (self.installation.source / f"large-{number}").write_bytes(os.urandom(16 * MIB))

    def break_off(self, path):
        """Kills the server when the job has got somewhere, and brings it back. Meanwhile the job
        says why it waits, and no longer."""
        wait_until(lambda: self.bus.job(path)["BytesDone"] > 24 * MIB, "nothing happens")
        self.assertEqual(self.bus.job(path)["WaitingSince"], 0)
        self.assertEqual(self.bus.waiting(path), "")
        began = int(time.time())
        ceph().kill_gateway()
        try:
            job = wait_until(lambda: (job := self.bus.job(path))["WaitingSince"] and job,
                             "it does not wait")
            waiting = self.bus.waiting(path)
            # An outage lasts, and so does what is told of it.
            time.sleep(1)
            self.assertTrue(self.bus.job(path)["WaitingSince"])
        finally:
            ceph().start_gateway()
        self.assertEqual(job["State"], "running")
        self.assertLessEqual(abs(job["WaitingSince"] - began), 5)
        self.assertRegex(waiting, fr"^127.0.0.1:{ceph().port}: the server does not answer \(.*\)$")
        self.assertNotIn(SECRET_KEY, waiting)
        wait_until(lambda: self.bus.job(path)["WaitingSince"] == 0, "it does not go on")

    def assert_told_once(self, path):
        """The outage is in the log, at its begin and at its end."""
        log = self.bus.log(path)
        waits = [line for line in log if f"Waiting for 127.0.0.1:{ceph().port}: " in line]
        self.assertEqual(len(waits), 1, log)
        self.assertEqual(len([line for line in log if "Going on, having waited" in line]), 1, log)

    def test_backup_verify_and_restore(self):
        before = compare.describe_tree(self.installation.source)
        job = self.start_backup(parts=["sources"])
        self.break_off(job)
        identifier = self.succeeded(job)["id"]
        self.assert_told_once(job)
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        process = start_ctl("verify", identifier, "--read-data", "--json")
        self.addCleanup(process.kill)
        job = self.running_job("verify")
        self.break_off(job)
        out, err = process.communicate(timeout=600)
        self.assertEqual(process.returncode, DONE, out + err)
        self.assert_told_once(job)
        target = self.directory / "new"
        target.mkdir()
        process = self.start_restore_into(identifier, target)
        job = self.running_job("restore")
        self.break_off(job)
        out, err = process.communicate(timeout=600)
        self.assertEqual(process.returncode, DONE, out + err)
        self.assert_told_once(job)
        self.assert_same_tree(before, compare.describe_tree(target / "sources"))
        # The command that followed it has told of it too, and of its end.
        steps = [json.loads(line) for line in out.splitlines() if '"progress"' in line]
        waiting = ["waiting" in step for step in steps]
        self.assertIn(True, waiting, steps)
        self.assertFalse(waiting[-1], steps)
        told = steps[waiting.index(True)]
        self.assertRegex(told["waiting"], "the server does not answer")
        self.assertGreater(told["waiting-since"], 0)

    def test_on_a_terminal(self):
        job = self.start_backup(parts=["sources"])
        child = pexpect.spawn(str(SANDBOX / "bin" / "obbackupctl"), ["watch", job.split("/")[-1]],
                              encoding="utf-8", timeout=120, dimensions=(24, 160))
        self.addCleanup(child.close, True)
        wait_until(lambda: self.bus.job(job)["BytesDone"] > 24 * MIB, "nothing happens")
        ceph().kill_gateway()
        try:
            # The line is drawn anew as the time passes.
            for _ in range(2):
                child.expect(r"waiting [0-9.]+ s for 127\.0\.0\.1:[0-9]+: the server does not "
                             r"answer \(.*\)")
        finally:
            ceph().start_gateway()
        child.expect(r"[0-9]+ %")
        child.expect(pexpect.EOF)
        self.succeeded(job)

    def start_restore_into(self, identifier, target):
        process = start_ctl("restore", identifier, "--into", target, "--json")
        self.addCleanup(process.kill)
        return process

    def running_job(self, operation):
        def find():
            jobs = {path: interfaces[f"{NAME}.Job"]
                    for path, interfaces in self.bus.objects().items()
                    if f"{NAME}.Job" in interfaces}
            return [path for path, job in jobs.items()
                    if job["Operation"] == operation and job["State"] == "running"]

        return wait_until(find, f"there is no {operation}")[0]



class CutOff(S3Test):
    """Cut off for good: nothing of it can be seen, the lock that could not be removed is in
    nobody's way, and the next backup stores nothing anew that had arrived."""

    size = Size(orders=50, source_files=20, webapp_files=20, attachments=20, extra_tables=2)
    FILES = 16

    def setUp(self):
        super().setUp()
        self.ok("destination", "edit", "disk", "--connections", "2")
        for number in range(self.FILES):
            (self.installation.source / f"large-{number}").write_bytes(os.urandom(16 * MIB))

    def packs(self):
        return set(ceph().keys(self.bucket, "data/"))

    def snapshots(self):
        return set(ceph().keys(self.bucket, "snapshots/"))

    def cut_off(self, cut):
        """A backup that cut() puts an end to, as soon as some packs have arrived; returns their
        names."""
        before, packs, snapshots = self.backups(), self.packs(), self.snapshots()
        job = self.start_backup(parts=["sources"])
        wait_until(lambda: len(self.packs() - packs) >= 6, "nothing arrives")
        cut(job)
        self.assertEqual(self.backups(), before)
        self.assertEqual(self.snapshots(), snapshots)
        return self.packs() - packs

    def assert_goes_on(self, arrived, *, leftover):
        """The next backup stores what had not arrived, and nothing of that which had."""
        packs = self.packs()
        made = self.json("backup", "erp", "--only", "sources")
        # What was under way is stored once more, and what was in none of the packs yet.
        self.assertLess(made["stored"], (self.FILES - len(arrived) + 2) * 16 * MIB)
        if leftover:
            self.assertGreater(made["taken-up"], (len(arrived) - 2) * 15 * MIB)
        self.assertTrue(arrived <= self.packs())
        self.assertTrue(packs <= self.packs())
        self.assertIn("no errors were found", self.restic("check", "--read-data"))
        self.restic("restore", made["id"], "--target", self.directory / "new")
        self.assert_same_tree(compare.describe_tree(self.installation.source),
                              compare.describe_tree(self.directory / "new" / "sources"))
        pruned = self.json("prune", "disk")
        self.assertEqual(pruned["unindexed-packs"], 0)
        self.assertIn("no errors were found", self.restic("check"))
        self.ok("delete", made["id"], "--force", "--prune", "--yes")

    def test_service_is_killed(self):
        def cut(job):
            self.kill_service()
            self.assertEqual(self.bus.job(job)["State"], "interrupted")

        self.assert_goes_on(self.cut_off(cut), leftover=True)

    def test_server_goes(self):
        def cut(job):
            ceph().kill_gateway()
            self.bus.cancel(job)
            self.assertEqual(self.wait_job(job, 120)["State"], "cancelled")
            ceph().start_gateway()

        self.assert_goes_on(self.cut_off(cut), leftover=True)

    def test_cancelled(self):
        """Nothing is left behind here: the index is written before the end."""
        def cut(job):
            self.bus.cancel(job)
            self.assertEqual(self.wait_job(job, 120)["State"], "cancelled")

        self.assert_goes_on(self.cut_off(cut), leftover=False)

    def test_left_to_prune(self):
        """Where no backup comes that needs it, a prune frees it."""
        def cut(job):
            self.kill_service()
            self.assertEqual(self.bus.job(job)["State"], "interrupted")

        arrived = self.cut_off(cut)
        self.assertGreaterEqual(self.json("prune", "disk")["unindexed-packs"], len(arrived))
        self.assertFalse(arrived & self.packs())


if __name__ == "__main__":
    unittest.main()
