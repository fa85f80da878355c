"""Sinks and observers for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. Parameters say how many and how fast.
"""

import atexit
import functools
import gzip
import logging
import os
import signal
import threading
import time
import weakref
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
    """Takes an event and never comes back, whatever it is told."""
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


@observer
class WarnsOfWhatItSees:
    def __init__(self):
        self._has_warned = False

    def __call__(self, _event):
        if not self._has_warned:
            logging.getLogger().warning("this looks odd")
        self._has_warned = True


@sink
class CannotWriteItsResultToo:
    def __call__(self, events):
        pass

    def close(self):
        raise RuntimeError("the disk did not like to be closed")


@sink
class WritesAtTheEnd:
    """Writes the sum of all values into a file of any name."""

    def __init__(self, *, filename: str, directory: Path):
        self.path, self.sum = directory / filename, 0.0

    def __call__(self, events):
        self.sum += float(events["value"].sum())

    def close(self):
        self.path.write_text(f"the sum is {self.sum}\n")


@sink
class WritesAtOnce:
    """Writes the values into a file of any name, which it opens as soon as it is made."""

    def __init__(self, *, filename: str, directory: Path):
        self.file = (directory / filename).open("w")

    def __call__(self, events):
        for value in events["value"][:, 0]:
            print(value, file=self.file, flush=True)


@sink
class DeletesItsFile:
    """Does to the file of another sink what users do by mistake."""

    def __init__(self, *, filename: str, directory: Path):
        self.path = directory / filename

    def __call__(self, events):
        if len(events):
            self.path.unlink(missing_ok=True)


# --- what is left open at the end


@functools.cache
def opened(path):
    return path.open("w")


@sink
def leaves_a_file_open(events, *, directory: Path):
    for value in events["value"][:, 0]:
        print(value, file=opened(directory / "rows.txt"))


@sink
class LeavesACycle:
    """Its file is in a cycle, so that nothing closes it before the end."""

    def __init__(self, *, directory: Path):
        self.file = gzip.open(directory / "rows.txt.gz", "wt")  # noqa: SIM115 - left open
        self.write = self._write
        atexit.register((directory / "exit.txt").write_text, "called")
        weakref.finalize(self, (directory / "finalized.txt").write_text, "called")

    def _write(self, value):
        print(value, file=self.file)

    def __call__(self, events):
        for value in events["value"][:, 0]:
            self.write(value)


@sink
class LeavesAThread:
    """A thread writes the result some time after the function has returned."""

    def __init__(self, *, directory: Path):
        self.path, self.values = directory / "rows.txt", []

    def __call__(self, events):
        self.values += events["value"][:, 0].tolist()

    def close(self):
        threading.Thread(target=self.save).start()

    def save(self):
        time.sleep(1.0)
        self.path.write_text("".join(f"{value}\n" for value in self.values))


full = []


@sink
def leaves_what_cannot_be_written(events):
    if not full:
        full.append(Path("/dev/full").open("w"))  # noqa: SIM115 - left open
    print(events["value"][0, 0], file=full[0])


@sink
class CannotWriteItsResult:
    """Cannot write its result, or is killed then; an exit function holds its process up."""

    def __init__(self, *, killed: bool):
        self.killed = killed
        atexit.register(time.sleep, 600)

    def __call__(self, events):
        pass

    def close(self):
        if self.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("the result cannot be written")


@sink
class TakesLongToEnd:
    """Works on after the last event for longer than a run waits for progress."""

    def __init__(self, *, directory: Path, time_s: float):
        self.path, self.sum, self.time_s = directory / "rows.txt", 0.0, time_s

    def __call__(self, events):
        self.sum += float(events["value"].sum())

    def close(self):
        time.sleep(self.time_s)
        self.path.write_text(f"{self.sum}\n")
