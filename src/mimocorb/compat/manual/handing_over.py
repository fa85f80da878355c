"""``rbExport``, ``rbObserver``, ``rbWSObserver``: events to a function or to a loop of the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.compat.manual.access import Started
from mimocorb.compat.manual.assignment import Assignment, Setups
from mimocorb.compat.manual.buffers import Observer, Reader
from mimocorb.compat.manual.field_pairs import METADATA_PAIRS
from mimocorb.components.roles.newest_events import NewestEvents, checked_interval
from mimocorb.components.roles.observer import Watch
from mimocorb.components.roles.sink import Sink
from mimocorb.components.user_function import failure, function_name
from mimocorb.errors import EndOfStream, MimocorbError

__all__ = ["rbExport", "rbObserver", "rbWSObserver"]

Event = tuple[NDArray[Any], tuple[int, float, float]]


class _Counter(int):
    """The number of an event; with an index it is the record of release 1.0.2."""

    record: np.void

    def __getitem__(self, key: int | str) -> Any:
        return self.record[key]


class ObservedMetadata(tuple[Any, ...]):
    """``(counter, timestamp, deadtime)``, which can be read as in release 1.0.2 as well.

    There, an observer gets an array of one record: ``metadata[0][0]`` is the counter, as
    ``metadata[0]["counter"]`` and ``metadata["counter"][0]`` are. Here ``metadata[0]`` is.
    """

    __slots__ = ()

    @classmethod
    def of(cls, metadata: tuple[int, float, float]) -> ObservedMetadata:
        """Return what an observer tells of an event."""
        counter = _Counter(metadata[0])
        counter.record = np.array([metadata], METADATA_PAIRS)[0]
        return cls((counter, *metadata[1:]))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return np.array([tuple(self)], METADATA_PAIRS)[key]
        return super().__getitem__(key)


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
        self._make((source_list, sink_list, observe_list, config_dict, ufunc), rb_info)

    def _open(self, assigned: Assignment) -> None:
        function = self._function
        self.ufunc = None if function is None else self._callable("ufunc", function)
        self.event_count = 0
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
                except MimocorbError:
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
        Its metadata can be read as in release 1.0.2 as well: ``metadata[0][0]`` is the counter.
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
    RELEASE_ORDER = ("observe_list", "config_dict")

    def _open_source(self, assigned: Assignment) -> None:
        (setup,) = assigned.observed
        self.min_sleeptime = checked_interval(type(self).__name__, self.config_dict)
        self._loop: Watch | None = None
        if self.ufunc is not None:
            function = self._counting(self.ufunc, lambda _data: 1)
            self._loop = Watch(setup, function, function_name(self.ufunc), self.min_sleeptime)
            self.source = self._loop.source
        else:
            self.source = Observer(setup)
        self._newest = NewestEvents(self.source, self.min_sleeptime)

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
        if self._loop is None:
            return self._events()
        self._loop.run()
        return None

    def _events(self) -> Iterator[Event | None]:
        """Yield events; may be abandoned and called again, as ``next(watch())`` does."""
        for data in self._newest:
            self.event_count += 1
            yield data, ObservedMetadata.of(self.source.get_metadata())
        yield None


class rbWSObserver(rbObserver):  # noqa: N801 - the documented name
    """The observer of releases 1.0.0 to 1.0.2 for web sockets: the same as :class:`rbObserver`.

    Examples
    --------
    >>> from mimocorb.buffer_control import rbWSObserver
    >>> from mimocorb.mimo_buffer import NewBuffer, Writer
    >>> buffer = NewBuffer(8, 1, "int32")
    >>> watch = rbWSObserver([buffer.new_observer()], {"min_sleeptime": 0})
    >>> with Writer(buffer.new_writer()) as writer:
    ...     writer.write([42])
    >>> [int(event[0][0]) for event in watch() if event is not None]
    [42]
    >>> watch.close(), buffer.close()
    (None, None)
    """

    def close(self) -> None:
        """Let go of the buffer. Idempotent."""
        self.source.close()
