"""Worker functions for the tests of accounts; loaded by path in worker processes."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np

from mimocorb import Reject, reading_out
from mimocorb.buffer_control import BufferToBuffer, BufferToTxtfile, SourceToBuffer
from mimocorb.components import meter
from mimocorb.mimo_buffer import Reader, Writer

ODD, SMALL = Reject("odd"), Reject("too small")


# --- sources


def numbers(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Events 0, 1, 2 … with a pause before each."""

    def events():
        for number in range(config_dict.get("events", 10**9)):
            time.sleep(config_dict.get("pause_s", 0.0))
            yield [np.full(sink_list[0]["values_per_slot"], float(number))]

    SourceToBuffer(source_list, sink_list, observe_list, config_dict, events(), **rb_info)()


def recorded(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Events that were recorded long ago at 50 Hz, read as fast as possible."""
    values = sink_list[0]["values_per_slot"]
    events = (
        (np.full(values, float(number)), (number, 1e9 + number / 50, 0.0))
        for number in range(config_dict["events"])
    )
    SourceToBuffer(source_list, sink_list, observe_list, config_dict, events, **rb_info)()


def numbers_by_hand(source_list, sink_list, observe_list, config_dict, **rb_info):
    with Writer(sink_list[0]) as writer:
        for number in range(config_dict["events"]):
            writer.get_new_buffer()["value"][:] = number
            time.sleep(config_dict.get("pause_s", 0.0))
            writer.process_buffer()


def detector(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Particles in simulated time, and a digitizer that is dead after each of them.

    The clock of the account is simulated as well, so the numbers do not depend on the machine.
    """
    source = SimulatedDetector(config_dict)
    meter.current().use_clock(source.clock_ns)
    events = source.events()
    SourceToBuffer(source_list, sink_list, observe_list, config_dict, events, **rb_info)()


class SimulatedDetector:
    """Poisson events of `rate_hz`; `dead_s` after each, which the function tells or keeps secret.

    The time of the particles runs on in the dead time: those that come in it are lost.
    """

    def __init__(self, config):
        self._config = config
        self._random = random.Random(config.get("seed", 1))
        self.now_ns = time.monotonic_ns()
        self.particles = 0

    def clock_ns(self):
        return self.now_ns

    def events(self):
        config = self._config
        for number in range(config["events"]):
            self.now_ns += int(self._random.expovariate(config["rate_hz"]) * 1e9)
            if config["tells"]:
                with reading_out():
                    self.now_ns += int(config["dead_s"] * 1e9)
            else:
                self.now_ns += int(config["dead_s"] * 1e9)
            yield [np.full(4, float(number))]


# --- filters


def select(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Reject odd and small numbers; `pause_s` for each event."""

    def decide(event):
        time.sleep(config_dict.get("pause_s", 0.0))
        number = event["value"][0]
        if number < 10:
            return SMALL
        return ODD if number % 2 else [{"value": [number]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=decide, **rb_info)()


def select_and_die_once(source_list, sink_list, observe_list, config_dict, **rb_info):
    """Killed with event 7 in its hands, unless somebody was before it."""
    mark = Path(config_dict["directory_prefix"], "died")

    def decide(event):
        if event["value"][0] == 7 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return ODD if event["value"][0] % 2 else [{"value": event["value"][:1]}]

    BufferToBuffer(source_list, sink_list, observe_list, config_dict, filter=decide, **rb_info)()


def select_by_hand(source_list, sink_list, observe_list, config_dict, **rb_info):
    with Reader(source_list[0]) as reader, Writer(sink_list[0]) as writer:
        for event in reader:
            writer.write(event[:1])


# --- sinks


def save(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()
