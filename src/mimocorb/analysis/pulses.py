"""Search for pulses in recorded waveforms.

What to use when
----------------
* :func:`find_pulses` for everything: one trace, a block of traces, or a whole event of a buffer.
  It takes the conditions of :func:`scipy.signal.find_peaks` under the same names, gives the same
  pulses, and needs a few microseconds per trace. The code is native; every quantity is defined at
  the top of ``core/include/mimocorb/pulse.hpp``.
* :func:`scipy.signal.find_peaks` itself for the conditions that are missing here (``threshold``,
  ``plateau_size``, ``wlen``, arrays of limits).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb import _kernels
from mimocorb._words import how_many
from mimocorb.analysis.traces import as_traces
from mimocorb.analysis.waveforms import baseline as level_of
from mimocorb.errors import SetupError

__all__ = ["PULSE_DTYPE", "find_pulses"]

Limits = float | tuple[float | None, float | None] | None

#: One found pulse: a row of the table that :func:`find_pulses` returns.
PULSE_DTYPE = np.dtype(
    [
        ("channel", np.int32),  # row of a block of traces, or index of the field in an event
        ("position", np.int32),  # sample index of the highest sample
        ("time", np.float64),  # leading edge at half height, interpolated; samples, or as times
        ("height", np.float64),  # above the baseline; unit of the waveform times scale
        ("prominence", np.float64),  # above its surroundings; the same unit
        ("width", np.float64),  # at half prominence; the same
        ("integral", np.float64),  # height unit times that of times
    ]
)


def find_pulses(
    waveform: ArrayLike,
    *,
    height: Limits = None,
    prominence: Limits = None,
    distance: float | None = None,
    width: Limits = None,
    scale: float | Sequence[float] | NDArray[np.float64] = 1.0,
    baseline: float | Sequence[float] | NDArray[np.float64] = 0.0,
    baseline_samples: int = 0,
    integral_before: float = 10,
    integral_after: float = 40,
    sample_times: ArrayLike | None = None,
) -> NDArray[np.void]:
    """Find the pulses of a waveform.

    The search works on ``(waveform - baseline) * scale``, on all channels in one native call and
    without copying the event: its channels, interleaved or each in one piece, are read in place.
    Other Python threads run meanwhile.

    Parameters
    ----------
    waveform : ndarray
        One trace, shape ``(samples,)``; a block of traces, shape ``(channels, samples)``; or an
        event of a buffer, a structured array with one field per channel: of shape ``(samples,)``,
        or of shape ``(1,)`` whose fields are arrays of all samples.
    height, prominence : float or (float, float), optional
        Smallest (or smallest and largest) accepted height and prominence, in the unit of
        ``(waveform - baseline) * scale``; None as a limit leaves that side open. A pulse that
        sits on the tail of another one has a large height, but only its own prominence.
    distance : float, optional
        Smallest accepted distance between neighbouring pulses of a channel, at least 1 sample.
        Of two closer ones the higher is kept, of two equally high ones the later.
    width : float or (float, float), optional
        Smallest (or smallest and largest) accepted width at half prominence, in samples.
    scale : float or sequence of float
        Calibration factor, common or one per channel. ``scale=-1`` finds negative pulses; their
        heights and integrals come out positive.
    baseline : float or sequence of float
        Level of the traces without pulses, in the unit of the waveform, common or one per channel.
        :func:`mimocorb.analysis.waveforms.baseline` finds it where pulses may be anywhere.
    baseline_samples : int
        If positive, the baseline of each trace is the median of that many first samples instead.
        A pulse that fills less than half of them does not move it.
    integral_before, integral_after : float
        The integral reaches from this many samples before the highest sample to this many after
        it, cut at the ends of the trace and at the lowest point between two pulses.
    sample_times : array_like, optional
        When each sample was taken, for digitizers whose samples are not equally far apart: shape
        ``(samples,)``, or ``(channels, samples)``, growing. Then `distance`, `width`, the reach of
        the integral and its unit, and the times and widths that are found are in the unit of these
        times.

    Returns
    -------
    ndarray of PULSE_DTYPE
        A new table with one row per pulse, by channel and then by position.

    Raises
    ------
    RecordTypeError
        If the samples are not real numbers.
    SetupError
        If the shape, a limit, the times or the number of scales makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> trace = np.array([0.0, 0.0, 4.0, 2.0, 0.0, 0.0, 8.0, 4.0, 0.0])
    >>> pulses = find_pulses(trace, height=3.0)
    >>> pulses["position"].tolist(), pulses["time"].tolist()
    ([2, 6], [1.5, 5.5])

    References
    ----------
    Definitions of prominence and width: documentation of :func:`scipy.signal.peak_prominences`
    and :func:`scipy.signal.peak_widths` (``rel_height=0.5``; ``time`` is ``left_ips``).
    """
    traces = as_traces(waveform)
    times = _times(sample_times, traces.shape)
    if distance is not None and not distance >= (1 if sample_times is None else 0):
        raise SetupError(
            f"distance is {distance}; it is at least 1 sample, or with sample_times at least 0"
        )
    if baseline_samples < 0 or not (integral_before >= 0 and integral_after >= 0):
        raise SetupError(
            "baseline_samples, integral_before and integral_after say how many samples: found"
            f" {baseline_samples}, {integral_before}, {integral_after}, none may be negative"
        )
    if baseline_samples:
        baseline = level_of(traces, end=baseline_samples).value
    records = _kernels.find_pulses(
        traces,
        _limits("height", height),
        _limits("prominence", prominence),
        _limits("width", width),
        0.0 if distance is None else distance,
        _one_per_channel("scale", scale, len(traces)),
        _one_per_channel("baseline", baseline, len(traces)),
        integral_before,
        integral_after,
        times,
    )
    return np.frombuffer(records, dtype=PULSE_DTYPE)


def _times(sample_times: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if sample_times is None:
        return np.empty((0, 0))
    times = np.ascontiguousarray(np.atleast_2d(np.asarray(sample_times, float)))
    if times.ndim != 2 or times.shape[1] != shape[1] or len(times) not in (1, shape[0]):
        raise SetupError(
            f"sample_times are one time for each of {shape[1]} samples, the same for all channels"
            f" or other ones for each of {shape[0]}; found shape {np.shape(sample_times)}"
        )
    if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise SetupError("sample_times are finite numbers that grow from sample to sample")
    return times


def _limits(name: str, limits: Limits) -> tuple[float, float]:
    if limits is None:
        return (-np.inf, np.inf)
    if isinstance(limits, int | float | np.number):
        return (float(limits), np.inf)
    try:
        lower, upper = limits
        return (
            -np.inf if lower is None else float(lower),
            np.inf if upper is None else float(upper),
        )
    except (TypeError, ValueError) as problem:
        raise SetupError(
            f"{name} is {limits!r}; it must be a number (the smallest accepted value) "
            "or a pair (smallest, largest)"
        ) from problem


def _one_per_channel(
    name: str, value: float | Sequence[float] | NDArray[np.float64], channels: int
) -> list[float]:
    if isinstance(value, int | float | np.number):
        return [float(value)] * channels
    values = [float(each) for each in value]
    if len(values) != channels:
        raise SetupError(
            f"{name} has {how_many(len(values), 'value')} for {how_many(channels, 'channel')}; give"
            " one number for all channels or one per channel"
        )
    return values
