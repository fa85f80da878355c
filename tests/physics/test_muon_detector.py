"""The simulated detector does what its settings say, and the same again for the same seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from muon_detector import BLOCK, DetectorSettings, MuonDetector
from simulation_source import paced_events, save_truth

from mimocorb.analysis.pulses import find_pulses


@pytest.fixture
def settings(example_config):
    return DetectorSettings.from_config(
        example_config("simulation_config.yaml", "simulation_source")
    )


def waveforms(settings, count):
    return [event.copy() for event in itertools.islice(MuonDetector(settings).events(), count)]


def changed(settings, **changes):
    return DetectorSettings(**{**vars(settings), **changes})


def test_the_same_seed_gives_the_same_events_and_another_seed_others(settings):
    first, again = waveforms(settings, 5), waveforms(settings, 5)
    other = waveforms(changed(settings, random_seed=settings.random_seed + 1), 5)
    np.testing.assert_array_equal(first, again)
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_truth_of_few_events_is_the_beginning_of_the_truth_of_many(settings):
    detector = MuonDetector(settings)
    many = detector.truth(3 * BLOCK)
    for count in (0, 1, BLOCK, BLOCK + 1):
        np.testing.assert_array_equal(detector.truth(count), many[:count])


def test_particles_are_as_frequent_as_the_settings_say(settings):
    truth = MuonDetector(settings).truth(200_000)
    stopped = truth[truth["is_stopped"]]
    window_us = settings.number_of_samples * settings.sample_time_ns * 1e-3
    assert np.mean(truth["is_stopped"]) == pytest.approx(settings.stopping_probability, rel=0.03)
    assert stopped["decay_time_ns"].mean() == pytest.approx(
        1e3 * settings.muon_lifetime_us, rel=0.03
    )
    through = truth[~truth["is_stopped"]]
    hits = (through["muon_heights"] > 0).mean(axis=0)
    expected = [1, 1, settings.chC_probability, settings.chC_probability * settings.chD_probability]
    np.testing.assert_allclose(hits, expected, rtol=0.02)
    has_accidental = truth["accidental_heights"].any(axis=1).mean()
    expected_accidentals = 4 * settings.accidental_rate_hz * window_us * 1e-6
    assert has_accidental == pytest.approx(expected_accidentals, rel=0.06)


def test_stopped_muons_hit_the_two_upper_layers_and_electrons_leave_to_one_side(settings):
    truth = MuonDetector(settings).truth(20_000)
    stopped = truth[truth["is_stopped"]]
    assert {tuple(hits) for hits in stopped["muon_heights"] > 0} == {(True, True, False, False)}
    assert {tuple(hits) for hits in stopped["electron_heights"] > 0} == {
        (False, False, False, False),  # not seen
        (False, True, False, False),
        (True, True, False, False),
        (False, False, True, False),
        (False, False, True, True),
    }
    assert not truth[~truth["is_stopped"]]["electron_heights"].any()


def test_pulses_stand_in_the_waveform_when_and_as_high_as_the_truth_says(settings):
    settings = changed(settings, stopping_probability=1.0, accidental_rate_hz=0.0)
    detector = MuonDetector(settings)
    truth = detector.truth(200)
    offset_mv = 1e3 * settings.analogue_offset
    compared = 0
    for what, event in zip(truth, detector.events(), strict=False):
        found = find_pulses(event.T, prominence=30, distance=10, width=10, baseline=offset_mv)
        seen = what["electron_heights"] > 60
        if what["decay_time_ns"] < 300 or not seen.any():
            continue
        layer = int(np.flatnonzero(seen)[0])
        in_layer = found[found["channel"] == layer]
        arrival = settings.pre_trigger_samples + what["trigger_phase"]
        expected = arrival + what["decay_time_ns"] / settings.sample_time_ns
        delay = in_layer["time"][-1] - expected
        assert 0.5 < delay < 3  # the leading edge takes some samples to half height
        assert in_layer["height"][-1] == pytest.approx(what["electron_heights"][layer], abs=20)
        compared += 1
    assert compared > 50


def test_pulses_beyond_the_recorded_window_leave_no_trace(settings):
    truth = MuonDetector(changed(settings, muon_lifetime_us=20.0)).truth(20_000)
    after_trigger = settings.number_of_samples - settings.pre_trigger_samples
    last_ns = after_trigger * settings.sample_time_ns
    assert (truth["decay_time_ns"] > last_ns).any()
    assert truth["decay_time_ns"][truth["electron_heights"].any(axis=1)].max() < last_ns
    for event in waveforms(changed(settings, muon_lifetime_us=20.0), 50):
        assert np.isfinite(event).all()


def test_samples_are_steps_of_the_digitiser_around_the_offset(settings):
    event = waveforms(settings, 1)[0]
    step_mv = 2 * settings.channel_range / 2**settings.digitiser_bits
    np.testing.assert_allclose(event / step_mv, np.rint(event / step_mv), atol=1e-9)
    assert np.median(event) == pytest.approx(1e3 * settings.analogue_offset, abs=step_mv)
    quiet = event[: settings.pre_trigger_samples - 50]
    assert quiet.std() == pytest.approx(np.hypot(settings.noise, step_mv / 12**0.5), rel=0.1)


def test_events_are_those_of_the_detector_and_end_at_eventcount(settings):
    config = {"eventcount": 3, "sleeptime": 0.0}
    events = [event.copy() for event in paced_events(MuonDetector(settings), config)]
    np.testing.assert_array_equal(events, waveforms(settings, 3))


def test_eventcount_zero_means_no_end(settings):
    events = paced_events(MuonDetector(settings), {"eventcount": 0})
    assert sum(1 for _ in itertools.islice(events, 20)) == 20


@pytest.mark.parametrize("is_random", [True, False])
def test_sleeptime_is_the_mean_time_between_events(settings, is_random, monkeypatch):
    pauses_s = []
    monkeypatch.setattr("time.sleep", pauses_s.append)
    config = {"eventcount": 400, "sleeptime": 0.01, "random": is_random}
    for _ in paced_events(MuonDetector(settings), config):
        pass
    assert np.mean(pauses_s) == pytest.approx(0.01, rel=0.2)
    assert (np.std(pauses_s) > 0.005) == is_random


def test_the_truth_file_has_one_row_per_written_event(settings, tmp_path):
    detector = MuonDetector(settings)
    config = {"truth_file": "truth", "directory_prefix": str(tmp_path)}
    save_truth(detector, 1234, config)
    saved = np.load(tmp_path / "truth.npy", allow_pickle=False)
    np.testing.assert_array_equal(saved, detector.truth(1234))
    save_truth(detector, 1234, {"directory_prefix": str(tmp_path)})
    assert [path.name for path in tmp_path.iterdir()] == ["truth.npy"]
