"""What two runs have written, side by side: recorded events, and histograms."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import count
from mimocorb.errors import DamagedFile, MimocorbError
from mimocorb.recording.events import DamageWarning
from mimocorb.run.recorded import RecordedRun

if TYPE_CHECKING:
    from mimocorb.analysis.histograms.run_histogram import RunHistogram
    from mimocorb.recording.events import Events

__all__ = ["HistogramPair", "OutputPair", "compared_events", "mean_of", "paired_histograms"]

_LARGEST_BYTES = 1 << 30
_FEWEST_ENTRIES = 5
"""Of both runs together in a bin, so that it counts in a sum of squares."""


@dataclass(frozen=True)
class OutputPair:
    """Recorded events of one name in both runs.

    Parameters
    ----------
    name
        Of the file, without its ending.
    first, second
        How many events; None where there is no such file.
    finding
        How they differ, in words.
    same
        Whether they are the same, bit for bit; None if that was not looked at.
    """

    name: str
    first: int | None
    second: int | None
    finding: str
    same: bool | None = None


def compared_events(first: Path, second: Path) -> Iterator[OutputPair]:
    """Yield how the files of two runs differ that processed the same events.

    Events go by their counters, so that their order makes no difference.
    """
    runs = RecordedRun(first), RecordedRun(second)
    for name in dict.fromkeys((*runs[0], *runs[1])):
        one, other = (len(run[name]) if name in run else None for run in runs)
        if one is None or other is None:
            where = "second" if one is None else "first"
            yield OutputPair(name, one, other, f"only in the {where} run")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DamageWarning)
                yield _pair(name, runs[0][name], runs[1][name])
        except (MimocorbError, DamageWarning) as error:
            yield OutputPair(name, one, other, f"cannot be compared: {error}")


def _pair(name: str, first: Events, second: Events) -> OutputPair:
    sizes = len(first), len(second)
    form, other = ((each.values_per_slot, each.dtype) for each in (first, second))
    if form != other:
        return OutputPair(name, *sizes, "their events are of different types", same=False)
    event_bytes = form[0] * form[1].itemsize
    if max(sizes) * event_bytes > _LARGEST_BYTES:
        return OutputPair(name, *sizes, "not compared event by event: more than 1 GiB")
    (counters, rows), (other_counters, other_rows) = _by_counter(first), _by_counter(second)
    if len(np.unique(counters)) < sizes[0] or len(np.unique(other_counters)) < sizes[1]:
        same = np.array_equal(rows, other_rows)
        words = "the same, bit for bit" if same else "not the same (counters stand there twice)"
        return OutputPair(name, *sizes, words, same)
    _, here, there = np.intersect1d(counters, other_counters, return_indices=True)
    changed = int((rows[here] != other_rows[there]).any(axis=1).sum())
    only = sizes[0] - len(here), sizes[1] - len(here)
    if not changed and only == (0, 0):
        return OutputPair(name, *sizes, "the same, bit for bit", same=True)
    parts = [f"{count(len(here) - changed)} the same"]
    parts += [f"{count(changed)} with other values"] if changed else []
    parts += [
        f"{count(number)} only in the {which} run"
        for number, which in zip(only, ("first", "second"), strict=True)
        if number
    ]
    return OutputPair(name, *sizes, ", ".join(parts), same=False)


def _by_counter(events: Events) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return counters in order, and the bytes of each event and of its times."""
    data, metadata = events[:]
    order = np.argsort(metadata.counter, kind="stable")
    times = np.zeros(len(order), np.int64) if metadata.time_ns is None else metadata.time_ns
    parts = (np.ascontiguousarray(data), metadata.timestamp, np.ascontiguousarray(times))
    rows = [part.view(np.uint8).reshape(len(order), -1) for part in parts] if len(order) else []
    joined = np.hstack(rows) if rows else np.empty((0, 0), np.uint8)
    return metadata.counter[order], joined[order]


@dataclass(frozen=True)
class HistogramPair:
    """A histogram that both runs have stored.

    Parameters
    ----------
    name
        Of the worker that filled it.
    first, second
        The histograms.
    independent
        Whether their entries are others.
    """

    name: str
    first: RunHistogram
    second: RunHistogram
    independent: bool

    @property
    def same_bins(self) -> bool:
        """Whether they can be laid over each other."""
        axes = [one.axes for one in (self.first, self.second)]
        return len(axes[0]) == len(axes[1]) and all(
            np.array_equal(one.edges, other.edges) for one, other in zip(*axes, strict=True)
        )

    @property
    def chi_squared(self) -> tuple[float, int] | None:
        """Sum of squares of the differences of their shapes in standard deviations, and its ndf.

        None where that has no meaning: entries with weights, means, other bins, the same events.
        """
        if not self.independent or not self.same_bins:
            return None
        if any(one.is_profile or "weight" in one.filled for one in (self.first, self.second)):
            return None
        one, other = (
            np.asarray(each.values(flow=True), float).ravel() for each in (self.first, self.second)
        )
        enough = one + other >= _FEWEST_ENTRIES
        one, other = one[enough], other[enough]
        if len(one) < 2 or not one.sum() or not other.sum():
            return None
        scale = np.sqrt(other.sum() / one.sum())
        squares = (scale * one - other / scale) ** 2 / (one + other)
        return float(squares.sum()), len(one) - 1

    @property
    def sigma(self) -> float | None:
        """By how many standard deviations the mean is higher in the second run, where that can be.

        None as for :attr:`chi_squared`.
        """
        first, second = mean_of(self.first), mean_of(self.second)
        if self.chi_squared is None or first is None or second is None:
            return None
        error = float(np.hypot(first[1], second[1]))
        return (second[0] - first[0]) / error if error else None

    def as_dict(self) -> dict[str, Any]:
        """Return what is said of them in plain values."""
        found = self.chi_squared
        return {
            "name": self.name,
            "entries": (self.first.entries, self.second.entries),
            "means": (mean_of(self.first), mean_of(self.second)),
            "same_bins": self.same_bins,
            "sigma": self.sigma,
            "chi_squared": found and found[0],
            "ndf": found and found[1],
        }


def mean_of(histogram: RunHistogram) -> tuple[float, float] | None:
    """Return the mean of what was filled, from the bins, and its uncertainty; None if none."""
    if histogram.is_profile or len(histogram.axes) != 1:
        return None
    edges, values = np.asarray(histogram.axes[0].edges), np.asarray(histogram.values(), float)
    total = values.sum()
    if total <= 1:
        return None
    centres = (edges[1:] + edges[:-1]) / 2
    mean = float((centres * values).sum() / total)
    spread = float(((centres - mean) ** 2 * values).sum() / total)
    return mean, (spread / total) ** 0.5


def paired_histograms(
    first: Path, second: Path, *, independent: bool
) -> tuple[list[HistogramPair], list[str]]:
    """Return the histograms that both runs have, and what is wrong, one sentence each."""
    from mimocorb.analysis.histograms.files import read_histograms

    try:
        one, other = read_histograms(first), read_histograms(second)
    except (DamagedFile, MimocorbError) as error:
        return [], [str(error)]
    pairs = [
        HistogramPair(name, one[name], other[name], independent) for name in one if name in other
    ]
    missing = [
        f"{name}: only in the {which} run"
        for mine, theirs, which in ((one, other, "first"), (other, one, "second"))
        for name in mine
        if name not in theirs
    ]
    return pairs, missing
