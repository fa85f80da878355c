"""One rule for every number on its way into a slot or into metadata: exact, or refused.

Fields go by their names, never by their places. A value arrives as what it is: an integer takes
5.0, but neither 5.3 nor a value beyond its range; a float takes a whole number only if it has the
digits for it. Only floats are rounded, to shorter floats. What does not fit is refused with the
value and with the range, and so is what is no number at all: times, texts, masked values.

Whole arrays are looked at. Where no value can be changed, as NumPy knows from the types, they are
copied without a look.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many

__all__ = [
    "DoesNotFitError",
    "as_array",
    "exact_column",
    "exact_number",
    "shortened",
    "store",
    "store_event",
]

_NUMBERS = "biufc"
_PLAIN, _LOOK, _REFUSED = "plain", "look", "refused"
_FLOAT64_WHOLE = 2**53
_OF_METADATA = "Whole nanoseconds of a clock go into time_ns."


class DoesNotFitError(ValueError):
    """A value cannot be stored; the message says what is expected and was found."""


def as_array(value: Any, what: str) -> NDArray[Any]:
    """Return `value` as an array in which each value is what it was.

    Raises
    ------
    DoesNotFitError
        Values are masked, NumPy would round a whole number to put it beside floats, or it is no
        array at all.
    """
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        if (mask.view(np.bool_) if mask.dtype.names else mask).any():
            raise DoesNotFitError(
                f"{what} has masked values, which a slot cannot hold; fill them first, for"
                " instance with array.filled(numpy.nan)"
            )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        parts = " with parts of different lengths" if isinstance(value, (list, tuple)) else ""
        raise DoesNotFitError(
            f"{what} is no array of numbers: found a {type(value).__name__}{parts},"
            f" {shortened(value)}"
        ) from None
    if array.dtype.kind in "fc" and not isinstance(value, (np.ndarray, np.generic)):
        _check_whole_numbers(value, array, what)
    return array


def _check_whole_numbers(value: Any, array: NDArray[Any], what: str) -> None:
    """Refuse the whole numbers of a list that NumPy has rounded to put them beside floats."""
    large = np.abs(array) >= _FLOAT64_WHOLE
    if large.any():
        given = np.array(value, dtype=object)
        if given.shape == array.shape:
            for before, after in zip(given[large], array[large].real, strict=True):
                if isinstance(before, (int, np.integer)) and int(before) != int(after):
                    raise DoesNotFitError(
                        f"{what}: in a list with floats, the whole number {int(before)} would"
                        f" become {after!s}; hand over an array of integers for it"
                    )


def store(
    target: NDArray[Any],
    source: NDArray[Any],
    what: str,
    *,
    of_rows: bool = False,
    remedy: str = "Hand over such values, or choose another data_type for the buffer.",
) -> None:
    """Copy `source` into `target`, of the same shape; refuse what would be changed by it.

    Parameters
    ----------
    target, source
        The arrays.
    what
        The name of the place in messages, such as ``"channel chA"``.
    of_rows
        Whether the first axis counts events, for messages.
    remedy
        What to do, for messages.

    Raises
    ------
    DoesNotFitError
        A value does not survive, or fields have other names; `target` may hold anything then.
    """
    if target.dtype.names is not None:
        _check_fields(target.dtype, source.dtype, what)
        for name in target.dtype.names:
            part = f"{what}.{name}"
            store(target[name], source[name], part, of_rows=of_rows, remedy=remedy)
        return
    rule = _rule(source.dtype, target.dtype)
    if rule is _REFUSED:
        # whole numbers beyond all types of NumPy are objects there
        objects = source.ravel().tolist() if source.dtype.kind == "O" else []
        beyond = [each for each in objects if abs(_whole(each)) >= _FLOAT64_WHOLE]
        if beyond and target.dtype.kind in _NUMBERS:
            raise DoesNotFitError(
                f"{what} holds {target.dtype}; the value {shortened(beyond[0])} does not fit into"
                f" it, as it takes {_range(target.dtype)}. {remedy}"
            )
        raise DoesNotFitError(
            f"{what} holds {target.dtype}; found {source.dtype}, which cannot be converted:"
            f" {shortened(source.tolist())}"
        )
    if rule is _PLAIN:
        target[...] = source
        return
    wrong = _put(target, source)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        where = f" of row {place[0]}" if of_rows else ""
        value = repr(source[place].item()) if source.dtype.kind in _NUMBERS else source[place]
        raise DoesNotFitError(
            f"{what} holds {target.dtype}; the value {value}{where} does not fit into it, as it"
            f" takes {_range(target.dtype)}. {remedy}"
        )


def _whole(value: object) -> int:
    """Return a whole number of Python; 0 for anything else."""
    return value if type(value) is int else 0


def store_event(slot: NDArray[Any], event: Any) -> None:
    """Copy an event, an array or what NumPy makes one of, into a slot.

    Raises
    ------
    DoesNotFitError
        It has another shape or other fields, or a value does not survive.
    """
    names = slot.dtype.names
    if names is None or (isinstance(event, (np.ndarray, np.void)) and event.dtype.names):
        array = as_array(event, "the event")
        _check_shape(array, slot)
        store(slot, array.reshape(slot.shape), "the event")
        return
    records = [event] if isinstance(event, tuple) and len(slot) == 1 else event
    if isinstance(records, list) and all(isinstance(record, tuple) for record in records):
        if len(records) == len(slot) and all(len(record) == len(names) for record in records):
            for name, values in zip(names, zip(*records, strict=True), strict=True):
                array = as_array(list(values), f"field {name}")
                _check_shape(array, slot[name])
                store(slot[name], array.reshape(slot[name].shape), f"field {name}")
            return
    elif len(names) == 1:
        store_event(slot[names[0]], event)
        return
    raise DoesNotFitError(
        f"the event: expected {len(slot)} records of the fields {', '.join(names)}, as a structured"
        f" array; found {type(event).__name__} {shortened(event)}"
    )


def exact_number(value: Any, dtype: type[np.int64 | np.float64], what: str) -> Any:
    """Return one number of metadata as the Python number of an int64 or a float64.

    Raises
    ------
    DoesNotFitError
        It is none, or would be changed.
    """
    kind = type(value)
    if dtype is np.float64:
        if kind is float:
            return value
        if kind is int and -_FLOAT64_WHOLE <= value <= _FLOAT64_WHOLE:
            return float(value)
    elif kind is int and -(2**63) <= value < 2**63:
        return value
    target = np.empty((), dtype)
    array = as_array(value, what)
    if array.shape != ():
        raise DoesNotFitError(f"{what} is one number; found {shortened(value)}")
    store(target, array, what, remedy=_OF_METADATA)
    return target.item()


def exact_column(
    values: Any, dtype: type[np.int64 | np.float64], count: int, what: str
) -> NDArray[Any]:
    """Return metadata, one number for all of `count` events or one for each, as an array.

    Raises
    ------
    DoesNotFitError
        They are too few or too many, or one of them would be changed.
    """
    array = as_array(values, what)
    if array.shape not in ((), (count,)):
        raise DoesNotFitError(
            f"expected {how_many(count, 'number')} as {what}, one for each event; found an array of"
            f" shape {array.shape}"
        )
    column = np.empty(count, dtype)
    store(column, np.broadcast_to(array, (count,)), what, of_rows=True, remedy=_OF_METADATA)
    return column


def shortened(value: object, limit: int = 80) -> str:
    """Return the text of a value, cut off where it becomes too long to be read."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def _check_shape(array: NDArray[Any], slot: NDArray[Any]) -> None:
    if array.shape != slot.shape and not (array.size == slot.size == 1):
        raise DoesNotFitError(
            f"the event: expected an array of shape {slot.shape}; found one of shape {array.shape}"
        )


def _check_fields(wanted: np.dtype[Any], found: np.dtype[Any], what: str) -> None:
    names, others = wanted.names or (), found.names or ()
    if set(names) != set(others):
        is_named = f"the fields {_listed(others)}" if others else f"{found} without fields"
        raise DoesNotFitError(f"{what}: expected the fields {_listed(names)}; found {is_named}")


def _listed(names: Sequence[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{', '.join(names[:limit])}{more}"


@lru_cache(maxsize=256)
def _rule(source: np.dtype[Any], target: np.dtype[Any]) -> str:
    """Say whether values of one type go into another as they are, after a look, or never."""
    if source.kind in _NUMBERS and target.kind in _NUMBERS:
        if source.kind == "c" and target.kind != "c":
            return _REFUSED
        if source.kind in "iu" and target.kind in "fc":
            digits = 8 * source.itemsize - (source.kind == "i")
            return _PLAIN if digits <= _digits(target) else _LOOK
        return _PLAIN if np.can_cast(source, target, "safe") else _LOOK
    if source == target:
        return _PLAIN
    if source.kind != target.kind or source.kind not in "mMSU":
        return _REFUSED
    same_unit = source.kind in "SU" or np.datetime_data(source) == np.datetime_data(target)
    return _PLAIN if same_unit and np.can_cast(source, target, "safe") else _LOOK


def _digits(floats: np.dtype[Any]) -> int:
    """Return the binary digits up to which a float has every whole number."""
    return int(np.finfo(floats).nmant) + 1


def _put(target: NDArray[Any], source: NDArray[Any]) -> NDArray[np.bool_]:
    """Convert and copy; return where the value is another one now."""
    to, of = target.dtype.kind, source.dtype.kind
    if to in "iu" and of in "iu":
        limits = np.iinfo(target.dtype)
        wrong = _beyond(source, int(limits.min), int(limits.max))
    elif to in "iu":
        wrong = _no_whole_numbers(source, target.dtype)
    elif to == "b":
        wrong = (source != 0) & (source != 1)
    elif to in "fc" and of in "iu":
        wrong = _without_digits(source, target.dtype)
    else:
        return _cast(target, source)
    if not np.any(wrong):
        target[...] = source.astype(target.dtype)
    return np.asarray(wrong)


def _cast(target: NDArray[Any], source: NDArray[Any]) -> NDArray[np.bool_]:
    """Cast within a kind. Floats may be rounded; times and texts have to come back as they were."""
    try:
        with np.errstate(over="ignore"):
            target[...] = source.astype(target.dtype)
    except OverflowError:  # of times, from NumPy 2.5 on
        return np.ones(source.shape, np.bool_)
    if target.dtype.kind in "fc":
        return np.asarray(np.isinf(target) & ~np.isinf(source))
    with np.errstate(over="ignore"):
        back = target.astype(source.dtype)
    wrong = back != source
    if source.dtype.kind in "mM":
        wrong &= ~(np.isnat(back) & np.isnat(source))
    return np.asarray(wrong)


def _beyond(whole: NDArray[Any], least: int, most: int) -> NDArray[np.bool_]:
    """Tell which whole numbers are out of a range; no number of another type is made for that."""
    limits = np.iinfo(whole.dtype)
    low = whole < least if least > limits.min else np.zeros(whole.shape, np.bool_)
    high = whole > most if most < limits.max else np.zeros(whole.shape, np.bool_)
    return np.asarray(low | high)


def _no_whole_numbers(source: NDArray[Any], target: np.dtype[Any]) -> NDArray[np.bool_]:
    limits = np.iinfo(target)
    floats = source.astype(np.float64) if source.dtype.itemsize < 8 else source
    # powers of two: as floats they are what they say, which the largest integer would not be
    fits = (floats >= float(limits.min)) & (floats < 2.0 ** int(limits.max).bit_length())
    return np.asarray(~(fits & (np.trunc(floats) == floats)))


def _without_digits(whole: NDArray[Any], floats: np.dtype[Any]) -> NDArray[np.bool_]:
    """Tell which whole numbers a float cannot hold: more digits, or beyond its range."""
    large = np.asarray(_beyond(whole, -(2 ** _digits(floats)), 2 ** _digits(floats)))
    if not large.any():
        return large
    negative = whole < 0
    size = whole.astype(np.uint64)  # of a negative one, 2⁶⁴ more: its size is the difference
    size = np.where(negative, np.uint64(0) - size, size)
    # without the zeros at the end, which cost no digits
    lowest_bit = size & (np.uint64(0) - size)
    digits = size // np.maximum(lowest_bit, np.uint64(1))
    with np.errstate(over="ignore"):
        is_infinite = np.isinf(whole.astype(floats))
    too_long = digits >> np.uint64(min(_digits(floats), 63)) > 0
    return np.asarray(large & (too_long | is_infinite))


def _range(dtype: np.dtype[Any]) -> str:
    """Say which values a type takes."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return f"whole numbers from {limits.min} to {limits.max}"
    if dtype.kind == "b":
        return "truth values, 0 and 1"
    if dtype.kind in "fc":
        limits_of_float = np.finfo(dtype)
        return (
            f"numbers up to {limits_of_float.max:.6g}, and whole numbers without rounding up to"
            f" 2**{_digits(dtype)}"
        )
    return f"what has a place in {dtype}"
