# SPDX-License-Identifier: GPL-2.0
"""The model's tests: mm/dmap in user space, on a modelled machine.

Each test is a program of model/, built in a variant, with a deadline. Where a
program speaks TAP its cases count one by one, otherwise its exit status does.
"""

import os
import re
import shutil
import subprocess
import time

from common import LOG, OUT, ROOT, LabError, shown, tail
import build
import parse

MODEL = ROOT / "model"
BUILT = OUT / "model"
BUGS = MODEL / "tests" / "bugs"
BUG_SECONDS = 60        # in which a bug that was put back must be found
COVERED = 95            # per cent of the lines of mm/dmap, at least
JOBS = os.cpu_count() or 1

# A test: its name, the variant of its program, the command; whether it speaks
# TAP; how many seconds it may take.
TESTS = [
    {"name": "machine: memory", "variant": "san",
     "command": ["selftest-memory"], "tap": True, "deadline": 60},
    {"name": "machine: concurrency", "variant": "san",
     "command": ["selftest-sched"], "tap": True, "deadline": 60},
    {"name": "cache", "variant": "san", "command": ["cache-test"],
     "tap": True, "deadline": 60},
    {"name": "kunit", "variant": "san", "command": ["kunit"],
     "tap": True, "deadline": 60},
    {"name": "traces and policies", "variant": "san",
     "command": ["scale-test"], "tap": True, "deadline": 60},
    {"name": "random operations", "variant": "san",
     "command": ["property", "--ops=300000"], "deadline": 60},
    {"name": "random operations with faults", "variant": "san",
     "command": ["property", "--ops=300000", "--faults", "--seed=1000"],
     "deadline": 60},
    {"name": "no race is found, switching at locks", "variant": "san",
     "command": ["races", "--seconds", "2", "--save", str(LOG)], "deadline": 90},
    {"name": "no race is found, switching at every access", "variant": "access",
     "command": ["races", "--seconds", "1", "--save", str(LOG)], "deadline": 90},
    {"name": "threads", "variant": "thread",
     "command": ["hammer", "--seconds", "8"], "deadline": 90},
    {"name": "fuzz: the corpus and a short run", "variant": "fuzz",
     "command": ["fuzz-ops", "-max_total_time=10", "-timeout=10",
                 "-max_len=1500", f"-artifact_prefix={LOG}/fuzz-",
                 str(BUILT / "corpus"), str(MODEL / "fuzz" / "corpus")],
     "deadline": 60},
]


def make(variant, *arguments, log):
    """Build programs of the model."""
    LOG.mkdir(parents=True, exist_ok=True)
    with open(log, "a") as output:
        run = subprocess.run(
            ["make", "--no-print-directory", "-C", MODEL, f"-j{JOBS}",
             f"VARIANT={variant}", *arguments], env=build.environment(),
            stdout=output, stderr=subprocess.STDOUT)
    if run.returncode:
        raise LabError(f"model ({variant}) does not build; the end of "
                       f"{shown(log)}:\n{tail(log)}")


def run(command, log, deadline):
    """Run a program into a log; its exit status, or None past its deadline."""
    with open(log, "w") as output:
        try:
            return subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, timeout=deadline,
                env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"}).returncode
        except subprocess.TimeoutExpired:
            return None


def log_of(name):
    return LOG / ("model-" + re.sub(r"\W+", "-", name).strip("-") + ".log")


def judge(test, status, log):
    """What one program showed."""
    results = parse.Results()
    if test.get("tap"):
        found = parse.ktap(log.read_text(errors="replace").splitlines())
        results.extend(found, f"model, {test['name']}")
        if not found.ran():
            results.add(f"model, {test['name']}: a test ran", False)
        if status and not found.failed:
            results.add(f"model, {test['name']}: ends well", False)
    else:
        results.add(f"model, {test['name']}", status == 0)
    if status is None:
        results.add(f"model, {test['name']}: within {test['deadline']} s", False)
    return results


def programs(tests):
    """The programs of some tests, by variant, in their order."""
    found = {}
    for test in tests:
        program = BUILT / test["variant"] / test["command"][0]
        found.setdefault(test["variant"], {})[program] = None
    return {variant: list(names) for variant, names in found.items()}


def build_all(results, phase):
    """Build what the tests need."""
    log = LOG / "model-build.log"
    log.unlink(missing_ok=True)
    for variant, names in programs(TESTS).items():
        phase.at(note=variant)
        make(variant, *names, log=log)


def run_tests(results, phase):
    """Run the tests, one after the other."""
    (BUILT / "corpus").mkdir(parents=True, exist_ok=True)
    for number, test in enumerate(TESTS):
        phase.at(done=number, total=len(TESTS), note=test["name"])
        program, *arguments = test["command"]
        log = log_of(test["name"])
        status = run([BUILT / test["variant"] / program, *arguments], log,
                     test["deadline"])
        found = judge(test, status, log)
        if found.failed:
            print(f"model: the end of {shown(log)}:\n{tail(log, 40)}", flush=True)
        results.extend(found)


def bug_tree(patch):
    """A copy of kernel/ with a bug put back."""
    tree = BUILT / "bugs" / patch.stem / "kernel"
    shutil.rmtree(tree.parent, ignore_errors=True)
    shutil.copytree(ROOT / "kernel", tree)
    applied = subprocess.run(
        ["patch", "-p1", "--fuzz=0", "--batch", "--no-backup-if-mismatch",
         "-i", patch], cwd=tree, capture_output=True, text=True)
    if applied.returncode:
        raise LabError(f"{shown(patch)} does not apply:\n{applied.stdout}"
                       "Refresh it: it puts a bug back into kernel/.")
    return tree


def run_bugs(results, phase):
    """Put each known bug back: the explorer must find it."""
    patches = sorted(BUGS.glob("*.patch"))
    for number, patch in enumerate(patches):
        phase.at(done=number, total=len(patches), note=patch.stem)
        log = log_of(f"bug {patch.stem}")
        try:
            tree = bug_tree(patch)
            objects = tree.parent / "san"
            make("san", f"KERNEL={tree}", f"O={objects}", objects / "races",
                 log=log.with_name(f"{log.stem}-build.log"))
        except LabError as error:
            print(f"model: {error}", flush=True)
            results.add(f"model, bug put back: {patch.stem} is found", False)
            continue
        start = time.monotonic()
        status = run([objects / "races", "--first", "--seconds", "8", "--shrink",
                      "5", "--save", LOG], log, BUG_SECONDS)
        found = status == 1
        results.add(f"model, bug put back: {patch.stem} is found", found)
        phase.at(note=f"{patch.stem} found in {time.monotonic() - start:.0f} s"
                 if found else f"{patch.stem} NOT FOUND")
        if not found:
            print(f"model: {patch.stem} was not found; the end of "
                  f"{shown(log)}:\n{tail(log)}", flush=True)


# The phases of "make test" that need no kernel, with default seconds.
PHASES = [("build the model", 90), ("model tests", 90), ("bugs put back", 90)]
RUN = {"build the model": build_all, "model tests": run_tests,
       "bugs put back": run_bugs}


def coverage(phase):
    """Lines and branches of mm/dmap that the tests of the model reach."""
    log = LOG / "model-coverage.log"
    log.unlink(missing_ok=True)
    for data in (BUILT / "cov").rglob("*.gcda"):
        data.unlink()
    tests = [{**test, "variant": "cov"} for test in TESTS
             if test["variant"] == "san"]
    make("cov", *programs(tests)["cov"], log=log)
    for number, test in enumerate(tests):
        phase.at(done=number, total=len(tests), note=test["name"])
        program, *arguments = test["command"]
        if run([BUILT / "cov" / program, *arguments], log, 600):
            raise LabError(f"{program} failed; the end of {shown(log)}:\n{tail(log)}")
    gcovr = ["gcovr", "--root", ROOT, "--filter", "kernel/mm/dmap/",
             "--exclude", ".*_test.c", "--object-directory", MODEL,
             BUILT / "cov" / "obj" / "kernel" / "mm" / "dmap"]
    subprocess.run([*gcovr, "--branches"], cwd=ROOT, check=True)
    return subprocess.run([*gcovr, "--fail-under-line", str(COVERED),
                           "--json", OUT / "coverage.json", "--txt", "-"],
                          cwd=ROOT).returncode


def duplicates():
    """The model's restated definitions, as assertions to compile in the kernel."""
    make("fast", BUILT / "fast" / "duplicates", log=LOG / "model-duplicates.log")
    return subprocess.run([BUILT / "fast" / "duplicates"], check=True,
                          capture_output=True, text=True).stdout
