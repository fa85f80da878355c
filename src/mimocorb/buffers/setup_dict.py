"""The documented dictionaries that travel to worker processes, and the ports opened from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimocorb.buffers.backends import backend_at
from mimocorb.buffers.contract import ObserverPort, ReaderPort, WriterPort
from mimocorb.errors import SetupError

__all__ = ["SetupDict", "open_observer_port", "open_reader_port", "open_writer_port"]


class SetupDict(dict[str, Any]):
    """What ``new_writer()``, ``new_reader_group()`` and ``new_observer()`` return.

    A plain dictionary that can be pickled and given to a child process under any start method.
    Documented keys: ``kind`` ("writer", "reader" or "observer"), ``name`` of the buffer,
    ``number_of_slots``, ``values_per_slot``, ``dtype``, ``debug``; for readers also ``group`` and
    ``first_sequence``, the publish number of the first event the group gets; for writers also
    ``first_counter``, the number that a source gives its first event: 0, or what comes next in the
    buffer for one that takes the place of another.
    """


def open_writer_port(setup: Mapping[str, Any]) -> WriterPort:
    """Open the writer that `setup` describes."""
    address = _address(setup, "writer")
    return backend_at(setup["backend"]).open_writer(address, setup["token"])


def open_reader_port(setup: Mapping[str, Any]) -> ReaderPort:
    """Open a reader of the group that `setup` describes."""
    address = _address(setup, "reader")
    return backend_at(setup["backend"]).open_reader(address, setup["group"])


def open_observer_port(setup: Mapping[str, Any]) -> ObserverPort:
    """Open an observer of the buffer that `setup` describes."""
    address = _address(setup, "observer")
    return backend_at(setup["backend"]).open_observer(address)


_MAKERS = {"writer": "new_writer()", "reader": "new_reader_group()", "observer": "new_observer()"}


def _address(setup: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    kind = setup.get("kind") if isinstance(setup, Mapping) else None
    if kind != wanted:
        found = f"one from {_MAKERS[kind]}" if kind in _MAKERS else repr(setup)[:80]
        raise SetupError(
            f"a {wanted.capitalize()} needs the set-up dictionary from NewBuffer.{_MAKERS[wanted]},"
            f" but got {found}"
        )
    address: dict[str, Any] = setup["address"]
    return address
