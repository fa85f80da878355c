"""The merging filter: events of several buffers that belong together, in one call.

Each source is read in its order, one event at a time; the events in hand are the *heads*. The
heads with the lowest counter, or all within the time window of the earliest, are a *set*. It is
complete if there is one of every source; otherwise its partners cannot come any more, as a source
whose head is higher has already passed the place where they would be.

M1  The events of a set are acknowledged after its results have been published, and together. A
    process that is killed in between leaves them to be delivered again.
M2  Every event taken is in exactly one set, and every set is counted: complete or incomplete.
    An event without the number by which events are put together is a set of its own, incomplete.
M3  A source that has nothing for ``timeout_s`` is not waited for until its next event. What then
    comes too late, below a set that has been dealt with, is counted as late. While the run is
    paused nobody can deliver, so the time begins anew behind a pause.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.components.decisions import DecisionCounter, Verdict
from mimocorb.components.form import Metadata
from mimocorb.components.reporting import DISORDER, report
from mimocorb.components.roles.heads import Heads, Source
from mimocorb.components.roles.results import Results
from mimocorb.components.room import again_when_there_is_room
from mimocorb.components.user_function import failure
from mimocorb.components.worker import current_worker
from mimocorb.errors import EndOfStream, MimocorbError, SetupError, UserFunctionError
from mimocorb.model.merge import MergeSettings

__all__ = ["Merge", "check_merge"]

logger = logging.getLogger(__name__)

Events = dict[str, NDArray[Any] | None]


class Merge:
    """Calls a function with the events of several buffers that belong together.

    Results carry the metadata of the event from the first source, in the order of the set-up, that
    is not missing. The three numbers of sets are reported as results of the worker while it runs.

    A process that is killed, or fails, leaves the events in hand to be delivered again. Killed in
    the microseconds in which the events of a set are acknowledged, one after the other, it leaves
    some of them without their partners. They come again as an incomplete set, which is dropped and
    counted when ``incomplete`` is ``"drop"`` or ``"fail"``.

    Parameters
    ----------
    sources
        Set-up dictionaries of the buffers that are read, two or more.
    sinks
        Those of the buffers that are written, any number.
    function
        Called with a dictionary: name of the buffer → its event, or None if it is missing in an
        incomplete set that is passed on; and with one of metadata if wanted.
    name
        Of the user's function, for messages.
    settings
        How events are put together.
    metadata
        The type of the metadata of an event, made of ``(counter, timestamp, deadtime)``; None: the
        function has only one argument.
    """

    def __init__(
        self,
        sources: Sequence[Mapping[str, Any]],
        sinks: Sequence[Mapping[str, Any]],
        function: Callable[..., Any],
        name: str,
        settings: MergeSettings,
        *,
        metadata: type[tuple[Any, ...]] | None = None,
    ) -> None:
        names = [str(setup["name"]) for setup in sources]
        check_merge(names)
        self.complete_count = 0
        self.incomplete_count = 0
        self.late_count = 0
        self.writers = [Writer(setup) for setup in sinks]
        self._function = function
        self._name = name
        self._settings = settings
        self._make = metadata and functools.partial(tuple.__new__, metadata)
        self._with_time = metadata is Metadata
        self._sources = [
            Source(Reader(setup), name) for setup, name in zip(sources, names, strict=True)
        ]
        self._results = Results(self.writers, " and ".join(names), None, keeps=True)
        self._decisions = DecisionCounter(len(self.writers), of_sets=True)
        self._heads = Heads(self._sources, settings)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """What became of the events of each buffer."""
        return {source.name: dict(source.counts) for source in self._sources}

    def run(self) -> None:
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
            logger.info("%s", self._account())

    def _process(self, members: list[Source]) -> None:
        """Hand a set on, publish what comes of it, and acknowledge its events."""
        missing = [source.name for source in self._sources if source not in members]
        verdict: Verdict = f"incomplete: nothing from {' and '.join(missing)}"
        if not members[0].has_key:
            verdict = f"incomplete: no time in {members[0].name}"
        if missing:
            self._check_policy(members, missing)
        try:
            if not missing or self._settings.incomplete == "pass":
                verdict = self._hand_on(members)
            # before: a kill in between counts the set once too often
            self.complete_count += not missing
            self.incomplete_count += bool(missing)
            self._decisions.add_set(verdict, len(members))
            self._results.publish()
            for source in members:
                source.reader.acknowledge()
        finally:
            self._results.clear()
        late = [s for s in members if missing and s.has_key and s.key <= s.passed_over]
        self.late_count += bool(late)
        for source in members:
            source.head = None
            source.counts["incomplete" if missing else "complete"] += 1
            source.counts["late"] += source in late
        disorder = self._heads.disordered_count
        report(
            complete_sets=self.complete_count,
            incomplete_sets=self.incomplete_count,
            late_sets=self.late_count,
            **({DISORDER: disorder} if disorder else {}),
        )

    def _check_policy(self, members: list[Source], missing: list[str]) -> None:
        # An event delivered before may be the rest of a set that was finished by a killed process.
        if self._settings.incomplete != "fail" or any(s.reader.delivery > 1 for s in members):
            return
        lacks = f"no partner in {' and '.join(missing)}" if members[0].has_key else "no time"
        raise UserFunctionError(
            f"merge: event {members[0].metadata[0]} of {members[0].name} has {lacks}, and"
            " incomplete is 'fail'. Choose 'drop' or 'pass' to go on without."
        )

    def _again(self, error: BaseException, given: list[Any], counter: int) -> Any:
        """Call a function again whose disk was full; any other error is its failure."""
        try:
            return again_when_there_is_room(error, lambda: self._function(*given), self._name)
        except MimocorbError:
            raise
        except (Exception, SystemExit) as last:
            self._decisions.failed()
            raise failure(self._name, counter, last) from last

    def _hand_on(self, members: list[Source]) -> Verdict:
        """Call the function, make room for what it returns; return what becomes of the events."""
        metadata = members[0].metadata
        events: Events = {source.name: None for source in self._sources}
        events.update({source.name: source.head for source in members})
        given: list[Any] = [events]
        if self._make is not None:
            own: dict[str, Any] = {s.name: self._make(s.metadata) for s in members}
            if self._with_time:
                for source in members:
                    own[source.name].at(source.time_ns)
            given.append({source.name: own.get(source.name) for source in self._sources})
        try:
            result = self._function(*given)
        except MimocorbError:
            raise
        except (Exception, SystemExit) as error:
            result = self._again(error, given, metadata[0])
        if not self.writers:
            return ""
        try:
            verdict = self._results.take(result, 0, None)
        except DoesNotFitError as error:
            self._decisions.failed()
            raise UserFunctionError(f"{self._name}, event {metadata[0]}: {error}") from None
        of_result = BatchMetadata.of(metadata, members[0].time_ns)
        if any(source.reader.may_repeat for source in members):
            of_result.may_repeat = np.ones(1, np.bool_)
        self._results.seal(None, of_result.rows())
        self._results.make_room(0, 1)
        return verdict

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


def check_merge(names: Sequence[str]) -> None:
    """Refuse sources and a worker with which merging cannot work."""
    if len(set(names)) < len(names):
        raise SetupError(f"MergeBuffers: found the sources {', '.join(names)}; name each once.")
    worker = current_worker().spec
    if worker.number_of_processes > 1:
        raise SetupError(
            f"{worker.name} merges {' and '.join(names)} in {worker.number_of_processes} processes,"
            " but they would share the events of each buffer, so that partners meet by chance only."
            " Set number_of_processes to 1, and let several processes work before or behind it."
        )
