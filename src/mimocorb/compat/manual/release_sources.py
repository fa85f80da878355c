"""``pulseSimulator`` and ``parquetReader`` of release 1.0.2: sources of waveforms."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import SetupError
from mimocorb.recording.read_archive import ArchivedEvent, archived_events

__all__ = ["parquetReader", "pulseSimulator"]

_MUON_LIFETIME_NS = 2197.0
_PRECESSION_NS = 0.85 * _MUON_LIFETIME_NS
_ASYMMETRY = 0.03
_ARCHIVES = (".tar", ".gz", ".tgz", ".bz2")


def _exponential(mean: float) -> float:
    return -mean * math.log(np.random.rand() or sys.float_info.min)


class _WithBuffer:
    """A source that is told the form of its buffer after it has been made."""

    number_of_channels = 0
    number_of_values = 0
    channel_names: Sequence[str] = ()

    def init(
        self,
        number_of_channels: int | None = None,
        number_of_values: int | None = None,
        channel_names: Sequence[str] | None = None,
    ) -> None:
        """Take the form of the buffer.

        Parameters
        ----------
        number_of_channels, number_of_values
            How many arrays an event has, and how many numbers each of them.
        channel_names
            The names of the channels.
        """
        if not number_of_channels or not number_of_values:
            raise SetupError(
                f"{type(self).__name__}: init() needs the numbers of channels and of values, found"
                f" {number_of_channels!r} and {number_of_values!r}"
            )
        self.number_of_channels = number_of_channels
        self.number_of_values = number_of_values
        self.channel_names = channel_names or ()

    def _pause(self, mean_s: float, at_random: bool) -> None:
        """Wait for the next event: always the same time, or times as of independent events."""
        time.sleep(_exponential(mean_s) if at_random else mean_s)


class pulseSimulator(_WithBuffer):  # noqa: N801 - the documented name
    """Simulate pulses of cosmic muons, some of which stop in the detector and decay.

    The detector has up to four layers, one above the other, one for each channel. Each muon gives a
    pulse at the trigger position: in all layers, or, if it stops between the second and the third,
    in the first two. A stopped muon decays after an exponential time with the mean 2197 ns; the
    electron gives a second pulse in the upper two or the lower two layers. As the spin of the muons
    precesses in a magnetic field, the direction depends a little on the time.

    Parameters
    ----------
    config_dict
        ``sample_time_ns`` : float
            time between two samples, in ns.
        ``number_of_samples`` : int
            kept as attribute; the number of the buffer counts.
        ``pre_trigger_samples`` : int
            position of the first pulse.
        ``analogue_offset`` : float
            offset that is added, in V.
        ``trigger_level`` : float, optional
            least height of the first pulse in the first layer, in mV with the offset in it.
        ``pulseWindow`` : int, default 100
            length of a pulse in samples; a quarter of it is its decay time.
        ``pulseHeight`` : float or list of float, default 250.0
            mean height in mV; one of several is chosen at random.
        ``pulseSpread`` : float, default 0.3 × pulseHeight
            standard deviation of the height, in mV.
        ``prbInteraction`` : float, default 0.95
            probability that a layer sees a particle.
        ``prb2ndPulse`` : float, default 0.1
            probability that a muon stops.
        ``sleeptime`` : float, default 0.1
            time between two events, in s.
        ``random`` : bool, default False
            whether these times are random with that mean.
        ``eventcount`` : int, default 1000
            kept as attribute `events_required`, for the caller.

    Notes
    -----
    Random numbers come from NumPy's global generator, in the order of the steps that are told
    above, so that :func:`numpy.random.seed` makes the same pulses again.

    Examples
    --------
    >>> from mimocorb.pulseSimulator import pulseSimulator
    >>> config = {"sample_time_ns": 10, "number_of_samples": 400, "pre_trigger_samples": 50}
    >>> source = pulseSimulator({**config, "analogue_offset": 0.0, "sleeptime": 0.0})
    >>> source.init(4, 400, ["chA", "chB", "chC", "chD"])
    >>> source().shape
    (4, 400)
    """

    def __init__(self, config_dict: Mapping[str, Any]) -> None:
        missing = [key for key in _REQUIRED if key not in config_dict]
        if missing:
            raise SetupError(f"pulseSimulator needs {', '.join(missing)} in its configuration")
        self.number_of_samples = config_dict["number_of_samples"]
        self.sample_time_ns = config_dict["sample_time_ns"]
        self.pre_trigger_samples = config_dict["pre_trigger_samples"]
        self.analogue_offset_mv = 1000.0 * config_dict["analogue_offset"]
        level_mv = config_dict.get("trigger_level")
        self.trigger_level = 0.0 if level_mv is None else level_mv - self.analogue_offset_mv
        self.events_required = config_dict.get("eventcount", 1000)
        self.sleeptime = config_dict.get("sleeptime", 0.1)
        self.random = config_dict.get("random", False)
        self.plen = config_dict.get("pulseWindow", 100)
        self.pulse_height = np.atleast_1d(np.asarray(config_dict.get("pulseHeight", 250.0), float))
        spread_mv = config_dict.get("pulseSpread", 0.3 * self.pulse_height.mean())
        self.pulse_spread = float(spread_mv)
        self.detector_efficiency = config_dict.get("prbInteraction", 0.95)
        self.stopping_probability = config_dict.get("prb2ndPulse", 0.1)
        self.pulse_template = np.exp(-np.arange(self.plen, dtype=np.float32) / (self.plen / 4.0))

    def __call__(self) -> NDArray[np.float32]:
        """Wait for the next event; returns its samples in mV, shape (channels, values)."""
        layers, values = self.number_of_channels, self.number_of_values
        if not layers:
            raise SetupError("pulseSimulator: call init() before the first event")
        noise_mv = self.pulse_height.mean() / 30.0
        noise = noise_mv * (0.5 - np.random.rand(layers, values))
        pulses: NDArray[np.float32] = noise.astype(np.float32)
        is_stopped = np.random.rand() < self.stopping_probability
        for layer in range(min(2, layers) if is_stopped else layers):
            height_mv = self._height_mv()
            while layer == 0 and height_mv < self.trigger_level:
                height_mv = self._height_mv()
            self._add(pulses[layer], self.pre_trigger_samples, height_mv)
        if is_stopped:
            self._decay(pulses)
        pulses += self.analogue_offset_mv
        self._pause(self.sleeptime, self.random)
        return pulses

    def _decay(self, pulses: NDArray[np.float32]) -> None:
        """Add the pulses of the electron."""
        decay_ns = _exponential(_MUON_LIFETIME_NS)
        position = int(decay_ns / self.sample_time_ns) + self.pre_trigger_samples
        turned = math.cos(2.0 * math.pi * decay_ns / _PRECESSION_NS)
        is_upward = np.random.rand() < 0.5 + 0.5 * _ASYMMETRY * turned
        for pulse in pulses[:2] if is_upward else pulses[2:4]:
            self._add(pulse, position, self._height_mv())

    def _height_mv(self) -> np.float64:
        return (
            np.float64(np.random.choice(self.pulse_height)) + self.pulse_spread * np.random.normal()
        )

    def _add(self, pulse: NDArray[np.float32], position: int, height_mv: np.float64) -> None:
        """Add a pulse, if the layer sees the particle and the pulse fits in."""
        is_seen = np.random.rand() < self.detector_efficiency
        if is_seen and position + self.plen <= len(pulse):
            pulse[position : position + self.plen] += height_mv * self.pulse_template


_REQUIRED = ("sample_time_ns", "number_of_samples", "pre_trigger_samples", "analogue_offset")


class parquetReader(_WithBuffer):  # noqa: N801 - the documented name
    """Read recorded waveforms from all archives of a directory, one event after the other.

    Archives are those of ``rb_toParquetfile``: tar files of Parquet files, which may be compressed.
    They are read in the order of their names.

    Parameters
    ----------
    config_dict
        ``path`` : str
            the directory. Files that end in .tar, .gz, .tgz or .bz2 are read.
        ``number_of_samples`` : int
            kept as attribute.
        ``sleeptime`` : float, default 0.1
            time between two events, in s.
        ``random`` : bool, default False
            whether these times are random with that mean.

    Raises
    ------
    SetupError
        There is no such directory, or no archive in it.

    Examples
    --------
    A worker function calls the object for each event; None is the end::

        source = parquetReader(config_dict)
        source.init(number_of_channels, number_of_values, channel_names)
        event = source()
    """

    def __init__(self, config_dict: Mapping[str, Any] | None = None) -> None:
        config = config_dict or {}
        missing = [key for key in ("path", "number_of_samples") if key not in config]
        if missing:
            raise SetupError(f"parquetReader needs {', '.join(missing)} in its configuration")
        self.path = config["path"]
        self.number_of_samples = config["number_of_samples"]
        self.sleeptime = config.get("sleeptime", 0.1)
        self.random = config.get("random", False)
        directory = Path(self.path).expanduser()
        if not directory.is_dir():
            raise SetupError(f"parquetReader: path is {str(self.path)!r}, which is no directory")
        self.filenames = sorted(
            each for each in directory.iterdir() if each.is_file() and each.suffix in _ARCHIVES
        )
        if not self.filenames:
            raise SetupError(f"parquetReader: {directory} has no file that ends in {_ARCHIVES}")
        self._events = self._all()

    def __call__(self) -> list[Any] | None:
        """Return the next event, an array for each channel of the buffer; None at the end."""
        event = next(self._events, None)
        if event is None:
            return None
        self._pause(self.sleeptime, self.random)
        missing = [name for name in self.channel_names if name not in event.data]
        if missing:
            raise SetupError(
                f"parquetReader: {event.member} has no {', '.join(missing)}, only"
                f" {', '.join(event.data)}"
            )
        return [event.data[name] for name in self.channel_names]

    def _all(self) -> Iterator[ArchivedEvent]:
        for archive in self.filenames:
            yield from archived_events(archive)
