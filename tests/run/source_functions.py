"""Sources for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. Parameters say how many and how fast.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from ways_to_fail import WAYS_TO_FAIL

from mimocorb import device_lost, source
from mimocorb.errors import SetupError


@source
def numbers(*, number_of_samples, events: int = 10**9, pause_s: float = 0.0):
    """Events 0, 1, 2 …"""
    for number in range(events):
        yield np.full(number_of_samples, float(number))
        time.sleep(pause_s)


@source
def waits_for_a_file(*, number_of_samples, file: Path):
    """One event, and others without end as soon as the file is there."""
    yield np.zeros(number_of_samples)
    while not file.exists():
        time.sleep(0.01)
    yield from numbers(number_of_samples=number_of_samples, pause_s=0.01)


@source
def loses_its_device(*, number_of_samples):
    yield np.zeros(number_of_samples)
    logging.getLogger().warning("timed out")
    logging.getLogger().warning("timed out again")
    with device_lost("no answer on port 7"):
        time.sleep(0.05)
    yield np.ones(number_of_samples)


@source
def wakes_itself_by_an_alarm(*, number_of_samples):
    yield np.zeros(number_of_samples)
    signal.alarm(1)
    time.sleep(1000)


@source
def raises(*, number_of_samples, events: int):
    yield from numbers(number_of_samples=number_of_samples, events=events)
    raise ValueError("the digitizer is on fire")


@source
def fails_after_its_events(*, number_of_samples, events: int, way: str):
    """As `numbers`, but in the end the source fails in the `way` asked for."""
    yield from numbers(number_of_samples=number_of_samples, events=events)
    WAYS_TO_FAIL[way]()


@source
def misses_data():
    raise SetupError("no data in /nowhere: get them")
    yield


@source
def exits(*, number_of_samples, events: int, code: int | str | None):
    yield from numbers(number_of_samples=number_of_samples, events=events)
    sys.exit(code)


@source
def sleeps_for_ever(*, number_of_samples):
    yield np.zeros(number_of_samples)
    try:
        print("source waits", flush=True)
        time.sleep(1000)
    finally:
        print("source has tidied up", flush=True)


@source
def talks(*, number_of_samples):
    """Prints in every way there is."""
    print("from print")
    print("from stderr", file=sys.stderr)
    os.write(1, b"from write\n")
    ctypes.CDLL(None).puts(b"from C")
    ctypes.CDLL(None).fflush(None)
    warnings.warn("from warnings", stacklevel=1)
    import logging

    logging.getLogger("driver").error("from logging")
    for number in range(5_000):
        print("line", number)
    yield from numbers(number_of_samples=number_of_samples, events=3)
    print("without end of line", end="")


@source
def starts_programs(*, number_of_samples, events: int = 10**9, pause_s: float = 0.0):
    """As `numbers`, with programs beside it that do not end by themselves; it leaves them there."""
    script = "sleep 1000 & echo started; wait"
    program = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    program.stdout.readline()
    yield from numbers(number_of_samples=number_of_samples, events=events, pause_s=pause_s)


@source
def asks_at_the_terminal(*, number_of_samples, events: int):
    """As `numbers`, after programs that want something of the user."""
    for command in ("stty -F /dev/tty -ixon", "head -c 1 </dev/tty"):
        print(f"{command}: {subprocess.call(command, shell=True)}")
    yield from numbers(number_of_samples=number_of_samples, events=events)


@source
def garbles(*, number_of_samples):
    """Prints what terminals would act upon, and fails so."""
    library = ctypes.CDLL(None)
    print("first half, ", end="", flush=True)
    print("second half")
    library.printf(b"from C at once\n")
    print("\x1b[2J\x1b[Hcleared\x1b]0;title\x07")
    os.write(1, b"\xff\x00 bytes\n")
    print(*(f"\r{percent} %" for percent in range(101)), sep="", flush=True)
    import logging

    logging.getLogger("driver").warning("two\nlines\x1b[2J")
    library.printf(b"from C at the end")
    yield np.zeros(number_of_samples)
    raise ValueError("\x1b[31mthe end")
