"""The last status of a run that has ended before it could be asked, from its record."""

from __future__ import annotations

from dataclasses import replace

from mimocorb.errors import RunRecordError
from mimocorb.run.remote.protocol import RunStatus
from mimocorb.run.run_state import RunState

__all__ = ["ended_status"]


def ended_status(seen: RunStatus) -> RunStatus | None:
    """Return the last status of the run of which this one was seen; None if it was killed.

    One that its program has left is in the state in which that was. Its accounts are in its record.
    """
    from mimocorb.run.record.run_record import read_record  # clients of a living run do without

    try:
        record = read_record(seen.directory)
    except RunRecordError:
        return None
    result = record.result
    if record.state is RunState.GIVEN_UP:
        return replace(seen, view=replace(seen.view, state=record.states[-2].state))
    if record.state is not RunState.ENDED or result is None:
        return None
    workers = tuple(
        replace(worker, processes=tuple(p for p in result.workers if p.worker == worker.name))
        for worker in seen.view.workers
    )
    view = replace(
        seen.view,
        state=record.state,
        reason=result.reason,
        elapsed_s=result.elapsed_s,
        active_s=result.active_s,
        events=result.events,
        results=result.results,
        buffers=tuple(result.buffers),
        workers=workers,
        cause=record.states[-1].cause,
        accounts=None,
    )
    return replace(
        seen, view=view, failures=tuple(result.failures), warnings=tuple(result.warnings), lines=()
    )
