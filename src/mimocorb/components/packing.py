"""The usual forms of an event, brought into the bytes of a slot without looking at them twice.

Every event passes here, so each step counts. What is recognised at once:

* an array of the buffer's own bytes: the type and the shape of the one before;
* a dictionary, or a number, for a buffer with one sample per event.

Everything else, and every fault, is left to :class:`~mimocorb.components.records.RecordForm`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from mimocorb.components.records import RecordForm

__all__ = ["Packer"]

# Numbers that `struct` converts as NumPy does, or refuses. It would take any object for a bool, and
# a bool for any number.
_NUMBERS = frozenset(
    (int, float, np.float64, np.float32, np.int64, np.int32, np.int16, np.uint64, np.uint32)
)
_CODES = {"f8": "d", "f4": "f", "f2": "e"} | {
    f"{kind}{size}": code if kind == "i" else code.upper()
    for kind in "iu"
    for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
}


class Packer:
    """Brings events into the bytes of a slot, if they have one of the usual forms.

    Parameters
    ----------
    form
        The form of the events of the buffer.
    """

    def __init__(self, form: RecordForm) -> None:
        self._form = form
        self._event_bytes = form.dtype.itemsize * form.samples
        self._scratch = bytearray(self._event_bytes)
        self._dtype: np.dtype[Any] | None = form.dtype
        self._shape: tuple[int, ...] = (form.samples,)
        numbers = _struct_of(form) if form.samples == 1 else None
        self._pack_numbers = numbers.pack_into if numbers is not None else None
        self._fields = len(form.channels)
        self._values = _values_of(form)

    def memory_of(self, value: Any) -> Any:
        """Return an object with the bytes of an event, or None; valid until the next call."""
        kind = type(value)
        if kind is np.ndarray:
            if (
                value.dtype is self._dtype
                and value.shape == self._shape
                and value.flags.c_contiguous
            ):
                return value
            return self._as_it_lies(value)
        return self._scratch if self._pack(value, self._scratch, 0) else None

    def pack(self, value: Any, memory: Any, offset: int) -> bool:
        """Write the bytes of an event into memory; False if it has another form."""
        if type(value) is np.ndarray:
            same = self.memory_of(value)
            if same is None:
                return False
            memory[offset : offset + self._event_bytes] = same.tobytes()
            return True
        return self._pack(value, memory, offset)

    def _pack(self, value: Any, memory: Any, offset: int) -> bool:
        if self._pack_numbers is None:
            return False
        try:
            values = self._values(value)
            if _NUMBERS.issuperset(map(type, values)):
                self._pack_numbers(memory, offset, *values)
                return True
        except (LookupError, TypeError, struct.error, OverflowError):
            pass  # whatever it is, RecordForm says so
        return False

    def _as_it_lies(self, value: np.ndarray[Any, Any]) -> Any:
        same = self._form.same_bytes(value)
        if same is not None and value.flags.c_contiguous:
            self._dtype, self._shape = value.dtype, value.shape
        return same


def _struct_of(form: RecordForm) -> struct.Struct | None:
    """Return how numbers become the bytes of a slot; None if `struct` cannot do it."""
    dtype = form.dtype
    fields = [(0, dtype)]
    if dtype.fields is not None:
        fields = sorted(
            ((field[1], field[0]) for field in dtype.fields.values()), key=lambda each: each[0]
        )
        if [name for name, _ in sorted(dtype.fields.items(), key=lambda item: item[1][1])] != list(
            form.channels
        ):
            return None
    text, at = "<", 0
    for offset, field in fields:
        code = _CODES.get(field.str[1:]) if field.shape == () and field.str[0] in "<|" else None
        if code is None or offset < at:
            return None
        text += f"{offset - at}x{code}"
        at = offset + field.itemsize
    return struct.Struct(f"{text}{dtype.itemsize - at}x")


def _values_of(form: RecordForm) -> Callable[[Any], tuple[Any, ...]]:
    """Return the function that takes the numbers out of an event, in the order of the fields."""
    names = form.dtype.names
    if names is None:
        return lambda value: (value,)
    fields = len(names)
    get: Callable[[Any], Any] = itemgetter(*names)

    def values(event: Any) -> tuple[Any, ...]:
        if type(event) is not dict or len(event) != fields:
            raise TypeError
        found = get(event)
        return found if fields > 1 else (found,)

    return values
