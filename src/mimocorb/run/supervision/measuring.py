"""What is measured of a run, and the picture of it at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mimocorb.run.host_view import HostView
from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import Goal, RunView
from mimocorb.run.supervision.accounts import Accounts
from mimocorb.run.supervision.meters import BufferMeter
from mimocorb.run.supervision.spill import Spilled
from mimocorb.run.supervision.watcher import RunParts
from mimocorb.setup.graph import Graph

__all__ = ["Measuring"]


class Measuring:
    """Measures a run from the begin of data taking to its end, and shows it at any time.

    Parameters
    ----------
    run
        What is measured; its buffers and functions may be made later.
    """

    def __init__(self, run: RunParts) -> None:
        self._run = run
        self._accounts = Accounts(run.setup, run.functions)
        self._meters: dict[str, BufferMeter] = {}
        self._entry = next(iter(Graph(run.setup).entries), None)

    def connect(self) -> None:
        """Take up the buffers, when the functions that read them are known."""
        for name, buffer in self._run.buffers.items():
            self._meters[name] = BufferMeter(buffer, self._run.functions)

    def begin(self) -> None:
        """Note that data taking begins."""
        self._accounts.begin()
        self._run.clock.start()

    def end(self, limits: Mapping[str, int]) -> None:
        """Let no more time count; the first call rules.

        Parameters
        ----------
        limits
            How many events are wanted, by buffer.
        """
        stats = {name: buffer.stats() for name, buffer in self._run.buffers.items()}
        self._accounts.end(stats, limits)
        self._run.clock.stop()

    def begin_drain(self) -> None:
        """Count from now on how many events there are to drain; the first call rules."""
        for meter in self._meters.values():
            meter.begin_drain()

    def view(
        self,
        state: RunState,
        reason: str,
        cause: str,
        *,
        goals: tuple[Goal, ...],
        spilled: Mapping[str, Mapping[int, Spilled]],
        hosts: tuple[HostView, ...],
    ) -> RunView:
        """Return a picture of the present moment.

        Parameters
        ----------
        state, reason, cause
            What the run is doing, why it ends, and why it came into this state.
        goals
            At what it ends.
        spilled
            Events taken out for the spill file, by buffer and group number.
        hosts
            What is known of other hosts.
        """
        run, active_s = self._run, self._run.clock.active_s()
        views = {
            name: meter.view(active_s, spilled.get(name, {}), over=state is RunState.ENDED)
            for name, meter in self._meters.items()
        }
        accounts = self._accounts.view(views, run.clock.paused_ns)
        entry = views.get(self._entry) if self._entry is not None else None
        return RunView(
            title=run.setup.title,
            state=state,
            reason=reason,
            elapsed_s=run.clock.elapsed_s(),
            active_s=active_s,
            events=entry.published if entry else 0,
            goals=goals,
            results={worker: dict(results) for worker, results in run.results.items()},
            buffers=tuple(
                replace(view, **accounts.of_buffer(name)) for name, view in views.items()
            ),
            workers=tuple(function.view() for function in run.functions),
            cause=cause,
            accounts=accounts,
            alarms=run.alarms.view(),
            hosts=hosts,
        )
