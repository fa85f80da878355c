"""Worker functions for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. ``config_dict`` says how many and how fast.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np

import mimocorb
from mimocorb._access import worker_context
from mimocorb.buffer_control import (
    BufferToBuffer,
    BufferToParquetfile,
    BufferToTxtfile,
    SourceToBuffer,
    rbDrain,
)
from mimocorb.errors import BufferTimeout, SetupError
from mimocorb.mimo_buffer import Observer, Reader, Writer


def _numbers(sink_list, config):
    for number in range(config.get("events", 10**9)):
        yield [np.full(sink_list[0]["values_per_slot"], float(number))]
        time.sleep(config.get("pause_s", 0.0))


# --- sources


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


# --- filters


def _leave_a_talker():
    """Exit and leave a program that prints without end into what was standard output."""
    subprocess.Popen(["yes", "still here"])
    time.sleep(0.1)
    os._exit(3)


def _say_too_much():
    raise ValueError("the begin " + "\N{GRINNING FACE}" * 100_000 + " the end")


def _ask_for_the_impossible():
    raise SetupError("there is no channel Q")


WAYS_TO_FAIL = {
    "raises": lambda: int("poison"),
    "exits": lambda: sys.exit(3),
    "exits without a word": lambda: os._exit(0),
    "crashes": lambda: ctypes.string_at(0),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leaves a talker": _leave_a_talker,
    "says too much": _say_too_much,
    "asks for the impossible": _ask_for_the_impossible,
}


def poisoned(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `double`, but every so many events one makes it fail in the `way` asked for."""

    def twice_or_fail(data):
        number = int(data["value"][0])
        if number and number % config_dict["every"] == 0:
            WAYS_TO_FAIL[config_dict["way"]]()
        return [{"value": [2 * number]}]

    BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, filter=twice_or_fail, **rb_info
    )()


def needs_memory(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `double`, but event 5 needs more memory than there is."""

    def twice(data):
        if data["value"][0] == 5:
            np.ones(config_dict["needed_bytes"], np.uint8)
        return [{"value": 2 * data["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=twice, **rb_info)()


def hangs_once(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `double`, but hangs on event 5, deaf to everything, when it comes for the first time."""
    with Reader(source_list[0]) as source, Writer(sink_list[0]) as sink:
        for event in source:
            number = int(event["value"][0])
            while number == 5 and source.delivery == 1:
                try:
                    time.sleep(1000)
                except BaseException:
                    continue
            sink.write([(2 * number,)])


def stops_once(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `double`, but is stopped with event 5 in its hands."""

    def twice(data):
        if data["value"][0] == 5:
            os.kill(os.getpid(), signal.SIGSTOP)
        return [{"value": 2 * data["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=twice, **rb_info)()


def dies_before_it_opens(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `double`, but the first process is killed before it has opened anything."""
    try:
        open(config_dict["directory_prefix"] + "opened", "x").close()  # noqa: PTH123
    except FileExistsError:
        double(source_list, sink_list, observe_list, config_dict, **rb_info)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def double(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Twice the input; `pause_s` per event."""

    def twice(data):
        if data["value"][0] == 0:
            print("first event")
        time.sleep(config_dict.get("pause_s", 0.0))
        return [{"value": 2 * data["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=twice, **rb_info)()


def keeps_the_last(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Compares each event with the one before, by a view that shows another event by then."""
    kept = []

    def change(data):
        kept.append(data)
        return [{"value": data["value"][:1] - kept[-2:][0]["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=change, **rb_info)()


def rejects_all(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, lambda _event: None, **rb_info
    )()


def refuses_13(source_list, sink_list, observe_list, config_dict, **rb_info):
    def double_or_fail(data):
        if data["value"][0] == 13:
            raise ValueError("unlucky")
        return [{"value": [2 * data["value"][0]]}]

    BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, filter=double_or_fail, **rb_info
    )()


def nonsense(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, filter=lambda _: "what?", **rb_info
    )()


def dies_once(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Is killed with event 5 in its hands, unless somebody was before it."""
    with Reader(source_list[0]) as source, Writer(sink_list[0]) as sink:
        for event in source:
            number = int(event["value"][0])
            if number == 5 and source.delivery == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            output = sink.get_new_buffer()
            output["value"][:] = 2 * number
            sink.process_buffer()


# --- sinks


def save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_on_a_small_disk(source_list, sink_list, observe_list, config_dict, **rb_info):
    limit = config_dict["limit_bytes"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_counters(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Writes the number of each event and its first value."""
    path = config_dict["directory_prefix"] + "counters.txt"
    with Reader(source_list[0]) as source, open(path, "w", buffering=1) as file:  # noqa: PTH123
        for event in source:
            print(source.get_metadata()[0], float(event["value"][0]), file=file)


def save_waveforms(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToParquetfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def saves_until_killed(source_list, sink_list, observe_list, config_dict, **rb_info):
    """A sink of either kind; the first process is killed when it has written some events."""
    sink_class = {"txt": BufferToTxtfile, "tar": BufferToParquetfile}[config_dict["format"]]
    sink = sink_class(source_list, sink_list, observe_list, config_dict, **rb_info)

    def kill():
        while sink.event_count < 20:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)

    if Path(sink.filename).stem == config_dict["filename"]:
        threading.Thread(target=kill, daemon=True).start()
    sink()


def drain(source_list, sink_list, observe_list, config_dict, **rb_info):
    rbDrain(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_slowly(source_list, sink_list, observe_list, config_dict, **rb_info):
    """One line per event, with a pause before it."""
    path = config_dict["directory_prefix"] + config_dict["filename"]
    with Reader(source_list[0]) as source, open(path, "w", buffering=1) as file:  # noqa: PTH123
        for event in source:
            time.sleep(config_dict["pause_s"])
            print(event["value"][0], file=file)


def killed_after(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Reads some events, then is killed."""
    with Reader(source_list[0]) as source:
        for count, _event in enumerate(source):
            if count == config_dict["events"]:
                os.kill(os.getpid(), signal.SIGKILL)


def leaves_early(source_list, sink_list, observe_list, config_dict, **rb_info):
    with Reader(source_list[0]) as source:
        for _ in range(config_dict["events"]):
            source.get()


def stops_with_empty_hands(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Gives its first event back and is stopped; continued, it reads to the end."""
    with Reader(source_list[0]) as source:
        source.get()
        source.reject("not now")
        os.kill(os.getpid(), signal.SIGSTOP)
        for _event in source:
            pass


def hangs(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Takes one event and never comes back, deaf to everything."""
    with Reader(source_list[0]) as source:
        source.get()
        print("hangs from now on")
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                continue


def forgets_to_save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)


# --- observers


def looks(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Looks for ever; never ends by itself."""
    observer = Observer(observe_list[0])
    while True:
        observer.get()
        time.sleep(0.05)


def looks_badly(source_list, sink_list, observe_list, config_dict, **rb_info):
    raise RuntimeError("no display")


# --- results and what is left


def fits(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Report an error that shrinks with the number of events."""
    for count, _event in enumerate(Reader(source_list[0]), 1):
        mimocorb.report(relative_error=1 / count, events=count)
        time.sleep(config_dict.get("pause_s", 0.0))


def counts_and_fails_once(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Report how many events have come so far; the first process fails at the sixth."""
    with Reader(source_list[0]) as source:
        for count, _event in enumerate(source, 1):
            if source.sequence == 6 and source.delivery == 1:
                raise OSError("the server does not answer")
            mimocorb.report(events=count)


def reports_pauses(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Say what this worker knows of a pause."""
    while True:
        mimocorb.report(paused=worker_context.current().is_paused())
        time.sleep(0.01)


def reports_text(source_list, sink_list, observe_list, config_dict, **rb_info):
    for _event in Reader(source_list[0]):
        mimocorb.report(quality="good")


def waits_while_there(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Twice the input, but nothing as long as a file is there and 5 events have been processed."""

    def twice(data):
        if data["value"][0] == 5 and os.path.exists(config_dict["file"]):  # noqa: PTH110
            print("cannot go on", flush=True)
        while data["value"][0] >= 5 and os.path.exists(config_dict["file"]):  # noqa: PTH110
            time.sleep(0.01)
        return [{"value": 2 * data["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=twice, **rb_info)()


def fails_while_there(source_list, sink_list, observe_list, config_dict, **rb_info):
    """One line per event; fails at the sixth as long as a file is there."""
    path = config_dict["directory_prefix"] + "values.txt"
    with Reader(source_list[0]) as source, open(path, "w", buffering=1) as file:  # noqa: PTH123
        for event in source:
            if event["value"][0] == 10 and os.path.exists(config_dict["file"]):  # noqa: PTH110
                raise OSError("the server does not answer")
            print(event["value"][0], file=file)
