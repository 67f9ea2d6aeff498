# SPDX-License-Identifier: GPL-2.0
"""Sources, configuration, machines, progress: what needs no kernel."""

import io
from pathlib import Path
import tempfile
import unittest
from unittest import mock

from common import LabError
import build
import lab
import machine
import progress
import source
import suite


class Overlay(unittest.TestCase):
    """Bringing kernel/ and hooks/ into a tree."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        root = Path(scratch.name)
        self.write = lambda name, text: (
            (root / name).parent.mkdir(parents=True, exist_ok=True),
            (root / name).write_text(text))
        self.read = lambda name: (root / name).read_text()
        self.root = root
        self.write("linux/stock/mm/a.c", "one\ntwo\nthree\n")
        self.write("linux/dmap/mm/a.c", "one\ntwo\nthree\n")
        self.write("kernel/mm/dmap/core.c", "core\n")
        self.write("hooks/series", "a.patch  # first\n\n")
        self.write("hooks/a.patch", "mm: hook\n\n--- a/mm/a.c\n+++ b/mm/a.c\n"
                   "@@ -1,3 +1,4 @@\n one\n two\n+hook\n three\n")
        kernels = {name: {"new_files": name == "dmap", "config": [],
                          "series": [root / "hooks"] if name == "dmap" else []}
                   for name in ("stock", "dmap")}
        for patch in (
                mock.patch.object(source, "tree", lambda k: root / "linux" / k),
                mock.patch.object(source, "NEW_FILES", root / "kernel"),
                mock.patch.object(source, "KERNELS", kernels),
                mock.patch.object(source, "package_version", lambda: "6.12")):
            patch.start()
            self.addCleanup(patch.stop)

    def test_brings_in_files_and_hooks(self):
        self.assertEqual(source.sync("dmap"), 2)
        self.assertEqual(self.read("linux/dmap/mm/a.c"), "one\ntwo\nhook\nthree\n")
        self.assertEqual(self.read("linux/dmap/mm/dmap/core.c"), "core\n")

    def test_second_time_changes_nothing(self):
        source.sync("dmap")
        before = (self.root / "linux/dmap/mm/a.c").stat().st_mtime_ns
        self.assertEqual(source.sync("dmap"), 0)
        self.assertEqual((self.root / "linux/dmap/mm/a.c").stat().st_mtime_ns,
                         before)

    def test_hook_taken_away_restores_the_original(self):
        source.sync("dmap")
        self.write("hooks/series", "")
        (self.root / "kernel/mm/dmap/core.c").unlink()
        self.assertEqual(source.sync("dmap"), 2)
        self.assertEqual(self.read("linux/dmap/mm/a.c"), "one\ntwo\nthree\n")
        self.assertFalse((self.root / "linux/dmap/mm/dmap/core.c").exists())

    def test_hook_that_does_not_apply_is_named_and_changes_nothing(self):
        self.write("linux/stock/mm/a.c", "one\n2\nthree\n")
        with self.assertRaisesRegex(LabError, r"a\.patch(.|\n)*Hunk #1 FAILED"):
            source.sync("dmap")
        self.assertFalse((self.root / "linux/dmap/mm/dmap/core.c").exists())

    def test_edit_in_the_tree_is_kept(self):
        source.sync("dmap")
        self.write("linux/dmap/mm/dmap/core.c", "printk\n")
        with self.assertRaisesRegex(LabError, "edited in the tree"):
            source.sync("dmap")
        source.sync("dmap", force=True)
        self.assertEqual(self.read("linux/dmap/mm/dmap/core.c"), "core\n")

    def test_new_file_may_not_replace_one_of_linux(self):
        self.write("kernel/mm/a.c", "mine\n")
        with self.assertRaisesRegex(LabError, "belong in hooks/"):
            source.sync("dmap")

    def test_series_names_a_patch_that_is_not_there(self):
        self.write("hooks/series", "b.patch\n")
        with self.assertRaisesRegex(LabError, "b.patch"):
            source.sync("dmap")


class Configuration(unittest.TestCase):
    def test_missing_option_is_named(self):
        self.assertEqual(
            build.missing_options(
                {"CONFIG_A": "y", "CONFIG_B": "y", "CONFIG_C": "n",
                 "CONFIG_D": "8"},
                {"CONFIG_A": "y", "CONFIG_C": "n", "CONFIG_D": "64"}),
            {"CONFIG_B": "y", "CONFIG_D": "8"})

    def test_switched_off_is_off_where_it_does_not_exist(self):
        self.assertEqual(build.missing_options({"CONFIG_A": "n"}, {}), {})

    def test_options_of_a_fragment(self):
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("# why\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=8\n")
            file.flush()
            self.assertEqual(
                build.options(Path(file.name)),
                {"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_C": "8"})


class Machines(unittest.TestCase):
    def test_never_kvm(self):
        words = machine.command("stock", machine.machine(), "basic")
        self.assertIn("tcg,thread=multi", words)
        self.assertNotIn("kvm", " ".join(words))

    def test_job_and_options_reach_the_command_line(self):
        words = machine.command("stock", machine.machine(append="dmap=off"), "off")
        self.assertIn("dmap=off", words[-1])
        self.assertIn("lab.job=off", words[-1])
        self.assertIn("kunit.enable=0", words[-1])

    def test_unknown_entry(self):
        with self.assertRaises(ValueError):
            machine.machine(ram="2G")

    def test_size(self):
        machine.check_size("MEM", "512M")
        for bad in ("2", "0G", "2GB", "-1G", ""):
            with self.assertRaises(LabError):
                machine.check_size("MEM", bad)

    def test_every_test_boot_has_its_job(self):
        jobs = Path(suite.__file__).parent / "guest" / "jobs"
        for test in suite.BOOTS:
            self.assertTrue((jobs / f"{test['job']}.sh").exists(), test["name"])
            self.assertIn(test["kernel"], source.KERNELS)


class Judging(unittest.TestCase):
    """What a boot counts for."""

    def judged(self, outcome, lines, **test):
        booted = mock.Mock(outcome=outcome, lines=lines)
        booted.complain.return_value = "why"
        results = suite.parse.Results()
        with mock.patch("sys.stderr"):
            suite.judge({"name": "t", **test}, booted, results)
        return results

    def test_good(self):
        self.assertEqual(self.judged("ok", ["1..1", "ok 1 a"]).summary(),
                         "2 passed, 0 failed")

    def test_nothing_ran(self):
        self.assertEqual(self.judged("ok", []).failed, ["t: a test ran"])

    def test_lost(self):
        self.assertEqual(len(self.judged("lost", ["1..1", "ok 1 a"]).failed), 1)

    def test_job_that_could_not_start(self):
        self.assertEqual(self.judged("failed", ["1..1", "ok 1 a"]).failed,
                         ["t: the job succeeds"])

    def test_console(self):
        check = [("says so", "dmap: off")]
        self.assertEqual(self.judged("ok", ["[    0.1] dmap: off"],
                                     console=check).failed, [])
        self.assertEqual(self.judged("ok", ["[    0.1] dmap: on"],
                                     console=check).failed, ["t: says so"])


class Progress(unittest.TestCase):
    def test_clock(self):
        self.assertEqual(progress.clock(0), "0:00")
        self.assertEqual(progress.clock(125.6), "2:06")

    def test_time_left_follows_the_rate_once_it_is_known(self):
        self.assertEqual(progress.time_left(10, 60, 0, 100), 50)
        self.assertEqual(progress.time_left(10, 60, 50, 100), 10)
        self.assertEqual(progress.time_left(10, 60, 2, 3), 50)

    def test_time_left_is_never_negative(self):
        self.assertEqual(progress.time_left(100, 60, 0, None), 0)

    def test_a_log_gets_a_line_at_start_and_end(self):
        with tempfile.TemporaryDirectory() as scratch, \
             mock.patch.object(progress, "TIMINGS", Path(scratch) / "t.json"), \
             mock.patch.object(progress.time, "monotonic", lambda: 7.0):
            stream = io.StringIO()
            phases = progress.Progress([("build", 60), ("boot", 30)], stream)
            with phases.phase("build") as phase:
                phase.at(done=5)
            lines = stream.getvalue().splitlines()
            self.assertEqual(len(lines), 2)
            self.assertEqual(
                lines[0], "[1/2] build, 0:00 so far, about 1:00 left (1:30 in all)")
            self.assertEqual(lines[1], "[1/2] build: 5, 0:00, done")
            self.assertEqual(progress.load_timings()["build"]["steps"], 5)


class Usage(unittest.TestCase):
    def test_unknown_kernel_is_wrong_usage(self):
        with mock.patch("sys.stderr"), self.assertRaises(SystemExit) as caught:
            lab.main(["build", "--kernels", "nope"])
        self.assertEqual(caught.exception.code, 2)

    def test_unknown_test(self):
        with mock.patch("sys.stderr"):
            self.assertEqual(lab.main(["test", "--only", "no such"]), 1)
