"""Coincidences of several sources, while they run: a filter that a set-up names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimocorb.components.decisions import Reject
from mimocorb.components.form import filter as filter_
from mimocorb.errors import RecordTypeError

__all__ = ["coincidence"]

TOO_FEW = Reject("not in enough sources")


@filter_
def coincidence(
    event: Mapping[str, Any], metadata: Mapping[str, Any], *, least_sources: int = 2
) -> dict[str, int] | Reject:
    """Find what several sources see together, by their times in whole nanoseconds.

    The filter reads one buffer for each source; ``merge: {by: time, window_ns: …, incomplete:
    pass}`` in its configuration says how close together events are. The buffer that it writes has
    the fields ``sources`` (how many saw it), ``pattern`` (bit n: buffer n in the list saw it) and
    ``difference_ns``: the time of the last buffer in the list that saw it, minus that of the
    first one.

    Parameters
    ----------
    least_sources
        In so many sources; others are rejected, *not in enough sources*.

    Raises
    ------
    RecordTypeError
        The events of a source have no ``time_ns``.
    """
    seen = [place for place, name in enumerate(event) if event[name] is not None]
    if len(seen) < least_sources:
        return TOO_FEW
    names = list(event)
    times_ns = [metadata[names[place]].time_ns for place in (seen[0], seen[-1])]
    if None in times_ns:
        without = names[seen[0] if times_ns[0] is None else seen[-1]]
        raise RecordTypeError(
            f"events of {without} have no time_ns: its source has to give them one, in whole"
            ' nanoseconds, as in: yield data, {"time_ns": time_ns}'
        )
    return {
        "sources": len(seen),
        "pattern": sum(1 << place for place in seen),
        "difference_ns": times_ns[1] - times_ns[0],
    }
