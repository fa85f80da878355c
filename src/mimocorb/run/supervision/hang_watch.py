"""Processes that hold one event too long, or do not get ready, without waiting for another.

That a process is slow is no reason to take an event away: two processes could then work on it. So a
process is only killed where its worker has a ``hang_timeout_s``, and its event goes to another one
after its death, as with any other death. The time that a process waits for room in its next buffer,
or for its turn, does not count: then others are slow. A process that is stopped holds up everybody
as well, with or without an event in hand; without the key it is only reported. A process that
imports its function, or opens its device in doing so, is not ready yet; it has the same time, but
not less than any import needs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mimocorb._words import how_many, ordinal
from mimocorb.buffers.ledgers import WRITERS, Holding
from mimocorb.run.run_state import WorkerState
from mimocorb.run.supervision.watcher import ALIVE, RunParts, Watcher
from mimocorb.run.workers.processes import is_stopped
from mimocorb.run.workers.worker_function import WorkerFunction
from mimocorb.run.workers.worker_process import WorkerProcess

__all__ = ["HangWatch", "what_is_held"]

COARSE_LOOK_S = 1.0
MOMENT_S = 0.05
LOOKS_PER_TIMEOUT = 5


@dataclass(frozen=True)
class _Sighting:
    """When something was first seen in a process's hands, and how long that had waited by then."""

    since_s: float
    waited_ns: int


class HangWatch(Watcher):
    """Looks at what is in hand now and then, kills what hangs and reports what is stopped."""

    states = ALIVE

    def __init__(self, run: RunParts) -> None:
        super().__init__(run)
        self._sightings: dict[tuple[str, Holding], _Sighting] = {}
        self._stopped_since_s: dict[WorkerProcess, float] = {}
        self._reported: set[WorkerProcess] = set()

    @property
    def interval_s(self) -> float:  # type: ignore[override]
        """A part of the shortest time that is watched."""
        timeouts = [f.spec.hang_timeout_s for f in self._functions if f.spec.hang_timeout_s]
        return min(COARSE_LOOK_S, min([*timeouts, self._options.suspect_s]) / LOOKS_PER_TIMEOUT)

    def look(self) -> None:
        """Deal with processes that hold something too long."""
        self._look_at_starts()
        self._look_at_stopped()
        workers = {p.pid: (f, p) for f in self._functions for p in f.alive}
        busy = list(self._busy())
        newest: dict[tuple[str, int], Holding] = {}
        for buffer, holding, _ in sorted(busy, key=lambda each: each[1].number):
            newest[buffer, holding.pid] = holding
        for buffer, holding, busy_s in busy:
            if holding.pid not in workers:
                continue
            function, process = workers[holding.pid]
            timeout_s = function.spec.hang_timeout_s
            if function.spec.looks_around and holding != newest[buffer, holding.pid]:
                continue  # it waits, undecided, for those behind it
            if timeout_s and busy_s > timeout_s:
                process.kill(
                    f"hung: {what_is_held(buffer, holding)} was in its hands for {busy_s:.3g} s, "
                    f"hang_timeout_s is {timeout_s:g}"
                )

    def holders(self) -> list[str]:
        """Say which processes have something in hand now and wait for nothing, and what."""
        names = {process.pid: process.name for f in self._functions for process in f.alive}
        began_s, before = time.monotonic(), self._waited_ns()
        time.sleep(MOMENT_S)  # a process that waits has waited longer by then
        now = self._waited_ns()
        half_ns = (time.monotonic() - began_s) * 1e9 / 2
        found: dict[int, str] = {}
        for buffer, holding in sorted(self._held(), key=lambda each: each[1].number):
            if holding.pid in names and now[holding.pid] - before[holding.pid] < half_ns:
                said = f"{names[holding.pid]} has {what_is_held(buffer, holding)} in its hands"
                found.setdefault(holding.pid, said)
        return list(found.values())

    def _look_at_starts(self) -> None:
        """Kill processes that should have got ready by now."""
        for function in self._functions:
            timeout_s = function.spec.hang_timeout_s
            for process in function.alive if timeout_s else ():
                allowed_s = max(timeout_s or 0.0, self._options.start_grace_s)
                if process.state is WorkerState.STARTING and process.age_s > allowed_s:
                    process.kill(
                        f"hung: it was not ready after {process.age_s:.3g} s, allowed are "
                        f"{allowed_s:g} (hang_timeout_s, or what a start may take at least)"
                    )

    def _busy(self) -> Iterator[tuple[str, Holding, float]]:
        """Yield what is in hand with the time for which its holder has done nothing but work."""
        now_s = time.monotonic()
        waited = self._waited_ns()
        before, self._sightings = self._sightings, {}
        waits_for_disk = {p.pid for f in self._functions for p in f.alive if p.waits_for_disk}
        for key in self._held():
            waited_ns = waited[key[1].pid]
            sighting = before.get(key)
            is_anew = sighting is None or waited_ns < sighting.waited_ns  # it has closed a port
            if sighting is None or is_anew or key[1].pid in waits_for_disk:
                sighting = _Sighting(now_s, waited_ns)
            self._sightings[key] = sighting
            yield *key, now_s - sighting.since_s - (waited_ns - sighting.waited_ns) / 1e9

    def _held(self) -> list[tuple[str, Holding]]:
        """Return what is in anybody's hands, with the name of its buffer."""
        return [(name, holding) for name, b in self._buffers.items() for holding in b.held()]

    def _waited_ns(self) -> Counter[int]:
        """Return how long each process has waited for anything by now."""
        waited: Counter[int] = Counter()
        for buffer in self._buffers.values():
            for port in buffer.waited():
                waited[port.pid] += port.waited_ns
        return waited

    def _look_at_stopped(self) -> None:
        """Note processes that handle data and are stopped; report each once, after a while."""
        now_s = time.monotonic()
        before, self._stopped_since_s = self._stopped_since_s, {}
        for function, process in [
            (f, p) for f in self._functions if f.must_finish for p in f.alive
        ]:
            stopped = process.pid is not None and is_stopped(process.pid)
            process.account.look(is_stopped=stopped)
            if not stopped:
                continue
            since_s = self._stopped_since_s[process] = before.get(process, now_s)
            stopped_s = now_s - since_s
            if stopped_s > self._options.suspect_s and process not in self._reported:
                self._reported.add(process)
                self._findings.warn(
                    f"{process.name} has been stopped for {stopped_s:.0f} s, by a signal or a "
                    f"debugger{self._held_up(function, process)}; kill -CONT {process.pid} lets it "
                    "go on"
                )

    def _held_up(self, function: WorkerFunction, process: WorkerProcess) -> str:
        """Say which event is in its hands, or else how many wait for its worker."""
        for name, buffer in self._buffers.items():
            for holding in buffer.held():
                if holding.pid == process.pid:
                    return f", with {what_is_held(name, holding)} in its hands"
        due = [f"{how_many(n, 'event')} of {name}" for name, n in function.unread().items() if n]
        return f", with {' and '.join(due)} waiting for its worker" if due else ""


def what_is_held(buffer: str, holding: Holding) -> str:
    """Name an event or a slot."""
    if holding.group == WRITERS:
        return f"a slot of {buffer} that it had claimed"
    return f"the {ordinal(holding.number)} event published in {buffer}"
