"""Measurements on waveforms: baseline, height, times, integrals, shaping.

Every function takes one waveform, a block of them of any shape, or an event of a buffer, and works
on all in one native call, without the GIL and without a copy: arrays of shape ``(..., samples)``
give results of shape ``(...)``, an event gives one result for each channel. Blocks are faster than
single waveforms: a call costs about 5 µs, a waveform of 4000 samples about 2.

All work on ``(waveform - baseline) * scale``. `scale` carries the calibration and the polarity:
``scale=-1`` for negative pulses. `baseline` and `scale` are one number, or one for each waveform,
as :func:`baseline` returns them. Ranges are ``[begin, end)`` in samples, cut at the ends of the
waveform; times are in samples. What does not exist, and every result of samples that are not
finite, is not-a-number. The formulas and their sources stand in
``core/include/mimocorb/waveform.hpp``.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb import _kernels
from mimocorb.analysis.traces import rows_of
from mimocorb.errors import SetupError

__all__ = [
    "Height",
    "Level",
    "baseline",
    "charge_pC",
    "constant_fraction_time",
    "correlate",
    "height",
    "integral",
    "leading_edge_time",
    "smooth",
    "tail_fraction",
    "trapezoid",
]

Numbers = NDArray[np.float64]

_METHODS = {"mean": 0, "median": 1, "most_probable": 2}


class Level(NamedTuple):
    """The level of waveforms without pulses."""

    value: Numbers
    """In the unit of the waveform."""
    rms: Numbers
    """Of the noise about it, in the same unit."""


class Height(NamedTuple):
    """The highest samples of waveforms."""

    value: Numbers
    """In the unit of the waveform times `scale`."""
    position: Numbers
    """Sample index of the first highest sample."""


def baseline(
    waveforms: ArrayLike,
    *,
    method: Literal["mean", "median", "most_probable"] = "median",
    begin: ArrayLike = 0,
    end: ArrayLike | None = None,
) -> Level:
    """Return the level of the waveforms without pulses, and the noise about it.

    Parameters
    ----------
    waveforms : array_like
        Shape ``(..., samples)``, or an event of a buffer.
    method
        ``"median"`` is not moved by a pulse that is shorter than half of the range. It costs about
        10 ns per sample. ``"most_probable"``, the half-sample mode, stands more pulses and costs
        some times as much; ``"mean"`` is the fastest and stands none.
    begin, end : array_like of int
        Range to use, in samples.

    Returns
    -------
    Level
        Arrays of the shape of `waveforms` without the last axis. The `rms` of the robust methods is
        that of the samples within three standard deviations, corrected for the cut.

    Raises
    ------
    RecordTypeError
        If the samples are not real numbers.
    SetupError
        If a shape, a range or a method makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> waveform = np.array([1.0, 3.0, 2.0, 2.0, 1.0, 3.0, 90.0, 40.0])
    >>> float(baseline(waveform).value)
    2.5
    >>> float(baseline(waveform, end=6).value)
    2.0
    """
    if method not in _METHODS:
        raise SetupError(
            f"the method of a baseline is one of {', '.join(_METHODS)}; found {method!r}"
        )
    traces, shape = rows_of(waveforms)
    out = np.empty((len(traces), 2))
    _kernels.levels(traces, *_range(traces, shape, begin, end), _METHODS[method], out)
    return Level(out[:, 0].reshape(shape), out[:, 1].reshape(shape))


def height(
    waveforms: ArrayLike,
    *,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    begin: ArrayLike = 0,
    end: ArrayLike | None = None,
) -> Height:
    """Return the highest value of each waveform, and where it is.

    The parameters that all functions have in common are described at the top of the module.

    Examples
    --------
    >>> import numpy as np
    >>> found = height(np.array([[0, 4, 1], [7, 2, 7]], dtype=np.int16))
    >>> found.value.tolist(), found.position.tolist()
    ([4.0, 7.0], [1.0, 0.0])
    """
    traces, shape = rows_of(waveforms)
    out = np.empty((len(traces), 2))
    _kernels.heights(
        traces, *_conversion(shape, baseline, scale), *_range(traces, shape, begin, end), out
    )
    return Height(out[:, 0].reshape(shape), out[:, 1].reshape(shape))


def leading_edge_time(
    waveforms: ArrayLike,
    threshold: float,
    *,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    begin: ArrayLike = 0,
    end: ArrayLike | None = None,
) -> Numbers:
    """Return when each waveform first comes from below to the threshold, in samples.

    The time is interpolated between samples. It is later for lower pulses of the same shape
    ("walk"): :func:`constant_fraction_time` is not.

    Examples
    --------
    >>> import numpy as np
    >>> float(leading_edge_time(np.array([0.0, 0.0, 10.0, 4.0]), 5.0))
    1.5
    """
    traces, shape = rows_of(waveforms)
    out = np.empty((len(traces), 1))
    gate = _range(traces, shape, begin, end)
    _kernels.leading_edges(traces, *_conversion(shape, baseline, scale), *gate, threshold, out)
    return out.reshape(shape)


def constant_fraction_time(
    waveforms: ArrayLike,
    fraction: float = 0.5,
    *,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    begin: ArrayLike = 0,
    end: ArrayLike | None = None,
) -> Numbers:
    """Return when the leading edge of the highest pulse reaches a fraction of its height.

    In samples, interpolated. It does not move with the height of the pulse.

    Parameters
    ----------
    fraction
        Above 0 and below 1.

    Examples
    --------
    >>> import numpy as np
    >>> pulse = np.array([0.0, 0.0, 3.0, 10.0, 8.0, 2.0])
    >>> bool(np.isclose(*constant_fraction_time(np.array([pulse, 7 * pulse]))))
    True
    """
    if not 0.0 < fraction < 1.0:
        raise SetupError(f"a fraction of the height lies between 0 and 1; found {fraction}")
    traces, shape = rows_of(waveforms)
    out = np.empty((len(traces), 1))
    gate = _range(traces, shape, begin, end)
    _kernels.constant_fractions(traces, *_conversion(shape, baseline, scale), *gate, fraction, out)
    return out.reshape(shape)


def integral(
    waveforms: ArrayLike,
    *,
    begin: ArrayLike = 0,
    end: ArrayLike | None = None,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> Numbers:
    """Return the sum of the samples in a gate.

    The unit is that of the waveform times `scale` times samples. A gate may lie elsewhere in each
    waveform: `begin` and `end` are numbers or arrays. The order of the sum is not that of
    :func:`numpy.sum`, so that the last bits may differ.

    Examples
    --------
    >>> import numpy as np
    >>> integral(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), begin=[0, 1], end=[2, 3]).tolist()
    [3.0, 11.0]
    """
    traces, shape = rows_of(waveforms)
    out = np.empty((len(traces), 1))
    _kernels.integrals(
        traces, *_conversion(shape, baseline, scale), *_range(traces, shape, begin, end), out
    )
    return out.reshape(shape)


def tail_fraction(
    waveforms: ArrayLike,
    *,
    begin: ArrayLike,
    tail: ArrayLike,
    end: ArrayLike | None = None,
    baseline: ArrayLike = 0.0,
) -> Numbers:
    """Return which fraction of the integral from `begin` to `end` lies behind `tail`.

    The charge comparison by which, for instance, neutrons and gamma rays are told apart in
    organic scintillators. Not-a-number where the integral is 0.

    Examples
    --------
    >>> import numpy as np
    >>> float(tail_fraction(np.array([0.0, 6.0, 1.0, 1.0]), begin=1, tail=2))
    0.25
    """
    whole = integral(waveforms, begin=begin, end=end, baseline=baseline)
    behind = integral(waveforms, begin=tail, end=end, baseline=baseline)
    return np.divide(behind, whole, out=np.full_like(whole, np.nan), where=whole != 0.0)


def charge_pC(  # noqa: N802  # units keep their case
    integral_mV: ArrayLike,  # noqa: N803
    *,
    sample_period_ns: float,
    impedance_ohm: float = 50.0,
) -> Numbers:
    """Return the charge in pC of an integral in mV times samples; 1 mV ns at 1 ohm is 1 pC.

    Examples
    --------
    >>> float(charge_pC(500.0, sample_period_ns=4.0))
    40.0
    """
    if not (sample_period_ns > 0 and impedance_ohm > 0):
        raise SetupError(
            "sample_period_ns and impedance_ohm are above 0; found"
            f" {sample_period_ns} and {impedance_ohm}"
        )
    return np.asarray(integral_mV, dtype=float) * sample_period_ns / impedance_ohm


def smooth(
    waveforms: ArrayLike,
    width: int,
    *,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> Numbers:
    """Return the waveforms smoothed by a running mean over `width` samples, an odd number.

    At the ends the mean goes over the samples that there are. The result has the shape of
    `waveforms`, ``(channels, samples)`` for an event. One sample that is not finite
    spoils its waveform.

    Examples
    --------
    >>> import numpy as np
    >>> smooth(np.array([0.0, 3.0, 6.0, 0.0]), 3).tolist()
    [1.5, 3.0, 3.0, 3.0]
    """
    if width < 1 or width % 2 == 0:
        raise SetupError(f"the width of a running mean is an odd number of samples; found {width}")
    traces, shape = rows_of(waveforms)
    out = np.empty(traces.shape)
    _kernels.smooth(traces, *_conversion(shape, baseline, scale), width, out)
    return out.reshape(*shape, traces.shape[1])


def trapezoid(
    waveforms: ArrayLike,
    *,
    rise: int,
    flat: int,
    decay: float = math.inf,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> Numbers:
    """Return the waveforms shaped to trapezoids, whose flat top is the height of the pulse.

    A pulse that rises in less than `flat` samples and decays exponentially becomes a trapezoid: it
    rises in `rise` samples, stays at the height that the pulse would have without its decay, and
    falls in `rise` samples. The filter for the energy of germanium detectors and other
    charge-sensitive preamplifiers.

    Parameters
    ----------
    rise, flat : int
        Samples; a longer rise averages more noise, `flat` covers the rise time of the pulse.
    decay : float
        Time constant of the pulse in samples, by which the pole is moved to zero;
        infinite: it does not decay.
    baseline
        Has to be right: with a decay, what is left of it goes up like a ramp.

    Returns
    -------
    ndarray
        Shape of `waveforms`. The waveform counts as 0 before it begins.

    Examples
    --------
    >>> import numpy as np
    >>> step = np.exp(-np.arange(-20, 60) / 30.0) * (np.arange(-20, 60) >= 0)
    >>> shaped = trapezoid(step, rise=10, flat=5, decay=30.0)
    >>> round(float(shaped.max()), 6)
    1.0

    References
    ----------
    V. T. Jordanov, G. F. Knoll, Nucl. Instrum. Meth. A 345 (1994) 337,
    doi:10.1016/0168-9002(94)91011-1.
    """
    if rise < 1 or flat < 0 or not decay > 0:
        raise SetupError(
            "a trapezoid has a rise of at least 1 sample, a flat top of at least 0 and a decay"
            f" above 0; found {rise}, {flat} and {decay}"
        )
    traces, shape = rows_of(waveforms)
    out = np.empty(traces.shape)
    factor = math.exp(-1.0 / decay)
    _kernels.trapezoid(traces, *_conversion(shape, baseline, scale), rise, flat, factor, out)
    return out.reshape(*shape, traces.shape[1])


def correlate(
    waveforms: ArrayLike,
    pattern: ArrayLike,
    *,
    baseline: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
) -> Numbers:
    """Return the correlation of the waveforms with a pattern at every place where it fits.

    ``out[..., k]`` is the sum of ``waveform[..., k + i] * pattern[i]``: :func:`numpy.correlate`
    with ``mode="valid"``. With a pattern divided by the sum of its squares the highest value is the
    height of a pulse of that shape, in white noise the best estimate there is (matched filter).

    Examples
    --------
    >>> import numpy as np
    >>> shape = np.array([1.0, 2.0, 1.0])
    >>> pulse = np.array([0.0, 5.0, 10.0, 5.0, 0.0])
    >>> correlate(pulse, shape / (shape @ shape)).round(2).tolist()
    [3.33, 5.0, 3.33]
    """
    traces, shape = rows_of(waveforms)
    weights = np.ascontiguousarray(pattern, dtype=float)
    if weights.ndim != 1 or not 0 < len(weights) <= traces.shape[1]:
        raise SetupError(
            f"a pattern is one waveform of at most {traces.shape[1]} samples; found shape"
            f" {weights.shape}"
        )
    out = np.empty((len(traces), traces.shape[1] - len(weights) + 1))
    _kernels.correlate(traces, *_conversion(shape, baseline, scale), weights, out)
    return out.reshape(*shape, out.shape[1])


def _conversion(
    shape: tuple[int, ...], level: ArrayLike, scale: ArrayLike
) -> tuple[Numbers, Numbers]:
    return (
        _for_rows("baseline", level, shape, np.float64),
        _for_rows("scale", scale, shape, np.float64),
    )


def _range(
    traces: NDArray[Any], shape: tuple[int, ...], begin: ArrayLike, end: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    last = traces.shape[1] if end is None else end
    return _for_rows("begin", begin, shape, np.int64), _for_rows("end", last, shape, np.int64)


def _for_rows(name: str, value: ArrayLike, shape: tuple[int, ...], dtype: type) -> NDArray[Any]:
    """Return one number for all rows, or one for each."""
    array = np.asarray(value)
    if dtype is np.int64 and array.dtype.kind not in "iu":
        raise SetupError(f"{name} counts samples: a whole number; found {value!r}")
    if array.ndim == 0:
        return array.reshape(1).astype(dtype)
    try:
        return np.ascontiguousarray(np.broadcast_to(array, shape), dtype=dtype).reshape(-1)
    except ValueError:
        raise SetupError(
            f"{name} is one number, or one for each waveform: shape {shape}; found shape"
            f" {array.shape}"
        ) from None
