"""``rbTransfer`` and ``rbProcess``: filters whose results are read as release 1.0.2 reads them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mimocorb.compat.manual.assignment import Assignment
from mimocorb.compat.manual.filter import BufferToBuffer
from mimocorb.components.decisions import Reject

__all__ = ["rbProcess", "rbTransfer"]


class _ReleaseFilter(BufferToBuffer):
    """A filter that translates what its function returns."""

    def _called(self, function: Callable[..., Any], assigned: Assignment) -> Callable[..., Any]:
        self.number_of_output_buffers = len(assigned.sinks)
        source, self._sinks = assigned.sources[0], assigned.sinks
        first = self._sinks[0]
        self._takes_copies = all(source[key] == first[key] for key in ("dtype", "values_per_slot"))

        @functools.wraps(function)
        def translated(*given: Any) -> Any:
            return self._translated(function(*given))

        return translated

    def _translated(self, result: Any) -> Any:
        """Return what `BufferToBuffer` understands."""
        raise NotImplementedError

    def _filled(self, items: Sequence[Any]) -> list[Any]:
        """Return the items of a list; fields that a record does not have are zero in the sink."""
        sinks = self._sinks[max(0, len(self._sinks) - len(items)) :]
        if len(items) > len(sinks):
            return list(items)  # which is refused with both numbers
        return [_filled(item, sink) for item, sink in zip(items, sinks, strict=True)]


class rbTransfer(_ReleaseFilter):  # noqa: N801 - the documented name
    """Read data from an input buffer, filter, and write to output buffers, as in release 1.0.2.

    All else is as described at :class:`BufferToBuffer`.

    Parameters
    ----------
    source_list, sink_list, observe_list, config_dict, filter, ufunc, with_metadata, **rb_info
        As those of :class:`BufferToBuffer`. In the order of release 1.0.2 the positional arguments
        are ``(source_list, sink_list, config_dict, ufunc)``, which is understood as well. The
        function returns

        * ``None``: the event is rejected;
        * a list or tuple: one item per sink, an array or None. If it is shorter than the number of
          sinks, the event is copied to the first sink and the items go to the following ones.
          Fields of a sink that an array does not have are zero;
        * anything else, such as 1, ``True``, ``False``, or the event: the event is copied to the
          first sink;
        * what that release did not know: a dictionary or :class:`mimocorb.Reject`, as at
          :class:`BufferToBuffer`, and an array where events do not fit into the only sink, as the
          record for it.

    Examples
    --------
    >>> from mimocorb.buffer_control import rbImport, rbTransfer
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader
    >>> raw, chosen = NewBuffer(8, 1, "float64"), NewBuffer(8, 1, "float64")
    >>> to_raw, from_raw = raw.new_writer(), raw.new_reader_group()
    >>> to_chosen, from_chosen = chosen.new_writer(), chosen.new_reader_group()
    >>> rbImport(sink_list=[to_raw], ufunc=lambda: iter([(3.0, None), (1.0, None), (4.0, None)]))()
    >>> def large(event):
    ...     return event if event[0] > 2 else None
    >>> rbTransfer([from_raw], [to_chosen], {}, large)()
    >>> [float(event[0]) for event in Reader(from_chosen)]
    [3.0, 4.0]
    """

    def _translated(self, result: Any) -> Any:
        if result is None or isinstance(result, Mapping | Reject):
            return result
        if isinstance(result, list | tuple):
            return self._filled(result)
        is_record = isinstance(result, np.ndarray | np.void) and not self._takes_copies
        return result if is_record and self.number_of_output_buffers == 1 else True


class rbProcess(_ReleaseFilter):  # noqa: N801 - the documented name
    """Read data from an input buffer and write what a function makes of them, as in release 1.0.2.

    All else is as described at :class:`BufferToBuffer`.

    Parameters
    ----------
    source_list, sink_list, observe_list, config_dict, filter, ufunc, with_metadata, **rb_info
        As those of :class:`BufferToBuffer`. In the order of release 1.0.2 the positional arguments
        are ``(source_list, sink_list, config_dict, ufunc)``, which is understood as well. The
        function returns ``None``, which rejects the event, or a list with one item per sink:

        * ``None``: nothing for this sink;
        * ``True``: a copy of the event;
        * an array: a record for this sink; fields that it does not have are zero;
        * a list of arrays: as many records for this sink.

        What :class:`BufferToBuffer` understands besides means the same here.

    Attributes
    ----------
    number_of_output_buffers : int
        Number of sinks.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb.buffer_control import rbImport, rbProcess
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader
    >>> raw = NewBuffer(8, 2, "float64")
    >>> parts = NewBuffer(8, 1, [("height", "f8"), ("place", "i4")])
    >>> to_raw, from_raw = raw.new_writer(), raw.new_reader_group()
    >>> to_parts, from_parts = parts.new_writer(), parts.new_reader_group()
    >>> rbImport([to_raw], {}, lambda: iter([([3.0, 1.0], None), ([0.0, 0.0], None)]))()
    >>> def each(event):
    ...     return [[np.array([(value,)], [("height", "f8")]) for value in event]]
    >>> rbProcess([from_raw], [to_parts], {}, each)()
    >>> [event[0].item() for event in Reader(from_parts)]
    [(3.0, 0), (1.0, 0), (0.0, 0), (0.0, 0)]
    """

    def _translated(self, result: Any) -> Any:
        if (
            isinstance(result, np.ndarray)
            and result.ndim == 1
            and 1 < len(self._sinks) == len(result)
        ):
            result = list(result)
        if isinstance(result, list | tuple):
            return self._filled(result)
        return result


def _filled(item: Any, sink: Mapping[str, Any]) -> Any:
    """Return a record with every field of a sink, zero where the item has none of this name."""
    if isinstance(item, list | tuple):
        return [_filled(each, sink) for each in item]
    fields = getattr(getattr(item, "dtype", None), "names", None)
    dtype, samples = sink["dtype"], sink["values_per_slot"]
    if not fields or dtype.names is None or not set(fields) <= set(dtype.names):
        return item
    if set(fields) == set(dtype.names) and np.size(item) == samples:
        return item
    zero = np.zeros(samples, dtype)
    return {
        name: np.broadcast_to(item[name], zero[name].shape) if name in fields else zero[name]
        for name in dtype.names
    }
