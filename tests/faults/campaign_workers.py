"""The workers of a kill campaign: what they do with events, and what they note down about it.

Every worker writes a log into a file that it maps: what is in it survives the worker's death at any
instruction, as it is in the page cache and not in the process. A record counts once the number of
records says so, which is written after it.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.buffers.writer import Writer

__all__ = [
    "ACKNOWLEDGED",
    "ACKNOWLEDGING",
    "EVENT",
    "GIVEN_BACK",
    "HELD",
    "make_log",
    "read_events",
    "read_log",
    "write_events",
]

_CONTENT_BYTES = 84
EVENT = np.dtype(
    [
        ("writer", "<u4"),
        ("life", "<u4"),
        ("serial", "<u8"),
        ("content", "u1", (_CONTENT_BYTES,)),
        ("checksum", "<u4"),
    ]
)

# What became of an event in a reader's hands.
HELD, ACKNOWLEDGING, ACKNOWLEDGED, GIVEN_BACK = 1, 2, 3, 4

_PUBLISHED = np.dtype([("begun_ns", "<i8"), ("done_ns", "<i8")])
_DELIVERED = np.dtype(
    [
        ("sequence", "<u8"),
        ("writer", "<u4"),
        ("life", "<u4"),
        ("serial", "<u8"),
        ("delivery", "<u4"),
        ("state", "<u4"),
        ("whole", "<u4"),
        ("taken_ns", "<i8"),
        ("over_ns", "<i8"),
    ]
)
_CAPACITY = 1 << 20  # records; the file is sparse
_COUNT_BYTES = 8


class Log:
    """Records of one life of a worker, in a file; as the worker holds it.

    Parameters
    ----------
    file
        From :func:`make_log`.
    of_writer
        Whether the records are those of a writer or of a reader.
    """

    def __init__(self, file: Path, of_writer: bool) -> None:
        self._count = np.memmap(file, np.int64, "r+", 0, (1,))
        self._records = np.memmap(file, _dtype(of_writer), "r+", _COUNT_BYTES, (_CAPACITY,))

    def add(self, *values: Any) -> int:
        """Append a record; returns its place."""
        at = int(self._count[0])
        self._records[at] = values
        self._count[0] = at + 1
        return at

    def set(self, at: int, field: str, value: int) -> None:
        """Change one field of a record."""
        self._records[field][at] = value


def make_log(file: Path, of_writer: bool) -> None:
    """Make the file of a log, before its worker is started."""
    with file.open("xb") as empty:
        empty.truncate(_COUNT_BYTES + _CAPACITY * _dtype(of_writer).itemsize)


def read_log(file: Path, of_writer: bool) -> NDArray[Any]:
    """Return the records of a worker that has ended, whichever way."""
    with file.open("rb") as log:
        count = int.from_bytes(log.read(_COUNT_BYTES), sys.byteorder)
        return np.fromfile(log, _dtype(of_writer), count)


def _dtype(of_writer: bool) -> np.dtype[Any]:
    return _PUBLISHED if of_writer else _DELIVERED


def write_events(
    setup: SetupDict, file: Path, name: tuple[int, int], stop: Callable[[], bool], pause_s: float
) -> None:
    """Publish events with checksums until told to stop; `name` is the writer's and its life's."""
    log = Log(file, of_writer=True)
    content = np.random.default_rng(name).integers(0, 256, (256, _CONTENT_BYTES), np.uint8)
    event = np.zeros(1, EVENT)
    event["writer"], event["life"] = name
    serial = 0
    with Writer(setup) as port:
        while not stop():
            event["serial"] = serial
            event["content"] = content[serial % 256]
            event["checksum"] = _checksum(event)
            slot = port.get_new_buffer()
            slot[:] = event
            at = log.add(time.monotonic_ns(), 0)
            port.process_buffer()
            log.set(at, "done_ns", time.monotonic_ns())
            serial += 1
            if pause_s:
                time.sleep(pause_s)


def read_events(setup: SetupDict, file: Path, give_back_every: int) -> None:
    """Take events to the end of the stream, check and note each; now and then give one back."""
    log = Log(file, of_writer=False)
    turn = 0
    with Reader(setup) as port:
        for event in port:
            taken_ns = time.monotonic_ns()
            at = log.add(
                port.sequence,
                event["writer"][0],
                event["life"][0],
                event["serial"][0],
                port.delivery,
                HELD,
                0,
                taken_ns,
                0,
            )
            # Twice, with time between: nobody else may write into what is in our hands.
            whole = _checksum(event) == event["checksum"][0]
            time.sleep(0)
            whole = whole and _checksum(event) == event["checksum"][0]
            log.set(at, "whole", int(whole))
            turn += 1
            log.set(at, "over_ns", time.monotonic_ns())
            if turn % give_back_every == 0 and port.delivery == 1:
                log.set(at, "state", GIVEN_BACK)
                port.reject()
                continue
            log.set(at, "state", ACKNOWLEDGING)
            port.acknowledge()
            log.set(at, "state", ACKNOWLEDGED)


def _checksum(event: NDArray[Any]) -> int:
    return zlib.crc32(event.tobytes()[: -EVENT["checksum"].itemsize])
