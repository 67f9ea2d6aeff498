# SPDX-License-Identifier: GPL-2.0
"""Configure and compile the kernels, and make the guest's file system."""

import hashlib
import os
import re
import shutil
import subprocess

from common import LAB, LOG, OUT, LabError, locked, shown, tail
import source

OPTION = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$")
ERROR = re.compile(r"error:|\*\*\*|undefined reference|Error \d|No space left")

GUEST = OUT / "guest"
INITRAMFS = GUEST / "initramfs.cpio"
CFLAGS = ["-O2", "-static", "-Wall", "-Wextra", "-Werror", "-pthread"]
SELFTESTS = "tools/testing/selftests"


def environment():
    """Build with ccache, and reproducibly: a kernel that does not name this
    machine or the hour is compiled to the same bytes everywhere.

    Whoever calls the lab from a makefile has variables of his own, which are
    not the kernel's."""
    own = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")}
    return dict(
        own,
        PATH="/usr/lib/ccache:" + os.environ["PATH"],
        CCACHE_NOHASHDIR="1",
        LC_ALL="C",
        KBUILD_BUILD_USER="lab", KBUILD_BUILD_HOST="lab",
        KBUILD_BUILD_VERSION="1", KBUILD_BUILD_TIMESTAMP="1 January 2026")


def make(kernel, *goals, log, phase=None):
    """Run make in a kernel's tree; count the steps that it prints."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = ["make", f"-j{os.cpu_count()}", *goals]
    steps = 0
    with open(log, "w") as file:
        process = subprocess.Popen(
            command, cwd=source.tree(kernel), env=environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        try:
            for line in process.stdout:
                file.write(line)
                steps += line.startswith("  ")
                if phase and steps:
                    phase.at(done=steps)
        finally:
            process.terminate()
            status = process.wait()
    if status:
        lines = log.read_text().splitlines()
        errors = [line for line in lines if ERROR.search(line)][:15]
        raise LabError(f"the build of {kernel} failed (log: {shown(log)}):\n"
                       + ("\n".join(errors) or tail(log)))
    return steps


def options(path):
    """The options that a fragment or a .config sets; "n" is not set."""
    found = {}
    for line in path.read_text().splitlines():
        match = OPTION.match(line)
        if match:
            found[match[1] or match[3]] = match[2] if match[1] else "n"
    return found


def missing_options(asked, got):
    """What the fragments ask for and the configuration does not have."""
    return {name: value for name, value in asked.items()
            if got.get(name, "n") != value}


def configure(kernel):
    """Write .config from the fragments; return whether it had to be done."""
    tree = source.tree(kernel)
    fragments = source.KERNELS[kernel]["config"]
    # Kconfig files may change under the same fragments.
    inputs = [path.read_bytes() for path in fragments]
    inputs += [data for name, data in sorted(source.overlay(kernel).items())
               if "Kconfig" in name]
    key = source.digest(b"\0".join(inputs))
    stamp = tree / ".lab-config"
    if source.contents(stamp) == key.encode() and (tree / ".config").exists():
        return False
    log = LOG / f"config-{kernel}.log"
    make(kernel, "tinyconfig", log=log)
    asked = {}
    for fragment in fragments:
        asked.update(options(fragment))
    with open(tree / ".config", "a") as file:
        for name, value in asked.items():
            file.write(f"# {name} is not set\n" if value == "n"
                       else f"{name}={value}\n")
    make(kernel, "olddefconfig", log=log)
    missing = missing_options(asked, options(tree / ".config"))
    if missing:
        names = ", ".join(f"{name}={value}" for name, value in missing.items())
        raise LabError(f"the configuration of {kernel} lost {names}: "
                       "something that they depend on is missing in "
                       + ", ".join(shown(path) for path in fragments))
    stamp.write_text(key)
    return True


def image(kernel):
    """The file that boots."""
    return source.tree(kernel) / "arch/x86/boot/bzImage"


def compile_kernel(kernel, phase=None):
    """Configure and compile; return the number of steps that make took."""
    with locked(f"{kernel}.source"):
        configure(kernel)
        return make(kernel, "bzImage", log=LOG / f"build-{kernel}.log",
                    phase=phase)


def libraries(program):
    """The shared libraries of a program, by the path that they load from."""
    ldd = subprocess.run(["ldd", program], capture_output=True, text=True,
                         check=True)
    return re.findall(r"(/\S+) \(0x", ldd.stdout)


def guest_programs():
    """Programs compiled for the guest: {path in the guest: (source, flags)}.

    A selftest includes "../kselftest.h": the kernel's own, which the pristine
    tree has, seen from any directory beside the one that is to be new.
    """
    programs = {f"bin/{path.stem}": (path, [])
                for path in sorted((LAB / "guest").glob("*.c"))}
    beside = source.tree(source.PRISTINE) / SELFTESTS / "mm"
    for path in sorted((source.NEW_FILES / SELFTESTS).glob("*/*.c")):
        programs[f"kselftest/{path.stem}"] = (path, ["-I", beside])
    return programs


def guest_key(programs):
    """What the file system depends on, as one hash."""
    hashed = hashlib.sha256(source.package_version().encode())
    inputs = [path for path in sorted((LAB / "guest").rglob("*")) if path.is_file()]
    inputs += [path for path, _ in programs.values()]
    inputs += [LAB / "build.py"]
    for path in inputs:
        hashed.update(str(path.name).encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()


def build_guest():
    """Make the initramfs; return whether it had to be done."""
    with locked("guest"):
        return build_guest_locked()


def build_guest_locked():
    programs = guest_programs()
    key = guest_key(programs)
    stamp = GUEST / "key"
    if source.contents(stamp) == key.encode() and INITRAMFS.exists():
        return False
    root = GUEST / "root"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "dev", "kselftest", "proc", "sys", "tmp"):
        (root / name).mkdir(parents=True)
    busybox = shutil.which("busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True,
                             text=True, check=True).stdout.split()
    for applet in applets:
        (root / "bin" / applet).symlink_to("busybox")
    (root / "bin/busybox").unlink(missing_ok=True)
    shutil.copy(busybox, root / "bin/busybox")
    stress = shutil.which("stress-ng")
    shutil.copy(stress, root / "bin/stress-ng")
    for library in libraries(stress):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    for name, (path, flags) in programs.items():
        run = subprocess.run(["gcc", *CFLAGS, *flags, "-o", root / name, path],
                             capture_output=True, text=True)
        if run.returncode:
            raise LabError(f"{shown(path)} does not compile:\n{run.stderr}")
    shutil.copy(LAB / "guest/init", root / "init")
    shutil.copy(LAB / "guest/lab.sh", root / "lab.sh")
    shutil.copytree(LAB / "guest/jobs", root / "jobs")
    (root / "init").chmod(0o755)
    pack(root, INITRAMFS)
    stamp.write_text(key)
    return True


def build_bench(kernel):
    """Compile the benchmarks that are modules of one kernel.

    Return an initramfs that has them beside all that the others have: the
    kernel unpacks archives that follow each other as if they were one.
    """
    place = OUT / "bench" / kernel
    modules = place / "root" / "modules"
    log = LOG / f"bench-{kernel}.log"
    with locked(f"{kernel}.source"):
        shutil.copytree(LAB / "bench", place, dirs_exist_ok=True)
        make(kernel, "modules_prepare", log=log)
        make(kernel, f"M={place}", "KBUILD_EXTRA_SYMBOLS=vmlinux.symvers",
             "modules", log=log)
        modules.mkdir(parents=True, exist_ok=True)
        for module in place.glob("*.ko"):
            shutil.copy(module, modules)
        extra = place / "extra.cpio"
        pack(place / "root", extra)
        whole = place / "initramfs.cpio"
        whole.write_bytes(INITRAMFS.read_bytes() + extra.read_bytes())
    return whole


def pack(root, archive):
    """Write an initramfs: not compressed, since unpacking it in an emulated
    machine takes longer than reading it, and the same bytes every time, since
    counted runs must repeat."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*"))
    for name in names:
        os.utime(root / name, (0, 0), follow_symlinks=False)
    aside = archive.with_suffix(".new")
    with open(aside, "wb") as file:
        subprocess.run(
            ["cpio", "--create", "--format=newc", "--reproducible", "--quiet",
             "--owner=+0:+0"],
            cwd=root, input="\n".join(names).encode(), stdout=file, check=True)
    aside.rename(archive)
