# SPDX-License-Identifier: GPL-2.0
"""The parser, on excerpts of recorded console logs (lab/tests/logs)."""

from pathlib import Path
import unittest

import parse

LOGS = Path(__file__).parent / "logs"


def log(name):
    return (LOGS / name).read_text().splitlines()


def ktap(text):
    return parse.ktap(text.strip("\n").splitlines())


class Records(unittest.TestCase):
    def test_fields_are_numbers_where_they_can_be(self):
        self.assertEqual(
            parse.record("@lab phase=load n=12 insns=3.5 took=no"),
            {"phase": "load", "n": 12, "insns": 3.5, "took": "no"})

    def test_kernel_may_print_a_record_too(self):
        self.assertEqual(parse.record("[    1.5] order0: @lab bench=x insns=7"),
                         {"bench": "x", "insns": 7})

    def test_other_lines_are_none(self):
        self.assertIsNone(parse.record("[    1.5] Run /init as init process"))

    def test_recorded_load(self):
        phases = [r.get("phase") for r in parse.records(log("load-stock.log"))]
        self.assertEqual(phases[0], "boot")
        self.assertEqual(phases.count("after"), 3)


class Outcome(unittest.TestCase):
    def test_ok(self):
        self.assertEqual(parse.outcome(log("basic.log"), late=False), "ok")

    def test_failed_job(self):
        lines = log("basic.log")
        lines[7] = "@lab end=basic status=1"
        self.assertEqual(parse.outcome(lines, late=False), "failed")

    def test_panic_beats_everything(self):
        self.assertEqual(parse.outcome(log("panic.log"), late=True), "panic")

    def test_hang(self):
        self.assertEqual(parse.outcome(log("hang.log"), late=True), "hang")

    def test_lost(self):
        self.assertEqual(parse.outcome(log("hang.log"), late=False), "lost")

    def test_empty_log_is_lost(self):
        self.assertEqual(parse.outcome([], late=False), "lost")

    def test_report_in_a_job_that_ends_well_is_no_success(self):
        lines = ["[    3.1] WARNING: CPU: 0 PID: 1 at mm/page_alloc.c:1 f+0x1",
                 *log("basic.log")]
        self.assertEqual(parse.outcome(lines, late=False), "panic")


class Reports(unittest.TestCase):
    def test_panic_and_trace(self):
        found = parse.reports(log("panic.log"))
        self.assertEqual(len(found), 2)
        self.assertIn("Requested init", found[0])

    def test_lockdep(self):
        self.assertTrue(parse.reports(
            ["[   9.1] WARNING: possible circular locking dependency detected"]))
        self.assertTrue(parse.reports(["[ 9.1] INFO: possible recursive locking"]))

    def test_banners_are_no_reports(self):
        self.assertEqual(parse.reports([
            "[    0.0] Lock dependency validator: Copyright (c) 2006 Red Hat",
            "[    0.0] rcu: \tRCU lockdep checking is enabled.",
            "[    0.0] kasan: KernelAddressSanitizer initialized",
            "[    0.0] Spectre V2 : WARNING: Unprivileged eBPF is enabled"]), [])

    def test_name_of_a_test_is_no_report(self):
        self.assertEqual(parse.reports(["ok 1 WARNING: is printed on a bug"]), [])

    def test_command_line_says_nothing(self):
        lines = ["[    0.0] Command line: dmap=bogus",
                 "[    0.0] Kernel command line: dmap=bogus"]
        self.assertFalse(parse.says(lines, "dmap=bogus"))
        self.assertTrue(parse.says(
            lines + ["[    0.0] dmap: dmap=bogus is not known"], "dmap=bogus"))


class Ktap(unittest.TestCase):
    def test_recorded_program(self):
        found = parse.ktap(log("basic.log"))
        self.assertEqual(found.summary(), "4 passed, 0 failed")

    def test_recorded_kunit(self):
        found = parse.ktap(log("kunit.log"))
        self.assertEqual(found.summary(), "44 passed, 0 failed")

    def test_leaves_count_and_suites_do_not(self):
        found = ktap("""
[    1.0] KTAP version 1
[    1.0] 1..1
[    1.0]     KTAP version 1
[    1.0]     # Subtest: dmap_block
[    1.0]     1..2
[    1.0]     ok 1 test_a
[    1.0]         KTAP version 1
[    1.0]         # Subtest: test_orders
[    1.0]         ok 1 order 0
[    1.0]         not ok 2 order 1
[    1.0]     # test_orders: pass:1 fail:1 skip:0 total:2
[    1.0]     not ok 2 test_orders
[    1.0] # dmap_block: pass:1 fail:1 skip:0 total:2
[    1.0] not ok 1 dmap_block
""")
        self.assertEqual(found.passed, ["test_a", "order 0"])
        self.assertEqual(found.failed, ["order 1"])

    def test_skip_is_not_passed(self):
        found = ktap("1..2\nok 1 a # SKIP no NUMA\nok 2 b")
        self.assertEqual(found.passed, ["b"])
        self.assertEqual(found.skipped, ["a"])
        self.assertEqual(found.summary(), "1 passed, 0 failed, 1 skipped")

    def test_skipped_program(self):
        self.assertEqual(ktap("TAP version 13\n1..0 # SKIP no debugfs").summary(),
                         "0 passed, 0 failed, 1 skipped")

    def test_tests_that_never_came_fail(self):
        found = ktap("1..3\nok 1 a")
        self.assertEqual(found.failed, ["1 of 3 planned tests ran"])

    def test_plan_at_the_end(self):
        self.assertEqual(ktap("ok 1 a\nok 2 b\n1..2").summary(),
                         "2 passed, 0 failed")

    def test_suite_that_fails_without_a_failed_test(self):
        found = ktap("1..1\n    1..1\n    ok 1 a\nnot ok 1 suite")
        self.assertEqual(found.failed, ["suite"])

    def test_two_programs_one_after_another(self):
        found = ktap("TAP version 13\n1..1\nok 1 a\nTAP version 13\n1..1\nok 1 b")
        self.assertEqual(found.summary(), "2 passed, 0 failed")

    def test_kernel_and_program_do_not_mix(self):
        found = ktap("1..2\nok 1 a\n[    5.0] not ok 1 k\nok 2 b")
        self.assertEqual(found.passed, ["a", "b"])
        self.assertEqual(found.failed, ["k"])

    def test_prose_is_no_result(self):
        self.assertEqual(ktap("ok then\nnot ok at all").ran(), 0)


if __name__ == "__main__":
    unittest.main()
