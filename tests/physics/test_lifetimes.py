"""Lifetimes: right with much and without background, with few events, and in matter."""

from __future__ import annotations

import numpy as np
import pytest
from lifetime_campaign import coverage, drawn_decay_times, drawn_in_matter
from scipy.integrate import quad

from mimocorb.analysis.lifetime import (
    FREE_MUON_US,
    Capture,
    fit_lifetime,
    lifetime_density,
    muon_capture,
)
from mimocorb.devices.kamiokanne import find_file, read_reference
from mimocorb.errors import SetupError

WINDOW_US = (0.4, 14.5)


@pytest.mark.parametrize("capture", [None, Capture(1.7954), Capture(0.2, 0.9)])
@pytest.mark.parametrize("background", [0.0, 0.3, 1.0])
def test_the_density_is_normalised_in_the_window(background, capture):
    def density(time):
        return lifetime_density(time, 2.2, background, WINDOW_US, capture=capture)

    assert quad(density, *WINDOW_US, limit=200)[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("decays", "accidental", "experiments"),
    [(25, 0.1, 60), (60, 0.5, 40), (150, 0.1, 40), (1000, 0.5, 20)],
)
def test_intervals_contain_the_true_lifetime_in_68_of_100(decays, accidental, experiments):
    """The short form of lifetime_campaign.py, which has thousands of experiments."""
    found = coverage(decays, accidental, experiments, seed=3)
    assert found.sentences <= 0.1 * experiments
    assert abs(found.covered - 0.683) < 3 * found.uncertainty
    assert abs(np.median(found.pulls)) < 4 * 1.25 / np.sqrt(found.results)


def test_thousands_of_decays_give_lifetime_and_background():
    times_us = drawn_decay_times(np.random.default_rng(5), 20_000, 4000)
    fit = fit_lifetime(times_us, window=WINDOW_US)
    low, high = WINDOW_US
    decays = 20_000 * (np.exp(-low / FREE_MUON_US) - np.exp(-high / FREE_MUON_US))
    accidentals = 4000 * (high - low) / 15
    assert abs(fit.pull(FREE_MUON_US)) < 3
    assert fit.error < 0.035
    assert fit.background == pytest.approx(accidentals / (decays + accidentals), abs=0.03)
    assert fit.background_low < fit.background < fit.background_high
    assert fit.events + fit.outside == 24_000


def test_a_given_background_is_not_fitted():
    times_us = drawn_decay_times(np.random.default_rng(1), 300, 0)
    fit = fit_lifetime(times_us, window=WINDOW_US, background=0.0)
    assert abs(fit.pull(FREE_MUON_US)) < 3
    assert fit.background == fit.background_low == fit.background_high == 0.0
    assert "as given" in str(fit)


def test_the_window_may_lie_anywhere_and_the_unit_be_any():
    times_s = np.random.default_rng(2).exponential(80.0, 4000)
    for window in [(0.0, 60.0), (50.0, 900.0)]:
        fit = fit_lifetime(times_s, window=window, unit="s", background=0.0)
        assert abs(fit.pull(80.0)) < 3
        assert " s, from " in str(fit)


def test_captured_muons_shorten_what_one_component_finds():
    capture = muon_capture("oxygen")
    times_us = drawn_in_matter(np.random.default_rng(4), 40_000, capture)
    single = fit_lifetime(times_us, window=(0.2, 20.0), background=0.0)
    both = fit_lifetime(times_us, window=(0.2, 20.0), background=0.0, capture=capture)
    assert abs(single.pull(2.041)) < 3  # the mean of both signs that remain
    assert single.interval[1] < FREE_MUON_US - 5 * single.error
    assert abs(both.pull(FREE_MUON_US)) < 3
    assert "of the positive muons" in str(both)


@pytest.mark.parametrize(
    ("times_us", "sentence"),
    [
        ([], "0 decay times between 0.4 and 14.5 µs are too few"),
        ([1.0, 2.0, 3.0, 20.0], "3 decay times between"),
        (np.linspace(0.4, 14.4, 100), "compatible with a flat background"),
        (np.full(50, 0.4), "only say that the lifetime is below"),
        (np.linspace(14.4, 10, 40), "compatible with a flat background"),
    ],
)
def test_what_says_nothing_gives_a_sentence(times_us, sentence):
    fit = fit_lifetime(times_us, window=WINDOW_US)
    assert sentence in fit.sentence
    assert not fit.has_result
    assert np.isnan(fit.lifetime)
    assert str(fit) == fit.sentence


def test_a_flat_distribution_without_background_has_no_upper_limit():
    fit = fit_lifetime(np.linspace(0.5, 14.4, 60), window=WINDOW_US, background=0.0)
    assert "only say that the lifetime is above" in fit.sentence


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": (3.0, 1.0)}, "found 3.0 to 1.0"),
        ({"window": (-1.0, 1.0)}, "a window is 0 or later"),
        ({"background": 1.0}, "found 1.0"),
        ({"capture": Capture(-1.0)}, "lifetime above 0"),
        ({"times": [1.0, np.nan, np.inf]}, "2 decay times of 3 are no finite numbers"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_found(change, message):
    with pytest.raises(SetupError, match=message):
        fit_lifetime(**({"times": [1.0], "window": WINDOW_US} | change))


def test_a_material_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(SetupError, match=r"carbon, nitrogen.*found 'water'.*water: oxygen"):
        muon_capture("water")


def test_the_recorded_decays_in_water_have_the_lifetime_of_muons(recorded_data):
    times_us = read_reference(find_file("reference", recorded_data))["decay_time_ns"] * 1e-3
    fit = fit_lifetime(times_us, window=(1.5, 15.0))
    assert fit.events == 665
    assert fit.lifetime == pytest.approx(2.13, abs=0.03)  # another program: 2.13 ± 0.20
    assert fit.background == pytest.approx(0.5, abs=0.05)
    assert abs(fit.pull(2.04)) < 1.5
    in_water = fit_lifetime(times_us, window=(1.5, 15.0), capture=muon_capture("oxygen"))
    assert abs(in_water.pull(FREE_MUON_US)) < 1.5
