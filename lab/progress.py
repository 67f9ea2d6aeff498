# SPDX-License-Identifier: GPL-2.0
"""What runs, how far it is, how long it took and about how long it still takes.

A terminal gets one line per phase, redrawn in place; anything else (a log, a
continuous build) gets a line when a phase starts and ends and every 20 s.
Expected times are those of the last run, kept in out/timings.json.
"""

import contextlib
import json
import shutil
import sys
import threading
import time

from common import OUT

TIMINGS = OUT / "timings.json"
REDRAW = 0.5    # seconds, on a terminal
REPEAT = 20     # seconds, elsewhere
# Below this share done, or of so few steps, the rate so far says less than the
# last run does.
RATE_COUNTS_FROM = 0.1
RATE_NEEDS_STEPS = 20


def clock(seconds):
    """Seconds as m:ss."""
    seconds = int(seconds + 0.5)
    return f"{seconds // 60}:{seconds % 60:02d}"


def load_timings():
    """Times and steps of earlier phases: {name: {"seconds": s, "steps": n}}."""
    try:
        return json.loads(TIMINGS.read_text())
    except (OSError, ValueError):
        return {}


def time_left(elapsed, expected, done, total):
    """Seconds that a phase still needs, from its rate or from the last run."""
    if total and total >= RATE_NEEDS_STEPS and done >= total * RATE_COUNTS_FROM:
        return max(0, elapsed * total / done - elapsed)
    return max(0, expected - elapsed)


class Phase:
    """One phase that runs now; whoever works calls at()."""

    def __init__(self, name, expected, steps):
        self.name = name
        self.expected = expected
        self.total = steps
        self.done = None
        self.note = ""
        self.start = time.monotonic()
        self.learn = True

    def at(self, done=None, total=None, note=None):
        """Report how far this phase is; None leaves a value as it was."""
        if done is not None:
            self.done = done
        if total is not None:
            self.total = total
        if note is not None:
            self.note = note

    def reused(self):
        """Nothing was to be done: the time says nothing about the next run."""
        self.learn = False

    def elapsed(self):
        return time.monotonic() - self.start

    def left(self):
        return time_left(self.elapsed(), self.expected, self.done or 0, self.total)


class Progress:
    """The phases of one command, known from the start: [(name, seconds)]."""

    def __init__(self, plan, stream=sys.stderr):
        self.plan = plan
        self.stream = stream
        self.tty = stream.isatty()
        self.timings = load_timings()
        self.index = 0

    def expected(self, name, default):
        return self.timings.get(name, {}).get("seconds", default)

    def line(self, phase, end=None):
        """One status line; end is what to say of a phase that is over."""
        text = f"[{self.index + 1}/{len(self.plan)}] {phase.name}: "
        if phase.done is not None:
            known = phase.total and phase.done <= phase.total
            text += f"{phase.done}/{phase.total} " if known else f"{phase.done} "
        if phase.note:
            text += f"{phase.note} "
        text = text.rstrip(": ") + f", {clock(phase.elapsed())}"
        if end:
            return f"{text}, {end}"
        later = sum(self.expected(*entry) for entry in self.plan[self.index + 1:])
        left = phase.left()
        text += f" so far, about {clock(left)} left"
        if later >= 1:
            text += f" ({clock(left + later)} in all)"
        return text

    def show(self, text, final=False):
        if not self.tty:
            print(text, file=self.stream, flush=True)
            return
        width = shutil.get_terminal_size().columns - 1
        print("\r\033[K" + text[:width], end="\n" if final else "",
              file=self.stream, flush=True)

    def tick(self, phase, stop):
        while not stop.wait(REDRAW if self.tty else REPEAT):
            self.show(self.line(phase))

    @contextlib.contextmanager
    def phase(self, name):
        """Run one phase of the plan, in the order of the plan."""
        self.index = [entry[0] for entry in self.plan].index(name)
        phase = Phase(name, self.expected(*self.plan[self.index]),
                      self.timings.get(name, {}).get("steps"))
        stop = threading.Event()
        ticker = threading.Thread(target=self.tick, args=(phase, stop), daemon=True)
        self.show(self.line(phase))
        ticker.start()
        end = "failed"
        try:
            yield phase
            end = "done" if phase.learn else "nothing to do"
        finally:
            stop.set()
            ticker.join()
            self.show(self.line(phase, end), final=True)
        if phase.learn:
            self.remember(name, phase)

    def remember(self, name, phase):
        """Keep what this phase took; the file may have changed meanwhile."""
        timings = load_timings()
        timings[name] = {"seconds": round(phase.elapsed(), 1), "steps": phase.done}
        TIMINGS.parent.mkdir(exist_ok=True)
        TIMINGS.write_text(json.dumps(timings, indent=1, sort_keys=True) + "\n")
        self.timings = timings
