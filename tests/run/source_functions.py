"""Sources for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. ``config_dict`` says how many and how fast.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
from ways_to_fail import WAYS_TO_FAIL

from mimocorb.buffer_control import SourceToBuffer
from mimocorb.errors import BufferTimeout, SetupError
from mimocorb.mimo_buffer import Writer


def _numbers(sink_list, config):
    for number in range(config.get("events", 10**9)):
        yield [np.full(sink_list[0]["values_per_slot"], float(number))]
        time.sleep(config.get("pause_s", 0.0))


def numbers(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Events 0, 1, 2 …"""
    data = _numbers(sink_list, config_dict)
    SourceToBuffer(source_list, sink_list, observe_list, config_dict, data_source=data, **rb_info)()


def waits_for_nothing(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Zeros as fast as there is room for them, until there was none as often as asked for."""
    refused = 0
    with Writer(sink_list[0]) as sink:
        while refused < config_dict["times"]:
            try:
                sink.get_new_buffer(timeout_s=0.0)["value"] = 0.0
            except BufferTimeout:
                refused += 1


def raises(source_list, sink_list, observe_list, config_dict, **rb_info):
    def data():
        yield from _numbers(sink_list, config_dict)
        raise ValueError("the digitizer is on fire")

    SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=data(), **rb_info
    )()


def fails_after_its_events(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `numbers`, but in the end the source fails in the `way` asked for."""

    def data():
        yield from _numbers(sink_list, config_dict)
        WAYS_TO_FAIL[config_dict["way"]]()

    SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=data(), **rb_info
    )()


def misses_data(source_list, sink_list, observe_list, config_dict, **rb_info):
    def data():
        raise SetupError("no data in /nowhere: get them")
        yield

    SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=data(), **rb_info
    )()


def exits(source_list, sink_list, observe_list, config_dict, **rb_info):
    writer = Writer(sink_list[0])
    for number in range(config_dict["events"]):
        writer.get_new_buffer()["value"][:] = number
    writer.process_buffer()
    code = config_dict.get("code")
    sys.exit(code)


def sleeps_for_ever(source_list, sink_list, observe_list, config_dict, **rb_info):
    with Writer(sink_list[0]) as writer:
        writer.get_new_buffer()["value"][:] = 0
        writer.process_buffer()
        try:
            print("source waits", flush=True)
            time.sleep(1000)
        finally:
            print("source has tidied up", flush=True)


def talks(source_list, sink_list, observe_list, config_dict, **rb_info):
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
    numbers(source_list, sink_list, observe_list, {"events": 3}, **rb_info)
    print("without end of line", end="")


def starts_programs(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `numbers`, with programs beside it that do not end by themselves; it leaves them there."""
    script = "sleep 1000 & echo started; wait"
    program = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    program.stdout.readline()
    numbers(source_list, sink_list, observe_list, config_dict, **rb_info)


def asks_at_the_terminal(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `numbers`, after programs that want something of the user."""
    for command in ("stty -F /dev/tty -ixon", "head -c 1 </dev/tty"):
        print(f"{command}: {subprocess.call(command, shell=True)}")
    numbers(source_list, sink_list, observe_list, config_dict, **rb_info)


def hangs_with_a_slot(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Claims a slot for event 3 and does not fill it, unless another one was there before."""
    first = sink_list[0]["first_counter"]
    with Writer(sink_list[0]) as sink:
        for number in range(first, config_dict["events"]):
            slot = sink.get_new_buffer()
            while number == 3 and first == 0:
                time.sleep(1000)
            slot["value"][:] = number
        sink.process_buffer()


def garbles(source_list, sink_list, observe_list, config_dict, **rb_info):
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
    with Writer(sink_list[0]) as writer:
        writer.get_new_buffer()["value"][:] = 0
        writer.process_buffer()
    raise ValueError("\x1b[31mthe end")


def crashes(source_list, sink_list, observe_list, config_dict, **rb_info):
    ctypes.string_at(0)


def forgets_to_call(source_list, sink_list, observe_list, config_dict, **rb_info):
    SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=lambda: None, **rb_info
    )


def dies_with_numbers(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `numbers`, but each process is killed after so many; the last one ends in order."""
    first = sink_list[0]["first_counter"]
    left = config_dict["events"] - first

    def data():
        for number in range(left):
            if number == config_dict["each"]:
                os.kill(os.getpid(), signal.SIGKILL)
            yield [np.full(4, float(first + number))]

    SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=data(), **rb_info
    )()
