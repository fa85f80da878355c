"""What a filter has found in an event, to be drawn on it.

A filter that writes waveforms into one buffer and what it has measured into another gives both the
same counter. Fields are understood by their names, as the functions of the manual write them:
``1st_chA_p`` is the place (a sample) and ``1st_chA_h`` the height of the first pulse in chA;
also ``chA_position`` and ``chA_height``, or ``position`` and ``height`` where there is one channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pulse_buffers", "pulses_in"]

_PLACES = ("p", "pos", "position", "peak", "peak_position", "position_samples")
_HEIGHTS = ("h", "height", "height_mV", "peak_height")


def pulse_buffers(setup: Mapping[str, Any], buffer: str) -> list[str]:
    """Return the buffers that may hold what a filter has found in the events of this one.

    A worker writes them that reads this one, or that writes this one as well.
    """
    found = []
    for worker in setup.get("Workers", {}).values():
        sinks = list(worker.get("sinks") or ())
        if buffer in sinks or buffer in (worker.get("sources") or ()):
            found += [name for name in sinks if name != buffer and name not in found]
    return found


def pulses_in(data: NDArray[Any], channels: Iterable[str]) -> list[dict[str, Any]]:
    """Return the pulses that one event of numbers tells: channel, sample, height if known, name."""
    names = data.dtype.names or ()
    known = list(channels)
    heights = {stem: name for name in names if (stem := _stem(name, _HEIGHTS)) is not None}
    found: list[dict[str, Any]] = []
    for name in names:
        stem = _stem(name, _PLACES)
        channel = None if stem is None else _channel(stem, known)
        if stem is None or channel is None:
            continue
        places = np.asarray(data[name]).reshape(-1)
        of_height = heights.get(stem)
        height = np.asarray(data[of_height]).reshape(-1) if of_height else None
        for number, place in enumerate(places.tolist()):
            if not isinstance(place, int | float) or not place > 0:
                continue  # 0 is what functions write where there was none
            value = None if height is None or number >= len(height) else float(height[number])
            label = stem if len(places) == 1 else f"{stem} {number + 1}"
            found.append(
                {"channel": channel, "sample": place, "height": value, "name": label.strip("_ ")}
            )
    return found


def _stem(name: str, endings: tuple[str, ...]) -> str | None:
    """Return what stands before one of these endings: what the pulse is called."""
    for ending in sorted(endings, key=len, reverse=True):
        if name == ending:
            return ""
        if name.endswith(f"_{ending}"):
            return name[: -len(ending) - 1]
    return None


def _channel(stem: str, channels: list[str]) -> str | None:
    for channel in sorted(channels, key=len, reverse=True):
        if channel in stem:
            return channel
    return channels[0] if len(channels) == 1 else None
