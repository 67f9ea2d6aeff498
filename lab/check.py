# SPDX-License-Identifier: GPL-2.0
"""What reading can find: style, types, documentation, reasons.

Each check returns its findings as lines; none is good.
"""

import re
import subprocess

from common import LOG, ROOT, LabError, shown
import build
import model
import parse
import source
import suite

SOURCES = (".c", ".h")
HOOKS = ROOT / "hooks" / "6.12"


def written(*suffixes):
    """Our new files, by their path in the tree."""
    return [name for name in source.new_files() if name.endswith(suffixes)]


def run(*command):
    """Run a tool of the source tree; return all that it says."""
    process = subprocess.run(command, cwd=source.tree("dmap"),
                             capture_output=True, text=True)
    return process.returncode, (process.stdout + process.stderr).splitlines()


# What checkpatch says of a form that cannot be written otherwise: the file,
# the findings, why. Nothing else is excused.
EXCUSED = [
    ("include/linux/dmap_vmstat.h",
     ("COMPLEX_MACRO", "MACRO_ARG_REUSE", "MACRO_ARG_UNUSED"),
     "a list of counters expands to many, not to one value"),
    ("include/trace/events/dmap.h",
     ("OPEN_ENDED_LINE", "PARENTHESIS_ALIGNMENT"),
     "the form of every trace header; kmem.h has 49 such findings"),
    ("mm/dmap/dmap.h", ("MACRO_ARG_REUSE",),
     "a loop macro names its variable more than once"),
]


def excused(line):
    return any(line.startswith(f"{name}:") and f":{kind}: " in line
               for name, kinds, _ in EXCUSED for kind in kinds)


def checkpatch():
    """The kernel's style, strictly."""
    files = written(*SOURCES, "Kconfig", "Makefile", ".rst", ".sh")
    _, lines = run("perl", "scripts/checkpatch.pl", "--strict", "--terse",
                   "--show-types", "--no-summary", "--file", *files)
    return [f"checkpatch: {line}" for line in lines
            if line.strip() and not excused(line)]


def sparse():
    """The kernel's type rules: address spaces, locks, endianness."""
    build.configure("dmap")
    objects = [name[:-2] + ".o" for name in written(".c")
               if name.startswith(("mm/", "arch/"))]
    log = LOG / "sparse.log"
    build.make("dmap", "C=2", "CHECK=sparse", *objects, log=log)
    ours = re.compile("|".join(re.escape(name) for name in written(*SOURCES)))
    return [f"sparse: {line}" for line in log.read_text().splitlines()
            if re.search(r": (?:warning|error): ", line) and ours.search(line)]


def kernel_doc():
    """Documentation comments that the kernel's own tool understands."""
    _, lines = run("perl", "scripts/kernel-doc", "-none", *written(*SOURCES))
    return [f"kernel-doc: {line}" for line in lines if line.strip()]


def hooks():
    """Every hook says why and for which versions; the series has every patch."""
    findings = []
    listed = source.patches(HOOKS)
    for patch in listed:
        head = re.split(r"^---", patch.read_text(), maxsplit=1, flags=re.M)[0]
        for word in ("Reason", "Versions"):
            if not re.search(rf"^{word}: \S", head, re.M):
                findings.append(f"hooks: {shown(patch)} has no {word}: line")
    for patch in sorted(HOOKS.glob("*.patch")):
        if patch not in listed:
            findings.append(f"hooks: {shown(patch)} is not in the series")
    return findings


def unit_tests():
    """The lab's own tests."""
    results = parse.Results()
    suite.unit_tests(results)
    return [f"unit test: {name}" for name in results.failed]


def duplicates():
    """What the model restates of the kernel: does the kernel still say so?"""
    build.configure("dmap")
    text = model.duplicates()
    if text.count("static_assert") < 100:
        return ["duplicates: model/shim/duplicates.c lists next to nothing"]
    probe = source.tree("dmap") / "mm" / "dmap_duplicates.c"
    log = LOG / "duplicates.log"
    probe.write_text(text)
    try:
        build.make("dmap", "mm/dmap_duplicates.o", log=log)
    except LabError:
        wrong = re.findall(r'static assertion failed: "(.*)"|error: (.*)',
                           log.read_text())
        return [f"duplicates: model/shim/duplicate.h has drifted: {a or b}"
                for a, b in wrong] or [f"duplicates: see {shown(log)}"]
    finally:
        for path in probe.parent.glob("*dmap_duplicates*"):
            path.unlink()
    return []


CHECKS = {
    "checkpatch": checkpatch,
    "sparse": sparse,
    "kernel-doc": kernel_doc,
    "hooks": hooks,
    "duplicates": duplicates,
    "unit tests": unit_tests,
}
PHASES = [("checkpatch", 10), ("sparse", 30), ("kernel-doc", 3), ("hooks", 1),
          ("duplicates", 30),
          ("unit tests", 2)]
