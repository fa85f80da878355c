"""The lifetime comes out right, and its uncertainty is true."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml
from lifetime_filter import DoublePulseSearch
from muon_detector import DetectorSettings, MuonDetector
from scipy.integrate import quad

import analyse_lifetime
from analyse_lifetime import (
    LIFETIME_US,
    WINDOW_US,
    compare_with_truth,
    density,
    fit_lifetime,
    plot_fit,
    read_decay_times,
)

CHANNELS = ("chA", "chB", "chC", "chD")


def drawn_decay_times(rng, decays, accidentals):
    return np.concatenate([rng.exponential(LIFETIME_US, decays), rng.uniform(0, 15, accidentals)])


@pytest.mark.parametrize("background", [0.0, 0.3, -0.001])
def test_the_density_is_normalised_in_the_window(background):
    def f(t):
        return density(np.array([t]), 2.2, background, WINDOW_US)[0]

    assert quad(f, *WINDOW_US)[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("decays", "accidentals", "background"), [(1000, 0, 0.0), (1000, 100, None), (500, 500, None)]
)
def test_pulls_have_mean_0_and_width_1(decays, accidentals, background):
    """From 100 seeds the mean is known to 0.1, the width to 0.07: four times that is allowed."""
    rng = np.random.default_rng(decays + accidentals)
    runs = [drawn_decay_times(rng, decays, accidentals) for _ in range(100)]
    pulls = [fit_lifetime(run, background=background).pull for run in runs]
    assert abs(np.mean(pulls)) < 0.4
    assert np.std(pulls) == pytest.approx(1, abs=0.28)


def test_a_fit_that_runs_away_to_negative_background_is_refused():
    rng = np.random.default_rng(1)
    early = rng.exponential(1.0, 300) + 0.4
    rising = np.concatenate([early[early < 3], rng.uniform(1, 3, 300)])
    with pytest.raises(ValueError, match="give the background"):
        fit_lifetime(rising)
    assert np.isfinite(fit_lifetime(rising, background=0.0).uncertainty_us)


def test_the_background_fraction_is_found():
    rng = np.random.default_rng(5)
    fit = fit_lifetime(drawn_decay_times(rng, 20_000, 4000))
    low, high = WINDOW_US
    decays = 20_000 * (np.exp(-low / LIFETIME_US) - np.exp(-high / LIFETIME_US))
    accidentals = 4000 * (high - low) / 15
    expected = accidentals / (decays + accidentals)
    assert abs(fit.background - expected) < 4 * fit.background_uncertainty
    assert fit.background_uncertainty < 0.02


def test_too_few_decay_times_are_refused():
    with pytest.raises(ValueError, match="3 decay times"):
        fit_lifetime(np.array([1.0, 2.0, 3.0, 20.0]))


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
    fit = fit_lifetime(decay_times_ns * 1e-3)
    assert fit.uncertainty_us < 0.1
    assert abs(fit.pull) < 3
    assert 0 < fit.background + 3 * fit.background_uncertainty < 0.1


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
    plot_fit(times_us, fit_lifetime(times_us), tmp_path / "lifetime.png")
    assert (tmp_path / "lifetime.png").stat().st_size > 10_000
