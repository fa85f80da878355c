"""npz: NumPy's own archive, one array for each channel."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.lengths import bytes_of
from mimocorb.components.form import sink
from mimocorb.errors import DamagedFile
from mimocorb.recording.arrays import Arrays, WithoutLists
from mimocorb.recording.columns import Columns
from mimocorb.recording.converted import Converted
from mimocorb.recording.formats import Part
from mimocorb.recording.read_whole_file import DESCRIPTION, Container
from mimocorb.recording.whole_file import WholeFileFormat

__all__ = ["NPZ", "Npz", "check_size"]

_MOST_RATIO = 1100
"""Deflate makes bytes at most 1032 times fewer: what says more is damaged."""
_LONGEST_HEADER = 1 << 16
_COPY_BYTES = 1 << 20


class NpzFormat(WholeFileFormat):
    """An archive of NumPy arrays, one for each column, with a row for each event."""

    name = "npz"
    endings = (".npz",)
    compressions = ("none", "deflate")

    def begins_as_it_should(self, head: bytes) -> bool:
        """Whether it begins as a zip file does."""
        return head.startswith(b"PK")

    def target(self, path: Path, columns: Columns, about: Mapping[str, Any]) -> _Target:
        """Begin a file."""
        del columns
        return _Target(path, about["compression"])

    def container(self, path: Path) -> Container:
        """Open a file."""
        return _Container(path)

    def part(self, path: Path) -> Part | None:
        """Return which recording a file is; only of ours, as a run has other npz files as well."""
        part = super().part(path)
        if part is None:
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                return part if f"{DESCRIPTION}.npy" in archive.namelist() else None
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
            return None  # the reader of all other npz files says what is wrong


NPZ = NpzFormat()


def check_size(member: zipfile.ZipInfo) -> None:
    """Raise a DamagedFile if a member of an archive cannot be as long as it says."""
    if member.file_size > _MOST_RATIO * (member.compress_size + 64):
        raise DamagedFile(f"{member.filename} cannot have {member.file_size} bytes")


class _Target:
    """Keeps each column in a file of its own without a name until their length is known."""

    def __init__(self, path: Path, compression: str) -> None:
        self._path = path
        self._kind = zipfile.ZIP_STORED if compression == "none" else zipfile.ZIP_DEFLATED
        self._columns: dict[str, tuple[BinaryIO, np.dtype[Any], tuple[int, ...]]] = {}
        self._rows: dict[str, int] = {}
        self._lists = WithoutLists()

    def write(self, arrays: Arrays) -> None:
        for name, values in self._lists.taken_apart(arrays).items():
            if name not in self._columns:
                file: Any = tempfile.TemporaryFile(dir=self._path.parent)  # noqa: SIM115
                self._columns[name] = file, values.dtype, values.shape[1:]
            self._columns[name][0].write(bytes_of(np.ascontiguousarray(values)).data)
            self._rows[name] = self._rows.get(name, 0) + len(values)

    def finish(self, description: str) -> None:
        with zipfile.ZipFile(self._path, "w", self._kind) as archive:
            for name, (content, dtype, shape) in self._columns.items():
                about = {
                    "descr": np.lib.format.dtype_to_descr(dtype),
                    "fortran_order": False,
                    "shape": (self._rows[name], *shape),
                }
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array_header_1_0(file, about)
                    content.seek(0)
                    shutil.copyfileobj(content, file, _COPY_BYTES)
            with archive.open(f"{DESCRIPTION}.npy", "w") as file:
                np.lib.format.write_array(file, np.array(description), allow_pickle=False)
        self.abandon()

    def abandon(self) -> None:
        for file, _, _ in self._columns.values():
            file.close()


class _Container:
    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)
        self._arrays: dict[str, NDArray[Any]] = {}
        names = {each.removesuffix(".npy") for each in self._archive.namelist()}
        self.description = str(self._array(DESCRIPTION)) if DESCRIPTION in names else None
        self.names: Collection[str] = names - {DESCRIPTION}

    def read(self, number: int, first: int, count: int) -> Arrays:
        del number
        columns = {name: self._column(name) for name in self.names}
        return WithoutLists.put_together(columns, first, count)

    def _column(self, name: str) -> NDArray[Any]:
        """Return a column; one that is not compressed stays in the file."""
        if name not in self._arrays:
            member = self._archive.getinfo(f"{name}.npy")
            if member.compress_type == zipfile.ZIP_STORED:
                self._arrays[name] = self._mapped(member)
            else:
                self._arrays[name] = self._array(name)
        return self._arrays[name]

    def _array(self, name: str) -> NDArray[Any]:
        member = self._archive.getinfo(f"{name}.npy")
        check_size(member)
        with self._archive.open(member) as file:
            array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array

    def _mapped(self, member: zipfile.ZipInfo) -> NDArray[Any]:
        with self._archive.open(member) as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            header = file.tell()
        offset = _offset_of(self._archive, member) + header
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size > member.file_size or dtype.hasobject:
            raise DamagedFile(f"{member.filename} has another size than it says")
        assert self._archive.filename is not None
        if not size:  # a file has no empty part that could be mapped
            return np.empty(shape, dtype)
        return np.memmap(self._archive.filename, dtype, "r", offset, shape)

    def close(self) -> None:
        self._arrays.clear()
        self._archive.close()


def _offset_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin: behind its own header, with name and extras."""
    file: Any = archive.fp
    file.seek(member.header_offset + 26)
    name, extra = np.frombuffer(file.read(4), "<u2").tolist()
    return int(member.header_offset + 30 + name + extra)


@sink
class Npz(Converted):
    """Save events of any kind as an archive of NumPy arrays, one for each field.

    ``numpy.load(path)["chA"]`` is an array with a row for each event. Of events of variable length
    it has all values one behind the other, and ``["offsets"]`` says where each event begins.
    """

    format = NPZ
