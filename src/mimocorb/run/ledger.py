"""The ledger of a run: what was accepted has been processed, or it is said what became of it."""

from __future__ import annotations

from mimocorb._words import how_many, verb
from mimocorb.errors import LedgerDoesNotBalance
from mimocorb.run.run_state import RunState
from mimocorb.run.run_view import RunView

__all__ = ["audit", "still_open", "unprocessed"]


def audit(view: RunView) -> list[str]:
    """Check the closed ledger; returns what is wrong with it, one sentence each."""
    return [*still_open(view), *unprocessed(view)]


def still_open(view: RunView) -> list[str]:
    """Return why the ledger does not say what became of every event, one sentence each."""
    found = []
    if view.state is not RunState.ENDED:
        found.append(f"the run was given up while it was {view.state.value}")
    for buffer in view.buffers:
        try:
            buffer.check()
        except LedgerDoesNotBalance as error:
            found.append(f"the ledger does not balance: {error}")
        in_hand = buffer.in_hand
        if in_hand:
            found.append(
                f"{how_many(in_hand, 'slot')} of {buffer.name} {verb(in_hand, 'was')} left "
                "in writers' hands"
            )
    if view.accounts is not None:
        found += view.accounts.problems
    return found


def unprocessed(view: RunView) -> list[str]:
    """Return which events were not processed, one sentence for each group of readers."""
    found = []
    for buffer in view.buffers:
        for group in buffer.groups:
            missing, failed = group.lost + group.due, group.quarantined
            if missing:
                found.append(
                    f"{how_many(missing, 'event')} of {buffer.name} {verb(missing, 'was')} not "
                    f"processed by {group.reader}"
                )
            if failed:
                found.append(
                    f"{how_many(failed, 'event')} of {buffer.name} failed again and again in "
                    f"{group.reader} and {verb(failed, 'was')} set aside"
                )
    return found
