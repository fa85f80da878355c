"""What the numbers of a buffer mean on a screen: time of a sample, unit of a channel, trigger.

The channels of a buffer may have units. For the rest a buffer has no place: the functions that work
with it know, and have it in their configuration under the names that the oscilloscope and the
recordings use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mimocorb.components.docstrings import unit_of
from mimocorb.model.channels import PER_MV

__all__ = ["axes_of"]

NUMBERS = (
    "sample_time_ns",
    "pre_trigger_samples",
    "analogue_offset",
    "trigger_level",
    "channel_range",
)
_LISTS = ("observes", "sources", "sinks")
_IN_VOLT = {"analogue_offset": 1000.0, "trigger_level": 1000.0}
_OF_DEVICES = {"trigger_level": "trigger_level_mv"}
"""What sources of devices call the same thing, in mV."""
_VOLTAGES = ("analogue_offset", "trigger_level", "channel_range")
_CHANNEL = re.compile(r"ch[A-Z0-9]+")
"""As the manual names the channels of an oscilloscope, which are in mV."""


def axes_of(setup: Mapping[str, Any], buffer: str) -> dict[str, Any]:
    """Return what is known of the axes of a buffer, from the set-up of a run as its record has it.

    The nearest function counts: one that shows the buffer, then one that reads or writes it, then
    those upstream and downstream, whose events are cut from the same ones.
    """
    found: dict[str, Any] = {}
    units: dict[str, str] = {}
    for config in _configurations(setup, buffer):
        for key in NUMBERS:
            value = config.get(key)
            if key not in found and isinstance(value, int | float):
                found[key] = value * _IN_VOLT.get(key, 1.0)
            of_device = config.get(_OF_DEVICES.get(key, ""))
            if key not in found and isinstance(of_device, int | float):
                found[key] = float(of_device)
        given = config.get("units")
        if isinstance(given, Mapping):
            units = {str(name): str(unit) for name, unit in given.items()} | units
    channels: Mapping[str, Any] = setup.get("Buffers", {}).get(buffer, {}).get("channels") or {}
    own = {name: one["unit"] for name, one in channels.items() if _has_unit(one)}
    known = {unit for unit in own.values() if unit in PER_MV}
    if len(known) == 1:
        per_mv = PER_MV[known.pop()]
        found |= {key: found[key] * per_mv for key in _VOLTAGES if key in found}
    fields = list(_fields(setup.get("Buffers", {}).get(buffer, {})))
    named = {name: unit for name in fields if (unit := unit_of(name, ""))}
    is_voltage = any(key in found for key in _VOLTAGES) or any(map(_CHANNEL.fullmatch, fields))
    return found | {"units": named | units | own, "unit": "mV" if is_voltage else ""}


def _fields(buffer: Mapping[str, Any]) -> Iterable[str]:
    dtype = buffer.get("channels") or buffer.get("data_dtype")
    return dtype if isinstance(dtype, Mapping) else ()


def _has_unit(channel: Any) -> bool:
    return isinstance(channel, Mapping) and bool(channel.get("unit"))


def _configurations(setup: Mapping[str, Any], buffer: str) -> Iterator[Mapping[str, Any]]:
    workers: Mapping[str, Mapping[str, Any]] = setup.get("Workers", {})
    seen: set[str] = set()
    reached, length = {buffer}, setup.get("Buffers", {}).get(buffer, {}).get("data_length")
    while True:
        near = [
            (name, worker)
            for name, worker in sorted(workers.items(), key=lambda one: _rank(one[1], reached))
            if name not in seen and reached & set(_buffers(worker))
        ]
        if not near:
            return
        for name, worker in near:
            seen.add(name)
            config = worker.get("config")
            yield config if isinstance(config, Mapping) else {}
        for _, worker in near:
            # Only where events are as long as these do they have the same time axis.
            reached |= {
                other
                for other in _buffers(worker)
                if setup.get("Buffers", {}).get(other, {}).get("data_length") == length
            }


def _buffers(worker: Mapping[str, Any], lists: Iterable[str] = _LISTS) -> Iterator[str]:
    for key in lists:
        yield from worker.get(key) or ()


def _rank(worker: Mapping[str, Any], reached: set[str]) -> int:
    """Return how much is given on what a function says: displays are there to say it."""
    return next((n for n, key in enumerate(_LISTS) if reached & set(worker.get(key) or ())), 9)
