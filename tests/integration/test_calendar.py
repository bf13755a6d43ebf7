# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar expressions against systemd's own reading of them: thousands of random ones, in zones
whose clocks are set forward and back in odd ways. OBBACKUP_SEED chooses other ones."""

import collections
import datetime
import os
import random
import re
import unittest
from pathlib import Path
from zoneinfo import ZoneInfo

from harness import LONG, SOURCE, run

SEED = int(os.environ.get("OBBACKUP_SEED", "20240607"))
BUILD = Path(os.environ.get("OBBACKUP_BUILD") or SOURCE / "build")
ITERATIONS = 5
OUR_ITERATIONS = 8    # some of which systemd may leave out
WALL_ITERATIONS = 40  # several of which may become one
BASES_A_ZONE = 100 if LONG else 8
EXPRESSIONS_A_BASE = 25

DUBLIN_ENDS = 2140000000  # in 2037
UTC = datetime.timezone.utc
ZONES = ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo",
         "Africa/Casablanca", "Asia/Kathmandu", "Europe/Dublin", "America/Havana", "Pacific/Apia",
         "Pacific/Auckland", "America/St_Johns", "Asia/Tehran", "UTC"]
# Where the clock is set forward in the night, and summer time is the one that is not the standard.
STEADY = ["Europe/Madrid", "America/New_York", "Pacific/Auckland", "UTC"]
# A normalized form.
FORM = re.compile(r"(\S+ )?([^-~ ]+)-([^-~ ]+)([-~])(\S+) ([^: ]+):([^: ]+):([^: ]+)( \S+)?")
SHORTHANDS = ["minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually",
              "yearly", "annually"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
            "Monday", "tuesday", "WEDNESDAY", "Thursday", "friday", "Saturday", "sUnday"]


def changes(zone):
    """The moments at which the zone changes its offset, years 1975 to 2050, in seconds."""
    found = []
    day = 86400
    begin = int(datetime.datetime(1975, 1, 1, tzinfo=UTC).timestamp())

    def offset(moment):
        return datetime.datetime.fromtimestamp(moment, zone).utcoffset()

    for low in range(begin, begin + 75 * 365 * day, day):
        if offset(low) != offset(low + day):
            found.append(change_between(offset, low, low + day))
    return found


def change_between(offset, low, high):
    """The first moment with another offset than at low."""
    first = offset(low)
    while high - low > 1:
        middle = (low + high) // 2
        if offset(middle) == first:
            low = middle
        else:
            high = middle
    return high


class Generator:
    """Random expressions and moments."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, probability):
        return self.random.random() < probability

    def values(self, low, high, likely=None, width=0, fraction=False):
        """A list of numbers, ranges and repetitions."""
        if likely is None:
            likely = (low, high)
        parts = []
        for _ in range(self.random.choice([1, 1, 1, 1, 2, 3])):
            start = self.random.randint(*(likely if self.chance(0.8) else (low, high)))
            text = f"{start:0{self.random.choice([0, width])}}"
            if fraction and self.chance(0.1):
                text += f".{self.random.randint(0, 9999999)}"
            if self.chance(0.2):
                text += f"..{self.random.randint(start, high)}"
            if self.chance(0.2):
                text += f"/{self.random.randint(1, max(1, (high - low) // 2))}"
            parts.append(text)
        return ",".join(parts)

    def weekdays(self):
        parts = []
        for _ in range(self.random.choice([1, 1, 2, 3])):
            first = self.random.randrange(7)
            names = [self.random.choice([WEEKDAYS[first], WEEKDAYS[first + 7]])]
            if self.chance(0.4):
                last = self.random.randrange(first, 7)
                names.append(self.random.choice([WEEKDAYS[last], WEEKDAYS[last + 7]]))
            parts.append(self.random.choice(["..", "..", "-"]).join(names))
        return ",".join(parts) + ("," if self.chance(0.05) else "")

    def date(self, year):
        month = "*" if self.chance(0.6) else self.values(1, 12, width=2)
        day = "*" if self.chance(0.3) else self.values(1, 31, width=2)
        separator = "-"
        if self.chance(0.2):
            separator = "~"
            day = self.values(1, 28, likely=(1, 7), width=2)
        text = f"{month}{separator}{day}"
        if self.chance(0.4):
            return text
        if self.chance(0.7):
            return f"*-{text}"
        if 1970 <= year < 2069 and self.chance(0.2):
            return f"{year % 100:02}-{text}"
        return f"{self.values(1970, 2199, likely=(year, min(year + 3, 2199)))}-{text}"

    def time(self):
        hour = "*" if self.chance(0.2) else self.values(0, 23, likely=(0, 3), width=2)
        minute = "*" if self.chance(0.1) else self.values(0, 59, width=2)
        second = "*" if self.chance(0.1) else self.values(0, 59, width=2, fraction=True)
        return f"{hour}:{minute}" + ("" if self.chance(0.7) else f":{second}")

    def expression(self, year):
        """(text without zone, zone or None)"""
        zone = None
        if self.chance(0.15):
            zone = self.random.choice(ZONES)
        if self.chance(0.05):
            return self.random.choice(SHORTHANDS), zone
        if self.chance(0.02):
            return f"@{self.random.randrange(2 ** 32)}", "UTC"
        parts = []
        if self.chance(0.3):
            parts.append(self.weekdays())
        if self.chance(0.5):
            parts.append(self.date(year))
        if not parts or self.chance(0.8):
            parts.append(self.time())
        text = " ".join(parts)
        return (self.broken(text) if self.chance(0.12) else text), zone

    def broken(self, text):
        """With a character more, less or other, which may leave it right."""
        at = self.random.randrange(len(text))
        character = self.random.choice("0123456789*,.-~:/ MonSxé@")
        return self.random.choice([text[:at] + text[at + 1:],
                                   text[:at] + character + text[at:],
                                   text[:at] + character + text[at + 1:]]).strip() or "x"

    def base(self, found):
        """A moment in whole seconds, mostly a few hours around a change of the clock."""
        if found and self.chance(0.8):
            return self.random.choice(found) + self.random.randint(-36 * 3600, 3 * 3600)
        return self.random.randint(0, 220 * 365 * 86400)


class Systemd:
    """What systemd-analyze answers."""

    def __init__(self, base, zone, expressions, iterations):
        moment = datetime.datetime.fromtimestamp(base, UTC)
        done = run("systemd-analyze", "calendar", f"--iterations={iterations}",
                   f"--base-time={moment:%Y-%m-%d %H:%M:%S} UTC", "--", *expressions,
                   environment={"TZ": zone, "COLUMNS": "10000"})
        blocks = self.blocks(done.out)
        blocks += [[] for _ in range(len(expressions) - len(blocks))]
        lost = set(re.findall(r"Failed to determine next elapse for '(.*)':", done.err))
        self.answers = [self.read(block, expression in lost)
                        for expression, block in zip(expressions, blocks, strict=True)]

    @staticmethod
    def blocks(text):
        """The lines for each expression; none for one that is refused."""
        blocks = [[]]
        for line in text.splitlines():
            if line:
                blocks[-1].append(line)
            else:
                blocks.append([])
        return blocks

    @staticmethod
    def read(lines, is_lost):
        """(normalized form, [seconds since 1970]); None for a refused one, and None as the list
        where systemd gave up."""
        if is_lost:
            return None, None
        if not lines:
            return None
        form, moments = None, []
        for line in lines:
            name, _, value = line.strip().partition(": ")
            if name == "Normalized form":
                form = value
            elif match := re.fullmatch(r"\w+ (\d+-\d+-\d+ \d+:\d+:\d+) UTC", value):
                naive = datetime.datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S")
                moments.append(int(naive.replace(tzinfo=UTC).timestamp()))
        return form, moments


def at_wall_time(naive, zone, after):
    """(first moment after another at which the clock shows or skips this, whether it skips it), or
    None where that has passed."""
    both = [int(naive.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)]
    shown = [moment for moment in both
             if datetime.datetime.fromtimestamp(moment, zone).replace(tzinfo=None) == naive]
    skips = not shown
    if skips:
        shown = [change_between(lambda at: datetime.datetime.fromtimestamp(at, zone).utcoffset(),
                                min(both), max(both))]
    return min(((moment, skips) for moment in shown if moment > after), default=None)


def with_end(item, end, from_month_end):
    start, slash, step = item.partition("/")
    if not slash or ".." in start:
        return item
    if from_month_end:
        return f"{(int(start) - 1) % int(step) + 1}..{start}/{step}"
    return f"{start}..{end}/{step}"


class Case:
    """An expression in a zone, and a moment."""

    def __init__(self, local_zone, base, text, zone):
        self.local_zone = local_zone
        self.base = base
        self.text = text
        self.expression = text if zone is None else f"{text} {zone}"
        self.zone = ZoneInfo(zone or local_zone)
        self.ours = None

    def bounded(self, has_zone=True):
        """The normalized form with an end to each repetition, which means the same. Where there is
        none systemd goes beyond the end of the day or month by the step, and may leave out what
        comes first in the next month or year."""
        weekdays, *parts, zone = FORM.fullmatch(self.ours[0]).groups(default="")
        separator = parts[2]
        ends = ["2199", "12", "", "31", "23", "59", "59.999999"]
        for place, end in enumerate(ends):
            if end:
                parts[place] = ",".join(with_end(item, end, separator == "~" and place == 3)
                                        for item in parts[place].split(","))
        year, month, _, day, hour, minute, second = parts
        return (f"{weekdays}{year}-{month}{separator}{day} {hour}:{minute}:{second}"
                + (zone if has_zone else ""))

    def cut(self, moments):
        """Without those for which GLib computes the zone by a rule that it misreads (GLib 2.74),
        one whose other time is UTC."""
        if self.zone.key == "Europe/Dublin" and moments is not None:
            return [moment for moment in moments if moment < DUBLIN_ENDS]
        return moments

    def wall(self, moment):
        return datetime.datetime.fromtimestamp(moment, self.zone).replace(tzinfo=None)

    def wall_base(self):
        return int(self.wall(self.base).replace(tzinfo=UTC).timestamp())

    def is_first_hour_of_month(self, moment):
        wall = self.wall(moment)
        return wall.day == 1 and wall.hour == 0

    def expect(self, wall_times):
        """What follows from the times that the clock on the wall is to show: [(moment, whether it
        stands for skipped times)]."""
        expected, after = [], self.base
        for wall in dict.fromkeys(wall_times):
            naive = datetime.datetime.fromtimestamp(wall, UTC).replace(tzinfo=None)
            if found := at_wall_time(naive, self.zone, after):
                expected.append(found)
                after = found[0]
        return expected


class Calendar(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        print(f"OBBACKUP_SEED={SEED}")
        self.generator = Generator(SEED)
        self.changes = {name: changes(ZoneInfo(name)) for name in ZONES}
        self.counts = collections.Counter()

    def groups(self):
        """Lists of cases of the same local zone and moment."""
        for zone in ZONES:
            for _ in range(BASES_A_ZONE):
                base = self.generator.base(self.changes[zone])
                year = datetime.datetime.fromtimestamp(base, UTC).year
                yield [Case(zone, base, *self.generator.expression(year))
                       for _ in range(EXPRESSIONS_A_BASE)]

    def ours(self, cases):
        lines = "".join(f"{case.local_zone}\t{case.base * 1000000}\t{OUR_ITERATIONS}"
                        f"\t{case.expression}\n" for case in cases)
        done = run(BUILD / "tests/unit/schedule/calendar-next", stdin=lines)
        self.assertEqual((done.status, done.err), (0, ""))
        answers = []
        for line in done.out.splitlines():
            form, *moments = line.split("\t")
            answers.append(None if form == "!" else (form, [int(m) // 1000000 for m in moments]))
        self.assertEqual(len(answers), len(cases))
        return answers

    def test_against_systemd(self):
        groups = list(self.groups())
        everybody = [case for group in groups for case in group]
        for case, answer in zip(everybody, self.ours(everybody), strict=True):
            case.ours = answer
        for group in groups:
            forms = self.ask(group, [case.expression for case in group], 1)
            good = []
            for case, form in zip(group, forms, strict=True):
                with self.tell(case):
                    if self.compare_forms(case, form):
                        good.append(case)
            for case, theirs, wall_times in zip(good, self.ask_for_moments(good),
                                                self.ask_for_wall_times(good), strict=True):
                with self.tell(case):
                    self.compare_moments(case, theirs, wall_times)
        print(dict(self.counts))
        self.assertGreater(self.counts["same"], len(everybody) / 2)
        self.assertLess(self.counts["given up"], len(everybody) / 100)
        for kind in ("refused", "a skipped time"):
            self.assertGreater(self.counts[kind], 0, kind)

    def tell(self, case):
        return self.subTest(seed=SEED, expression=case.expression, zone=case.local_zone,
                            base=case.base)

    @staticmethod
    def ask(cases, expressions, iterations):
        """What systemd says of expressions of one group."""
        if not cases:
            return []
        return Systemd(cases[0].base, cases[0].local_zone, expressions, iterations).answers

    def ask_for_moments(self, cases):
        answers = self.ask(cases, [case.bounded() for case in cases], ITERATIONS)
        for i, (case, answer) in enumerate(zip(cases, answers, strict=True)):
            if answer is None:  # see check_month_end_list()
                answers[i], = self.ask([case], [case.ours[0]], ITERATIONS)
        return [moments for _, moments in answers]

    @staticmethod
    def ask_for_wall_times(cases):
        """What the clock on the wall would show if it never changed."""
        found = {}
        for base in {case.wall_base() for case in cases}:
            some = [case for case in cases if case.wall_base() == base]
            answers = Systemd(base, "UTC", [case.bounded(has_zone=False) for case in some],
                              WALL_ITERATIONS).answers
            for case, answer in zip(some, answers, strict=True):
                if answer is None:
                    answer, = Systemd(base, "UTC", [case.text], WALL_ITERATIONS).answers
                found[case] = answer[1]
        return [found[case] for case in cases]

    def compare_forms(self, case, their):
        """Whether both understand the expression."""
        if case.ours is None:
            self.assertIsNone(their)
            self.counts["refused"] += 1
            return False
        if their is None:
            self.check_month_end_list(case)
            return False
        if their[0] is None:  # it gave up the search
            their, = Systemd(0, "UTC", [case.expression], 1).answers
        self.assertEqual(case.ours[0], their[0])
        return True

    def check_month_end_list(self, case):
        """systemd refuses lists of days that count from the end of the month where a later one lies
        three days times its place too far away; one by one it takes them."""
        head, days, tail = re.fullmatch(r"(.*~)(\S+)(.*)", case.ours[0]).groups()
        self.assertIn(",", days)
        alone = [head + day + tail for day in days.split(",")]
        self.assertNotIn(None, Systemd(case.base, case.local_zone, alone, 1).answers)
        self.counts["only ours"] += 1

    def compare_moments(self, case, theirs, wall_times):
        if wall_times is None:
            self.counts["given up"] += 1
            return
        is_whole = len(wall_times) < WALL_ITERATIONS
        expected = [found for found in case.expect(wall_times) if case.cut([found[0]])]
        ours, theirs = case.cut(case.ours[1]), case.cut(theirs)
        if "." in case.ours[0].replace("..", ""):  # systemd prints whole seconds
            ours, theirs = self.without_equal(case, ours), self.without_equal(case, theirs)
            expected = expected[:len(ours)]
        if not is_whole:
            ours = ours[:len(expected)]
        self.assertEqual(ours, [moment for moment, _ in expected][:OUR_ITERATIONS])

        if theirs == ours[:ITERATIONS]:
            self.counts["same"] += 1
            return
        # Without what systemd leaves out: the one difference that is wanted.
        plain = [moment for moment, skips in expected if not skips or moment in (theirs or [])]
        length = min(len(plain), len(theirs or []))
        if theirs and plain[:length] == theirs[:length]:
            self.counts["a skipped time"] += 1
            return
        kind = self.explain(case, plain, theirs)
        self.assertIsNotNone(kind, f"ours {ours}, expected {expected}, systemd {theirs}")
        self.counts[kind] += 1

    @staticmethod
    def without_equal(case, moments):
        return [m for m in dict.fromkeys(moments or []) if m > case.base]

    def explain(self, case, plain, theirs):
        """What is known of systemd where it is otherwise than it should be."""
        common = len(os.path.commonprefix([plain, theirs or []]))
        before = plain[common - 1] if common else case.base
        until = max(case.ours[1], default=before + 86400)
        if theirs and common < min(len(plain), len(theirs)):
            our, their = plain[common], theirs[common]
            until = max(our, their)
            if (our < their and case.wall(our) == case.wall(their)
                    and ("~" in case.ours[0] or case.is_first_hour_of_month(our))):
                return "the second of two equal times"
        if case.zone.key not in STEADY and self.is_set_forward(case.zone, before, until):
            return "nothing more on a day of a skipped time"
        return None

    def is_set_forward(self, zone, low, high):
        """Whether the clock is set forward between two moments."""
        def offset(moment):
            return datetime.datetime.fromtimestamp(moment, zone).utcoffset()

        return any(low < change <= high and offset(change) > offset(change - 1)
                   for change in self.changes[zone.key])
