"""Events from files that mimoCoRB2 has recorded (``.mimo``).

Such a file begins with a pickled description and goes on with the bytes of one event after the
other: its data, then its metadata. Unpickling may run any program that a file asks for, so the
description is never unpickled: its instructions are read here one by one, the only thing they may
name is a NumPy type, and that is put together from checked parts.
"""

from __future__ import annotations

import logging
import os
import pickletools
import re
from collections.abc import Callable, Iterator, Mapping
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
_LARGEST_EVENT = 1 << 30
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
                head = file.read(_LONGEST_HEADER)
        except OSError as error:
            raise SetupError(f"cannot read {path}: {error.strerror}") from error
        try:
            about, self.begin = _described(head)
            data, metadata = (about[f"{part}_dtype"].dtype() for part in ("data", "metadata"))
            lengths = int(about["data_length"]), int(about["metadata_length"])
            _check_lengths(lengths, data.itemsize + metadata.itemsize)
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


def _check_lengths(lengths: tuple[int, int], value_bytes: int) -> None:
    if min(lengths) < 1 or max(lengths) * value_bytes > _LARGEST_EVENT:
        raise ValueError(f"an event has {lengths[0]} values, its metadata {lengths[1]}")


class _TypeParts:
    """Stands for a NumPy type in a description: keeps what it is to be made of."""

    def __init__(self, code: object, *_flags: object) -> None:
        self._code = code
        self._state: Any = (3, "|", None, None, None, -1, -1, 0)

    def set_state(self, state: Any) -> None:
        """Take the rest of what it is made of."""
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


_NUMBERS_AND_TEXTS = {
    "INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_OF_NO_MEANING = {"PROTO", "FRAME"}
_DEEPEST = 1000


class _Mark:
    """Stands where the items of a tuple or a dictionary begin."""


def _described(content: bytes) -> tuple[Any, int]:
    """Return what a pickled description says, and how many bytes it has.

    It is read, not unpickled: of the instructions of a pickle, those that make numbers, texts,
    tuples and dictionaries are followed, and the one name that may be called is ``numpy.dtype``.

    Raises
    ------
    ValueError
        It has other instructions, or names something else.
    """
    stack: list[Any] = []
    memory: dict[int, Any] = {}
    steps: Iterator[tuple[Any, Any, int | None]] = pickletools.genops(content)
    for opcode, argument, at in steps:
        name = opcode.name
        if len(stack) > _DEEPEST or len(memory) > _DEEPEST:
            raise ValueError("it is longer than a description can be")
        if name == "STOP":
            return stack[-1], (at or 0) + 1
        if name in _NUMBERS_AND_TEXTS:
            stack.append(argument)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memory[len(memory) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memory[argument])
        elif name in _STEPS:
            _STEPS[name](stack, argument)
        elif name not in _OF_NO_MEANING:
            raise ValueError(f"the description has the instruction {name}")
    raise ValueError("the description has no end")


def _name(stack: list[Any], argument: Any) -> None:
    named = argument or " ".join(map(str, _taken(stack, 2)))
    if named != "numpy dtype":
        raise ValueError(f"the description names {named.replace(' ', '.')}")
    stack.append(_TypeParts)


def _call(stack: list[Any], _: Any) -> None:
    called, arguments = _taken(stack, 2)
    if called is not _TypeParts:
        raise ValueError("the description calls something else than numpy.dtype")
    stack.append(_TypeParts(*arguments))


def _build(stack: list[Any], _: Any) -> None:
    (state,) = _taken(stack, 1)
    if not isinstance(stack[-1], _TypeParts):
        raise TypeError("the description builds something else than a dtype")
    stack[-1].set_state(state)


def _set_items(stack: list[Any], items: list[Any]) -> None:
    if not isinstance(stack[-1], dict):
        raise TypeError("the description puts items into something else than a dictionary")
    stack[-1].update(_pairs(items))


def _taken(stack: list[Any], count: int) -> list[Any]:
    taken = stack[-count:]
    if len(taken) < count:
        raise ValueError("the description takes more than it has put down")
    del stack[-count:]
    return taken


def _since_the_mark(stack: list[Any]) -> list[Any]:
    at = len(stack) - 1 - stack[::-1].index(_Mark)
    taken = stack[at + 1 :]
    del stack[at:]
    return taken


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


_STEPS: Mapping[str, Callable[[list[Any], Any], None]] = {
    "NONE": lambda stack, _: stack.append(None),
    "NEWTRUE": lambda stack, _: stack.append(True),
    "NEWFALSE": lambda stack, _: stack.append(False),
    "MARK": lambda stack, _: stack.append(_Mark),
    "EMPTY_DICT": lambda stack, _: stack.append({}),
    "EMPTY_TUPLE": lambda stack, _: stack.append(()),
    "GLOBAL": _name,
    "STACK_GLOBAL": _name,
    "TUPLE1": lambda stack, _: stack.append(tuple(_taken(stack, 1))),
    "TUPLE2": lambda stack, _: stack.append(tuple(_taken(stack, 2))),
    "TUPLE3": lambda stack, _: stack.append(tuple(_taken(stack, 3))),
    "TUPLE": lambda stack, _: stack.append(tuple(_since_the_mark(stack))),
    "DICT": lambda stack, _: stack.append(_pairs(_since_the_mark(stack))),
    "SETITEM": lambda stack, _: _set_items(stack, _taken(stack, 2)),
    "SETITEMS": lambda stack, _: _set_items(stack, _since_the_mark(stack)),
    "REDUCE": _call,
    "BUILD": _build,
}
"""What is done for each instruction, with what lies on the stack and the argument."""
