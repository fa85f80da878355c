"""A block of scintillator that cosmic muons pass, simulated; a real one is read out here."""

import time

import numpy as np

import mimocorb as mc

TRIGGER_TIME_NS = 500.0
MUON_LIFETIME_NS = 2197.0


@mc.source
def cosmic_muons(
    *,
    number_of_samples: int,
    sample_time_ns: float,
    events: int = 5000,
    rate_hz: float = 250.0,
    stopped_fraction: float = 0.7,
    noise_mV: float = 1.0,
    seed: int = 1,
):
    """Simulate what an oscilloscope records when a muon triggers it.

    Some muons pass. Others stop in the scintillator and decay, and their electron makes a second
    pulse.

    Parameters
    ----------
    sample_time_ns
        Time between two samples, in ns.
    events
        Number of muons to record.
    rate_hz
        Mean rate of muons, in Hz. A real scintillator of this size sees about one in a second.
    stopped_fraction
        Fraction of the muons that stop and decay; in reality few do.
    noise_mV
        Noise of the amplifier (root mean square), in mV.
    seed
        Start of the random numbers: the same seed gives the same muons.
    """
    random = np.random.default_rng(seed)
    time_ns = np.arange(number_of_samples) * sample_time_ns
    for _ in zip(range(events), triggers(random, rate_hz), strict=False):
        with mc.reading_out():  # no other muon can be recorded meanwhile: this is dead time
            signal_mV = muon(random, time_ns, stopped_fraction)
            signal_mV += random.normal(0.0, noise_mV, number_of_samples)
        yield [signal_mV]  # one array for each channel


def triggers(random, rate_hz):
    """Wait for one muon after the other. Those that come during a readout are missed.

    A muon knows nothing of the one before. So the waiting goes on after a readout where it was, as
    if no time had passed; and what the system wakes up too late comes off the next wait.
    """
    arrival_s = time.monotonic()
    while True:
        arrival_s += random.exponential(1.0 / rate_hz)
        time.sleep(max(0.0, arrival_s - time.monotonic()))
        readout_s = time.monotonic()
        yield
        arrival_s += time.monotonic() - readout_s


def muon(random, time_ns, stopped_fraction):
    """Return the signal of one muon in mV, with that of its electron if it stops."""
    signal_mV = pulse(time_ns - TRIGGER_TIME_NS, height_mV=random.normal(80.0, 15.0))
    if random.random() < stopped_fraction:
        decay_ns = TRIGGER_TIME_NS + random.exponential(MUON_LIFETIME_NS)
        signal_mV += pulse(time_ns - decay_ns, height_mV=random.uniform(20.0, 60.0))
    return signal_mV


def pulse(time_ns, height_mV):
    """Return the pulse of a particle at time 0: it rises at once and decays with 40 ns."""
    return np.where(time_ns < 0.0, 0.0, height_mV * np.exp(-np.maximum(time_ns, 0.0) / 40.0))
