"""A simulated detector for cosmic muons that stop and decay.

::

    muon         ─┬─────────  chA
                  │ ────────  chB      the trigger asks for a muon in chA and chB
               ▒▒▒│▒▒▒▒▒▒▒▒▒  absorber: here some muons stop, wait, and decay; the electron
                  │ ────────  chC      leaves upwards (chB, perhaps chA) or downwards
                  ▼ ────────  chD      (chC, perhaps chD)

Every particle gives a pulse of the same shape at the same time in each layer that it hits; only
the heights differ. Heights are zero in layers that were not hit, so an event is described by a few
numbers: when its particles came and how high their pulses are. :meth:`MuonDetector.truth` draws
these numbers for a thousand events at once, and :meth:`MuonDetector.waveform` makes a waveform of
one of them: it copies a stretch of prepared noise and adds the pulses.

Everything random follows from ``random_seed``: the same settings give the same events again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS = 4
BLOCK = 1000  # events whose truth is drawn at once
PHASES = 16  # pulses begin at a sixteenth of a sample

#: What happened in an event, before noise and digitiser.
TRUTH_DTYPE = np.dtype(
    [
        ("trigger_phase", "f4"),  # arrival of the muon after the trigger sample, in samples
        ("muon_heights", "f4", LAYERS),  # mV
        ("is_stopped", "?"),  # the muon stopped and decayed
        ("decay_time_ns", "f8"),  # after the muon; 0 for muons that do not stop
        ("electron_heights", "f4", LAYERS),  # mV; all zero if the electron is not seen
        ("accidental_time_ns", "f8"),  # after the muon; may be negative
        ("accidental_heights", "f4", LAYERS),  # mV; all zero if there is none
    ]
)


@dataclass(frozen=True)
class DetectorSettings:
    """The detector, its digitiser and the particles. The names are those of the configuration."""

    # digitiser
    number_of_samples: int = 4250
    sample_time_ns: float = 4.0
    pre_trigger_samples: int = 500
    analogue_offset: float = -0.48  # V, level of the trace without pulses
    channel_range: float = 500.0  # mV, the digitiser covers -channel_range to +channel_range
    digitiser_bits: int = 8
    noise: float = 3.0  # mV, root mean square
    # pulses
    rise_time_ns: float = 8.0
    decay_constant_ns: float = 60.0
    muon_height: float = 160.0  # mV, most probable
    electron_height: float = 120.0  # mV, mean
    # particles
    stopping_probability: float = 0.1
    muon_lifetime_us: float = 2.197
    electron_escape_probability: float = 0.8  # the electron leaves the absorber
    electron_up_probability: float = 0.5
    second_layer_probability: float = 0.6  # the electron reaches the next layer as well
    chC_probability: float = 0.9  # a muon that does not stop hits chC  # noqa: N815
    chD_probability: float = 0.7  # and then chD  # noqa: N815
    accidental_rate_hz: float = 1000.0  # pulses without a muon, in each layer
    random_seed: int = 1

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DetectorSettings:
        """Take from a configuration what belongs to the detector."""
        return cls(
            **{field.name: config[field.name] for field in fields(cls) if field.name in config}
        )


class MuonDetector:
    """Simulates events; see the top of this file."""

    def __init__(self, settings: DetectorSettings) -> None:
        self.settings = settings
        self.step_mv = 2 * settings.channel_range / 2**settings.digitiser_bits
        truth_seed, noise_seed = np.random.SeedSequence(settings.random_seed).spawn(2)
        self._truth_seed = truth_seed
        self._noise_rng = np.random.default_rng(noise_seed)
        self._noise = self._prepared_noise()
        self._pulse_shapes = pulse_shapes(settings)

    def events(self) -> Iterator[NDArray[np.float64]]:
        """Yield waveforms without end: mV, shape (samples, layers), always in the same array.

        The samples of the layers are interleaved, as in the slot of a buffer.
        """
        waveform = np.empty((self.settings.number_of_samples, LAYERS))
        for block in self._truth_blocks():
            for truth in block:
                self.waveform(truth, out=waveform)
                yield waveform

    def truth(self, number_of_events: int) -> NDArray[np.void]:
        """Return what happened in the first events: the numbers that events() begins with."""
        blocks = self._truth_blocks()
        needed = [next(blocks) for _ in range(0, number_of_events, BLOCK)]
        return np.concatenate([np.empty(0, TRUTH_DTYPE), *needed])[:number_of_events]

    def waveform(self, truth: np.void, out: NDArray[np.float64]) -> None:
        """Write the waveform of one event into `out`, shape (samples, layers)."""
        settings = self.settings
        start = self._noise_rng.integers(len(self._noise) - len(out))
        out[:] = self._noise[start : start + len(out)]
        arrival = settings.pre_trigger_samples + truth["trigger_phase"]
        self._add_pulses(out, arrival, truth["muon_heights"])
        for particle in ("electron", "accidental"):
            heights = truth[f"{particle}_heights"]
            if heights.any():
                delay_ns = truth[
                    "decay_time_ns" if particle == "electron" else "accidental_time_ns"
                ]
                self._add_pulses(out, arrival + delay_ns / settings.sample_time_ns, heights)

    def _add_pulses(
        self, out: NDArray[np.float64], position: float, heights: NDArray[np.float32]
    ) -> None:
        """Add one pulse per layer, rounded to the steps of the digitiser, at a sample position."""
        first = int(position)
        shape = self._pulse_shapes[int((position - first) * PHASES)]
        window = out[first : first + len(shape)]
        steps = np.rint(shape[: len(window)] * (heights / self.step_mv))
        window += steps * self.step_mv

    def _prepared_noise(self) -> NDArray[np.float64]:
        """Return digitised noise around the offset: far longer than an event, cut anywhere."""
        settings = self.settings
        size = (40 * settings.number_of_samples, LAYERS)
        noise_mv = self._noise_rng.normal(settings.analogue_offset * 1e3, settings.noise, size)
        return np.rint(noise_mv / self.step_mv) * self.step_mv

    def _truth_blocks(self) -> Iterator[NDArray[np.void]]:
        rng = np.random.default_rng(self._truth_seed)
        while True:
            yield draw_truth(rng, BLOCK, self.settings)


def pulse_shapes(settings: DetectorSettings) -> NDArray[np.float64]:
    """Return the pulse of height 1 for each phase within a sample: (phases, samples, 1).

    The shape is exp(-t / decay) - exp(-t / rise), divided by its maximum.
    """
    rise, decay = settings.rise_time_ns, settings.decay_constant_ns
    samples = int(np.ceil(7 * decay / settings.sample_time_ns))
    phase = np.arange(PHASES)[:, np.newaxis] / PHASES
    t_ns = np.maximum((np.arange(samples) - phase) * settings.sample_time_ns, 0.0)
    maximum_at_ns = rise * decay / (decay - rise) * np.log(decay / rise)
    maximum = np.exp(-maximum_at_ns / decay) - np.exp(-maximum_at_ns / rise)
    return ((np.exp(-t_ns / decay) - np.exp(-t_ns / rise)) / maximum)[:, :, np.newaxis]


def draw_truth(
    rng: np.random.Generator, number_of_events: int, settings: DetectorSettings
) -> NDArray[np.void]:
    """Draw what happens in some events."""
    truth = np.zeros(number_of_events, TRUTH_DTYPE)
    truth["trigger_phase"] = rng.random(number_of_events, np.float32)
    is_stopped = rng.random(number_of_events) < settings.stopping_probability
    truth["is_stopped"] = is_stopped
    lifetime_ns = settings.muon_lifetime_us * 1e3
    truth["decay_time_ns"] = is_stopped * rng.exponential(lifetime_ns, number_of_events)
    _draw_muons(rng, truth, settings)
    _draw_electrons(rng, truth, settings)
    _draw_accidentals(rng, truth, settings)
    _forget_what_is_outside(truth, settings)
    return truth


def _draw_muons(
    rng: np.random.Generator, truth: NDArray[np.void], settings: DetectorSettings
) -> None:
    """Fast muons lose energy with a long tail upwards; -ln(z**2) follows Moyal's distribution."""
    tail = -np.log(rng.normal(size=(len(truth), LAYERS)) ** 2)
    heights = settings.muon_height * (1.0 + 0.1 * tail)
    goes_on = ~truth["is_stopped"]
    hits_c = goes_on & (rng.random(len(truth)) < settings.chC_probability)
    hits_d = hits_c & (rng.random(len(truth)) < settings.chD_probability)
    always = np.ones(len(truth), bool)
    truth["muon_heights"] = heights * np.stack([always, always, hits_c, hits_d], axis=1)


def _draw_electrons(
    rng: np.random.Generator, truth: NDArray[np.void], settings: DetectorSettings
) -> None:
    """Electrons have any energy up to 53 MeV: their heights vary more than those of muons."""
    size = len(truth)
    heights = rng.gamma(4.0, settings.electron_height / 4.0, (size, LAYERS))
    is_seen = truth["is_stopped"] & (rng.random(size) < settings.electron_escape_probability)
    goes_up = is_seen & (rng.random(size) < settings.electron_up_probability)
    goes_down = is_seen & ~goes_up
    goes_on = rng.random(size) < settings.second_layer_probability
    layers = np.stack([goes_up & goes_on, goes_up, goes_down, goes_down & goes_on], axis=1)
    truth["electron_heights"] = heights * layers


def _draw_accidentals(
    rng: np.random.Generator, truth: NDArray[np.void], settings: DetectorSettings
) -> None:
    """At most one accidental pulse per event, in one layer; two are too rare to matter."""
    size = len(truth)
    window_ns = settings.number_of_samples * settings.sample_time_ns
    expected = settings.accidental_rate_hz * LAYERS * window_ns * 1e-9
    happens = rng.random(size) < 1.0 - np.exp(-expected)
    layer = rng.integers(LAYERS, size=size)
    heights = rng.gamma(4.0, settings.electron_height / 4.0, size) * happens
    truth["accidental_heights"][np.arange(size), layer] = heights
    before_ns = settings.pre_trigger_samples * settings.sample_time_ns
    truth["accidental_time_ns"] = rng.uniform(-before_ns, window_ns - before_ns, size) * happens


def _forget_what_is_outside(truth: NDArray[np.void], settings: DetectorSettings) -> None:
    """Take away pulses beyond the end of the recorded window: they are not in the data."""
    last_sample = settings.number_of_samples - settings.pre_trigger_samples - 2
    last_ns = last_sample * settings.sample_time_ns
    for particle, time in (("electron", "decay_time_ns"), ("accidental", "accidental_time_ns")):
        truth[f"{particle}_heights"][truth[time] > last_ns] = 0.0
