"""Arrays of NumPy that others have saved: ``.npz`` and ``.npy``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.block import are_ours
from mimocorb.recording.formats import EventFile, reading
from mimocorb.recording.npz_format import check_size
from mimocorb.recording.of_others.reading import ReadOnly
from mimocorb.recording.tables import TableFile, table_from_arrays

__all__ = ["NUMPY"]

_LONGEST_END = 22 + (1 << 16)
_IN_ANOTHER_PLACE = 0xFFFF


class NumpyFormat(ReadOnly):
    """Arrays of NumPy: those of the same length are the fields of events, single numbers are known.

    Arrays of Python objects are refused: nothing is unpickled.
    """

    name = "numpy"

    def belongs(self, path: Path) -> bool:
        """Whether it begins as such files do."""
        with path.open("rb") as file:
            head = file.read(6)
        ending = path.suffix.lower()
        return (ending == ".npz" and head[:2] == b"PK") or head == b"\x93NUMPY"

    def open(self, path: Path) -> EventFile:
        """Open a file."""
        arrays = reading(path, lambda: _arrays(path))
        if are_ours(arrays):
            raise DamagedFile(f"{path}: the description of what is in it is missing")
        return TableFile(path, table_from_arrays(path, arrays, {}))


NUMPY = NumpyFormat()


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix.lower() != ".npz":
        # mapped: what a damaged header says takes no memory
        return {path.stem: np.lib.format.open_memmap(path, mode="r")}
    found = {}
    with zipfile.ZipFile(path) as archive:
        told = _members_told(path)
        if told is not None and told != len(archive.infolist()):
            raise DamagedFile(f"it says that it holds {told} arrays, and names others")
        for member in archive.infolist():
            check_size(member)
            with archive.open(member) as file:
                found[member.filename.removesuffix(".npy")] = np.lib.format.read_array(
                    file, allow_pickle=False
                )
    return found


def _members_told(path: Path) -> int | None:
    """Return how many files an archive says that it holds, which zipfile does not compare."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END))
        content = file.read()
    end = content.rfind(b"PK\5\6")
    told = int.from_bytes(content[end + 10 : end + 12], "little")
    return told if end >= 0 and told < _IN_ANOTHER_PLACE else None
