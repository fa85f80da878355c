"""The filter ``find_pulses``: the pulses of each event, one record for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.coincidences import multiplicity
from mimocorb.analysis.pulses import find_pulses
from mimocorb.analysis.traces import as_traces
from mimocorb.analysis.waveforms import baseline, constant_fraction_time, tail_fraction
from mimocorb.buffers.units import in_units
from mimocorb.components.decisions import Reject
from mimocorb.components.form import filter
from mimocorb.errors import SetupError
from mimocorb.model.channels import channels_of

__all__ = ["ALONE", "FOUND_DTYPE", "NO_PULSE", "FindPulses"]

Quantity = Literal[
    "channel", "time_ns", "fraction_time_ns", "height", "prominence", "width_ns", "integral",
    "tail_fraction", "charge_pC", "baseline", "noise", "is_clipped", "is_piled_up", "channels",
]  # fmt: skip

FOUND_DTYPE = np.dtype(
    [
        ("channel", np.int32),
        ("time_ns", np.float64),
        ("fraction_time_ns", np.float64),
        ("height", np.float64),
        ("prominence", np.float64),
        ("width_ns", np.float64),
        ("integral", np.float64),
        ("tail_fraction", np.float64),
        ("charge_pC", np.float64),
        ("baseline", np.float64),
        ("noise", np.float64),
        ("is_clipped", np.uint8),
        ("is_piled_up", np.uint8),
        ("channels", np.int32),
    ]
)
"""All that is known of a pulse; a buffer has the fields that `quantities` names."""

NO_PULSE = Reject("no pulse")
NO_SAMPLES = Reject("no samples")
ALONE = Reject("not in enough channels")

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
    are 0 or 1. `fraction_time_ns` is the constant fraction time: when the leading edge reaches
    `fraction` of the height; `tail_fraction` the part of the integral behind `tail_from_ns`, which
    tells particles apart in some scintillators; `charge_pC` the integral as a charge, for waveforms
    in mV; `channels` how many channels have a pulse together with this one.

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
    times
        Instead, for samples that are not equally far apart: name of the field that has the time of
        each sample, in ns. It is not searched; `channel` counts the other fields.
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
    fraction
        Of the height, for `fraction_time_ns`.
    tail_from_ns
        Where the tail begins behind the highest sample, in ns, for `tail_fraction`.
    impedance_ohm
        Of the input, for `charge_pC`.
    together_ns
        Pulses of different channels are together if they begin within so much, in ns.
    least_channels
        Only pulses that so many channels have together are handed on: a coincidence in the event.
    buffer
        Given by mimocorb. What its channels count is converted to their unit first.
    """

    copies: ClassVar[bool] = True

    def __init__(
        self,
        *,
        quantities: list[Quantity] = _USUAL,
        least_height: float | None = None,
        least_prominence: float | None = None,
        least_width_ns: float | None = None,
        least_distance_ns: float | None = None,
        polarity: Literal["positive", "negative"] = "positive",
        sample_period_ns: float | None = None,
        times: str | None = None,
        level: Literal["median", "most_probable", "mean", "zero"] = "median",
        level_samples: int = 0,
        integral_from_ns: float = 40.0,
        integral_to_ns: float = 160.0,
        clipped_at: float | None = None,
        pile_up_ns: float = 0.0,
        fraction: float = 0.5,
        tail_from_ns: float = 40.0,
        impedance_ohm: float = 50.0,
        together_ns: float = 50.0,
        least_channels: int = 1,
        buffer: Mapping[str, Any],
    ) -> None:
        unknown = [name for name in quantities if name not in (FOUND_DTYPE.names or ())]
        if unknown or not quantities or len(set(quantities)) < len(quantities):
            raise SetupError(
                f"quantities are different ones of {', '.join(FOUND_DTYPE.names or ())};"
                f" found {quantities}"
            )
        if (sample_period_ns is None) == (times is None):
            raise SetupError(
                "sample_period_ns is the time between two samples, or times the field that has the"
                f" time of each; found {'none of them' if times is None else 'both'}"
            )
        period = 1.0 if sample_period_ns is None else sample_period_ns  # times are in ns
        if not period > 0:
            raise SetupError(f"sample_period_ns is above 0; found {sample_period_ns}")
        if least_height is None and least_prominence is None:
            raise SetupError(
                "least_height or least_prominence says what is a pulse and what is noise; found"
                " none of them"
            )
        if not (0 < fraction < 1 and impedance_ohm > 0 and together_ns >= 0 and least_channels > 0):
            raise SetupError(
                "fraction is between 0 and 1, impedance_ohm above 0, together_ns at least 0 and"
                f" least_channels at least 1; found {fraction}, {impedance_ohm}, {together_ns} and"
                f" {least_channels}"
            )
        if level_samples < 0 or integral_from_ns < 0 or integral_to_ns < 0 or pile_up_ns < 0:
            raise SetupError(
                "level_samples, the times of the integral and pile_up_ns are at least 0"
            )
        self._channels = channels_of(buffer)
        self._quantities = list(quantities)
        self._dtype = np.dtype([(name, FOUND_DTYPE[name]) for name in quantities])
        self._sign = 1.0 if polarity == "positive" else -1.0
        self._period_ns, self._times = period, times
        self._level, self._level_samples = level, level_samples or None
        self._fraction, self._tail_ns, self._impedance_ohm = fraction, tail_from_ns, impedance_ohm
        self._together_ns, self._least_channels = together_ns, least_channels
        self._clipped_at, self._pile_up_ns = clipped_at, pile_up_ns
        distance = None if least_distance_ns is None else least_distance_ns / period
        self._conditions: dict[str, Any] = {
            "height": least_height,
            "prominence": least_prominence,
            "width": None if least_width_ns is None else least_width_ns / period,
            "distance": distance if distance is None or times else max(1.0, distance),
            "integral_before": integral_from_ns if times else round(integral_from_ns / period),
            "integral_after": integral_to_ns if times else round(integral_to_ns / period),
        }

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> None:
        """Raise a SetupError for what the configuration cannot mean."""
        cls(**config, buffer=buffer)
        fields = np.dtype(buffer["dtype"]).names or ()
        times = config.get("times")
        if times is not None and (times not in fields or len(fields) < 2):
            raise SetupError(
                f"times is a field beside those with the waveforms; found {times!r} in"
                f" {', '.join(fields) or 'no fields'}"
            )

    @classmethod
    def hands_on(cls, *, quantities: list[Quantity] = _USUAL, **_others: Any) -> set[str]:
        """Return the names of the fields of a pulse."""
        return set(quantities)

    def __call__(self, event: NDArray[Any]) -> Any:
        """Return the pulses of an event, by channel and then by time."""
        if not event.size:  # of a buffer of variable length
            return NO_SAMPLES
        sample_times = None
        if self._times is not None:
            sample_times = event[self._times].reshape(-1)
            event = event[[name for name in event.dtype.names or () if name != self._times]]
        traces = as_traces(in_units(event, self._channels) if self._channels else event)
        samples = traces.shape[1]
        if self._level == "zero":
            levels = noise = np.zeros(len(traces))
        else:
            levels, noise = baseline(
                traces, method=self._level, end=min(self._level_samples or samples, samples)
            )
        pulses = find_pulses(
            traces, scale=self._sign, baseline=levels, sample_times=sample_times, **self._conditions
        )
        if not len(pulses):
            return NO_PULSE
        known = self._measured(traces, pulses, levels, noise, sample_times)
        kept = known["channels"] >= self._least_channels
        if not kept.any():
            return ALONE
        found = np.empty(int(kept.sum()), self._dtype)
        for name in self._quantities:
            found[name] = known[name][kept]
        return [list(found)]

    def _measured(
        self,
        traces: NDArray[Any],
        pulses: NDArray[np.void],
        levels: NDArray[np.float64],
        noise: NDArray[np.float64],
        sample_times: NDArray[np.float64] | None,
    ) -> dict[str, NDArray[Any]]:
        """Return what is asked for of each pulse."""
        channels = pulses["channel"]
        times_ns = pulses["time"] * self._period_ns
        integrals = pulses["integral"] * self._period_ns
        known = {
            "channel": channels,
            "time_ns": times_ns,
            "height": pulses["height"],
            "prominence": pulses["prominence"],
            "width_ns": pulses["width"] * self._period_ns,
            "integral": integrals,
            "charge_pC": integrals / self._impedance_ohm,
            "baseline": levels[channels],
            "noise": noise[channels],
            "is_clipped": pulses["height"] >= self._limit_above(levels[channels]),
            "is_piled_up": self._piled_up(pulses),
            "channels": multiplicity(times_ns, channels, self._together_ns)[1],
        }
        shape = {"baseline": levels[channels], "scale": self._sign}
        places = self._places(sample_times, traces.shape[1])
        at_ns = places[pulses["position"]]
        reach_ns = self._conditions["integral_before"], self._conditions["integral_after"]
        begin = np.searchsorted(places, at_ns - reach_ns[0] * self._period_ns, "left")
        tail = np.searchsorted(places, at_ns + self._tail_ns, "left")
        end = np.searchsorted(places, at_ns + reach_ns[1] * self._period_ns, "right")
        if "fraction_time_ns" in self._quantities:
            peak = pulses["position"].astype(np.int64) + 1
            time = constant_fraction_time(
                traces[channels], self._fraction, begin=begin, end=peak, **shape
            )
            known["fraction_time_ns"] = np.interp(time, np.arange(len(places)), places)
            known["fraction_time_ns"][np.isnan(time)] = np.nan
        if "tail_fraction" in self._quantities:
            known["tail_fraction"] = tail_fraction(
                traces[channels], begin=begin, tail=tail, end=end, baseline=levels[channels]
            )
        return known

    def _places(
        self, sample_times: NDArray[np.float64] | None, samples: int
    ) -> NDArray[np.float64]:
        """Return when each sample was taken, in ns."""
        if sample_times is not None:
            return sample_times
        return np.asarray(np.arange(samples) * self._period_ns, float)

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
