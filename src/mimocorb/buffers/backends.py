"""The kinds of rings that a buffer can be made of, by the names that set-ups use.

============== ====================================================================================
name           a ring
============== ====================================================================================
shared_memory  in memory that processes of one machine share; written in C++, the one to use
in_process     for threads of one process; written in Python, the oracle of the tests
============== ====================================================================================

An installed package brings another one under an entry point of the group ``mimocorb.backends``: a
module or object with the functions of :class:`Backend`. Its test is
:class:`mimocorb.testing.BufferContract`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

from mimocorb.buffers.contract import ObserverPort, ReaderPort, RingPort, WriterPort
from mimocorb.errors import SetupError

__all__ = ["OWN_BACKENDS", "Backend", "backend_at", "home_of"]

OWN_BACKENDS = {
    "shared_memory": "mimocorb.buffers.shared_memory",
    "in_process": "mimocorb.buffers.in_process.ring",
}
"""The backends of mimocorb and where they are; known here, as every worker opens a port."""


class Backend(Protocol):
    """What makes rings of one kind, and opens their ports in other processes."""

    def make_ring(
        self,
        number_of_slots: int,
        slot_bytes: int,
        max_reader_groups: int,
        max_deliveries: int,
        is_sized: bool = False,
        /,
    ) -> RingPort:
        """Make a ring; this process holds it.

        With `is_sized` only a part of each slot is in use, as :mod:`mimocorb.buffers.lengths`
        tells: the rest need not be copied.
        """

    def open_writer(self, address: dict[str, Any], token: int, /) -> WriterPort:
        """Open a writer at the address that the ring has given."""

    def open_reader(self, address: dict[str, Any], group: int, /) -> ReaderPort:
        """Open a reader of a group."""

    def open_observer(self, address: dict[str, Any], /) -> ObserverPort:
        """Open an observer."""


def home_of(name: str) -> str:
    """Return where the backend of this name is, as ``module`` or ``module:name``.

    Raises
    ------
    SetupError
        No installed package offers it, or several do.
    """
    if name in OWN_BACKENDS:
        return OWN_BACKENDS[name]
    from mimocorb.registry import offered  # reads the descriptions of all packages

    backends = offered("backends")
    if name in backends:
        return backends[name].value
    if name in backends.twice:
        raise SetupError(
            f"the buffer backend {name!r} is offered by {' and '.join(backends.twice[name])};"
            " uninstall all but one of them"
        )
    raise SetupError(
        f"no installed package offers the buffer backend {name!r}; there are"
        f" {', '.join([*OWN_BACKENDS, *backends])}"
    )


def backend_at(home: str) -> Backend:
    """Import a backend.

    Raises
    ------
    SetupError
        It cannot be imported.
    """
    module, _, name = home.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split(".") if name else ():
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise SetupError(f"the buffer backend {home} cannot be imported: {error}") from error
    return cast("Backend", found)
