"""The filter: from one buffer, through a function, to one or more buffers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.components.decisions import DecisionCounter, Verdict
from mimocorb.components.form import Metadata
from mimocorb.components.roles.batch_results import take_batch
from mimocorb.components.roles.batches import (
    BYTES_OF_A_BATCH_FUNCTION,
    EVENTS_OF_A_BATCH_FUNCTION,
    BatchPace,
    batch_limit,
    events_in_a_batch,
    is_small,
)
from mimocorb.components.roles.lent_events import LentEvents
from mimocorb.components.roles.outbox import InHand
from mimocorb.components.roles.results import Results
from mimocorb.components.roles.verdicts import Verdicts, counted, reason_of, rejected
from mimocorb.components.room import again_when_there_is_room
from mimocorb.components.user_function import failure
from mimocorb.components.variable_records import form_of
from mimocorb.components.worker import current_worker
from mimocorb.errors import EndOfStream, MimocorbError, UserFunctionError

__all__ = ["Filter"]

_EVENTS_AT_ONCE = 256


class Filter:
    """Calls a function with events, publishes what it returns, and acknowledges them.

    Small events are taken together, as many as the function processes in about a millisecond; at
    most 256 of them, 64 KiB, or half of the slots for all processes together. Processes that wait
    for work leave their share of these to those that have it. When all of them are
    worked on, slots for what they gave are claimed in all sinks, then all is published, and then
    the events are acknowledged, see :mod:`mimocorb.components.roles.publishing`. A process that is
    killed between the first and the last of these, which takes some microseconds of each batch,
    leaves records in the sinks that come again when the events are delivered again. What comes of
    an event that was delivered before is marked
    (:attr:`~mimocorb.buffers.batch_metadata.BatchMetadata.may_repeat`), on its way through further
    filters, too.

    A batch function gets all events that wait, up to 4096, 1 MiB or half of the slots for all
    processes together; one of several processes gets no more than its share if that takes the
    function a millisecond. If it raises an exception, or returns something undocumented, all of
    them are given back; as every event that has failed, each then comes alone, in a batch of one:
    so one that makes the function fail again and again is set aside without its neighbours.

    Parameters
    ----------
    source
        Set-up dictionary of the buffer that is read.
    sinks
        Those of the buffers that are written.
    function
        Called with an event, or with a batch of shape ``(k, values_per_slot)`` (of variable length:
        a :class:`~mimocorb.Jagged`), and with metadata if wanted. What it returns: see
        :class:`mimocorb.buffer_control.BufferToBuffer`, for a batch
        :mod:`mimocorb.components.roles.batch_results`.
    name
        Of the user's function, for messages.
    metadata
        The type of its second argument, made of ``(counter, timestamp, deadtime)``; None: it has
        only one. A batch function gets arrays with these names, whatever the type.
    batch
        Whether it is a batch function.
    config
        Configuration of the worker, for what is noted with each event in the rejected sample.
    """

    def __init__(
        self,
        source: Mapping[str, Any],
        sinks: Sequence[Mapping[str, Any]],
        function: Callable[..., Any],
        name: str,
        *,
        metadata: type[tuple[Any, ...]] | None = None,
        batch: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        worker = current_worker()
        self.event_count = 0
        self.accepted_count = 0
        self.reader = Reader(source, scattered=is_small(source))
        self.writers = [Writer(setup) for setup in sinks]
        self._function = function
        self._name = name
        self._make = metadata and functools.partial(tuple.__new__, metadata)
        self._with_time = metadata is Metadata
        self._ordered = worker.spec.ordered
        self._sample = worker.new_sample and worker.new_sample(source, config or {})
        self._decisions = DecisionCounter(len(self.writers))
        self._batch = batch
        processes = worker.spec.number_of_processes
        self._has_colleagues = processes > 1
        if batch:
            limit, least = (
                batch_limit(source, EVENTS_OF_A_BATCH_FUNCTION, number, BYTES_OF_A_BATCH_FUNCTION)
                for number in (1, processes)
            )
            self._pace = BatchPace(limit, least)
        else:
            limit = min(batch_limit(source, _EVENTS_AT_ONCE), *map(events_in_a_batch, sinks))
            self._pace = BatchPace(limit)
        self._lent = LentEvents(self.reader, name)
        self._results = Results(
            self.writers,
            self.reader.name,
            form_of(self.reader.dtype, self.reader.values_per_slot, self.reader.variable),
            keeps=limit == 1,
        )

    def run(self) -> None:
        """Process events to the end of the stream, or until a sink takes no more.

        Raises
        ------
        UserFunctionError
            The function raised an exception, or returned something undocumented. The events
            before are processed; this one and those behind it in its batch are given back first:
            they are delivered again, to this group.
        """
        self._decisions.begin()
        process = self._process_together if self._batch else self._process_each
        with ExitStack() as stack:
            if self._sample is not None:
                stack.callback(self._sample.close)
            for writer in self.writers:
                stack.enter_context(writer)
            reader = stack.enter_context(self.reader)
            while True:
                try:
                    self._take(self._next_size())
                except EndOfStream:
                    self._lent.look()
                    self._end()
                    return
                try:
                    process()
                except EndOfStream:
                    reader.reject("a sink has ended")
                    return

    def _take(self, count: int) -> None:
        """Take up to so many events; what was in hand is done with."""
        self.reader.take(count)

    def _end(self) -> None:
        """Deal with what is in hand at the end of the stream: nothing."""

    def _next_size(self) -> int:
        if not self._has_colleagues:
            return self._pace.size
        reader = self.reader
        return self._pace.share(reader.number_of_slots // 2 - reader.held_by_others())

    def _process_each(self) -> None:
        """Call the function with one event after the other."""
        function, take = self._function, self._results.take
        self._lent.look()
        in_hand = InHand(self.reader)
        events = self._lent.each(in_hand.events)
        arguments: Iterator[tuple[Any, ...]] = zip(events)
        if self._make is not None:
            arguments = zip(events, self._each_metadata(self._make), strict=True)
        verdicts: list[Verdict] = []
        self._pace.begin()
        try:
            for place, given in enumerate(arguments):
                try:
                    result = function(*given)
                except MimocorbError:
                    raise
                except (Exception, SystemExit) as error:
                    result = self._again(place, error, given)
                try:
                    verdicts.append(take(result, place, in_hand))
                except DoesNotFitError as error:
                    raise self._misfit(place, error) from None
        except (MimocorbError, EndOfStream):
            self._finish(verdicts, len(verdicts), in_hand)
            raise
        self._pace.end(len(verdicts))
        self._finish(verdicts, len(verdicts), in_hand)

    def _each_metadata(self, make: Callable[..., Any]) -> Iterator[Any]:
        """Return the metadata of each event in hand, with its time if there is one."""
        metadata = self.reader.get_metadata_batch()
        each = map(make, zip(*(part.tolist() for part in metadata), strict=True))
        if metadata.time_ns is None or not self._with_time:
            return each
        return (one.at(time_ns) for one, time_ns in zip(each, metadata.times(), strict=True))

    def _process_together(self) -> None:
        """Call the function with all events in hand."""
        self._lent.look()
        events, in_hand = self._lent.together(self.reader.together()), InHand(self.reader)
        metadata = () if self._make is None else (self.reader.get_metadata_batch(),)
        self._pace.begin()
        try:
            result = self._function(events, *metadata)
        except MimocorbError:
            raise
        except (Exception, SystemExit) as error:
            result = self._again(None, error, (events, *metadata))
        try:
            verdicts = take_batch(self._results, result, in_hand, len(events))
        except DoesNotFitError as error:
            raise self._misfit(None, error) from None
        self._pace.end(len(events))
        self._finish(verdicts, len(events), in_hand)

    def _finish(self, verdicts: Verdicts, done: int, in_hand: InHand) -> None:
        """Publish what the first events gave, and acknowledge them, as there is room for them."""
        results, settled = self._results, 0
        if results.is_empty:
            self._settle(verdicts, 0, done, in_hand)
            return
        if not self._is_our_turn():
            results.clear()
            return
        try:
            results.seal(in_hand)
            if self._sample is not None:
                in_hand.look()
            while settled < done:
                ready = results.make_room(settled, done)
                self._settle(verdicts, settled, ready, in_hand)
                settled = ready
        except EndOfStream:
            # those before the first record that found no room are done all the same
            self._settle(verdicts, settled, results.unpublished_from, in_hand)
            raise
        finally:
            results.clear()

    def _settle(self, verdicts: Verdicts, begin: int, end: int, in_hand: InHand) -> None:
        """Count events whose records have slots, publish, acknowledge: the last two at once."""
        if self._sample is not None:
            self._offer(verdicts, begin, end, in_hand)
        # before: a kill in between counts them once too often
        for verdict, events in counted(verdicts, slice(begin, end)):
            self._count(verdict, events)
        self._results.publish()
        self.reader.acknowledge(end - begin)

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

    def _offer(self, verdicts: Verdicts, begin: int, end: int, in_hand: InHand) -> None:
        """Offer the events that are rejected to the sample of them."""
        assert self._sample is not None
        events, metadata = in_hand.events, in_hand.metadata
        places = rejected(verdicts, begin, end)
        for chosen in self._sample.chosen(len(places)):
            place = places[chosen]
            of_event = BatchMetadata.of_rows(metadata[place : place + 1])
            self._sample.keep(events[place], of_event, reason_of(verdicts, place))

    def _again(self, place: int | None, error: BaseException, given: tuple[Any, ...]) -> Any:
        """Call a function again whose disk was full; any other error is its failure."""
        try:
            return again_when_there_is_room(error, lambda: self._function(*given), self._name)
        except MimocorbError:
            raise
        except (Exception, SystemExit) as last:
            raise self._failure(place, last) from last

    def _failure(self, place: int | None, error: BaseException) -> UserFunctionError:
        self._decisions.failed()
        return failure(self._name, self._named(place), error)

    def _misfit(self, place: int | None, error: DoesNotFitError) -> UserFunctionError:
        self._decisions.failed()
        return UserFunctionError(f"{self._name}, {self._named(place)}: {error}")

    def _named(self, place: int | None) -> str:
        """Name an event in hand by its counter, or all of them."""
        counters = self.reader.get_metadata_batch().counter
        if place is not None or len(counters) == 1:
            return f"event {counters[place or 0]}"
        return f"the batch of events {counters[0]} to {counters[-1]}"
