"""Filter for double pulses: a muon stops, and some time later its electron is seen.

The search for one event, step by step:

1. find all pulses in all channels;
2. those at the trigger are the first pulses, those at one later time are the second pulses; an
   event with further pulses is rejected, wherever they are: a decay is then lost or kept
   independent of when it happened, and the measured lifetime stays right;
3. compare the pattern of channels with the start and stop signatures;
4. the decay time is the time between first and second pulses.

The summary of the run counts the rejected events by the step at which they were rejected.
"""

from __future__ import annotations

import numpy as np

from mimocorb import Reject
from mimocorb.analysis.pulses import find_pulses
from mimocorb.buffer_control import BufferToBuffer

NO_PULSE_AT_TRIGGER = Reject("no pulse at the trigger")
NO_SECOND_PULSE = Reject("no second pulse")
FURTHER_PULSE = Reject("a further pulse")
OTHER_SIGNATURE = Reject("another signature")


def calculate_decay_time(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    """Read waveforms; write those with a double pulse, and the parameters of its pulses.

    The sinks are a buffer like the source for the waveforms, and a buffer for one record with the
    fields ``decay_time`` in ns and, for the first and second pulse in channel X,

    ``1st_chX_h``, ``2nd_chX_h``
        height above the offset in mV, 0 without pulse;
    ``1st_chX_p``, ``2nd_chX_p``
        position of the highest sample, -1 without pulse;
    ``1st_chX_int``, ``2nd_chX_int``
        integral in mV times samples, 0 without pulse.

    Keys of the configuration, explained in ``config/simulation_config.yaml``:

    ``sample_time_ns``, ``analogue_offset`` : float
        Of the digitiser; the offset in V.
    ``pre_trigger_samples``, ``trigger_position_tolerance`` : int
        Where the first pulses are, in samples.
    ``peak_minimal_prominence_initial``, ``peak_minimal_prominence_secondary`` : float
        Of first and second pulses, in mV.
    ``peak_minimal_distance``, ``peak_minimal_width`` : int
        Of pulses, in samples.
    ``chA_scaling``, ``chB_scaling``, ``chC_scaling``, ``chD_scaling`` : float, default 1.0
        Factor for the heights in a channel.
    ``signatures`` : list
        Pairs of patterns of channels.
    """
    search = DoublePulseSearch(config_dict, source_list[0]["dtype"].names)
    BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, filter=search.double_pulse, **rb_info
    )()


class DoublePulseSearch:
    """The search for double pulses with the settings of one configuration."""

    def __init__(self, config, channels):
        self.channels = channels
        self.sample_time_ns = config["sample_time_ns"]
        self.trigger_position = config["pre_trigger_samples"]
        self.tolerance = config["trigger_position_tolerance"]
        self.first_prominence = config["peak_minimal_prominence_initial"]
        self.signatures = config["signatures"]
        self.conditions = {
            "prominence": config["peak_minimal_prominence_secondary"],
            "distance": config["peak_minimal_distance"],
            "width": config["peak_minimal_width"],
            "scale": [config.get(f"{channel}_scaling", 1.0) for channel in channels],
            "baseline": 1e3 * config["analogue_offset"],  # V to mV
        }

    def double_pulse(self, event):
        """Return the record of a double pulse, or why the event is rejected."""
        pulses = find_pulses(event, **self.conditions)
        delay = pulses["position"] - self.trigger_position
        is_first = np.abs(delay) <= self.tolerance
        first, later = pulses[is_first], pulses[~is_first]
        if len(first) == 0:
            return NO_PULSE_AT_TRIGGER
        if len(later) == 0:
            return NO_SECOND_PULSE
        if delay.min() < -self.tolerance or np.ptp(later["position"]) > self.tolerance:
            return FURTHER_PULSE
        if not self.has_signature(first, later):
            return OTHER_SIGNATURE
        return [self.record(first, later)]

    def has_signature(self, first, second):
        """Tell whether first and second pulses are in the channels of one of the signatures."""
        start = self.pattern(first, self.first_prominence)
        stop = self.pattern(second, self.conditions["prominence"])
        return any(
            matches(start, start_signature) and matches(stop, stop_signature)
            for start_signature, stop_signature in self.signatures
        )

    def pattern(self, pulses, needed_prominence):
        """Return "+" for each channel with a pulse, "-" without, "?" if it is too small."""
        pattern = ["-"] * len(self.channels)
        for pulse in pulses:
            pattern[pulse["channel"]] = "+" if pulse["prominence"] >= needed_prominence else "?"
        return pattern

    def record(self, first, second):
        """Return what is written about a double pulse."""
        delay = second["time"].mean() - first["time"].mean()
        record = {"decay_time": round(delay * self.sample_time_ns)}
        for which, pulses in (("1st", first), ("2nd", second)):
            for channel in self.channels:
                record[f"{which}_{channel}_h"] = 0.0
                record[f"{which}_{channel}_p"] = -1
                record[f"{which}_{channel}_int"] = 0.0
            for pulse in pulses:
                channel = self.channels[pulse["channel"]]
                record[f"{which}_{channel}_h"] = pulse["height"]
                record[f"{which}_{channel}_p"] = pulse["position"]
                record[f"{which}_{channel}_int"] = pulse["integral"]
        return record


def matches(pattern, signature):
    """Compare channel by channel: "+" and "-" must agree, "0" in the signature allows both."""
    return all(wanted in ("0", found) for found, wanted in zip(pattern, signature, strict=True))
