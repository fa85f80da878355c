"""A buffer of a set-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from mimocorb.model.channels import Channel, channel_list, record_type_of
from mimocorb.model.keys import part_config
from mimocorb.model.kinds import Derived, Flag, Number, Text, WholeNumber
from mimocorb.model.problem import NOWHERE, Where
from mimocorb.model.record_type import record_type
from mimocorb.schema import MAX_SLOT_BYTES

__all__ = ["CONNECTS", "BufferSpec"]

_UNKNOWN: np.dtype[Any] = np.dtype("V0")


CONNECTS = "jetstream"
"""The backend of a buffer whose events go through the engine, whoever reads them."""


@dataclass(frozen=True)
class BufferSpec:
    """One ring buffer."""

    __pydantic_config__: ClassVar[Any] = part_config(values="data_dtype")

    name: Annotated[str, Derived()]
    """Name in the set-up, such as ``raw``."""
    slot_count: Annotated[int, WholeNumber(1, 1 << 24)]
    """How many events the buffer holds."""
    data_length: Annotated[int, WholeNumber(1, MAX_SLOT_BYTES)]
    """Length of the array in a slot: samples of an event, or 1 for numbers."""
    values: Annotated[np.dtype[Any] | None, record_type()] = None
    """NumPy type of one value, or its fields."""
    channels: Annotated[tuple[Channel, ...], channel_list()] = ()
    """The fields, instead of `data_dtype`, with unit, scale and offset of what a device counts."""
    variable: Annotated[bool, Flag()] = False
    """Whether events may have fewer values than data_length, also none; each keeps its length."""
    backend: Annotated[str, Text("shared_memory")] = "shared_memory"
    """What keeps the events: jetstream, which connects hosts, or the name under which an installed
    package offers it."""
    silent_after_s: Annotated[float | None, Number("seconds", above_zero=True)] = None
    """Raise an alarm when no event has come into it for longer than this, in seconds."""
    where: Annotated[Where, Derived()] = NOWHERE
    """Place of the buffer's name in the set-up file."""

    @property
    def data_dtype(self) -> np.dtype[Any]:
        """NumPy type of one value, however it was given; without bytes if it is not known."""
        if self.channels:
            return record_type_of(self.channels)
        return _UNKNOWN if self.values is None else self.values

    @property
    def length_in_words(self) -> str:
        """How many values an event has: ``4250``, or ``up to 4250``."""
        return f"up to {self.data_length}" if self.variable else str(self.data_length)

    @property
    def slot_size_bytes(self) -> int:
        """Bytes of the data of one slot, without its metadata."""
        return self.data_length * self.data_dtype.itemsize

    @property
    def size_bytes(self) -> int:
        """Bytes of the data of the whole ring."""
        return self.slot_count * self.slot_size_bytes
