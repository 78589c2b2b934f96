#!/usr/bin/python3 -B
"""The README's charts from what bench/run.sh wrote.

    bench/plot.py [JSON] [--out DIRECTORY]

JSON is build/bench/result.json unless said otherwise, and the directory the one it lies in. Makes
cpu.svg (CPU per transaction), latency.svg (its distribution) and memory.svg (memory against idle
clients), each if the run has its workloads.
"""

import argparse
import json
import math
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/lib")
sys.dont_write_bytecode = True

import svg  # noqa: E402  pylint: disable=wrong-import-position

WIDTH, HEIGHT = 860, 400
CPU_GROUPS = (("simple", "simple, 16 clients"), ("prepared", "prepared, 16 clients"),
              ("crowd", "100 clients on 20 servers"), ("transactions", "BEGIN, 2 SELECT, COMMIT"))
LATENCY_PANELS = (("latency", "1 client", 1000, "µs"),
                  ("spread", "1,000 clients on 20 servers", 1_000_000, "ms"))
# Up to 99.9 %: each further nine is as wide as the one before.
NINES_MAX = 3
TICKS = (0.5, 0.9, 0.99, 0.999)


def names_of(result, workloads):
    """Those that took part in any of them, in the table's order."""
    return [name for name in result["versions"]
            if any(result["samples"].get(workload, {}).get(name) for workload in workloads)]


def cpu(result):
    """Groups of bars: the median, with the range of the rounds as a line."""
    groups = [group for group in CPU_GROUPS if result["samples"].get(group[0])]
    names = names_of(result, [name for name, _ in groups])
    bars = {}
    for workload, _ in groups:
        for name in names:
            rounds = [one["cpu_us"] for one in result["samples"][workload].get(name, [])]
            if rounds:
                bars[workload, name] = min(rounds), statistics.median(rounds), max(rounds)
    top = 1.08 * max(high for _, _, high in bars.values())
    panel = svg.Panel(70, WIDTH - 100, top, "CPU time of the pooler per transaction", "µs")
    for number, (workload, title) in enumerate(groups):
        taken = [name for name in names if (workload, name) in bars]
        wide = 0.8 / len(groups) / len(names)
        begin = (number + 0.5) / len(groups) - wide * len(taken) / 2
        for place, name in enumerate(taken):
            panel.bars(begin + place * wide, wide * 0.9, bars[workload, name],
                       svg.colour(name, names))
        panel.label((number + 0.5) / len(groups), title)
    return panel.parts + svg.legend(names, 70, HEIGHT - 38)


def _place(part):
    """Of a quantile on the axis of nines."""
    return -math.log10(1 - part) / NINES_MAX


def latency(result):
    """A panel each: the median of the rounds at each quantile."""
    panels = [panel for panel in LATENCY_PANELS if result["samples"].get(panel[0])]
    names = names_of(result, [panel[0] for panel in panels])
    parts, room = [], (WIDTH - 20) / len(panels)
    for number, (workload, title, _, unit) in enumerate(panels):
        divide = 1000 if unit == "ms" else 1
        curves = {}
        for name, rounds in result["samples"][workload].items():
            curves[name] = [(part, statistics.median(us) / divide) for part, us in (
                (one[0][0], [point[1] for point in one])
                for one in zip(*(taken["quantiles"] for taken in rounds)))]
        top = 1.05 * max(value for curve in curves.values() for _, value in curve)
        panel = svg.Panel(70 + number * room, room - 90, top, f"Latency, {title}", unit)
        for name, curve in curves.items():
            panel.curve([(_place(part), value) for part, value in curve],
                        svg.colour(name, names))
        for tick in TICKS:
            panel.label(_place(tick), f"{100 * tick:g} %")
        parts += panel.parts
    return parts + svg.legend(names, 70, HEIGHT - 38)


def memory(result):
    """Lines from the start to all clients, each with its slope."""
    curves = {name: rounds[-1] for name, rounds in result["samples"]["idle"].items() if rounds}
    points = {name: [(clients, size / 1e6) for clients, size in taken["curve"]]
              for name, taken in curves.items()}
    most = max(clients for curve in points.values() for clients, _ in curve)
    top = 1.1 * max(size for curve in points.values() for _, size in curve)
    panel = svg.Panel(70, WIDTH - 270, top, "Resident memory with idle clients", "MB")
    names = list(points)
    for name, curve in points.items():
        panel.curve([(clients / most, size) for clients, size in curve], svg.colour(name, names))
        slope = statistics.median(one["client_bytes"] for one in result["samples"]["idle"][name])
        panel.parts.append(svg.text(panel.left + panel.width + 8, panel.y(curve[-1][1]) + 4,
                                    f"{name}: {slope / 1000:.2f} kB a client", 11, "start"))
    for quarter in range(5):
        panel.label(quarter / 4, f"{most * quarter / 4:,.0f}")
    return panel.parts + svg.legend(names, 70, HEIGHT - 38)


def main():
    """Writes those charts that the run has figures for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("json", nargs="?", metavar="JSON",
                        default=f"{os.path.dirname(HERE)}/build/bench/result.json")
    parser.add_argument("--out", metavar="DIRECTORY")
    asked = parser.parse_args()
    with open(asked.json, encoding="utf-8") as file:
        result = json.load(file)
    out = asked.out or os.path.dirname(os.path.abspath(asked.json))
    os.makedirs(out, exist_ok=True)
    versions = ", ".join(f"{name} {version.split('-')[0]}".strip()
                         for name, version in result["versions"].items() if version)
    foot = (f"{result['when'][:10]}: {versions}; PostgreSQL {result['postgres']}; "
            f"{result['machine']['processor']}, {result['machine']['processors']} processors; "
            f"medians of {'the rounds' if result['mode'] == 'full' else 'a quick run'}")
    for name, chart, needs in (("cpu", cpu, [group[0] for group in CPU_GROUPS]),
                               ("latency", latency, [panel[0] for panel in LATENCY_PANELS]),
                               ("memory", memory, ["idle"])):
        if not any(result["samples"].get(workload) for workload in needs):
            continue
        with open(f"{out}/{name}.svg", "w", encoding="utf-8") as file:
            file.write(svg.document(WIDTH, HEIGHT, chart(result), foot))
        print(f"{out}/{name}.svg")


if __name__ == "__main__":
    main()
