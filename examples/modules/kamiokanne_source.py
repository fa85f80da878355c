"""Source of recorded waveforms: the muon decays of the Kamiokanne detector."""

from __future__ import annotations

import time
from pathlib import Path

import mimocorb as mc
from mimocorb.devices import kamiokanne


@mc.source
def recorded_events(*, data: Path | None = None, sleeptime: float = 0.0):
    """Deliver all recorded events, in mV. The number of an event is its row in the reference table.

    Parameters
    ----------
    data
        Folder with the recorded data.
    sleeptime
        Mean time between two events in s; 0 for as fast as the buffer takes them.
    """
    for event in kamiokanne.read_events(kamiokanne.find_file(data=data)):
        if sleeptime:
            time.sleep(sleeptime)
        yield event
