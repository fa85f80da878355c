"""The channels of a buffer that keeps what a digitiser counts, with what the counts mean.

``{chA: {dtype: int16, unit: mV, scale: 0.061, offset: -12.5}}``: the numbers are stored as they
come from the device, and a count stands for ``count * scale + offset`` in the unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mimocorb.model.faults import Fault, Faults
from mimocorb.model.kinds import Parsed
from mimocorb.model.record_type import parse_record_type, write_record_type

__all__ = ["PER_MV", "Channel", "channel_list", "channels_of", "record_type_of"]

PER_MV: Mapping[str, float] = {"V": 1e-3, "mV": 1.0, "µV": 1e3, "uV": 1e3}
"""How much of a unit of voltage one millivolt is."""

_KEYS = ("dtype", "unit", "scale", "offset")
_EXAMPLE = "chA: {dtype: int16, unit: mV, scale: 0.061, offset: -12.5}"
_NUMBERS = "biuf"


@dataclass(frozen=True)
class Channel:
    """A field of a buffer, and what one of its numbers stands for."""

    name: str
    """Name of the field."""
    dtype: np.dtype[Any]
    """NumPy type of a number, as it is stored."""
    unit: str = ""
    """Unit of the values; empty if it is not known."""
    scale: float = 1.0
    """What one count is, in the unit."""
    offset: float = 0.0
    """Value at count 0, in the unit."""

    @property
    def is_raw(self) -> bool:
        """Whether the numbers are counts, and not the values themselves."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def is_described(self) -> bool:
        """Whether anything is known of it but its type."""
        return self.is_raw or bool(self.unit)

    def about(self) -> dict[str, Any]:
        """Return what travels with a buffer: unit, scale and offset, as plain values."""
        return {"unit": self.unit, "scale": self.scale, "offset": self.offset}

    def __str__(self) -> str:
        if not self.is_raw:
            return self.unit or "no unit"
        sign = "-" if self.offset < 0 else "+"
        shift = f" {sign} {abs(self.offset):g}" if self.offset else ""
        return f"count * {self.scale:g}{shift} {self.unit}".rstrip()


def record_type_of(channels: Iterable[Channel]) -> np.dtype[Any]:
    """Return the NumPy type of a record of these channels."""
    return np.dtype([(each.name, each.dtype) for each in channels])


def channels_of(described: Any) -> dict[str, Channel]:
    """Return the channels of a buffer or recording of which something is known, by name.

    Parameters
    ----------
    described
        A set-up dictionary of a buffer, such as functions get as ``buffer``; something with such a
        description: a Reader, Observer or Writer, recorded events; or the mapping of the channels
        itself, ``{"chA": {"unit": "mV", "scale": 0.061, "offset": -12.5}}``.
    """
    found = getattr(described, "channels", None)
    if found is None:
        if not isinstance(described, Mapping):
            raise TypeError(
                "what numbers mean is asked of a buffer, a Reader, an Observer or recorded events;"
                f" found {type(described).__name__}"
            )
        is_setup = "channels" in described or "dtype" in described
        found = described.get("channels", {}) if is_setup else described
    channels = {}
    for name, about in (found or {}).items():
        one = about if isinstance(about, Channel) else _with_about(name, about)
        if one.is_described:
            channels[str(name)] = one
    return channels


def _with_about(name: str, about: Mapping[str, Any]) -> Channel:
    known = Channel(str(name), np.dtype("V0"))
    scale, offset = float(about.get("scale", 1.0)), float(about.get("offset", 0.0))
    return replace(known, unit=str(about.get("unit", "")), scale=scale, offset=offset)


# --- as set-up files write them


def channel_list() -> Parsed:
    """Return the kind of the channels of a buffer."""
    number = {"type": "number"}
    text = {"type": "string", "minLength": 1}
    keys = {
        "dtype": text | {"examples": ["int16", "float32"]},
        "unit": text | {"examples": ["mV"]},
        "scale": number | {"description": "What one count is, in the unit."},
        "offset": number | {"description": "Value at count 0, in the unit."},
    }
    one = {
        "type": "object",
        "properties": keys,
        "required": ["dtype"],
        "additionalProperties": False,
    }
    described = {
        "type": "object",
        "additionalProperties": {"anyOf": [one, text]},
        "minProperties": 1,
    }
    return Parsed(_parse, described, _write)


def _write(channels: tuple[Channel, ...]) -> dict[str, Any]:
    return {each.name: _write_one(each) for each in channels}


def _write_one(channel: Channel) -> Any:
    kind = write_record_type(channel.dtype)
    usual = Channel(channel.name, channel.dtype).about()
    more = {key: value for key, value in channel.about().items() if value != usual[key]}
    return {"dtype": kind, **more} if more else kind


def _parse(value: Any) -> tuple[Channel, ...]:
    """Return the channels; raises :class:`~mimocorb.model.faults.Faults`."""
    remedy = f"write for example: {_EXAMPLE}"
    if not isinstance(value, Mapping) or not value:
        raise Faults(Fault("is a mapping of names of channels to what they are", remedy))
    faults: list[Fault] = []
    channels = []
    for name, about in value.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            faults.append(Fault("must be a text", "write for example: chA", (name,), True,
                                "a name in {}"))  # fmt: skip
        elif isinstance(about, Mapping):
            faults += _unknown_keys(name, about)
            channels.append(_parse_one(name, about, (name,), faults))
        else:  # a type and nothing else
            channels.append(_parse_one(name, {"dtype": about}, (), faults))
    if faults:
        raise Faults(*faults)
    return tuple(channels)


def _unknown_keys(name: str, about: Mapping[Any, Any]) -> list[Fault]:
    return [
        Fault(
            f"is one of {', '.join(_KEYS)}",
            "remove it",
            (name, key),
            True,
            f"a key of {_quoted(name)} in {{}}",
            _KEYS,
        )
        for key in about
        if key not in _KEYS
    ]


def _parse_one(
    name: str, about: Mapping[str, Any], at: tuple[Any, ...], faults: list[Fault]
) -> Channel:
    """Return a channel; what is wrong with it goes to `faults`."""
    found: dict[str, Any] = {"dtype": np.dtype("u1"), "unit": "", "scale": 1.0, "offset": 0.0}
    if "dtype" not in about:
        example = f"write for example: {_EXAMPLE}"
        faults.append(Fault("needs a dtype", example, (name,), part=f"{_quoted(name)} in {{}}"))
    for key in (each for each in _KEYS if each in about):
        path = (*at, key) if at else (name,)
        part = f"{key} of {_quoted(name)} in {{}}"
        try:
            found[key] = _READERS[key](about[key], found["dtype"])
        except Faults as refused:
            faults += [
                fault._replace(path=(*path, *fault.path), part=part) for fault in refused.faults
            ]
    return Channel(name, **found)


def _read_unit(value: Any, _dtype: np.dtype[Any]) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise Faults(Fault("must be a text", "write for example: mV"))
    return value


def _read_number(value: Any, dtype: np.dtype[Any]) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise Faults(Fault("must be a finite number", "correct the number"))
    if dtype.base.kind not in _NUMBERS:
        remedy = f"remove it, or choose a dtype such as int16 instead of {dtype}"
        raise Faults(Fault("is for whole and real numbers", remedy))
    return float(value)


def _read_scale(value: Any, dtype: np.dtype[Any]) -> float:
    scale = _read_number(value, dtype)
    if scale == 0:
        raise Faults(Fault("must be another number than 0", "correct the number"))
    return scale


_READERS: Mapping[str, Callable[[Any, np.dtype[Any]], Any]] = {
    "dtype": lambda value, _before: parse_record_type(value),
    "unit": _read_unit,
    "scale": _read_scale,
    "offset": _read_number,
}


def _quoted(name: str) -> str:
    return repr(name).replace("{", "(").replace("}", ")")
