# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules: what is refused, what runs by itself, what is caught up, tried again, kept and told."""

import json
import os
import re
import shutil
import signal
import time

from harness import (BUSY, DONE, FAILED, NAME, NOT_FOUND, ROOT, SANDBOX, USAGE, InstallationTest, ctl,
                     wait_until)

FAR = "*-01-01 00:00"


class ScheduleTest(InstallationTest):
    def add(self, name="nightly", *words, at=FAR):
        self.ok("schedule", "add", name, "--at", at, *words)
        self.addCleanup(ctl, "schedule", "remove", name)
        return name

    def schedule(self, name="nightly"):
        return self.bus.properties(f"{ROOT}/schedules/{name}", "Schedule")

    def details(self, name="nightly"):
        return self.json("schedule", "show", name)

    def problems(self):
        return {problem["code"]: problem for problem in
                self.bus.manager("GetProblems", "(a{sv})", {})[0]}

    def wait_run(self, before=0, name="nightly", result="succeeded", seconds=60):
        wait_until(lambda: not self.schedule(name)["Running"]
                   and self.schedule(name)["LastRun"] > before
                   and self.schedule(name)["LastResult"] == result,
                   f"schedule {name} did not run", seconds)

    def run_apart(self, name="nightly"):
        """A run to its end, whose backup is of a second of its own: what is of the same second is told
        apart by its id."""
        self.ok("schedule", "run", name)
        self.wait_run(name=name)
        time.sleep(1)

    def find_backups(self, **wanted):
        return [backup for backup in self.json("list", status=(DONE, FAILED))["backups"]
                if all(backup.get(key) == value for key, value in wanted.items())]


class Configured(ScheduleTest):
    def test_add_show_edit_remove(self):
        self.add("nightly", "--keep-daily", "7", "--keep-weekly", "4", "--rule",
                 "automatic-keep-last=5", "--verify", "5%", "--drill", "--random-delay", "20m",
                 "--time-zone", "Europe/Madrid", "--only", "database,sources", at="Mon..Fri 22:30")
        said = self.details()
        self.assertEqual((said["instance"], said["destinations"], said["times"], said["parts"],
                          said["time-zone"], said["verify-after"], said["drill-after"]),
                         ("erp", ["disk"], ["Mon..Fri 22:30"], ["database", "sources"],
                          "Europe/Madrid", "5%", True))
        self.assertEqual(set(said["retention"]),
                         {"keep-daily=7", "keep-weekly=4", "automatic-keep-last=5"})
        self.assertEqual(len(said["next"]), 5)
        for when in said["next"]:
            day = time.gmtime(when)
            self.assertLess(day.tm_wday, 5)
            self.assertIn((day.tm_hour, day.tm_min), ((20, 30), (21, 30)))
        next_run = self.schedule()["NextRun"]
        self.assertLessEqual(said["next"][0], next_run)
        self.assertLessEqual(next_run, said["next"][0] + 20 * 60)
        instance = self.bus.properties(f"{ROOT}/instances/erp", "Instance")
        self.assertEqual(instance["NextRun"], next_run)

        self.ok("schedule", "edit", "nightly", "--at", "daily", "--keep-last", "3", "--no-drill",
                "--clear", "parts", "--clear", "random-delay")
        said = self.details()
        self.assertEqual((said["times"], said["retention"], said["drill-after"]),
                         (["daily"], ["keep-last=3"], False))
        self.assertNotIn("parts", said)
        self.assertEqual(self.schedule()["NextRun"], said["next"][0])
        self.ok("schedule", "edit", "nightly", "--disable")
        self.assertEqual((self.schedule()["Enabled"], self.schedule()["NextRun"]), (False, 0))
        self.ok("schedule", "edit", "nightly", "--enable")
        self.assertEqual(self.schedule()["NextRun"], said["next"][0])

        # It is all there after a restart, the next run with its delay too.
        self.ok("schedule", "edit", "nightly", "--random-delay", "10h")
        before = (self.schedule(), self.details())
        self.kill_service()
        self.assertEqual((self.schedule(), self.details()), before)
        self.ok("schedule", "remove", "nightly")
        self.assertEqual(self.json("schedule", "list"), [])
        self.refused(NOT_FOUND, "nightly", "schedule", "show", "nightly")
        instance = self.bus.properties(f"{ROOT}/instances/erp", "Instance")
        self.assertEqual(instance["NextRun"], 0)

    def test_what_is_refused(self):
        done = self.refused(FAILED, "", "schedule", "add", "wrong", "--at", "Mon..Fri 25:30")
        lines = done.err.rstrip("\n").split("\n")
        place = [line for line in lines if line.strip() == "^"]
        text = [line for line in lines if line.strip() == "Mon..Fri 25:30"]
        self.assertTrue(place and text, done.err)
        self.assertEqual(text[0][len(place[0]) - 1], "2", done.err)
        for words, status, told in (
                (["--at", "daily", "--instance", "other"], NOT_FOUND, "other"),
                (["--at", "daily", "--to", "disk,tape"], NOT_FOUND, "tape"),
                (["--at", "daily", "--only", "soup"], FAILED, "soup"),
                (["--at", "daily", "--keep-last", "0"], FAILED, "keep none"),
                (["--at", "daily", "--keep-daily", "-3"], FAILED, "keep-daily"),
                (["--at", "daily", "--rule", "keep-dayly=3"], FAILED, "keep-daily"),
                (["--at", "daily", "--rule", "fish=3"], FAILED, "fish"),
                (["--at", "daily", "--random-delay", "25h"], FAILED, "random-delay"),
                (["--at", "daily", "--time-zone", "Europe/Atlantis"], FAILED, "Atlantis"),
                (["--at", "daily", "--verify", "120%"], FAILED, "verify-after"),
                (["--at", "daily", "--overlap", "maybe"], FAILED, "skip, queue"),
                (["--at", "daily", "--action", "dance"], FAILED, "backup, verify"),
                ([], USAGE, "Say when")):
            with self.subTest(words=words):
                self.refused(status, told, "schedule", "add", "wrong", *words)
                self.assertEqual(self.json("schedule", "list"), [])
                self.assertEqual(os.listdir(SANDBOX / "etc" / "schedules"), [])
        self.add()
        self.refused(FAILED, "taken", "schedule", "add", "nightly", "--at", "daily")
        before = self.details()
        self.refused(FAILED, "", "schedule", "edit", "nightly", "--at", "someday")
        self.refused(FAILED, "no setting", "schedule", "edit", "nightly", "--clear", "soup")
        self.assertEqual(self.details(), before)

    def test_what_it_needs_stays(self):
        self.add()
        self.refused(BUSY, "nightly", "instance", "remove", "erp")
        self.refused(BUSY, "nightly", "destination", "remove", "disk")


class Run(ScheduleTest):
    def test_runs_by_itself(self):
        before = time.time()
        self.add(at="*-*-* *:*:0/2")
        self.wait_run(before - 1)
        self.ok("schedule", "edit", "nightly", "--disable")
        backup = self.find_backups(kind="scheduled")[0]
        self.assertGreaterEqual(backup["time"], int(before))
        path = [job["job"] for job in self.json("jobs") if job["Operation"] == "backup"][0]
        self.assertEqual(self.bus.result(path)["schedule"], "nightly")

    def test_trigger_and_after(self):
        """The backup, then retention with prune, a sample and a drill, at each destination."""
        second = SANDBOX / "repositories" / "second"
        self.ok("destination", "add", "second", "--path", second)
        self.addCleanup(ctl, "destination", "remove", "second")
        manual = self.backup("--to", "disk")
        self.add("nightly", "--to", "disk,second", "--keep-last", "2", "--verify", "100%", "--drill")
        for _ in range(3):
            self.ok("schedule", "run", "nightly", "--no-wait")
            self.refused(BUSY, "at work", "schedule", "run", "nightly")
            self.refused(BUSY, "at work", "schedule", "remove", "nightly")
            self.wait_run(seconds=120)
            time.sleep(1)  # each is of a second of its own
        for destination in ("disk", "second"):
            kept = self.find_backups(kind="scheduled", destination=destination)
            self.assertEqual(len(kept), 2, destination)
            self.assertTrue(all(backup["verified-result"] == "sound" for backup in kept))
            self.assertEqual(kept[0]["proven-result"], "proven")
        self.assertEqual([backup["id"] for backup in self.find_backups(kind="manual")], [manual])
        operations = {job["Operation"] for job in self.json("jobs")}
        self.assertLessEqual({"backup", "retention", "verify", "drill"}, operations)

    def test_one_destination_out_of_reach(self):
        """The other gets its backup; it is tried again there alone."""
        away = SANDBOX / "repositories" / "away"
        self.ok("destination", "add", "away", "--path", away)
        self.addCleanup(ctl, "destination", "remove", "away")
        self.add("nightly", "--to", "away,disk")
        hidden = away.with_name("hidden")
        away.rename(hidden)
        self.addCleanup(lambda: hidden.exists() and hidden.rename(away))
        n_before = len(self.find_backups(destination="disk"))
        self.assertNotEqual(ctl("schedule", "run", "nightly").status, DONE)
        self.wait_run(result="unavailable")
        said = self.details()
        self.assertTrue(said["retrying"])
        self.assertIn("away", said["last-error"])
        self.assertLess(self.schedule()["NextRun"], time.time() + 90)
        self.assertEqual(len(self.find_backups(destination="disk")), n_before + 1)
        problems = self.problems()
        self.assertIn("schedule-failed", problems)
        self.assertIn("destination-unavailable", problems)
        hidden.rename(away)
        wait_until(lambda: self.schedule()["LastResult"] == "succeeded", "it is not tried again", 120)
        self.assertEqual(len(self.find_backups(destination="disk")), n_before + 1)
        self.assertEqual(len(self.find_backups(destination="away")), 1)
        self.assertNotIn("schedule-failed", self.problems())

    def test_missed_while_off(self):
        """Caught up once by a persistent one; counted by the other."""
        self.add("nightly", at="*:*:0/1")
        self.add("loose", "--no-catch-up", at="*-*-* *:*:00")
        self.ok("schedule", "edit", "nightly", "--at", "hourly")
        self.kill_service(signal.SIGTERM)
        state = SANDBOX / "state" / "schedules"
        long_ago = int((time.time() - 3 * 3600) * 1e6)
        for name in ("nightly", "loose"):
            file = state / f"{name}.conf"
            file.write_text(re.sub(r"planned=\d+", f"planned={long_ago}", file.read_text()))
        before = int(time.time())
        n_before = len(self.backups_of_files())
        self.schedule()
        self.wait_run(before - 1)
        self.assertEqual(self.schedule("loose")["LastRun"] >= before
                         and self.schedule("loose")["Missed"] == 0, False)
        self.assertGreaterEqual(self.schedule("loose")["Missed"], 170)
        self.assertEqual(len(self.backups_of_files()), n_before + 1)
        self.assertIn("schedule-missed", self.problems())

    def backups_of_files(self):
        return os.listdir(self.repository / "snapshots")

    def test_cut_off_run_is_made_up_for(self):
        self.add()
        (self.installation.source / "big.bin").write_bytes(os.urandom(40 << 20))
        self.addCleanup((self.installation.source / "big.bin").unlink)
        path, = self.bus.call(f"{ROOT}/schedules/nightly", f"{NAME}.Schedule", "Trigger",
                              "(a{sv})", {})[0]
        wait_until(lambda: self.bus.job(path)["State"] == "running", "it does not run")
        before = self.schedule()["LastRun"]
        self.kill_service()
        self.assertEqual(self.bus.job(path)["State"], "interrupted")
        wait_until(lambda: self.schedule()["LastResult"] == "succeeded", "it is not made up for", 60)
        self.assertGreaterEqual(self.schedule()["LastRun"], before)
        self.assertEqual(len(self.find_backups(kind="scheduled")[:1]), 1)

    def test_cancelled_is_not_tried_again(self):
        self.add()
        (self.installation.source / "big.bin").write_bytes(os.urandom(40 << 20))
        self.addCleanup((self.installation.source / "big.bin").unlink)
        path, = self.bus.call(f"{ROOT}/schedules/nightly", f"{NAME}.Schedule", "Trigger",
                              "(a{sv})", {})[0]
        self.bus.cancel(path)
        self.wait_job(path)
        wait_until(lambda: not self.schedule()["Running"], "it runs for ever")
        self.assertEqual(self.schedule()["LastResult"], "cancelled")
        self.assertFalse(self.details()["retrying"])


class Kept(ScheduleTest):
    def test_plan_and_apply(self):
        self.add("nightly", "--keep-last", "1")
        ids = []
        for _ in range(3):
            self.run_apart()
            ids = [backup["id"] for backup in self.find_backups(kind="scheduled")]
        self.assertEqual(len(ids), 1)
        self.ok("schedule", "edit", "nightly", "--clear", "retention")
        self.refused(FAILED, "has no rules", "retention", "nightly", "--plan")
        for _ in range(2):
            self.run_apart()
        self.ok("schedule", "edit", "nightly", "--keep-last", "1")
        plan = self.json("retention", "nightly", "--plan")
        self.assertEqual([backup["keep"] for backup in plan["backups"]], [True, False, False])
        self.assertTrue(all(backup["reasons"] for backup in plan["backups"]))
        self.assertEqual(len(self.find_backups(kind="scheduled")), 3)
        self.assertRegex(self.ok("retention", "nightly", "--plan"), r"2 of 3 go\.")
        self.refused(USAGE, "--yes", "retention", "nightly")
        self.assertEqual(len(self.find_backups(kind="scheduled")), 3)
        self.ok("retention", "nightly", "--yes", "--prune")
        self.assertEqual(len(self.find_backups(kind="scheduled")), 1)

    def test_each_for_itself(self):
        """Two schedules of one installation: each keeps by its own rules what it made itself, and a backup
        of the database alone takes the place of no whole one."""
        self.addCleanup(lambda: self.ok("delete", "--force", "--yes", *[
            backup["id"] for backup in self.find_backups(kind="scheduled")]))
        self.add("nightly", "--keep-last", "2")
        self.add("hourly", "--only", "database", "--keep-last", "3")
        for name in ("nightly", "hourly", "hourly", "nightly", "hourly", "hourly", "nightly", "hourly"):
            self.run_apart(name)

        def count(name):
            return len(self.find_backups(kind="scheduled", schedule=name))

        self.assertEqual((count("nightly"), count("hourly")), (2, 3))
        # What a schedule made that is gone is judged by those that are left.
        self.ok("schedule", "remove", "hourly")
        self.ok("retention", "nightly", "--yes")
        self.assertEqual((count("nightly"), count("hourly")), (2, 2))

    def test_what_stays(self):
        """Pinned by a change that is open; the last good one."""
        change, path = self.bus.manager("BeginChange", "(ssa{sv})", "erp", "", {})
        self.succeeded(path)
        needed = self.bus.result(path)["id"]
        self.add("nightly", "--keep-last", "1", "--rule", "automatic-keep-last=1")
        plan = {backup["id"]: backup for backup in
                self.json("retention", "nightly", "--plan")["backups"]}
        self.assertTrue(plan[needed]["keep"])
        self.assertTrue(any("change" in reason for reason in plan[needed]["reasons"]))
        self.ok("change", "end", change, "--succeeded")


class Told(ScheduleTest):
    def setUp(self):
        super().setUp()
        self.hooks = SANDBOX / "etc" / "hooks.d"
        self.hooks.mkdir(exist_ok=True)
        self.events = self.directory / "events"
        hook = self.hooks / "write"
        hook.write_text(f"#!/bin/sh\ncat >> {self.events}\n")
        hook.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.hooks)

    def read_events(self):
        if not self.events.exists():
            return []
        decoder, text, found = json.JSONDecoder(), self.events.read_text(), []
        while text.strip():
            try:
                event, end = decoder.raw_decode(text.lstrip())
            except json.JSONDecodeError:
                break
            found.append(event)
            text = text.lstrip()[end:]
        return found

    def wait_event(self, **wanted):
        def find():
            return [event for event in self.read_events()
                    if all(event.get(key) == value for key, value in wanted.items())]
        wait_until(find, f"no event {wanted} in {self.read_events()}")
        return find()[0]

    def test_job_finished(self):
        self.add()
        self.ok("schedule", "run", "nightly")
        event = self.wait_event(event="job-finished", operation="backup")
        self.assertEqual((event["state"], event["instance"], event["destination"],
                          event["schedule"], event["severity"]),
                         ("succeeded", "erp", "disk", "nightly", "info"))
        self.assertEqual(event["backup"], self.find_backups()[0]["id"])
        self.assertGreater(event["bytes"], 0)

    def test_late_and_in_time_again(self):
        """An alarm by itself, when no job ran; told once, also across a restart."""
        self.backup()
        self.add("nightly", "--late-after", "1s")
        wait_until(lambda: "backup-late" in self.problems(), "nobody tells")
        problem = self.problems()["backup-late"]
        self.assertEqual((problem["instance"], problem["severity"]), ("erp", "error"))
        event = self.wait_event(event="backup-late")
        self.assertEqual((event["instance"], event["severity"]), ("erp", "error"))
        self.assertGreater(event["age_seconds"], 0)
        root = self.bus.properties(ROOT, "")
        self.assertEqual(root["Health"], "error")
        self.assertIn("backup-late:erp", root["HealthReasons"])
        self.assertIn("good backup of erp", self.ok("status"))
        self.restart_service()
        self.problems()
        self.ok("schedule", "edit", "nightly", "--late-after", "1h")
        self.assertNotIn("backup-late", self.problems())
        self.wait_event(event="backup-in-time-again", instance="erp")
        self.assertEqual(len([event for event in self.read_events()
                              if event["event"] == "backup-late"]), 1)
        self.assertEqual(self.bus.properties(ROOT, "")["Health"], "good")

    def test_late_with_a_part(self):
        """Backups of a part are late by their own measure; whole ones are not late by theirs."""
        self.backup()
        self.add("often", "--only", "database", "--late-after", "4s", at="*:*:0/1")
        whole = time.time()
        wait_until(lambda: time.time() - whole > 6, "time stands still")
        self.assertNotIn("backup-late", self.problems())
        self.ok("schedule", "edit", "often", "--at", FAR)
        wait_until(lambda: "backup-late" in self.problems(), "nobody tells")
        self.assertRegex(self.problems()["backup-late"]["message"], "often.*erp")

    def test_damage(self):
        self.backup()
        pack = max((self.repository / "data").glob("*/*"), key=lambda file: file.stat().st_size)
        content = pack.read_bytes()
        os.chmod(pack, 0o600)
        pack.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        self.addCleanup(pack.write_bytes, content)
        self.assertNotEqual(ctl("verify", "--read-data").status, DONE)
        event = self.wait_event(event="damage-found")
        self.assertEqual((event["destination"], event["severity"]), ("disk", "error"))
        pack.write_bytes(content)
        self.ok("verify", "--read-data")
        self.assertNotIn("damage-found", self.problems())

    def test_hook_that_hangs_or_fails(self):
        """Nothing else waits for it."""
        for name, script in (("hang", "sleep 1000"), ("fail", "echo no good >&2; exit 3")):
            (self.hooks / name).write_text(f"#!/bin/sh\n{script}\n")
            (self.hooks / name).chmod(0o755)
        began = time.time()
        self.backup()
        self.wait_event(event="job-finished", operation="backup")
        self.assertLess(time.time() - began, 25)

    def test_metrics(self):
        file = self.directory / "obbackup.prom"
        settings = SANDBOX / "etc" / "obbackup.conf"
        os.chmod(self.directory, 0o755)
        settings.write_text(f"[obbackup]\nmetrics-file={file}\n")
        self.addCleanup(self.restart_service)
        self.addCleanup(settings.unlink)
        self.restart_service()
        self.backup()
        wait_until(lambda: file.exists() and "obbackup_last_success" in file.read_text(),
                   "no numbers are written")
        wait_until(lambda: 'operation="backup",state="succeeded"} 1' in file.read_text(),
                   "the job is not counted")
        text = file.read_text()
        last = re.search(r'obbackup_last_success_timestamp_seconds\{.*instance="erp".*\} (\S+)', text)
        self.assertLess(abs(float(last[1]) - time.time()), 60)
        self.assertIn('obbackup_health{instance="erp"} 1', text)


if __name__ == "__main__":
    raise SystemExit("run it with tests/run test_schedules")
