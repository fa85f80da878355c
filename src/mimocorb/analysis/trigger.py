"""The filter ``trigger``: keeps the events for which a condition holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mimocorb.analysis.histograms.expression import Expression, Fields, by_length
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.components.form import filter
from mimocorb.errors import SetupError

__all__ = ["Trigger"]

_OWNER = "trigger"


@filter(batch=True)
class Trigger:
    """Keep the events for which a condition holds: a software trigger.

    With the keys ``events_before`` and ``events_after`` of its worker, it hands on so many events
    before and after each of them, too; each once, with its own metadata.

    Parameters
    ----------
    condition
        A comparison of fields of the events, such as ``height_mV > 20``, or of an expression of
        them: ``max(chA) - min(chA) > 50 and counter > 100``. It has one value for each event:
        ``max``, ``mean`` and the like make one of the samples of a waveform. Besides the fields,
        ``counter``, ``timestamp``, ``deadtime`` and ``time_ns`` are known. What is no number
        fulfils no condition.
    buffer
        Given by mimocorb.
    """

    copies: ClassVar[bool] = True

    def __init__(self, *, condition: str, buffer: Mapping[str, Any]) -> None:
        self._fields = Fields(buffer)
        self._condition = Expression(condition, self._fields.names, f"{_OWNER}: condition")
        self._fields.check(self._condition.names, f"{_OWNER}: a condition is made of numbers")

    @classmethod
    def check(cls, buffer: Mapping[str, Any], *, condition: str) -> None:
        """Raise a SetupError for what is no condition on the events of a buffer."""
        trigger = cls(condition=condition, buffer=buffer)
        nothing = np.zeros((1, buffer["values_per_slot"]), buffer["dtype"])
        zero = np.zeros(1)
        trigger(nothing, BatchMetadata(zero.astype(np.int64), zero, zero))

    def __call__(self, events: NDArray[Any] | Jagged, metadata: BatchMetadata) -> Any:
        """Return for which events the condition holds."""
        if not isinstance(events, Jagged):
            return self._of(events, metadata)
        fulfilled = np.zeros(len(events), np.bool_)
        for places, rows, known in by_length(events, metadata):
            fulfilled[places] = self._of(rows, known)
        return fulfilled

    def _of(self, events: NDArray[Any], metadata: BatchMetadata) -> NDArray[np.bool_]:
        values = {
            name: self._fields.value(name, events, metadata) for name in self._condition.names
        }
        try:
            found = self._condition(values)
        except ValueError as error:
            raise SetupError(
                f"{_OWNER}: the parts of {self._condition.text!r} have different numbers of values"
                f" in an event: {error}"
            ) from None
        if found.ndim and found.shape[-1] != 1:
            raise SetupError(
                f"{_OWNER}: a condition has one value for each event; {self._condition.text!r} has"
                f" {found.shape[-1]}, one for each sample: write max(…), min(…), mean(…) or"
                " count(…)"
            )
        if found.dtype != np.bool_:
            raise SetupError(
                f"{_OWNER}: a condition is a comparison, such as height_mV > 20; found"
                f" {self._condition.text!r}, which is a number"
            )
        fulfilled: NDArray[np.bool_] = np.broadcast_to(found.reshape(-1), len(events))
        return fulfilled
