"""What a batch filter returns, turned into the records for each sink.

For k events of one buffer, one of

* ``None`` or ``False``: all are rejected, as with :class:`mimocorb.Reject`, which says why;
* ``True``: all are copied to the first sink;
* a *mask*, a boolean array of length k: the events where it is true are copied to the first sink;
* a block of k records for the only sink: a dictionary with an array of length k for each field, or
  a structured array, or any other block that :mod:`mimocorb.components.records` understands, for a
  sink of variable length :mod:`mimocorb.components.variable_records`;
* ``(rows, block)``: a block with a record for each of these rows only. Rows are a mask, or indices
  in rising order; an index that comes twice gives two records of one event;
* a dictionary: name of the sink → one of these. Sinks that it does not name get nothing.

Nothing is looked at row by row, and nothing is published unless all of it fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._words import how_many
from mimocorb.buffers.contract import Places
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.jagged import Jagged
from mimocorb.components.decisions import Reject
from mimocorb.components.records import RecordForm
from mimocorb.components.roles.outbox import InHand
from mimocorb.components.roles.results import Results
from mimocorb.components.roles.verdicts import BatchVerdicts

__all__ = ["kept_places", "take_batch"]

_ALLOWED = (
    "allowed are None (reject all; Reject(reason) says why), True (copy all to the first sink), a"
    " mask of truth values, a dictionary with an array for each field, (rows, dictionary), or a"
    " dictionary of these by the name of the sink"
)


def take_batch(results: Results, result: Any, in_hand: InHand, count: int) -> BatchVerdicts:
    """Take what the function returned for a batch of `count` events.

    Raises
    ------
    DoesNotFitError
        The result has no documented form, or does not fit into its sink; nothing was taken.
    """
    sinks = len(results.outboxes)
    if sinks == 1 and _is_mask(result):  # it says by itself what became of each event
        mask = np.asarray(result, np.bool_)
        results.copy_all(0, in_hand, _places(mask, count))
        return BatchVerdicts(mask, "", sinks)
    bits: NDArray[Any] = np.zeros(count, np.int64 if sinks > 1 else np.bool_)
    if result is None or result is False:
        return BatchVerdicts(bits, "", sinks)
    if isinstance(result, Reject):
        return BatchVerdicts(bits, result.reason, sinks)
    items = [result, *[None] * (sinks - 1)]
    if isinstance(result, Mapping):
        items = results.by_sink(result)
    elif sinks > 1 and result is not True and not _is_mask(result):
        raise DoesNotFitError(
            f"returned {_found(result)} for {how_many(sinks, 'sink')}; {_ALLOWED}"
        )
    try:
        for sink, item in enumerate(items):
            if item is None or item is False:
                continue
            chosen = _take_item(results, sink, item, in_hand, count)
            if sinks > 1:
                bits[chosen] |= 1 << sink
            else:
                bits[chosen] = True
    except DoesNotFitError:
        results.clear()
        raise
    return BatchVerdicts(bits, "", sinks)


def kept_places(result: Any, count: int) -> Places | None:
    """Return the places of the events that are kept as they are; None for any other result.

    Raises
    ------
    DoesNotFitError
        A mask has another length.
    """
    if result is None or result is False or isinstance(result, Reject):
        return np.empty(0, np.int64)
    if result is True:
        return np.arange(count)
    return _places(result, count) if _is_mask(result) else None


def _take_item(results: Results, sink: int, item: Any, in_hand: InHand, count: int) -> Places:
    """Take the records for one sink; returns the places of the events that they came out of."""
    outbox = results.outboxes[sink]
    if item is True:
        places = np.arange(count)
        results.copy_all(sink, in_hand, places)
        return places
    if _is_mask(item):
        places = _places(item, count)
        results.copy_all(sink, in_hand, places)
        return places
    places, block = np.arange(count), item
    if isinstance(item, tuple):
        if len(item) != 2:
            raise DoesNotFitError(f"returned {_found(item)}; {_ALLOWED}")
        places, block = _places(item[0], count), item[1]
    rows = _block_rows(outbox.form, block, outbox.writer.name)
    if len(rows) != len(places):
        raise DoesNotFitError(
            f"returned {how_many(len(rows), 'record')} for {how_many(len(places), 'event')};"
            " (rows, dictionary) says which events they belong to"
        )
    outbox.take_rows(rows, places)
    return places


def _block_rows(form: RecordForm, block: Any, sink: str) -> Any:
    is_block = isinstance(block, (Mapping, np.ndarray, Jagged))
    if not is_block and not (form.is_variable and isinstance(block, list)):
        raise DoesNotFitError(f"returned {_found(block)}; {_ALLOWED}")
    try:
        return form.rows(block)
    except DoesNotFitError as error:
        raise DoesNotFitError(f"records for sink {sink}: {error}") from None


def _is_mask(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, (bool, np.bool_)) for each in value)
    return isinstance(value, np.ndarray) and value.dtype.kind == "b" and value.ndim == 1


def _places(rows: Any, count: int) -> Places:
    """Return the indices that rows stand for."""
    array = np.asarray(rows)
    if array.ndim == 1 and array.dtype.kind == "b":
        if len(array) != count:
            raise DoesNotFitError(
                f"returned a mask of {how_many(len(array), 'value')} for"
                f" {how_many(count, 'event')}; give one for each"
            )
        return array.nonzero()[0]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        if array.size or array.ndim != 1:  # an empty list is of floats
            raise DoesNotFitError(
                "rows are a mask or the indices of events, found an array of shape"
                f" {array.shape}, dtype {array.dtype}"
            )
        return np.empty(0, np.int64)
    places = array.astype(np.int64)
    if len(places) and (places.min() < 0 or places.max() >= count):
        raise DoesNotFitError(
            f"rows are indices from 0 to {count - 1}, found {places.min()} to {places.max()}"
        )
    if (np.diff(places) < 0).any():
        raise DoesNotFitError("rows are not in rising order; events keep theirs, so sort them")
    return places


def _found(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, dtype {value.dtype}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {how_many(len(value), 'item')}"
    return f"{type(value).__name__} {value!r:.100}"
