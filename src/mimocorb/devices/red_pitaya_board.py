"""What all ways to read a Red Pitaya have in common: its address, its clock, its jumpers.

And what those share that speak with the server of the pulse-height analyser: a command is a word of
64 bits, with a code, the number of an input and a value.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from mimocorb.devices.allowed import check_choice
from mimocorb.devices.connection import POLL_S
from mimocorb.errors import SetupError

__all__ = [
    "BASE_NS",
    "DECIMATION",
    "JUMPERS_MV",
    "MCPHA_PORT",
    "NEGATED",
    "Jumper",
    "board_config",
    "mcpha_server",
    "place_of",
    "tell",
]

BASE_NS = 8.0
"""Time between two samples, in ns, without decimation."""

Jumper = Literal["LV", "HV"]
JUMPERS_MV: Mapping[Jumper, float] = {"LV": 2000.0, "HV": 40000.0}
"""From the lowest to the highest voltage."""

MCPHA_PORT = 1001
DECIMATION, NEGATED = 4, 5
"""Commands of that server which both ways to read it need."""

_PLACE = re.compile(r"(?P<host>\[[^\]]+\]|[^:/\[\]\s]+)(:(?P<port>\d+))?")


def place_of(address: str, usual_port: int) -> tuple[str, int]:
    """Return host and port; SetupError if it is no address."""
    found = _PLACE.fullmatch(address)
    if found is None:
        raise SetupError(
            f"address: {address!r} is no address of a board; write for example"
            f" rp-f0a1b2.local or 192.168.1.7:{usual_port}"
        )
    return found["host"].strip("[]"), int(found["port"] or usual_port)


@contextmanager
def mcpha_server(address: str, connect_s: float) -> Iterator[socket.socket]:
    """Connect with the server of the pulse-height analyser; receiving waits for ``POLL_S``."""
    with socket.create_connection(place_of(address, MCPHA_PORT), connect_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(POLL_S)
        yield connection


def tell(connection: socket.socket, code: int, number: int = 0, value: int = 0) -> None:
    """Send a command to that server."""
    word = code << 56 | number << 52 | value & 0xF_FFFF_FFFF_FFFF
    connection.sendall(struct.pack("<Q", word))


def board_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the range of each input, as its jumper makes it."""
    given = config["jumper"]
    by_field = given if isinstance(given, Mapping) else {"": given}
    for name in by_field.values():
        check_choice("jumper", name, list(JUMPERS_MV))
    ranges = {field: JUMPERS_MV[name] for field, name in by_field.items()}
    if not isinstance(given, Mapping):
        return {**config, "range_mv": ranges[""]}
    return {**config, "range_mv": ranges, "usual_range_mv": JUMPERS_MV["LV"]}
