"""Units, scales and offsets of channels in files: beside each column, and from there back again.

What a file tells of its data, its ``about``, has ``units``, ``scale`` and ``offset`` by the names
of fields. A column of counts is noted as such, with the unit that the scaled values have: nobody
who reads the file with another program takes a count for a voltage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mimocorb.errors import SetupError
from mimocorb.model.channels import Channel, channels_of
from mimocorb.recording.output_file import check_columns

__all__ = ["COUNTS", "channels_in", "described", "notes_at", "read_notes"]

COUNTS = "counts"
"""What stands in the place of the unit of numbers that have a scale or an offset."""

_KEYS = ("units", "scale", "offset")


def described(owner: str, buffer: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """Return `about` with what the buffer knows of its channels.

    Parameters
    ----------
    owner
        Named in messages.
    buffer
        Set-up dictionary of the buffer that the events come from.
    about
        What the configuration tells: ``units``, ``scale`` and ``offset`` by fields, and more.

    Raises
    ------
    SetupError
        A field is not there, or the configuration contradicts the buffer.
    """
    columns = buffer["dtype"].names or ("value",)
    for key in _KEYS:
        check_columns(owner, key, about.get(key) or {}, columns)
    found = {key: dict(about.get(key) or {}) for key in _KEYS}
    for name, channel in channels_of(buffer).items():
        known = {"units": channel.unit, "scale": channel.scale, "offset": channel.offset}
        for key, value in known.items():
            given = found[key].get(name, value)
            if given != value and not (key == "units" and not channel.unit):
                raise SetupError(
                    f"{owner}: {key} of {name} is {given!r}, but the buffer {buffer['name']} says"
                    f" {value!r}. Remove it here: recordings take it from the buffer."
                )
        if channel.unit:
            found["units"][name] = channel.unit
        if channel.is_raw:
            found["scale"][name], found["offset"][name] = channel.scale, channel.offset
    others = {key: value for key, value in about.items() if key not in _KEYS}
    return others | {key: value for key, value in found.items() if value}


def channels_in(about: Mapping[str, Any]) -> dict[str, Channel]:
    """Return the channels that a file tells of, by name."""
    units, scales, offsets = (about.get(key) or {} for key in _KEYS)
    unknown: np.dtype[Any] = np.dtype("V0")
    return {
        name: Channel(
            str(name),
            unknown,
            str(units.get(name, "")),
            float(scales.get(name, 1.0)),
            float(offsets.get(name, 0.0)),
        )
        for name in {**units, **scales, **offsets}
    }


def notes_at(about: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return what is noted at the column of a field."""
    channel = channels_in(about).get(name)
    if channel is None or not channel.is_described:
        return {}
    if not channel.is_raw:
        return {"unit": channel.unit}
    unit = {"scaled_unit": channel.unit} if channel.unit else {}
    return {"unit": COUNTS, "scale": repr(channel.scale), "offset": repr(channel.offset), **unit}


def read_notes(notes: Mapping[str, Mapping[bytes, bytes] | None]) -> dict[str, Any]:
    """Return units, scales and offsets as `about` has them, from what is noted at columns."""
    found: dict[str, dict[str, Any]] = {key: {} for key in _KEYS}
    for name, noted in notes.items():
        texts = {
            key.decode("utf-8", "replace"): text.decode("utf-8", "replace")
            for key, text in (noted or {}).items()
        }
        unit = texts.get("unit", "")
        if unit == COUNTS and "scale" in texts:
            unit = texts.get("scaled_unit", "")
            for key in ("scale", "offset"):
                found[key][name] = float(texts.get(key, "0"))
        if unit:
            found["units"][name] = unit
    return {key: value for key, value in found.items() if value}
