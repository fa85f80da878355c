"""HDF5: one dataset for each channel, with checksums, for MATLAB, Julia, IDL and h5py."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb.components.form import sink
from mimocorb.errors import DamagedFile
from mimocorb.recording.arrays import Arrays, WithoutLists
from mimocorb.recording.channel_notes import notes_at
from mimocorb.recording.columns import Columns
from mimocorb.recording.converted import Converted
from mimocorb.recording.formats import EventFile
from mimocorb.recording.read_whole_file import DESCRIPTION, Container
from mimocorb.recording.tables import TableFile, table_from_arrays
from mimocorb.recording.whole_file import WholeFileFormat

__all__ = ["HDF5", "Hdf5"]

_GROUP = "events"
_CHUNK_BYTES = 1 << 20
_MOST_RATIO = 1100
"""A compressed dataset takes at most so many times the room of the file."""


class Hdf5Format(WholeFileFormat):
    """An HDF5 file: the group ``events`` with a dataset for each column, one row for each event."""

    name = "hdf5"
    endings = (".h5", ".hdf5", ".hdf", ".he5")
    magic = b"\x89HDF\r\n\x1a\n"
    needs = ("h5py",)
    extra = "hdf5"
    compressions = ("gzip", "lzf", "none")

    def target(self, path: Path, columns: Columns, about: Mapping[str, Any]) -> _Target:
        """Begin a file."""
        del columns
        return _Target(path, about)

    def container(self, path: Path) -> Container:
        """Open a file."""
        return _Container(path)

    def open_foreign(self, path: Path) -> EventFile:
        """Open one of others: datasets of the same length are the fields of its events."""
        import h5py

        with h5py.File(path, "r") as file:
            found: dict[str, Any] = {}

            most_bytes = _MOST_RATIO * path.stat().st_size

            def look(name: str, each: Any) -> None:
                if isinstance(each, h5py.Dataset) and each.dtype.kind in "biufcSV":
                    if each.size * each.dtype.itemsize > most_bytes:
                        raise DamagedFile(f"{path}: {name} cannot have {each.size} values")
                    found[name] = each

            file.visititems(look)
            about = {
                name: value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
                for name, value in file.attrs.items()
            }
            return TableFile(path, table_from_arrays(path, found, about))


HDF5 = Hdf5Format()


class _Target:
    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        import h5py

        self._about = about
        compression = about["compression"]
        self._filters: dict[str, Any] = {"fletcher32": True}
        if compression != "none":
            self._filters |= {"compression": compression, "shuffle": True}
        if compression == "gzip":
            self._filters["compression_opts"] = 1  # more takes longer and saves little
        # metadata have checksums from version 1.10 of the library on
        self._file = h5py.File(path, "w", libver=("v110", "v110"))
        self._events = self._file.create_group(_GROUP)
        self._lists = WithoutLists()

    def write(self, arrays: Arrays) -> None:
        for name, values in self._lists.taken_apart(arrays).items():
            if name not in self._events:
                self._make(name, values)
            dataset = self._events[name]
            before = len(dataset)
            dataset.resize(before + len(values), axis=0)
            dataset[before:] = values

    def _make(self, name: str, values: Any) -> None:
        row_bytes = max(1, values[:1].nbytes)
        rows = max(1, min(len(values), _CHUNK_BYTES // row_bytes))
        dataset = self._events.create_dataset(
            name,
            shape=(0, *values.shape[1:]),
            maxshape=(None, *values.shape[1:]),
            chunks=(rows, *values.shape[1:]),
            dtype=values.dtype,
            **self._filters,
        )
        for key, text in notes_at(self._about, name).items():
            dataset.attrs[key] = text

    def finish(self, description: str) -> None:
        text = np.frombuffer(description.encode(), np.uint8)
        self._file.create_dataset(DESCRIPTION, data=text, chunks=True, fletcher32=True)
        self._file.flush()
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


class _Container:
    def __init__(self, path: Path) -> None:
        import h5py

        self._file = h5py.File(path, "r")
        self.description: str | None = None
        if DESCRIPTION in self._file:
            self.description = self._file[DESCRIPTION][:].tobytes().decode("utf-8", "replace")
        self.names: Collection[str] = list(self._file.get(_GROUP, ()))

    def read(self, number: int, first: int, count: int) -> Arrays:
        del number
        return WithoutLists.put_together(dict(self._file[_GROUP].items()), first, count)

    def close(self) -> None:
        self._file.close()


@sink
class Hdf5(Converted):
    """Save events of any kind as one HDF5 file, for h5py, MATLAB, Julia and IDL.

    The group ``events`` has a dataset for each field, with one row for each event and Fletcher's
    checksum in each chunk; units, the run and the dtype are noted in the file. Of events of
    variable length a dataset has all values one behind the other, and the dataset ``offsets`` says
    where each event begins. It needs h5py: ``pip install "mimocorb[hdf5]"``.
    """

    format = HDF5
