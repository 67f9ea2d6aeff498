# SPDX-License-Identifier: GPL-2.0
"""The model's tests as the lab counts them."""

from pathlib import Path
import tempfile
import unittest

import model

TAP = {"name": "t", "tap": True, "deadline": 1}


class Judge(unittest.TestCase):
    def judge(self, test, status, text):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write(text)
            log.flush()
            return model.judge(test, status, Path(log.name))

    def test_cases_count_one_by_one(self):
        found = self.judge(TAP, 1, "1..3\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP c\n")
        self.assertEqual((len(found.passed), len(found.failed), len(found.skipped)),
                         (1, 1, 1))

    def test_a_program_that_dies_half_way_fails(self):
        found = self.judge(TAP, -6, "1..3\nok 1 - a\n")
        self.assertTrue(found.failed)

    def test_a_bad_end_after_good_cases_fails(self):
        found = self.judge(TAP, 1, "1..1\nok 1 - a\n")
        self.assertEqual(found.failed, ["model, t: ends well"])

    def test_no_case_at_all_fails(self):
        self.assertTrue(self.judge(TAP, 0, "").failed)

    def test_a_late_program_fails(self):
        found = self.judge({"name": "t", "deadline": 1}, None, "")
        self.assertEqual(len(found.failed), 2)

    def test_exit_status_counts_without_tap(self):
        self.assertTrue(self.judge({"name": "t", "deadline": 1}, 0, "").passed)
        self.assertTrue(self.judge({"name": "t", "deadline": 1}, 1, "").failed)


class Bugs(unittest.TestCase):
    def test_each_says_what_it_is_and_applies(self):
        patches = sorted(model.BUGS.glob("*.patch"))
        self.assertGreaterEqual(len(patches), 5)
        for patch in patches:
            self.assertFalse(patch.read_text().startswith("---"), patch.name)
            model.bug_tree(patch)
