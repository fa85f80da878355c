"""Two runs side by side, as ``mimocorb compare`` prints them. Nothing here reads or decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mimocorb._words import count, with_error
from mimocorb.cli.runs_view import moment, one_line, quality_of, section
from mimocorb.run.accounts.live_time import Rate
from mimocorb.run.outputs import HistogramPair, OutputPair, mean_of
from mimocorb.run.record.catalogue import KnownRun
from mimocorb.run.record.comparison import (
    Comparison,
    CountDifference,
    Difference,
    RateDifference,
    ResultDifference,
)
from mimocorb.run.wording import UNKNOWN, percent, rate

__all__ = ["comparison_page"]

HASH_DIGITS = 12
LARGE_SIGMA = 3.0


def comparison_page(
    runs: tuple[KnownRun, KnownRun],
    comparison: Comparison,
    files: Sequence[OutputPair],
    histograms: Sequence[HistogramPair],
    notes: Sequence[str],
) -> RenderableType:
    """Return what differs between two runs, and what both have found.

    Parameters
    ----------
    runs
        The two.
    comparison
        What their records say.
    files, histograms
        What they have written.
    notes
        What is to be said of histograms that cannot be compared.
    """
    about = _two_columns(runs)
    about.add_row("set-up", *(run.record.title for run in runs))
    about.add_row(
        "start (UTC)", *(f"{moment(r.record.started_utc):%Y-%m-%d %H:%M:%S}" for r in runs)
    )
    about.add_row("quality", *(quality_of(run) for run in runs))
    about.add_row("operator", *(one_line(run.record.operator) for run in runs))
    about.add_row("comment", *(one_line(run.record.comment) for run in runs))
    parts: list[RenderableType] = [about]
    if comparison.same_events:
        parts.append(
            Text(
                "\nBoth runs processed the same recorded events: no difference comes by chance, so"
                " there is no σ."
            )
        )
    for title, differences in (
        ("Set-up", comparison.setup),
        ("Files", comparison.files),
        ("Versions", comparison.versions),
    ):
        parts.append(
            section(title, _differences(runs, differences))
            if differences
            else section(f"{title}: no difference")
        )
    parts.append(section("Rates", _rates(runs, comparison.rates)))
    if comparison.decisions:
        parts.append(section("Decisions", _decisions(runs, comparison.decisions)))
    if comparison.results:
        parts.append(section("Results", _results(runs, comparison.results)))
    if files:
        parts.append(section("Recorded events", _files(runs, files)))
    if histograms or notes:
        parts.append(
            section("Histograms", _histograms(runs, histograms), *(Text(note) for note in notes))
        )
    return Group(*parts)


def _two_columns(runs: Iterable[KnownRun]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("", overflow="fold")
    for run in runs:
        table.add_column(f"run {run.record.number}", overflow="fold")
    return table


def _differences(runs: Iterable[KnownRun], differences: Iterable[Difference]) -> Table:
    table = _two_columns(runs)
    for difference in differences:
        values = (difference.first, difference.second)
        table.add_row(difference.key, *(Text(_shown(value)) for value in values))
    return table


def _shown(value: Any) -> str:
    """Return a value in short; hashes are told apart by their first digits."""
    if value is None:
        return UNKNOWN
    text = str(value)
    is_hash = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:HASH_DIGITS] if is_hash else text


def _numbers(first: str, runs: Sequence[KnownRun], unit: str = "") -> Table:
    """Return an empty table: what, a number of each run, and the difference."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for title in (*(f"run {run.record.number}{unit}" for run in runs), "difference"):
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _sigma(sigma: float | None, otherwise: str = UNKNOWN) -> Text:
    if sigma is None:
        return Text(otherwise)
    return Text(f"{sigma:+.1f} σ", "yellow" if abs(sigma) > LARGE_SIGMA else "")


def _rates(runs: Sequence[KnownRun], rates: Sequence[RateDifference]) -> RenderableType:
    table = _numbers("buffer", runs, " (1/s)")
    for row in rates:
        both = zip((row.first, row.second), row.throughput_hz, strict=True)
        values = [_rate(measured, throughput_hz) for measured, throughput_hz in both]
        table.add_row(row.buffer, *values, _sigma(row.sigma))
    in_brackets = any(None in (row.first, row.second) for row in rates)
    return Group(table, "in brackets: throughput of the computer") if in_brackets else table


def _decisions(runs: Sequence[KnownRun], decisions: Iterable[CountDifference]) -> Table:
    table = _numbers("filter", runs)
    for row in decisions:
        indent = "" if row.decision in ("kept", "rejected") else "  "
        both = zip((row.first, row.second), row.fractions, strict=True)
        values = [
            UNKNOWN if number is None else f"{count(number)}  {percent(part):>7}"
            for number, part in both
        ]
        name = f"{row.worker} {indent}{row.decision}"
        table.add_row(one_line(name), *values, _sigma(row.sigma, _difference(row)))
    return table


def _difference(row: CountDifference) -> str:
    if row.first is None or row.second is None:
        return UNKNOWN
    change = row.second - row.first
    return f"{'+' if change > 0 else '-' if change < 0 else ''}{count(abs(change))}"


def _results(runs: Sequence[KnownRun], results: Iterable[ResultDifference]) -> Table:
    table = _numbers("result", runs)
    for row in results:
        both = zip((row.first, row.second), row.errors, strict=True)
        values = [
            UNKNOWN
            if value is None
            else with_error(value, error)
            if error is not None
            else f"{value:g}"
            for value, error in both
        ]
        change = (
            UNKNOWN if row.first is None or row.second is None else f"{row.second - row.first:+.3g}"
        )
        table.add_row(one_line(f"{row.worker} {row.name}"), *values, _sigma(row.sigma, change))
    return table


def _files(runs: Sequence[KnownRun], files: Iterable[OutputPair]) -> Table:
    table = _numbers("file", runs)
    for row in files:
        sizes = [UNKNOWN if size is None else count(size) for size in (row.first, row.second)]
        table.add_row(one_line(row.name), *sizes, row.finding)
    return table


def _histograms(runs: Sequence[KnownRun], pairs: Iterable[HistogramPair]) -> Table:
    table = _numbers("histogram", runs)
    for pair in pairs:
        both = (pair.first, pair.second)
        found = pair.chi_squared
        shape = UNKNOWN if found is None else f"χ²/ndf {found[0]:.1f}/{found[1]}"
        shape = shape if pair.same_bins else "other bins"
        table.add_row(one_line(f"{pair.name} entries"), *(count(h.entries) for h in both), shape)
        means = [mean_of(histogram) for histogram in both]
        if all(means):
            shown = [with_error(*mean) for mean in means if mean is not None]
            table.add_row(one_line(f"{pair.name} mean"), *shown, _sigma(pair.sigma))
    return table


def _rate(measured: Rate | None, throughput_hz: float | None) -> str:
    """Return the rate of the experiment, or else what went through the buffer, marked as such."""
    if measured is not None:
        return str(measured)
    return UNKNOWN if throughput_hz is None else f"({rate(throughput_hz)})"
