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
from mimocorb.errors import SetupError

__all__ = ["PULSE_DTYPE", "find_pulses"]

Limits = float | tuple[float | None, float | None] | None

#: One found pulse: a row of the table that :func:`find_pulses` returns.
PULSE_DTYPE = np.dtype(
    [
        ("channel", np.int32),  # row of a block of traces, or index of the field in an event
        ("position", np.int32),  # sample index of the highest sample
        ("time", np.float64),  # leading edge at half height, interpolated; samples
        ("height", np.float64),  # above the baseline; unit of the waveform times scale
        ("prominence", np.float64),  # above its surroundings; the same unit
        ("width", np.float64),  # at half prominence; samples
        ("integral", np.float64),  # height unit times samples
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
    integral_before: int = 10,
    integral_after: int = 40,
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
        If positive, the baseline of each trace is the mean of that many first samples instead: a
        pulse among them makes all heights wrong.
    integral_before, integral_after : int
        The integral reaches from this many samples before the highest sample to this many after
        it, cut at the ends of the trace and at the lowest point between two pulses.

    Returns
    -------
    ndarray of PULSE_DTYPE
        A new table with one row per pulse, by channel and then by position.

    Raises
    ------
    RecordTypeError
        If the samples are not real numbers.
    SetupError
        If the shape, a limit or the number of scales makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> trace = np.array([0.0, 0.0, 4.0, 2.0, 0.0, 0.0, 8.0, 4.0, 0.0])
    >>> pulses = find_pulses(trace, height=3.0)
    >>> pulses["position"].tolist(), pulses["time"].tolist()
    ([2, 6], [1.5, 5.5])

    Source
    ------
    Definitions of prominence and width: documentation of :func:`scipy.signal.peak_prominences`
    and :func:`scipy.signal.peak_widths` (``rel_height=0.5``; ``time`` is ``left_ips``).
    """
    traces = as_traces(waveform)
    if distance is not None and not distance >= 1:
        raise SetupError(f"distance is {distance} samples; it must be at least 1")
    if min(baseline_samples, integral_before, integral_after) < 0:
        raise SetupError(
            "baseline_samples, integral_before and integral_after count samples: "
            f"found {baseline_samples}, {integral_before}, {integral_after}, none may be negative"
        )
    records = _kernels.find_pulses(
        traces,
        _limits("height", height),
        _limits("prominence", prominence),
        _limits("width", width),
        1.0 if distance is None else distance,
        _one_per_channel("scale", scale, len(traces)),
        _one_per_channel("baseline", baseline, len(traces)),
        baseline_samples,
        integral_before,
        integral_after,
    )
    return np.frombuffer(records, dtype=PULSE_DTYPE)


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
