"""Find the muons that decay, and how long they live."""

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


@mc.sink
class MuonLifetime:
    """Measure the mean lifetime of the muons while they come.

    An exponential distribution has no memory: a muon that has lived for `shortest_ns` lives on for
    one mean lifetime more, on average. So the mean of what exceeds it is the lifetime.

    Parameters
    ----------
    shortest_ns
        Shorter decay times were not recorded, in ns.
    """

    def __init__(self, *, shortest_ns: float):
        self.shortest_ns = shortest_ns
        self.decays = 0
        self.total_ns = 0.0

    def __call__(self, events):
        """Take a batch of decays; the run ends when their number is large enough."""
        self.decays += len(events)
        self.total_ns += (events["decay_time_ns"] - self.shortest_ns).sum()
        mc.report(lifetime_us=self.lifetime_us, relative_error=self.decays**-0.5)

    @property
    def lifetime_us(self):
        """Mean lifetime so far, in µs."""
        return self.total_ns / self.decays / 1000.0

    def close(self):
        """Say what came out."""
        if self.decays:
            error_us = self.lifetime_us * self.decays**-0.5
            print(f"{self.decays} decays: lifetime {self.lifetime_us:.2f} ± {error_us:.2f} µs")
