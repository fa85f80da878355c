"""What the processes of these tests do. A module of its own, as spawned children import it."""

import faulthandler
import os
import signal
import sys

import numpy as np

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def hold_an_event(setup_dict, connection):
    """Take one event, say which, acknowledge it when told to."""
    with Reader(setup_dict) as reader:
        reader.get()
        connection.send(reader.sequence)
        connection.recv()


def hold_a_slot(setup_dict, connection):
    """Claim and fill one slot, say so, publish it when told to."""
    with Writer(setup_dict) as writer:
        writer.get_new_buffer()[:] = 1
        connection.send(True)
        connection.recv()
        writer.process_buffer()


def process_until_poison(setup_dict, place, every):
    """A user function that the `every`-th event kills, the first time it comes."""
    with Reader(setup_dict) as reader:
        for event in reader:
            number = int(event[0])
            if number % every == 0 and reader.delivery == 1:
                die()
            # Exclusive: an event that is processed twice would be seen.
            (place / f"{number}-{reader.delivery}").touch(exist_ok=False)


def publish_and_die_with_a_slot(setup_dict, number):
    """Publish one event, die with the next one filled but not published."""
    writer = Writer(setup_dict)
    writer.get_new_buffer()[:] = number
    writer.get_new_buffer()[:] = -1
    die()


def take_and_die(setup_dict):
    Reader(setup_dict).get()
    die()


def write_counts(setup_dict, stop):
    """Publish events that are constant in themselves, at full speed."""
    with Writer(setup_dict) as writer:
        count = 0
        while not stop.is_set():
            count += 1
            writer.get_new_buffer()[:] = count
        writer.process_buffer()


def write_into_memory(setup_dict):
    """Write through the address of an event, past NumPy's own protection."""
    import ctypes

    faulthandler.disable()  # it is expected to die, no need to report
    event = Reader(setup_dict).get()
    assert isinstance(event, np.ndarray)
    ctypes.memset(event.ctypes.data, 0, 1)
    sys.exit(0)


WAYS_TO_FAIL = {
    "raises": lambda: int("poison"),
    "exits": lambda: sys.exit(3),
    "segmentation fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed for its memory": die,
}


def process_until_failure(setup_dict, every, way):
    """A user function that fails on every `every`-th event, whenever it comes."""
    faulthandler.disable()  # it is expected to die, no need to report
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - nor to show its traceback
    with Reader(setup_dict) as reader:
        for event in reader:
            if int(event[0]) % every == 0:
                WAYS_TO_FAIL[way]()


def hang_with_an_event(setup_dict, connection):
    """A user function that does not come back."""
    reader = Reader(setup_dict)
    reader.get()
    connection.send(reader.sequence)
    while True:
        pass
