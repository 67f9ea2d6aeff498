#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The lab: get, build, boot and measure kernels. One command each; see --help.

Exit status: 0 all is well, 1 something failed, 2 wrong usage.
"""

import argparse
import json
import os
from pathlib import Path
import signal
import sys

from common import LOG, OUT, LabError, shown
import build
import check
import machine
import model
import parse
from progress import Progress
import record
import report
import source
import suite

# The kernels that "run" compares: the floor, the ceiling, and ours.
COMPARED = ["stock", "naive", "dmap"]
# What the counted benchmark compares: [(column, kernel, boot option)].
COUNTED = [("stock", "stock", ""),
           ("dmap off", "dmap", "dmap=off"),
           ("dmap on", "dmap", "dmap=on")]
COUNTED_DEADLINE = 1200


def plan(kernels, *later):
    """The phases that lead to booting these kernels, with default seconds."""
    phases = []
    for kernel in kernels:
        phases += [source_phase(kernel), build_phase(kernel)]
    return [*phases, ("guest", 8), *later]


def source_phase(kernel):
    """A tree to be unpacked takes longer than one to be brought up to date."""
    known = source.is_unpacked(kernel)
    return (f"update {kernel}", 1) if known else (f"source {kernel}", 20)


def build_phase(kernel):
    """A first build takes longer than a further one."""
    built = build.image(kernel).exists()
    return (f"rebuild {kernel}", 15) if built else (f"build {kernel}", 420)


def get_source(progress, kernel, force=False):
    with progress.phase(source_phase(kernel)[0]) as phase:
        done = source.prepare(kernel, force)
        phase.at(note=done)
        if not done:
            phase.reused()


def build_kernel(progress, kernel):
    with progress.phase(build_phase(kernel)[0]) as phase:
        build.compile_kernel(kernel, phase)


def build_guest(progress):
    with progress.phase("guest") as phase:
        if not build.build_guest():
            phase.reused()


def prepare(progress, kernels):
    """Everything that must exist before these kernels boot."""
    for kernel in kernels:
        get_source(progress, kernel)
        build_kernel(progress, kernel)
    build_guest(progress)


def cmd_source(args):
    progress = Progress([source_phase(kernel) for kernel in args.kernels])
    for kernel in args.kernels:
        get_source(progress, kernel, args.force)
    return 0


def cmd_build(args):
    prepare(Progress(plan(args.kernels)), args.kernels)
    return 0


def cmd_boot(args):
    machine.check_size("MEM", args.memory)
    prepare(Progress(plan([args.kernel])), [args.kernel])
    machine.interactive(args.kernel, machine.machine(
        memory=args.memory, cpus=args.cpus, append=args.append))


def cmd_run(args):
    machine.check_size("MEM", args.memory)
    progress = Progress(plan(args.kernels, ("boot", 70)))
    prepare(progress, args.kernels)
    spec = machine.machine(memory=args.memory)
    boots = [machine.Boot(f"run-{kernel}", kernel, "load", spec)
             for kernel in args.kernels]
    with progress.phase("boot") as phase:
        machine.run_all(boots, phase)
    model = {
        "source": f"{source.PACKAGE} {source.package_version()}",
        "memory": spec["memory"], "cpus": spec["cpus"], "kernels": {}}
    for boot in boots:
        found = report.summarise(boot.lines)
        if found:
            model["kernels"][boot.kernel] = {"outcome": boot.outcome, **found}
    if model["kernels"]:
        (OUT / "run.json").write_text(report.to_json(model))
        (OUT / "run.svg").write_text(report.svg(model))
        print(report.table(model))
        print("\nas data: out/run.json; as a chart: out/run.svg; "
              "logs: out/log/run-*.log")
    bad = [boot for boot in boots if boot.outcome != "ok"]
    for boot in bad:
        print(boot.complain(), file=sys.stderr)
    return 1 if bad else 0


def cmd_insns(args):
    kernels = list(dict.fromkeys(kernel for _, kernel, _ in COUNTED))
    progress = Progress(plan(kernels, ("benchmarks", 15), ("boot", 120)))
    prepare(progress, kernels)
    with progress.phase("benchmarks"):
        initrds = {kernel: build.build_bench(kernel) for kernel in kernels}
    boots = {}
    for column, kernel, option in COUNTED:
        append = f"{machine.COUNTED['append']} {option}".strip()
        spec = machine.machine(**{**machine.COUNTED, "append": append,
                                  "memory": "2G", "initrd": initrds[kernel],
                                  "deadline": COUNTED_DEADLINE})
        name = "insns-" + column.replace(" ", "-")
        boots[column] = machine.Boot(name, kernel, "insns", spec)
    with progress.phase("boot") as phase:
        machine.run_all(list(boots.values()), phase)
    counts = {column: {record["bench"]: record["insns"]
                       for record in parse.records(boot.lines)
                       if "bench" in record}
              for column, boot in boots.items()}
    (OUT / "insns.json").write_text(json.dumps(counts, indent=1) + "\n")
    print(report.instructions(counts))
    print("\nas data: out/insns.json; logs: out/log/insns-*.log")
    bad = [boot for boot in boots.values() if boot.outcome != "ok"]
    for boot in bad:
        print(boot.complain(), file=sys.stderr)
    if not any(counts.values()):
        print("no benchmark ran", file=sys.stderr)
    return 1 if bad or not any(counts.values()) else 0


def cmd_record(args):
    machine.check_size("MEM", args.memory)
    raw = LOG / "record.trace"
    spec = machine.machine(memory=args.memory, cpus=args.cpus, data=raw,
                           append=record.boot_option(args.load))
    progress = Progress(plan(["dmap"], ("record", 40)))
    prepare(progress, ["dmap"])
    boot = machine.Boot("record", "dmap", "record", spec)
    with progress.phase("record") as phase:
        machine.run_all([boot], phase)
    if boot.outcome != "ok":
        print(boot.complain(), file=sys.stderr)
        return 1
    trace = record.convert(raw.read_text().splitlines(), {
        "memory": machine.mebibytes(args.memory),
        "load": record.name(args.load),
        "source": f"{source.PACKAGE} {source.package_version()}"})
    packed = record.write(Path(args.output), trace)
    print(record.summary(trace))
    print(f"\nas text: {shown(args.output)}; compressed: {shown(packed)}; "
          f"as recorded: {shown(raw)}")
    return 0


def cmd_test(args):
    wanted = [test for test in suite.BOOTS if args.only in test["name"]]
    if not wanted:
        names = ", ".join(test["name"] for test in suite.BOOTS)
        raise LabError(f"no test boot is called {args.only}; there are {names}")
    kernels = list(dict.fromkeys(test["kernel"] for test in wanted))
    boots_phase = f"{len(wanted)} boot tests"
    with_model = not args.only
    progress = Progress([("unit tests", 2),
                         *(model.PHASES if with_model else []),
                         *plan(kernels, (boots_phase, 50 * len(wanted)))])
    results = parse.Results()
    with progress.phase("unit tests"):
        suite.unit_tests(results)
    if with_model:
        test_model(progress, results)
    # A kernel that does not build fails as such; what boots is still tested.
    broken = []
    for kernel in kernels:
        try:
            get_source(progress, kernel)
            build_kernel(progress, kernel)
        except LabError as error:
            print(f"lab: {error}", file=sys.stderr)
            results.add(f"{kernel} builds", False)
            broken.append(kernel)
    build_guest(progress)
    boots = [(test, suite.boot(test)) for test in wanted
             if test["kernel"] not in broken]
    with progress.phase(boots_phase) as phase:
        machine.run_all([boot for _, boot in boots], phase)
    for test, boot in boots:
        suite.judge(test, boot, results)
    return verdict(results)


def test_model(progress, results):
    """The model's phases; one that cannot even be built fails as such."""
    for name, _ in model.PHASES:
        with progress.phase(name) as phase:
            try:
                model.RUN[name](results, phase)
            except LabError as error:
                print(f"lab: {error}", file=sys.stderr)
                results.add(name, False)


def verdict(results):
    """Print what failed and the sum; return the exit status."""
    print()
    for name in results.skipped:
        print(f"skipped: {name}")
    for name in results.failed:
        print(f"FAILED: {name}")
    print(results.summary())
    return 1 if results.failed or not results.passed else 0


def cmd_model(args):
    results = parse.Results()
    test_model(Progress(model.PHASES), results)
    return verdict(results)


def cmd_coverage(args):
    with Progress([("coverage", 60)]).phase("coverage") as phase:
        return model.coverage(phase)


def cmd_check(args):
    progress = Progress([source_phase("stock"), source_phase("dmap"),
                         *check.PHASES])
    get_source(progress, "stock")
    get_source(progress, "dmap")
    findings = []
    for name, _ in check.PHASES:
        with progress.phase(name):
            findings += check.CHECKS[name]()
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


def cmd_parse(args):
    lines = Path(args.log).read_text(errors="replace").splitlines()
    results = parse.ktap(lines)
    print(json.dumps({
        "outcome": parse.outcome(lines, late=False),
        "tests": {"passed": results.passed, "failed": results.failed,
                  "skipped": results.skipped},
        "reports": parse.reports(lines),
        "records": parse.records(lines)}, indent=1))
    return 0


def cmd_report(args):
    model = json.loads(Path(args.model).read_text())
    print(report.FACES[args.format](model))
    return 0


def kernel_list(text):
    """Argument type: kernels, separated by commas."""
    names = text.split(",")
    for name in names:
        if name not in source.KERNELS:
            raise argparse.ArgumentTypeError(
                f"no kernel {name!r}; there are {', '.join(source.KERNELS)}")
    return names


KERNELS = ("--kernels", {
    "type": kernel_list, "metavar": "A,B",
    "help": "which kernels: " + "; ".join(
        f"{name} ({kernel['about']})" for name, kernel in source.KERNELS.items())})
MEMORY = ("--memory", {"metavar": "SIZE", "help": "memory of the guest"})
CPUS = ("--cpus", {"type": int, "default": 2, "help": "CPUs of the guest"})


def default(option, value):
    """An option with a default."""
    name, settings = option
    return name, {**settings, "default": value}


# Subcommands: what runs, what it says of itself, its arguments.
COMMANDS = {
    "source": (cmd_source, "unpack the kernel source and apply kernel/, hooks/", [
        default(KERNELS, COMPARED),
        ("--force", {"action": "store_true",
                     "help": "discard edits made in the tree itself"})]),
    "build": (cmd_build, "build kernels and the guest's file system", [
        default(KERNELS, COMPARED)]),
    "boot": (cmd_boot, "boot one kernel with a shell on this terminal", [
        ("--kernel", {"default": "dmap", "choices": list(source.KERNELS),
                      "help": "which kernel"}),
        default(MEMORY, "2G"), CPUS,
        ("--append", {"default": "", "help": "more boot options"})]),
    "run": (cmd_run, "one load on each kernel, and one table side by side", [
        default(KERNELS, COMPARED), default(MEMORY, "4G")]),
    "test": (cmd_test, "run every test", [
        ("--only", {"default": "", "metavar": "TEXT",
                    "help": "only test boots with TEXT in their name"})]),
    "model": (cmd_model, "run the model's tests alone: no kernel is built", []),
    "coverage": (cmd_coverage, "lines of mm/dmap that the model's tests reach", []),
    "check": (cmd_check, "checkpatch, sparse, kernel-doc, hooks", []),
    "insns": (cmd_insns, "count instructions: stock, dmap=off, dmap=on", []),
    "record": (cmd_record, "record a load's page-table allocations as a trace", [
        ("--load", {"default": "mmapfork", "metavar": "NAME|COMMAND",
                    "help": "; ".join(f"{name}: {command}" for name, command
                                      in record.LOADS.items())
                            + "; or a command of the guest"}),
        default(MEMORY, "1G"), CPUS,
        ("--output", {"default": str(OUT / "trace.txt"), "metavar": "FILE",
                      "help": "where to; FILE.gz is written too"})]),
    "parse": (cmd_parse, "read a saved console log, print what is in it as JSON", [
        ("log", {"help": "a log of out/log"})]),
    "report": (cmd_report, "print a saved run again", [
        ("model", {"help": "a saved out/run.json"}),
        ("--format", {"choices": list(report.FACES), "default": "table",
                      "help": "how"})]),
}


def arguments(argv):
    parser = argparse.ArgumentParser(prog="lab.py", description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True,
                                     metavar="COMMAND")
    for name, (function, about, options) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(function=function)
        for option, settings in options:
            command.add_argument(option, **settings)
    return parser.parse_args(argv)


def main(argv):
    args = arguments(argv)
    # So that a terminated lab ends its builds and machines like an interrupted one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        return args.function(args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
