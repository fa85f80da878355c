"""Results as Markdown: one table for each section, then the goals."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from cells import REFERENCE, SECTIONS, Cell
from goals import GOALS, Medians

Runs = dict[str, list[dict[str, Any]]]  # by key of the cell, in the order of the rounds


def flat(result: dict[str, Any]) -> dict[str, float]:
    """Return the figures of a result, also those one level down."""
    figures: dict[str, float] = {}
    for name, value in result.items():
        if isinstance(value, dict):
            figures |= value
        elif isinstance(value, (int, float)):
            figures[name] = value
    return figures


def right(runs: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Return the figures of those runs that came through and were right."""
    return [flat(run) for run in runs if not {"wrong", "missing", "failed"} & run.keys()]


def is_ours(key: str) -> bool:
    """Tell whether a cell measures mimocorb."""
    ours = ("mimocorb_ring:", "mimocorb_run:", "calls:", "own_cost:", "native:core")
    return key.partition("/")[2].startswith(ours)


def medians_of(results: Runs) -> Medians:
    """Return the median of every figure over the runs that were right; of ours, all have to be."""
    found = {}
    for key, runs in results.items():
        figures = right(runs)
        if figures and (len(figures) == len(runs) or not is_ours(key)):
            found[key] = {
                name: statistics.median(one[name] for one in figures) for name in figures[0]
            }
    return found


def tables(cells: list[Cell], results: Runs) -> str:
    """Return a heading and a table for each section that has cells."""
    medians = medians_of(results)
    parts = []
    for section, title in SECTIONS.items():
        rows = [cell for cell in cells if cell.section == section]
        if rows:
            layout = _LAYOUTS.get(section, _throughput)
            parts.append(f"## {title}\n\n{layout(rows, results, medians)}")
    return "\n\n".join(parts)


def goals_table(results: Runs) -> str:
    """Return the table of goals."""
    medians = medians_of(results)
    rows = [[goal.text, *goal.judge(medians)] for goal in GOALS]
    return "## Goals\n\n" + _table(["", "goal", "reached", "met"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _trouble(runs: list[dict[str, Any]]) -> str | None:
    """Return what went wrong in a cell, or None."""
    for kind in ("missing", "wrong", "failed"):
        told = [run[kind] for run in runs if kind in run]
        if told:
            count = f" in {len(told)} of {len(runs)} runs" if kind != "missing" else ""
            last = told[0].strip().splitlines()[-1][:160].replace("|", "/")
            return f"**{kind}**{count}: {last}"
    return None


def _figures(
    cell: Cell, results: Runs, columns: list[tuple[str, Callable[[float], str]]]
) -> list[str]:
    """Return the row of a cell: median and range over the right runs, and what went wrong."""
    runs = results.get(cell.key, [])
    trouble = _trouble(runs)
    good = right(runs)
    if not good:
        return [cell.label, trouble or "not run", *[""] * (len(columns) - 1)]
    values = [[one[name] for one in good] for name, _ in columns]
    return [
        f"{cell.label}; {trouble}" if trouble else cell.label,
        *(
            f"{show(statistics.median(v))} [{show(min(v))}, {show(max(v))}]"
            for v, (_, show) in zip(values, columns, strict=True)
        ),
    ]


def three_digits(value: float) -> str:
    """Return a number with three significant digits, without an exponent."""
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


def _thousands(value: float) -> str:
    return three_digits(value / 1000)


def _throughput(rows: list[Cell], results: Runs, medians: Medians) -> str:
    reference = next(
        (medians[cell.key]["rate_hz"] for cell in rows
         if cell.host == "reference" and cell.key in medians),
        None,
    )  # fmt: skip
    body = []
    for cell in rows:
        ratio = "–"
        if reference and cell.key in medians:
            ratio = three_digits(medians[cell.key]["rate_hz"] / reference)
        body.append([*_figures(cell, results, [("rate_hz", _thousands)]), ratio])
    return _table(["", "1000 events/s, median [range]", f"× {REFERENCE}"], body)


def _latency(rows: list[Cell], results: Runs, _: Medians) -> str:
    columns = [
        ("p50_us", three_digits),
        ("p99_us", three_digits),
        ("p999_us", three_digits),
        ("idle_percent", three_digits),
    ]
    head = ["", "p50 µs", "p99 µs", "p99.9 µs", "waiting reader, % of a core"]
    return _table(head, [_figures(cell, results, columns) for cell in rows])


def _start(rows: list[Cell], results: Runs, _: Medians) -> str:
    columns = [("start_ms", three_digits), ("stop_ms", three_digits)]
    return _table(
        ["", "first event at the sink, ms", "stop, ms"],
        [_figures(cell, results, columns) for cell in rows],
    )


def _calls(rows: list[Cell], results: Runs, _: Medians) -> str:
    runs = results.get(rows[0].key, [])
    trouble, good = _trouble(runs), right(runs)
    if trouble or not good:
        return trouble or "not run"
    body = []
    for name in good[0]:
        values = [one[name] for one in good]
        spread = f"[{three_digits(min(values))}, {three_digits(max(values))}]"
        body.append([name, f"{three_digits(statistics.median(values))} {spread}"])
    return _table(["", "ns, median [range]"], body)


def _chain(rows: list[Cell], results: Runs, medians: Medians) -> str:
    body = [_figures(cell, results, [("rate_hz", _thousands)]) for cell in rows]
    return _table(["", "1000 events/s, median [range]"], body)


def _commands(rows: list[Cell], results: Runs, _: Medians) -> str:
    columns = [(f"{name}_s", three_digits) for name in ("run", "check", "help")]
    head = ["", "run, s", "check, s", "--help, s"]
    return _table(head, [_figures(cell, results, columns) for cell in rows])


_LAYOUTS = {
    "latency": _latency,
    "start": _start,
    "calls": _calls,
    "own-cost": _calls,
    "functions": _chain,
    "processes": _chain,
    "commands": _commands,
}
