"""ROOT: a TTree or an RNTuple with a branch for each channel, written and read by uproot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mimocorb.components.form import sink
from mimocorb.errors import DamagedFile
from mimocorb.recording.arrays import Arrays
from mimocorb.recording.columns import Columns
from mimocorb.recording.converted import Converted
from mimocorb.recording.formats import EventFile, Part
from mimocorb.recording.read_whole_file import DESCRIPTION, Container
from mimocorb.recording.tables import TableFile, table_from_arrays
from mimocorb.recording.whole_file import WholeFileFormat

__all__ = ["RNTUPLE", "ROOT", "RNTuple", "Root"]

_TREE = "events"
_COMPRESSIONS = {"lz4": ("LZ4", 4), "zlib": ("ZLIB", 1), "zstd": ("ZSTD", 5)}


class RootFormat(WholeFileFormat):
    """A ROOT file with the tree ``events``: a branch for each column, an entry for each event."""

    name = "root"
    endings = (".root",)
    magic = b"root"
    needs = ("uproot", "awkward")
    extra = "root"
    compressions = ("zlib", "lz4", "zstd", "none")
    kind = "TTree"

    def target(self, path: Path, columns: Columns, about: Mapping[str, Any]) -> _Target:
        """Begin a file."""
        del columns
        return _Target(path, self.kind, about["compression"])

    def container(self, path: Path) -> Container:
        """Open a file."""
        return _Container(path)

    def open_foreign(self, path: Path) -> EventFile:
        """Open a tree of others, its branches with numbers."""
        import uproot

        with uproot.open(path) as file:
            trees = [
                name
                for name, kind in file.classnames(cycle=False).items()
                if kind in ("TTree", "ROOT::RNTuple")
            ]
            if not trees:
                raise DamagedFile(f"{path} has no TTree and no RNTuple")
            tree = max((file[name] for name in trees), key=lambda each: each.num_entries)
            found = {}
            for name in tree.keys():  # noqa: SIM118 - a tree, no dict
                array = tree[name].array(library="np")
                if array.dtype.kind in "biufc":
                    found[name.replace("/", ".")] = array.astype(array.dtype.newbyteorder("="))
            left = sorted(set(tree.keys()) - set(found))
            about = {"tree": tree.name, **({"not_read": left} if left else {})}
            return TableFile(path, table_from_arrays(path, found, about))


class RNTupleFormat(RootFormat):
    """A ROOT file with an RNTuple, for ROOT from version 6.36 on; ROOT's own reader takes both."""

    name = "rntuple"
    kind = "RNTuple"

    def part(self, path: Path) -> Part | None:
        """Return None: ``root`` reads these files as well."""
        del path
        return None


ROOT = RootFormat()
RNTUPLE = RNTupleFormat()


class _Target:
    def __init__(self, path: Path, kind: str, compression: str) -> None:
        import uproot

        how = _COMPRESSIONS.get(compression)
        self._file = uproot.recreate(path, compression=how and getattr(uproot, how[0])(how[1]))
        self._kind = kind
        self._tree: Any = None

    def write(self, arrays: Arrays) -> None:
        if self._tree is None:
            types = {
                name: np.dtype((values.dtype, values.shape[1:])) for name, values in arrays.items()
            }
            make = self._file.mktree if self._kind == "TTree" else self._file.mkrntuple
            self._tree = make(_TREE, types)
        self._tree.extend(dict(arrays))

    def finish(self, description: str) -> None:
        self._file[DESCRIPTION] = description
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


class _Container:
    def __init__(self, path: Path) -> None:
        import uproot

        self._file = uproot.open(path)
        names = self._file.keys(cycle=False)
        self.description = str(self._file[DESCRIPTION]) if DESCRIPTION in names else None
        self._tree = self._file[_TREE] if _TREE in names else None
        self.names: Collection[str] = self._tree.keys() if self._tree is not None else []

    def read(self, number: int, first: int, count: int) -> Arrays:
        import awkward as ak

        del number
        if self._tree is None:
            raise DamagedFile("it has no tree of events")
        if not 0 <= first <= first + count <= self._tree.num_entries:
            raise DamagedFile(f"the tree has {self._tree.num_entries} events only")
        arrays = self._tree.arrays(entry_start=first, entry_stop=first + count, library="ak")
        found = {name: ak.to_numpy(arrays[name]) for name in arrays.fields}
        return {name: each.astype(each.dtype.newbyteorder("=")) for name, each in found.items()}

    def close(self) -> None:
        self._file.close()


@sink
class Root(Converted):
    """Save events of any kind as a TTree in a ROOT file.

    The tree ``events`` has a branch for each field, an array of fixed length if it has several
    values for an event. It needs uproot, not ROOT: ``pip install "mimocorb[root]"``.
    """

    format = ROOT


@sink
class RNTuple(Converted):
    """Save events of any kind as an RNTuple in a ROOT file, for ROOT from version 6.36 on.

    The RNTuple ``events`` has a field for each field of the buffer. It needs uproot, not ROOT:
    ``pip install "mimocorb[root]"``.
    """

    format = RNTUPLE
