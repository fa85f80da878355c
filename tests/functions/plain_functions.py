"""Functions of the plain form for the tests of whole runs; loaded by path in worker processes."""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mimocorb import filter, observer, sink, source


@source
def numbers(*, number_of_samples: int, events: int = 50, opened: Path | None = None):
    """Events 0, 1, 2 …"""
    if opened is not None:
        opened.touch()
    for number in range(events):
        yield np.full(number_of_samples, float(number))


@filter
def double(event, metadata, *, offset: float = 0.0):
    """Twice the number, and the counter."""
    return {"doubled": {"value": 2 * event["value"][0] + offset, "counter": metadata.counter}}


def doubled(function):
    """Do not tell what the parameters are before the module is loaded."""

    @functools.wraps(function)
    def call(*arguments, **configuration):
        return function(*arguments, **configuration)

    return call


@filter
@doubled
def known_when_loaded(event, *, offset: float):
    """Its parameters are known when it has been loaded."""
    return {"value": event["value"][0] + offset, "counter": 0}


@filter
@dataclass
class Window:
    """Keep numbers in a range."""

    low: float
    high: float

    def __call__(self, event):
        value = event["value"][0]
        return {"value": value, "counter": 0} if self.low <= value < self.high else None


@sink
class Save:
    """One line for each event."""

    def __init__(self, *, filename: str, directory: Path):
        self.file = (directory / filename).open("x")

    def __call__(self, events):
        self.file.writelines(f"{value}\n" for value in events["value"][:, 0])

    def close(self):
        self.file.write("closed\n")
        self.file.close()


@sink
def refuses_13(events, *, killed: bool = False):
    """Fails whenever event 13 is in its batch."""
    if (events["value"] == 13.0).any():
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("unlucky")


@observer
def glance(event, metadata, *, filename: str, directory: Path):
    """Note what was seen last."""
    (directory / filename).write_text(f"{metadata.counter} {event['value'][0]}\n")
