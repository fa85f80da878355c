"""Put what user functions hand over into slots whose events have lengths of their own.

An event has any of the forms of :mod:`mimocorb.components.records`, for as many samples as it has:
all its channels have the same number, from none up to that of the buffer (``data_length``).

A *block* of events is a :class:`~mimocorb.Jagged`, a dictionary with one for each channel, all with
the same offsets, or a list of events; also an array of shape (k, n), whose k events have n samples
each.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.buffers.exact import DoesNotFitError, as_array, shortened
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.lengths import HEAD_BYTES, SizedSlot
from mimocorb.components.packing import Packer
from mimocorb.components.records import RecordForm

__all__ = ["SizedPacker", "VariableForm", "form_of", "packer_of"]

_MOST_FORMS = 256


class VariableForm(RecordForm):
    """The form of the events of a buffer of variable length.

    Parameters
    ----------
    dtype
        NumPy dtype of the buffer.
    values_per_slot
        Number of samples of an event at most.
    """

    is_variable = True

    def __init__(self, dtype: np.dtype[Any], values_per_slot: int) -> None:
        super().__init__(dtype, values_per_slot)
        self._forms: dict[int, RecordForm] = {}

    def record(self, value: Any) -> NDArray[Any]:
        """Return `value` as an array of the buffer's dtype, as long as it is."""
        return self._of(value).record(self._whole(value))

    def fill(self, slot: NDArray[Any], value: Any) -> int:
        """Copy `value` to the begin of `slot`; returns how many samples it has."""
        form = self._of(value)
        form.fill(slot[: form.samples], self._whole(value))
        return form.samples

    def rows(self, block: Any) -> Any:
        """Return a block as a :class:`Jagged` of the buffer's dtype.

        Raises
        ------
        DoesNotFitError
            It has none of the understood forms, an event is too long, or a value does not survive.
        """
        events = self._jagged(block)
        if len(events):
            longest = int(events.lengths.argmax())
            self._check(int(events.lengths[longest]), f"event {longest} of the block")
        return events

    def same_bytes(self, value: Any) -> NDArray[Any] | None:
        """Return None: no event has the bytes of a slot, which has its length as well."""
        del value
        return None

    def is_one_part_per_channel(self, value: Sequence[Any]) -> bool:
        """Tell whether a list holds the channels of one event rather than several events."""
        if len(value) != self.number_of_channels:
            return False
        lengths = {-1 if _is_structured(part) else _length(part) for part in value}
        return len(lengths) == 1 and -1 not in lengths

    def __str__(self) -> str:
        return f"{RecordForm.__str__(RecordForm(self.dtype, self.samples))}; or fewer of them"

    def _whole(self, value: Any) -> Any:
        """Return the event; an empty list is one without samples, in all channels."""
        is_nothing = isinstance(value, (list, tuple)) and not value
        return np.empty(0, self.dtype) if is_nothing else value

    def _of(self, value: Any) -> RecordForm:
        """Return the form of events that are as long as this one."""
        length = self._length_of(value)
        form = self._forms.get(length)
        if form is None:
            self._check(length, "the event")
            form = RecordForm(self.dtype, length)
            if len(self._forms) < _MOST_FORMS:
                self._forms[length] = form
        return form

    def _check(self, length: int, what: str) -> None:
        if length > self.samples:
            raise DoesNotFitError(
                f"{what} has {how_many(length, 'sample')}; the buffer takes at most {self.samples}."
                " Make its data_length larger, or hand over less"
            )

    def _length_of(self, value: Any) -> int:
        """Return how many samples an event has; what is no event at all is refused later."""
        if isinstance(value, Mapping):
            return max(0, _length(next(iter(value.values()), 1)))
        if _is_structured(value):
            return len(value) if value.ndim else 1
        if isinstance(value, (list, tuple)):
            parts = self.is_one_part_per_channel(value)
            return _length(value[0]) if parts else len(value)
        return self._length_of_numbers(value)

    def _length_of_numbers(self, value: Any) -> int:
        """Return how many samples an array of plain numbers has for each channel."""
        channels = self.number_of_channels
        shape: tuple[int, ...] = as_array(value, "the event").shape
        if not shape:
            return 1
        if len(shape) > 1 + len(self.dtype.shape) and channels in shape[:2]:
            return shape[1] if shape[0] == channels else shape[0]
        return shape[0] if channels == 1 else 1

    def _jagged(self, block: Any) -> Jagged:
        flat = RecordForm(self.dtype, 1)
        if isinstance(block, Jagged):
            return Jagged(self._records(flat, block.whole().values), _offsets_of(block))
        if isinstance(block, Mapping) and all(isinstance(v, Jagged) for v in block.values()):
            return self._of_channels(flat, block)
        if isinstance(block, (list, tuple)):
            records = [self.record(event) for event in block]
            return Jagged.of(records, self.dtype)
        if isinstance(block, np.ndarray) and block.ndim >= 2:
            length = block.shape[1] if _is_structured(block) else self._length_of(block[:1][0])
            rows = RecordForm(self.dtype, length).rows(block) if len(block) else block
            values = rows.reshape(-1, *self.dtype.shape)
            return Jagged(values, np.arange(len(block) + 1, dtype=np.int64) * length)
        raise DoesNotFitError(
            f"expected a block of events, each {self}: a mimocorb.Jagged, a dictionary with one for"
            f" each channel, or a list of events; found {type(block).__name__} {shortened(block)}"
        )

    def _of_channels(self, flat: RecordForm, block: Mapping[Any, Jagged]) -> Jagged:
        offsets = [_offsets_of(each) for each in block.values()]
        for name, found in zip(block, offsets, strict=True):
            if not np.array_equal(found, offsets[0]):
                raise DoesNotFitError(
                    f"channel {name}: its events have other lengths than those of"
                    f" {next(iter(block))}; all channels of an event have as many samples"
                )
        values = {name: each.whole().values for name, each in block.items()}
        return Jagged(self._records(flat, values), offsets[0] if offsets else np.zeros(1, np.int64))

    def _records(self, flat: RecordForm, values: Any) -> NDArray[Any]:
        """Return the values of all events as records of the buffer."""
        base, shape = self.dtype.base, self.dtype.shape
        if isinstance(values, np.ndarray) and (values.dtype, values.shape[1:]) == (base, shape):
            return values
        records: NDArray[Any] = flat.rows(values).reshape(-1, *shape)
        return records


class SizedPacker(Packer):
    """Brings events into the bytes of a slot that begins with their length.

    Parameters
    ----------
    form
        The form of the events of the buffer.
    """

    def __init__(self, form: RecordForm) -> None:
        super().__init__(form)
        self._slot = SizedSlot(form.dtype, form.samples, "the buffer")
        self.scratch = self._slot.memory
        self.record_bytes = len(self.scratch)
        self.pack_numbers = _packs_nothing

    def as_it_lies(self, array: NDArray[Any]) -> Any:
        """Return memory that an event has been copied into, as it lies in a slot; or None."""
        return self.scratch if self._slot.holds(array) else None

    def pack(self, value: Any, memory: Any, offset: int) -> bool:
        """Write the bytes of an event into memory; False if it has another form."""
        if type(value) is not np.ndarray or not self._slot.holds(value):
            return False
        used = HEAD_BYTES + value.nbytes
        memory[offset : offset + used] = memoryview(self.scratch)[:used]
        return True

    def pack_record(self, record: NDArray[Any], memory: Any, offset: int) -> None:
        """Write the bytes of an event that has the form of the buffer into memory."""
        head = record.nbytes.to_bytes(8, sys.byteorder).ljust(HEAD_BYTES, b"\0")
        memory[offset : offset + HEAD_BYTES + record.nbytes] = head + record.tobytes()


def form_of(dtype: np.dtype[Any], values_per_slot: int, variable: bool) -> RecordForm:
    """Return the form of the events of a buffer."""
    return (VariableForm if variable else RecordForm)(dtype, values_per_slot)


def packer_of(form: RecordForm) -> Packer:
    """Return what brings events of this form into the bytes of a slot."""
    return SizedPacker(form) if form.is_variable else Packer(form)


def _packs_nothing(_value: Any, _memory: Any, _offset: int) -> bool:
    return False


def _is_structured(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.void)) and value.dtype.names is not None


def _length(part: Any) -> int:
    """Return the length of the first axis, 1 of a single number; -1 for what is no array."""
    try:
        shape = np.shape(part)
    except (ValueError, TypeError):
        return -1
    return shape[0] if shape else 1


def _offsets_of(events: Jagged) -> NDArray[np.int64]:
    """Return where events begin in all their values, as far as they belong to any."""
    offsets = as_array(events.offsets, "offsets")
    if (
        offsets.ndim != 1
        or not len(offsets)
        or offsets.dtype.kind not in "iu"
        or offsets[0] < 0
        or int(offsets[-1]) > len(events.values)
        or (offsets[1:] < offsets[:-1]).any()
    ):
        raise DoesNotFitError(
            "offsets of a mimocorb.Jagged are whole numbers that never fall, from 0 to the number"
            f" of values, which is {len(events.values)}, one more than there are events; found"
            f" {shortened(offsets.tolist())}"
        )
    return np.asarray(offsets - offsets[0], np.int64)
