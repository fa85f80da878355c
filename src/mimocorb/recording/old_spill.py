"""Members of spill files of version 1: arrays of NumPy, one row for each event."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.recording.block import Block
from mimocorb.recording.spilled_rows import block_of_rows

__all__ = ["Form", "events_of_array"]

_FIRST = ("sequence", "delivery", "counter", "timestamp", "deadtime")
FORMS = tuple((*_FIRST, *more, "data") for more in ((), ("time_ns",), ("time_ns", "may_repeat")))
"""The fields of a row: times have come later, and marks after these."""


Form = tuple[np.dtype[Any], int, bool]


def events_of_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, form: Form | None) -> Block:
    """Read an array, after a look whether it is one of events and as large as its member.

    Parameters
    ----------
    archive, info
        The file, and its member.
    form
        dtype and values_per_slot of the buffer, and whether events may be shorter; None: whatever
        the file has.
    """
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise ValueError(f"arrays of version {version} are not read")
        shape, _, found = read_header(file)
        if found.names not in FORMS or found.hasobject or not _are_events(found):
            raise ValueError(f"it holds {str(found)[:80]}, which are no events")
        if form is not None and (form[2] or found["data"] != np.dtype((form[0], (form[1],)))):
            raise ValueError(f"it holds {str(found['data'])[:200]}, the buffer takes {form}")
        if len(shape) != 1 or shape[0] * found.itemsize != info.file_size - file.tell():
            raise ValueError(f"it has {info.file_size} bytes, which are not {shape} events")
    with archive.open(info) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the checksum is looked at
    return block_of_rows(array)


def _are_events(found: np.dtype[Any]) -> bool:
    """Whether the metadata are numbers, and the data several values."""
    numbers = all(found[name].kind in "ifb" for name in found.names or () if name != "data")
    return numbers and found["data"].subdtype is not None
