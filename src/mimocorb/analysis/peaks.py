"""Peaks in spectra: a search, and fits of a Gaussian on a background.

**Search.** The counts are smoothed with a Gaussian, at several widths, and the root is taken of
what then is about a number of counts m: y = 2 √(m + 3/8) has the variance 1 (F. J. Anscombe,
Biometrika 35 (1948) 246), so that heights are in standard deviations. A peak is a maximum of y
whose prominence, the height above the higher of the lowest points near it to both sides, is many
standard deviations of a difference, √2. An edge is no maximum, and needs no treatment. Weak and
broad peaks are found at wide smoothing, narrow ones beside others at a narrow one.

**Fit.** A Gaussian on a linear background, by the likelihood of Poisson counts, integrated over
the bins (``mimocorb.analysis.histograms.fits``, minimised with iminuit). Peaks that overlap are
fitted together. The full width at half maximum is 2.355 σ; the area is the number of counts in the
peak.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import with_error
from mimocorb.analysis.histograms.fit_result import Fit
from mimocorb.analysis.histograms.fits import fit_histogram
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import SetupError

__all__ = ["FWHM", "FoundPeak", "PeakFit", "find_peaks", "fit_peaks"]

Floats = NDArray[np.float64]

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian, in σ: 2.355."""
_REACH = 4.0
_WIDTHS_PER_OCTAVE = 2
_NARROWEST_BINS = 0.7
_WIDEST_PART = 1 / 60
"""Of all bins, the width of the smoothing: half of σ of the widest peak that is searched."""
_BROADEST_PART = 1 / 8
"""Of all bins, FWHM of what is still called a peak."""
_LEAST_SYMMETRY = 2.5
"""Wider half over the narrower one: an edge before a falling spectrum has more."""
_FEWEST_BINS_APART = 3.0
_SIDES = 8.0
"""How far a peak may reach to each side, in widths of the smoothing: a plateau is no peak."""
_RANGE_SIGMA = 3.2
_TOGETHER_SIGMA = 7.0


@dataclass(frozen=True)
class FoundPeak:
    """A peak that :func:`find_peaks` has found.

    Attributes
    ----------
    position, fwhm
        About, in the unit of the axis.
    significance
        In standard deviations.
    """

    position: float
    fwhm: float
    significance: float


@dataclass(frozen=True)
class PeakFit:
    """A peak as it was fitted, each value with one standard deviation.

    Attributes
    ----------
    position, position_error, fwhm, fwhm_error
        In the unit of the axis.
    area, area_error
        Counts in the peak, without the background.
    low, high
        Range of the fit.
    chi2, degrees_of_freedom, p_value
        Goodness of the fit: that of all peaks that were fitted together.
    unit
        Of the axis.
    sentence
        Why there is no result; empty if there is one.
    """

    position: float
    low: float
    high: float
    unit: str = ""
    position_error: float = math.nan
    fwhm: float = math.nan
    fwhm_error: float = math.nan
    area: float = math.nan
    area_error: float = math.nan
    chi2: float | None = None
    degrees_of_freedom: int | None = None
    p_value: float | None = None
    sentence: str = ""

    @property
    def resolution(self) -> float:
        """FWHM over the position."""
        return self.fwhm / self.position

    def __str__(self) -> str:
        if self.sentence:
            return f"near {self.position:g}: {self.sentence}"
        unit = f" {self.unit}" if self.unit else ""
        line = (
            f"({with_error(self.position, self.position_error)}){unit},"
            f" FWHM ({with_error(self.fwhm, self.fwhm_error)}){unit},"
            f" {with_error(self.area, self.area_error)} counts"
        )
        if self.p_value is None:
            return line
        return f"{line}, χ²/ndf {self.chi2:.1f}/{self.degrees_of_freedom}"


def find_peaks(
    spectrum: RunHistogram,
    *,
    least_significance: float = 6.0,
    low: float | None = None,
    high: float | None = None,
    fwhm: tuple[float, float] | None = None,
) -> list[FoundPeak]:
    """Find the peaks of a spectrum, from the lowest position to the highest.

    Parameters
    ----------
    least_significance
        In standard deviations. Of some thousand bins of noise, none reaches 6.
    low, high
        Where to look.
    fwhm
        Smallest and largest width of a peak, in the unit of the axis: what is known of the detector
        rules out what is narrower or broader. Not asked if not given.

    Raises
    ------
    SetupError
        This histogram has no peaks that could be searched.

    Examples
    --------
    >>> from mimocorb.analysis.spectra import spectrum
    >>> x = np.arange(200)
    >>> counts = np.round(20 + 300 * np.exp(-((x - 120) ** 2) / 2 / 6.0**2))
    >>> [round(peak.position) for peak in find_peaks(spectrum(counts))]
    [120]
    """
    if len(spectrum.axes) != 1 or spectrum.is_profile:
        raise SetupError(f"{spectrum.name}: peaks are searched in histograms of one dimension")
    if fwhm is not None and not 0 < fwhm[0] <= fwhm[1]:
        raise SetupError(f"fwhm is the smallest and the largest width; found {fwhm}")
    edges = np.asarray(spectrum.axes[0].edges, float)
    bins = np.arange(len(edges))
    values = np.maximum(np.asarray(spectrum.values(), float), 0.0)
    chosen: list[FoundPeak] = []
    for place, width, significance in _maxima(values, least_significance):
        ends = place + 0.5 + np.array([-0.5, 0.0, 0.5]) * width
        left, position, right = np.interp(ends, bins, edges).tolist()
        chosen = _with_peak(chosen, FoundPeak(position, right - left, significance))
    if fwhm is not None:
        chosen = [one for one in chosen if fwhm[0] <= one.fwhm <= fwhm[1]]
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    return sorted(
        (one for one in chosen if low <= one.position < high), key=lambda one: one.position
    )


def fit_peaks(
    spectrum: RunHistogram,
    near: Sequence[float | FoundPeak] | None = None,
    *,
    background: bool = True,
) -> list[PeakFit]:
    """Fit Gaussians on a linear background to the peaks of a spectrum.

    Parameters
    ----------
    near
        The peaks: those that :func:`find_peaks` has found, or about where they are. All that are
        found if not given.
    background
        Whether there is some below the peaks.

    Returns
    -------
    list of PeakFit
        One for each, in the order of `near`; with a sentence where there is no peak that could be
        fitted.

    Examples
    --------
    >>> from mimocorb.analysis.spectra import spectrum
    >>> x = np.arange(200)
    >>> counts = np.round(20 + 300 * np.exp(-((x - 120) ** 2) / 2 / 6.0**2))
    >>> (peak,) = fit_peaks(spectrum(counts), near=[118])
    >>> round(peak.position, 1), round(peak.fwhm, 1), round(peak.area, -1)
    (120.0, 14.1, 4520.0)
    """
    peaks = find_peaks(spectrum) if near is None else _about(spectrum, near)
    order = sorted(range(len(peaks)), key=lambda number: peaks[number].position)
    found: dict[int, PeakFit] = {}
    for group in _groups(order, peaks):
        together = [peaks[number] for number in group]
        fits = _fitted_twice(spectrum, together, background=background)
        if len(group) > 1 and any(fit.sentence for fit in fits):
            fits = [_fitted_twice(spectrum, [one], background=background)[0] for one in together]
        found.update(zip(group, fits, strict=True))
    return [found[number] for number in range(len(peaks))]


def _fitted_twice(
    spectrum: RunHistogram, peaks: Sequence[FoundPeak], *, background: bool
) -> list[PeakFit]:
    """Fit, and fit again in a range that follows the width that was found."""
    fits = _fitted(spectrum, peaks, background=background)
    again = [_as_fitted(peak, fit) for peak, fit in zip(peaks, fits, strict=True)]
    better = _fitted(spectrum, again, background=background) if again != list(peaks) else fits
    return fits if any(fit.sentence for fit in better) else better


def _with_peak(chosen: list[FoundPeak], peak: FoundPeak) -> list[FoundPeak]:
    """Return the peaks with another one, unless it is one of them."""
    near = [
        one for one in chosen if abs(peak.position - one.position) <= max(peak.fwhm, one.fwhm) / 2
    ]
    if not near:
        return [*chosen, peak]
    same = min(near, key=lambda one: abs(peak.position - one.position))
    others = [one for one in chosen if one is not same]
    # The same peak behind more smoothing: place and width are better known, unless it is two.
    is_better = (
        peak.significance > same.significance
        and peak.fwhm < 3 * same.fwhm
        and all(abs(peak.position - one.position) > peak.fwhm for one in others)
    )
    return [*others, peak] if is_better else chosen


def _maxima(values: Floats, least: float) -> Iterator[tuple[float, float, float]]:
    """Yield place and width, in bins, and significance of the peaks at each width of smoothing."""
    widest = max(_NARROWEST_BINS, len(values) * _WIDEST_PART)
    number = 1 + math.ceil(_WIDTHS_PER_OCTAVE * math.log2(widest / _NARROWEST_BINS))
    for width in np.geomspace(_NARROWEST_BINS, widest, number):
        smoothed = _smoothed(values, float(width))
        in_window = 2 * math.sqrt(math.pi) * width  # counts that a value is made of
        y = 2 * np.sqrt(smoothed * in_window + 0.375)
        reach = math.ceil(_SIDES * width)
        tops = np.flatnonzero((y[1:-1] >= y[:-2]) & (y[1:-1] > y[2:])) + 1
        for place in tops[(tops > width) & (tops < len(y) - 1 - width)].tolist():
            prominence = _prominence(y, place, reach)
            if prominence < least * math.sqrt(2):
                continue
            base = (y[place] - prominence) ** 2 / 4 / in_window
            fwhm = _width_at(smoothed, place, (smoothed[place] + base) / 2)
            if not fwhm:
                continue
            fwhm = math.sqrt(max(fwhm**2 - (FWHM * width) ** 2, _FEWEST_BINS_APART**2))
            if width < fwhm < _BROADEST_PART * len(values):
                yield place, fwhm, prominence / math.sqrt(2)


def _prominence(y: Floats, place: int, reach: int) -> float:
    """Return the height above the higher of the lowest points to both sides, not far away."""
    before, behind = y[max(0, place - reach) : place][::-1], y[place + 1 : place + 1 + reach]
    lowest = []
    for side in (before, behind):
        higher = np.flatnonzero(side > y[place])
        lowest.append(side[: higher[0] if len(higher) else len(side)].min(initial=y[place]))
    return float(y[place] - max(lowest))


def _smoothed(values: Floats, width: float) -> Floats:
    """Return a Gaussian mean of the bins, of those that there are at the ends."""
    reach = min(math.ceil(_REACH * width), (len(values) - 1) // 2)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    weights = np.convolve(np.ones(len(values)), kernel, mode="same")
    found: Floats = np.convolve(values, kernel, mode="same") / weights
    return found


def _width_at(values: Floats, place: int, level: float) -> float:
    """Return how wide a maximum is at a level; nothing if one side is much wider: an edge."""
    before = np.flatnonzero(values[:place] < level)
    behind = np.flatnonzero(values[place:] < level)
    if not len(before) or not len(behind):
        return 0.0
    left, right = place - float(before[-1]), float(behind[0])
    return left + right - 1 if max(left, right) < _LEAST_SYMMETRY * min(left, right) + 1 else 0.0


def _about(spectrum: RunHistogram, near: Sequence[float | FoundPeak]) -> list[FoundPeak]:
    """Return peaks with a width: that of the peak that is found there, however small."""
    if all(isinstance(each, FoundPeak) for each in near):
        return [each for each in near if isinstance(each, FoundPeak)]
    edges = np.asarray(spectrum.axes[0].edges, float)
    clear, weak = find_peaks(spectrum), find_peaks(spectrum, least_significance=3.0)
    peaks: list[FoundPeak] = []
    for each in near:
        if isinstance(each, FoundPeak):
            peaks.append(each)
            continue
        if not edges[0] <= each < edges[-1]:
            raise SetupError(
                f"{spectrum.name} reaches from {edges[0]:g} to {edges[-1]:g}; there is no peak near"
                f" {each:g}"
            )
        usual = _usual_width(clear, each, edges)
        wide = [one for one in weak if one.fwhm > usual / 2]  # narrower: noise
        here = _nearest(clear, each, peaks) or _nearest(wide, each, peaks)
        peaks.append(here or FoundPeak(float(each), usual, 0.0))
    return peaks


def _nearest(
    found: Sequence[FoundPeak], place: float, taken: Sequence[FoundPeak]
) -> FoundPeak | None:
    """Return the peak that somebody means who says about where it is."""
    free = [one for one in found if one not in taken and abs(one.position - place) <= one.fwhm]
    return min(free, key=lambda one: abs(one.position - place), default=None)


def _usual_width(found: Sequence[FoundPeak], place: float, edges: Floats) -> float:
    """Return a width to begin with: that of the nearest peak, or some bins."""
    nearest = min(found, key=lambda one: abs(one.position - place), default=None)
    return nearest.fwhm if nearest else 10 * float(np.median(np.diff(edges)))


def _groups(order: Sequence[int], peaks: Sequence[FoundPeak]) -> Iterator[list[int]]:
    """Yield peaks that overlap, together."""
    group: list[int] = []
    for number in order:
        if group:
            last, this = peaks[group[-1]], peaks[number]
            reach = _TOGETHER_SIGMA / 2 * (last.fwhm + this.fwhm) / FWHM
            if this.position - last.position > reach:
                yield group
                group = []
        group.append(number)
    if group:
        yield group


def _as_fitted(peak: FoundPeak, fit: PeakFit) -> FoundPeak:
    """Return a peak with the place and width of its fit, if these are reasonable."""
    if fit.sentence or not 0.4 < fit.fwhm / peak.fwhm < 2.5:
        return replace(peak, fwhm=1.5 * peak.fwhm) if fit.sentence else peak
    return replace(peak, position=fit.position, fwhm=fit.fwhm)


def _fitted(
    spectrum: RunHistogram, peaks: Sequence[FoundPeak], *, background: bool
) -> list[PeakFit]:
    edges = np.asarray(spectrum.axes[0].edges, float)
    unit = getattr(spectrum.axes[0], "unit", "")
    low = max(float(edges[0]), peaks[0].position - _RANGE_SIGMA * peaks[0].fwhm / FWHM)
    high = min(float(edges[-1]), peaks[-1].position + _RANGE_SIGMA * peaks[-1].fwhm / FWHM)
    places = [peak.position for peak in peaks]
    if any(a == b for a, b in itertools.pairwise(places)):
        raise SetupError(f"two of the peaks are the same one, near {places[0]:g}")
    try:
        fit = fit_histogram(
            spectrum, "peaks", low=low, high=high, peaks=places, background=background
        )
    except SetupError as problem:  # a range of a few bins
        return [PeakFit(place, low, high, unit, sentence=str(problem)) for place in places]
    return [_one(fit, number, place, unit) for number, place in enumerate(places, 1)]


def _one(fit: Fit, number: int, place: float, unit: str) -> PeakFit:
    if fit.sentence:
        return PeakFit(place, fit.low, fit.high, unit, sentence=fit.sentence)
    values = {each.name: each for each in fit.parameters}
    mean, sigma, area = (values[f"{word}_{number}"] for word in ("mean", "sigma", "peak"))
    problem = ""
    if not area.value > 3 * area.error:
        problem = f"no peak: {with_error(area.value, area.error)} counts above the background"
    elif not mean.error < sigma.value or sigma.value > (fit.high - fit.low) / 2:
        problem = "no peak: neither place nor width are determined"
    if problem:
        return PeakFit(place, fit.low, fit.high, unit, sentence=problem)
    return PeakFit(
        mean.value,
        fit.low,
        fit.high,
        unit,
        mean.error,
        FWHM * sigma.value,
        FWHM * sigma.error,
        area.value,
        area.error,
        fit.chi2,
        fit.degrees_of_freedom,
        fit.p_value,
    )
