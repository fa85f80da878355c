"""Filters for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. ``config_dict`` says how many and how fast.
"""

import os
import signal
import time

import numpy as np
from ways_to_fail import WAYS_TO_FAIL

from mimocorb.buffer_control import BufferToBuffer
from mimocorb.mimo_buffer import Reader, Writer


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


def waits_while_there(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Twice the input, but nothing as long as a file is there and 5 events have been processed."""

    def twice(data):
        if data["value"][0] == 5 and os.path.exists(config_dict["file"]):  # noqa: PTH110
            print("cannot go on", flush=True)
        while data["value"][0] >= 5 and os.path.exists(config_dict["file"]):  # noqa: PTH110
            time.sleep(0.01)
        return [{"value": 2 * data["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=twice, **rb_info)()
