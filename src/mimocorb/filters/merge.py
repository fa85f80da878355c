"""The merging filter: events of several buffers that belong together, in one call.

Each source is read in its order, one event at a time; the events in hand are the *heads*. The
heads with the lowest counter, or all within the time window of the earliest, are a *set*. It is
complete if there is one of every source; otherwise its partners cannot come any more, as a source
whose head is higher has already passed the place where they would be.

M1  The events of a set are acknowledged after its results have been published, and together. A
    process that is killed in between leaves them to be delivered again.
M2  Every event taken is in exactly one set, and every set is counted: complete or incomplete.
M3  A source that has nothing for ``timeout_s`` is not waited for until its next event. What then
    comes too late, below a set that has been dealt with, is counted as late. While the run is
    paused nobody can deliver, so the time begins anew behind a pause.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from numpy.typing import NDArray

from mimocorb._access.assignment import (
    ANY_NUMBER,
    TWO_OR_MORE,
    Setups,
    check_assignment,
    check_merge,
)
from mimocorb._access.decisions import DecisionCounter, Verdict
from mimocorb._access.records import DoesNotFitError
from mimocorb._access.results import report
from mimocorb._access.user_function import failure, function_name, one_function
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import EndOfStream, MimocorbError, SetupError, UserFunctionError
from mimocorb.filters.heads import Heads, Metadata, Source
from mimocorb.filters.results import ResultForms
from mimocorb.model.merge import MergeSettings

__all__ = ["MergeBuffers"]

Events = dict[str, NDArray[Any] | None]


class MergeBuffers:
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
        assigned = check_assignment(
            self,
            (source_list, sink_list, observe_list),
            rb_info,
            sources=TWO_OR_MORE,
            sinks=ANY_NUMBER,
        )
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        self.function = one_function(self, "function", function, ufunc)
        if not callable(self.function):
            raise SetupError(
                f"MergeBuffers: function must be a function, found {type(self.function).__name__}."
            )
        self._with_metadata = with_metadata
        self.settings = settings or MergeSettings.from_config(self.config_dict)
        names = [str(setup["name"]) for setup in assigned.sources]
        check_merge(names)
        self.complete_count = 0
        self.incomplete_count = 0
        self.late_count = 0
        self._sources = [
            Source(Reader(setup), name) for setup, name in zip(assigned.sources, names, strict=True)
        ]
        self.writers = [Writer(setup) for setup in assigned.sinks]
        self._results = ResultForms(self.writers, " and ".join(names), copies=False)
        self._decisions = DecisionCounter(len(self.writers), of_sets=True)
        self._heads = Heads(self._sources, self.settings)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """What became of the events of each buffer."""
        return {source.name: dict(source.counts) for source in self._sources}

    def __call__(self) -> None:
        """Process sets to the end of all streams, or until a sink takes no more.

        Raises
        ------
        UserFunctionError
            The function raised an exception or returned something undocumented, or a set is
            incomplete and ``incomplete`` is ``"fail"``. The events in hand are given back first.
        """
        if self.writers:
            self._decisions.begin()
        try:
            with ExitStack() as stack:
                for writer in self.writers:
                    stack.enter_context(writer)
                for source in self._sources:
                    stack.enter_context(source.reader)
                try:
                    while found := self._heads.next_set():
                        self._process(found)
                except EndOfStream:
                    for source in self._sources:
                        source.reader.reject("a sink has ended")
        finally:
            self.logger.info("%s", self._account())

    def start(self) -> None:
        """Do the same as calling the object."""
        self()

    def _process(self, members: list[Source]) -> None:
        """Hand a set on, publish what comes of it, and acknowledge its events."""
        missing = [source.name for source in self._sources if source not in members]
        verdict: Verdict = f"incomplete: nothing from {' and '.join(missing)}"
        if missing:
            self._check_policy(members, missing)
        if not missing or self.settings.incomplete == "pass":
            verdict = self._hand_on(members)
        self.complete_count += not missing
        self.incomplete_count += bool(missing)
        self._decisions.add_set(verdict, len(members))
        late = [source for source in members if missing and source.key <= source.passed_over]
        self.late_count += bool(late)
        for source in members:
            source.reader.acknowledge()
            source.head = None
            source.counts["incomplete" if missing else "complete"] += 1
            source.counts["late"] += source in late
        report(
            complete_sets=self.complete_count,
            incomplete_sets=self.incomplete_count,
            late_sets=self.late_count,
        )

    def _check_policy(self, members: list[Source], missing: list[str]) -> None:
        # An event delivered before may be the rest of a set that was finished by a killed process.
        if self.settings.incomplete != "fail" or any(s.reader.delivery > 1 for s in members):
            return
        raise UserFunctionError(
            f"merge: event {members[0].metadata[0]} of {members[0].name} has no partner in"
            f" {' and '.join(missing)}, and incomplete is 'fail'. Choose 'drop' or 'pass' to go on"
            " without."
        )

    def _hand_on(self, members: list[Source]) -> Verdict:
        """Call the function and publish what it returns; return what became of the events."""
        metadata = members[0].metadata
        events: Events = {source.name: None for source in self._sources}
        events.update({source.name: source.head for source in members})
        try:
            result = self._called(events, members)
        except (EndOfStream, MimocorbError):
            raise
        except (Exception, SystemExit) as error:
            self._decisions.failed()
            raise failure(self.function, metadata[0], error) from error
        if not self.writers:
            return ""
        try:
            outputs = self._results.outputs(result, events)
        except DoesNotFitError as error:
            self._decisions.failed()
            raise UserFunctionError(
                f"{function_name(self.function)}, event {metadata[0]}: {error}"
            ) from None
        for writer, records in zip(self.writers, outputs, strict=False):
            for record in records:
                writer.write(record, *metadata)
        return DecisionCounter.verdict(outputs, result)

    def _called(self, events: Events, members: list[Source]) -> Any:
        if not self._with_metadata:
            return self.function(events)
        metadata: dict[str, Metadata | None] = dict.fromkeys(events)
        metadata.update({source.name: source.metadata for source in members})
        return self.function(events, metadata)

    def _account(self) -> str:
        """Say in one line what became of all events."""
        parts = [
            f"{source.name} " + ", ".join(f"{n} {what}" for what, n in source.counts.items() if n)
            for source in self._sources
            if any(source.counts.values())
        ]
        return (
            f"merged {self.complete_count} complete sets, {self.incomplete_count} incomplete,"
            f" {self.late_count} of them late; events: {'; '.join(parts) or 'none'}"
        )
