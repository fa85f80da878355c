"""Binary files of the DRS4 evaluation board, as ``drsosc`` and ``drscl`` write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.block import Block, metadata_from_parts
from mimocorb.recording.formats import EventFile
from mimocorb.recording.of_others.reading import ReadOnly, is_text

__all__ = ["DRS4"]

_CELLS = 1024
_EVENTS_OF_A_BLOCK = 128
_DATE = ("year", "month", "day", "hour", "minute", "second", "millisecond")
_LAST_YEAR = 2261
"""Whole nanoseconds of later ones are no 64-bit number."""
_LONGEST_HEADER = 64 * (4 + 4 * _CELLS) + 4096


class Drs4Format(ReadOnly):
    """Waveforms of the DRS4 evaluation board: 1024 counts for each channel, widths of the cells.

    The voltage is ``count * scale + offset``. The first sample is that of the cell
    ``trigger_cell``: ``numpy.roll(width, -trigger_cell)`` are the steps of the time.
    """

    name = "drs4"

    def belongs(self, path: Path) -> bool:
        """Whether it begins with the times of a board."""
        with path.open("rb") as file:
            head = file.read(64)
        if head[:3] == b"DRS" and head[3:4].isdigit():
            head = head[4:]
        # a text of an oscilloscope may begin with TIME as well
        if head[:4] == b"TIME":
            return head[4:6] in (b"B#", b"C0", b"EH")
        return head[:4] == b"EHDR" and not is_text(head)

    def open(self, path: Path) -> EventFile:
        """Open a file."""
        return Drs4File(path)


DRS4 = Drs4Format()


class Drs4File:
    """A binary file of the DRS4 evaluation board, read as events are asked for.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DamagedFile
        It is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            head = file.read(_LONGEST_HEADER)
        self.version = int(head[3:4]) if head[:3] == b"DRS" and head[3:4].isdigit() else 1
        self._begin, self.widths = self._times(head, 4 if head[:3] == b"DRS" else 0)
        self._event = self._form_of_an_event(head[self._begin :])
        self.dtype = np.dtype(
            [
                *(
                    (name, "<u2", (_CELLS,))
                    for name in self._event.names or ()
                    if name.startswith("ch")
                ),
                *((name, "<u2") for name in self._event.names or () if name.startswith("trigger")),
                *((name, "<u4") for name in self._event.names or () if name.startswith("scaler")),
                ("range_center_mV", "<i2"),
            ]
        )
        self.values_per_slot = 1
        self.look_again()
        self.about: Mapping[str, Any] = self._known()

    def _times(self, head: bytes, at: int) -> tuple[int, dict[str, list[float]]]:
        """Return where events begin, and the widths of the cells in ns by channel."""
        widths: dict[str, list[float]] = {}
        if head[at : at + 4] != b"TIME":
            return at, widths
        at += 4
        board = 0
        while head[at : at + 4] != b"EHDR":
            mark = head[at : at + 2]
            if mark == b"B#":
                board += 1
                at += 4
            elif mark == b"C0" and at + 4 + 4 * _CELLS <= len(head):
                name = _channel(head[at : at + 4], board)
                widths[name] = np.frombuffer(head, "<f4", _CELLS, at + 4).tolist()
                at += 4 + 4 * _CELLS
            else:
                if at >= len(head) and widths:
                    break  # no event yet
                raise DamagedFile(f"{self.path}: byte {at} begins neither a channel nor an event")
        return at, widths

    def _form_of_an_event(self, head: bytes) -> np.dtype[Any]:
        """Return the type of an event, by what stands in the first one."""
        fields: list[tuple[str, Any, tuple[int, ...]]] = [
            ("mark", "S4", ()),
            ("number", "<u4", ()),
            *((name, "<u2", ()) for name in _DATE),
            ("range_center_mV", "<i2", ()),
        ]
        at = 24
        board = 0
        while head[at : at + 4] not in (b"EHDR", b""):
            if head[at : at + 2] == b"B#":
                board += 1
                fields.append((f"board{board}", "V4", ()))
                at += 4
            elif head[at : at + 2] == b"T#":
                end = f"_{board}" if board > 1 else ""
                fields += [(f"mark_T{board}", "V2", ()), (f"trigger_cell{end}", "<u2", ())]
                at += 4
            elif head[at : at + 2] == b"C0" and at + 4 + 2 * _CELLS <= len(head):
                name = _channel(head[at : at + 4], board)
                fields.append((f"mark_{name}", "V4", ()))
                at += 4
                if self._has_scaler(head, at):
                    fields.append((name.replace("ch", "scaler"), "<u4", ()))
                    at += 4
                fields.append((name, "<u2", (_CELLS,)))
                at += 2 * _CELLS
            else:
                break
        if not any(name.startswith("ch") for name, _, _ in fields):
            raise DamagedFile(f"{self.path}: there is no channel in the first event")
        try:
            return np.dtype(fields)
        except ValueError as error:
            raise DamagedFile(f"{self.path}: the first event is damaged: {error}") from error

    @staticmethod
    def _has_scaler(head: bytes, at: int) -> bool:
        """Whether a scaler stands in front of the samples: newer programs write one."""
        behind = {skip: head[at + skip + 2 * _CELLS :][:4] for skip in (4, 0)}
        for skip, mark in behind.items():
            if mark == b"EHDR" or mark[:2] in (b"C0", b"B#"):
                return skip == 4
        return len(behind[0]) > 0  # the only event: with a scaler it is longer

    def look_again(self) -> None:
        """Find events that have been written since."""
        size = self.path.stat().st_size - self._begin
        self._count, self._left = divmod(max(0, size), self._event.itemsize)

    def _known(self) -> dict[str, Any]:
        channels = [name for name in self.dtype.names or () if name.startswith("ch")]
        known: dict[str, Any] = {
            "units": dict.fromkeys(channels, "V"),
            "scale": dict.fromkeys(channels, 1 / 65536),
        }
        if self._count:
            center_v = float(self._events(0, 1)["range_center_mV"][0]) / 1000
            known["offset"] = dict.fromkeys(channels, center_v - 0.5)
        if self.widths:
            known["cell_width_ns"] = self.widths
            steps = np.mean([np.mean(each) for each in self.widths.values()])
            known["sample_time_ns"] = float(f"{steps:.6g}")
        known["time_zone"] = "that of the computer that recorded, taken as UTC"
        return known

    def _events(self, first: int, count: int) -> NDArray[Any]:
        with self.path.open("rb") as file:
            file.seek(self._begin + first * self._event.itemsize)
            return np.frombuffer(file.read(count * self._event.itemsize), self._event)

    @property
    def counts(self) -> Sequence[int]:
        """How many events each block has."""
        whole, rest = divmod(self._count, _EVENTS_OF_A_BLOCK)
        return [_EVENTS_OF_A_BLOCK] * whole + [rest] * bool(rest)

    def read_block(self, number: int) -> Block:
        """Return the events of a block; DamagedFile if one of them does not begin as events do."""
        first = number * _EVENTS_OF_A_BLOCK
        events = self._events(first, self.counts[number])
        wrong = np.flatnonzero(events["mark"] != b"EHDR")
        for name in events.dtype.names or ():
            if name.startswith(("mark_", "board")):
                begin = {"b": b"B#", "T": b"T#", "c": b"C0"}[name.removeprefix("mark_")[0]]
                marks = np.ascontiguousarray(events[name]).view(np.uint8).reshape(len(events), -1)
                wrong = np.union1d(wrong, np.flatnonzero((marks[:, :2] != [*begin]).any(axis=1)))
        if len(wrong):
            raise DamagedFile(f"{self.path}: event {first + int(wrong[0])} is damaged")
        data = np.zeros((len(events), 1), self.dtype)
        for name in self.dtype.names or ():
            data[name][:, 0] = events[name]
        times = [self._moment(event, first + at) for at, event in enumerate(events)]
        parts = {
            "counter": events["number"].astype(np.int64),
            "timestamp": np.array(times) / 1e9,
            "deadtime": np.full(len(events), -1.0),
            "time_ns": np.array(times, np.int64),
        }
        return Block(data, metadata_from_parts(parts))

    def _moment(self, event: Any, number: int) -> int:
        *date, milliseconds = (int(event[name]) for name in _DATE)
        try:
            moment = datetime(*date, tzinfo=UTC)  # type: ignore[arg-type,misc]
        except (ValueError, TypeError) as error:
            raise DamagedFile(f"{self.path}: event {number} has no date: {error}") from error
        if moment.year > _LAST_YEAR:
            raise DamagedFile(f"{self.path}: event {number} is said to be of the year {date[0]}")
        return round(moment.timestamp()) * 10**9 + milliseconds * 10**6

    def damage(self) -> Iterator[str]:
        """Yield what is wrong. There are no checksums: only marks and dates are looked at."""
        for number in range(len(self.counts)):
            try:
                self.read_block(number)
            except DamagedFile as error:
                yield str(error).removeprefix(f"{self.path}: ")
        if self._left:
            yield f"it ends with {self._left} bytes of an event that is not whole"

    def close(self) -> None:
        """Let go of the file. Idempotent."""


def _channel(mark: bytes, board: int) -> str:
    try:
        number = int(mark[1:4])
    except ValueError:
        number = 0
    return f"ch{number}" if board < 2 else f"ch{number}_{board}"
