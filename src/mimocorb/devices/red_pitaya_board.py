"""What all ways to read a Red Pitaya have in common: its address, its clock, its jumpers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from mimocorb.devices.allowed import check_choice
from mimocorb.errors import SetupError

__all__ = ["BASE_NS", "JUMPERS_MV", "Jumper", "board_config", "place_of"]

BASE_NS = 8.0
"""Time between two samples, in ns, without decimation."""

Jumper = Literal["LV", "HV"]
JUMPERS_MV: Mapping[Jumper, float] = {"LV": 2000.0, "HV": 40000.0}
"""From the lowest to the highest voltage."""

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
