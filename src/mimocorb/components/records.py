"""Put what user functions hand over into the slots of a buffer.

A *channel* is a field of a structured dtype; a buffer of a plain dtype has one channel. These
forms of an event are understood, for C channels of S samples each (``values_per_slot`` = S):

* a structured array of shape (S,) whose fields are the channels, in any order;
* a dictionary ``{channel: array of S samples}`` with every channel;
* a list or tuple with one array of S samples per channel, in the order of the dtype;
* an array of shape (C, S), as most digitizers deliver, or (S, C);
* where S is 1, one number instead of each array of one sample; where C is 1, the array alone.

A *block* of k events is an array with one more axis in front, a structured array of shape (k, S)
or, where S is 1, (k,), or a dictionary of arrays whose first axis is k.

In channel-contiguous records (see :mod:`mimocorb.buffers.layout`), S is the length of the fields
and the structured array has the shape (1,).

What is in it goes into the slot by the rule of :mod:`mimocorb.buffers.exact`: by name, and exact or
refused.

Whatever has the very bytes of a slot is copied as bytes, in 6 us for 4 x 4250 float64: structured
arrays of the very dtype, and arrays of the fields' type whose samples lie in memory as in the
slot. That is shape (S, C) for interleaved and (C, S) for channel-contiguous records. All others
are copied field by field: 14 us, a third less than one transposing copy takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mimocorb._words import how_many
from mimocorb.buffers.exact import DoesNotFitError, as_array, shortened, store
from mimocorb.buffers.jagged import Jagged
from mimocorb.buffers.layout import base_of_all_fields, contiguous_samples

__all__ = ["DoesNotFitError", "RecordForm"]


class RecordForm:
    """The form of the events of one buffer.

    Parameters
    ----------
    dtype
        NumPy dtype of the buffer.
    values_per_slot
        Number of samples S of each channel in one event.
    """

    is_variable = False
    """Whether events may be shorter."""

    def __init__(self, dtype: np.dtype[Any], values_per_slot: int) -> None:
        self.dtype = np.dtype(dtype)
        self.samples = values_per_slot
        self._shape = (values_per_slot,)
        self.channels: tuple[str, ...] = self.dtype.names or ("value",)
        contiguous = contiguous_samples(self.dtype, values_per_slot)
        self.is_contiguous = contiguous is not None
        self.channel_samples = contiguous or values_per_slot
        # fields that are arrays in more than one sample are neither of the two layouts
        is_grid = self.is_contiguous or not any(
            self.dtype[name].shape for name in self.dtype.names or ()
        )
        self._base = base_of_all_fields(self.dtype) if is_grid else None

    @property
    def number_of_channels(self) -> int:
        """Number of fields, 1 for a plain dtype."""
        return len(self.channels)

    def record(self, value: Any) -> NDArray[Any]:
        """Return `value` as an array of shape (S,) and the buffer's dtype, copied if needed."""
        same = self.same_bytes(value)
        if same is not None:
            return same if same.dtype == self.dtype else same.view(self.dtype)
        target = np.empty(self.samples, self.dtype)
        self.fill(target, value)
        return target

    def fill(self, slot: NDArray[Any], value: Any) -> int:
        """Copy `value` into `slot`, an array of shape (S,) and the buffer's dtype; returns S."""
        same = self.same_bytes(value)
        if same is not None:
            if self.dtype.names is None:
                slot[...] = same
            else:  # field by field takes longer
                np.frombuffer(slot, np.uint8)[...] = np.frombuffer(same, np.uint8)
        elif isinstance(value, Mapping):
            self._fill_named(slot, value, tuple(value))
        elif isinstance(value, (np.ndarray, np.void)) and value.dtype.names is not None:
            self._fill_named(slot, value, value.dtype.names)
        else:
            for name, part in zip(self.channels, self._parts(value), strict=True):
                self._assign(slot, name, part)
        return self.samples

    def rows(self, block: Any) -> Any:
        """Return a block as an array of shape (k, S) and the buffer's dtype, a view if it lies so.

        Raises
        ------
        DoesNotFitError
            It has none of the understood forms, or a value does not survive the conversion; the
            message names the channel, the value and the row.
        """
        if isinstance(block, Jagged):
            raise DoesNotFitError(
                f"expected a block of k events, each {self}; found a mimocorb.Jagged, whose events"
                " have lengths of their own: give the buffer 'variable: true'"
            )
        if isinstance(block, Mapping):
            return self._named_rows(block, tuple(block), _rows_of(block))
        array = as_array(block, "the block")
        if array.dtype == self.dtype and array.ndim:
            if array.shape == (len(array), *self._shape, *self.dtype.shape):
                in_one_piece = not len(array) or array[0].flags.c_contiguous
                return array if in_one_piece else np.ascontiguousarray(array)
            if self.samples == 1 and array.ndim == 1 + len(self.dtype.shape):
                return array.reshape(len(array), 1, *self.dtype.shape)
        if array.dtype.names is not None and array.ndim in (1, 2):
            return self._named_rows(array, array.dtype.names, len(array))
        by_channel = self._by_channel(array, block)
        if self._base is not None and array.dtype == self._base:
            in_slot = by_channel if self.is_contiguous else by_channel.swapaxes(1, 2)
            if in_slot.flags.c_contiguous:
                return in_slot.reshape(len(array), -1).view(self.dtype)
        target = np.empty((len(array), *self._shape), self.dtype)
        for place, name in enumerate(self.channels):
            self._assign_rows(target, name, by_channel[:, place])
        return target

    def _named_rows(self, block: Any, names: tuple[Any, ...], count: int) -> NDArray[Any]:
        self._check_names(names)
        target = np.empty((count, *self._shape), self.dtype)
        for name in self.channels:
            self._assign_rows(target, name, block[name])
        return target

    def _by_channel(self, array: NDArray[Any], block: Any) -> NDArray[Any]:
        """Return a plain array as one of shape (k, channels, samples)."""
        channels, samples = self.number_of_channels, self.channel_samples
        each = array.shape[1:]
        if array.ndim and each == (channels, samples):
            return array
        if array.ndim and each == (samples, channels):
            return array.swapaxes(1, 2)
        if array.ndim and (
            (channels == 1 and each == (samples,))
            or (samples == 1 and each == (channels,))
            or (channels == samples == 1 and each == ())
        ):
            return array.reshape(len(array), channels, samples)
        raise DoesNotFitError(f"expected a block of k events, each {self}; found {_found(block)}")

    def _assign_rows(self, target: NDArray[Any], channel: str, value: Any) -> None:
        into = target[channel] if self.dtype.names else target
        source = as_array(value, f"channel {channel}")
        count = len(target)
        wanted = {into.shape, (count, *into.shape[2:])} if self.samples == 1 else {into.shape}
        if source.shape not in wanted:
            raise DoesNotFitError(
                f"channel {channel}: expected {how_many(self.channel_samples, 'sample')} of"
                f" {how_many(count, 'event')}, that is shape {min(wanted, key=len)}; found"
                f" {_found(value)}"
            )
        store(into, source.reshape(into.shape), f"channel {channel}", of_rows=True)

    def is_one_part_per_channel(self, value: Sequence[Any]) -> bool:
        """Tell whether a list holds the channels of one event rather than several events."""
        if len(value) != self.number_of_channels:
            return False
        return not any(
            part is None
            or isinstance(part, (Mapping, np.void))
            or (isinstance(part, np.ndarray) and part.dtype.names is not None)
            or _size(part) != self.samples * self._values_of(name)
            for name, part in zip(self.channels, value, strict=True)
        )

    def __str__(self) -> str:
        if self.dtype.names is None:
            return f"an array of {how_many(self.samples, 'value')} of {self.dtype}"
        return (
            f"{how_many(len(self.channels), 'channel')} ({_shortened(self.channels)}) of"
            f" {how_many(self.channel_samples, 'sample')}: an array of shape ({len(self.channels)},"
            f" {self.channel_samples}), a structured array of shape ({self.samples},), a"
            " dictionary, or one array per channel"
        )

    def same_bytes(self, value: Any) -> NDArray[Any] | None:
        """Return `value` as a flat contiguous array if its bytes are just those of the slot.

        Either an array as it is in the slot, or a plain one of all its numbers.
        """
        if not isinstance(value, (np.ndarray, np.void)) or isinstance(value, np.ma.MaskedArray):
            return None
        if value.dtype == self.dtype:
            fits = value.shape == self._shape or (value.shape == () and self.samples == 1)
            return np.ascontiguousarray(value) if fits else None
        if self._base is None or value.dtype != self._base:
            return None
        shape = (self.number_of_channels, self.channel_samples)
        if value.shape == shape:
            in_slot = value if self.is_contiguous else value.T
        elif value.shape == shape[::-1]:
            in_slot = value.T if self.is_contiguous else value
        else:
            return None
        return in_slot.reshape(-1) if in_slot.flags.c_contiguous else None

    def _values_of(self, channel: str) -> int:
        """Values per sample: more than 1 for a field that is itself an array."""
        field = self.dtype[channel] if self.dtype.names else self.dtype
        return int(np.prod(field.shape))

    def _fill_named(self, slot: NDArray[Any], value: Any, names: tuple[Any, ...]) -> None:
        self._check_names(names)
        for name in self.channels:
            self._assign(slot, name, value[name])

    def _check_names(self, names: tuple[Any, ...]) -> None:
        if set(names) != set(self.channels) or self.dtype.names is None:
            missing = [name for name in self.channels if name not in names]
            unknown = [str(name) for name in names if name not in self.channels]
            faults = [f"{_shortened(missing)} missing"] if missing else []
            faults += [f"{_shortened(unknown)} not in the buffer"] if unknown else []
            raise DoesNotFitError(
                f"expected the fields {_shortened(self.channels)}; found {_shortened(names)}"
                f" ({'; '.join(faults)}). Give every field of the buffer a value."
            )

    def _parts(self, value: Any) -> Iterable[Any]:
        """Split an array or a sequence into its channels."""
        channels, samples = self.number_of_channels, self.channel_samples
        given = self._separate_parts(value) if isinstance(value, (list, tuple)) else None
        if given is not None:
            return given
        array = as_array(value, "the event")
        if array.shape == (channels, samples):
            return array
        if array.shape == (samples, channels):
            return array.T
        if channels == 1 and array.shape[:1] == (samples,):
            return (array,)
        if samples == 1 and array.shape == (channels,):
            return array
        if channels == samples == 1 and array.ndim == 0:
            return (array,)
        raise DoesNotFitError(f"expected {self}; found {_found(value)}")

    def _separate_parts(self, value: Sequence[Any]) -> Iterable[Any] | None:
        """Return the channels of a sequence of channels, or of records; None if it is neither.

        So no value is put into one array with those of another channel.
        """
        is_of_records = len(value) == self.channel_samples and all(
            isinstance(part, tuple) and len(part) == self.number_of_channels for part in value
        )
        if not self.is_one_part_per_channel(value):
            return zip(*value, strict=True) if is_of_records else None
        if is_of_records and len(value) > 1:
            raise DoesNotFitError(
                f"found {_found(value)}: a tuple may be a channel or a sample here; make arrays or"
                " lists of them, one for each channel"
            )
        return value

    def _assign(self, slot: NDArray[Any], channel: str, value: ArrayLike) -> None:
        target = slot[channel] if self.dtype.names else slot
        source = as_array(value, f"channel {channel}")
        if source.shape != target.shape:
            if self.samples == 1 and source.size == target.size:
                source = source.reshape(target.shape)
            else:
                raise DoesNotFitError(
                    f"channel {channel}: expected {how_many(self.channel_samples, 'sample')},"
                    f" that is shape {target.shape}; found {_found(value)}"
                )
        store(target, source, f"channel {channel}")


def _rows_of(block: Mapping[Any, Any]) -> int:
    """Return the length of the first axis that all arrays of a block have."""
    lengths = {
        str(name): as_array(value, f"channel {name}").shape[:1] for name, value in block.items()
    }
    different = set(lengths.values())
    if len(different) != 1 or () in different:
        found = ", ".join(
            f"{length[0] if length else 'a single number'} of {name}"
            for name, length in lengths.items()
        )
        raise DoesNotFitError(
            f"expected arrays whose first axis is the number of events; found {found or 'none'}"
        )
    ((count,),) = different
    return int(count)


def _size(value: Any) -> int:
    """Return the number of values; -1 for what is no array."""
    try:
        return np.size(value)
    except (ValueError, TypeError):
        return -1


def _shortened(names: Sequence[Any], limit: int = 8) -> str:
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def _found(value: Any) -> str:
    if isinstance(value, (np.ndarray, np.generic)):
        return f"an array of shape {value.shape}, dtype {value.dtype}"
    if isinstance(value, (list, tuple)):
        try:
            shapes = {np.shape(part) if hasattr(part, "__len__") else () for part in value}
        except (ValueError, TypeError):  # parts that are no arrays themselves
            shapes = set()
        parts = f", each of shape {shapes.pop()}" if len(shapes) == 1 else " of different shapes"
        return f"a {type(value).__name__} of {how_many(len(value), 'item')}{parts}"
    return f"{type(value).__name__} {shortened(value)}"
