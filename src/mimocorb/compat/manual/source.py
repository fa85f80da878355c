"""``SourceToBuffer``, later ``rbImport``: the source of the manual."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from mimocorb.compat.manual.access import Access
from mimocorb.compat.manual.assignment import Assignment, Setups
from mimocorb.components.roles.source import Source
from mimocorb.components.user_function import function_name
from mimocorb.errors import SetupError

__all__ = ["SourceToBuffer"]


class SourceToBuffer(Access):
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
    chnams : list of str
        Names of the channels.

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

    SINKS = 1
    RELEASE_ORDER = ("sink_list", "config_dict", "ufunc")

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
        self._ufunc = ufunc
        self._make((source_list, sink_list, observe_list, config_dict, data_source), rb_info)

    def _open(self, assigned: Assignment) -> None:
        self.data_source = self._one_function("data_source", self._ufunc)
        if not callable(self.data_source) and not hasattr(self.data_source, "__iter__"):
            raise SetupError(
                "SourceToBuffer: data_source must be a function or something to iterate over,"
                f" found {type(self.data_source).__name__}."
            )
        self._source = Source(assigned.sinks[0], function_name(self.data_source))
        self.sink = self._source.events.writer
        self.number_of_channels = self._source.events.form.number_of_channels
        self.chnams = list(self._source.events.form.channels)

    @property
    def event_count(self) -> int:
        """Number of events published."""
        return self._source.events.event_count

    def __call__(self) -> None:
        """Publish events until the source is exhausted or the buffer takes no more.

        Raises
        ------
        UserFunctionError
            The source raised an exception, or an event has the wrong shape or type.
        """
        self._source.run(self._started)

    def start_data_capture(self) -> None:
        """Do the same as calling the object."""
        self()

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
