# SPDX-License-Identifier: GPL-3.0-or-later
"""What `destination check` tells, of a disk and of a bucket, when all is well and when not."""

import json
import os
import shutil
import subprocess

import pexpect

from ceph import ACCESS_KEY, SECRET_KEY
from disks import flip_byte
from harness import (CANCELLED, DONE, FAILED, NAME, NOT_FOUND, ROOT, SANDBOX, UNAVAILABLE,
                     SandboxTest, ctl, run, start_ctl, unittest, wait_until)
from test_s3 import ceph
from wrongclock import wrong_clock

LOCAL = ["directory", "permissions", "file-system", "separate-disk", "list", "repository", "write",
         "read", "delete", "latency", "upload", "download", "space"]
S3 = ["resolve", "connect", "tls", "credentials", "bucket", "clock", "versioning", "object-lock",
      *LOCAL[4:]]


class CheckTest(SandboxTest):
    def add(self, name, *words):
        self.addCleanup(ctl, "destination", "remove", name)
        self.ok("destination", "add", name, *words)

    def check(self, name, status=DONE):
        """{name of the step: step}; also looks that the one error told is that of the first step
        that failed."""
        done = ctl("destination", "check", name, "--json")
        self.assertEqual(done.status, status, done.out + done.err)
        result = json.loads(done.out.splitlines()[-1])
        self.assertNotIn(SECRET_KEY, done.out + done.err + self.log())
        failed = [step for step in result["steps"] if step["status"] == "failed"]
        self.assertEqual(bool(failed), status != DONE)
        if failed:
            self.assertEqual(result["error"], failed[0]["text"])
            self.assertEqual(result["error-name"], failed[0]["error-name"])
        return {step["name"]: step for step in result["steps"]}

    def start(self, name):
        """Asks for a check on the bus and returns the job's path."""
        return self.bus.call(f"{ROOT}/destinations/{name}", f"{NAME}.Destination", "Check",
                             "(a{sv})", {})[0]

    def assert_statuses(self, steps, **expected):
        """All others are ok, or do not say."""
        expected = {name.replace("_", "-"): status for name, status in expected.items()}
        found = {name: step["status"] for name, step in steps.items()}
        for name, status in found.items():
            wanted = (expected[name],) if name in expected else ("ok", "not told")
            self.assertIn(status, wanted, f"{name} of {steps}")


class Local(CheckTest):
    def setUp(self):
        super().setUp()
        self.path = self.directory / "repository"

    def mount(self, size="64m"):
        """A file system for the destination alone."""
        disk = self.directory / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", disk],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", disk], check=False)
        self.path = disk / "repository"
        return disk

    def left(self):
        return sorted(name for name in os.listdir(self.path) if "check" in name)

    def test_all_is_well(self):
        self.add("disk", "--path", self.path)
        steps = self.check("disk")
        self.assertEqual(list(steps), LOCAL)
        self.assert_statuses(steps)
        self.assertEqual(steps["directory"]["path"], str(self.path))
        self.assertEqual(steps["permissions"]["mode"], 0o700)
        self.assertEqual(steps["repository"]["version"], 2)
        self.assertEqual(steps["repository"]["id"],
                         self.json("destination", "show", "disk")["repository"])
        self.assertGreater(steps["upload"]["mib-per-second"], 0)
        self.assertEqual(steps["download"]["bytes"], 8 << 20)
        self.assertGreater(steps["space"]["total"], steps["space"]["free"])
        self.assertEqual(self.left(), [])

    def test_lines(self):
        self.add("disk", "--path", self.path)
        out = self.ok("destination", "check", "disk")
        lines = out.splitlines()
        self.assertEqual([line.split()[0] for line in lines[:-1]], LOCAL)
        self.assertRegex(lines[0], rf"^directory +ok +{self.path}$")
        self.assertRegex(lines[-1], "disk is in order")
        self.assertEqual(self.ok("destination", "check", "disk", "--quiet"), "")

    def test_on_a_terminal(self):
        self.add("disk", "--path", self.path, "--bandwidth-limit", "100K")
        child = pexpect.spawn(str(SANDBOX / "bin" / "obbackupctl"),
                              ["destination", "check", "disk"], encoding="utf-8", timeout=60)
        child.expect("write +ok")
        # Slowly, so the end is some seconds away: what was found is told as it is found.
        self.assertTrue(child.isalive())
        child.expect(r"upload +ok +0\.\d+ MiB/s.*set for it")
        child.expect("in order")
        child.expect(pexpect.EOF)
        child.close()
        self.assertEqual(child.exitstatus, 0)

    def test_who_may_not_read_the_log(self):
        """The site's own user may check; the steps come with the result."""
        self.add("disk", "--path", self.path)
        done = ctl("destination", "check", "disk", user="clerk")
        self.assertNotEqual(done.status, DONE)
        out = self.ok("destination", "check", "disk", user="site")
        self.assertEqual([line.split()[0] for line in out.splitlines()[:-1]], LOCAL)

    def test_missing_directory(self):
        self.add("disk", "--path", self.path)
        shutil.rmtree(self.path)
        steps = self.check("disk", UNAVAILABLE)
        self.assertEqual(list(steps), LOCAL)
        self.assert_statuses(steps, directory="failed",
                             **{name.replace("-", "_"): "skipped" for name in LOCAL[1:]})
        self.assertIn("may not be mounted", steps["directory"]["text"])
        self.assertFalse(self.path.exists())

    def test_not_a_directory(self):
        self.add("disk", "--path", self.path)
        shutil.rmtree(self.path)
        self.path.write_text("")
        steps = self.check("disk", UNAVAILABLE)
        self.assertRegex(steps["directory"]["text"], "(?i)not a directory")

    def test_no_repository(self):
        """As where the disk is not mounted: nothing is written there."""
        self.add("disk", "--path", self.path)
        shutil.rmtree(self.path)
        self.path.mkdir(mode=0o700)
        steps = self.check("disk", UNAVAILABLE)
        self.assert_statuses(steps, repository="failed", write="skipped", read="skipped",
                             delete="skipped", upload="skipped", download="skipped")
        self.assertEqual(os.listdir(self.path), [])

    def test_wrong_passphrase(self):
        self.add("disk", "--path", self.path)
        key = SANDBOX / "etc" / "keys" / "disk.key"
        former = key.read_text()
        self.addCleanup(key.write_text, former)
        key.write_text("another one\n")
        steps = self.check("disk", FAILED)
        self.assert_statuses(steps, repository="failed")
        self.assertEqual(steps["repository"]["error-name"], "WrongPassphrase")

    def test_damaged_config(self):
        self.add("disk", "--path", self.path)
        flip_byte(self.path / "config")
        self.assert_statuses(self.check("disk", FAILED), repository="failed")

    def test_full(self):
        disk = self.mount()
        self.add("disk", "--path", self.path)
        with open(disk / "filling", "wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
                    file.flush()
            except OSError:
                pass
        steps = self.check("disk", FAILED)
        self.assert_statuses(steps, write="failed", read="skipped", delete="skipped",
                             upload="skipped", download="skipped")
        self.assertEqual(steps["write"]["error-name"], "NoSpace")
        self.assertEqual(steps["space"]["free"], 0)
        self.assertEqual(steps["file-system"]["type"], "tmpfs")
        self.assertEqual(steps["file-system"]["mount-point"], str(disk))
        self.assertEqual(self.left(), [])

    def test_almost_full(self):
        """What is tried is smaller where there is little room."""
        disk = self.mount("6m")
        self.add("disk", "--path", self.path)
        with open(disk / "filling", "wb") as file:
            file.write(bytes(3 << 19))
        steps = self.check("disk")
        self.assertEqual(steps["upload"]["bytes"], 512 << 10)

    def test_read_only(self):
        disk = self.mount()
        self.add("disk", "--path", self.path)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        steps = self.check("disk", UNAVAILABLE)
        self.assert_statuses(steps, file_system="warning", write="failed", read="skipped",
                             delete="skipped", upload="skipped", download="skipped")
        self.assertIn("read-only", steps["write"]["text"])
        self.assertTrue(steps["file-system"]["read-only"])

    def test_open_to_all(self):
        self.add("disk", "--path", self.path)
        self.path.chmod(0o755)
        self.assert_statuses(self.check("disk"), permissions="warning")
        self.path.chmod(0o777)
        steps = self.check("disk")
        self.assertIn("remove the backups", steps["permissions"]["text"])
        self.assertIn("see the warnings", self.ok("destination", "check", "disk"))

    def test_beside_the_installation(self):
        """A warning where a disk that dies takes both."""
        config = self.directory / "sources" / "config"
        config.mkdir(parents=True)
        (config / "Openbravo.properties").write_text(
            f"bbdd.rdbms=POSTGRE\nbbdd.url=jdbc:postgresql://127.0.0.1:1\nbbdd.sid=erp\n"
            f"bbdd.user=tad\nbbdd.password=tad\nbbdd.systemUser=postgres\n"
            f"bbdd.systemPassword=x\nsource.path={config.parent}\ncontext.name=erp\n"
            f"attach.path={config.parent}/attachments\n")
        self.addCleanup(ctl, "instance", "remove", "beside")
        self.ok("instance", "add", "beside", "--properties", config / "Openbravo.properties")
        self.add("disk", "--path", self.path)
        steps = self.check("disk")
        self.assert_statuses(steps, separate_disk="warning")
        self.assertEqual(steps["separate-disk"]["instances"], ["beside"])
        self.mount()
        self.add("other", "--path", self.path)
        self.assertEqual(self.check("other")["separate-disk"]["status"], "ok")

    def test_cancel(self):
        self.add("disk", "--path", self.path, "--bandwidth-limit", "10K")
        job = self.start("disk")
        # For some seconds, in which what was written is paid for.
        wait_until(self.left, "nothing was written")
        self.bus.cancel(job)
        self.assertEqual(self.wait_job(job)["State"], "cancelled")
        self.assertEqual(self.left(), [])

    def test_survives_a_restart(self):
        self.add("disk", "--path", self.path)
        job = self.start("disk")
        self.wait_job(job)
        self.restart_service()
        self.assertEqual([step["name"] for step in self.bus.result(job)["steps"]], LOCAL)


class Bucket(CheckTest):
    def words(self, bucket, endpoint=None):
        secret = self.directory / "secret"
        secret.write_text(SECRET_KEY + "\n")
        return ["--kind", "s3", "--bucket", bucket, "--endpoint", endpoint or ceph().url,
                "--access-key", ACCESS_KEY, "--secret-key-file", secret]

    def make(self, bucket, *words, lockable=False, endpoint=None):
        """A bucket, and the destination "cloud" in it."""
        ceph().make_bucket(bucket, lockable)
        self.add("cloud", *self.words(bucket, endpoint), *words)
        self.bucket = bucket

    def left(self):
        return [key for key in ceph().keys(self.bucket) if "check" in key]

    def test_all_is_well(self):
        self.make("well", "--prefix", "a/b")
        steps = self.check("cloud")
        self.assertEqual(list(steps), S3)
        self.assert_statuses(steps, tls="skipped")
        self.assertEqual(steps["resolve"]["addresses"], ["127.0.0.1"])
        self.assertEqual(steps["connect"]["address"], f"127.0.0.1:{ceph().port}")
        self.assertEqual(steps["credentials"]["source"], "keys")
        self.assertEqual(steps["credentials"]["access-key"], "AKID…MPLE")
        self.assertEqual(steps["bucket"]["bucket"], "well")
        self.assertLess(abs(steps["clock"]["seconds"]), 30)
        self.assertEqual(steps["versioning"]["versioning"], "off")
        self.assertFalse(steps["object-lock"]["object-lock"])
        self.assertEqual(steps["list"]["snapshots"], 0)
        self.assertGreater(steps["latency"]["milliseconds"], 0)
        self.assertGreater(steps["upload"]["mib-per-second"], 0)
        self.assertEqual(steps["space"]["status"], "not told")
        self.assertEqual(self.left(), [])

    def test_tls(self):
        """Its certificate ends in two days."""
        self.make("safe", "--ca-file", ceph().certificate, endpoint=ceph().tls_url)
        steps = self.check("cloud")
        self.assert_statuses(steps, tls="warning")
        self.assertRegex(steps["tls"]["protocol"], r"^TLS 1\.[23]$")
        self.assertIn(steps["tls"]["days-left"], (0, 1, 2))
        copy = self.directory / "ca.pem"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other",
            "-keyout", self.directory / "key.pem", "-out", copy)
        configuration = SANDBOX / "etc" / "destinations" / "cloud.conf"
        configuration.write_text(configuration.read_text().replace(str(ceph().certificate),
                                                                   str(copy)))
        self.restart_service()
        steps = self.check("cloud", UNAVAILABLE)
        self.assertIn("authority that is not trusted", steps["tls"]["text"])
        self.assertEqual(steps["connect"]["status"], "ok")
        self.assertTrue(all(steps[name]["status"] == "skipped" for name in S3[3:]))

    def test_versions(self):
        self.make("versions")
        ceph().configure_bucket("versions", "versioning", "<VersioningConfiguration><Status>Enabled"
                                "</Status></VersioningConfiguration>")
        steps = self.check("cloud")
        self.assert_statuses(steps, tls="skipped", versioning="warning")
        self.assertEqual(steps["versioning"]["versioning"], "enabled")
        self.assertFalse(steps["versioning"]["expires"])
        self.assertIn("prune", steps["versioning"]["text"])
        # What it tries may stay as a version: let it be little.
        self.assertLessEqual(steps["upload"]["bytes"], 512 << 10)
        self.assertFalse(steps["delete"]["kept"])
        versions = ceph().request("GET", "/versions?versions=").body
        self.assertIn(b"config", versions)
        self.assertNotIn(b"obbackup-check", versions)
        ceph().configure_bucket(
            "versions", "lifecycle", "<LifecycleConfiguration><Rule><ID>r</ID><Prefix></Prefix>"
            "<Status>Enabled</Status><NoncurrentVersionExpiration><NoncurrentDays>1"
            "</NoncurrentDays></NoncurrentVersionExpiration></Rule></LifecycleConfiguration>")
        steps = self.check("cloud")
        self.assert_statuses(steps, tls="skipped")
        self.assertTrue(steps["versioning"]["expires"])
        ceph().configure_bucket("versions", "versioning", "<VersioningConfiguration><Status>"
                                "Suspended</Status></VersioningConfiguration>")
        self.assertEqual(self.check("cloud")["versioning"]["versioning"], "suspended")

    def test_object_lock(self):
        self.make("locked", lockable=True)
        steps = self.check("cloud")
        self.assertTrue(steps["object-lock"]["object-lock"])
        self.assertEqual(steps["object-lock"]["days"], 0)
        ceph().configure_bucket(
            "locked", "object-lock", "<ObjectLockConfiguration><ObjectLockEnabled>Enabled"
            "</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>3</Days>"
            "</DefaultRetention></Rule></ObjectLockConfiguration>")
        steps = self.check("cloud")
        self.assertEqual((steps["object-lock"]["mode"], steps["object-lock"]["days"]),
                         ("governance", 3))
        self.assertTrue(steps["delete"]["kept"])
        self.assertIn("a version of it stays", steps["delete"]["text"])

    def give(self, name, *actions):
        """To another user, by a policy of the bucket; and has the destination use its key."""
        key, secret = f"AKIDUSER{name.upper()}", f"secret-of-{name}"
        ceph().add_user(name, key, secret)
        ceph().configure_bucket(self.bucket, "policy", json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions),
                           "Principal": {"AWS": [f"arn:aws:iam:::user/{name}"]},
                           "Resource": [f"arn:aws:s3:::{self.bucket}",
                                        f"arn:aws:s3:::{self.bucket}/*"]}]}))
        configuration = SANDBOX / "etc" / "destinations" / "cloud.conf"
        configuration.write_text(configuration.read_text().replace(ACCESS_KEY, key))
        (SANDBOX / "etc" / "keys" / "cloud.s3").write_text(secret + "\n")
        self.restart_service()

    def test_may_not_write(self):
        self.make("no-writing")
        self.give("reader", "s3:GetObject", "s3:ListBucket")
        steps = self.check("cloud", FAILED)
        self.assert_statuses(steps, tls="skipped", write="failed", read="skipped", delete="skipped",
                             upload="skipped", download="skipped")
        self.assertEqual(steps["write"]["error-name"], "CredentialsRejected")
        self.assertIn("s3:PutObject", steps["write"]["text"])
        # Nor may it ask how the bucket is set up, which is no failure.
        self.assertEqual(steps["versioning"]["status"], "not told")
        self.assertEqual(steps["object-lock"]["status"], "not told")

    def test_may_not_delete(self):
        self.make("no-deleting")
        self.give("keeper", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
        steps = self.check("cloud", FAILED)
        self.assert_statuses(steps, tls="skipped", delete="failed", upload="skipped",
                             download="skipped")
        self.assertIn("s3:DeleteObject", steps["delete"]["text"])

    def test_may_not_list(self):
        self.make("no-listing")
        self.give("blind", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
        steps = self.check("cloud", FAILED)
        self.assertEqual(steps["bucket"]["status"], "not told")
        self.assertEqual(steps["list"]["status"], "failed")
        self.assertIn("s3:ListBucket", steps["list"]["text"])
        self.assertEqual(steps["write"]["status"], "ok")

    def test_wrong_secret(self):
        self.make("secret")
        (SANDBOX / "etc" / "keys" / "cloud.s3").write_text("another\n")
        self.restart_service()
        steps = self.check("cloud", FAILED)
        self.assertEqual(steps["credentials"]["error-name"], "CredentialsRejected")
        self.assertEqual(steps["bucket"]["status"], "skipped")
        self.assertEqual(steps["clock"]["status"], "ok")
        (SANDBOX / "etc" / "keys" / "cloud.s3").unlink()
        self.assertEqual(self.check("cloud", NOT_FOUND)["credentials"]["status"], "failed")

    def test_bucket_goes(self):
        self.make("going")
        for key in ceph().keys("going"):
            ceph().request("DELETE", f"/going/{key}")
        steps = self.check("cloud", UNAVAILABLE)
        self.assert_statuses(steps, tls="skipped", repository="failed", write="skipped",
                             read="skipped", delete="skipped", upload="skipped", download="skipped")
        ceph().request("DELETE", "/going")
        steps = self.check("cloud", UNAVAILABLE)
        self.assertEqual(steps["credentials"]["status"], "ok")
        self.assertIn("no bucket going", steps["bucket"]["text"])

    def test_server_goes(self):
        self.make("server")
        ceph().kill_gateway()
        self.addCleanup(ceph().start_gateway)
        steps = self.check("cloud", UNAVAILABLE)
        self.assertEqual(steps["connect"]["status"], "failed")
        self.assertIn("refused", steps["connect"]["text"])
        self.assertTrue(all(steps[name]["status"] == "skipped" for name in S3[2:]))

    def test_unknown_host(self):
        self.make("host")
        configuration = SANDBOX / "etc" / "destinations" / "cloud.conf"
        configuration.write_text(configuration.read_text().replace(
            ceph().url, "https://s3.nowhere.invalid"))
        self.restart_service()
        steps = self.check("cloud", UNAVAILABLE)
        self.assertIn("s3.nowhere.invalid cannot be resolved", steps["resolve"]["text"])

    def test_clock(self):
        self.make("clock")
        file = SANDBOX / "service.env"
        former = file.read_text() if file.exists() else ""
        self.addCleanup(self.restart_service)
        self.addCleanup(file.write_text, former)
        for shift, status, expected in (("-61m", FAILED, "failed"), ("+3m", DONE, "warning")):
            with self.subTest(shift=shift):
                file.write_text(former + "".join(f"{name}='{value}'\n" for name, value
                                                 in wrong_clock(shift).items()))
                self.restart_service()
                steps = self.check("cloud", status)
                self.assertEqual(steps["clock"]["status"], expected)
                self.assertAlmostEqual(steps["clock"]["seconds"], int(shift[:-1]) * 60, delta=20)
                self.assertIn("timedatectl", steps["clock"]["text"])
                self.assertEqual(steps["credentials"]["status"],
                                 "failed" if status == FAILED else "ok")

    def test_interrupted(self):
        """Ctrl-C cancels it, and nothing is left."""
        self.make("interrupted", "--bandwidth-limit", "8K")
        process = start_ctl("destination", "check", "cloud")
        self.addCleanup(process.kill)
        for line in process.stdout:
            if line.startswith("repository"):
                break
        process.send_signal(2)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, CANCELLED, err)
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
