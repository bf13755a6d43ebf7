# SPDX-License-Identifier: GPL-3.0-or-later
"""Job objects: their properties, their queue, what stays of them and for how long."""

import json
import os
import re
import time

from bus import BusError
from harness import (BUSY, CANCELLED, DONE, FAILED, FINAL, NAME, ROOT, InstallationTest, Size, ctl,
                     start_ctl, wait_until)

PROPERTIES = {"Operation", "Instance", "Destination", "State", "Phase", "ErrorName", "BytesDone",
              "BytesTotal", "Rate", "StartTime", "EndTime", "ExpectedEnd", "StartedByUid",
              "Warnings", "Cancelable", "WaitingSince"}


class JobsTest(InstallationTest):
    size = Size(orders=200, source_files=100, webapp_files=20, attachments=20, extra_tables=4,
                large_file=30 << 20, sparse_file=1 << 20)
    odd_names = True

    def grow(self, mebibytes=60):
        """Something that takes a while."""
        (self.installation.source / "big.bin").write_bytes(os.urandom(mebibytes << 20))

    def numbers(self):
        return {int(path.rpartition("/")[2]) for path in self.bus.objects() if "/jobs/" in path}


class Objects(JobsTest):
    def test_properties(self):
        start = int(time.time())
        path = self.start_backup(label="of the test")
        result = self.succeeded(path)
        job = self.bus.job(path)
        self.assertEqual(set(job), PROPERTIES)
        self.assertEqual((job["Operation"], job["Instance"], job["Destination"], job["ErrorName"],
                          job["StartedByUid"], job["Warnings"], job["Cancelable"]),
                         ("backup", "erp", "disk", "", 0, 0, False))
        self.assertLessEqual(start, job["StartTime"] + 1)
        self.assertLessEqual(job["StartTime"], job["EndTime"])
        self.assertGreater(job["BytesDone"], 30 << 20)
        self.assertEqual(result["label"], "of the test")
        self.assertGreater(result["seconds"], 0)
        self.assertRegex(result["id"], "^[0-9a-f]{64}$")
        self.assertEqual(set(result["parts"]), {"database", "sources", "webapp", "attachments"})

    def test_object_manager(self):
        objects = self.bus.objects()
        names = {path.removeprefix(ROOT + "/").partition("/")[0] for path in objects}
        self.assertLessEqual({"instances", "destinations"}, names)
        instance = objects[f"{ROOT}/instances/erp"][f"{NAME}.Instance"]
        self.assertEqual(instance["Name"], "erp")
        destination = objects[f"{ROOT}/destinations/disk"][f"{NAME}.Destination"]
        self.assertEqual((destination["Name"], destination["Kind"]), ("disk", "local"))

    def test_health_and_space(self):
        self.backup("--only", "webapp")
        self.ok("destination", "check", "disk")
        destination = self.bus.properties(f"{ROOT}/destinations/disk", "Destination")
        status = os.statvfs(self.repository)
        self.assertEqual(destination["State"], "ready")
        self.assertEqual(destination["TotalBytes"], status.f_blocks * status.f_frsize)
        self.assertGreater(destination["FreeBytes"], 0)
        self.ok("instance", "check", "erp")
        instance = self.bus.properties(f"{ROOT}/instances/erp", "Instance")
        self.assertEqual(instance["Health"], "good")
        self.backup()
        instance = self.bus.properties(f"{ROOT}/instances/erp", "Instance")
        self.assertLess(abs(instance["LastSuccess"] - time.time()), 600)

    def test_progress_grows(self):
        self.grow()
        path = self.start_backup()
        seen = []

        def look():
            job = self.bus.job(path)
            seen.append(job["BytesDone"])
            return job["State"] in FINAL

        wait_until(look, "the backup does not end", 1200)
        self.succeeded(path)
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(seen[-1], 60 << 20)

    def test_log(self):
        path = self.start_backup()
        self.succeeded(path)
        lines = self.bus.log(path)
        self.assertTrue(lines)
        self.assertLessEqual(len(lines), 1000)
        for line in lines:
            self.assertNotIn(self.installation.password, line)

    def test_result_of_a_running_job(self):
        self.grow()
        path = self.start_backup()
        try:
            with self.assertRaises(BusError) as caught:
                self.bus.result(path)
            self.assertEqual(caught.exception.name, "Busy")
        finally:
            self.succeeded(path)

    def test_cancel_of_what_has_ended(self):
        path = self.start_backup(parts=["webapp"])
        self.succeeded(path)
        with self.assertRaises(BusError) as caught:
            self.bus.cancel(path)
        self.assertEqual(caught.exception.name, "InvalidArgument")


class Queue(JobsTest):
    def test_one_at_a_time_for_an_instance(self):
        self.grow()
        first, second = self.start_backup(), self.start_backup(parts=["webapp"])
        overlap = []

        def look():
            # The second one first: it may begin between the two questions, when the first has ended.
            later = self.bus.job(second)["State"]
            former = self.bus.job(first)["State"]
            if later == "running" and former == "running":
                overlap.append((former, later))
            return former in FINAL and later in FINAL

        wait_until(look, "they do not end", 1200)
        self.assertEqual(overlap, [])
        self.succeeded(first)
        self.succeeded(second)
        self.assertGreaterEqual(self.bus.job(second)["EndTime"], self.bus.job(first)["EndTime"])

    def test_cancel_one_that_waits(self):
        self.grow()
        before = self.backups()
        first, second = self.start_backup(), self.start_backup(parts=["webapp"])
        if self.bus.job(second)["State"] == "queued":
            self.bus.cancel(second)
            self.assertEqual(self.wait_job(second)["State"], "cancelled")
            self.succeeded(first)
            self.assertEqual(len(self.backups()), len(before) + 1)
        self.wait_job(first)

    def test_two_instances_at_once(self):
        other = self.make_installation("other", size=Size.tiny())
        self.ok("instance", "add", "other", *self.instance_words(other, False))
        self.addCleanup(ctl, "instance", "remove", "other")
        paths = [self.start_backup(),
                 self.bus.manager("Backup", "(sa{sv})", "other", {})[0]]
        for path in paths:
            self.succeeded(path)
        self.restic("check")
        names = {backup["instance"] for backup in
                 self.bus.manager("ListBackups", "(a{sv})", {})[0]}
        self.assertEqual(names, {"erp", "other"})

    def test_what_is_busy_is_not_removed(self):
        self.grow()
        path = self.start_backup()
        done = ctl("instance", "remove", "erp")
        if self.bus.job(path)["State"] == "running":
            self.assertEqual(done.status, BUSY, done)
            self.assertEqual(ctl("destination", "remove", "disk").status, BUSY)
        self.succeeded(path)


class History(JobsTest):
    def test_finished_job_survives_a_restart(self):
        path = self.start_backup(parts=["webapp"], label="kept")
        result = self.succeeded(path)
        job, log = self.bus.job(path), self.bus.log(path)
        self.restart_service()
        self.assertEqual(self.bus.job(path), job)
        self.assertEqual(self.bus.result(path), result)
        self.assertEqual(self.bus.log(path), log)

    def test_failed_job_keeps_its_error(self):
        aside = self.repository.with_name("aside")
        self.repository.rename(aside)
        self.restart_service()
        try:
            path = self.start_backup()
            self.assertEqual(self.wait_job(path)["ErrorName"], "DestinationUnavailable")
        finally:
            aside.rename(self.repository)
        error = self.bus.result(path)["error"]
        self.kill_service()
        self.assertEqual(self.bus.job(path)["State"], "failed")
        self.assertEqual(self.bus.result(path)["error"], error)

    def test_numbers_are_not_given_twice(self):
        first = self.start_backup(parts=["webapp"])
        self.succeeded(first)
        self.kill_service()
        second = self.start_backup(parts=["webapp"])
        self.succeeded(second)
        self.assertGreater(int(second.rpartition("/")[2]), int(first.rpartition("/")[2]))

    def test_at_most_fifty_stay(self):
        for _ in range(55):
            self.wait_job(self.bus.call(f"{ROOT}/instances/erp", f"{NAME}.Instance", "Check",
                                        "(a{sv})", {})[0])
        numbers = self.numbers()
        self.assertLessEqual(len(numbers), 50)
        self.restart_service()
        self.assertEqual(self.numbers(), numbers)

    def test_configuration_survives_a_kill(self):
        before = (self.ok("instance", "show", "erp"), self.ok("destination", "list"))
        self.kill_service()
        self.assertEqual(before[0], self.ok("instance", "show", "erp"))
        self.assertEqual(len(before[1].splitlines()),
                         len(self.ok("destination", "list").splitlines()))


class CommandLine(JobsTest):
    def test_no_wait_and_watch(self):
        out = self.ok("backup", "erp", "--no-wait")
        number = re.search(r"\d+", out).group()
        self.assertEqual(ctl("watch", number).status, DONE)
        # A client that comes late still reads the result.
        watched = self.json("watch", number)
        self.assertEqual(watched["state"], "succeeded")
        self.assertIn(watched["id"], self.backups())

    def test_jobs(self):
        self.backup("--only", "webapp")
        out = self.ok("jobs")
        self.assertRegex(out.splitlines()[-1], r"backup.*erp.*succeeded")
        jobs = self.json("jobs")
        jobs = jobs if isinstance(jobs, list) else jobs["jobs"]
        self.assertEqual(jobs[-1]["State"], "succeeded")

    def test_cancel(self):
        self.grow(200)
        path = self.start_backup()
        number = path.rpartition("/")[2]
        watcher = start_ctl("watch", number)
        self.ok("cancel", number, status=(DONE, FAILED))
        state = self.wait_job(path)["State"]
        out, err = watcher.communicate(timeout=600)
        self.assertEqual(watcher.returncode, CANCELLED if state == "cancelled" else DONE, out + err)
        (self.installation.source / "big.bin").write_bytes(b"")

    def test_progress_as_json_lines(self):
        self.grow(10)
        lines = [json.loads(line) for line in
                 self.ok("backup", "erp", "--json").splitlines()]
        self.assertEqual(lines[-1]["type"], "result")
        self.assertEqual({line["type"] for line in lines[:-1]}, {"progress"})
        self.assertTrue(all(line["done"] >= 0 for line in lines[:-1]))

    def test_status(self):
        identifier = self.backup("--only", "webapp")
        out = self.ok("status", status=(DONE, FAILED))
        self.assertIn("erp", out)
        self.assertIn("disk", out)
        status = self.json("status", status=(DONE, FAILED))
        self.assertIn("erp", str(status))
        self.assertTrue(identifier)
