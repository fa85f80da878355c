"""What the processes of test_between_processes.py do; spawned children import it from here."""

import os
import signal
import sys
import time

import numpy as np

from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import HandleMisuse

INTERRUPTED = 7


def write_numbers(setup_dict, start, count):
    """Publish `count` consecutive numbers, each over the whole record."""
    with Writer(setup_dict) as writer:
        for number in range(start, start + count):
            writer.get_new_buffer()[:] = number
        writer.process_buffer()


def save_numbers(setup_dict, file):
    """Save what arrives until the end of the stream; every record must be whole."""
    numbers = []
    with Reader(setup_dict) as reader:
        for event in reader:
            assert (event == event[0]).all()
            assert reader.delivery == 1
            numbers.append(int(event[0]))
    np.save(file, np.array(numbers, np.int64))


def pass_on_in_order(source, sink, dies_at):
    """Copy events from one buffer to the next, in order; die with the event of this number."""
    reader, writer = Reader(source), Writer(sink)
    for event in reader:
        number = int(event[0])
        if number == dies_at and reader.delivery == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if reader.wait_for_turn():
            writer.write([number])
    writer.close()


def interrupt_and_write(pid, setup_dict):
    """Send a signal to a reader that looks for events without sleeping, then publish one."""
    time.sleep(0.2)  # it begins to look
    os.kill(pid, signal.SIGUSR1)
    time.sleep(0.1)  # the signal arrives
    with Writer(setup_dict) as writer:
        writer.write([3])


def write_for_ever(setup_dict):
    writer = Writer(setup_dict)
    while True:
        writer.get_new_buffer()[:] = 1
        time.sleep(0.0005)


def read_for_ever(setup_dict):
    reader = Reader(setup_dict)
    while True:
        reader.get()


def observe_for_ever(setup_dict):
    for event in Observer(setup_dict):
        assert (event == event[0]).all()


def die_holding_an_event(setup_dict):
    Reader(setup_dict).get()
    os.kill(os.getpid(), signal.SIGKILL)


def die_holding_a_slot(setup_dict):
    writer = Writer(setup_dict)
    writer.get_new_buffer()[:] = 1
    writer.get_new_buffer()[:] = 2
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_an_interrupt(setup_dict):
    try:
        Reader(setup_dict).get()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def use_inherited(handle, method):
    """Call a method of a handle that the parent opened."""
    try:
        getattr(handle, method)()
    except HandleMisuse:
        sys.exit(0)
    sys.exit(1)
