"""Where the time of the workers goes, and what limits the rate.

How the limit is found. If the sources wait because their buffers are full, a worker behind them is
too slow; it is the worker whose processes are busy all the time. Others may be kept waiting by it,
for input or for room, and are not busy then. Nor is a worker whose process has failed, until the
next one has taken its place, or whose process is stopped: these are causes of their own. So are
waiting for the turn, where the output is ordered, and for a partner, where buffers are merged: a
worker that is busy or waits for these all the time keeps all before it waiting. If the sources do
not wait for room, they take all events that they can, and what they do themselves tells whether
they could take more.

What a source does. In its function it waits for its device, reads and computes, and mimocorb does
not see which; but the system knows how long it was on a processor core, or could have been. For the
rest of the time it slept, so its device had nothing for it. If it sleeps while it reads as well, it
has to say that it reads (:func:`mimocorb.reading_out`). What it computes is taken to be part of
that; so where it sleeps in one and computes in the other, it is busy for longer than said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mimocorb._words import how_many
from mimocorb.components.meter_page import Activity
from mimocorb.run.accounts.process_account import Span

__all__ = ["Cores", "TimeUse", "WorkerTime", "limit_of_rate"]

WAITS_FOR_ROOM = 0.02
"""Less is what a short hiccup of the machine costs, and no limit of the rate."""
BUSY_ALL_THE_TIME = 0.75
"""Queueing: from about this load on, what waits in front of a worker grows steeply."""
MOSTLY = 0.5
"""More than all the rest together."""
SHORTEST_NS = 1_000_000_000
"""A hundred of the steps in which processor time is counted."""


@dataclass(frozen=True)
class TimeUse:
    """Parts of the time of a worker without pauses, the mean of its processes.

    Attributes
    ----------
    busy
        In the function: computing, or waiting for something that mimocorb knows nothing of. For a
        source: reading out, or computing.
    reading_out
        The part of it in which a source has an event.
    waiting_for_input, waiting_for_room
        Because a buffer has no event, or the device of a source, or because a buffer has no free
        slot.
    waiting_for_turn
        Because its output is ordered, and another process still has an earlier event.
    waiting_for_partner
        With events in hand, because another buffer has none that belongs to them.
    restarting
        Between a process that failed and the one in its place.
    stopped
        By a signal or a debugger, whatever it did then; seen from look to look, so at least.
    processor
        Part of the time on a processor core; more than 1 if a process uses several.
    waiting_for_core
        Part of the time in which all cores were in use by others; no more than the time in which
        it was not on a core.
    """

    busy: float
    reading_out: float
    waiting_for_input: float
    waiting_for_room: float
    waiting_for_turn: float
    waiting_for_partner: float
    restarting: float
    stopped: float
    processor: float
    waiting_for_core: float

    @property
    def computing(self) -> float:
        """Part of the time in which there was something to compute, and perhaps no core for it."""
        return min(self.busy, self.processor + self.waiting_for_core)

    @property
    def away(self) -> float:
        """Part of the time in which there was no process that could do anything."""
        return self.restarting + self.stopped

    @property
    def held_up(self) -> float:
        """Part of the time in which it had events, and others had to do something first."""
        return self.waiting_for_turn + self.waiting_for_partner

    @classmethod
    def of(cls, span: Span, paused_ns: int = 0, *, is_source: bool = False) -> TimeUse | None:
        """Return the parts of a span; None if there was no time.

        `paused_ns` is the time for which the run was paused, times the number of processes. Who
        reads has waited for input in it, or has worked off what was in the buffers.
        """
        reading_out_ns = span.going_ns(Activity.READING_OUT)
        no_input_ns, no_partner_ns = (
            span.going_ns(Activity.NO_INPUT),
            span.going_ns(Activity.NO_PARTNER),
        )
        no_room_ns, no_turn_ns = span.going_ns(Activity.NO_ROOM), span.going_ns(Activity.NO_TURN)
        in_function_ns = busy_ns = span.going_ns(Activity.WORKING) + reading_out_ns
        # Times in which nothing was to be done are no part of the use of the time.
        idle_ns = span.spent_ns[Activity.PAUSED] + span.spent_ns[Activity.DEVICE_LOST]
        stopped_ns = span.total_ns - idle_ns - span.restarting_ns
        stopped_ns -= in_function_ns + no_input_ns + no_partner_ns + no_room_ns + no_turn_ns
        # In a pause no event comes, and no partner of one in hand.
        waited_ns = min(paused_ns, no_input_ns)
        alone_ns = min(paused_ns - waited_ns, no_partner_ns)
        total_ns = span.total_ns - idle_ns - waited_ns - alone_ns
        if total_ns <= 0:
            return None
        # The system counts in coarse steps, and up to a reading that may be later than the end.
        core_wait_ns = max(0, min(span.core_wait_ns, total_ns - span.cpu_ns))
        if is_source:
            awake_ns = min(busy_ns, span.cpu_ns + core_wait_ns)
            busy_ns = max(reading_out_ns, awake_ns)
            no_input_ns += in_function_ns - busy_ns
        return cls(
            busy=busy_ns / total_ns,
            reading_out=reading_out_ns / total_ns,
            waiting_for_input=(no_input_ns - waited_ns) / total_ns,
            waiting_for_room=no_room_ns / total_ns,
            waiting_for_turn=no_turn_ns / total_ns,
            waiting_for_partner=(no_partner_ns - alone_ns) / total_ns,
            restarting=span.restarting_ns / total_ns,
            stopped=stopped_ns / total_ns,
            processor=span.cpu_ns / total_ns,
            waiting_for_core=core_wait_ns / total_ns,
        )

    def as_dict(self) -> dict[str, float]:
        """Return everything in plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class WorkerTime:
    """Where the time of one worker went.

    Attributes
    ----------
    name, label
        In the set-up, and for people.
    reads, writes
        Whether it reads or writes buffers.
    processes
        That work side by side.
    span
        Of all processes, while data were taken.
    recent
        The same for the last seconds; None where that is not known.
    paused_ns
        For how long the run was paused.
    slowest_input
        The buffer for whose events it has waited longest; empty if it reads none.
    """

    name: str
    label: str
    reads: bool
    writes: bool
    processes: int
    span: Span
    recent: Span | None
    paused_ns: int
    slowest_input: str = ""

    @property
    def is_source(self) -> bool:
        """Whether its events come from elsewhere."""
        return self.writes and not self.reads

    @property
    def is_long_enough(self) -> bool:
        """Whether its time is long against the steps in which processor time is counted."""
        return self.span.total_ns >= self.processes * SHORTEST_NS

    @property
    def use(self) -> TimeUse | None:
        """Parts of the time of the run."""
        return TimeUse.of(self.span, self.paused_ns * self.processes, is_source=self.is_source)

    @property
    def recent_use(self) -> TimeUse | None:
        """Parts of the last seconds."""
        return TimeUse.of(self.recent, is_source=self.is_source) if self.recent else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything in plain values."""
        use, recent = self.use, self.recent_use
        return {
            "name": self.name,
            "processes": self.processes,
            "time_ns": {
                doing.name.lower(): ns
                for doing, ns in zip(Activity, self.span.spent_ns, strict=True)
            },
            "cpu_ns": self.span.cpu_ns,
            "core_wait_ns": self.span.core_wait_ns,
            "restarting_ns": self.span.restarting_ns,
            "stopped_ns": sum(self.span.stopped_ns),
            "run": use.as_dict() if use else None,
            "recent": recent.as_dict() if recent else None,
        }


@dataclass(frozen=True)
class Cores:
    """The processor cores.

    Attributes
    ----------
    available, used
        Cores there are for the run, and how many of them its workers use on average.
    contention
        Of the time in which workers could have computed, the part in which no core was free.
    """

    available: int
    used: float
    contention: float

    def __str__(self) -> str:
        return f"{self.used:.1f} of {self.available} processor cores"


def limit_of_rate(workers: Sequence[WorkerTime], used: Mapping[str, TimeUse], cores: Cores) -> str:
    """Say in a sentence what limits the rate.

    Parameters
    ----------
    workers
        All that handle data.
    used
        Their use of the time by name; the time of those that are missing is not known.
    cores
        The processor cores.
    """
    sources = [w for w in workers if w.is_source and w.name in used]
    others = [w for w in workers if w.reads and w.name in used]
    if not sources:
        return ""
    if not any(source.is_long_enough for source in sources):
        return "the run was too short to tell what limits the rate"
    blocked = max(sources, key=lambda source: used[source.name].waiting_for_room)
    waiting = used[blocked.name].waiting_for_room
    if waiting < WAITS_FOR_ROOM or not others:
        return _limited_by_source(sources, others, used)
    slowest = max(others, key=lambda worker: used[worker.name].busy)
    use = used[slowest.name]
    if use.busy < BUSY_ALL_THE_TIME:
        missing = max(others, key=lambda worker: used[worker.name].away)
        which = f"the source {blocked.label}" if len(sources) > 1 else "the source"
        return f"{which} waits for free slots {_percent(waiting)} of the time, " + (
            _away(missing.label, used[missing.name], MOSTLY * waiting)
            or _held_up(others, used)
            or f"but no worker is busy all the time ({slowest.label} most, {_percent(use.busy)}): "
            "events or processing come in bursts, against which more slots help"
        )
    limits = (
        f"{slowest.label} is busy {_percent(use.busy)} of the time in "
        f"{how_many(slowest.processes, 'process')} and limits the rate"
    )
    if not slowest.writes and use.computing < MOSTLY * use.busy:
        return (
            f"{limits}; it computes only {_percent(use.computing)} of the time and else waits for "
            "what it writes to, a disk or a connection: write less, or to a faster one"
        )
    return f"{limits}; {cores} are in use"


def _away(label: str, use: TimeUse, least: float) -> str:
    """Say why a worker was not there for at least that part of the time; nothing if it was."""
    if use.restarting >= least:
        return (
            f"because {label} fails: {_percent(use.restarting)} of its time goes by until the next "
            "process is ready; log.txt says why it fails"
        )
    if use.stopped >= least:
        stopped = _percent(use.stopped)
        return f"because {label} was stopped for {stopped} of the time, by a signal or a debugger"
    return ""


def _held_up(others: Sequence[WorkerTime], used: Mapping[str, TimeUse]) -> str:
    """Say which worker has events and cannot go on; nothing if none is kept all the time."""
    kept = [
        worker
        for worker in others
        if used[worker.name].busy + used[worker.name].held_up >= BUSY_ALL_THE_TIME
    ]
    if not kept:
        return ""
    # A worker that waits for its turn may be the one that a merging worker waits for.
    worst = max(kept, key=lambda worker: used[worker.name].waiting_for_turn)
    if (turn := used[worst.name].waiting_for_turn) > WAITS_FOR_ROOM:
        return (
            f"because {worst.label} waits {_percent(turn)} for its turn: its events go on in order,"
            " so all that follow a slow one wait for it. More slots do not help; faster processing "
            "of the slow events does, or leaving out 'ordered' if no worker behind needs the order"
        )
    worst = max(kept, key=lambda worker: used[worker.name].waiting_for_partner)
    alone = _percent(used[worst.name].waiting_for_partner)
    return (
        f"because {worst.label} waits {alone} for events of {worst.slowest_input} that belong to "
        "those it has. Neither more slots nor more processes help, only more events in "
        f"{worst.slowest_input}"
    )


def _limited_by_source(
    sources: Sequence[WorkerTime],
    others: Sequence[WorkerTime],
    used: Mapping[str, TimeUse],
) -> str:
    """Say why the sources do not deliver more although there is room for it."""
    source = max(sources, key=lambda worker: used[worker.name].reading_out)
    use = used[source.name]
    if why := _away("it", use, MOSTLY):
        return f"the source {source.label} limits the rate {why}"
    if use.computing > MOSTLY:
        waits = _percent(use.waiting_for_core)
        crowded = f" and waits for a free processor core {waits}"
        return (
            f"the source {source.label} limits the rate: it computes {_percent(use.processor)} of "
            f"the time{crowded if waits != _percent(0) else ''}"
        )
    if use.reading_out > MOSTLY:
        reading = _percent(use.reading_out)
        return f"the source {source.label} limits the rate: it reads out {reading} of the time"
    busiest = max((used[worker.name].busy for worker in others), default=0.0)
    waiting = _percent(use.waiting_for_input)
    return (
        f"nothing is too slow: the source {source.label} waits for events {waiting} of the time, "
        f"and no worker behind it is busy more than {_percent(busiest)}"
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"
