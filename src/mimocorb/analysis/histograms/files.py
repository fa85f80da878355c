"""The files in which a run keeps its histograms, while it goes on and afterwards.

While the run goes on, a histogram is the sum of the pages that its processes publish into
(:mod:`~mimocorb.analysis.histograms.page`); at the end of the run this sum goes into
``histograms.json``, in the form of UHI, and the pages are removed. Of a run that was killed the
pages stay, and are the histogram.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mimocorb._files import read_regular
from mimocorb.analysis.histograms.fit_result import fits_of
from mimocorb.analysis.histograms.page import DIRECTORY, Copy, Tally, pages_of, read_page
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import DamagedFile

if TYPE_CHECKING:
    import boost_histogram as bh

__all__ = [
    "HISTOGRAMS_FILE",
    "merged",
    "read_file",
    "read_histograms",
    "remove_pages",
    "stored_text",
]

HISTOGRAMS_FILE = "histograms.json"
_LARGEST_FILE = 1 << 30


def read_histograms(
    directory: Path, live_s: Mapping[str, float] | None = None
) -> dict[str, RunHistogram]:
    """Return the histograms of a run by name: as they are now, or as they were at its end.

    Parameters
    ----------
    directory
        Of the run.
    live_s
        Live time at the source of each buffer, if the run goes on.

    Raises
    ------
    DamagedFile
        A file has been changed by somebody else, or is damaged.
    """
    path = directory / HISTOGRAMS_FILE
    if path.exists():
        return read_file(path)
    try:
        found, fits = _sum_of_pages(directory), fits_of(directory).values()
    except FileNotFoundError:  # the run has ended at this moment
        return read_file(path)
    live_s = live_s or {}
    return {
        name: replace(
            one,
            live_time_s=live_s.get(one.buffer),
            fits=tuple(fit for fit in fits if fit.histogram == name),
        )
        for name, one in found.items()
    }


def stored_text(histograms: Iterable[RunHistogram]) -> str:
    """Return the text of ``histograms.json``."""
    import uhi.io.json

    return json.dumps({one.name: one.to_uhi() for one in histograms}, default=uhi.io.json.default)


def remove_pages(directory: Path) -> None:
    """Remove the pages, after their sum has been stored. Idempotent."""
    for path in (*pages_of(directory), *fits_of(directory)):
        with contextlib.suppress(OSError):
            path.unlink()
    with contextlib.suppress(OSError):
        (directory / DIRECTORY).rmdir()


def merged(of_runs: Iterable[Mapping[str, RunHistogram]]) -> dict[str, RunHistogram]:
    """Return the sums of the histograms of several runs that have the same name."""
    total: dict[str, RunHistogram] = {}
    for found in of_runs:
        for name, one in found.items():
            total[name] = total[name] + one if name in total else one
    return total


def read_file(path: Path) -> dict[str, RunHistogram]:
    """Return the histograms of a file in the form of UHI, several by name or a single one.

    Raises
    ------
    DamagedFile
        It holds something else.
    """
    import uhi.io.json

    try:
        content = json.loads(
            read_regular(path, most_bytes=_LARGEST_FILE), object_hook=uhi.io.json.object_hook
        )
        if "axes" in content and "storage" in content:
            content = {path.stem: content}
        return {name: RunHistogram.from_uhi(name, one) for name, one in content.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{path} holds no histograms: {error}") from error


def _sum_of_pages(directory: Path) -> dict[str, RunHistogram]:
    found: dict[str, RunHistogram] = {}
    for path in pages_of(directory):
        copy = read_page(path)
        if copy.number:
            one = _of_page(copy)
            found[one.name] = found[one.name] + one if one.name in found else one
    return found


def _of_page(copy: Copy) -> RunHistogram:
    about, tally = copy.about, copy.tally
    return RunHistogram(
        name=about["name"],
        counts=_with_counts(about["uhi"], copy.counts),
        title=about["title"],
        buffer=about["buffer"],
        filled=about["filled"],
        mean_unit=about["mean_unit"],
        events=tally.events,
        entries=tally.entries,
        no_numbers=tally.no_numbers,
        sequence=copy.number,
        updated_s=copy.updated_s if tally != Tally() else 0.0,
    )


_STORAGES = {
    "int": "Int64",
    "double": "Double",
    "weighted": "Weight",
    "mean": "Mean",
    "weighted_mean": "WeightedMean",
}


def _with_counts(content: Mapping[str, Any], counts: bytes) -> bh.Histogram[Any]:
    """Return the histogram of a page."""
    import boost_histogram as bh
    from boost_histogram.serialization import from_uhi

    shape = [
        (len(axis["edges"]) - 1 if "edges" in axis else axis["bins"]) + 2
        for axis in content["axes"]
    ]
    axes = [
        axis | ({"edges": np.asarray(axis["edges"])} if "edges" in axis else {})
        for axis in content["axes"]
    ]
    nothing = {"type": "double", "values": np.zeros(shape)}
    empty = from_uhi({**content, "axes": axes, "storage": nothing})
    storage = getattr(bh.storage, _STORAGES[content["storage"]["type"]])
    histogram = bh.Histogram(*empty.axes, storage=storage())
    view = np.asarray(histogram.view(flow=True))
    view[...] = np.frombuffer(counts, view.dtype).reshape(view.shape)
    return histogram
