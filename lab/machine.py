# SPDX-License-Identifier: GPL-2.0
"""Emulated machines: one is data, booting it gives a log and an outcome."""

import concurrent.futures
import os
import re
import subprocess
import threading
import time

from common import LOG, LabError, locked, shown
import build
import parse

QEMU = "qemu-system-x86_64"
# Two guests of two CPUs are what two host cores carry without hanging one.
PARALLEL = 2

# Every machine; a boot changes what it names. Emulated (TCG), never KVM: the
# same CPU features everywhere, protection keys among them.
MACHINE = {
    "cpu": "max,+pks",
    "cpus": 2,
    "memory": "4G",
    "accel": ["-accel", "tcg,thread=multi"],
    "append": "",
    "initrd": build.INITRAMFS,
    # A file that takes what the guest writes to its second serial port.
    "data": None,
    "deadline": 300,
}
# Instructions are counted, and one run repeats another to the byte: one CPU,
# a clock made of instructions, nothing random. Clearing a page with rep stosb
# counts 4096 instructions, hence -erms.
COUNTED = {
    "cpu": "max,+pks,-erms,-rdrand,-rdseed",
    "cpus": 1,
    "accel": ["-accel", "tcg,thread=single",
              "-icount", "shift=0,sleep=off",
              "-rtc", "base=2026-01-01T00:00:00,clock=vm",
              "-seed", "42"],
    "append": "no5lvl nokaslr norandmaps",
}
ALWAYS = "console=ttyS0 panic=-1 oops=panic"
# The kernel's unit tests run before the first process and move the direct
# map, so only boots that ask for them have them.
QUIET = "kunit.enable=0"


def machine(**changes):
    """A machine that differs from MACHINE in some entries."""
    unknown = changes.keys() - MACHINE.keys()
    if unknown:
        raise ValueError(f"a machine has no {', '.join(sorted(unknown))}")
    return {**MACHINE, **changes}


def check_size(what, value):
    """Refuse a size that QEMU would misread."""
    if not re.fullmatch(r"[1-9][0-9]*[MG]", value):
        raise LabError(f"{what}={value}: give a size such as 2G or 512M")


def mebibytes(size):
    """A size that passed check_size(), as a number of MiB."""
    return int(size[:-1]) * (1024 if size[-1] == "G" else 1)


def command(kernel, spec, job=None):
    """The QEMU command line that boots a kernel with a job, or with a shell."""
    words = [ALWAYS, spec["append"]]
    if "kunit." not in spec["append"]:
        words.append(QUIET)
    if job:
        words.append(f"lab.job={job}")
    console = ["-monitor", "none", "-serial", "stdio"]
    if not job:
        # The terminal is the guest's, and QEMU's own behind Ctrl-A.
        console = ["-serial", "mon:stdio"]
    if spec["data"]:
        console += ["-serial", f"file:{spec['data']}"]
    return [QEMU, *spec["accel"], "-cpu", spec["cpu"],
            "-smp", str(spec["cpus"]), "-m", spec["memory"],
            "-nodefaults", "-no-reboot", "-display", "none", *console,
            "-kernel", str(build.image(kernel)),
            "-initrd", str(spec["initrd"]),
            "-append", " ".join(word for word in words if word)]


class Boot:
    """One boot of one kernel: what is asked for, then what came of it."""

    def __init__(self, name, kernel, job, spec):
        self.name = name
        self.kernel = kernel
        self.job = job
        self.spec = spec
        self.log = LOG / f"{name}.log"
        self.lines = []
        self.state = "waits"
        self.outcome = None
        self.seconds = 0

    def note(self, line):
        """Keep one line of the console, and what it says of the progress."""
        self.lines.append(line)
        record = parse.record(line)
        if record:
            self.state = record.get("load") or record.get("phase") or self.state

    def run(self):
        """Boot, stream the console into the log, and judge what is in it."""
        if not build.image(self.kernel).exists():
            raise LabError(f"kernel {self.kernel} is not built: "
                           f"run make build KERNEL={self.kernel}")
        LOG.mkdir(parents=True, exist_ok=True)
        self.state = "boots"
        start = time.monotonic()
        late = threading.Event()
        with open(self.log, "w") as log:
            qemu = subprocess.Popen(
                command(self.kernel, self.spec, self.job),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True)
            RUNNING.add(qemu)

            def give_up():
                late.set()
                qemu.kill()

            timer = threading.Timer(self.spec["deadline"], give_up)
            timer.start()
            try:
                for raw in qemu.stdout:
                    line = raw.decode(errors="replace").rstrip("\r\n")
                    log.write(line + "\n")
                    log.flush()
                    self.note(line)
            finally:
                timer.cancel()
                qemu.kill()
                qemu.wait()
                RUNNING.discard(qemu)
        self.seconds = time.monotonic() - start
        self.outcome = parse.outcome(self.lines, late.is_set())
        self.state = self.outcome
        return self

    def complain(self):
        """Why this boot is not ok, for a person."""
        why = {
            "panic": "the kernel reported a fault",
            "hang": f"no end within {self.spec['deadline']} s",
            "lost": "the machine ended before its job did",
            "failed": "its job failed",
        }[self.outcome]
        lines = parse.reports(self.lines) or self.lines[-8:]
        return (f"{self.name}: {self.outcome}: {why} (log: {shown(self.log)})\n"
                + "\n".join("    " + line for line in lines[:12]))


RUNNING = set()


def stop_all():
    """End the machines that still run, each by its own process."""
    for qemu in list(RUNNING):
        qemu.kill()


def run_all(boots, phase):
    """Run boots, a few at a time, and keep the phase informed.

    One lab at a time: two would share the host's cores, and the logs.
    """
    with locked("boots"), \
         concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        futures = [pool.submit(boot.run) for boot in boots]
        pending = set(futures)
        try:
            while pending:
                _, pending = concurrent.futures.wait(pending, timeout=0.5)
                active = [f"{boot.name} {boot.state}" for boot in boots
                          if boot.outcome is None and boot.state != "waits"]
                phase.at(done=len(boots) - len(pending), total=len(boots),
                         note="; ".join(active))
        except BaseException:
            for future in pending:
                future.cancel()
            stop_all()
            raise
        for future in futures:
            future.result()


def interactive(kernel, spec):
    """Replace this process by a machine with a shell on this terminal."""
    argv = command(kernel, spec)
    os.execvp(argv[0], argv)
