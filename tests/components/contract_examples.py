"""Components that keep the contracts, and some that do not; loaded by path in worker processes."""

from pathlib import Path

import numpy as np

import mimocorb as mc


@mc.source
def delivers(*, number_of_channels: int, number_of_samples: int, height: float):
    """Deliver traces without end.

    Parameters
    ----------
    height
        Height of all samples.
    """
    while True:
        yield np.full((number_of_channels, number_of_samples), height)


@mc.sink
class Lines:
    """Write one line for each event.

    Parameters
    ----------
    filename
        Name of the file in the directory of the run.
    """

    def __init__(self, *, filename: str, directory: Path):
        self.file = (directory / filename).open("x")

    def __call__(self, events, metadata):
        for row in zip(events["value"][:, 0], *metadata, strict=True):
            print(*(repr(float(value)) for value in row), file=self.file)

    def close(self):
        self.file.close()


@mc.source
def lines(*, file: Path):
    """Read what `Lines` has written.

    Parameters
    ----------
    file
        The file.
    """
    for line in file.read_text().splitlines():
        value, counter, timestamp, deadtime = (float(field) for field in line.split())
        yield [value], (int(counter), timestamp, deadtime)


@mc.observer
def looks(event, *, directory: Path, min_sleeptime: float = 0.01):
    """Note that something came.

    Parameters
    ----------
    min_sleeptime
        Time between two looks at least, in s.
    """
    (directory / "seen.txt").touch()


# --- wrong ones


@mc.source
def is_terse(*, number_of_samples: int, height: float):
    yield np.full((2, number_of_samples), height)


@mc.source
def counts_backwards(*, number_of_samples: int):
    """Deliver events with the clock and the counter of a film played backwards."""
    for number in range(1000, 0, -1):
        yield np.zeros((2, number_of_samples)), (number, float(number), 0.0)


@mc.source
def runs_out(*, number_of_samples: int):
    """Deliver less than was asked for."""
    for _ in range(3):
        yield np.zeros((2, number_of_samples))


@mc.sink
class forgets_its_last_events:  # noqa: N801
    """Write a line for some events only."""

    def __init__(self, *, filename: str, directory: Path):
        self.file = (directory / filename).open("x")

    def __call__(self, events):
        for value in events["value"][:, 0]:
            if value < 10:
                print(value, file=self.file)


@mc.observer
def breaks_down(event):
    raise RuntimeError("no display")


@mc.source
def loses_the_timestamps(*, file: Path):
    """Read what `Lines` has written, but not when it was."""
    for data, (counter, _, deadtime) in lines(file=file):
        yield data, {"counter": counter, "deadtime": deadtime}
