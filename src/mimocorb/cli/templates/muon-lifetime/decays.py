"""Find the muons that decay."""

import numpy as np

import mimocorb as mc

NO_DECAY = mc.Reject("no decay")  # the summary of a run counts rejected events by reason
UNCLEAR = mc.Reject("not one electron")


@mc.filter
def double_pulse(
    event,
    *,
    threshold_mV: float,
    sample_time_ns: float,
    shortest_ns: float,
):
    """Keep muons with a second pulse: they have stopped, and their electron is seen.

    Parameters
    ----------
    threshold_mV
        A pulse begins where the signal rises above this, in mV.
    sample_time_ns
        Time between two samples, in ns.
    shortest_ns
        Pulses closer than this, in ns, cannot be told apart.
    """
    signal_mV = event["scintillator"]
    above = signal_mV > threshold_mV
    begins = np.flatnonzero(above[1:] & ~above[:-1]) + 1
    if len(begins) < 2:
        return NO_DECAY
    decay_time_ns = (begins[1] - begins[0]) * sample_time_ns
    if len(begins) > 2 or decay_time_ns < shortest_ns:
        return UNCLEAR
    return {
        "decay_time_ns": decay_time_ns,
        "electron_height_mV": signal_mV[begins[1] :].max(),
    }
