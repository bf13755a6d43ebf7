# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian package, in a container that systemd boots and in which obbackup never was: built from
a copy of the sources, looked at by lintian, installed, removed, installed again and purged."""

import functools
import grp
import json
import os
import re
import shutil
import signal
import stat
import time
from pathlib import Path

from harness import (DONE, NOT_AUTHORISED, SANDBOX, SOURCE, Installation, Size, ctl, run, server,
                     unittest, wait_until)

SERVICE = "obbackupd.service"
UNIT_FILE = Path("/lib/systemd/system") / SERVICE
KEY = Path("/etc/obbackup/keys/disk.key")
# What systemd-analyze gives as exposure, times ten: below 4 it calls a service well protected.
EXPOSURE = 37
NOT_SOURCES = shutil.ignore_patterns(".git", "build*", "obj-*", "__pycache__", ".debhelper")


def must(*words, **how):
    done = run(*words, **how)
    if done.status != 0:
        raise AssertionError(f"{words}: {done.status}\n{done.out[-3000:]}{done.err[-3000:]}")
    return done.out + done.err


def ok(*words, **how):
    return must(SANDBOX / "bin" / "obbackupctl", *words, **how)


def apt(*words):
    return must("apt-get", "--yes", "--no-install-recommends", "--option=Dpkg::Use-Pty=0", *words,
                environment={"DEBIAN_FRONTEND": "noninteractive"})


def is_active():
    return run("systemctl", "is-active", SERVICE).out.strip() == "active"


@functools.cache
def build():
    """Builds the package, once, and returns its file. The unit tests are tests/run's business."""
    top = SANDBOX / "package"
    sources = top / "obbackup"
    shutil.copytree(SOURCE, sources, ignore=NOT_SOURCES)
    began = time.monotonic()
    how = {"DEB_BUILD_OPTIONS": f"nocheck noautodbgsym parallel={os.cpu_count()}",
           # In less time: nobody debugs or measures it.
           "DEB_CFLAGS_STRIP": "-g", "DEB_CFLAGS_APPEND": "-O1"}
    must("env", f"--chdir={sources}", "dpkg-buildpackage", "--unsigned-source",
         "--unsigned-changes", "--build=binary", environment=how)
    print(f"the package was built in {time.monotonic() - began:.0f} s")
    shutil.rmtree(sources)
    return next(top.glob("obbackup_*.deb"))


def install():
    return apt("install", build())


class PackageTest(unittest.TestCase):
    """The package is installed."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if run("dpkg-query", "--show", "obbackup").status != 0:
            install()


class Built(unittest.TestCase):
    def test_lintian(self):
        """Neither errors nor warnings."""
        done = run("lintian", "--allow-root", "--fail-on", "error,warning",
                   next(build().parent.glob("*.changes")))
        self.assertEqual((done.status, done.out), (0, ""), done.err)


class Installed(PackageTest):
    def test_groups(self):
        for name in ("obbackup", "obbackup-admin"):
            with self.subTest(name=name):
                self.assertEqual(grp.getgrnam(name).gr_mem, [])
                self.assertLess(grp.getgrnam(name).gr_gid, 1000)

    def test_directories(self):
        for name, mode in (("/etc/obbackup", 0o755), ("/etc/obbackup/hooks.d", 0o755),
                           ("/etc/obbackup/instances", 0o700), ("/etc/obbackup/keys", 0o700),
                           ("/etc/obbackup/destinations", 0o700), ("/var/lib/obbackup", 0o700),
                           ("/var/cache/obbackup", 0o700)):
            with self.subTest(name=name):
                info = os.stat(name)
                self.assertEqual((info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)),
                                 (0, 0, mode))

    def test_files(self):
        files = must("dpkg-query", "--listfiles", "obbackup").split()
        for name in ("dbus-1/system.d/org.openbravo.Backup1.conf",
                     "dbus-1/system-services/org.openbravo.Backup1.service",
                     "polkit-1/actions/org.openbravo.backup1.policy",
                     "polkit-1/rules.d/obbackup.rules",
                     "bash-completion/completions/obbackupctl",
                     "zsh/vendor-completions/_obbackupctl",
                     "man/man1/obbackupctl.1.gz",
                     "man/man5/obbackup.conf.5.gz", "man/man8/obbackupd.8.gz"):
            self.assertIn(f"/usr/share/{name}", files)
        self.assertEqual(must("dpkg-query", "--show", "--showformat=${Conffiles}",
                              "obbackup").split()[0], "/etc/obbackup/obbackup.conf")

    def test_manual(self):
        """The pages can be shown without a complaint; that of the settings tells them all."""
        for section, name in ((1, "obbackupctl"), (5, "obbackup.conf"), (8, "obbackupd")):
            with self.subTest(name=name):
                page = f"/usr/share/man/man{section}/{name}.{section}.gz"
                done = run("man", "--warnings", "--encoding=UTF-8", "--local-file", page,
                           environment={"MANWIDTH": "100"})
                self.assertEqual((done.status, done.err), (0, ""))
                if section == 5:
                    text = done.out
        settings = Path("/etc/obbackup/obbackup.conf").read_text()
        keys = re.findall(r"^#([a-z-]+)=", settings, re.MULTILINE)
        self.assertGreater(len(keys), 5)
        for key in keys:
            self.assertRegex(text, rf"(?m)^ +{key} \(")

    def test_unit(self):
        self.assertEqual(must("systemctl", "is-enabled", SERVICE).strip(), "enabled")
        self.assertTrue(is_active())
        self.assertEqual(must("systemd-analyze", "verify", UNIT_FILE), "")

    def test_exposure(self):
        done = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}",
                   "--no-pager", UNIT_FILE)
        self.assertEqual(done.status, 0, done.out[-300:])

    def test_status(self):
        self.assertIn("instance add", ok("status"))

    def test_activation(self):
        """The bus starts it when somebody calls it."""
        must("systemctl", "stop", SERVICE)
        self.assertFalse(is_active())
        ok("status")
        self.assertTrue(is_active())

    def test_policy(self):
        """polkit knows the actions, and the rule of the group."""
        self.assertEqual(ctl("list", user="clerk").status, NOT_AUTHORISED)
        self.assertEqual(ctl("list", user="openbravo").status, NOT_AUTHORISED)
        must("gpasswd", "--add", "openbravo", "obbackup")
        self.addCleanup(must, "gpasswd", "--delete", "openbravo", "obbackup")
        self.assertEqual(ctl("list", user="openbravo").status, DONE)
        self.assertEqual(ctl("destination", "add", "disk", "--path", SANDBOX / "disk",
                             user="openbravo").status, NOT_AUTHORISED)


class ProtectedTest(PackageTest):
    """An installation is protected, and has a backup."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        installation = Installation("/srv/erp", server(), database="erp", size=Size.tiny(),
                                    odd_names=False)
        cls.addClassCleanup(installation.remove)
        installation.source = Path("/opt/erp/OpenbravoERP")
        installation.properties = installation.source / "config" / "Openbravo.properties"
        installation.make()
        cls.repository = SANDBOX / "repository"
        ok("instance", "add", "erp", "--properties", installation.properties,
           "--webapp", installation.webapp)
        ok("destination", "add", "disk", "--path", cls.repository)
        cls.addClassCleanup(ctl, "instance", "remove", "erp")
        cls.addClassCleanup(ctl, "destination", "remove", "disk")
        cls.backup = ok("backup", "erp", "--only", "database,webapp", "--quiet").strip()

    def setUp(self):
        if run("dpkg-query", "--show", "obbackup").status != 0 or not is_active():
            install()
        self.configuration = self.read_configuration()
        self.process = self.main_process()

    @staticmethod
    def main_process():
        return int(must("systemctl", "show", "--value", "--property=MainPID", SERVICE))

    @staticmethod
    def read_configuration():
        return {str(file): file.read_bytes() for name in ("instances", "destinations", "keys")
                for file in Path("/etc/obbackup", name).iterdir()}


class Removed(ProtectedTest):
    """What stays, and what goes, when the package does."""

    def assert_stopped(self):
        self.assertFalse(Path(f"/proc/{self.process}").exists())
        self.assertFalse(Path("/usr/bin/obbackupctl").exists())

    def assert_works_as_before(self):
        wait_until(is_active, "the service does not run")
        self.assertEqual(self.read_configuration(), self.configuration)
        self.assertIn(self.backup[:8], ok("list"))
        ok("verify", self.backup, "--read-data")

    def test_removed_and_installed(self):
        settings = Path("/etc/obbackup/obbackup.conf")
        before = settings.read_text()
        self.addCleanup(settings.write_text, before)
        settings.write_text(before + "lock-timeout=61\n")
        apt("remove", "obbackup")
        self.assert_stopped()
        self.assertEqual(self.read_configuration(), self.configuration)
        install()
        self.assertIn("lock-timeout=61\n", settings.read_text())
        self.assertEqual(must("systemctl", "is-enabled", SERVICE).strip(), "enabled")
        self.assert_works_as_before()

    def test_upgraded(self):
        """The service is another process then."""
        apt("install", "--reinstall", build())
        wait_until(is_active, "the service does not run")
        self.assertNotEqual(self.main_process(), self.process)
        self.assert_works_as_before()

    def test_purged(self):
        """Backups, keys and what goes with them stay, which is told; they can be used again."""
        told = apt("purge", "obbackup")
        self.assert_stopped()
        self.assertEqual(self.read_configuration(), self.configuration)
        self.assertEqual(stat.S_IMODE(os.stat(KEY.parent).st_mode), 0o700)
        for name in ("/etc/obbackup/keys", "/etc/obbackup/instances", "/etc/obbackup/destinations",
                     "/var/lib/obbackup"):
            self.assertRegex(told, rf"(?m)^  {name}$")
        self.assertRegex(told, "Without the keys nobody can read the backups")
        for name in ("/etc/obbackup/obbackup.conf", "/etc/obbackup/hooks.d", "/var/cache/obbackup"):
            self.assertFalse(Path(name).exists(), name)
        snapshots = must("restic", "--no-cache", "--repo", self.repository, "snapshots",
                         environment={"RESTIC_PASSWORD": KEY.read_text().rstrip("\n")})
        self.assertIn(self.backup[:8], snapshots)
        install()
        self.assert_works_as_before()


class Unattended(ProtectedTest):
    """What the installed service does by itself, without anybody who asks."""

    @staticmethod
    def show(name):
        return must("systemctl", "show", "--value", f"--property={name}", SERVICE).strip()

    def test_scheduled_backup(self):
        """It fires, is in the journal with its fields, and systemd tells what the service does."""
        ok("schedule", "add", "nightly", "--at", "*:*:0/5", "--only", "database,webapp")
        self.addCleanup(ctl, "schedule", "remove", "nightly")

        def find():
            return [backup for backup in json.loads(ok("list", "--json"))["backups"]
                    if backup["kind"] == "scheduled"]

        wait_until(find, "no backup is made by itself")
        ok("schedule", "edit", "nightly", "--at", "*-01-01 03:00")
        identifier = find()[-1]["id"]
        told = must("journalctl", "--quiet", "--output=json",
                    "MESSAGE_ID=a4fca444267f4e27b34d7072f0bf6fd7", f"OBBACKUP_BACKUP={identifier}")
        entry = json.loads(told.splitlines()[0])
        self.assertEqual((entry["OBBACKUP_INSTANCE"], entry["OBBACKUP_DESTINATION"],
                          entry["OBBACKUP_SCHEDULE"], entry["OBBACKUP_STATE"], entry["PRIORITY"]),
                         ("erp", "disk", "nightly", "succeeded", "5"))
        self.assertIn("A job has ended", must(
            "journalctl", "--quiet", "--catalog", "MESSAGE_ID=a4fca444267f4e27b34d7072f0bf6fd7"))
        wait_until(lambda: re.search("1 instance; next backup .*-01-01 03:00",
                                     self.show("StatusText")), "systemd is not told")

    def test_does_not_fall_asleep(self):
        """Sleep is inhibited as long as a job is at work."""
        must("systemctl", "start", "systemd-logind")

        def find():
            return "obbackup" in must("systemd-inhibit", "--list", "--no-legend")

        self.assertFalse(find())
        big = Path("/opt/erp/OpenbravoERP/big.bin")
        big.write_bytes(os.urandom(200 << 20))
        self.addCleanup(big.unlink)
        ok("backup", "erp", "--only", "sources", "--no-wait")
        wait_until(find, "the machine could fall asleep during a backup")
        wait_until(lambda: not find(), "the machine cannot sleep any more")

    def test_reload(self):
        file = Path("/etc/obbackup/obbackup.conf")
        before = file.read_text()
        self.addCleanup(file.write_text, before)
        file.write_text(before + "threads=none\n")
        must("systemctl", "reload", SERVICE)
        wait_until(lambda: "threads" in ok("status"), "it is not read again")
        file.write_text(before)
        wait_until(lambda: "threads" not in ok("status"), "it is told for ever")
        self.assertEqual(self.main_process(), self.process)

    def test_watchdog(self):
        """One that hangs is started anew; one that works is left alone."""
        self.assertEqual(self.show("WatchdogUSec"), "3min")
        drop_in = Path(f"/run/systemd/system/{SERVICE}.d/watchdog.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text("[Service]\nWatchdogSec=3\nRestartSec=0\n")
        self.addCleanup(run, "systemctl", "restart", SERVICE)
        self.addCleanup(run, "systemctl", "daemon-reload")
        self.addCleanup(shutil.rmtree, drop_in.parent)
        must("systemctl", "daemon-reload")
        must("systemctl", "restart", SERVICE)
        wait_until(is_active, "the service does not run")
        process = self.main_process()
        time.sleep(7)  # twice the time in which it has to be heard of
        self.assertEqual(self.main_process(), process)
        os.kill(process, signal.SIGSTOP)
        wait_until(lambda: self.main_process() not in (0, process), "it hangs for ever")
        wait_until(is_active, "the service does not run")
        ok("status")


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_package")
