# SPDX-License-Identifier: GPL-2.0
"""The tests: which kernels boot with which job, and what each must show."""

import sys
import unittest

from common import LAB, LOG
import machine
import parse

KUNIT = "kunit.enable=1 kunit.filter_glob=dmap*"
DEBUG_DEADLINE = 900    # KASAN and lockdep under emulation


# Each boot: its name, the kernel, the job in the guest; then, where it has
# them, changes to the machine and lines that the console must have.
BOOTS = [
    {"name": "stock basic", "kernel": "stock", "job": "basic",
     "machine": {"memory": "1G"}},
    {"name": "dmap basic", "kernel": "dmap", "job": "basic",
     "machine": {"memory": "1G"}},
    {"name": "dmap kunit", "kernel": "dmap", "job": "kunit",
     "machine": {"append": KUNIT}},
    {"name": "dmap kselftest", "kernel": "dmap", "job": "kselftest"},
    {"name": "dmap trace", "kernel": "dmap", "job": "trace",
     "machine": {"memory": "1G"}},
    {"name": "dmap fragmented", "kernel": "dmap", "job": "fragment",
     "machine": {"memory": "2G"}},
    {"name": "dmap churn", "kernel": "dmap", "job": "churn"},
    {"name": "dmap=off", "kernel": "dmap", "job": "off",
     "machine": {"append": "dmap=off"},
     "console": [("the log says that it is off and why", r"dmap: off: dmap=off")]},
    {"name": "dmap=bogus", "kernel": "dmap", "job": "basic",
     "machine": {"append": "dmap=bogus", "memory": "1G"},
     "console": [("names the bad value and the valid ones",
                  r"dmap.*bogus.*\bon\b.*\boff\b")]},
    {"name": "dmap_reserve=bogus", "kernel": "dmap", "job": "basic",
     "machine": {"append": "dmap_reserve=bogus", "memory": "1G"},
     "console": [("names the bad value", r"dmap_reserve.*bogus")]},
    {"name": "debug kunit", "kernel": "debug", "job": "kunit",
     "machine": {"append": KUNIT, "deadline": DEBUG_DEADLINE}},
    {"name": "debug kselftest", "kernel": "debug", "job": "kselftest",
     "machine": {"deadline": DEBUG_DEADLINE}},
    {"name": "debug fragmented", "kernel": "debug", "job": "fragment",
     "machine": {"memory": "2G", "deadline": DEBUG_DEADLINE}},
    {"name": "debug churn", "kernel": "debug", "job": "churn",
     "machine": {"deadline": DEBUG_DEADLINE}},
]


def boot(test):
    """The machine of a test, ready to run."""
    name = "test-" + "".join(c if c.isalnum() else "-" for c in test["name"])
    return machine.Boot(name, test["kernel"], test["job"],
                        machine.machine(**test.get("machine", {})))


def judge(test, booted, results):
    """Count what one boot showed.

    The boot itself is a test too: it ended as it should, without a report
    from the kernel. So is that something ran in it.
    """
    name = test["name"]
    good = booted.outcome in ("ok", "failed")
    results.add(f"{name}: boots and ends without a report", good)
    if not good:
        print(booted.complain(), file=sys.stderr)
    found = parse.ktap(booted.lines)
    for what, pattern in test.get("console", []):
        found.add(what, parse.says(booted.lines, pattern))
    if not found.ran():
        results.add(f"{name}: a test ran", False)
    # A job that fails without a failed test (it could not start, say).
    if booted.outcome == "failed" and not found.failed:
        results.add(f"{name}: the job succeeds", False)
        print(booted.complain(), file=sys.stderr)
    results.extend(found, name)


def unit_tests(results):
    """The lab's own tests; each counts."""
    LOG.mkdir(parents=True, exist_ok=True)
    tests = unittest.defaultTestLoader.discover(str(LAB / "tests"))
    with open(LOG / "unit-tests.log", "w") as log:
        outcome = unittest.TextTestRunner(stream=log, verbosity=2).run(tests)
    for test, _ in outcome.failures + outcome.errors:
        results.add(f"lab: {test}", False)
    good = outcome.testsRun - len(outcome.failures) - len(outcome.errors)
    for number in range(good):
        results.add(f"lab: unit test {number + 1}", True)
