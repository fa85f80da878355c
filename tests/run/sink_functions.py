"""Sinks and observers for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. Parameters say how many and how fast.
"""

import time
from pathlib import Path

import mimocorb
from mimocorb import observer, sink

# --- sinks


@sink
def save_counters(events, metadata, *, directory: Path):
    """Writes the number of each event and its first value."""
    with (directory / "counters.txt").open("a") as file:
        for counter, value in zip(metadata.counter, events["value"][:, 0], strict=True):
            print(counter, value, file=file)


@sink
def save_slowly(events, *, filename: str, pause_s: float, directory: Path):
    """One line per event, with a pause before it."""
    with (directory / filename).open("a", buffering=1) as file:
        for value in events["value"][:, 0]:
            time.sleep(pause_s)
            print(value, file=file)


@sink
def hangs(events):
    """Takes an event and never comes back, deaf to everything."""
    print("hangs from now on")
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            continue


@sink
class Fits:
    """Report an error that shrinks with the number of events."""

    def __init__(self, *, pause_s: float = 0.0):
        self.pause_s = pause_s
        self.count = 0

    def __call__(self, events):
        for _event in events:
            self.count += 1
            mimocorb.report(relative_error=1 / self.count, events=self.count)
            time.sleep(self.pause_s)


@sink
def reports_text(events):
    mimocorb.report(quality="good")


# --- observers


@observer
def looks_badly(event):
    raise RuntimeError("no display")


@sink
class FailsAtItsEndToo:
    def __call__(self, events):
        pass

    def close(self):
        raise RuntimeError("the disk did not like to be closed")
