"""Verdicts by the range of the rounds, and the table."""

import statistics

import paths  # noqa: F401  pylint: disable=unused-import
from budgets import BUDGETS, DIFFERENCE, FIGURE, RATIO

OURS = "pglynx"


def _values(budget, samples):
    """One figure, ratio or difference for each round that has it."""
    own = samples.get(OURS, [])
    if budget.how == FIGURE:
        return [sample[budget.measure] for sample in own if budget.measure in sample]
    found = []
    for ours, theirs in zip(own, samples.get(budget.against, [])):
        if budget.measure not in ours or budget.measure not in theirs:
            continue
        if budget.how == DIFFERENCE:
            found.append(ours[budget.measure] - theirs[budget.measure])
        elif theirs[budget.measure] > 0:
            found.append(ours[budget.measure] / theirs[budget.measure])
    return found


def verdict(budget, bound, values):
    """holds: in every round; falls: in none; undecided: in some."""
    if bound is None:
        return ""
    if not values:
        return "no figure"
    met = [budget.meets(value, bound) for value in values]
    return "holds" if all(met) else "undecided" if any(met) else "falls"


def lines(samples, without):
    """For each budget of these workloads what the table has; none against who was not wanted."""
    found = []
    for budget in BUDGETS:
        taken = samples.get(budget.workload)
        if taken is None or budget.against in without:
            continue
        if budget.must is None and budget.against and budget.against not in taken:
            continue
        values = _values(budget, taken)
        medians = {}
        for name, rounds in taken.items():
            figures = [sample[budget.measure] for sample in rounds if budget.measure in sample]
            if figures:
                medians[name] = statistics.median(figures)
        found.append({
            "number": budget.number, "what": budget.what, "workload": budget.workload,
            "measure": budget.measure, "against": budget.against, "how": budget.how,
            "medians": medians, "rounds": len(values),
            "median": statistics.median(values) if values else None,
            "range": [min(values), max(values)] if values else None,
            "must": budget.must, "aim": budget.aim, "more_is_better": budget.more_is_better,
            "verdict": verdict(budget, budget.must, values),
            "aim_verdict": verdict(budget, budget.aim, values)})
    return found


def _number(value):
    if value is None:
        return "-"
    size = abs(value)
    return f"{value:.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.2f}"


def _bound(line, name):
    if line[name] is None:
        return "-"
    return ("≥ " if line["more_is_better"] else "≤ ") + f"{line[name]:g}"


def _compared(line):
    """Median (range), and with what."""
    if line["median"] is None:
        return "-"
    low, high = map(_number, line["range"])
    sign = {RATIO: "x ", DIFFERENCE: "+ ", FIGURE: ""}[line["how"]]
    against = f" {line['against']}" if line["against"] else ""
    return f"{sign}{_number(line['median'])} ({low} to {high}){against}"


def text(result):
    """The whole table, with its head and what has to be known to believe it."""
    names = list(result["versions"])
    rows = [["", "measure", *names, "pglynx: median (range)", "must", "aim", "verdict", "aim's"]]
    for line in result["lines"]:
        rows.append([line["number"], line["what"],
                     *(_number(line["medians"].get(name)) for name in names), _compared(line),
                     _bound(line, "must"), _bound(line, "aim"), line["verdict"],
                     line["aim_verdict"]])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = {0, 1, len(names) + 2, len(names) + 5, len(names) + 6}
    out = [*_head(result), ""]
    for row in rows:
        out.append("  ".join(cell.ljust(width) if column in left else cell.rjust(width)
                             for column, (cell, width) in enumerate(zip(row, widths))).rstrip())
    out += [""] + [f"without {name}: {why}" for name, why in result["missing"].items()]
    out += [f"failed: {fault}" for fault in result["faults"]]
    counted = {word: sum(line["verdict"] == word for line in result["lines"])
               for word in ("holds", "falls", "undecided", "no figure")}
    out.append("must: " + ", ".join(f"{count} {word}" for word, count in counted.items()))
    return "\n".join(out)


def _head(result):
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}".strip()
                         for name, version in result["versions"].items())
    return [f"{result['when']}, {result['seconds']:.0f} s, {result['mode']}: {versions}; "
            f"PostgreSQL {result['postgres']}",
            f"{machine['processor']}, {machine['processors']} processors, Linux "
            f"{machine['kernel']}; load before {machine['load_before']:.1f}, after "
            f"{machine['load_after']:.1f}; stolen {machine['stolen_percent']:.1f} %"]
