"""The muon example gives the same with interleaved and with channel-contiguous waveforms."""

from __future__ import annotations

import numpy as np
import pytest
from lifetime_filter import calculate_decay_time
from simulation_source import simulation_source

from mimocorb.mimo_buffer import NewBuffer, Reader

CHANNELS = ("chA", "chB", "chC", "chD")
EVENTS = 120


@pytest.fixture
def found(example_config, record_fields):
    """Simulate, filter and return the accepted waveforms and the records of their pulses."""

    def found(dtype, values_per_slot):
        config = {
            **example_config("simulation_config.yaml", "simulation_source"),
            **example_config("simulation_config.yaml", "calculate_decay_time"),
            "eventcount": EVENTS,
            "stopping_probability": 0.9,
            "truth_file": None,
        }
        record = record_fields("simultest_setup.yaml", "RB_3")
        with (
            NewBuffer(EVENTS, values_per_slot, dtype) as raw,
            NewBuffer(EVENTS, values_per_slot, dtype) as accepted,
            NewBuffer(EVENTS, 1, record) as pulses,
        ):
            source, filtered = raw.new_writer(), raw.new_reader_group()
            sinks = [accepted.new_writer(), pulses.new_writer()]
            groups = [accepted.new_reader_group(), pulses.new_reader_group()]
            simulation_source(None, [source], None, config, RB_1="write")
            calculate_decay_time([filtered], sinks, None, config, RB_1="read", RB_2="write")
            waveforms, records = ([event.copy() for event in Reader(group)] for group in groups)
        return waveforms, np.concatenate(records)

    return found


def test_the_muon_example_gives_the_same_in_both_layouts(found):
    interleaved, first = found([(name, "f8") for name in CHANNELS], 4250)
    contiguous, second = found([(name, "f8", (4250,)) for name in CHANNELS], 1)
    assert len(first) > 10
    assert first.tolist() == second.tolist()
    for one, other in zip(interleaved, contiguous, strict=True):
        for name in CHANNELS:
            np.testing.assert_array_equal(one[name], other[name][0])
