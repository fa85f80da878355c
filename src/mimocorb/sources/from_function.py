"""The pulling source: it asks a user function for one event after the other."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.event_writer import EventWriter, split_metadata
from mimocorb._access.records import DoesNotFitError
from mimocorb._access.user_function import failure, function_name, one_function
from mimocorb._words import how_many
from mimocorb.errors import EndOfStream, MimocorbError, SetupError, UserFunctionError

__all__ = ["SourceToBuffer"]


class SourceToBuffer:
    """Read data from a source, such as a file, a simulation or a device, into a buffer.

    Parameters
    ----------
    source_list, observe_list
        Must be None or empty.
    sink_list
        One set-up dictionary, from ``NewBuffer.new_writer()``.
    config_dict
        Configuration of the worker; kept as attribute, not evaluated here.
    data_source
        Where the events come from, one of

        * a function ``data_source(number_of_channels)`` that returns one event per call (a
          function without parameters is called without);
        * a generator function, with or without that parameter;
        * an iterator, or anything to iterate over.

        An event is one array per channel, an array of shape (channels, samples) or (samples,
        channels), a structured array, a dictionary of arrays, or a tuple ``(data, metadata)`` of
        any of these and ``(counter, timestamp, deadtime)``, a dictionary with some of these keys,
        or None. The end of the data is None, ``(None, None)``, the end of the iteration, or
        ``sys.exit()``.
    ufunc
        The same as `data_source`, under its later name.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events published.

    Raises
    ------
    SetupError
        Not exactly one sink, other buffers, or no usable data source.

    Notes
    -----
    Every event is published as soon as it is complete. Metadata not given by the source are
    filled in: ``counter`` runs from 0, ``timestamp`` is the UTC time in seconds at arrival, and
    ``deadtime`` the part of the time since the previous event in which none could be taken: while
    one was read out, the buffer was full, or the run paused.
    In a process that takes the place of one that failed, ``counter`` goes on from the number of
    events that have been published, so that none comes twice.

    Examples
    --------
    >>> import numpy as np
    >>> from mimocorb.buffer_control import SourceToBuffer
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader
    >>> buffer = NewBuffer(8, 3, [("chA", "float64"), ("chB", "float64")])
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> pulses = (np.full((2, 3), height) for height in (10.0, 20.0))
    >>> SourceToBuffer(sink_list=[source], data_source=pulses)()
    >>> for event in Reader(group):
    ...     print(event["chB"])
    [10. 10. 10.]
    [20. 20. 20.]
    >>> buffer.close()
    """

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        data_source: Any = None,
        *,
        ufunc: Any = None,
        **rb_info: str,
    ) -> None:
        assigned = check_assignment(self, (source_list, sink_list, observe_list), rb_info, sinks=1)
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        self.data_source = one_function(self, "data_source", data_source, ufunc)
        if not callable(self.data_source) and not hasattr(self.data_source, "__iter__"):
            raise SetupError(
                "SourceToBuffer: data_source must be a function or something to iterate over,"
                f" found {type(self.data_source).__name__}."
            )
        self._events = EventWriter(assigned.sinks[0])
        self.sink = self._events.writer
        self.number_of_channels = self._events.form.number_of_channels

    @property
    def event_count(self) -> int:
        """Number of events published."""
        return self._events.event_count

    def __call__(self) -> None:
        """Publish events until the source is exhausted or the buffer takes no more.

        Raises
        ------
        UserFunctionError
            The source raised an exception, or an event has the wrong shape or type.
        """
        with self._events:
            self._events.begin()
            try:
                self._transfer()
            except EndOfStream:
                taken = how_many(self.event_count, "event")
                self.logger.info("%s taken, no more are wanted", taken)

    def start_data_capture(self) -> None:
        """Do the same as calling the object."""
        self()

    def _transfer(self) -> None:
        for value in self._until_exhausted():
            data, metadata = split_metadata(value, self._events.form)
            if data is None:
                return
            try:
                self._events.put(data, metadata)
            except DoesNotFitError as error:
                raise UserFunctionError(
                    f"{function_name(self.data_source)}, event {self._events.next_counter}: {error}"
                ) from None

    def _until_exhausted(self) -> Iterator[Any]:
        """Yield what the source delivers; name the source and the event if it fails."""
        try:
            next_value = self._started()
            while (value := next_value()) is not None:
                yield value
        except StopIteration:
            return
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        except MimocorbError:
            raise
        except Exception as error:
            raise failure(self.data_source, self._events.next_counter, error) from error

    def _started(self) -> Callable[[], Any]:
        """Return a function that gets the next value, or raises StopIteration."""
        source = self.data_source
        if not callable(source):
            events: Iterator[Any] = iter(source)
            return events.__next__
        arguments = (self.number_of_channels,) if _takes_channels(source) else ()
        first = source(*arguments)
        if isinstance(first, Iterator):
            return first.__next__
        pending = [first]
        return lambda: pending.pop() if pending else source(*arguments)


def _takes_channels(function: Callable[..., Any]) -> bool:
    """Tell whether a source function wants the number of channels.

    A plain function gets it if it can take it. A generator function only if it must: later
    releases call it without arguments, so its optional parameters mean something else.
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
    ]
    if inspect.isgeneratorfunction(function):
        return any(p.default is p.empty and p.kind != p.VAR_POSITIONAL for p in positional)
    return bool(positional)
