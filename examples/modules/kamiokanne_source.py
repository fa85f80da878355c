"""Source of recorded waveforms: the muon decays of the Kamiokanne detector."""

from __future__ import annotations

import time

from mimocorb.buffer_control import SourceToBuffer
from mimocorb.devices import kamiokanne


def kamiokanne_source(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    """Write all recorded events, in mV, into a buffer with one field.

    The number of an event is its row in the reference table.

    Keys of the configuration:

    ``data`` : str, optional
        Folder with the recorded data.
    ``sleeptime`` : float, default 0.0
        Mean time between two events in s; 0 for as fast as the buffer takes them.
    """
    SourceToBuffer(
        source_list,
        sink_list,
        observe_list,
        config_dict,
        data_source=recorded_events(config_dict),
        **rb_info,
    )()


def recorded_events(config):
    """Yield the recorded events, one by one in time."""
    file = kamiokanne.find_file(data=config.get("data"))
    for event in kamiokanne.read_events(file):
        if config.get("sleeptime"):
            time.sleep(config["sleeptime"])
        yield event
