# SPDX-License-Identifier: GPL-2.0
"""The table, the data and the chart, from a recorded run."""

import json
from pathlib import Path
import unittest
from xml.etree import ElementTree

import report

LOGS = Path(__file__).parent / "logs"


def model():
    kernels = {name: report.summarise((LOGS / f"load-{name}.log")
                                      .read_text().splitlines())
               for name in ("stock", "dmap")}
    return {"source": "linux-source-6.12 6.12.117-1", "memory": "4G", "cpus": 2,
            "kernels": kernels}


class Summary(unittest.TestCase):
    def test_loss_is_counted_from_boot(self):
        stock = model()["kernels"]["stock"]
        self.assertEqual(stock["boot"]["lost_2m"], 0)
        self.assertEqual(stock["loads"]["secretmem"]["peak"]["lost_2m"], 87)

    def test_stock_has_no_cache(self):
        stock = model()["kernels"]["stock"]
        self.assertIsNone(stock["boot"]["nr_dmap_live"])
        self.assertIsNone(stock["boot"]["fill"])
        self.assertIsNone(stock["boot"]["collapses"])

    def test_recovery(self):
        loads = model()["kernels"]["stock"]["loads"]
        self.assertTrue(loads["storm"]["recovered"])
        self.assertFalse(loads["secretmem"]["recovered"])

    def test_peak_is_the_worst_moment(self):
        lines = ["@lab phase=boot DirectMap4k=100",
                 "@lab phase=sample load=a DirectMap4k=4196 nr_dmap_live=1 nr_dmap_idle=1",
                 "@lab phase=sample load=a DirectMap4k=4196 nr_dmap_live=3 nr_dmap_idle=1",
                 "@lab phase=sample load=a DirectMap4k=100 nr_dmap_live=9 nr_dmap_idle=0"]
        peak = report.summarise(lines)["loads"]["a"]["peak"]
        self.assertEqual((peak["lost_2m"], peak["nr_dmap_live"], peak["fill"]),
                         (2, 3, 0.75))

    def test_guest_that_never_measured(self):
        self.assertIsNone(report.summarise(["[ 0.0] Linux version 6.12"]))


class Faces(unittest.TestCase):
    def test_table_shows_every_kernel_and_phase(self):
        text = report.table(model())
        for word in ("stock", "dmap", "after boot", "under storm (peak)",
                     "secretmem released", "not in 5 s"):
            self.assertIn(word, text)

    def test_kernel_that_did_not_get_so_far(self):
        half = model()
        del half["kernels"]["stock"]["loads"]["secretmem"]
        self.assertIn("secretmem released", report.table(half))
        ElementTree.fromstring(report.svg(half))

    def test_json_is_the_model(self):
        self.assertEqual(json.loads(report.to_json(model())), model())

    def test_svg_is_well_formed_and_labelled(self):
        text = report.svg(model())
        ElementTree.fromstring(text)
        for word in ("2 MiB mappings", "phase", "stock", "dmap", "storm"):
            self.assertIn(word, text)

    def test_grid(self):
        for top in (1, 3, 7, 20, 87, 99, 243, 1000, 4096):
            step = report.nice_step(top)
            self.assertLessEqual(top / step, 5)
            self.assertGreaterEqual(step, 1)

    def test_instructions(self):
        text = report.instructions({"stock": {"fork": 1000},
                                    "dmap on": {"fork": 1010, "new": 5}})
        self.assertIn("1.0100", text)
        self.assertRegex(text, r"new +- +5 +-")
