"""The accounts of a run: live time, decisions, and where the time goes.

One home for all of it. The processes keep their own accounts in pages that survive them; here they
are read, at any time, and put together. The time is counted from the begin of data taking to its
end; decisions go on while what was taken is processed.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from mimocorb.buffers.stats import BufferStats
from mimocorb.components.meter_page import Activity, Capability
from mimocorb.model import Setup
from mimocorb.run.accounts.bottleneck import Cores, WorkerTime
from mimocorb.run.accounts.decision_account import DecisionAccount
from mimocorb.run.accounts.live_time import Arrivals, LiveTime, Rate, SourceAccount
from mimocorb.run.accounts.process_account import AccountReading, ProcessAccount, Span
from mimocorb.run.accounts.run_account import RunAccount
from mimocorb.run.run_state import WorkerState
from mimocorb.run.run_view import BufferView
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["Accounts"]

RECENT_S = 3.0
LOOKS_APART_S = 0.5

Readings = dict[ProcessAccount, AccountReading]


class Accounts:
    """Reads the accounts of all processes, and knows when data taking began and ended.

    Parameters
    ----------
    setup
        Says which worker writes what.
    functions
        Those of the run; may be filled later.
    """

    def __init__(self, setup: Setup, functions: Sequence[WorkerFunction]) -> None:
        self._setup = setup
        self._functions = functions
        self._first: Readings = {}
        self._last: Readings | None = None
        self._began_ns = 0
        self._ended_ns = 0
        self._looks: deque[tuple[int, Readings]] = deque()

    def begin(self) -> None:
        """Note that data taking begins."""
        self._began_ns = time.monotonic_ns()
        self._first = self._read()

    def end(self, stats: Mapping[str, BufferStats], limits: Mapping[str, int]) -> None:
        """Note that data taking ends: from now on no time is counted. The first call rules.

        A buffer that has as many events as were wanted, by `limits`, took no more after its last
        one, so the time of its sources ends there.
        """
        if self._last is not None:
            return
        self._ended_ns = time.monotonic_ns()
        self._last = self._read()
        for name, wanted in limits.items():
            if name in stats and stats[name].published >= wanted:
                self._end_with_last_event(name)

    def view(self, stats: Mapping[str, BufferView], paused_ns: int) -> RunAccount:
        """Put the accounts together as they are now.

        Parameters
        ----------
        stats
            The ledgers of the buffers, taken a moment ago.
        paused_ns
            For how long the run has been paused.
        """
        now = self._read()
        upto = now if self._last is None else {**now, **self._last}
        # Before data taking some wait already, others are still being started: no measurement.
        took_data, is_rest = bool(self._began_ns), self._setup.finishes is not None
        before = self._look_back(now) if took_data and self._last is None else None
        sources = tuple(
            self._source(function, upto, now, stats)
            for function in self._functions
            if took_data and function.spec.is_source
        )
        workers = tuple(
            self._worker_time(function, upto, before, paused_ns, stats)
            for function in self._functions
            if function.must_finish
        )
        decisions = tuple(self._decisions(now))
        upstream = dict(self._upstream({s.name: s for s in sources}, stats))
        return RunAccount(
            sources=sources,
            decisions=decisions,
            workers=workers,
            rates={} if is_rest else dict(self._rates(upstream, stats)),
            recorded_rates=dict(self._recorded_rates(upstream, stats)),
            cores=self._cores(sum((worker.span for worker in workers), Span())),
            entries={
                spec.name: tuple(w.name for w in self._setup.workers if spec.name in w.writes)
                for spec in self._setup.buffers
            },
            problems=tuple(self._problems(decisions, stats)),
            may_repeat={
                function.spec.name: events
                for function in self._functions
                if (events := sum(now[account].page.may_repeat for account in function.accounts))
            },
            live_s={} if is_rest else _live_times(upstream),
            is_rest=is_rest,
        )

    # --- reading

    def _read(self) -> Readings:
        return {account: account.read() for f in self._functions for account in f.accounts}

    def _look_back(self, now: Readings) -> tuple[int, Readings] | None:
        """Keep a look every now and then; return the one from some seconds ago, and when it was."""
        now_ns = time.monotonic_ns()
        if not self._looks or now_ns - self._looks[-1][0] > LOOKS_APART_S * 1e9:
            self._looks.append((now_ns, now))
        while len(self._looks) > 2 and now_ns - self._looks[1][0] > RECENT_S * 1e9:
            self._looks.popleft()
        then_ns, then = self._looks[0]
        return (then_ns, then) if now_ns - then_ns > LOOKS_APART_S * 1e9 else None

    def _end_with_last_event(self, buffer: str) -> None:
        assert self._last is not None
        writing = [f for f in self._functions if f.spec.is_source and buffer in f.spec.writes]
        mine = {a: self._last[a] for f in writing for a in f.accounts if a in self._last}
        ends = [_last_event_ns(reading) for reading in mine.values() if reading.page.began_ns]
        for account, reading in mine.items():
            if reading.page.doing is Activity.WORKING and Capability.ARRIVALS in reading.page.knows:
                self._last[account] = reading.up_to(max(ends))

    # --- putting together

    def _source(
        self,
        function: WorkerFunction,
        upto: Readings,
        now: Readings,
        stats: Mapping[str, BufferStats],
    ) -> SourceAccount:
        processes, marks = [], False
        for number in range(1, function.spec.number_of_processes + 1):
            mine = [a for a in function.accounts if a.number == number and upto[a].page.began_ns]
            if mine:
                taken = sum(now[account].page.events for account in mine)
                processes.append(LiveTime.of([upto[account] for account in mine], taken))
                marks |= any(Capability.READING_OUT in now[account].page.knows for account in mine)
        counts = [process.events for process in processes]
        known = [count for count in counts if count is not None]
        events = sum(known) if len(known) == len(counts) else None
        if events is None and self._writes_alone(function):
            events = stats[function.spec.writes[0]].published
        return SourceAccount(function.spec.name, function.label, tuple(processes), marks, events)

    def _writes_alone(self, function: WorkerFunction) -> bool:
        """Whether the function writes one buffer, which no other function writes."""
        sinks = function.spec.writes
        return len(sinks) == 1 and all(
            sinks[0] not in other.spec.writes for other in self._functions if other is not function
        )

    def _worker_time(
        self,
        function: WorkerFunction,
        upto: Readings,
        before: tuple[int, Readings] | None,
        paused_ns: int,
        stats: Mapping[str, BufferStats],
    ) -> WorkerTime:
        span = Span()
        if self._began_ns:
            span = self._restarts(function, upto, self._began_ns)
            for account in function.accounts:
                span += Span.between(self._first.get(account), upto[account])
        recent = None
        if before is not None:
            then_ns, then = before
            recent = self._restarts(function, upto, then_ns)
            for account in function.accounts:
                recent += Span.between(then.get(account), upto[account])
        return WorkerTime(
            name=function.spec.name,
            label=function.label,
            reads=bool(function.spec.reads),
            writes=bool(function.spec.writes),
            processes=function.spec.number_of_processes,
            span=span,
            recent=recent,
            paused_ns=paused_ns,
            slowest_input=_slowest_input(function, stats),
        )

    def _restarts(self, function: WorkerFunction, upto: Readings, since_ns: int) -> Span:
        """Return the time since then in which a process that failed had no successor at work."""
        horizon_ns = self._ended_ns or time.monotonic_ns()
        waited_ns = 0
        for process in function.processes:
            mine = [a for a in function.accounts if a.number == process.number]
            begins = [upto[account].page.began_ns or horizon_ns for account in mine[1:]]
            if process.state is WorkerState.RESTARTING:
                begins.append(horizon_ns)
            for account, began_ns in zip(mine, begins, strict=False):  # the last one may be alive
                ended_ns = max(upto[account].ended_ns, since_ns)
                waited_ns += max(0, min(began_ns, horizon_ns) - ended_ns)
        return Span(restarting_ns=waited_ns)

    def _decisions(self, now: Readings) -> Iterator[DecisionAccount]:
        for function in self._functions:
            spec = function.spec
            if spec.reads and spec.writes:
                yield DecisionAccount.of(
                    spec,
                    function.label,
                    [now[account].page for account in function.accounts],
                )

    def _cores(self, span: Span) -> Cores:
        elapsed_ns = (self._ended_ns or time.monotonic_ns()) - self._began_ns
        wanted_ns = span.cpu_ns + span.core_wait_ns
        return Cores(
            available=len(os.sched_getaffinity(0)),
            used=span.cpu_ns / elapsed_ns if self._began_ns else 0.0,
            contention=span.core_wait_ns / wanted_ns if wanted_ns else 0.0,
        )

    def _upstream(
        self, sources: Mapping[str, SourceAccount], stats: Mapping[str, BufferStats]
    ) -> Iterator[tuple[str, SourceAccount]]:
        """Yield each buffer whose events come from one source, and that source."""
        for name in stats:
            upstream = self._sources_of(name, set())
            source = sources.get(upstream.pop()) if len(upstream) == 1 else None
            if source is not None:
                yield name, source

    @staticmethod
    def _rates(
        upstream: Mapping[str, SourceAccount], stats: Mapping[str, BufferStats]
    ) -> Iterator[tuple[str, Rate]]:
        for name, source in upstream.items():
            if source.arrivals is not Arrivals.RANDOM:
                continue
            live_s, is_doubtful = source.live_s or 0.0, bool(source.doubts())
            rate = Rate.of(stats[name].published, live_s, is_doubtful=is_doubtful)
            if rate is not None:
                yield name, rate

    @staticmethod
    def _recorded_rates(
        upstream: Mapping[str, SourceAccount], stats: Mapping[str, BufferStats]
    ) -> Iterator[tuple[str, float]]:
        for name, source in upstream.items():
            if source.arrivals is Arrivals.RECORDED:
                rate_hz = source.recorded_rate_hz(stats[name].published)
                if rate_hz is not None:
                    yield name, rate_hz

    def _sources_of(self, buffer: str, seen: set[str]) -> set[str]:
        """Return the sources whose events come into a buffer, directly or not."""
        found: set[str] = set()
        for spec in self._setup.workers:
            if buffer in spec.writes and spec.name not in seen:
                seen.add(spec.name)
                found |= {spec.name} if spec.is_source else set()
                for source in spec.reads:
                    found |= self._sources_of(source, seen)
        return found

    def _problems(
        self,
        decisions: Sequence[DecisionAccount],
        stats: Mapping[str, BufferView],
    ) -> Iterator[str]:
        """Yield what does not add up, once all processes have gone."""
        functions = {function.spec.name: function for function in self._functions}
        for decision in decisions:
            function = functions[decision.name]
            if not function.gone or not stats.keys() >= set(function.readers):
                continue
            groups = [
                group
                for name, reader in function.readers.items()
                for group in stats[name].groups
                if group.group == reader["group"]
            ]
            # a group that was removed has no ledger any more
            complete = len(groups) == len(function.readers)
            problem = decision.problem(groups) if complete else ""
            if problem:
                yield problem


def _live_times(upstream: Mapping[str, SourceAccount]) -> dict[str, float]:
    """Return the live time at the source of each buffer, in s, where it is known."""
    return {name: each.live_s for name, each in upstream.items() if each.live_s is not None}


def _slowest_input(function: WorkerFunction, stats: Mapping[str, BufferStats]) -> str:
    """Return the buffer for whose events a worker has waited longest; empty if it reads none."""
    waited_s = {
        name: group.waiting_s
        for name, reader in function.readers.items()
        if name in stats
        for group in stats[name].groups
        if group.group == reader["group"]
    }
    return max(waited_s, key=waited_s.__getitem__, default="")


def _last_event_ns(reading: AccountReading) -> int:
    """Return when a process published its last event, or later if it has not looked back since."""
    page = reading.page
    if page.doing is Activity.ENDED:
        return page.began_ns + Span.between(None, reading).total_ns
    return page.since_ns
