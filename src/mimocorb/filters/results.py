"""What a filter function returns, turned into the records for each sink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb._access.decisions import Reject
from mimocorb._access.records import DoesNotFitError, RecordForm
from mimocorb._words import how_many
from mimocorb.buffers.writer import Writer

__all__ = ["ResultForms"]

Records = list[NDArray[Any]]

_ALLOWED = (
    "allowed are None or False (reject the event; Reject(reason) says why), a whole number or True"
    " (copy the event to the first sink), a list with one item per sink, a dictionary of sinks and"
    " items, or the record of the only sink"
)
_ALLOWED_WITHOUT_COPIES = (
    "allowed are None or False (reject the events; Reject(reason) says why), or a list with one"
    " item per sink, or a dictionary of sinks and items: None, a record or a list of records"
)


class ResultForms:
    """Turns what a filter function returns into records, all converted or none.

    The forms of a result are documented at :class:`mimocorb.buffer_control.BufferToBuffer`.

    Parameters
    ----------
    writers
        The sinks, in order.
    source
        Name of the buffer that the event comes from, for messages.
    copies
        Whether a result may ask for a copy of the event; of several events there is none.
    """

    def __init__(self, writers: Sequence[Writer], source: str, *, copies: bool = True) -> None:
        self._forms = [RecordForm(writer.dtype, writer.values_per_slot) for writer in writers]
        self._names = [writer.name for writer in writers]
        self._source = source
        self._copies = copies

    def outputs(self, result: Any, data: Any) -> list[Records]:
        """Return the records for each sink.

        Parameters
        ----------
        result
            What the function returned.
        data
            The event it was given, for copies.

        Raises
        ------
        DoesNotFitError
            The result has no documented form, or does not fit into its sink.
        """
        if result is None or result is False or isinstance(result, Reject):
            return []
        if isinstance(result, (bool, np.bool_)):
            return [[self._copy(data, 0)]] if result else []
        if isinstance(result, (int, np.integer)):
            return [[self._copy(data, 0)]]
        if isinstance(result, Mapping):
            result = self._by_sink(result)
        elif isinstance(result, (np.ndarray, np.void)) and len(self._names) == 1:
            result = [result]
        if not isinstance(result, (list, tuple)):
            raise DoesNotFitError(
                f"returned {type(result).__name__} {_shortened(result)}; {self._allowed}. A single"
                " result goes into a list: [result]."
            )
        sinks = len(self._forms)
        if len(result) > sinks or (len(result) < sinks and not self._copies):
            raise DoesNotFitError(
                f"returned a list of {how_many(len(result), 'item')} for {how_many(sinks, 'sink')};"
                f" {self._allowed}"
            )
        items = [True, *result] if len(result) < sinks else result
        return [self._records(item, data, sink) for sink, item in enumerate(items)]

    @property
    def _allowed(self) -> str:
        return _ALLOWED if self._copies else _ALLOWED_WITHOUT_COPIES

    def _by_sink(self, result: Mapping[Any, Any]) -> list[Any]:
        """Return one item per sink from a dictionary of sinks, or from the record of the only one.

        A record wins: it cannot be meant otherwise unless its field is named like the sink, and
        then both mean the same.
        """
        is_record = len(self._names) == 1 and set(result) == set(self._forms[0].channels)
        if not is_record and all(key in self._names for key in result):
            return [result.get(name) for name in self._names]
        if len(self._names) == 1:
            return [result]
        raise DoesNotFitError(
            f"returned a dictionary with {', '.join(map(str, result))}, but the sinks are"
            f" {', '.join(self._names)}; {self._allowed}"
        )

    def _records(self, item: Any, data: Any, sink: int) -> Records:
        """Return what one item of the list puts into its sink."""
        if item is None or item is False:
            return []
        if item is True:
            return [self._copy(data, sink)]
        form = self._forms[sink]
        several = isinstance(item, (list, tuple)) and not form.is_one_part_per_channel(item)
        try:
            if several:
                return [form.record(part) for part in item if part is not None]
            return [form.record(item)]
        except DoesNotFitError as error:
            raise DoesNotFitError(f"item for sink {self._names[sink]}: {error}") from None

    def _copy(self, data: Any, sink: int) -> NDArray[Any]:
        if not self._copies:
            raise DoesNotFitError(
                "a copy of the event was asked for, but there are several events;"
                f" {_ALLOWED_WITHOUT_COPIES}"
            )
        try:
            return self._forms[sink].record(data)
        except DoesNotFitError as error:
            raise DoesNotFitError(
                f"a copy of the event was asked for, but events of {self._source} do not fit"
                f" into {self._names[sink]}: {error}"
            ) from None


def _shortened(value: object, limit: int = 100) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
