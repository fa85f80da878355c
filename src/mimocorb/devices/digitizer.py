"""What all oscilloscopes have in common: they count, and a count has a scale.

An event has one field for each input that is read. Where the buffer has whole numbers it gets the
counts of the device, and has to say what they mean; a driver compares that with what the device
says of itself. Where the buffer has real numbers it gets values in the unit of the channel, mV if
it has none. A field ``overflow`` has bit n set if input n of the event (from 0, in the order of the
fields) was at the end of its range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import SetupError
from mimocorb.model.channels import PER_MV, Channel, channels_of

__all__ = ["OVERFLOW", "CountScale", "Events"]

OVERFLOW = "overflow"
_SAME_SCALE = 1e-3
"""How much the scale of a buffer may differ from that of the device: the devices are less exact."""


@dataclass(frozen=True)
class CountScale:
    """What a count of an input is: ``count * mv + at_zero_mv``."""

    mv: float
    at_zero_mv: float = 0.0


class Events:
    """Makes events of what a device counts.

    Parameters
    ----------
    buffer
        The buffer that gets them.
    fields
        Those of the inputs.
    """

    def __init__(self, buffer: Mapping[str, Any], fields: list[str]) -> None:
        self._buffer, self.fields = str(buffer["name"]), fields
        self._dtype: np.dtype[Any] = buffer["dtype"]
        self._samples: int = buffer["values_per_slot"]
        self._known = channels_of(buffer)
        self._scales: dict[str, tuple[float, float]] = {}

    def set_scale(self, field: str, scale: CountScale, counts: np.dtype[Any]) -> None:
        """Take what the device says of its counts; SetupError if the buffer says something else."""
        known = self._known.get(field, Channel(field, self._dtype[field], "mV"))
        per_mv = PER_MV[known.unit or "mV"]
        told = scale.mv * per_mv, scale.at_zero_mv * per_mv
        if self._dtype[field].kind in "iu":
            if not np.can_cast(counts, self._dtype[field]):
                raise SetupError(
                    f"the device counts in {counts}, which {field} of the buffer {self._buffer}"
                    f" cannot hold: it is {self._dtype[field]}; the nearest is"
                    f" {np.promote_types(counts, self._dtype[field])}"
                )
            is_same = abs(known.scale - told[0]) <= _SAME_SCALE * abs(told[0])
            if not is_same or abs(known.offset - told[1]) > abs(told[0]):
                offset = f", offset: {told[1]:.6g}" if told[1] else ""
                raise SetupError(
                    f"{field} of the buffer {self._buffer} is {known}, and with these settings the"
                    f" device counts {told[0]:.6g} {known.unit} from {told[1]:.6g} {known.unit} on:"
                    f" write {field}: {{dtype: {self._dtype[field]}, unit: {known.unit}, scale:"
                    f" {told[0]:.6g}{offset}}}"
                )
        self._scales[field] = told

    def make(
        self, counts: Mapping[str, NDArray[Any]], overflow: int | None = None
    ) -> dict[str, NDArray[Any]]:
        """Return an event.

        Parameters
        ----------
        counts
            What was counted, by field.
        overflow
            Which inputs were at the end of their range, as bits.
        """
        event: dict[str, NDArray[Any]] = {}
        for field in self.fields:
            kind = self._dtype[field]
            if kind.kind in "iu":
                event[field] = counts[field].astype(kind, casting="safe", copy=False)
            else:
                scale, offset = self._scales[field]
                event[field] = (counts[field] * np.float64(scale) + offset).astype(kind)
        if OVERFLOW in (self._dtype.names or ()):
            event[OVERFLOW] = np.full(self._samples, overflow or 0, self._dtype[OVERFLOW])
        return event
