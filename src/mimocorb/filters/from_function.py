"""The filter: from one buffer, through a user function, to one or more buffers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from numpy.typing import NDArray

from mimocorb._access import worker_context
from mimocorb._access.assignment import ONE_OR_MORE, Setups, check_assignment
from mimocorb._access.batches import BatchPace, batch_limit, events_in_a_batch
from mimocorb._access.decisions import DecisionCounter, Verdict
from mimocorb._access.outbox import Outbox, publish_all
from mimocorb._access.records import DoesNotFitError
from mimocorb._access.rejected_sample import RejectedSample
from mimocorb._access.user_function import failure, function_name, one_function
from mimocorb.buffers.reader import BatchMetadata, Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import EndOfStream, MimocorbError, SetupError, UserFunctionError
from mimocorb.filters.results import ResultForms

__all__ = ["BufferToBuffer"]

_EVENTS_AT_ONCE = 64


class BufferToBuffer:
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
    at most 64 of them, 64 KiB, or a quarter of the slots. Their records are published together,
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
        assigned = check_assignment(
            self,
            (source_list, sink_list, observe_list),
            rb_info,
            sources=1,
            sinks=ONE_OR_MORE,
        )
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        self.filter = one_function(self, "filter", filter, ufunc)
        if not callable(self.filter):
            raise SetupError(
                f"BufferToBuffer: filter must be a function, found {type(self.filter).__name__}."
            )
        self._with_metadata = with_metadata
        self._ordered = worker_context.current().spec.ordered
        self.event_count = 0
        self.accepted_count = 0
        self.reader = Reader(assigned.sources[0])
        self.writers = [Writer(setup) for setup in assigned.sinks]
        self._results = ResultForms(self.writers, self.reader.name)
        self._outboxes = [Outbox(writer) for writer in self.writers]
        self._decisions = DecisionCounter(len(self.writers))
        self._sample = RejectedSample.if_asked_for(assigned.sources[0], self.config_dict)
        self._batch_limit = min(
            batch_limit(assigned.sources[0], _EVENTS_AT_ONCE),
            *(events_in_a_batch(setup) for setup in assigned.sinks),
        )

    def __call__(self) -> None:
        """Process events to the end of the stream, or until a sink takes no more.

        Raises
        ------
        UserFunctionError
            The function raised an exception, or returned something undocumented. The events
            before are processed; this one and those behind it in its batch are given back first:
            they are delivered again, to this group.
        """
        pace = BatchPace(self._batch_limit)
        self._decisions.begin()
        with ExitStack() as stack:
            if self._sample is not None:
                stack.callback(self._sample.close)
            for writer in self.writers:
                stack.enter_context(writer)
            reader = stack.enter_context(self.reader)
            while True:
                count = pace.size
                try:
                    events = reader.get() if count == 1 else reader.get_batch(count)
                except EndOfStream:
                    return
                try:
                    if count == 1:
                        self._process_one(events, pace)
                    elif len(events) == 1:
                        self._process_one(events[0], pace)
                    else:
                        self._process_batch(events, pace)
                except EndOfStream:
                    self.reader.reject("a sink has ended")
                    return

    def process_data(self) -> None:
        """Do the same as calling the object."""
        self()

    def _process_one(self, data: NDArray[Any], pace: BatchPace) -> None:
        metadata = self.reader.get_metadata()
        pace.begin()
        outputs, verdict = self._filtered(data, metadata)
        pace.end(1)
        if isinstance(verdict, int):
            if not self._is_our_turn():
                return
            for writer, records in zip(self.writers, outputs, strict=False):
                for record in records:
                    writer.write(record, *metadata)
        self._count(verdict, 1)

    def _process_batch(self, events: NDArray[Any], pace: BatchPace) -> None:
        metadata = self.reader.get_metadata_batch()
        verdicts: list[Verdict] = []
        pace.begin()
        try:
            each = zip(*(part.tolist() for part in metadata), strict=True)
            for place, (data, data_metadata) in enumerate(zip(events, each, strict=True)):
                outputs, verdict = self._filtered(data, data_metadata)
                verdicts.append(verdict)
                for outbox, records in zip(self._outboxes, outputs, strict=False):
                    for record in records:
                        outbox.add(record.tobytes(), place)
            pace.end(len(events))
        except (MimocorbError, EndOfStream):
            self._finish(metadata, verdicts)
            raise
        self._finish(metadata, verdicts)

    def _finish(self, metadata: BatchMetadata, verdicts: list[Verdict]) -> None:
        """Publish what the first events gave, and acknowledge them."""
        if any(outbox.places for outbox in self._outboxes) and not self._is_our_turn():
            for outbox in self._outboxes:
                outbox.clear()
            return
        done = len(verdicts)
        try:
            publish_all(self._outboxes, metadata)
        except EndOfStream:
            # those before the first record that found no room are done all the same
            done = min(outbox.places[0] for outbox in self._outboxes if outbox.places)
            raise
        finally:
            # first: a kill in between counts them once too often
            for verdict, events in Counter(verdicts[:done]).items():
                self._count(verdict, events)
            self.reader.acknowledge(done)

    def _is_our_turn(self) -> bool:
        """Wait until results may be published in the order of the input, if that is asked for.

        False if an earlier event came back: what is in hand has been given back to let it go first.
        """
        return not self._ordered or self.reader.wait_for_turn()

    def _count(self, verdict: Verdict, events: int) -> None:
        self._decisions.add(verdict, events)
        self.event_count += events
        if isinstance(verdict, int):
            self.accepted_count += events

    def _filtered(
        self, data: NDArray[Any], metadata: tuple[int, float, float]
    ) -> tuple[list[list[NDArray[Any]]], Verdict]:
        """Call the function; return the records for each sink, and what that means."""
        counter = metadata[0]
        try:
            result = self.filter(data, metadata) if self._with_metadata else self.filter(data)
        except (EndOfStream, MimocorbError):
            raise
        except (Exception, SystemExit) as error:
            self._decisions.failed()
            raise failure(self.filter, counter, error) from error
        try:
            outputs = self._results.outputs(result, data)
        except DoesNotFitError as error:
            self._decisions.failed()
            raise UserFunctionError(
                f"{function_name(self.filter)}, event {counter}: {error}"
            ) from None
        verdict = DecisionCounter.verdict(outputs, result)
        if self._sample is not None and not isinstance(verdict, int):
            self._sample.offer(data, metadata, verdict)
        return outputs, verdict
