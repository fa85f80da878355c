"""``rbExport`` and ``rbObserver``: events to a function, or to a loop of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from mimocorb.buffers.reader import Reader
from mimocorb.compat.manual.access import Started
from mimocorb.compat.manual.assignment import Assignment, Setups
from mimocorb.components.roles.newest_events import checked_interval
from mimocorb.components.roles.observer import Watch
from mimocorb.components.roles.sink import Sink
from mimocorb.components.user_function import failure, function_name
from mimocorb.errors import EndOfStream, MimocorbError, SetupError

__all__ = ["rbExport", "rbObserver"]

Event = tuple[NDArray[Any], tuple[int, float, float]]


class HandsOver(Started):
    """Hands events to a function, or to a loop of the user."""

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        ufunc: Callable[[NDArray[Any], Any], Any] | None = None,
        **rb_info: str,
    ) -> None:
        self.ufunc = ufunc
        self.event_count = 0
        super().__init__(source_list, sink_list, observe_list, config_dict, **rb_info)

    def _open(self, assigned: Assignment) -> None:
        if self.ufunc is not None and not callable(self.ufunc):
            raise SetupError(
                f"{type(self).__name__}: ufunc must be a function, found"
                f" {type(self.ufunc).__name__}."
            )
        self._open_source(assigned)

    def _open_source(self, assigned: Assignment) -> None:
        raise NotImplementedError

    def _counting(
        self, ufunc: Callable[..., Any], events_in: Callable[[NDArray[Any]], int]
    ) -> Callable[..., None]:
        """Return the function, which counts the events that it has been handed."""

        def count(data: NDArray[Any], metadata: Any) -> None:
            ufunc(data, metadata)
            self.event_count += events_in(data)

        return count


class rbExport(HandsOver):  # noqa: N801 - the documented name
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
        are at most 256 events in a batch, 64 KiB, or half of the slots. They are acknowledged
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

    SOURCES = 1

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
        self._in_batches = in_batches
        super().__init__(source_list, sink_list, observe_list, config_dict, ufunc, **rb_info)

    def _open_source(self, assigned: Assignment) -> None:
        (setup,) = assigned.sources
        self._loop: Sink | None = None
        if self._in_batches and self.ufunc is not None:
            function = self._counting(self.ufunc, len)
            self._loop = Sink(setup, function, function_name(self.ufunc))
            self.source = self._loop.reader
        else:
            self.source = Reader(setup)

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
        if self._loop is not None:
            self._loop.run()
            return None
        with self.source as reader:
            for data in reader:
                metadata = reader.get_metadata()
                try:
                    self.ufunc(data, metadata)
                except (EndOfStream, MimocorbError):
                    raise
                except (Exception, SystemExit) as error:
                    raise failure(function_name(self.ufunc), metadata[0], error) from error
                self.event_count += 1
        return None

    def _events(self) -> Iterator[Event | None]:
        """Yield events; may be abandoned and called again, as ``next(export())`` does."""
        try:
            while True:
                data = self.source.get()
                self.event_count += 1
                yield data, self.source.get_metadata()
        except EndOfStream:
            yield None


class rbObserver(HandsOver):  # noqa: N801 - the documented name
    """Hand copies of some events to a function, or to a loop, without slowing anyone.

    Parameters
    ----------
    source_list, sink_list
        Must be None or empty.
    observe_list
        One set-up dictionary, from ``NewBuffer.new_observer()``.
    config_dict
        ``min_sleeptime`` : float, default 1.0
            least time between two events, in s.
    ufunc
        Called as ``ufunc(data, metadata)`` with a copy of the newest event, a read-only array
        valid until the function returns, and ``(counter, timestamp, deadtime)``. Without it,
        calling the object returns an iterator over ``(data, metadata)`` that ends with one None.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events seen.

    Raises
    ------
    SetupError
        Not exactly one observed buffer, other buffers, or a faulty configuration.

    Examples
    --------
    >>> from mimocorb.buffer_control import rbObserver
    >>> from mimocorb.mimo_buffer import NewBuffer, Writer
    >>> buffer = NewBuffer(8, 1, "int32")
    >>> watch = rbObserver(observe_list=[buffer.new_observer()], config_dict={"min_sleeptime": 0})
    >>> with Writer(buffer.new_writer()) as writer:
    ...     writer.write([42])
    ...     data, metadata = next(watch())
    >>> data
    array([42], dtype=int32)
    >>> buffer.close()
    """

    OBSERVED = 1

    def _open_source(self, assigned: Assignment) -> None:
        self.min_sleeptime = checked_interval("rbObserver", self.config_dict)
        function = self._counting(self.ufunc, lambda _data: 1) if self.ufunc else _nothing
        self._loop = Watch(
            assigned.observed[0], function, function_name(self.ufunc), self.min_sleeptime
        )
        self.source = self._loop.source

    def __call__(self) -> Iterator[Event | None] | None:
        """Hand over copies of new events until the stream ends.

        Returns
        -------
        iterator or None
            Without `ufunc`, an iterator over ``(data, metadata)``, then None once.

        Raises
        ------
        UserFunctionError
            The function raised an exception.
        """
        if self.ufunc is None:
            return self._events()
        self._loop.run()
        return None

    def _events(self) -> Iterator[Event | None]:
        """Yield events; may be abandoned and called again, as ``next(watch())`` does."""
        for data in self._loop.newest:
            self.event_count += 1
            yield data, self.source.get_metadata()
        yield None


def _nothing(_data: NDArray[Any], _metadata: Any) -> None:
    """Stand for the function where the user has a loop instead."""
