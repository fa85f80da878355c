"""Decay times of recorded muons agree with those of the software that recorded them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from kamiokanne_filter import (
    DOUBLE_PULSE,
    NO_PULSE_AT_TRIGGER,
    NO_SECOND_PULSE,
    RecordedDecaySearch,
)
from kamiokanne_source import recorded_events
from scipy.signal import find_peaks

from analyse_kamiokanne import compare_with_reference, read_results
from mimocorb.analysis.pulses import find_pulses
from mimocorb.devices.kamiokanne import find_file, read_reference

SETUP = yaml.safe_load(
    (Path(__file__).parents[2] / "examples" / "kamiokanne_setup.yaml").read_text()
)
RESULT_DTYPE = [("counter", int), ("status", int), ("decay_time", int)]


@pytest.fixture
def search():
    return RecordedDecaySearch(**SETUP["Workers"]["search"]["config"])


def trace_with_pulses(*positions, height=100.0):
    trace = np.zeros(4000)
    for position in positions:
        trace[position : position + 100] -= height * np.exp(-np.arange(100) / 15)
    return trace


def test_at_least_98_percent_of_the_recorded_decay_times_agree_within_50_ns(recorded_data, search):
    results = np.array(
        [
            (counter, record["status"], record["decay_time"])
            for counter, event in enumerate(recorded_events(data=recorded_data))
            for record in [search.record(event[0])]
        ],
        RESULT_DTYPE,
    )
    reference = read_reference(find_file("reference", recorded_data))
    agreement = compare_with_reference(results, reference)
    assert agreement.events == 1081
    assert agreement.missing == 0
    assert agreement.agree >= 0.98 * agreement.events
    assert agreement.agree + agreement.differ + agreement.rejected == agreement.events
    assert abs(agreement.median_difference_ns) < 4


def test_native_search_and_scipy_find_the_same_pulses_in_recorded_waveforms(recorded_data):
    for number, event in enumerate(recorded_events(data=recorded_data)):
        trace = -event[0].astype(float)
        found = find_pulses(event, prominence=10, width=3, scale=-1)
        positions, expected = find_peaks(trace, prominence=10, width=3)
        np.testing.assert_array_equal(found["position"], positions, err_msg=f"event {number}")
        np.testing.assert_array_equal(found["prominence"], expected["prominences"])
        np.testing.assert_array_equal(found["width"], expected["widths"])
        if number == 200:
            break


def test_a_double_pulse_gives_the_time_between_the_edges(search):
    record = search.record(trace_with_pulses(200, 1200))
    assert record["status"] == DOUBLE_PULSE
    assert record["decay_time"] == 4000  # ns
    assert (record["1st_chA_p"], record["2nd_chA_p"]) == (200, 1200)
    assert record["1st_chA_h"] == pytest.approx(100)


def test_every_rejected_event_has_a_reason(search):
    assert search.record(trace_with_pulses())["status"] == NO_PULSE_AT_TRIGGER
    assert search.record(trace_with_pulses(900, 1200))["status"] == NO_PULSE_AT_TRIGGER
    assert search.record(trace_with_pulses(200))["status"] == NO_SECOND_PULSE


def test_the_record_has_the_fields_of_its_buffer(search):
    record = search.record(trace_with_pulses(200))
    assert set(record) == set(SETUP["Buffers"]["decays"]["data_dtype"])


def test_the_comparison_accounts_for_every_event():
    reference = np.zeros(5, [("decay_time_ns", float)])
    reference["decay_time_ns"] = [1000, 2000, 3000, 4000, 5000]
    results = np.array([(0, 0, 1049), (1, 0, 2051), (2, 1, 0), (3, 0, 4000)], RESULT_DTYPE)
    agreement = compare_with_reference(results, reference)
    counts = (agreement.agree, agreement.differ, agreement.rejected, agreement.missing)
    assert counts == (2, 1, 1, 1)


def test_results_are_read_from_the_text_file_of_a_run(tmp_path):
    (tmp_path / "decay_times.txt").write_text(
        "counter\ttimestamp\tdeadtime\tstatus\tdecay_time\n3\t1.5\t0.0\t0\t812\n"
    )
    assert read_results(tmp_path).tolist() == [(3, 0, 812)]
