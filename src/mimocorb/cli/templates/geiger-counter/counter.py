"""A Geiger counter beside a weak radioactive source, simulated; a real one is read out here."""

import time

import numpy as np

import mimocorb as mc


@mc.source
def clicks(*, events: int = 2000, rate_hz: float = 200.0, seed: int = 1):
    """Simulate the clicks of a Geiger counter: they come at random, and know nothing of each other.

    A click that comes while another one is handed over is missed. The clock of the counter stands
    still meanwhile: it counts live time. So its rate is that of the source, and needs no further
    correction; mimocorb measures the live time as well, and the rate in the summary agrees.

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
    clock_s = 0.0
    started_s = time.monotonic()  # when the clock would have started without standing still
    for _ in range(events):
        clock_s += random.exponential(1.0 / rate_hz)
        time.sleep(max(0.0, started_s + clock_s - time.monotonic()))
        click_s = time.monotonic()
        yield [clock_s]  # one number for the only channel
        started_s += time.monotonic() - click_s
