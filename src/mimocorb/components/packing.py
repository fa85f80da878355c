"""The usual forms of an event, brought into the bytes of a slot without looking at them twice.

Every event passes here, so each step counts. What is recognised at once:

* an array that has the bytes of a slot, of the same type and shape as the one before;
* a dictionary of numbers, or one number, for a buffer with one sample per event.

Everything else, and every fault, is left to :class:`~mimocorb.components.records.RecordForm`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.records import RecordForm

__all__ = ["Packer"]

# Numbers that `struct` converts exactly, or refuses, or rounds to a shorter float; whole ones too,
# which must not be. It would take any object for a bool, and a bool for any number.
_FLOATS = frozenset((float, np.float64, np.float32))
_WHOLE = frozenset((int, np.int64, np.int32, np.int16, np.uint64, np.uint32))
_CODES = {"f8": "d", "f4": "f", "f2": "e"} | {
    f"{kind}{size}": code if kind == "i" else code.upper()
    for kind in "iu"
    for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
}

_MOST_LOOKS = 64

PackNumbers = Callable[[Any, Any, int], bool]


class Packer:
    """Brings events into the bytes of a slot, if they have one of the usual forms.

    Parameters
    ----------
    form
        The form of the events of the buffer.

    Attributes
    ----------
    pack_numbers : callable
        ``pack_numbers(event, memory, offset)`` writes the bytes of a dictionary of numbers, or of
        one number, into memory; False for everything else.
    scratch : bytearray
        Memory for one event.
    record_bytes : int
        How much that is.
    """

    def __init__(self, form: RecordForm) -> None:
        self._form = form
        self.record_bytes = form.dtype.itemsize * form.samples
        self._dtype: np.dtype[Any] | None = form.dtype
        self._shape: tuple[int, ...] = (form.samples,)
        self.scratch = bytearray(self.record_bytes)
        self.pack_numbers = _number_packer(form)

    def as_it_lies(self, array: NDArray[Any]) -> Any:
        """Return an array with just the bytes of a slot, the one given if it is that; or None."""
        if array.dtype is self._dtype and array.shape == self._shape and array.flags.c_contiguous:
            return array
        same = self._form.same_bytes(array)
        if same is not None and array.flags.c_contiguous:
            self._dtype, self._shape = array.dtype, array.shape
        return same

    def pack(self, value: Any, memory: Any, offset: int) -> bool:
        """Write the bytes of an event into memory; False if it has another form."""
        if type(value) is not np.ndarray:
            return self.pack_numbers(value, memory, offset)
        same = self.as_it_lies(value)
        if same is None:
            return False
        memory[offset : offset + self.record_bytes] = same.tobytes()
        return True

    def pack_record(self, record: NDArray[Any], memory: Any, offset: int) -> None:
        """Write the bytes of an event that has the form of the buffer into memory."""
        memory[offset : offset + self.record_bytes] = record.tobytes()


def _number_packer(form: RecordForm) -> PackNumbers:
    numbers = _struct_of(form) if form.samples == 1 else None
    if numbers is None:
        return lambda _value, _memory, _offset: False
    names, pack = form.dtype.names, numbers.pack_into
    get: Callable[[Any], Any] = itemgetter(*names) if names else tuple
    count = len(names or ())
    exact_up_to = [_exact_up_to(form.dtype[name]) for name in names or ()]
    exact_up_to = exact_up_to or [_exact_up_to(form.dtype)]

    # By the types of the values: which of them are whole numbers for a float, and up to where it
    # has all of those. None: not numbers that are known here.
    looks: dict[tuple[type, ...], list[tuple[int, int]] | None] = {}

    def look_at(types: tuple[type, ...]) -> list[tuple[int, int]] | None:
        found = None
        if all(kind in _WHOLE or kind in _FLOATS for kind in types):
            limits = enumerate(zip(types, exact_up_to, strict=True))
            found = [(place, limit) for place, (kind, limit) in limits if limit and kind in _WHOLE]
        if len(looks) < _MOST_LOOKS:
            looks[types] = found
        return found

    # whatever goes wrong, RecordForm says so
    faults = (LookupError, struct.error, OverflowError)

    def pack_fields(value: Any, memory: Any, offset: int) -> bool:
        if type(value) is dict and len(value) == count:
            try:
                values = get(value)
                types = tuple(map(type, values))
                places = looks[types] if types in looks else look_at(types)
                if places is None:
                    return False
                for place, limit in places:
                    if not -limit <= values[place] <= limit:
                        return False
                pack(memory, offset, *values)
            except faults:
                return False
            return True
        return False

    def pack_one(value: Any, memory: Any, offset: int) -> bool:
        if names:
            value = value.get(names[0]) if type(value) is dict and len(value) == 1 else None
        kind, limit = type(value), exact_up_to[0]
        if kind in _FLOATS or (kind in _WHOLE and (not limit or -limit <= value <= limit)):
            try:
                pack(memory, offset, value)
            except faults:
                return False
            return True
        return False

    return pack_fields if count > 1 else pack_one


def _exact_up_to(dtype: np.dtype[Any]) -> int:
    """Return up to where a float has every whole number; 0 for integers."""
    return 2 ** (int(np.finfo(dtype).nmant) + 1) if dtype.kind == "f" else 0


def _struct_of(form: RecordForm) -> struct.Struct | None:
    """Return how numbers become the bytes of a slot; None if `struct` cannot do it."""
    dtype = form.dtype
    fields = [(0, dtype)]
    if dtype.fields is not None:
        fields = [(dtype.fields[name][1], dtype.fields[name][0]) for name in form.channels]
    text, at = "<", 0
    for offset, field in fields:
        code = _CODES.get(field.str[1:]) if field.shape == () and field.str[0] in "<|" else None
        if code is None or offset < at:  # also if the fields lie in another order
            return None
        text += f"{offset - at}x{code}"
        at = offset + field.itemsize
    return struct.Struct(f"{text}{dtype.itemsize - at}x")
