"""What became of the events of a batch: one by one, or all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb.components.decisions import Verdict

__all__ = ["BatchVerdicts", "Verdicts", "counted", "reason_of", "rejected"]


_MOST_BINS = 8


class BatchVerdicts(NamedTuple):
    """What became of the events of a batch.

    Parameters
    ----------
    bits
        For each event a bit for each sink that gets something; 0: rejected. With one sink, a mask.
    reason
        Why those were rejected; empty if that was not said.
    sinks
        How many there are.
    """

    bits: NDArray[np.int64] | NDArray[np.bool_]
    reason: str
    sinks: int


Verdicts = list[Verdict] | BatchVerdicts


def counted(verdicts: Verdicts, events: slice) -> Iterable[tuple[Verdict, int]]:
    """Return how many of these events got each verdict."""
    if isinstance(verdicts, list):
        chosen = verdicts[events]
        return ((chosen[0], 1),) if len(chosen) == 1 else Counter(chosen).items()
    bits = verdicts.bits[events]
    if verdicts.sinks == 1:
        accepted = int(np.count_nonzero(bits))
        both = ((1, accepted), (verdicts.reason, len(bits) - accepted))
        return [(kind, n) for kind, n in both if n]
    if verdicts.sinks > _MOST_BINS:
        return ((kind or verdicts.reason, n) for kind, n in Counter(bits.tolist()).items())
    counts = np.bincount(bits).tolist()
    return ((kind or verdicts.reason, n) for kind, n in enumerate(counts) if n)


def rejected(verdicts: Verdicts, begin: int, end: int) -> Sequence[int]:
    """Return the places of the rejected among the events from `begin` to before `end`."""
    if isinstance(verdicts, list):
        return [place for place in range(begin, end) if not isinstance(verdicts[place], int)]
    found: list[int] = (begin + np.flatnonzero(verdicts.bits[begin:end] == 0)).tolist()
    return found


def reason_of(verdicts: Verdicts, place: int) -> str:
    """Return why an event was rejected."""
    return str(verdicts[place]) if isinstance(verdicts, list) else verdicts.reason
