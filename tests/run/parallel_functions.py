"""Functions of the plain form for tests of merging and of the order of results."""

import os
import random
import signal
import time
from pathlib import Path

from mimocorb import filter, sink, source


@source
def numbers(*, events: int, pause_s: float = 0.0, late_s: float = 0.0):
    """0, 1, 2 …, the first one late."""
    time.sleep(late_s)
    for number in range(events):
        yield [float(number)]
        time.sleep(pause_s)


@filter
def add(events):
    """The sum of what belongs together."""
    return [sum(event[0] for event in events.values())]


@filter
def dawdle(event, *, directory: Path, dies_on: list[int]):
    """Overtake others at random; die on some events, but only when they come for the first time."""
    number = int(event[0])
    marker = directory / f"died_on_{number}"
    if number in dies_on and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(random.random() * 0.004)
    return [event]


@sink
def save(events, *, directory: Path):
    """One line for each event, in the order of coming."""
    with (directory / "saved.txt").open("a") as file:
        file.writelines(f"{event[0]:g}\n" for event in events)
