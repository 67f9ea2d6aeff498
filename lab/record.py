# SPDX-License-Identifier: GPL-2.0
"""Traces of page-table allocation: what ftrace printed, without addresses.

A trace is text, made to be read by the model (model/):

    # dmap trace v1
    # cpus 2                              and other headers, "# name value"
    0 1 a 0 1 u 0                         ms cpu a id order u|k node
    3 0 f 0 0 0                           ms cpu f id offset order: a part of it
    3 0 f 0 1 0                           the other part
    3 0 a 0 0 k 0                         the id is free again
    4 1 f 0                               ms cpu f id: all of it

An id is the smallest number that no live allocation has. "u" is for memory
that lives as long as a user's, "k" for the kernel's own.
"""

import gzip
import heapq
import re

from common import LabError

# Sized for a guest of 1 GiB: where there is more memory, mmapfork maps more,
# and does less of it.
LOADS = {
    "mmapfork": "stress-ng --mmapfork 8 --timeout 10s",
    "mix": "stress-ng --fork 4 --fork-max 64 --mmap 2 --mmap-bytes 32M"
           " --vm 4 --vm-bytes 64M --timeout 5s",
    "churn": "churn --seconds 4",
}

EVENT = re.compile(r"\[(\d+)\]\s+(\d+)\.(\d{6}): dmap_(alloc|free):"
                   r" pfn=0x([0-9a-f]+) order=(\d+)"
                   r"(?: life=(user|kernel) nid=(\d+))?$")
ENTRIES = re.compile(r"^# entries-in-buffer/entries-written: (\d+)/(\d+)")
HEADER = re.compile(r"^# (load|cpus|nodes|lost) (.+)")


def boot_option(load):
    """The word of the boot line that carries a load to the guest."""
    command = LOADS.get(load, load)
    if '"' in command:
        raise LabError(f"LOAD={load}: a load cannot contain quotation marks")
    return f'lab.load="{command}"'


def name(load):
    """A load for a person: its name, if it has one, and its command."""
    return f"{load}: {LOADS[load]}" if load in LOADS else load


class Live:
    """The allocations that are live, and the numbers that they go by."""

    def __init__(self):
        self.owner = {}         # page frame: id of its allocation
        self.known = {}         # id: [first page frame, order, pages live]
        self.unused = []        # ids below the highest, a heap
        self.unmatched = 0

    def alloc(self, pfn, order):
        """Enter an allocation; return its id."""
        number = (heapq.heappop(self.unused) if self.unused
                  else len(self.known))
        self.known[number] = [pfn, order, 1 << order]
        for page in range(pfn, pfn + (1 << order)):
            if page in self.owner:
                raise LabError(f"page {page:#x} was handed out twice: "
                               "events are missing or out of order")
            self.owner[page] = number
        return number

    def free(self, pfn, order):
        """Take out pages; return [(id, None or (offset, order))].

        A run may be part of an allocation, or several whole ones. Runs are
        aligned, so that there is no third way.
        """
        freed = []
        page, end = pfn, pfn + (1 << order)
        while page < end:
            number = self.owner.get(page)
            if number is None:
                page += 1
                continue
            known = self.known[number]
            first, whole, _ = known
            part = min(order, whole)
            for one in range(page, page + (1 << part)):
                if self.owner.pop(one, None) != number:
                    raise LabError(f"page {one:#x} was freed twice: "
                                   "events are missing or out of order")
            freed.append((number, None if part == whole
                          else (page - first, part)))
            known[2] -= 1 << part
            if not known[2]:
                del self.known[number]
                heapq.heappush(self.unused, number)
            page += 1 << part
        self.unmatched += not freed
        return freed


def intact(lines):
    """Check that nothing was lost; return the headers that the guest wrote."""
    found = {}
    entries = None
    for line in lines:
        match = HEADER.match(line)
        if match:
            found[match[1]] = match[2]
        match = ENTRIES.match(line)
        if match:
            entries = int(match[1]), int(match[2])
        if "LOST" in line and "EVENTS]" in line:
            raise LabError(f"events were lost: {line.strip()}")
    if entries is None or "lost" not in found:
        raise LabError("the recording has no beginning")
    if found["lost"] != "0" or entries[0] != entries[1]:
        raise LabError(f"events were lost: {entries[0]} of {entries[1]} were "
                       f"kept, {found['lost']} did not fit: take a shorter load")
    events = sum(1 for line in lines if EVENT.search(line))
    if events != entries[0]:
        raise LabError(f"the recording has no end: {events} of {entries[0]} "
                       "events arrived")
    return found


def convert(lines, about):
    """The lines of a trace, from what a guest recorded.

    @about: headers that the host knows, by name.
    """
    headers = {**intact(lines), **about}
    del headers["lost"]
    live = Live()
    events = []
    start = now = None
    for line in lines:
        match = EVENT.search(line)
        if not match:
            continue
        cpu, seconds, micros, what, pfn, order, life, nid = match.groups()
        at = int(seconds) * 1000000 + int(micros)
        start = at if start is None else start
        now = max(now or 0, (at - start) // 1000)
        when = f"{now} {int(cpu)}"
        if what == "alloc":
            number = live.alloc(int(pfn, 16), int(order))
            events.append(f"{when} a {number} {order} {life[0]} {nid}")
            continue
        for number, part in live.free(int(pfn, 16), int(order)):
            rest = f" {part[0]} {part[1]}" if part else ""
            events.append(f"{when} f {number}{rest}")
    headers.update(events=len(events), live=len(live.known),
                   unmatched=live.unmatched)
    return ["# dmap trace v1",
            *(f"# {key} {value}" for key, value in headers.items()), *events]


def write(path, lines):
    """Write a trace, and beside it the same compressed, always to the same
    bytes."""
    data = "".join(line + "\n" for line in lines).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(data, 9, mtime=0))
    return packed


def summary(lines):
    """One line about a trace."""
    events = [line.split() for line in lines if not line.startswith("#")]
    headers = dict(line[2:].split(" ", 1) for line in lines
                   if line.startswith("#"))
    peak = 1 + max((int(event[3]) for event in events), default=-1)
    seconds = int(events[-1][0]) / 1000 if events else 0
    return (f"{len(events)} events in {seconds:.1f} s, at most {peak} live "
            f"allocations, {headers['live']} live at the end, "
            f"{headers['unmatched']} frees of older pages left out")
