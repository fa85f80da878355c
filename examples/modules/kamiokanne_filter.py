"""Filter for recorded muon decays: one channel, negative pulses, two of them in an event."""

from __future__ import annotations

from mimocorb.analysis.pulses import find_pulses
from mimocorb.buffer_control import BufferToBuffer

# What became of an event; every event is accounted for.
DOUBLE_PULSE = 0
NO_PULSE_AT_TRIGGER = 1
NO_SECOND_PULSE = 2


def find_recorded_decay(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    """Read waveforms; write those with a double pulse, and one record for each event.

    The fields of the record are ``status`` (see above), ``decay_time`` in ns,
    ``number_of_pulses``, and for the first and second pulse height in mV (``_h``), position
    (``_p``) and integral in mV times samples (``_int``). What was not found is 0, a position -1.

    The keys of the configuration are explained in ``config/kamiokanne_config.yaml``.
    """
    search = RecordedDecaySearch(config_dict)

    def one_event(event):
        record = search.record(event["chA"])
        return [record["status"] == DOUBLE_PULSE, record]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=one_event, **rb_info)()


class RecordedDecaySearch:
    """The search for double pulses with the settings of one configuration."""

    def __init__(self, config):
        self.sample_time_ns = config["sample_time_ns"]
        self.trigger_position = config["pre_trigger_samples"]
        self.tolerance = config["trigger_position_tolerance"]
        self.conditions = {
            "height": config["peak_minimal_height"],
            "prominence": config["peak_minimal_prominence"],
            "distance": config["peak_minimal_distance"],
            "width": config["peak_minimal_width"],
            "baseline_samples": config["baseline_samples"],
            "scale": -1.0,  # negative pulses
        }

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
