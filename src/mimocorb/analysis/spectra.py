"""Spectra: histograms of one dimension with a live time, from files and from runs.

A spectrum is a :class:`~mimocorb.analysis.histograms.run_histogram.RunHistogram`, as runs make
them, so that everything that draws, fits and exports histograms takes spectra of other programs as
well.

The rate of N counts in the live time t is N / t. Its uncertainty is that of a count: N ± √N for
many; for few, the central interval of F. Garwood (Biometrika 28 (1936) 437), which holds for 0 as
well. In the live time the detector was able to take an event: no further correction for dead time
is due.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb._words import with_error
from mimocorb.analysis.counting import poisson_interval
from mimocorb.analysis.histograms.files import read_file
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import DamagedFile, SetupError

__all__ = ["Rate", "rate", "read_spectrum", "spectrum", "without_background"]


@dataclass(frozen=True)
class Rate:
    """A rate of live time, in a range of a spectrum.

    Attributes
    ----------
    value, lower_error, upper_error
        In 1/s; the errors are one standard deviation to each side, for few counts the ends of the
        central 68 % interval.
    counts, live_time_s
        What it is made of.
    low, high
        The range: edges of bins.
    """

    value: float
    lower_error: float
    upper_error: float
    counts: float
    live_time_s: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The mean of both errors."""
        return (self.lower_error + self.upper_error) / 2

    def __str__(self) -> str:
        return f"({with_error(self.value, self.error)}) Hz between {self.low:g} and {self.high:g}"


def spectrum(
    counts: ArrayLike,
    *,
    low: float = -0.5,
    high: float | None = None,
    name: str = "spectrum",
    label: str = "channel",
    unit: str = "",
    live_time_s: float | None = None,
    real_time_s: float | None = None,
) -> RunHistogram:
    """Return a spectrum of counts in bins of equal width.

    Parameters
    ----------
    counts
        Whole numbers, one for each bin.
    low, high
        Where the first bin begins and the last one ends; without `high`, the bins have the width 1:
        channel 0 then reaches from -0.5 to 0.5.
    name, label, unit
        Of the spectrum, and of its axis.
    live_time_s, real_time_s
        How long the detector was able to take events, and how long it took, in s.

    Raises
    ------
    SetupError
        These are no counts, or the times cannot be.

    Examples
    --------
    >>> spectrum([5, 7, 1], live_time_s=60.0)
    <histogram spectrum: 13 entries in 3 bins>
    """
    import boost_histogram as bh

    values = np.asarray(counts)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iufb":
        raise SetupError(f"a spectrum is a row of counts; found shape {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any() or (values != np.round(values)).any():
        raise SetupError("counts are whole numbers and not negative; found others among them")
    for each in (live_time_s, real_time_s):
        if each is not None and not 0 <= each < math.inf:
            raise SetupError(f"live and real time are 0 s or more; found {each}")
    end = low + len(values) if high is None else high
    if not low < end:
        raise SetupError(f"low is below high; found {low} and {end}")
    axis: Any = bh.axis.Regular(len(values), low, end)
    axis.label, axis.unit = label, unit
    content: Any = bh.Histogram(axis, storage=bh.storage.Int64())
    content.view()[...] = values.astype(np.int64)
    entries = int(values.sum())
    return RunHistogram(
        name,
        content,
        title=name,
        filled={"x": label},
        events=entries,
        entries=entries,
        live_time_s=live_time_s,
        real_time_s=real_time_s,
    )


def read_spectrum(path: str | Path, name: str | None = None) -> RunHistogram:
    """Read a spectrum from a file: ``.spe``, ``.hst``, or UHI (``.json``).

    A calibration in the file makes the axis one of energies; without it, the axis has channels.

    Parameters
    ----------
    path
        The file.
    name
        Which one, if the file has several.

    Raises
    ------
    SetupError
        It has several, and `name` is none of them; or it is of another kind.
    DamagedFile
        It cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        return _of_analyser(path)
    found = read_file(path)
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        known = ", ".join(found) or "none"
        raise SetupError(f"{path} has the histograms {known}; say which one is meant by name")
    return found[name]


def rate(
    histogram: RunHistogram,
    low: float | None = None,
    high: float | None = None,
    *,
    live_time_s: float | None = None,
) -> Rate:
    """Return the rate in a range of a spectrum, with its uncertainty.

    Parameters
    ----------
    low, high
        Of the range; widened to whole bins, which the result tells. All bins if not given.
    live_time_s
        If the spectrum has none.

    Raises
    ------
    SetupError
        There is no live time, or no bin in the range.

    Examples
    --------
    >>> print(rate(spectrum([900, 100], live_time_s=10.0)))
    (100.0 ± 3.2) Hz between -0.5 and 1.5
    """
    live = live_time_s if live_time_s is not None else histogram.live_time_s
    if live is None or not 0 < live < math.inf:
        raise SetupError(
            f"{histogram.name} has no live time: say live_time_s, how long the detector was able to"
            " take events"
        )
    edges = _edges(histogram)
    first = 0 if low is None else int(np.searchsorted(edges, low, "right")) - 1
    last = len(edges) - 1 if high is None else int(np.searchsorted(edges, high))
    first, last = max(0, first), min(len(edges) - 1, last)
    if first >= last:
        raise SetupError(
            f"{histogram.name} has no bins between {low} and {high}: it reaches from {edges[0]:g}"
            f" to {edges[-1]:g}"
        )
    counts = float(histogram.values()[first:last].sum())
    if "weight" in histogram.filled:
        below = above = math.sqrt(float(histogram.variances()[first:last].sum()))
    else:
        interval = poisson_interval(round(counts))
        below, above = counts - interval[0], interval[1] - counts
    return Rate(
        counts / live,
        below / live,
        above / live,
        counts,
        live,
        float(edges[first]),
        float(edges[last]),
    )


def without_background(measured: RunHistogram, background: RunHistogram) -> RunHistogram:
    """Return a spectrum less that of the background, scaled to the same live time.

    The contents are sums of weights, with the uncertainties of both: n - f m with the variance
    n + f² m, where f is the ratio of the live times.

    Raises
    ------
    SetupError
        The bins are not the same, or a live time is missing.

    Examples
    --------
    >>> net = without_background(
    ...     spectrum([60, 9], live_time_s=10.0), spectrum([40, 16], live_time_s=20.0)
    ... )
    >>> net.values().tolist(), net.variances().tolist()
    ([40.0, 1.0], [70.0, 13.0])
    """
    import boost_histogram as bh

    if not measured.live_time_s or not background.live_time_s:
        raise SetupError("a background is subtracted by live time: one of the spectra has none")
    edges, others = _edges(measured), _edges(background)
    if edges.shape != others.shape or not np.allclose(edges, others, atol=1e-9 * np.ptp(edges)):
        raise SetupError(
            f"{measured.name} and {background.name} have other bins: calibrate both in the same way"
        )
    factor = measured.live_time_s / background.live_time_s
    counts: Any = bh.Histogram(measured.axes[0], storage=bh.storage.Weight())
    content = counts.view(flow=True)
    content["value"] = measured.values(flow=True) - factor * background.values(flow=True)
    content["variance"] = measured.variances(flow=True) + factor**2 * background.variances(
        flow=True
    )
    filled = {**measured.filled, "weight": "1 less the background"}
    title = f"{measured.title} less {background.title}"
    return replace(measured, counts=counts, title=title, filled=filled, fits=(), newer=None)


def _edges(histogram: RunHistogram) -> NDArray[np.float64]:
    if len(histogram.axes) != 1 or histogram.is_profile:
        raise SetupError(f"{histogram.name} is no spectrum: a histogram of counts in one dimension")
    return np.asarray(histogram.axes[0].edges, float)


def _of_analyser(path: Path) -> RunHistogram:
    from mimocorb.analysis.calibration import Calibration, calibrated
    from mimocorb.recording.of_others.spectrum_format import SPECTRUM

    if not SPECTRUM.belongs(path):
        raise SetupError(f"{path.name} is no spectrum: those end in .spe, .hst or .json (UHI)")
    file = SPECTRUM.open(path)
    if damage := list(file.damage()):
        raise DamagedFile(f"{path}: {damage[0]}")
    counts, about = file.read_block(0).data["counts"][0], file.about
    found = spectrum(
        counts,
        low=about.get("first_channel", 0) - 0.5,
        name=path.stem,
        live_time_s=_known(about, "live_time_s"),
        real_time_s=_known(about, "real_time_s"),
    )
    found = replace(found, title=str(about.get("title", path.stem)))
    coefficients = about.get("energy_calibration") or []
    if not any(coefficients[1:]):  # 0 0: it was not calibrated
        return found
    return calibrated(found, Calibration(tuple(coefficients), unit=about.get("energy_unit", "keV")))


def _known(about: Mapping[str, Any], key: str) -> float | None:
    value = about.get(key)
    return float(value) if value else None
