# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention rules keep what Debian's restic keeps by the same rules, for the same reasons: random
histories of backups of one kind, under random rules, in time zones of all sorts, are judged by
both. OBBACKUP_SEED chooses other ones."""

import json
import os
import random
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from harness import LONG, SOURCE, run, unittest

PROGRAMS = Path(os.environ.get("OBBACKUP_BUILD") or SOURCE / "build") / "tests" / "integration"
SEED = int(os.environ.get("OBBACKUP_SEED", "1"))
HISTORIES = 4000 if LONG else 150
PASSPHRASE = "retention"
# In memory, the sandbox's own: on a disk most of the time would go to making and removing files.
HISTORY = Path("/dev/shm/history")
HOUR, DAY = 3600, 86400
NOW = 1733011200  # 2024-12-01: in no history is one of the future

# Clocks that change by an hour or by half of one, at night or at midnight, in winter; a day that
# was left out; and offsets that are no whole hours.
ZONES = ["Africa/Casablanca", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
         "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo", "Australia/Lord_Howe", "Europe/London",
         "Europe/Madrid", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kiritimati", "UTC"]
PERIODS = ["hourly", "daily", "weekly", "monthly", "yearly"]


class Program:
    """A program that answers a line of JSON with another one."""

    def __init__(self, name):
        self.process = subprocess.Popen([PROGRAMS / name], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE,
                                        env={**os.environ, "RESTIC_PASSWORD": PASSPHRASE})

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.communicate()
        return self.process.returncode


def changes_of_clocks(zone):
    """When the clocks of the zone change, to the hour."""
    changes, offset = [], None
    for moment in range(NOW // HOUR * HOUR - 4000 * DAY, NOW, HOUR):
        now = zone.utcoffset(datetime.fromtimestamp(moment, zone))
        if offset not in (None, now):
            changes.append(moment)
        offset = now
    return changes


def random_times(choose, changes):
    """A set of seconds: regular ones, bursts, gaps, whole days, nights in which clocks change."""
    count = choose.choice([choose.randint(5, 40), choose.randint(5, 300)])
    newest = NOW - choose.randint(1, choose.choice([DAY, 400 * DAY, 2500 * DAY]))
    if changes and choose.random() < 0.4:
        newest = min(NOW - 1, choose.choice(changes) + choose.randint(-3 * HOUR, 3 * HOUR))
    times, moment = {newest}, newest
    step = choose.choice([HOUR // 2, 6 * HOUR, DAY, 7 * DAY, 30 * DAY])
    while len(times) < count and moment > newest - 3000 * DAY:
        way = choose.random()
        if way < 0.02:
            step = choose.choice([HOUR // 2, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY])
        if way < 0.05:
            moment -= choose.randint(1, 100 * DAY)
        elif way < 0.3:
            moment -= choose.randint(1, 2 * step)
        else:
            moment -= step
        times.add(moment)
        if changes and choose.random() < 0.05:
            near = choose.choice(changes) + choose.choice([0, choose.randint(-3 * HOUR, 3 * HOUR)])
            if near <= newest:
                times.add(near)
    times |= {newest - choose.randint(1, 60) * DAY for _ in range(choose.randint(0, 9))}
    return times


def random_span(choose):
    """A span of time as rules have it."""
    while True:
        numbers = [choose.choice([0, 0, choose.randint(1, largest)]) for largest in (4, 30, 60, 72)]
        if any(numbers):
            return "".join(f"{number}{unit}" for number, unit in zip(numbers, "ymdh") if number)


def random_rules(choose):
    names = ["last", "within", *PERIODS, *(f"within-{period}" for period in PERIODS)]
    return {f"keep-{name}": random_span(choose) if "within" in name
            else str(choose.choice([choose.randint(1, 5), choose.randint(1, 40)]))
            for name in choose.sample(names, choose.randint(1, 6))}


def as_restic_tells(reason):
    """The reason of ours in restic's words, without numbers; None for one that it does not know."""
    if reason == "last good backup":
        return None
    counted = re.fullmatch(r"(last|\w+ly) \d+ of \d+", reason)
    return f"{counted[1]} snapshot" if counted else re.sub(r"within .*", "within", reason)


class SameAsRestic(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.writer, cls.judge = Program("write-history"), Program("judge-history")
        cls.changes = {name: changes_of_clocks(ZoneInfo(name)) for name in ZONES}
        print(f"OBBACKUP_SEED={SEED}")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(HISTORY, ignore_errors=True)
        statuses = (cls.writer.end(), cls.judge.end())
        assert statuses == (0, 0), f"the programs ended with {statuses}"

    def write(self, zone, times):
        """Makes a repository of these snapshots and returns their ids. restic takes a time with the
        offset of its own zone for one of this zone, as those that it wrote itself."""
        shutil.rmtree(HISTORY, ignore_errors=True)
        # With +00:00 and not with Z, which restic would take for UTC in London too.
        texts = [datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat() for moment in times]
        return self.writer.ask(directory=str(HISTORY), times=texts)["ids"]

    def ask_restic(self, zone, rules):
        """{id: reasons} of what it keeps."""
        words = [f"--{name}={value}" for name, value in rules.items()]
        done = run("restic", "--no-cache", "--no-lock", "--repo", HISTORY, "forget", "--dry-run",
                   "--json", "--group-by", "", *words,
                   environment={"RESTIC_PASSWORD": PASSPHRASE, "TZ": zone})
        self.assertEqual(done.status, 0, done.err)
        group, = json.loads(done.out)
        return {snapshot["id"]: sorted(re.sub(r"within .*", "within", match)
                                       for match in reason["matches"])
                for snapshot, reason in zip(group["keep"], group["reasons"], strict=True)}

    def ask_ours(self, zone, rules, times, ids):
        items = [{"id": identifier, "time": moment, "kind": "scheduled"}
                 for identifier, moment in zip(ids, times, strict=True)]
        answer = self.judge.ask(zone=zone, now=NOW, rules=rules, items=items)
        self.assertNotIn("error", answer)
        self.assertEqual([item["id"] for item in answer["items"]], ids)
        return {item["id"]: sorted(filter(None, map(as_restic_tells, item["reasons"])))
                for item in answer["items"] if item["keep"]}

    def compare(self, number, zone, rules, times):
        """Judges one history by both; returns how many were kept, of how many, and whether they
        would be the same in UTC."""
        ids = self.write(zone, times)
        theirs = self.ask_restic(zone, rules)
        ours = self.ask_ours(zone, rules, times, ids)

        named = {identifier: f"{datetime.fromtimestamp(moment, ZoneInfo(zone))}"
                 for identifier, moment in zip(ids, times)}
        differences = [(named[identifier], "restic:", theirs.get(identifier), "ours:",
                        ours.get(identifier))
                       for identifier in sorted(ids, key=named.get, reverse=True)
                       if theirs.get(identifier) != ours.get(identifier)]
        self.assertEqual(differences, [], f"OBBACKUP_SEED={SEED}, history {number}: {len(ids)} "
                         f"backups, the newest of {max(named.values())} in {zone}, under {rules}")
        return len(ours), len(ids), ours == self.ask_ours("UTC", rules, times, ids)

    def judge_at_random(self, number):
        choose = random.Random(f"{SEED} {number}")
        zone = ZONES[number % len(ZONES)]
        rules = random_rules(choose)
        times = list(random_times(choose, self.changes[zone]))
        choose.shuffle(times)
        return self.compare(number, zone, rules, times)

    def test_random_histories(self):
        kept, judged, same_in_utc = zip(*map(self.judge_at_random, range(HISTORIES)))
        # That the histories are worth judging: some go, some stay, and zones matter.
        self.assertLess(sum(kept), 0.7 * sum(judged))
        self.assertGreater(sum(kept), 0.1 * sum(judged))
        self.assertGreater(same_in_utc.count(False), HISTORIES / 10)

    def test_span_that_ends_as_clocks_change(self):
        """At an hour that is shown twice, or not at all."""
        for number in range(HISTORIES // 2):
            choose = random.Random(f"{SEED} clocks {number}")
            zone = ZONES[number % len(ZONES)]
            change = choose.choice(self.changes[zone] or [NOW - 400 * DAY])
            days = choose.randint(1, 60)
            newest = min(NOW - 1, change + days * DAY + choose.randint(-2 * HOUR, 2 * HOUR))
            times = [newest, *(change + minute * 60 for minute in range(-179, 180, 7))]
            self.compare(number, zone, {"keep-within": f"{days}d"}, times)


if __name__ == "__main__":
    unittest.main()
