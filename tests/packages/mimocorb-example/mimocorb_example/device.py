"""A device: a generator of square waves."""

import time

import numpy as np

from mimocorb import source


@source
def square_wave(
    *, number_of_samples: int, events: int = 10, height_mV: float = 5.0, rate_hz: float = 0.0
):
    """Deliver square waves, as a function generator does.

    Parameters
    ----------
    events
        How many.
    height_mV
        Height of the upper level.
    rate_hz
        Mean rate; 0 for as fast as the buffer takes them.
    """
    wave = np.zeros(number_of_samples)
    wave[number_of_samples // 2 :] = height_mV
    for _ in range(events):
        if rate_hz > 0:
            time.sleep(1 / rate_hz)
        yield wave
