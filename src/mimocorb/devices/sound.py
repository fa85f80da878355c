"""Pulses at the microphone or line input of a sound card.

What it is: the cheapest digitiser: 16 bits at 44100 to 192000 samples per second, for Geiger
counters and detectors with audio output, photodiodes, pendulums and light barriers. A sound card
lets nothing below some 10 Hz through, and its counts are not calibrated.

How to connect it: the signal, attenuated to less than 1 V, to the line or microphone input; switch
off what the mixer offers as boost and automatic gain. ``mimocorb devices`` lists the inputs. Your
user has to be in the group ``audio``, unless a sound server gives access. Needs PortAudio
(``sudo apt install libportaudio2``).

What an event is depends on the buffer. With several values in an event (``data_length``), it is the
waveform around the pulse, one field for each channel. With one value, it has any of ``height``,
largest count of the pulse, and ``time_s`` since the start. With `gate_s` it has any of ``count``,
the number of pulses in the gate, and ``time_s`` of its begin. The metadata have the time in ns by
the clock of the sound card.

Dead time: none while samples come. Pulses that begin within the waveform of the one before are part
of that one: ``deadtime`` is the part of such a waveform in the time since the event before. If the
computer comes too late for a block of samples, it is lost, and the run tells so.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.components.form import source
from mimocorb.components.meter import reading_out
from mimocorb.components.reporting import report
from mimocorb.devices.about import device, import_driver
from mimocorb.devices.allowed import check_choice, check_range
from mimocorb.devices.connection import POLL_S, check_times, keep_connected
from mimocorb.errors import SetupError

__all__ = ["PulseFinder", "sound"]

logger = logging.getLogger(__name__)

RATES_HZ = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)
FULL_SCALE = 32767
_BLOCK = 512
_STOPPED_S = 2.0
"""A sound card whose samples do not come for so long has stopped."""

Samples = NDArray[np.int16]
Found = tuple[int, Samples | None]
"""Number of the first sample above the threshold, and the pulse; None: how late it is, only."""


def _check(
    buffer: Mapping[str, Any],
    *,
    device: str,
    sampling_rate_hz: int,
    threshold: int,
    channels: int,
    trigger_channel: int,
    before_samples: int,
    pulse_samples: int,
    gate_s: float | None,
    timeout_s: float | None,
    give_up_s: float | None,
    **_others: Any,
) -> None:
    check_range("threshold", threshold, 1, FULL_SCALE, "counts")
    check_range("channels", channels, 1, 32)
    check_range("trigger_channel", trigger_channel, 1, channels)
    check_times(timeout_s, give_up_s)
    length = _length_of(buffer, pulse_samples)
    check_range("before_samples", before_samples, 0, length - 1, "samples")
    names = buffer["dtype"].names or ("value",)
    if gate_s is not None:
        check_range("gate_s", gate_s, 0.001, 3600.0, "s")
        _check_names(buffer, names, ("count", "time_s"), "a gate")
    elif buffer["values_per_slot"] == 1:
        _check_names(buffer, names, ("height", "time_s"), "a pulse")
    elif len(names) != channels:
        raise SetupError(
            f"a waveform has one field for each of the {how_many(channels, 'channel')}; the buffer"
            f" {buffer['name']} has {', '.join(names)}"
        )
    _check_card(device, sampling_rate_hz, channels)


def _check_names(
    buffer: Mapping[str, Any], names: Sequence[str], possible: Sequence[str], what: str
) -> None:
    unknown = [name for name in names if name not in possible]
    if unknown or buffer["values_per_slot"] != 1:
        raise SetupError(
            f"{what} has {' and '.join(possible)}, one value each; the buffer {buffer['name']} has"
            f" {buffer['values_per_slot']} of {', '.join(names)}"
        )


def _check_card(name: str, rate_hz: int, channels: int) -> None:
    """Ask the card whether it can do this, and else what it can."""
    sounddevice = import_driver("sounddevice", "sound")
    try:
        card = sounddevice.query_devices(name or None, "input")
    except (ValueError, sounddevice.PortAudioError) as error:
        inputs = [
            each["name"] for each in sounddevice.query_devices() if each["max_input_channels"]
        ]
        found = ", ".join(inputs) or "none"
        raise SetupError(f"device: no sound input {name!r} ({error}); found: {found}") from error
    check_range("channels", channels, 1, card["max_input_channels"])

    def is_possible(rate: int) -> bool:
        try:
            sounddevice.check_input_settings(name or None, channels, "int16", samplerate=rate)
        except sounddevice.PortAudioError:
            return False
        return True

    if not is_possible(rate_hz):
        possible = [rate for rate in RATES_HZ if is_possible(rate)]
        if not possible:
            raise SetupError(f"device: {card['name']} takes no samples of 16 bits; is it in use?")
        check_choice("sampling_rate_hz", rate_hz, possible, "Hz")


@device(
    needs=("sounddevice",),
    extra="sound",
    found_as="sound",
    libraries={"portaudio": "sudo apt install libportaudio2"},
    check=_check,
    reports=("blocks_lost",),
)
@source
def sound(
    *,
    buffer: Mapping[str, Any],
    threshold: int,
    device: str = "",
    sampling_rate_hz: int = 48000,
    polarity: Literal["positive", "negative"] = "positive",
    channels: int = 1,
    trigger_channel: int = 1,
    before_samples: int = 20,
    pulse_samples: int = 100,
    gate_s: float | None = None,
    timeout_s: float | None = None,
    give_up_s: float | None = None,
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Find pulses in what comes in at a sound card: waveforms, heights, or counts in gates.

    Parameters
    ----------
    buffer
        Given by mimocorb.
    threshold
        A pulse begins where the signal rises above it, in counts, 1 to 32767.
    device
        Name of the input, or a part of it. Default: the input that the system has chosen.
    sampling_rate_hz
        Samples per second, in Hz: what the card can do, usually 44100 or 48000.
    polarity
        Whether pulses go up or down.
    channels
        How many channels are taken: 1 mono, 2 stereo.
    trigger_channel
        The channel in which pulses are looked for, from 1.
    before_samples
        So many samples of a waveform lie before its pulse, in samples.
    pulse_samples
        Length of a pulse where the event is not a waveform, in samples; nothing new begins in it.
    gate_s
        Length of a gate, in s, 0.001 to 3600. Default: each pulse is an event.
    timeout_s
        The card is opened anew, and counts as lost, if no pulse comes for so long, in s, from 0.1
        on. Default: it may be quiet for ever.
    give_up_s
        The run fails if a lost card does not come back within this time, in s, from 0.1 on.
        Default: it is waited for.

    Raises
    ------
    DeviceLost
        It is not there, or did not come back.
    """
    sounddevice = import_driver("sounddevice", "sound")
    length = _length_of(buffer, pulse_samples)
    finder = PulseFinder(
        threshold if polarity == "positive" else -threshold,
        trigger_channel - 1,
        before_samples,
        length,
    )

    @contextmanager
    def opened() -> Iterator[_Card]:
        finder.interrupt()
        with _Card(sounddevice, device, sampling_rate_hz, channels) as card:
            yield card

    def read(card: _Card) -> Sequence[tuple[int, Samples]]:
        samples = card.read()
        with reading_out():
            return finder.feed(samples) if samples is not None else ()

    def read_gate(card: _Card) -> Sequence[Found]:
        return [*read(card), (finder.seen, None)]

    found = keep_connected(
        opened,
        read if gate_s is None else read_gate,
        name=f"sound card {device}".rstrip(),
        timeout_s=timeout_s,
        give_up_s=give_up_s,
        lost_by=(OSError, sounddevice.PortAudioError),
    )
    names = buffer["dtype"].names or ("value",)
    if gate_s is not None:
        yield from _gates(found, names, sampling_rate_hz, gate_s)
    else:
        yield from _pulses(found, buffer, trigger_channel - 1, sampling_rate_hz)


def _length_of(buffer: Mapping[str, Any], pulse_samples: int) -> int:
    values: int = buffer["values_per_slot"]
    if values > 1:
        return values
    check_range("pulse_samples", pulse_samples, 1, 1_000_000, "samples")
    return pulse_samples


def _pulses(
    found: Iterator[tuple[int, Samples | None]],
    buffer: Mapping[str, Any],
    channel: int,
    rate_hz: int,
) -> Iterator[tuple[Any, dict[str, Any]]]:
    names = buffer["dtype"].names or ("value",)
    is_waveform = buffer["values_per_slot"] > 1
    before: int | None = None
    for start, samples in found:
        if samples is None:
            continue  # only says how late it is
        event: Any
        if is_waveform:
            event = dict(zip(names, samples.T, strict=True))
            event = event if buffer["dtype"].names else event["value"]
        else:
            pulse = samples[:, channel]
            values = {"height": pulse[np.argmax(np.abs(pulse.astype(np.int32)))]}
            values["time_s"] = start / rate_hz
            event = {name: values[name] for name in names}
        metadata: dict[str, Any] = {"time_ns": start * 1_000_000_000 // rate_hz}
        if before is not None and start > before:
            metadata["deadtime"] = min(1.0, len(samples) / (start - before))
        before = start
        yield event, metadata


def _gates(
    found: Iterator[Found], names: Sequence[str], rate_hz: int, gate_s: float
) -> Iterator[tuple[Any, dict[str, Any]]]:
    gate = max(1, round(gate_s * rate_hz))
    begin = counted = 0
    for start, samples in found:
        while start >= begin + gate:
            values = {"count": counted, "time_s": begin / rate_hz}
            time_ns = begin * 1_000_000_000 // rate_hz
            yield {name: values[name] for name in names}, {"time_ns": time_ns}
            begin, counted = begin + gate, 0
        counted += samples is not None


class PulseFinder:
    """Finds pulses in a stream of samples, cut into blocks anyhow.

    Parameters
    ----------
    threshold
        A pulse begins with the first sample at or beyond it; negative for pulses that go down.
    channel
        Where to look.
    before
        So many samples of a pulse lie before its first one.
    length
        Samples of a pulse; none begins within the one before.
    """

    def __init__(self, threshold: int, channel: int, before: int, length: int) -> None:
        self._threshold, self._channel = threshold, channel
        self._before, self._length = before, length
        self._rest: Samples | None = None
        self._earliest = before + 1
        self.seen = 0
        """Samples that have come so far."""

    def interrupt(self) -> None:
        """Note that samples are missing here: no pulse reaches over the gap."""
        self._rest = None
        self._earliest = self._before + 1

    def feed(self, block: Samples) -> list[tuple[int, Samples]]:
        """Return the pulses that are complete now: number of the first sample above, samples."""
        samples = block if self._rest is None else np.concatenate((self._rest, block))
        self.seen += len(block)
        first = self.seen - len(samples)
        signal = samples[:, self._channel]
        above = signal >= self._threshold if self._threshold > 0 else signal <= self._threshold
        begins = np.flatnonzero(above[1:] & ~above[:-1]) + 1
        found, earliest = [], self._earliest
        keep = max(0, len(samples) - self._before - 1)
        for at in begins.tolist():
            if at < earliest:
                continue
            start = at - self._before
            if start + self._length > len(samples):
                keep = start - 1
                break
            found.append((first + at, samples[start : start + self._length].copy()))
            earliest = start + self._length
        self._rest = samples[keep:]
        self._earliest = max(self._before + 1, earliest - keep)
        return found


class _Card:
    """A sound input that is open; its samples wait in a queue."""

    def __init__(self, sounddevice: Any, name: str, rate_hz: int, channels: int) -> None:
        self._blocks: queue.Queue[Samples] = queue.Queue()
        self._lost = self._told = 0
        self._heard_s = time.monotonic()
        self._stream = sounddevice.InputStream(
            device=name or None,
            samplerate=rate_hz,
            channels=channels,
            dtype="int16",
            blocksize=_BLOCK,
            callback=self._take,
        )

    def __enter__(self) -> _Card:
        self._stream.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def _take(self, samples: Samples, _frames: int, _time: Any, status: Any) -> None:
        self._lost += bool(status.input_overflow)
        self._blocks.put(samples.copy())

    def read(self) -> Samples | None:
        """Return all samples that wait; None if none came in a step."""
        self._tell_lost()
        try:
            blocks = [self._blocks.get(timeout=POLL_S)]
        except queue.Empty:
            if not self._stream.active:
                raise OSError("the card has stopped; was it unplugged?") from None
            if time.monotonic() - self._heard_s > _STOPPED_S:
                raise OSError(f"no samples came for {_STOPPED_S:g} s") from None
            return None
        blocks += [self._blocks.get_nowait() for _ in range(self._blocks.qsize())]
        self._heard_s = time.monotonic()
        return np.concatenate(blocks)

    def _tell_lost(self) -> None:
        if self._lost > self._told:
            self._told = self._lost
            report(blocks_lost=self._lost)
            if str(self._lost).strip("0") == "1":
                logger.warning(
                    "the computer came too late for %s of samples; use a lower rate, or end other"
                    " programs",
                    how_many(self._lost, "block"),
                )
