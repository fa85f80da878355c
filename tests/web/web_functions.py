"""Worker functions of the runs that are looked at in a browser."""

from __future__ import annotations

import time

import numpy as np

import mimocorb as mc

BEGIN = 1000
"""Sample at which the pulse begins, in every event."""
WIDTH = 500
HEIGHT_MV = 80.0


@mc.source
def rectangles(*, number_of_samples: int, pause_s: float = 0.01, channels: int = 4):
    """Make rectangular pulses, each channel a quarter lower than the one before.

    Parameters
    ----------
    pause_s
        Time between two events, in s.
    channels
        Number of channels.
    """
    random = np.random.default_rng(1)
    shape = np.zeros(number_of_samples)
    shape[BEGIN : BEGIN + WIDTH] = HEIGHT_MV
    while True:
        time.sleep(pause_s)
        yield [
            shape * (1 - channel / 4) + random.normal(0.0, 0.5, number_of_samples)
            for channel in range(channels)
        ]


@mc.filter
def decays(event, *, tau_ns: float = 200.0, seed: int = 1):
    """Keep every event, with the place of its pulse and a decay time.

    Parameters
    ----------
    tau_ns
        Mean of the decay times, in ns.
    seed
        Start of the random numbers.
    """
    above = np.flatnonzero(event["chA"] > HEIGHT_MV / 2)
    random = np.random.default_rng(seed + int(1e6 * abs(event["chB"][0])))
    return [
        event,
        {
            "chA_position": above[0],
            "chA_height": event["chA"][above].mean(),
            "time_ns": random.exponential(tau_ns),
        },
    ]


@mc.source
def hits(*, pause_s: float = 0.05):
    """Yield events of none to eight hits."""
    number = 0
    while True:
        time.sleep(pause_s)
        number += 1
        yield {"x": np.arange(number % 9), "charge": np.full(number % 9, 7.0)}


@mc.source
def two_units(*, number_of_samples: int, pre_trigger_samples: int, trigger_level_mv: float = 200.0):
    """Yield a ramp to 1000 mV, and one to 1 V, in counts."""
    assert pre_trigger_samples < number_of_samples
    assert trigger_level_mv > 0
    ramp = np.linspace(0, 1000, number_of_samples)
    while True:
        time.sleep(0.05)
        yield [ramp.astype(np.int16), (10 * ramp).astype(np.int16)]
