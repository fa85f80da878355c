"""Functions of the tests of whole runs that hold the ring's own classes in their hands.

What they do cannot be said in the plain form: holding a claimed slot, leaving a stream that goes
on, giving an event back, being killed at one event of a batch. They have the manual's signature.
"""

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

import mimocorb
from mimocorb import buffer_control
from mimocorb.buffer_control import (
    BufferToBuffer,
    BufferToParquetfile,
    BufferToTxtfile,
    SourceToBuffer,
)
from mimocorb.components.worker import current_worker
from mimocorb.errors import BufferTimeout
from mimocorb.mimo_buffer import Observer, Reader, Writer


def waits_for_nothing(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Zeros as fast as there is room for them, until there was none as often as asked for."""
    refused = 0
    with Writer(sink_list[0]) as sink:
        while refused < config_dict["times"]:
            try:
                sink.get_new_buffer(timeout_s=0.0)["value"] = 0.0
            except BufferTimeout:
                refused += 1


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


def forgets_to_call(source_list, sink_list, observe_list, config_dict, **rb_info):
    SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=lambda: None, **rb_info
    )


def dies_before_it_opens(source_list, sink_list, observe_list, config_dict, **rb_info):
    """As `double`, but the first process is killed before it has opened anything."""
    try:
        open(config_dict["directory_prefix"] + "opened", "x").close()  # noqa: PTH123
    except FileExistsError:
        BufferToBuffer(
            source_list,
            sink_list,
            observe_list,
            config_dict,
            filter=lambda event: [{"value": 2 * event["value"][:1]}],
            **rb_info,
        )()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def save_unseen(source_list, sink_list, observe_list, config_dict, **rb_info):
    """What it uses is known at run time only, so that no check finds a file with another owner."""
    sink_class = vars(buffer_control)["BufferToTxtfile"]
    sink_class(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_on_a_small_disk(source_list, sink_list, observe_list, config_dict, **rb_info):
    limit = config_dict["limit_bytes"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


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
        if config_dict.get("exits"):
            sys.exit()


def stops_with_empty_hands(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Gives its first event back and is stopped; continued, it reads to the end."""
    with Reader(source_list[0]) as source:
        source.get()
        source.reject("not now")
        os.kill(os.getpid(), signal.SIGSTOP)
        for _event in source:
            pass


def forgets_to_save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)


def fails_while_there(source_list, sink_list, observe_list, config_dict, **rb_info):
    """One line per event; fails at the sixth as long as a file is there."""
    path = config_dict["directory_prefix"] + "values.txt"
    with Reader(source_list[0]) as source, open(path, "w", buffering=1) as file:  # noqa: PTH123
        for event in source:
            if event["value"][0] == 10 and os.path.exists(config_dict["file"]):  # noqa: PTH110
                raise OSError("the server does not answer")
            print(event["value"][0], file=file)


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
        mimocorb.report(paused=current_worker().is_paused())
        time.sleep(0.01)


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


def looks(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Looks for ever; never ends by itself."""
    observer = Observer(observe_list[0])
    while True:
        observer.get()
        time.sleep(0.05)
