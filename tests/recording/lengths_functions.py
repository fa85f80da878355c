"""A source of clusters of pixels, filters that change their lengths, and a sink that gives up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import mimocorb as mc

PIXELS = np.dtype([("x", "u2"), ("charge", "f4")])


def cluster(number: int) -> np.ndarray:
    """Return the cluster of a number; some have no pixels."""
    random = np.random.default_rng(number)
    event = np.zeros(int(random.poisson(4)), PIXELS)
    event["x"] = random.integers(0, 256, len(event))
    event["charge"] = random.exponential(100.0, len(event))
    return event


@mc.source
def camera(*, count: int):
    """Simulate clusters.

    Parameters
    ----------
    count
        How many.
    """
    for number in range(count):
        event = cluster(number)
        # in turn as they lie in a slot, and channel by channel
        yield event if number % 2 else {name: event[name] for name in PIXELS.names}


@mc.source(batch=True)
def camera_in_blocks(*, count: int):
    """Simulate clusters, many at once.

    Parameters
    ----------
    count
        How many.
    """
    for first in range(0, count, 50):
        yield mc.Jagged.of([cluster(n) for n in range(first, min(first + 50, count))], PIXELS)


@mc.source
def too_long(*, count: int):
    """Yield an event that does not fit, in the end.

    Parameters
    ----------
    count
        How many pixels it has.
    """
    yield np.zeros(2, PIXELS)
    yield np.zeros(count, PIXELS)


@mc.filter
def bright(event, *, threshold: float):
    """Keep clusters with a bright pixel, and of these the bright pixels.

    Parameters
    ----------
    threshold
        Least charge.
    """
    kept = event["charge"] > threshold
    return event[kept] if kept.any() else None


@mc.filter
def copies(event):
    """Pass every event on."""
    return len(event) >= 0


@mc.filter(batch=True)
def not_empty(events):
    """Pass on clusters that have pixels, many at once."""
    return events.lengths > 0


@mc.filter(batch=True)
def sums(events):
    """Sum the charge of each cluster."""
    charge = np.bincount(events.owners, events["charge"].values, len(events))
    return {"charge": charge, "size": events.lengths}


@mc.sink
def gives_up(events, *, obstacle: str):
    """Fail as long as a file is there.

    Parameters
    ----------
    obstacle
        The file.
    """
    assert len(events) == len(events.lengths)
    if Path(obstacle).exists():
        raise RuntimeError("gives up")
    with Path("processed.txt").open("a", encoding="utf-8") as file:
        file.writelines(f"{event['x'].tolist()}\n" for event in events)


@mc.filter
def picky(event):
    """Fail for the first cluster with more than 8 pixels, again and again."""
    if len(event) > 8:
        raise ValueError("too many pixels")
    return True
