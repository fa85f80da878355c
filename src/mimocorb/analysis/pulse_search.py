"""The filter ``find_pulses``: the pulses of each event, one record for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.pulses import find_pulses
from mimocorb.analysis.traces import as_traces
from mimocorb.analysis.waveforms import baseline
from mimocorb.buffers.units import in_units
from mimocorb.components.decisions import Reject
from mimocorb.components.form import filter
from mimocorb.errors import SetupError
from mimocorb.model.channels import channels_of

__all__ = ["FOUND_DTYPE", "FindPulses"]

Quantity = Literal[
    "channel", "time_ns", "height", "prominence", "width_ns", "integral", "baseline", "noise",
    "is_clipped", "is_piled_up",
]  # fmt: skip

FOUND_DTYPE = np.dtype(
    [
        ("channel", np.int32),
        ("time_ns", np.float64),
        ("height", np.float64),
        ("prominence", np.float64),
        ("width_ns", np.float64),
        ("integral", np.float64),
        ("baseline", np.float64),
        ("noise", np.float64),
        ("is_clipped", np.uint8),
        ("is_piled_up", np.uint8),
    ]
)
"""All that is known of a pulse; a buffer has the fields that `quantities` names."""

_USUAL: list[Quantity] = ["channel", "time_ns", "height", "integral"]


@filter
class FindPulses:
    """Find the pulses of each event, and hand on a record for each of them.

    An event without a pulse is rejected. With two sinks the event goes to the first and the pulses
    to the second. All records of an event have its metadata.

    The buffer of the pulses has ``data_length: 1`` and the fields that `quantities` names.
    `channel` is the number of the channel, from 0; `time_ns` the leading edge at half height,
    after the first sample; `height`, `prominence` and `integral` are above the baseline and
    positive, in the unit of the waveform (times ns for the integral); `width_ns` is at half
    prominence; `noise` is the rms of the waveform without pulses; `is_clipped` and `is_piled_up`
    are 0 or 1.

    Parameters
    ----------
    quantities
        What is handed on of each pulse.
    least_height, least_prominence
        In the unit of the waveform. A pulse on the tail of another one has a large height, but only
        its own prominence.
    least_width_ns
        At half prominence, in ns.
    least_distance_ns
        Of two pulses of a channel that are closer, the higher one is kept, in ns.
    polarity
        Whether pulses go up or down.
    sample_period_ns
        Time between two samples, in ns.
    level
        How the baseline of each waveform is found: ``median`` and ``most_probable`` are not moved
        by pulses, ``mean`` is; ``zero``: the waveforms have none.
    level_samples
        Number of first samples that the baseline is found from; 0: all of them.
    integral_from_ns, integral_to_ns
        The integral reaches from so much before the highest sample to so much behind it, in ns. It
        is cut at the lowest point between two pulses.
    clipped_at
        Waveform value, in its unit, from which on the digitizer is at its limit.
    pile_up_ns
        Pulses of a channel that are closer to one another are marked as piled up, in ns.
    buffer
        Given by mimocorb. What its channels count is converted to their unit first.
    """

    def __init__(
        self,
        *,
        quantities: list[Quantity] = _USUAL,
        least_height: float | None = None,
        least_prominence: float | None = None,
        least_width_ns: float | None = None,
        least_distance_ns: float | None = None,
        polarity: Literal["positive", "negative"] = "positive",
        sample_period_ns: float,
        level: Literal["median", "most_probable", "mean", "zero"] = "median",
        level_samples: int = 0,
        integral_from_ns: float = 40.0,
        integral_to_ns: float = 160.0,
        clipped_at: float | None = None,
        pile_up_ns: float = 0.0,
        buffer: Mapping[str, Any],
    ) -> None:
        unknown = [name for name in quantities if name not in (FOUND_DTYPE.names or ())]
        if unknown or not quantities or len(set(quantities)) < len(quantities):
            raise SetupError(
                f"quantities are different ones of {', '.join(FOUND_DTYPE.names or ())};"
                f" found {quantities}"
            )
        if not sample_period_ns > 0:
            raise SetupError(f"sample_period_ns is above 0; found {sample_period_ns}")
        if least_height is None and least_prominence is None:
            raise SetupError(
                "least_height or least_prominence says what is a pulse and what is noise; found"
                " none of them"
            )
        if level_samples < 0 or integral_from_ns < 0 or integral_to_ns < 0 or pile_up_ns < 0:
            raise SetupError(
                "level_samples, the times of the integral and pile_up_ns are at least 0"
            )
        self._channels = channels_of(buffer)
        self._quantities = list(quantities)
        self._dtype = np.dtype([(name, FOUND_DTYPE[name]) for name in quantities])
        self._sign = 1.0 if polarity == "positive" else -1.0
        self._period_ns = sample_period_ns
        self._level, self._level_samples = level, level_samples or None
        self._clipped_at, self._pile_up_ns = clipped_at, pile_up_ns
        distance = None if least_distance_ns is None else least_distance_ns / sample_period_ns
        self._conditions: dict[str, Any] = {
            "height": least_height,
            "prominence": least_prominence,
            "width": None if least_width_ns is None else least_width_ns / sample_period_ns,
            "distance": None if distance is None else max(1.0, distance),
            "integral_before": round(integral_from_ns / sample_period_ns),
            "integral_after": round(integral_to_ns / sample_period_ns),
        }

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> None:
        """Raise a SetupError for what the configuration cannot mean."""
        cls(**config, buffer=buffer)

    @classmethod
    def hands_on(cls, *, quantities: list[Quantity] = _USUAL, **_others: Any) -> set[str]:
        """Return the names of the fields of a pulse."""
        return set(quantities)

    def __call__(self, event: NDArray[Any]) -> Any:
        """Return the pulses of an event, by channel and then by time."""
        traces = as_traces(in_units(event, self._channels) if self._channels else event)
        if self._level == "zero":
            levels = noise = np.zeros(len(traces))
        else:
            levels, noise = baseline(
                traces, method=self._level, end=self._level_samples or traces.shape[1]
            )
        pulses = find_pulses(traces, scale=self._sign, baseline=levels, **self._conditions)
        if not len(pulses):
            return Reject("no pulse")
        channels = pulses["channel"]
        known = {
            "channel": channels,
            "time_ns": pulses["time"] * self._period_ns,
            "height": pulses["height"],
            "prominence": pulses["prominence"],
            "width_ns": pulses["width"] * self._period_ns,
            "integral": pulses["integral"] * self._period_ns,
            "baseline": levels[channels],
            "noise": noise[channels],
            "is_clipped": pulses["height"] >= self._limit_above(levels[channels]),
            "is_piled_up": self._piled_up(pulses),
        }
        found = np.empty(len(pulses), self._dtype)
        for name in self._quantities:
            found[name] = known[name]
        return [list(found)]

    def _limit_above(self, levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the height from which on a pulse is clipped."""
        if self._clipped_at is None:
            return np.full(len(levels), np.inf)
        return self._sign * (self._clipped_at - levels)

    def _piled_up(self, pulses: NDArray[np.void]) -> NDArray[np.bool_]:
        """Return which pulses are closer than `pile_up_ns` to another one of their channel."""
        gap_ns = np.diff(pulses["time"]) * self._period_ns
        same = np.diff(pulses["channel"]) == 0
        near: NDArray[np.bool_] = (gap_ns < self._pile_up_ns) & same
        return np.append(near, False) | np.insert(near, 0, False)
