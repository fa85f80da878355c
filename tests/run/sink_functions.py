"""Sinks and observers for the tests of whole runs; each does one thing, right or wrong.

They are loaded by path in worker processes. ``config_dict`` says how many and how fast.
"""

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import mimocorb
from mimocorb import buffer_control
from mimocorb._access import worker_context
from mimocorb.buffer_control import BufferToParquetfile, BufferToTxtfile, rbDrain
from mimocorb.mimo_buffer import Observer, Reader

# --- sinks that write files


def save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_unseen(source_list, sink_list, observe_list, config_dict, **rb_info):
    """What it uses is known at run time only, so that no check finds a file with another owner."""
    sink_class = vars(buffer_control)["BufferToTxtfile"]
    sink_class(source_list, sink_list, observe_list, config_dict, **rb_info)()


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


def fails_while_there(source_list, sink_list, observe_list, config_dict, **rb_info):
    """One line per event; fails at the sixth as long as a file is there."""
    path = config_dict["directory_prefix"] + "values.txt"
    with Reader(source_list[0]) as source, open(path, "w", buffering=1) as file:  # noqa: PTH123
        for event in source:
            if event["value"][0] == 10 and os.path.exists(config_dict["file"]):  # noqa: PTH110
                raise OSError("the server does not answer")
            print(event["value"][0], file=file)


# --- results


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


# --- observers


def looks(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Looks for ever; never ends by itself."""
    observer = Observer(observe_list[0])
    while True:
        observer.get()
        time.sleep(0.05)


def looks_badly(source_list, sink_list, observe_list, config_dict, **rb_info):
    raise RuntimeError("no display")
