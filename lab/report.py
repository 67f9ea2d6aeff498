# SPDX-License-Identifier: GPL-2.0
"""One model of a run, and its three faces: a table, JSON and an SVG chart."""

import json
from xml.sax.saxutils import escape

import parse

KB_PER_2M = 2048
# A row of the table: what it is called, and how it is had from one moment.
ROWS = [
    ("2M mappings lost", "lost_2m"),
    ("DirectMap4k kB", "DirectMap4k"),
    ("DirectMap2M kB", "DirectMap2M"),
    ("DirectMap1G kB", "DirectMap1G"),
    ("splits", "splits"),
    ("collapses", "collapses"),
    ("live cached pages", "nr_dmap_live"),
    ("blocks held", "nr_dmap_blocks"),
    ("fill", "fill"),
]
COLOURS = {"stock": "#6b7280", "naive": "#c2410c", "dmap": "#1d4ed8"}


def total(figures, *names):
    """The sum of counters, None where this kernel has none of them."""
    present = [figures[name] for name in names if name in figures]
    return sum(present) if present else None


def moment(figures, boot):
    """The figures of one moment, in the terms of the table.

    A 2 MiB mapping is lost when its range is mapped by 4 KiB pages that were
    not there at boot, so losses are counted in DirectMap4k: the 2M figure
    also grows when a 1 GiB mapping is split.
    """
    kept = {name: figures.get(name) for _, name in ROWS}
    kept["lost_2m"] = (figures["DirectMap4k"] - boot["DirectMap4k"]) // KB_PER_2M
    kept["splits"] = total(figures, "direct_map_level2_splits",
                           "direct_map_level3_splits")
    kept["collapses"] = total(figures, "dmap_collapse_2m", "dmap_collapse_1g")
    live = figures.get("nr_dmap_live")
    held = total(figures, "nr_dmap_live", "nr_dmap_idle")
    kept["fill"] = round(live / held, 3) if held else None
    return kept


def summarise(lines):
    """What one kernel did under the load: from the records of its console."""
    records = parse.records(lines)
    boot = next((r for r in records if r.get("phase") == "boot"), None)
    if boot is None:
        return None
    loads = {}
    for record in records:
        if "load" not in record or "DirectMap4k" not in record:
            continue
        load = loads.setdefault(record["load"], {"moments": 0, "peak": None})
        if record["phase"] == "after":
            load["after"] = moment(record, boot)
            load["status"] = record["status"]
            load["recovered"] = record["recovered"] == "yes"
            load["waited_seconds"] = record["waited_cs"] / 100
            continue
        load["moments"] += 1
        now = moment(record, boot)
        if load["peak"] is None or weight(now) > weight(load["peak"]):
            load["peak"] = now
    return {"boot": moment(boot, boot), "loads": loads}


def weight(now):
    """The peak is where most large mappings are gone, then most pages live."""
    return now["lost_2m"], now["nr_dmap_live"] or 0


def phases(model):
    """The phases of a run in order: [(title, how to find it in a kernel)]."""
    names = []
    for kernel in model["kernels"].values():
        names += [name for name in kernel["loads"] if name not in names]
    found = [("after boot", lambda kernel: kernel["boot"])]
    for name in names:
        found.append((f"under {name} (peak)", lambda kernel, name=name:
                      kernel["loads"].get(name, {}).get("peak")))
        found.append((f"{name} released", lambda kernel, name=name:
                      kernel["loads"].get(name, {}).get("after")))
    return found


def cell(amount, name):
    """One figure as text; "-" where the kernel does not have it."""
    if amount is None:
        return "-"
    if name == "fill":
        return f"{amount:.0%}"
    return f"{amount:.1f}" if isinstance(amount, float) else str(amount)


def columns(rows, widths):
    """Rows of text under each other: the first column left, others right."""
    return [" ".join([row[0].ljust(widths[0])]
                     + [text.rjust(width) for text, width in
                        zip(row[1:], widths[1:])]).rstrip() for row in rows]


def table(model):
    """The run as one table, kernels side by side."""
    kernels = model["kernels"]
    rows = [["", *kernels]]
    for title, find in phases(model):
        rows.append([title])
        for label, name in ROWS:
            cells = []
            for kernel in kernels.values():
                figures = find(kernel)
                cells.append(cell(figures[name], name) if figures else "-")
            rows.append(["  " + label, *cells])
        if title.endswith(" released"):
            rows.append(["  large pages back after",
                         *[recovery(kernel, title.removesuffix(" released"))
                           for kernel in kernels.values()]])
    widths = [28] + [12] * len(kernels)
    head = (f"{model['source']}, {model['memory']} guest, {model['cpus']} CPUs, "
            f"emulated")
    return "\n".join([head, "", *columns(rows, widths)])


def recovery(kernel, name):
    """How long the direct map took to be as it was at boot."""
    load = kernel["loads"].get(name)
    if not load or "after" not in load:
        return "-"
    seconds = load["waited_seconds"]
    return f"{seconds:.1f} s" if load["recovered"] else f"not in {seconds:.0f} s"


def to_json(model):
    return json.dumps(model, indent=1) + "\n"


def nice_step(top):
    """A round distance of grid lines: about five of them below top."""
    step = 1
    while step * 5 < top:
        step *= 2 if str(step)[0] in "15" else 5 / 2
    return int(step)


def svg(model):
    """A chart: 2 MiB mappings lost, phase by phase, a line for each kernel."""
    width, height = 860, 440
    left, right, top, bottom = 80, 30, 70, 110
    stages = phases(model)
    series = {
        name: [(find(kernel) or {}).get("lost_2m") for _, find in stages]
        for name, kernel in model["kernels"].items()}
    most = max([n for values in series.values() for n in values if n] or [1])
    step = nice_step(most)
    ceiling = step * -(-most // step)

    def x(index):
        return left + (width - left - right) * (index + 0.5) / len(stages)

    def y(amount):
        return height - bottom - (height - top - bottom) * amount / ceiling

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#1f2937">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="28" font-size="17" font-weight="600">'
        '2 MiB mappings of the direct map lost since boot</text>',
        f'<text x="{left}" y="48" fill="#6b7280">'
        f'{escape(model["source"])}, {escape(model["memory"])} guest, '
        'lower is better</text>',
    ]
    for amount in range(0, ceiling + 1, step):
        out.append(f'<line x1="{left}" x2="{width - right}" y1="{y(amount):.1f}" '
                   f'y2="{y(amount):.1f}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{left - 10}" y="{y(amount) + 4:.1f}" '
                   f'text-anchor="end">{amount}</text>')
    out.append(f'<text transform="translate(24 {(top + height - bottom) / 2:.0f}) '
               'rotate(-90)" text-anchor="middle">2 MiB mappings lost</text>')
    for index, (title, _) in enumerate(stages):
        words = title.replace(" (peak)", "").split(" ", 1)
        for line, word in enumerate(words):
            out.append(f'<text x="{x(index):.1f}" '
                       f'y="{height - bottom + 22 + 17 * line}" '
                       f'text-anchor="middle">{escape(word)}</text>')
    out.append(f'<text x="{(left + width - right) / 2:.0f}" '
               f'y="{height - bottom + 66}" text-anchor="middle">phase</text>')
    for place, (name, values) in enumerate(series.items()):
        colour = COLOURS.get(name, "#111827")
        points = [(x(i), y(amount)) for i, amount in enumerate(values)
                  if amount is not None]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                   'stroke-width="2.5"/>')
        for (a, b), amount in zip(points, [v for v in values if v is not None]):
            out.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" '
                       f'fill="{colour}"><title>{escape(name)}: {amount}'
                       '</title></circle>')
        spot = left + 110 * place
        out.append(f'<line x1="{spot}" x2="{spot + 26}" y1="{height - 18}" '
                   f'y2="{height - 18}" stroke="{colour}" stroke-width="2.5"/>')
        out.append(f'<text x="{spot + 34}" y="{height - 14}">'
                   f'{escape(name)}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"


def instructions(columns_of):
    """The counted benchmark: instructions of each bench, kernel by kernel.

    columns_of is {column: {bench: instructions}}; the first column is what
    the others are compared with.
    """
    names = list(columns_of)
    first = columns_of[names[0]]
    benches = []
    for found in columns_of.values():
        benches += [bench for bench in found if bench not in benches]
    rows = [["instructions", names[0]]
            + [text for name in names[1:] for text in (name, "ratio")]]
    for bench in benches:
        row = [bench, cell(first.get(bench), bench)]
        for name in names[1:]:
            count = columns_of[name].get(bench)
            row.append(cell(count, bench))
            row.append(f"{count / first[bench]:.4f}"
                       if count is not None and first.get(bench) else "-")
        rows.append(row)
    widths = [max(len(row[0]) for row in rows)] + [14] * (len(rows[0]) - 1)
    return "\n".join(columns(rows, widths))


# The faces of a run.
FACES = {"table": table, "json": to_json, "svg": svg}
