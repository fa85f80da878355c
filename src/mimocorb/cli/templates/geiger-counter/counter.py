"""A Geiger counter beside a weak radioactive source, simulated; a real one is read out here."""

import time

import numpy as np

from mimocorb import source


@source
def clicks(*, events: int = 2000, rate_hz: float = 200.0, seed: int = 1):
    """Simulate the clicks of a Geiger counter: they come at random, and know nothing of each other.

    Parameters
    ----------
    events
        Number of clicks to wait for.
    rate_hz
        Mean rate of clicks, in Hz.
    seed
        Start of the random numbers: the same seed gives the same clicks.
    """
    random = np.random.default_rng(seed)
    start_s = time.monotonic()
    time_s = 0.0
    for _ in range(events):
        time_s += random.exponential(1.0 / rate_hz)
        time.sleep(max(0.0, start_s + time_s - time.monotonic()))
        yield [time_s]  # one number for the only channel
