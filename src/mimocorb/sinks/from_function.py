"""The sink that hands events to a user function, or to a loop of the user."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.batches import batch_limit
from mimocorb._access.user_function import failure
from mimocorb.buffers.reader import Reader
from mimocorb.errors import EndOfStream, MimocorbError, SetupError

__all__ = ["rbExport"]

_EVENTS_AT_ONCE = 256

Event = tuple[NDArray[Any], tuple[int, float, float]]


class rbExport:  # noqa: N801 - the documented name
    """Hand every event of a buffer to a function, or to a loop.

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``.
    sink_list, observe_list
        Must be None or empty.
    config_dict
        Configuration of the worker; kept as attribute, not evaluated here.
    ufunc
        Called as ``ufunc(data, metadata)`` with the event, a read-only array valid until the
        function returns, and ``(counter, timestamp, deadtime)``. The event is acknowledged
        afterwards. Without it, calling the object returns an iterator over ``(data, metadata)``
        that ends with one None.
    in_batches
        Call `ufunc` with what has come meanwhile, not with each event: `data` has the shape
        (k, values_per_slot), and `metadata` is a named tuple of three arrays of k numbers. There
        are at most 256 events in a batch, 64 KiB, or a quarter of the slots. They are acknowledged
        together. Events that are delivered again come one by one, so that an event that makes the
        function fail is set aside without its neighbours.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events handed over.

    Raises
    ------
    SetupError
        Not exactly one source, other buffers, or `ufunc` is not a function.

    Examples
    --------
    >>> from mimocorb.buffer_control import SourceToBuffer, rbExport
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(8, 1, "int32")
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> SourceToBuffer(sink_list=[source], data_source=[3, 1, 4])()
    >>> rbExport(source_list=[group], ufunc=lambda data, metadata: print(metadata[0], data[0]))()
    0 3
    1 1
    2 4
    >>> buffer.close()
    """

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        ufunc: Callable[[NDArray[Any], Any], Any] | None = None,
        *,
        in_batches: bool = False,
        **rb_info: str,
    ) -> None:
        assigned = check_assignment(
            self, (source_list, sink_list, observe_list), rb_info, sources=1
        )
        if ufunc is not None and not callable(ufunc):
            raise SetupError(f"rbExport: ufunc must be a function, found {type(ufunc).__name__}.")
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        self.ufunc = ufunc
        self.event_count = 0
        self.source = Reader(assigned.sources[0])
        self._batch = batch_limit(assigned.sources[0], _EVENTS_AT_ONCE) if in_batches else 0

    def __call__(self) -> Iterator[Event | None] | None:
        """Hand over every event to the end of the stream.

        Returns
        -------
        iterator or None
            Without `ufunc`, an iterator over ``(data, metadata)``, then None once.

        Raises
        ------
        UserFunctionError
            The function raised an exception. The event is given back first.
        """
        if self.ufunc is None:
            return self._events()
        with self.source as reader:
            if self._batch:
                self._hand_over_batches(reader)
            else:
                for data in reader:
                    metadata = reader.get_metadata()
                    self._hand_over(data, metadata, metadata[0])
                    self.event_count += 1
        return None

    def _hand_over_batches(self, reader: Reader) -> None:
        for events in reader.batches(self._batch):
            metadata = reader.get_metadata_batch()
            self._hand_over(events, metadata, int(metadata.counter[0]))
            self.event_count += len(events)

    def _hand_over(self, data: NDArray[Any], metadata: Any, counter: int) -> None:
        """Call the function; name the first event that it got if it fails."""
        assert self.ufunc is not None
        try:
            self.ufunc(data, metadata)
        except (EndOfStream, MimocorbError):
            raise
        except (Exception, SystemExit) as error:
            raise failure(self.ufunc, counter, error) from error

    def start(self) -> Iterator[Event | None] | None:
        """Do the same as calling the object."""
        return self()

    def _events(self) -> Iterator[Event | None]:
        """Yield events; may be abandoned and called again, as ``next(export())`` does."""
        try:
            while True:
                data = self.source.get()
                self.event_count += 1
                yield data, self.source.get_metadata()
        except EndOfStream:
            yield None
