"""Waveforms for simulated oscilloscopes: pulses on noise, each another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["pulses"]


def pulses(
    inputs: int, samples: int, before: int, height_mv: float = 800.0, seed: int = 1
) -> Iterator[NDArray[np.float64]]:
    """Yield the voltages of events, in mV, of shape (inputs, samples): a pulse at the trigger.

    Parameters
    ----------
    inputs, samples
        Of an event.
    before
        Samples before the pulse.
    height_mv
        Mean height of the pulses of the first input; others have half of that of the one before.
    seed
        Start of the random numbers.
    """
    random = np.random.default_rng(seed)
    after = np.maximum(np.arange(samples) - before, 0.0)
    shape = (1 - np.exp(-after / 2)) * np.exp(-after / (0.1 * samples))
    share: Sequence[float] = [0.5**number for number in range(inputs)]
    while True:
        height = height_mv * random.uniform(0.7, 1.3)
        noise = random.normal(0.0, 0.01 * height_mv, (inputs, samples))
        yield height * np.outer(share, shape) + noise
