# SPDX-License-Identifier: GPL-2.0
"""Read what a guest wrote to its console: records, test results, reports.

Works on the lines of a log, of a running machine or of a saved file alike.
"""

import re

# "[    1.234567] text" or, with CONFIG_PRINTK_CALLER, "[ 1.2][ T1] text".
TIME = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ")
RECORD = re.compile(r"@lab (.*)")
FIELD = re.compile(r"([\w.]+)=(\S*)")

REPORT = re.compile(
    r"BUG:|WARNING:|WARNING! |\bOops\b|Kernel panic|KASAN:|KFENCE:|UBSAN:"
    r"|INFO: (?:possible|task|rcu|suspicious)|rcu: INFO|Call Trace:"
    r"|general protection fault|bad page|Bad page|Bad rss-counter"
    r"|page dumped because|soft lockup|hard LOCKUP|DEADLOCK|Out of memory:")
PANIC = re.compile(r"Kernel panic|\bOops\b|BUG:")
# Advice that every kernel prints on such a machine, and no fault.
ADVICE = re.compile(r"Spectre|spectre|MDS|TAA|MMIO Stale|VMSCAPE|vulnerabilit")

RESULT = re.compile(r"^( *)(ok|not ok) (\d+)(?: *-)?(?: (.*))?$")
PLAN = re.compile(r"^( *)1\.\.(\d+)")
VERSION = re.compile(r"^( *)(?:K?TAP version \d+)")
DIRECTIVE = re.compile(r"(?:^|\s)# ?(SKIP|XFAIL)\b.*", re.I)


def untimed(line):
    """A console line without the kernel's time stamp."""
    return TIME.sub("", line)


def value(text):
    """A field as a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def record(line):
    """The fields of an "@lab key=value ..." line, or None."""
    match = RECORD.search(line)
    if not match:
        return None
    return {key: value(text) for key, text in FIELD.findall(match[1])}


def records(lines):
    """All records of a log, in order."""
    return [fields for fields in map(record, lines) if fields]


def reports(lines):
    """The lines in which the kernel reports a fault."""
    return [line for line in lines
            if REPORT.search(line) and not ADVICE.search(line)
            and not RECORD.search(line) and not RESULT.match(untimed(line))]


def end(lines):
    """The status that the guest's last line gives its job, or None."""
    for fields in reversed(records(lines)):
        if "end" in fields:
            return fields.get("status")
    return None


def outcome(lines, late):
    """ok, failed, panic, hang or lost: how a boot ended, the worst first.

    Each is a state of its own: a machine that vanished is not a failed test.
    """
    found = reports(lines)
    if any(PANIC.search(line) for line in found):
        return "panic"
    if late:
        return "hang"
    status = end(lines)
    if status is None:
        return "lost"
    if found:
        return "panic"
    return "ok" if status == 0 else "failed"


class Results:
    """Counted tests: leaves of KTAP, and checks of the lab itself."""

    def __init__(self):
        self.passed = []
        self.failed = []
        self.skipped = []

    def add(self, name, good):
        (self.passed if good else self.failed).append(name)

    def extend(self, other, prefix=""):
        """Take over the results of one boot, under its name."""
        if prefix:
            prefix += ": "
        for mine, theirs in ((self.passed, other.passed),
                             (self.failed, other.failed),
                             (self.skipped, other.skipped)):
            mine += [prefix + name for name in theirs]

    def ran(self):
        return len(self.passed) + len(self.failed) + len(self.skipped)

    def summary(self):
        text = f"{len(self.passed)} passed, {len(self.failed)} failed"
        return text + (f", {len(self.skipped)} skipped" if self.skipped else "")


class Level:
    """One indentation of a KTAP document: its plan and what came so far."""

    def __init__(self):
        self.plan = None
        self.seen = 0
        self.bad = 0


class Ktap:
    """A reader of one KTAP stream: feed lines, then finish."""

    def __init__(self, results):
        self.results = results
        self.levels = {}

    def close(self, depth):
        """End every level deeper than depth; True if there was one.

        A level that saw fewer results than it planned lost tests: that is a
        failure, whatever its summary line says.
        """
        deeper = sorted((d for d in self.levels if d > depth), reverse=True)
        had_results = False
        for level in (self.levels.pop(d) for d in deeper):
            had_results |= level.seen > 0
            if level.plan is not None and level.plan != level.seen:
                self.results.add(
                    f"{level.seen} of {level.plan} planned tests ran", False)
                level.bad += 1
            if level.bad:
                self.levels.setdefault(depth, Level()).bad += 1
        return had_results

    def feed(self, line):
        match = VERSION.match(line)
        if match:
            self.close(len(match[1]) - 1)
            return
        match = PLAN.match(line)
        if match:
            self.close(len(match[1]))
            self.levels.setdefault(len(match[1]), Level()).plan = int(match[2])
            if match[2] == "0" and DIRECTIVE.search(line):
                self.results.skipped.append("a whole test program")
            return
        match = RESULT.match(line)
        if match:
            self.result(len(match[1]), match[2] == "ok", match[4] or match[3])

    def result(self, depth, good, text):
        level = self.levels.setdefault(depth, Level())
        bad_before = level.bad
        is_summary = self.close(depth)
        bad_below = level.bad > bad_before
        level.seen += 1
        name = DIRECTIVE.sub("", text).strip()
        directive = DIRECTIVE.search(text)
        if is_summary:
            # Its leaves are counted; a suite may yet fail on its own.
            if not good and not bad_below:
                self.results.add(name, False)
                level.bad += 1
        elif directive and directive[1].upper() == "SKIP":
            self.results.skipped.append(name)
        else:
            self.results.add(name, good)
            level.bad += not good

    def finish(self):
        self.close(-1)


def ktap(lines):
    """Count the tests of a log.

    The kernel's own tests and those of programs share the console, and the
    time stamp tells them apart; each is read as a stream of its own.
    """
    results = Results()
    for timed in (True, False):
        reader = Ktap(results)
        for line in lines:
            if bool(TIME.match(line)) == timed:
                reader.feed(untimed(line))
        reader.finish()
    return results


def says(lines, pattern):
    """Does a line of the kernel match? Its own command line does not count."""
    return any(TIME.match(line) and re.search(pattern, untimed(line))
               and "ommand line:" not in line for line in lines)
