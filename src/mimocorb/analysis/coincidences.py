"""Coincidences: of detectors by their times, and of channels within an event.

Two detectors that count independently, with the rates r1 and r2, coincide by accident: differences
of their times within ±w come at the rate 2 w r1 r2, whatever else there is. The same number is
measured, without knowing the rates, where true coincidences cannot be: in windows of the same width
at delays of many times the width ("delayed coincidences": W. R. Leo, Techniques for Nuclear and
Particle Physics Experiments, 2nd ed., section 16; G. F. Knoll, Radiation Detection and Measurement,
4th ed., chapter 17). With n pairs in the window and m in k delayed ones the true number is
n - m / k, with the uncertainty √(n + m / k²).

Times are whole nanoseconds, as the ``time_ns`` of events: the float64 of a time in seconds UTC has
steps of 240 ns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb import _kernels
from mimocorb._words import count, with_error
from mimocorb.errors import RecordTypeError, SetupError

__all__ = ["Coincidences", "coincident_pairs", "find_coincidences", "multiplicity"]

Whole = NDArray[np.int64]

_DELAYED_WINDOWS = 10
_APART = 20
"""First delay and distance of delayed windows, in widths of the window, if not given."""


@dataclass(frozen=True)
class Coincidences:
    """The result of :func:`find_coincidences`.

    Attributes
    ----------
    pairs
        Indices into the times of the first and of the second detector, shape ``(n, 2)``.
    difference_ns
        Time of the second less that of the first, for each pair.
    delayed
        How many pairs there are in each of the delayed windows.
    first, second
        How many times each detector has.
    window_ns
        As it was given.
    live_time_s
        As it was given; None if it is not known.
    """

    pairs: Whole = field(repr=False)
    difference_ns: Whole = field(repr=False)
    delayed: tuple[int, ...]
    first: int
    second: int
    window_ns: int
    live_time_s: float | None = None

    @property
    def found(self) -> int:
        """How many pairs are in the window, accidental ones among them."""
        return len(self.pairs)

    @property
    def accidental(self) -> float:
        """How many of them are accidental, on average: the mean of the delayed windows."""
        return sum(self.delayed) / len(self.delayed)

    @property
    def accidental_error(self) -> float:
        """One standard deviation of that."""
        return math.sqrt(max(sum(self.delayed), 1)) / len(self.delayed)

    @property
    def true(self) -> float:
        """How many are not."""
        return self.found - self.accidental

    @property
    def true_error(self) -> float:
        """One standard deviation of that."""
        return math.hypot(math.sqrt(max(self.found, 1)), self.accidental_error)

    @property
    def true_rate_hz(self) -> tuple[float, float]:
        """The rate of true coincidences in live time, and its uncertainty.

        Raises
        ------
        SetupError
            The live time is not known.
        """
        if not self.live_time_s:
            raise SetupError("a rate needs live_time_s: how long both detectors were live")
        return self.true / self.live_time_s, self.true_error / self.live_time_s

    def efficiency(self, of: str) -> tuple[float, float]:
        """Return which part of the particles that one detector has seen the other has seen as well.

        Parameters
        ----------
        of
            ``"first"`` or ``"second"``: the detector whose efficiency it is. The particles are
            those of the other one; all of these have to pass through both.

        Returns
        -------
        value, error
            The error is binomial, with that of the accidental pairs.
        """
        if of not in ("first", "second"):
            raise SetupError(f"the efficiency is that of 'first' or 'second'; found {of!r}")
        seen = self.second if of == "first" else self.first
        if not seen:
            raise SetupError("no particle was seen by the other detector: there is no efficiency")
        value = min(max(self.true / seen, 0.0), 1.0)
        # Laplace's estimate keeps the error of 0 and of all from being 0.
        smoothed = (min(max(self.true, 0.0), seen) + 1) / (seen + 2)
        binomial = math.sqrt(smoothed * (1 - smoothed) / seen)
        return value, math.hypot(binomial, self.accidental_error / seen)

    def __str__(self) -> str:
        line = (
            f"{count(self.found)} pairs within ±{self.window_ns} ns,"
            f" {with_error(self.accidental, self.accidental_error)} of them accidental:"
            f" {with_error(self.true, self.true_error)} coincidences"
        )
        if not self.live_time_s:
            return line
        return f"{line}, ({with_error(*self.true_rate_hz)}) Hz"


def coincident_pairs(
    first_ns: ArrayLike, second_ns: ArrayLike, *, window_ns: int, delay_ns: int = 0
) -> Whole:
    """Return all pairs of times whose difference is in a window.

    Native, in time proportional to the number of times and pairs.

    Parameters
    ----------
    first_ns, second_ns
        Whole nanoseconds, sorted.
    window_ns, delay_ns
        Pairs differ by the delay, and at most by the window more or less.

    Returns
    -------
    ndarray of int64
        Shape ``(pairs, 2)``: the index of the first and of the second.

    Raises
    ------
    RecordTypeError
        The times are no whole numbers.
    SetupError
        They are not sorted, or the window is negative.

    Examples
    --------
    >>> coincident_pairs([100, 500, 900], [130, 880, 910], window_ns=50).tolist()
    [[0, 0], [2, 1], [2, 2]]
    """
    if window_ns < 0:
        raise SetupError(f"window_ns is 0 or more; found {window_ns}")
    records = _kernels.pairs(
        _sorted("first_ns", first_ns), _sorted("second_ns", second_ns), window_ns, delay_ns
    )
    return np.frombuffer(records, np.int64).reshape(-1, 2)


def find_coincidences(
    first_ns: ArrayLike,
    second_ns: ArrayLike,
    *,
    window_ns: int,
    delay_ns: int = 0,
    delayed_windows: int = _DELAYED_WINDOWS,
    first_delay_ns: int | None = None,
    live_time_s: float | None = None,
) -> Coincidences:
    """Find the coincidences of two detectors, and how many of them are accidental.

    Parameters
    ----------
    first_ns, second_ns
        Times of the detectors in whole nanoseconds, sorted, of clocks that go together.
    window_ns
        Pairs differ by at most this much: three standard deviations of the resolution or more.
    delay_ns
        By how much the second detector is later, by its cable for instance.
    delayed_windows
        How many windows measure the accidental pairs, half of them before and half behind.
    first_delay_ns
        Distance of the first delayed window, and from one to the next; twenty times `window_ns` if
        not given. Larger than anything that physics has to do with: dead times, after-pulses.
    live_time_s
        How long both were able to count, for the rate.

    Examples
    --------
    >>> random = np.random.default_rng(seed=2)
    >>> particles = np.cumsum(random.exponential(1e6, 2000)).astype(np.int64)
    >>> upper = particles[random.random(2000) < 0.9]
    >>> lower = particles[random.random(2000) < 0.5] + 30
    >>> found = find_coincidences(upper, lower, window_ns=100, delay_ns=30)
    >>> value, error = found.efficiency("first")
    >>> abs(value - 0.9) < 3 * error
    True
    """
    if delayed_windows < 1:
        raise SetupError(f"delayed_windows is 1 or more; found {delayed_windows}")
    distance = _APART * max(window_ns, 1) if first_delay_ns is None else first_delay_ns
    if distance <= 2 * window_ns:
        raise SetupError(
            f"first_delay_ns is larger than twice window_ns, so that windows do not overlap; found"
            f" {distance} and {window_ns}"
        )
    first, second = _sorted("first_ns", first_ns), _sorted("second_ns", second_ns)
    pairs = coincident_pairs(first, second, window_ns=window_ns, delay_ns=delay_ns)
    delays = [
        delay_ns + (-1) ** number * distance * (number // 2 + 1)
        for number in range(delayed_windows)
    ]
    return Coincidences(
        pairs=pairs,
        difference_ns=second[pairs[:, 1]] - first[pairs[:, 0]],
        delayed=tuple(
            len(coincident_pairs(first, second, window_ns=window_ns, delay_ns=delay))
            for delay in delays
        ),
        first=len(first),
        second=len(second),
        window_ns=window_ns,
        live_time_s=live_time_s,
    )


def multiplicity(
    times: ArrayLike,
    channels: ArrayLike,
    window: float,
    *,
    events: ArrayLike | None = None,
) -> tuple[Whole, Whole]:
    """Group the pulses of an event that come together, and count their channels.

    A group begins with the first pulse that is in none, and has all pulses of this event at most
    `window` later.

    Parameters
    ----------
    times, channels
        Of each pulse, in any order.
    window
        In the unit of the times.
    events
        The number of the event of each pulse; all are of one event if not given.

    Returns
    -------
    group
        The number of the group of each pulse, by event and time.
    channels_in_group
        How many different channels the group of each pulse has.

    Raises
    ------
    SetupError
        The lengths do not fit, or the window is negative.

    Examples
    --------
    >>> group, channels = multiplicity([10.0, 12.0, 80.0], [0, 1, 1], window=5.0)
    >>> group.tolist(), channels.tolist()
    ([0, 0, 1], [2, 2, 1])
    """
    time = np.asarray(times, float).reshape(-1)
    channel = np.asarray(channels).reshape(-1)
    event = np.zeros(len(time)) if events is None else np.asarray(events).reshape(-1)
    if not len(time) == len(channel) == len(event):
        raise SetupError(
            f"each pulse has a time, a channel and an event; found {len(time)}, {len(channel)} and"
            f" {len(event)} of them"
        )
    if not window >= 0:
        raise SetupError(f"a window is 0 or more; found {window}")
    event_number = np.unique(event, return_inverse=True)[1]
    channel_number = np.unique(channel, return_inverse=True)[1]
    order = np.lexsort((time, event_number))
    in_order = np.empty(len(time), np.int64)
    groups = _kernels.groups(
        np.ascontiguousarray(event_number[order], np.int64),
        np.ascontiguousarray(time[order]),
        float(window),
        in_order,
    )
    group = np.empty(len(time), np.int64)
    group[order] = in_order
    different = np.unique(np.column_stack([group, channel_number]), axis=0)
    channels_of = np.bincount(different[:, 0], minlength=groups) if groups else np.zeros(0, int)
    return group, channels_of[group].astype(np.int64)


def _sorted(name: str, times: ArrayLike) -> Whole:
    array = np.asarray(times)
    if array.size == 0:
        return np.zeros(0, np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise RecordTypeError(
            f"{name} are whole nanoseconds in one row; found {array.dtype} of shape {array.shape}."
            " Seconds in a float64 are too coarse: 240 ns for times of day"
        )
    whole = np.ascontiguousarray(array, np.int64)
    if (np.diff(whole) < 0).any():
        raise SetupError(
            f"{name} go back at {int(np.flatnonzero(np.diff(whole) < 0)[0]) + 1}: sort"
        )
    return whole
