# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration that is changed by hand: read by itself and when it is asked for; what cannot be
understood stays as it was, and is told."""

import os
import re
import shutil
import signal

from harness import FAILED, ROOT, SANDBOX, InstallationTest, ctl, wait_until

CONFIG = SANDBOX / "etc"


class ReloadTest(InstallationTest):
    def problems(self):
        return {problem.get("file") or problem["code"]: problem["message"] for problem in
                self.bus.manager("GetProblems", "(a{sv})", {})[0]}

    def reasons(self):
        return self.bus.properties(ROOT, "")["HealthReasons"]

    def add(self):
        self.ok("schedule", "add", "nightly", "--at", "*-01-01 00:00")
        self.addCleanup(ctl, "schedule", "remove", "nightly")
        return CONFIG / "schedules" / "nightly.conf"

    def hang_up(self):
        """As "systemctl reload" does."""
        os.kill(self.bus.service_pid(), signal.SIGHUP)


class ByItself(ReloadTest):
    def test_settings(self):
        settings = CONFIG / "obbackup.conf"
        self.addCleanup(settings.unlink, missing_ok=True)
        settings.write_text("[obbackup]\nkeep-previous=nonsense\n")
        wait_until(lambda: "configuration-error:obbackup.conf" in self.reasons(), "it is not read")
        self.assertIn("keep-previous", self.problems()["obbackup.conf"])
        self.assertIn("keep-previous", self.ok("status"))
        # It works on, also after a restart, with what it said when it could be understood.
        self.backup()
        self.restart_service()
        self.assertIn("configuration-error:obbackup.conf", self.reasons())
        self.backup()
        settings.write_text("[obbackup]\nkeep-previous=1h\n")
        wait_until(lambda: not self.reasons(), "it is not read again")
        metrics = self.directory / "numbers.prom"
        os.chmod(self.directory, 0o755)
        settings.write_text(f"[obbackup]\nmetrics-file={metrics}\n")
        wait_until(metrics.exists, "the new setting does not count")

    def test_schedule(self):
        file = self.add()
        before = file.read_text()
        file.write_text(before.replace("*-01-01 00:00", "*-02-30 25:00"))
        wait_until(lambda: "configuration-error:schedules/nightly.conf" in self.reasons(),
                   "it is not read")
        self.assertEqual(self.json("schedule", "show", "nightly")["times"], ["*-01-01 00:00"])
        file.write_text(before[:len(before) // 2])
        self.bus.manager("GetProblems", "(a{sv})", {})
        self.assertEqual(self.json("schedule", "show", "nightly")["times"], ["*-01-01 00:00"])
        file.write_text(before.replace("*-01-01 00:00", "*-03-01 04:00"))
        wait_until(lambda: self.json("schedule", "show", "nightly")["times"] == ["*-03-01 04:00"],
                   "it is not taken over")
        wait_until(lambda: not self.reasons(), "it is told for ever")
        other = file.with_name("other.conf")
        shutil.copy(file, other)
        wait_until(lambda: len(self.json("schedule", "list")) == 2, "a new one is not taken over")
        other.unlink()
        wait_until(lambda: len(self.json("schedule", "list")) == 1, "one that is gone stays")
        # One that never could be used, and is gone, is no problem any more.
        for folder in ("schedules", "instances", "destinations"):
            broken = CONFIG / folder / "broken.conf"
            broken.write_text("what is this")
            wait_until(lambda: self.reasons() == [f"configuration-error:{folder}/broken.conf"],
                       "it is not told")
            broken.unlink()
            wait_until(lambda: not self.reasons(), "it is told for ever")

    def test_instance_and_destination(self):
        file = CONFIG / "instances" / "erp.conf"
        before = file.read_text()
        self.addCleanup(file.write_text, before)
        file.write_text("[instance]\nwhat is this")
        wait_until(lambda: "configuration-error:instances/erp.conf" in self.reasons(), "not read")
        self.backup()
        file.write_text(before)
        wait_until(lambda: not self.reasons(), "it is told for ever")

        # Taken away by hand: gone, but for what a schedule needs.
        file = CONFIG / "destinations" / "disk.conf"
        aside = self.directory / "disk.conf"
        self.add()
        shutil.copy2(file, aside)
        file.unlink()
        wait_until(lambda: "configuration-error:destinations/disk.conf" in self.reasons(), "not read")
        self.assertRegex(self.problems()["destinations/disk.conf"], "is gone.*nightly")
        self.backup()
        self.ok("schedule", "remove", "nightly")
        wait_until(lambda: self.json("destination", "list") == [], "it stays")
        shutil.copy2(aside, file)
        wait_until(lambda: len(self.json("destination", "list")) == 1, "it does not come back")
        self.backup()
        wait_until(lambda: not self.reasons(), "it is told for ever")


class Asked(ReloadTest):
    def test_hang_up(self):
        """At once, and during a job: what it works on is taken over afterwards."""
        file = self.add()
        (self.installation.source / "big.bin").write_bytes(os.urandom(60 << 20))
        self.addCleanup((self.installation.source / "big.bin").unlink)
        path = self.start_backup()
        settings = CONFIG / "obbackup.conf"
        self.addCleanup(settings.unlink)
        settings.write_text("[obbackup]\nthreads=none\n")
        file.write_text(re.sub("times=.*", "times=hourly", file.read_text()))
        self.hang_up()
        wait_until(lambda: self.json("schedule", "show", "nightly")["times"] == ["hourly"],
                   "it is not read", 1)
        self.succeeded(path)
        wait_until(lambda: "configuration-error:obbackup.conf" in self.reasons(), "it is not read")
        settings.write_text("")
        self.hang_up()
        wait_until(lambda: not self.reasons(), "it is told for ever")

    def test_own_changes_are_no_news(self):
        """What the service writes itself it reads again, and nothing comes of it: the repository of a
        destination stays open."""
        self.backup()
        self.ok("destination", "recovery-key", "--saved", "disk")
        self.ok("instance", "edit", "erp", "--health-sql", "SELECT true")
        self.ok("instance", "edit", "erp", "--health-sql", "none")
        before = self.bus.objects()
        self.hang_up()
        self.assertEqual(self.reasons(), [])
        after = self.bus.objects()
        for path in (f"{ROOT}/instances/erp", f"{ROOT}/destinations/disk"):
            self.assertEqual(after[path], before[path])


class Limited(ReloadTest):
    def measure(self):
        (self.installation.source / "big.bin").write_bytes(os.urandom(8 << 20))
        self.addCleanup((self.installation.source / "big.bin").unlink, missing_ok=True)
        result = self.json("backup", "erp", "--only", "sources")
        return result["seconds"]

    def test_bandwidth(self):
        self.refused(FAILED, "500K, 10M or 1G", "destination", "edit", "disk", "--bandwidth-limit",
                     "fast")
        self.ok("destination", "edit", "disk", "--bandwidth-limit", "2M")
        self.assertEqual(self.json("destination", "show", "disk")["bandwidth-limit"], "2M")
        self.assertGreater(self.measure(), 3)
        self.restart_service()
        limited = self.measure()
        self.assertGreater(limited, 3)
        # By hand: another limit counts for what is kept open too.
        file = CONFIG / "destinations" / "disk.conf"
        file.write_text(file.read_text().replace("=2M", "=200M"))
        wait_until(lambda: self.json("destination", "show", "disk")["bandwidth-limit"] == "200M",
                   "it is not read again")
        self.assertLess(self.measure(), 0.75 * limited)
        self.ok("destination", "edit", "disk", "--bandwidth-limit", "none")
        self.assertNotIn("bandwidth-limit", self.json("destination", "show", "disk"))


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_reload")
