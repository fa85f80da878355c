"""One small data acquisition in each of the older forms; loaded by path in worker processes."""

import os
import signal
import time

import numpy as np

from mimocorb.buffer_control import (
    BufferToBuffer,
    BufferToTxtfile,
    SourceToBuffer,
    rb_toTxtfile,
    rbDrain,
    rbImport,
    rbTransfer,
)
from mimocorb.mimo_buffer import Reader, Writer
from mimocorb.worker_templates import BufferIO, Importer, Processor

# --- the manual of mimoCoRB 1.0


def numbers(source_list, sink_list, observe_list, config_dict, **rb_info):
    def events():
        for number in range(config_dict.get("events", 10**9)):
            yield [np.full(sink_list[0]["values_per_slot"], float(number))]
            time.sleep(config_dict.get("pause_s", 0.0))
        if config_dict.get("fails"):
            raise ValueError("the digitizer is on fire")

    data = events()
    SourceToBuffer(source_list, sink_list, observe_list, config_dict, data_source=data, **rb_info)()


def double(source_list, sink_list, observe_list, config_dict, **rb_info):
    def twice(event):
        return [{"value": 2 * event["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=twice, **rb_info)()


def dies_once(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Is killed with event 5 in its hands, when it comes for the first time."""
    with Reader(source_list[0]) as source, Writer(sink_list[0]) as sink:
        for event in source:
            if event["value"][0] == 5 and source.delivery == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            sink.write([(2 * event["value"][0],)])


def save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


# --- release 1.0.2


def numbers_102(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    def yield_data():
        for number in range(config_dict["events"]):
            yield [np.full(4, float(number))], (number, 1.7e9 + number, 0.0)

    rbImport(source_list, sink_list, observe_list, config_dict, ufunc=yield_data, **rb_info)()


def double_102(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    def ufilter(event):
        return [{"value": 2 * event["value"][:1]}]

    rbTransfer(source_list, sink_list, observe_list, config_dict, ufunc=ufilter, **rb_info)()


def save_102(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rb_toTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def drain_102(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    rbDrain(source_list, sink_list, observe_list, config_dict, **rb_info)()


# --- mimoCoRB2


def numbers_2(buffer_io: BufferIO):
    importer = Importer(buffer_io)
    event = importer.data_example

    def ufunc():
        for number in range(buffer_io["events"]):
            event["value"] = number
            yield event
        yield None

    importer(ufunc)


def double_2(buffer_io: BufferIO):
    processor = Processor(buffer_io)
    doubled = buffer_io.data_out_examples[0].copy()

    def ufunc(event):
        doubled["value"] = 2 * event["value"][0]
        return [doubled]

    processor(ufunc)
