# SPDX-License-Identifier: GPL-2.0
"""Where things are, and the error that a user can act on."""

import contextlib
import fcntl
import os
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "lab"
OUT = ROOT / "out"
LOG = OUT / "log"


class LabError(Exception):
    """Something that a user can repair: the text says what to do."""


def shown(path):
    """A path as messages print it: relative to the project."""
    return os.path.relpath(path, ROOT)


def tail(path, lines=15):
    """The last lines of a log, for an error message."""
    text = Path(path).read_text(errors="replace").splitlines()
    return "\n".join("    " + line for line in text[-lines:])


@contextlib.contextmanager
def locked(name):
    """Hold out/lock/<name>: two labs must not write one tree at a time."""
    path = OUT / "lock" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another lab that works on {name}",
                  file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
