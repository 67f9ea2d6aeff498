# SPDX-License-Identifier: GPL-2.0
"""Traces, from the beginning of a recorded one (lab/tests/logs/trace.log)."""

import gzip
from pathlib import Path
import tempfile
import unittest

from common import LabError
import machine
import record

LOGS = Path(__file__).parent / "logs"


def recorded(*events, lost=0, written=None):
    """What a guest would write of these events: (cpu, ms, text)."""
    count = len(events)
    return ["# load storm", "# cpus 2", "# nodes 1", f"# lost {lost}",
            "# tracer: nop", "#",
            f"# entries-in-buffer/entries-written: {count}/{written or count}"
            "   #P:2",
            *(f"           <...>-123     [{cpu:03}] {5 + ms / 1000:12.6f}: {text}"
              for cpu, ms, text in events)]


def alloc(pfn, order=0, life="user", nid=0):
    return f"dmap_alloc: pfn={pfn:#x} order={order} life={life} nid={nid}"


def free(pfn, order=0):
    return f"dmap_free: pfn={pfn:#x} order={order}"


def events(*recording):
    """The events of the trace that a recording becomes."""
    trace = record.convert(recorded(*recording), {})
    return [line for line in trace if not line.startswith("#")]


def headers(lines, **about):
    trace = record.convert(lines, about)
    return dict(line[2:].split(" ", 1) for line in trace
                if line.startswith("#"))


class Convert(unittest.TestCase):
    def test_allocation_and_free(self):
        self.assertEqual(
            events((0, 0, alloc(0x100)), (1, 2.5, free(0x100))),
            ["0 0 a 0 0 u 0", "2 1 f 0"])

    def test_smallest_id_is_used_again(self):
        self.assertEqual(
            events((0, 0, alloc(1)), (0, 0, alloc(2)), (0, 0, alloc(3)),
                   (0, 1, free(2)), (0, 1, free(1)),
                   (0, 2, alloc(9, 0, "kernel", 1)), (0, 2, alloc(2)),
                   (0, 2, alloc(1)))[3:],
            ["1 0 f 1", "1 0 f 0", "2 0 a 0 0 k 1", "2 0 a 1 0 u 0",
             "2 0 a 3 0 u 0"])

    def test_allocation_freed_in_parts(self):
        self.assertEqual(
            events((0, 0, alloc(4, 2)), (0, 1, free(7)), (0, 1, free(4, 1)),
                   (0, 1, alloc(7)), (0, 2, free(6)), (0, 2, alloc(4, 1))),
            ["0 0 a 0 2 u 0", "1 0 f 0 3 0", "1 0 f 0 0 1", "1 0 a 1 0 u 0",
             "2 0 f 0 2 0", "2 0 a 0 1 u 0"])

    def test_allocations_freed_together(self):
        self.assertEqual(
            events((0, 0, alloc(4)), (0, 0, alloc(5)), (0, 1, free(4, 1)))[2:],
            ["1 0 f 0", "1 0 f 1"])

    def test_free_of_what_was_before_is_left_out_and_counted(self):
        lines = recorded((0, 0, free(7)), (0, 1, alloc(7)))
        found = headers(lines)
        self.assertEqual((found["unmatched"], found["events"], found["live"]),
                         ("1", "1", "1"))

    def test_time_never_decreases(self):
        self.assertEqual(
            events((0, 5, alloc(1)), (1, 3, alloc(2)), (0, 7, alloc(3))),
            ["0 0 a 0 0 u 0", "0 1 a 1 0 u 0", "2 0 a 2 0 u 0"])

    def test_headers(self):
        found = headers(recorded((0, 0, alloc(1))), load="storm: x", memory=64)
        self.assertEqual(found, {
            "dmap": "trace v1", "load": "storm: x", "cpus": "2", "nodes": "1",
            "memory": "64", "events": "1", "live": "1", "unmatched": "0"})


class Recorded(unittest.TestCase):
    def setUp(self):
        self.lines = (LOGS / "trace.log").read_text().splitlines()

    def test_all_events_are_read(self):
        trace = record.convert(self.lines, {})
        found = headers(self.lines)
        kept = [line for line in trace if not line.startswith("#")]
        count = sum(": dmap_" in line for line in self.lines)
        self.assertEqual(len(kept) + int(found["unmatched"]), count)
        self.assertRegex(record.summary(trace), f"^{len(kept)} events in ")

    def test_written_twice_to_the_same_bytes(self):
        trace = record.convert(self.lines, {})
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "sub" / "t.txt"
            first = record.write(path, trace).read_bytes()
            self.assertEqual(record.write(path, trace).read_bytes(), first)
            self.assertEqual(gzip.decompress(first), path.read_bytes())


class Losses(unittest.TestCase):
    """A recording from which anything is missing is none."""

    def refused(self, lines, why):
        with self.assertRaisesRegex(LabError, why):
            record.convert(lines, {})

    def test_buffer_overrun(self):
        self.refused(recorded((0, 0, alloc(1)), written=2), "events were lost")

    def test_counters_of_the_buffer(self):
        self.refused(recorded((0, 0, alloc(1)), lost=3), "3 did not fit")

    def test_note_between_events(self):
        self.refused(recorded((0, 0, alloc(1))) + ["CPU:1 [LOST 33 EVENTS]"],
                     "LOST 33")

    def test_cut_short(self):
        self.refused(recorded((0, 0, alloc(1)), (0, 0, alloc(2)))[:-1],
                     "1 of 2 events arrived")

    def test_nothing_arrived(self):
        self.refused([], "no beginning")

    def test_page_handed_out_twice(self):
        self.refused(recorded((0, 0, alloc(1)), (0, 1, alloc(1))),
                     "handed out twice")

    def test_page_freed_twice(self):
        self.refused(recorded((0, 0, alloc(4, 1)), (0, 1, free(4)),
                              (0, 1, free(4, 1))), "twice")


class Machine(unittest.TestCase):
    def test_load_reaches_the_boot_line(self):
        spec = machine.machine(append=record.boot_option("mix"), data="f")
        words = machine.command("dmap", spec, "record")
        self.assertIn(f'lab.load="{record.LOADS["mix"]}"', words[-1])
        self.assertIn("file:f", words)
        self.assertIn('lab.load="storm -p 9"', record.boot_option("storm -p 9"))

    def test_load_that_cannot_be_passed(self):
        with self.assertRaises(LabError):
            record.boot_option('sh -c "x"')

    def test_mebibytes(self):
        self.assertEqual(machine.mebibytes("4G"), 4096)
        self.assertEqual(machine.mebibytes("512M"), 512)
