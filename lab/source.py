# SPDX-License-Identifier: GPL-2.0
"""One kernel source tree per kernel, made from Debian's source package.

A tree is the unpacked package plus an overlay: the new files of kernel/ and
the files that a patch series changes. The overlay is made aside, whole, and
then brought into the tree by content, so a patch that does not apply leaves
the tree as it was, and a rebuild compiles only what changed.
"""

import hashlib
import json
from pathlib import Path
import re
import shutil
import subprocess
import tempfile

from common import LAB, OUT, ROOT, LabError, locked, shown

PACKAGE = "linux-source-6.12"
TARBALL = Path("/usr/src") / f"{PACKAGE}.tar.xz"
NEW_FILES = ROOT / "kernel"
BASE = LAB / "config" / "base.config"

# What each kernel is made of: new files or not, patch series in their order,
# configuration fragments in their order.
KERNELS = {
    "stock": {
        "about": "Debian's source as it is",
        "new_files": False, "series": [], "config": [BASE]},
    "naive": {
        "about": "dmap's hooks, each page split out of the direct map alone",
        "new_files": True,
        "series": [ROOT / "hooks" / "6.12", LAB / "naive"],
        # The same configuration as dmap, so that ccache has nearly all of it.
        "config": [BASE, LAB / "config" / "dmap.config"]},
    "dmap": {
        "about": "with kernel/ and hooks/",
        "new_files": True, "series": [ROOT / "hooks" / "6.12"],
        "config": [BASE, LAB / "config" / "dmap.config"]},
    "debug": {
        "about": "dmap under the kernel's own checkers",
        "new_files": True, "series": [ROOT / "hooks" / "6.12"],
        "config": [BASE, LAB / "config" / "dmap.config",
                   LAB / "config" / "debug.config"]},
}
PRISTINE = "stock"      # the tree that nothing ever changes

PATCHED = re.compile(r"^(?:---|\+\+\+) [ab]/(\S+)", re.M)


def tree(kernel):
    """Where the source of a kernel is, and where it is built."""
    return OUT / "linux" / kernel


def digest(data):
    return hashlib.sha256(data).hexdigest()


def contents(path):
    """The bytes of a file, or None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def package_version():
    """The version of the installed source package."""
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", PACKAGE],
        capture_output=True, text=True)
    if query.returncode or not TARBALL.exists():
        raise LabError(f"package {PACKAGE} is not installed: run make deps")
    return query.stdout


def is_unpacked(kernel):
    version = contents(tree(kernel) / ".lab-version")
    return version is not None and version.decode() == package_version()


def unpack(kernel):
    """Unpack the package, again when its version changed."""
    if is_unpacked(kernel):
        return False
    target = tree(kernel)
    aside = target.with_name(f".{kernel}.unpacking")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tar = subprocess.run(
        ["tar", "-xJf", TARBALL, "-C", aside, "--strip-components=1"],
        capture_output=True, text=True)
    if tar.returncode:
        raise LabError(f"cannot unpack {TARBALL}: {tar.stderr.strip()}")
    (aside / ".lab-version").write_text(package_version())
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    return True


def patches(directory):
    """The patches of a quilt series, in order."""
    series = directory / "series"
    if not series.exists():
        raise LabError(f"{shown(series)} is missing: it names the patches, "
                       "one a line")
    names = [line.split("#")[0].strip() for line in series.read_text().splitlines()]
    found = [directory / name for name in names if name]
    for patch in found:
        if not patch.exists():
            raise LabError(f"{shown(series)} names {patch.name}, "
                           "which does not exist")
    return found


def new_files():
    """The files of kernel/, by the path that they have in Linux."""
    return {str(path.relative_to(NEW_FILES)): path
            for path in sorted(NEW_FILES.rglob("*")) if path.is_file()}


def overlay(kernel):
    """Every file in which a kernel differs from the package: {path: bytes}."""
    files = {}
    if KERNELS[kernel]["new_files"]:
        for name, path in new_files().items():
            if (tree(PRISTINE) / name).exists():
                raise LabError(f"kernel/{name} exists in Linux: changes to its "
                               "files belong in hooks/")
            files[name] = path.read_bytes()
    for directory in KERNELS[kernel]["series"]:
        for patch in patches(directory):
            apply_patch(patch, files)
    return files


def apply_patch(patch, files):
    """Apply one patch to the overlay, exactly: no fuzz, no guessing."""
    names = sorted(set(PATCHED.findall(patch.read_text())))
    if not names:
        raise LabError(f"{shown(patch)} changes no file: is it a -p1 diff?")
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            data = files.get(name, contents(tree(PRISTINE) / name))
            if data is not None:
                path = Path(scratch) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        run = subprocess.run(
            ["patch", "-p1", "--fuzz=0", "--batch", "--forward",
             "--no-backup-if-mismatch", "--reject-file=-", "-i", patch],
            cwd=scratch, capture_output=True, text=True)
        if run.returncode:
            raise LabError(f"{shown(patch)} does not apply to "
                           f"{PACKAGE} {package_version()}:\n{run.stdout}{run.stderr}"
                           "Refresh that patch against this version.")
        for name in names:
            data = contents(Path(scratch) / name)
            if data is None:
                raise LabError(f"{shown(patch)} deletes {name}: "
                               "a hook only adds to a file")
            files[name] = data


def sync(kernel, force=False):
    """Bring the overlay into the tree; return how many files changed.

    A file that someone edited in the tree itself is not overwritten: edits
    made there while looking for a bug are easily lost otherwise.
    """
    wanted = overlay(kernel)
    record = tree(kernel) / ".lab-overlay"
    written = json.loads(contents(record) or b"{}")
    changes = {}
    for name in sorted(wanted.keys() | written.keys()):
        original = contents(tree(PRISTINE) / name)
        want = wanted.get(name, original)
        have = contents(tree(kernel) / name)
        if have == want:
            continue
        edited = (have is not None and have != original
                  and digest(have) != written.get(name))
        if edited and not force:
            raise LabError(
                f"{shown(tree(kernel) / name)} was edited in the tree: move the "
                "edit to kernel/ or hooks/, or discard it with "
                f"make source KERNELS={kernel} FORCE=1")
        changes[name] = want
    for name, data in changes.items():
        path = tree(kernel) / name
        if data is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name in wanted and (NEW_FILES / name).exists():
            shutil.copymode(NEW_FILES / name, path)
    record.write_text(json.dumps(
        {name: digest(data) for name, data in wanted.items()}, indent=1))
    return len(changes)


def prepare(kernel, force=False):
    """Make the tree of a kernel ready to build; return what was done."""
    with locked(f"{PRISTINE}.source"):
        done = ["unpacked"] if unpack(PRISTINE) else []
    if kernel != PRISTINE:
        with locked(f"{kernel}.source"):
            done = ["unpacked"] if unpack(kernel) else []
            changed = sync(kernel, force)
            if changed:
                done.append(f"{changed} files brought in")
    return ", ".join(done)
