"""The accounts of a run in words, for the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mimocorb._words import count, how_many
from mimocorb.run.accounts.bottleneck import WorkerTime
from mimocorb.run.accounts.decision_account import DecisionAccount
from mimocorb.run.accounts.live_time import Arrivals, SourceAccount
from mimocorb.run.run_view import BufferView, RunView
from mimocorb.run.wording import PAGE_WIDTH, UNKNOWN, end_of, percent, rate

__all__ = ["account_lines"]

CAUSE_WORDS = {
    "ring_full": "ring full",
    "paused": "paused",
    "reading_out": "reading out",
    "device_lost": "device lost",
}
COLUMNS = {
    "busy": "busy",
    "on a core": "processor",
    "no core": "waiting_for_core",
    "no input": "waiting_for_input",
    "no room": "waiting_for_room",
    "no turn": "waiting_for_turn",
    "no partner": "waiting_for_partner",
    "restart": "restarting",
    "stopped": "stopped",
}
"""Titles of the table of times, and what stands below them."""
BY_THE_SYSTEM = ("on a core", "no core")
"""What the system has counted, in steps that are too coarse for a short run."""
BY_THE_SYSTEM_OF_SOURCES = ("busy", *BY_THE_SYSTEM, "no input")
SELDOM = ("no turn", "no partner", "restart", "stopped")
TIMES = "Where the time goes"
MOST_REASONS = 12


def account_lines(view: RunView) -> Iterator[str]:
    """Yield the lines for live time, decisions and the use of time; none for what is not known."""
    account = view.accounts
    if account is None:
        return
    sources = [source for source in account.sources if source.total_ns]
    if account.is_rest:
        yield ""
        yield "Events that an earlier run has left: no live time"
    elif sources:
        yield ""
        yield "Live time"
        for source in sources:
            yield from _source_lines(source)
    yield from _rate_lines(view, sources)
    decisions = [decision for decision in account.decisions if _says_something(decision)]
    if decisions:
        yield ""
        yield "Decisions"
        for decision in decisions:
            yield from _decision_lines(decision)
    used = [worker for worker in account.workers if worker.use is not None]
    if used:
        yield ""
        yield from _time_table(used)
    if account.limit:
        yield f"  {account.limit}"


def _rate_lines(view: RunView, sources: Sequence[SourceAccount]) -> Iterator[str]:
    """Yield a rate for each buffer: one of live time only for events that come at random."""
    width = max([11, *(len(buffer.name) for buffer in view.buffers)])
    rates = [f"  {b.name:<{width}} {_rate_of(b)}" for b in view.buffers if _rate_of(b)]
    if rates:
        yield ""
        yield "Rates"
        yield from rates
        for source in sources:
            if source.arrivals is Arrivals.NOT_RANDOM:
                yield f"  the events of {source.label} do not come at random: no rate of live time"


def _rate_of(buffer: BufferView) -> str:
    if buffer.rate is not None:
        return f"{buffer.rate} events per second of live time"
    if buffer.recorded_rate_hz is not None:
        return f"{rate(buffer.recorded_rate_hz)} events per second of the recorded times"
    if buffer.throughput_hz is not None:
        return f"{rate(buffer.throughput_hz)} events per second of data taking"
    return ""


def _source_lines(source: SourceAccount) -> Iterator[str]:
    dead = source.dead_fractions()
    causes = ", ".join(f"{CAUSE_WORDS[cause]} {percent(part)}" for cause, part in dead.items())
    several = len(source.processes) > 1
    of_all = f" of {len(source.processes)} processes" if several else ""
    yield (
        f"  {source.label}: live {source.live_ns / 1e9:.3f} s of {source.total_ns / 1e9:.3f} s"
        f"{of_all} = {percent(source.live_ns / source.total_ns)}"
    )
    yield f"    dead {percent(1 - source.live_ns / source.total_ns)}: {causes}"
    if "reading_out" not in dead:
        yield "    it writes by itself: reading out is not told from waiting, and counts as live"
    elif not source.marks_reading:
        yield "    if its function reads a device, that counts as live: see mimocorb.reading_out"
    for number, process in enumerate(source.processes, 1):
        if process.check is not None:
            which = f"process {number}: " if several else ""
            yield f"    {which}{process.check.sentence}"


def _says_something(decision: DecisionAccount) -> bool:
    return not decision.known or bool(decision.accepted or decision.rejected or decision.failed)


def _decision_lines(decision: DecisionAccount) -> Iterator[str]:
    if not decision.known:
        yield f"  {decision.label}: not known, it reads and writes by itself"
        yield from _sample_lines(decision)
        return
    total = decision.accepted + decision.rejected
    failed = f"; failed {how_many(decision.failed, 'time')}" if decision.failed else ""
    sinks = ", ".join(f"{name} {count(number)}" for name, number in decision.accepted_for.items())
    of_events = f" of {how_many(decision.events, 'event')}" if decision.unit == "set" else ""
    yield (
        f"  {decision.label}: {how_many(total, decision.unit)}{of_events} = "
        f"{count(decision.accepted)} accepted"
        f" ({sinks}) + {count(decision.rejected)} rejected{failed}"
    )
    for reason, number in list(decision.reasons.items())[:MOST_REASONS]:
        yield f"    {count(number):>9}  {reason}"
    rest = sum(list(decision.reasons.values())[MOST_REASONS:])
    if rest:
        yield f"    {count(rest):>9}  for {len(decision.reasons) - MOST_REASONS} more reasons"
    without = decision.rejected - sum(decision.reasons.values())
    if decision.reasons and without:
        yield f"    {count(without):>9}  without a reason"
    yield from _sample_lines(decision)


def _sample_lines(decision: DecisionAccount) -> Iterator[str]:
    if decision.prescale and not decision.seeds:
        yield "    no sample was kept of what it rejected: only a filter of one buffer keeps one"
    elif decision.prescale:
        lost = (
            f", {count(decision.sample_lost)} could not be written" if decision.sample_lost else ""
        )
        yield (
            f"    {count(decision.sampled)} of the rejected are kept in "
            f"rejected_{decision.name}_*.arrows, 1 in {count(decision.prescale)} at random{lost}"
        )


def _time_table(workers: list[WorkerTime]) -> Iterator[str]:
    names = [w.label + (f" ×{w.processes}" if w.processes > 1 else "") for w in workers]
    uses = [use for worker in workers if (use := worker.use) is not None]
    titles = [t for t in COLUMNS if t not in SELDOM or any(getattr(u, COLUMNS[t]) for u in uses)]
    header = "".join(f"{title:>{_column_width(title)}}" for title in titles)
    longest = max(len(TIMES), PAGE_WIDTH - len(header) - 1)
    width = min(longest, max(len(TIMES), 2 + max(map(len, names))))
    yield f"{TIMES:<{width}} {header}"
    for name, worker, use in zip(names, workers, uses, strict=True):
        unknown = _not_measured(worker)
        parts = (
            UNKNOWN if title in unknown else percent(getattr(use, COLUMNS[title]))
            for title in titles
        )
        numbers = (
            f"{part:>{_column_width(title)}}" for title, part in zip(titles, parts, strict=True)
        )
        yield f"  {end_of(name, width - 2):<{width - 2}} {''.join(numbers)}"


def _column_width(title: str) -> int:
    """Return room for a title and for 100.0 %, apart from the column before."""
    return 2 + max(len(title), 7)


def _not_measured(worker: WorkerTime) -> tuple[str, ...]:
    """Return the columns of which nothing is known, because the worker had too little time."""
    if worker.is_long_enough:
        return ()
    return BY_THE_SYSTEM_OF_SOURCES if worker.is_source else BY_THE_SYSTEM
