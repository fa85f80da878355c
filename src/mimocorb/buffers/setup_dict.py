"""The documented dictionaries that travel to worker processes, and the ports opened from them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from mimocorb._words import how_many
from mimocorb.buffers.backends import backend_at
from mimocorb.buffers.contract import ObserverPort, ReaderPort, WriterPort
from mimocorb.buffers.lengths import slot_bytes_of
from mimocorb.errors import SetupError

__all__ = [
    "SetupDict",
    "open_observer_port",
    "open_reader_port",
    "open_writer_port",
    "seal_of",
]

ADDRESS_NUMBERS = 4

_Port = TypeVar("_Port", WriterPort, ReaderPort, ObserverPort)


class SetupDict(dict[str, Any]):
    """What ``new_writer()``, ``new_reader_group()`` and ``new_observer()`` return.

    A plain dictionary that can be pickled and given to a child process under any start method.
    Documented keys: ``kind`` ("writer", "reader" or "observer"), ``name`` of the buffer,
    ``number_of_slots``, ``values_per_slot``, ``dtype``, ``channels`` (unit, scale and offset of
    those that have some, by name; see :func:`mimocorb.in_units`), ``variable`` (whether events may
    be shorter), ``debug``, and ``seal``, by which another dtype of the same size is noticed; for
    readers also ``group`` and ``first_sequence``, the publish number of the first event the group
    gets; for writers also ``first_counter``, the number that a source gives its first event: 0, or
    what comes next in the buffer for one that takes the place of another.
    """


def seal_of(dtype: Any, values_per_slot: int, variable: bool) -> int:
    """Return a number that tells what is in a slot: another one for every other type of it."""
    told = (_described(np.dtype(dtype)), values_per_slot, variable)
    return zlib.crc32(repr(told).encode())


def _described(dtype: np.dtype[Any]) -> Any:
    if dtype.subdtype is not None:
        return _described(dtype.subdtype[0]), dtype.shape
    if dtype.names is None:
        return dtype.str
    fields = [(name, *dtype.fields[name][:2]) for name in dtype.names] if dtype.fields else []
    return [(name, _described(kind), offset) for name, kind, offset in fields], dtype.itemsize


def open_writer_port(setup: Mapping[str, Any]) -> WriterPort:
    """Open the writer that `setup` describes."""
    address = _address(setup, "writer")
    port = backend_at(setup["backend"]).open_writer(address, setup["token"])
    return _checked(port, setup)


def open_reader_port(setup: Mapping[str, Any]) -> ReaderPort:
    """Open a reader of the group that `setup` describes."""
    address = _address(setup, "reader")
    port = backend_at(setup["backend"]).open_reader(address, setup["group"])
    return _checked(port, setup)


def open_observer_port(setup: Mapping[str, Any]) -> ObserverPort:
    """Open an observer of the buffer that `setup` describes."""
    address = _address(setup, "observer")
    return _checked(backend_at(setup["backend"]).open_observer(address), setup)


_MAKERS = {"writer": "new_writer()", "reader": "new_reader_group()", "observer": "new_observer()"}


def _address(setup: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """Return where the ring is, of a dictionary of the right kind that is as it was made."""
    kind = setup.get("kind") if isinstance(setup, Mapping) else None
    if kind != wanted:
        found = f"one from {_MAKERS[kind]}" if kind in _MAKERS else repr(setup)[:80]
        raise SetupError(
            f"a {wanted.capitalize()} needs the set-up dictionary from NewBuffer.{_MAKERS[wanted]},"
            f" but got {found}"
        )
    more = {"writer": {"token": _is_count}, "reader": {"group": _is_count}}.get(wanted, {})
    for key, fits in {**_KEYS, **more}.items():
        if key not in setup:
            raise _changed(setup, f"it has no {key!r}")
        if not fits(setup[key]):
            raise _changed(setup, f"its {key!r} is {setup[key]!r:.80}")
    address: dict[str, Any] = setup["address"]
    return address


def _checked(port: _Port, setup: Mapping[str, Any]) -> _Port:
    """Return the port, if the ring is as the dictionary says; what is taken for granted behind."""
    slots, slot_bytes = port.geometry()
    event_bytes = slot_bytes_of(setup)
    if (slots, slot_bytes) == (setup["number_of_slots"], event_bytes):
        seal = seal_of(setup["dtype"], setup["values_per_slot"], setup["variable"])
        if seal == setup["seal"]:
            return port
        port.close()
        dtype = np.dtype(setup["dtype"])
        raise _changed(setup, f"its 'dtype' is {dtype}, and another one was given")
    port.close()
    raise _changed(
        setup,
        f"it says {how_many(setup['number_of_slots'], 'slot')} of {how_many(event_bytes, 'byte')}, "
        f"the buffer has {how_many(slots, 'slot')} of {how_many(slot_bytes, 'byte')}",
    )


def _changed(setup: Mapping[str, Any], found: str) -> SetupError:
    kind = setup["kind"]
    return SetupError(
        f"a {kind.capitalize()} needs the set-up dictionary as NewBuffer.{_MAKERS[kind]} has given "
        f"it, but {found}: hand it on as it is"
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _is_address(value: object) -> bool:
    """Whether a place of a ring in shared memory, if it is one, is made of four numbers."""
    if not isinstance(value, dict):
        return False
    ring = value.get("ring", (0, 0, 0, 0))
    return (
        isinstance(ring, tuple)
        and len(ring) == ADDRESS_NUMBERS
        and all(map(_is_count, ring))
        and max(ring[:2]) < 1 << 31
    )


def _is_dtype(value: Any) -> bool:
    """Whether it is a type of numbers: objects are addresses, of another process for most."""
    try:
        return not np.dtype(value).hasobject
    except (TypeError, ValueError):
        return False


_KEYS: Mapping[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str),
    "number_of_slots": _is_count,
    "values_per_slot": _is_count,
    "dtype": _is_dtype,
    "channels": lambda value: isinstance(value, Mapping),
    "variable": lambda value: isinstance(value, bool),
    "seal": _is_count,
    "debug": lambda value: isinstance(value, bool | int),
    "backend": lambda value: isinstance(value, str),
    "address": _is_address,
}
