"""The simulated detector and the search in its waveforms give back the lifetime that was put in."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml
from lifetime_campaign import drawn_decay_times
from lifetime_filter import DoublePulseSearch
from muon_detector import DetectorSettings, MuonDetector

import analyse_lifetime
from analyse_lifetime import (
    WINDOW_US,
    compare_with_truth,
    described,
    plot_fit,
    read_decay_times,
)
from mimocorb.analysis.lifetime import FREE_MUON_US, fit_lifetime

CHANNELS = ("chA", "chB", "chC", "chD")


@pytest.fixture(scope="module", params=[1, 2, 3], ids=lambda seed: f"seed {seed}")
def simulated_run(request):
    """Truth, numbers and decay times of found double pulses; every second muon stops."""
    config_file = Path(analyse_lifetime.__file__).parent / "config" / "simulation_config.yaml"
    sections = yaml.safe_load(config_file.read_text())
    general = sections["general"]
    changes = {"random_seed": request.param, "stopping_probability": 0.5}
    config = {**general, **sections["simulation_source"], **changes}
    detector = MuonDetector(DetectorSettings.from_config(config))
    search = DoublePulseSearch({**general, **sections["calculate_decay_time"]}, CHANNELS)
    dtype = np.dtype([(channel, np.float64) for channel in CHANNELS])
    count = 5000
    found = [
        (number, record["decay_time"])
        for number, event in enumerate(itertools.islice(detector.events(), count))
        for record in search.double_pulse(event.view(dtype)[:, 0]) or []
    ]
    numbers, decay_times_ns = np.array(found).T
    return detector.truth(count), numbers, decay_times_ns


def test_the_simulated_lifetime_agrees_with_the_one_put_in(simulated_run):
    _, _, decay_times_ns = simulated_run
    fit = fit_lifetime(decay_times_ns * 1e-3, window=WINDOW_US)
    assert fit.error < 0.1
    assert abs(fit.pull(FREE_MUON_US)) < 3
    assert fit.background_low < 0.1
    assert "known      2.197 µs, pull" in described(fit)


def test_nine_of_ten_visible_decays_are_found_and_most_found_are_decays(simulated_run):
    truth, numbers, decay_times_ns = simulated_run
    comparison = compare_with_truth(numbers, decay_times_ns, truth)
    assert comparison.right / comparison.decays > 0.9
    assert comparison.right / comparison.found > 0.97


def test_the_chance_to_find_a_decay_does_not_depend_on_its_time(simulated_run):
    truth, numbers, _ = simulated_run
    is_visible = truth["electron_heights"].any(axis=1)
    is_found = np.isin(np.arange(len(truth)), numbers)
    edges_ns = np.array([400, 1000, 2000, 4000, 14_500])
    seen, _ = np.histogram(truth["decay_time_ns"][is_visible], edges_ns)
    found, _ = np.histogram(truth["decay_time_ns"][is_visible & is_found], edges_ns)
    common = found.sum() / seen.sum()
    deviations = (found / seen - common) / np.sqrt(common * (1 - common) / seen)
    assert np.abs(deviations).max() < 4


def test_decay_times_are_measured_to_a_nanosecond(simulated_run):
    truth, numbers, decay_times_ns = simulated_run
    is_decay = truth["electron_heights"][numbers].any(axis=1)
    difference = (decay_times_ns - truth["decay_time_ns"][numbers])[is_decay]
    difference = difference[np.abs(difference) < 50]
    assert abs(difference.mean()) < 1
    assert difference.std() < 2


def test_decay_times_are_read_from_the_text_file_of_a_run(tmp_path):
    (tmp_path / "decay_times.txt").write_text(
        "counter\ttimestamp\tdead_time\tdecay_time\t1st_chA_h\n"
        "7\t1795359044.399\t0.0\t885\t218.28\n9\t1795359044.4\t0.0\t12\t1.0\n"
    )
    numbers, decay_times_ns = read_decay_times(tmp_path)
    assert numbers.tolist() == [7, 9]
    assert decay_times_ns.tolist() == [885, 12]


def test_the_picture_of_the_fit_is_saved(tmp_path):
    times_us = drawn_decay_times(np.random.default_rng(1), 500, 10)
    plot_fit(times_us, fit_lifetime(times_us, window=WINDOW_US), tmp_path / "lifetime.png")
    assert (tmp_path / "lifetime.png").stat().st_size > 10_000


@pytest.mark.parametrize("count", [0, 3, 70])
def test_a_run_with_few_decays_gives_a_result_or_a_sentence(tmp_path, monkeypatch, capsys, count):
    times_ns = 1e3 * drawn_decay_times(np.random.default_rng(count), count, 0)
    rows = [f"{number}\t{time_ns:.0f}\n" for number, time_ns in enumerate(times_ns)]
    (tmp_path / "decay_times.txt").write_text("".join(["counter\tdecay_time\n", *rows]))
    monkeypatch.setattr("sys.argv", ["analyse_lifetime.py", str(tmp_path)])
    analyse_lifetime.main()
    said = capsys.readouterr().out
    assert ("too few for a lifetime" in said) == (count < 70)
    assert (tmp_path / "lifetime.png").exists() == (count == 70)
