"""``BufferToBuffer``, later ``rbTransfer`` and ``rbProcess``; ``MergeBuffers``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.compat.manual.access import Access, Started
from mimocorb.compat.manual.assignment import (
    ANY_NUMBER,
    ONE_OR_MORE,
    TWO_OR_MORE,
    Assignment,
    Setups,
)
from mimocorb.components.roles.filter import Filter
from mimocorb.components.roles.merge import Merge
from mimocorb.components.user_function import function_name
from mimocorb.model.merge import MergeSettings

__all__ = ["BufferToBuffer", "MergeBuffers"]


class BufferToBuffer(Access):
    """Read data from an input buffer, filter, and write to output buffer(s).

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``.
    sink_list
        One or more set-up dictionaries, from ``NewBuffer.new_writer()``.
    observe_list
        Must be None or empty.
    config_dict
        Configuration of the worker; kept as attribute, not evaluated here.
    filter
        Function of one argument, the event as read-only array, which returns

        * ``None``, ``False`` or :class:`mimocorb.Reject`: the event is rejected;
        * an ``int`` or ``True``: the event is copied to the first sink;
        * a list or tuple: one item per sink. If it is shorter than the number of sinks, the event
          is copied to the first sink and the items go to the following ones;
        * a dictionary of names of sinks and items; sinks that it does not name get nothing;
        * where there is one sink, the record for it, as a dictionary or an array.

        An item is

        * ``None`` or ``False``: nothing for this sink;
        * ``True``: a copy of the event;
        * one record in any form that the sink's dtype allows: a structured array or scalar, a
          dictionary with every field, a plain array, a list of values in the order of the fields;
        * a list of such records: as many events for this sink.
    ufunc
        The same as `filter`, under its later name.
    with_metadata
        Whether the function has a second argument, ``(counter, timestamp, deadtime)``.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events processed.
    accepted_count : int
        Number of events of which something went to a sink.

    Raises
    ------
    SetupError
        Not exactly one source and at least one sink, an observer, or no function.

    Notes
    -----
    Everything written carries the metadata of the event it came from. All records of an event are
    converted before the first is published, and the event is acknowledged after the last: if this
    process dies in between, the event is delivered again and marked as such.

    Small events are taken in batches, as many as the function processes in about a millisecond;
    at most 256 of them, 64 KiB, or half of the slots. Their records are published together,
    and then the events are acknowledged together. A process that is killed in between, which takes
    some microseconds of each batch, leaves records in the sinks that come again, with the same
    counter, when the events are delivered again: as many as one batch gave. Killed at any other
    moment it leaves none, as records are not published while the batch is worked on.

    In a worker with ``ordered: true``, records are published in the order of the source, however
    many processes there are: each waits with what it has until the events before are done.

    Examples
    --------
    >>> from mimocorb.buffer_control import BufferToBuffer, SourceToBuffer
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader
    >>> raw, heights = NewBuffer(8, 4, "float64"), NewBuffer(8, 1, [("height", "float64")])
    >>> to_raw, from_raw = raw.new_writer(), raw.new_reader_group()
    >>> to_heights, from_heights = heights.new_writer(), heights.new_reader_group()
    >>> SourceToBuffer(sink_list=[to_raw], data_source=[[0, 3, 9, 1], [0, 1, 1, 0]])()
    >>> def tall(pulse):
    ...     return [{"height": pulse.max()}] if pulse.max() > 5 else None
    >>> BufferToBuffer(source_list=[from_raw], sink_list=[to_heights], filter=tall)()
    >>> [event[0].item() for event in Reader(from_heights)]
    [(9.0,)]
    >>> raw.close(), heights.close()
    (None, None)
    """

    SOURCES = 1
    SINKS = ONE_OR_MORE
    RELEASE_ORDER = ("source_list", "sink_list", "config_dict", "ufunc")

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        filter: Callable[..., Any] | None = None,
        *,
        ufunc: Callable[..., Any] | None = None,
        with_metadata: bool = False,
        **rb_info: str,
    ) -> None:
        self._ufunc, self._with_metadata = ufunc, with_metadata
        self._make((source_list, sink_list, observe_list, config_dict, filter), rb_info)

    def _open(self, assigned: Assignment) -> None:
        self.filter = self._callable("filter", self._one_function("filter", self._ufunc))
        self._loop = Filter(
            assigned.sources[0],
            assigned.sinks,
            self._called(self.filter, assigned),
            function_name(self.filter),
            metadata=tuple if self._with_metadata else None,
            config=self.config_dict,
        )

    def _called(self, function: Callable[..., Any], assigned: Assignment) -> Callable[..., Any]:  # noqa: ARG002
        """Return what is called with each event: the function, or one that reads its results."""
        return function

    @property
    def event_count(self) -> int:
        """Number of events processed."""
        return self._loop.event_count

    @property
    def accepted_count(self) -> int:
        """Number of events of which something went to a sink."""
        return self._loop.accepted_count

    @property
    def reader(self) -> Reader:
        """The source."""
        return self._loop.reader

    @property
    def writers(self) -> list[Writer]:
        """The sinks."""
        return self._loop.writers

    def __call__(self) -> None:
        """Process events to the end of the stream, or until a sink takes no more.

        Raises
        ------
        UserFunctionError
            The function raised an exception, or returned something undocumented. The events
            before are processed; this one and those behind it in its batch are given back first:
            they are delivered again, to this group.
        """
        self._loop.run()

    def process_data(self) -> None:
        """Do the same as calling the object."""
        self()


class MergeBuffers(Started):
    """Hand events of several buffers that belong together to one function.

    Parameters
    ----------
    source_list
        Two or more set-up dictionaries, from ``NewBuffer.new_reader_group()``.
    sink_list
        Any number of set-up dictionaries, from ``NewBuffer.new_writer()``.
    observe_list
        Must be None or empty.
    config_dict
        Configuration of the worker; `settings` are read from its key ``merge``.
    function
        Called with a dictionary: name of the buffer → its event, a read-only array, or None if it
        is missing in an incomplete set that is passed on. It returns None or False (nothing), or
        a list with one item per sink: None, a record, or a list of records, as described at
        ``BufferToBuffer``. Without sinks, what it returns is not looked at.
    ufunc
        The same as `function`.
    settings
        How events are put together, instead of what the configuration says.
    with_metadata
        Call ``function(events, metadata)``, with a dictionary of ``(counter, timestamp,
        deadtime)``, or None for what is missing.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    complete_count : int
        Number of complete sets.
    incomplete_count : int
        Number of sets in which a source was missing.
    late_count : int
        Number of sets that came after a later one had been dealt with; each is one of the
        incomplete ones as well.
    counts : dict
        Name of the buffer → what became of its events: ``complete``, ``incomplete``, ``late``, and
        how many came ``out of order``, that is behind one with a higher counter or timestamp.

    Raises
    ------
    SetupError
        Fewer than two sources, buffers of one name, faulty settings, or a worker with several
        processes: each of them would get other events.

    Notes
    -----
    Results carry the metadata of the event from the first source, in the order of the set-up, that
    is not missing.

    The three numbers of sets are reported as results of the worker while it runs.

    A process that is killed, or fails, leaves the events in hand to be delivered again. Killed in
    the microseconds in which the events of a set are acknowledged, one after the other, it leaves
    some of them without their partners. They come again as an incomplete set, which is dropped and
    counted when ``incomplete`` is ``"drop"`` or ``"fail"``.

    Examples
    --------
    >>> from mimocorb.buffer_control import MergeBuffers, SourceToBuffer
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> top, bottom = (NewBuffer(8, 1, "float64", name=name) for name in ("top", "bottom"))
    >>> to_top, to_bottom = top.new_writer(), bottom.new_writer()
    >>> groups = [top.new_reader_group(), bottom.new_reader_group()]
    >>> SourceToBuffer(sink_list=[to_top], data_source=[3.0, 1.0, 4.0])()
    >>> SourceToBuffer(sink_list=[to_bottom], data_source=[(2.0, {"counter": 1})])()
    >>> def both(events):
    ...     print(events["top"], events["bottom"])
    >>> merge = MergeBuffers(groups, function=both)
    >>> merge()
    [1.] [2.]
    >>> merge.complete_count, merge.incomplete_count
    (1, 2)
    >>> top.close(), bottom.close()
    (None, None)
    """

    SOURCES = TWO_OR_MORE
    SINKS = ANY_NUMBER
    _loop: Merge

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        function: Callable[..., Any] | None = None,
        *,
        ufunc: Callable[..., Any] | None = None,
        settings: MergeSettings | None = None,
        with_metadata: bool = False,
        **rb_info: str,
    ) -> None:
        self._ufunc, self._with_metadata, self._settings = ufunc, with_metadata, settings
        self._make((source_list, sink_list, observe_list, config_dict, function), rb_info)

    def _open(self, assigned: Assignment) -> None:
        self.function = self._callable("function", self._one_function("function", self._ufunc))
        self.settings = self._settings or MergeSettings.from_config(self.config_dict)
        self._loop = Merge(
            assigned.sources,
            assigned.sinks,
            self.function,
            function_name(self.function),
            self.settings,
            metadata=tuple if self._with_metadata else None,
        )

    @property
    def complete_count(self) -> int:
        """Number of complete sets."""
        return self._loop.complete_count

    @property
    def incomplete_count(self) -> int:
        """Number of sets in which a source was missing."""
        return self._loop.incomplete_count

    @property
    def late_count(self) -> int:
        """Number of sets that came after a later one had been dealt with."""
        return self._loop.late_count

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """What became of the events of each buffer."""
        return self._loop.counts

    @property
    def writers(self) -> list[Writer]:
        """The sinks."""
        return self._loop.writers

    def __call__(self) -> None:
        """Process sets to the end of all streams, or until a sink takes no more.

        Raises
        ------
        UserFunctionError
            The function raised an exception or returned something undocumented, or a set is
            incomplete and ``incomplete`` is ``"fail"``. The events in hand are given back first.
        """
        self._loop.run()
