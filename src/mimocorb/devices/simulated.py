"""Simulated experiments: what the equipment of a student laboratory would deliver.

Each source stands for a device, with its rates, efficiencies, dead time and resolution as typed
parameters, so that the truth is known; the same seed gives the same events. The functions that make
the events (``…_times``, ``…_heights``, ``…_hits``, ``…_trace``) can be called without a run.

Events come as quickly as the set-up takes them, apart from a pause behind each block, which lets
the displays be seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.form import source
from mimocorb.errors import SetupError

__all__ = [
    "LINES_KEV",
    "detector_hits",
    "gamma_heights",
    "geiger_times",
    "simulated_detectors",
    "simulated_gammas",
    "simulated_geiger",
    "simulated_sound",
    "sound_trace",
]

Floats = NDArray[np.float64]
Nuclide = Literal["Na-22", "Cs-137", "Co-60", "background"]

ELECTRON_KEV = 510.999
LINES_KEV: Mapping[str, tuple[tuple[float, float], ...]] = {
    "Na-22": ((511.0, 0.64), (1274.54, 0.36)),
    "Cs-137": ((661.66, 1.0),),
    "Co-60": ((1173.23, 0.5), (1332.49, 0.5)),
    "background": (),
}
"""Energy and share of the lines of each source."""
_BLOCK = 1000


# --- a Geiger counter


def geiger_times(
    random: np.random.Generator, *, rate_hz: float, dead_time_us: float, duration_s: float
) -> Floats:
    """Return the times of the clicks in s: random, without those in the dead time of another one.

    Particles in the dead time do not prolong it (non-paralysable): of a rate r, r / (1 + r τ) is
    counted.
    """
    dead_s = dead_time_us * 1e-6
    gaps_s = dead_s + random.exponential(1.0 / rate_hz, int(2 * rate_hz * duration_s) + 100)
    times_s = np.cumsum(gaps_s)
    return times_s[times_s < duration_s]


@source(batch=True)
def simulated_geiger(
    *,
    rate_hz: float = 40.0,
    dead_time_us: float = 150.0,
    duration_s: float = 120.0,
    seed: int = 1,
    pause_s: float = 0.02,
) -> Iterator[Floats]:
    """Simulate a Geiger counter beside a radioactive source; an event is the time of a click, in s.

    Parameters
    ----------
    rate_hz
        Mean rate of particles that would be counted without dead time, in Hz.
    dead_time_us
        Time behind a click in which the tube sees nothing, in µs.
    duration_s
        Simulated time of the measurement, in s.
    seed
        Start of the random numbers.
    pause_s
        Real time between two blocks of clicks, in s.
    """
    _above_zero(rate_hz=rate_hz, duration_s=duration_s)
    random = np.random.default_rng(seed)
    times_s = geiger_times(
        random, rate_hz=rate_hz, dead_time_us=dead_time_us, duration_s=duration_s
    )
    yield from _blocks(times_s, 100, pause_s)


# --- a scintillator with a multichannel analyser


def gamma_heights(
    random: np.random.Generator,
    nuclide: str,
    count: int,
    *,
    keV_per_channel: float,  # noqa: N803 - the unit
    offset_keV: float,  # noqa: N803
    resolution: float,
    peak_fraction: float,
) -> NDArray[np.int32]:
    """Return pulse heights in channels: peaks, Compton continua, and a falling background."""
    lines = LINES_KEV[nuclide]
    energies = random.exponential(250.0, count)
    if lines:
        shares = np.cumsum([share for _, share in lines])
        which = np.searchsorted(shares / shares[-1], random.random(count))
        line = np.array([energy for energy, _ in lines])[np.minimum(which, len(lines) - 1)]
        edge = 2 * line**2 / (ELECTRON_KEV + 2 * line)
        kind = random.random(count)
        energies = np.where(kind < 0.95, random.random(count) * edge, energies)
        energies = np.where(kind < peak_fraction, line, energies)
    sigma = resolution / 2.3548 * np.sqrt(661.66 * np.maximum(energies, 1.0))
    measured = random.normal(energies, sigma)
    channels = np.floor((measured - offset_keV) / keV_per_channel)
    return channels[channels >= 0].astype(np.int32)


@source(batch=True)
def simulated_gammas(
    *,
    nuclides: list[Nuclide],
    events: int = 60_000,
    keV_per_channel: float = 1.6,  # noqa: N803
    offset_keV: float = -12.0,  # noqa: N803
    resolution: float = 0.07,
    peak_fraction: float = 0.3,
    seed: int = 1,
    pause_s: float = 0.05,
) -> Iterator[NDArray[np.int32]]:
    """Simulate a scintillator with a multichannel analyser; an event is a pulse height.

    Parameters
    ----------
    nuclides
        What lies before the detector; each gives the same number of gammas.
    events
        Number of pulses.
    keV_per_channel, offset_keV
        Of the amplifier: channel 0 begins at the offset. To be found by calibration.
    resolution
        FWHM of a peak at 662 keV, relative; it goes with the root of the energy.
    peak_fraction
        Part of the gammas that leave all their energy; most others make the Compton continuum.
    seed
        Start of the random numbers.
    pause_s
        Real time between two blocks, in s.
    """
    if not nuclides:
        raise SetupError("nuclides names at least one of " + ", ".join(LINES_KEV))
    random = np.random.default_rng(seed)
    each = [
        gamma_heights(
            random,
            name,
            events // len(nuclides),
            keV_per_channel=keV_per_channel,
            offset_keV=offset_keV,
            resolution=resolution,
            peak_fraction=peak_fraction,
        )
        for name in nuclides
    ]
    yield from _blocks(random.permutation(np.concatenate(each)), _BLOCK, pause_s)


# --- two detectors behind each other

HIT_DTYPE = np.dtype([("detector", np.int32), ("time_ns", np.int64)])


def detector_hits(
    random: np.random.Generator,
    *,
    rate_hz: float,
    efficiencies: tuple[float, float],
    noise_hz: tuple[float, float],
    jitter_ns: float,
    flight_ns: float,
    duration_s: float,
) -> NDArray[Any]:
    """Return the hits of two detectors in the order of their times, on one clock."""
    span_ns = duration_s * 1e9
    particles = np.sort(random.random(random.poisson(rate_hz * duration_s))) * span_ns
    found = []
    for number, (efficiency, noise) in enumerate(zip(efficiencies, noise_hz, strict=True)):
        seen = particles[random.random(len(particles)) < efficiency] + number * flight_ns
        seen = seen + random.normal(0.0, jitter_ns, len(seen))
        dark = random.random(random.poisson(noise * duration_s)) * span_ns
        times = np.round(np.concatenate([seen, dark])).astype(np.int64)
        hits = np.empty(len(times), HIT_DTYPE)
        hits["detector"], hits["time_ns"] = number + 1, times
        found.append(hits)
    every = np.concatenate(found)
    return every[np.argsort(every["time_ns"], kind="stable")]


@source(batch=True)
def simulated_detectors(
    *,
    rate_hz: float = 60.0,
    efficiency_1: float = 0.92,
    efficiency_2: float = 0.85,
    noise_1_hz: float = 40.0,
    noise_2_hz: float = 25.0,
    jitter_ns: float = 8.0,
    flight_ns: float = 3.0,
    duration_s: float = 300.0,
    seed: int = 1,
    pause_s: float = 0.05,
) -> Iterator[NDArray[Any]]:
    """Simulate two detectors behind each other; an event is a hit: ``detector``, ``time_ns``.

    Parameters
    ----------
    rate_hz
        Mean rate of particles that pass through both, in Hz.
    efficiency_1, efficiency_2
        Part of the particles that each detector sees.
    noise_1_hz, noise_2_hz
        Mean rate of hits without a particle in each detector, in Hz.
    jitter_ns
        Spread of the time of a hit, in ns.
    flight_ns
        Time from the first detector to the second one, in ns.
    duration_s
        Simulated time of the measurement, in s.
    seed
        Start of the random numbers.
    pause_s
        Real time between two blocks, in s.
    """
    _above_zero(duration_s=duration_s)
    for each in (efficiency_1, efficiency_2):
        if not 0 <= each <= 1:
            raise SetupError(f"an efficiency is from 0 to 1; found {each}")
    hits = detector_hits(
        np.random.default_rng(seed),
        rate_hz=rate_hz,
        efficiencies=(efficiency_1, efficiency_2),
        noise_hz=(noise_1_hz, noise_2_hz),
        jitter_ns=jitter_ns,
        flight_ns=flight_ns,
        duration_s=duration_s,
    )
    yield from _blocks(hits, _BLOCK, pause_s)


# --- pulses at the input of a sound card


def sound_trace(
    random: np.random.Generator,
    samples: int,
    *,
    sample_rate_hz: float,
    rate_hz: float,
    noise: float,
) -> NDArray[np.float32]:
    """Return what a sound card records of a detector: random pulses that ring, and noise.

    The full scale is 1. A pulse rises at once, falls within 0.3 ms, and undershoots, as the input
    of a sound card lets no constant voltage pass.
    """
    trace = random.normal(0.0, noise, samples)
    length = int(3e-3 * sample_rate_hz)
    age_s = np.arange(length) / sample_rate_hz
    shape = np.exp(-age_s / 0.3e-3) - 0.2 * np.exp(-age_s / 1.2e-3)
    shape /= shape.max()
    for start in np.flatnonzero(random.random(samples) < rate_hz / sample_rate_hz).tolist():
        part = min(length, samples - start)
        trace[start : start + part] += random.uniform(0.25, 0.6) * shape[:part]
    return np.clip(trace, -1.0, 1.0).astype(np.float32)


@source
def simulated_sound(
    *,
    number_of_samples: int,
    rate_hz: float = 20.0,
    sample_rate_hz: float = 48_000.0,
    duration_s: float = 60.0,
    noise: float = 0.01,
    seed: int = 1,
    pause_s: float = 0.003,
) -> Iterator[list[NDArray[np.float32]]]:
    """Simulate a detector at the input of a sound card; an event is a piece of the recording.

    The pieces follow each other without a gap; the full scale is 1.

    Parameters
    ----------
    rate_hz
        Mean rate of pulses, in Hz.
    sample_rate_hz
        Samples per second, in Hz.
    duration_s
        Simulated time of the measurement, in s.
    noise
        Noise (root mean square), of a full scale of 1.
    seed
        Start of the random numbers.
    pause_s
        Real time between two pieces, in s.
    """
    _above_zero(sample_rate_hz=sample_rate_hz, duration_s=duration_s)
    random = np.random.default_rng(seed)
    pieces = int(duration_s * sample_rate_hz / number_of_samples)
    trace = sound_trace(
        random,
        pieces * number_of_samples,
        sample_rate_hz=sample_rate_hz,
        rate_hz=rate_hz,
        noise=noise,
    )
    for piece in trace.reshape(pieces, number_of_samples):
        yield [piece]
        time.sleep(pause_s)


def _blocks(events: NDArray[Any], count: int, pause_s: float) -> Iterator[NDArray[Any]]:
    """Yield blocks of events of one value each, with a pause behind each block."""
    for start in range(0, len(events), count):
        yield events[start : start + count, np.newaxis]
        time.sleep(pause_s)


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise SetupError(f"{name} is above 0; found {value:g}")
