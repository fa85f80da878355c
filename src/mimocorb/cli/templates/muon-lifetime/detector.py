"""A block of scintillator that cosmic muons pass, simulated; a real one is read out here."""

import time

import numpy as np

from mimocorb import source

TRIGGER_TIME_NS = 500.0
MUON_LIFETIME_NS = 2197.0


@source
def cosmic_muons(
    *,
    number_of_samples: int,
    sample_time_ns: float,
    events: int = 5000,
    rate_hz: float = 2000.0,
    stopped_fraction: float = 0.3,
    noise_mV: float = 1.0,
    seed: int = 1,
):
    """Simulate what an oscilloscope records when a muon triggers it.

    Most muons pass. Some stop in the scintillator and decay, and their electron makes a second
    pulse.

    Parameters
    ----------
    sample_time_ns
        Time between two samples, in ns.
    events
        Number of muons to wait for.
    rate_hz
        Mean rate of muons, in Hz. A real scintillator of this size sees about 1.
    stopped_fraction
        Fraction of the muons that stop and decay.
    noise_mV
        Noise of the amplifier (root mean square), in mV.
    seed
        Start of the random numbers: the same seed gives the same muons.
    """
    random = np.random.default_rng(seed)
    time_ns = np.arange(number_of_samples) * sample_time_ns - TRIGGER_TIME_NS
    for _ in range(events):
        time.sleep(random.exponential(1.0 / rate_hz))
        waveform_mV = random.normal(0.0, noise_mV, number_of_samples)
        waveform_mV += pulse(time_ns, height_mV=random.normal(80.0, 15.0))
        if random.random() < stopped_fraction:
            decay_time_ns = random.exponential(MUON_LIFETIME_NS)
            waveform_mV += pulse(time_ns - decay_time_ns, height_mV=random.uniform(20.0, 60.0))
        yield [waveform_mV]  # one array for each channel


def pulse(time_ns, height_mV):
    """Return the pulse of a particle at time 0: it rises at once and decays with 40 ns."""
    return np.where(time_ns < 0.0, 0.0, height_mV * np.exp(-np.maximum(time_ns, 0.0) / 40.0))
