"""Binary files of CAEN CoMPASS: list mode, with waveforms or without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.block import Block, metadata_from_parts
from mimocorb.recording.formats import EventFile
from mimocorb.recording.of_others.reading import ReadOnly, ending_of

__all__ = ["COMPASS"]

_MARK = 0xCAE0
_ENERGY, _CALIBRATED, _SHORT, _WAVEFORM = 1, 2, 4, 8
_WITHOUT_HEADER = (
    _ENERGY | _SHORT | _WAVEFORM,
    _ENERGY | _WAVEFORM,
    _ENERGY | _SHORT,
    _ENERGY,
)
_BLOCK_BYTES = 1 << 20
_MOST_SAMPLES = 1 << 24
_MOST_CHANNELS = 256
_LOOKED_AT = 64
_PS_OF_A_NS = 1000
_LATEST_PS = 10**19


class CompassFormat(ReadOnly):
    """Events of CoMPASS: board, channel, time stamp in ps, energies, flags, and the samples.

    The times are kept exactly: ``timestamp_ps`` in the data; ``time_ns`` are the whole ns of it.
    """

    name = "compass"

    def belongs(self, path: Path) -> bool:
        """Whether it begins with the header of CoMPASS; older ones without are tried as well."""
        with path.open("rb") as file:
            head = file.read(1 << 16)
        if len(head) < 2:
            return False
        if _flags_of(head) is not None:
            return True
        return ending_of(path) == ".bin" and _guessed(head, path.stat().st_size) is not None

    def open(self, path: Path) -> EventFile:
        """Open a file."""
        return CompassFile(path)


COMPASS = CompassFormat()


def _flags_of(head: bytes) -> int | None:
    word = int.from_bytes(head[:2], "little")
    flags = word & 0xF
    return flags if word & 0xFFF0 == _MARK and flags & (_ENERGY | _CALIBRATED) else None


def _fields(flags: int) -> list[tuple[str, str]]:
    """Return what stands in front of the samples of an event."""
    fields = [("board", "<u2"), ("channel", "<u2"), ("timestamp_ps", "<u8")]
    fields += [("energy", "<u2")] if flags & _ENERGY else []
    fields += [("energy_calibrated", "<f8")] if flags & _CALIBRATED else []
    fields += [("energy_short", "<u2")] if flags & _SHORT else []
    fields += [("flags", "<u4")]
    fields += [("waveform_code", "u1"), ("samples_count", "<u4")] if flags & _WAVEFORM else []
    return fields


def _guessed(head: bytes, size: int) -> int | None:
    """Return what the events of a file without header hold; None if it is no file of CoMPASS."""
    return next((flags for flags in _WITHOUT_HEADER if _makes_sense(head, flags, size)), None)


def _makes_sense(head: bytes, flags: int, size: int) -> bool:
    """Whether the first events of a file look like some, in this form."""
    form = np.dtype(_fields(flags))
    at = seen = 0
    while at + form.itemsize <= len(head) and seen < _LOOKED_AT:
        event = np.frombuffer(head, form, 1, at)[0]
        samples = int(event["samples_count"]) if flags & _WAVEFORM else 0
        if (
            event["board"] >= _MOST_CHANNELS
            or event["channel"] >= _MOST_CHANNELS
            or event["timestamp_ps"] > _LATEST_PS
            or at + form.itemsize + 2 * samples > size
            or (flags & _WAVEFORM and (not samples or event["waveform_code"] > 32))
        ):
            return False
        at += form.itemsize + 2 * samples
        seen += 1
    if seen < _LOOKED_AT and at != size:
        return False
    return seen > 0 and (bool(flags & _WAVEFORM) or size % form.itemsize == 0)


class CompassFile:
    """A binary file of CoMPASS, read as events are asked for.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DamagedFile
        It has no event, or is no file of CoMPASS.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            head = file.read(1 << 16)
        flags = _flags_of(head)
        self._begin = 0 if flags is None else 2
        if flags is None:
            flags = _guessed(head, path.stat().st_size)
        if flags is None:
            raise DamagedFile(f"{path} has no event of CoMPASS")
        self._flags = flags
        self._form = np.dtype(_fields(flags))
        self._trouble = ""
        self.values_per_slot = 1
        self.look_again()
        fields: list[tuple[Any, ...]] = [
            each for each in _fields(flags) if each[0] not in ("samples_count",)
        ]
        if flags & _WAVEFORM:
            if self._shortest != self._longest:
                fields.append(("samples_count", "<u4"))
            fields.append(("samples", "<u2", (self._longest,)))
        self.dtype = np.dtype(fields)
        self.about: Mapping[str, Any] = {
            "units": {"timestamp_ps": "ps"},
            "time": "since the start of the acquisition",
        }

    def look_again(self) -> None:
        """Find the events, and those that have been written since."""
        size = self.path.stat().st_size
        self._trouble = ""
        self._shortest = self._longest = 0
        if not self._flags & _WAVEFORM:
            count, left = divmod(max(0, size - self._begin), self._form.itemsize)
            self._places = self._begin + self._form.itemsize * np.arange(count + 1, dtype=np.int64)
            self._trouble = f"it ends with {left} bytes of an event" if left else ""
            return
        places = [self._begin]
        content = np.memmap(self.path, np.uint8, "r") if size else np.zeros(0, np.uint8)
        at, head = self._begin, self._form.itemsize
        lengths = set()
        while at < size:
            if at + head > size:
                self._trouble = f"it ends with {size - at} bytes of an event"
                break
            samples = int.from_bytes(content[at + head - 4 : at + head].tobytes(), "little")
            if samples > _MOST_SAMPLES or at + head + 2 * samples > size:
                self._trouble = (
                    f"event {len(places) - 1} at byte {at} says {samples} samples, and"
                    f" {size - at - head} bytes are there"
                )
                break
            lengths.add(samples)
            at += head + 2 * samples
            places.append(at)
        self._shortest, self._longest = min(lengths, default=0), max(lengths, default=0)
        if self._longest * len(places) > 8 * size + (1 << 20):
            raise DamagedFile(
                f"{self.path}: its waveforms have between {self._shortest} and {self._longest}"
                " samples: lengths that make no sense together"
            )
        self._places = np.array(places, np.int64)

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        count = len(self._places) - 1
        in_a_block = max(1, _BLOCK_BYTES // max(1, self.dtype.itemsize))
        whole, rest = divmod(count, in_a_block)
        return [in_a_block] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the events of a block."""
        first = sum(self.counts[:1]) * number
        count = self.counts[number]
        begin, end = int(self._places[first]), int(self._places[first + count])
        with self.path.open("rb") as file:
            file.seek(begin)
            raw = np.frombuffer(file.read(end - begin), np.uint8)
        if len(raw) < end - begin:
            raise DamagedFile(f"{self.path} has become shorter")
        data = np.zeros((count, 1), self.dtype)
        samples = (np.diff(self._places[first : first + count + 1]) - self._form.itemsize) // 2
        if len(set(samples.tolist())) == 1:
            form = np.dtype([("head", self._form), ("samples", "<u2", (int(samples[0]),))])
            events = raw.view(form)
            heads = events["head"]
            if self._flags & _WAVEFORM:
                data["samples"][:, 0, : int(samples[0])] = events["samples"]
        else:
            heads = self._fill_unequal(raw, data, first, samples)
        for name in self.dtype.names or ():
            if name == "samples_count":
                data[name][:, 0] = samples
            elif name != "samples":
                data[name][:, 0] = heads[name]
        ps = heads["timestamp_ps"].astype(np.uint64)
        parts = {
            "counter": np.arange(first, first + count),
            "timestamp": ps / 1e12,
            "deadtime": np.full(count, -1.0),
            "time_ns": (ps // np.uint64(_PS_OF_A_NS)).astype(np.int64),
        }
        return Block(data, metadata_from_parts(parts))

    def _fill_unequal(
        self, raw: NDArray[Any], data: NDArray[Any], first: int, samples: NDArray[np.int64]
    ) -> NDArray[Any]:
        heads = np.zeros(len(data), self._form)
        begin = self._places[first]
        for at, length in enumerate(samples.tolist()):
            place = int(self._places[first + at] - begin)
            body = place + self._form.itemsize
            heads[at] = raw[place:body].view(self._form)[0]
            data["samples"][at, 0, :length] = raw[body : body + 2 * length].view("<u2")
        return heads

    def damage(self) -> Iterator[str]:
        """Yield what is wrong. There are no checksums: only lengths are looked at."""
        if self._trouble:
            yield self._trouble

    def close(self) -> None:
        """Let go of the file. Idempotent."""
