"""Filter for recorded muon decays: one channel, negative pulses, two of them in an event."""

from __future__ import annotations

import mimocorb as mc
from mimocorb.analysis.pulses import find_pulses

# What became of an event; every event is accounted for.
DOUBLE_PULSE = 0
NO_PULSE_AT_TRIGGER = 1
NO_SECOND_PULSE = 2


@mc.filter
class RecordedDecaySearch:
    """Keep waveforms with a double pulse, and one record for each event.

    The fields of the record are ``status`` (see above), ``decay_time`` in ns,
    ``number_of_pulses``, and for the first and second pulse height in mV (``_h``), position
    (``_p``) and integral in mV times samples (``_int``). What was not found is 0, a position -1.

    Parameters
    ----------
    sample_time_ns
        Time between two samples, in ns.
    pre_trigger_samples
        Samples before the trigger.
    trigger_position_tolerance
        Samples by which the first pulse may miss the trigger.
    peak_minimal_height
        Threshold: least height of a pulse below the baseline, in mV.
    peak_minimal_prominence
        Least height of a pulse above what is beside it, in mV.
    peak_minimal_distance
        Samples between two pulses at least.
    peak_minimal_width
        Samples of a pulse at half its height, at least.
    baseline_samples
        Samples at the beginning, whose mean is the baseline.
    """

    def __init__(
        self,
        *,
        sample_time_ns: float,
        pre_trigger_samples: int,
        trigger_position_tolerance: int,
        peak_minimal_height: float,
        peak_minimal_prominence: float,
        peak_minimal_distance: int,
        peak_minimal_width: float,
        baseline_samples: int,
    ):
        self.sample_time_ns = sample_time_ns
        self.trigger_position = pre_trigger_samples
        self.tolerance = trigger_position_tolerance
        self.conditions = {
            "height": peak_minimal_height,
            "prominence": peak_minimal_prominence,
            "distance": peak_minimal_distance,
            "width": peak_minimal_width,
            "baseline_samples": baseline_samples,
            "scale": -1.0,  # negative pulses
        }

    def __call__(self, event):
        """Return what goes into the first sink, and the record for the second."""
        record = self.record(event["chA"])
        return [record["status"] == DOUBLE_PULSE, record]

    def record(self, trace):
        """Return the record of an event."""
        pulses = find_pulses(trace, **self.conditions)
        pulses = pulses[pulses["position"] > self.trigger_position - self.tolerance]
        status = self.status(pulses)
        record = {"status": status, "decay_time": 0, "number_of_pulses": len(pulses)}
        if status == DOUBLE_PULSE:
            delay = pulses["time"][1] - pulses["time"][0]
            record["decay_time"] = round(delay * self.sample_time_ns)
        for number, which in enumerate(("1st", "2nd")):
            is_there = number < len(pulses)
            record[f"{which}_chA_h"] = pulses["height"][number] if is_there else 0.0
            record[f"{which}_chA_p"] = pulses["position"][number] if is_there else -1
            record[f"{which}_chA_int"] = pulses["integral"][number] if is_there else 0.0
        return record

    def status(self, pulses):
        """Tell whether this is a double pulse that begins at the trigger."""
        if len(pulses) == 0 or pulses["position"][0] > self.trigger_position + self.tolerance:
            return NO_PULSE_AT_TRIGGER
        return DOUBLE_PULSE if len(pulses) > 1 else NO_SECOND_PULSE
