"""ROOT: a TTree or an RNTuple with a branch for each channel, written and read by uproot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.jagged import Jagged
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
    needs = ("uproot", "awkward")
    extra = "root"
    compressions = ("zlib", "lz4", "zstd", "none")
    kind = "TTree"

    def begins_as_it_should(self, head: bytes) -> bool:
        """Whether it begins as ROOT files do."""
        return head.startswith(b"root")

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
            types = {name: _type_of(values) for name, values in arrays.items()}
            if self._kind == "TTree":
                self._tree = self._file.mktree(_TREE, types, counter_name=_counter_of(types))
            else:
                self._tree = self._file.mkrntuple(_TREE, types)
        self._tree.extend({name: _as_lists(values) for name, values in arrays.items()})

    def finish(self, description: str) -> None:
        self._file[DESCRIPTION] = description
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


def _type_of(values: Any) -> Any:
    """Return the type of a branch, as uproot takes it."""
    if isinstance(values, Jagged):
        return f"var * {values.dtype.newbyteorder('=').name}"
    return np.dtype((values.dtype, values.shape[1:]))


def _as_lists(values: Any) -> Any:
    """Return what is written into a branch; ROOT has no lists of arrays, so all is one list."""
    import awkward as ak

    if not isinstance(values, Jagged):
        return values
    events = values.whole()
    numbers = int(np.prod(events.values.shape[1:], dtype=np.int64))
    return ak.unflatten(events.values.reshape(-1), events.lengths * numbers)


def _counter_of(names: Collection[str]) -> Callable[[str], str]:
    """Return how the branch with the lengths of a branch is called: no field is called so."""

    def name_of(counted: str) -> str:
        name = f"n_{counted}"
        while name in names:
            name = f"n_{name}"
        return name

    return name_of


def _native(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder("="))


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
        found: dict[str, Any] = {}
        for name in arrays.fields:
            column = arrays[name]
            if column.ndim == 2 and "var" in str(column.type):
                offsets = np.zeros(len(column) + 1, np.int64)
                np.cumsum(ak.to_numpy(ak.num(column)), out=offsets[1:])
                found[name] = Jagged(_native(ak.to_numpy(ak.flatten(column))), offsets)
            else:
                found[name] = _native(ak.to_numpy(column))
        return found

    def close(self) -> None:
        self._file.close()


@sink
class Root(Converted):
    """Save events of any kind as a TTree in a ROOT file.

    The tree ``events`` has a branch for each field, an array of fixed length if it has several
    values for an event, or of variable length if events have lengths of their own. It needs uproot,
    not ROOT: ``pip install "mimocorb[root]"``.
    """

    format = ROOT


@sink
class RNTuple(Converted):
    """Save events of any kind as an RNTuple in a ROOT file, for ROOT from version 6.36 on.

    The RNTuple ``events`` has a field for each field of the buffer. It needs uproot, not ROOT:
    ``pip install "mimocorb[root]"``.
    """

    format = RNTUPLE
