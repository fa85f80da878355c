"""Source of simulated waveforms: a detector for cosmic muons with four layers."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import numpy as np
from muon_detector import DetectorSettings, MuonDetector

from mimocorb.buffer_control import SourceToBuffer


def simulation_source(
    source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info
):
    """Write simulated events, in mV, into a buffer with the fields chA, chB, chC and chD.

    Keys of the configuration: those of :class:`muon_detector.DetectorSettings`, and

    ``eventcount`` : int, default 0
        Number of events; 0 for no end.
    ``sleeptime`` : float, default 0.0
        Mean time between events in s; 0 for as fast as the buffer takes them.
    ``random`` : bool, default True
        The times between events vary as those of real muons, which come independently.
    ``truth_file`` : str, optional
        Name of a file in the run directory that tells afterwards what really happened in each
        event; without it, none is written.
    """
    detector = MuonDetector(DetectorSettings.from_config(config_dict))
    source = SourceToBuffer(
        source_list,
        sink_list,
        observe_list,
        config_dict,
        data_source=paced_events(detector, config_dict),
        **rb_info,
    )
    source()
    save_truth(detector, source.event_count, config_dict)


def paced_events(detector, config):
    """Yield as many events as asked for, shape (samples, layers), one by one in time."""
    mean_pause_s = config.get("sleeptime", 0.0)
    is_random = config.get("random", True)
    pauses = random.Random(detector.settings.random_seed)
    for waveform in itertools.islice(detector.events(), config.get("eventcount") or None):
        if mean_pause_s > 0:
            time.sleep(pauses.expovariate(1 / mean_pause_s) if is_random else mean_pause_s)
        yield waveform


def save_truth(detector, number_of_events, config):
    """Write what happened in the events for later comparison: a NumPy file, one row per event."""
    if config.get("truth_file"):
        path = Path(config.get("directory_prefix", "."), config["truth_file"])
        np.save(path.with_suffix(".npy"), detector.truth(number_of_events), allow_pickle=False)
