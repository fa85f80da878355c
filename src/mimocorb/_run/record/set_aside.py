"""Keep the events that were set aside: they failed every time, so someone will want to see them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mimocorb._buffer.new_buffer import NewBuffer

__all__ = ["save_events_set_aside"]

FOLDER = "set_aside"


def save_events_set_aside(directory: Path, buffers: Iterable[NewBuffer]) -> list[Path]:
    """Write one NumPy file for each event in quarantine; returns the files.

    Parameters
    ----------
    directory
        Of the run; the files go into ``set_aside/`` below it.
    buffers
        Those of the run, not yet closed.

    Notes
    -----
    Each ``.npz`` holds ``data`` as it was in the slot, ``counter``, ``timestamp`` (UTC, s),
    ``deadtime``, ``sequence`` (publish number in the buffer) and ``reasons``, what was said each
    time; to be opened with ``np.load(file)``, no pickle is needed.
    """
    written = []
    for buffer in buffers:
        for event in buffer.quarantined():
            folder = directory / FOLDER
            folder.mkdir(exist_ok=True)
            path = folder / f"{buffer.name}_group{event.group}_event{event.sequence}.npz"
            np.savez(
                path,
                data=event.data,
                counter=event.counter,
                timestamp=event.timestamp,
                deadtime=event.deadtime,
                sequence=event.sequence,
                reasons=np.array(event.reasons, dtype=np.str_),
            )
            written.append(path)
    return written
