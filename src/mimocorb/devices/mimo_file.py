"""Events from files that mimoCoRB2 has recorded (``.mimo``).

Such a file begins with a pickled description and goes on with the bytes of one event after the
other: its data, then its metadata. Unpickling may run any program that a file asks for, so the
description is not unpickled as it stands: the only thing it may name is a NumPy type, and that is
put together here from checked parts.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._files import open_regular
from mimocorb.buffers.exact import exact_number
from mimocorb.components.form import Metadata
from mimocorb.errors import SetupError

__all__ = ["MimoFile"]

_LONGEST_HEADER = 1 << 20
_NUMBERS = ("counter", "timestamp", "deadtime")
_KINDS: dict[str, type[np.int64 | np.float64]] = {
    "counter": np.int64,
    "timestamp": np.float64,
    "deadtime": np.float64,
    "time_ns": np.int64,
}
_PLAIN = re.compile(r"[biufc]\d{1,2}")

logger = logging.getLogger(__name__)


class MimoFile:
    """A file recorded by mimoCoRB2.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    data_dtype : numpy.dtype
        Type of one value of an event.
    data_length : int
        Values per event.

    Raises
    ------
    SetupError
        There is no such file, or it is none of mimoCoRB2.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open_regular(path) as file:
                head = io.BytesIO(file.read(_LONGEST_HEADER))
        except OSError as error:
            raise SetupError(f"cannot read {path}: {error.strerror}") from error
        try:
            about = _Description(head).load()
            data, metadata = (about[f"{part}_dtype"].dtype() for part in ("data", "metadata"))
            lengths = int(about["data_length"]), int(about["metadata_length"])
            self.event_dtype = np.dtype(
                [("data", data, (lengths[0],)), ("metadata", metadata, (lengths[1],))]
            )
            np.zeros(1, metadata)[list(_NUMBERS)]
            self._known = {name: _KINDS[name] for name in _KINDS if name in metadata.names}
        except Exception as error:  # whatever a file can make of it
            raise SetupError(
                f"{path} is not a file that mimoCoRB2 has recorded: {type(error).__name__}: {error}"
            ) from error
        self.data_dtype, self.data_length = data, lengths[0]
        self.begin = head.tell()

    def __iter__(self) -> Iterator[tuple[NDArray[Any], Metadata]]:
        """Yield data and metadata of each event, in recorded order.

        Metadata are ``counter``, ``timestamp``, ``deadtime``, and ``time_ns`` if the file has it.

        Half an event at the end, left by a process that was killed, is told in the log.
        """
        with open_regular(self.path) as file:
            left = file.seek(0, os.SEEK_END) - self.begin
            if self.event_dtype.itemsize > left > 0:
                logger.warning("%s has not one whole event", self.path)
                return
            file.seek(self.begin)
            while len(content := file.read(self.event_dtype.itemsize)) == self.event_dtype.itemsize:
                (event,) = np.frombuffer(content, self.event_dtype)
                about = event["metadata"][0]
                numbers = [
                    exact_number(about[name], kind, f"{self.path}: {name}")
                    for name, kind in self._known.items()
                ]
                yield event["data"], Metadata(*numbers)
        if content:
            logger.warning("%s ends with half an event, which is left out", self.path)


class _TypeParts:
    """Stands for a NumPy type in a description: keeps what it is to be made of."""

    def __init__(self, code: object, *_flags: object) -> None:
        self._code = code
        self._state: Any = (3, "|", None, None, None, -1, -1, 0)

    def __setstate__(self, state: Any) -> None:
        self._state = state

    def dtype(self) -> np.dtype[Any]:
        """Make the type; ValueError if it is none of numbers."""
        _, order, _, names, fields, itemsize, *_ = self._state
        if names:
            return np.dtype(
                {
                    "names": [str(name) for name in names],
                    "formats": [fields[name][0].dtype() for name in names],
                    "offsets": [int(fields[name][1]) for name in names],
                    "itemsize": int(itemsize),
                }
            )
        if not isinstance(self._code, str) or not _PLAIN.fullmatch(self._code):
            raise ValueError(f"found the type {self._code!r}")
        return np.dtype(self._code).newbyteorder(order if order in ("<", ">") else "=")


class _Description(pickle.Unpickler):
    """Reads the description of a file; nothing in it can name anything but a NumPy type."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for."""
        if (module, name) == ("numpy", "dtype"):
            return _TypeParts
        raise pickle.UnpicklingError(f"the description names {module}.{name}")
