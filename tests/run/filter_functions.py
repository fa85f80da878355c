"""Filters for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. Parameters say how many and how fast.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
from ways_to_fail import WAYS_TO_FAIL

from mimocorb import Reject, filter, report


def twice(event):
    return {"value": 2 * event["value"][0]}


def comes_first(marker: Path) -> bool:
    """Whether no other process has been here, and leave a mark for the others."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def hang():
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


@filter
def double(event, *, pause_s: float = 0.0):
    """Twice the input; `pause_s` per event."""
    if event["value"][0] == 0:
        print("first event")
    time.sleep(pause_s)
    return twice(event)


@filter
def poisoned(event, *, every: int = 10, way: str):
    """As `double`, but every so many events one makes it fail in the `way` asked for."""
    number = int(event["value"][0])
    if number and number % every == 0:
        WAYS_TO_FAIL[way]()
    return twice(event)


@filter
def needs_memory(event, *, needed_bytes: int):
    """As `double`, but event 5 needs more memory than there is."""
    if event["value"][0] == 5:
        np.ones(needed_bytes, np.uint8)
    return twice(event)


@filter
def hangs_once(event, *, directory: Path):
    """As `double`, but hangs on event 5, whatever it is told, when it comes for the first time."""
    if event["value"][0] == 5 and comes_first(directory / "hung"):
        hang()
    return twice(event)


@filter
def hangs_at_5(event):
    """As `double`, but hangs on event 5, whatever it is told."""
    if event["value"][0] == 5:
        hang()
    return twice(event)


@filter
def stops_once(event):
    """As `double`, but is stopped with event 5 in its hands."""
    if event["value"][0] == 5:
        os.kill(os.getpid(), signal.SIGSTOP)
    return twice(event)


@filter
def keeps_the_last(event):
    """Compares each event with the one before, by a view that shows another event by then."""
    kept.append(event)
    return {"value": event["value"][0] - kept[-2:][0]["value"][0]}


kept = []


@filter
def rejects_all(event):
    return None


@filter
def refuses_13(event):
    if event["value"][0] == 13:
        raise ValueError("unlucky")
    return twice(event)


@filter
def nonsense(event):
    return "what?"


@filter
def dies_once(event, *, directory: Path):
    """Is killed with event 5 in its hands, when it comes for the first time."""
    if event["value"][0] == 5 and comes_first(directory / "died"):
        os.kill(os.getpid(), signal.SIGKILL)
    return twice(event)


@filter
def waits_while_there(event, *, file: Path):
    """Twice the input, but nothing as long as a file is there and 5 events have been processed."""
    if event["value"][0] == 5 and file.exists():
        print("cannot go on", flush=True)
    while event["value"][0] >= 5 and file.exists():
        time.sleep(0.01)
    return twice(event)


@filter
def fails_with_an_odd_text(event):
    raise ValueError("no such file: caf\udce9")


@filter
def says_odd_things(event):
    report(**{"caf\udce9": 1.0, "nan": float("nan"), "up": float("inf"), "down": float("-inf")})
    print("caf\udce9")
    return Reject("caf\udce9")


@filter
def says_odd_things_and_waits(event, *, file: Path):
    report(**{"caf\udce9": 1.0, "nan": float("nan")})
    while file.exists():
        print("it waits", flush=True)
        time.sleep(0.05)
    return twice(event)


@filter
def reports_without_end(event):
    report(**{f"x{number}": float(number) for number in range(30_000)})
    return twice(event)


@filter
class FailsAtItsEnd:
    def __call__(self, event):
        return twice(event)

    def close(self):
        raise RuntimeError("the device did not like to be closed")


@filter
def dies_around_50(event, *, directory: Path, every: int):
    """Keep one in `every`; is killed at some events near 50, when each comes for the first time."""
    number = int(event["value"][0])
    if number in (47, 50, 51, 53) and comes_first(directory / f"died_at_{number}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return number % every == 0


@filter
def keeps_49_slowly(event):
    """Keep event 49; needs 20 ms for each."""
    time.sleep(0.02)
    return event["value"][0] == 49
