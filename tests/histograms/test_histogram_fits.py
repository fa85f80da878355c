"""Fits: right within their uncertainties, by simulated experiments; and honest about few events."""

from __future__ import annotations

import boost_histogram as bh
import numpy as np
import pytest

from mimocorb.analysis.histograms.fit_component import HistogramFit, results_of
from mimocorb.analysis.histograms.fit_result import Fit
from mimocorb.analysis.histograms.fits import fit_histogram
from mimocorb.analysis.histograms.run_histogram import RunHistogram
from mimocorb.errors import SetupError

EXPERIMENTS = 120


def of_values(values, *, bins=60, low=0.0, high=20.0, **about) -> RunHistogram:
    axis = bh.axis.Regular(bins, low, high)
    axis.label, axis.unit = "t_us", "µs"
    counts = bh.Histogram(axis, storage=bh.storage.Int64())
    counts.fill(values)
    return RunHistogram("times", counts, sequence=3, **about)


def experiment(model: str, rng: np.random.Generator, signal: int, background: int) -> RunHistogram:
    events = rng.poisson(signal)
    values = {
        "exponential": lambda: rng.exponential(2.2, events),
        "gaussian": lambda: rng.normal(8.0, 1.0, events),
        "peaks": lambda: np.r_[rng.normal(6, 0.8, events), rng.normal(10, 1.0, events // 2)],
    }[model]()
    return of_values(np.r_[values, rng.uniform(0, 20, rng.poisson(background))])


@pytest.mark.parametrize(
    ("model", "truth", "options"),
    [
        ("exponential", {"tau": 2.2, "decays": 1000.0, "background": 200.0}, {}),
        ("gaussian", {"mean": 8.0, "sigma": 1.0, "peak": 1000.0}, {}),
        ("peaks", {"mean_1": 6.0, "sigma_2": 1.0, "mean_2": 10.0}, {"peaks": [5.5, 10.5]}),
    ],
)
def test_pulls_have_mean_0_and_width_1(model, truth, options):
    rng = np.random.default_rng(7)
    fits = [
        fit_histogram(experiment(model, rng, 1000, 200), model, **options)
        for _ in range(EXPERIMENTS)
    ]
    assert not any(fit.sentence for fit in fits)
    for name, value in truth.items():
        found = [next(p for p in fit.parameters if p.name == name) for fit in fits]
        pulls = np.array([(each.value - value) / each.error for each in found])
        assert abs(pulls.mean()) < 4 / np.sqrt(EXPERIMENTS), name
        assert pulls.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * EXPERIMENTS)), name
    p_values = np.array([fit.p_value for fit in fits])
    assert p_values.mean() == pytest.approx(0.5, abs=4 * 0.29 / np.sqrt(EXPERIMENTS))


def test_few_decays_are_not_biased_as_by_least_squares():
    """300 decays without background, for which χ² with √n is wrong by 9 %."""
    rng = np.random.default_rng(8)
    taus = [
        fit_histogram(experiment("exponential", rng, 300, 0), "exponential", background=False)
        .parameters[0]
        .value
        for _ in range(200)
    ]
    assert np.mean(taus) == pytest.approx(2.2, abs=4 * 2.2 / np.sqrt(300 * 200))


def test_a_bad_model_has_a_small_p_value():
    rng = np.random.default_rng(9)
    two = np.r_[rng.normal(5, 0.5, 2000), rng.normal(15, 0.5, 2000)]
    fit = fit_histogram(of_values(two), "exponential")
    assert fit.sentence or fit.p_value < 1e-6


def test_weighted_values_have_the_uncertainty_of_their_weights():
    rng = np.random.default_rng(10)
    values = rng.exponential(2.2, 4000)
    plain = fit_histogram(of_values(values), "exponential", background=False)
    axis = bh.axis.Regular(60, 0, 20)
    counts = bh.Histogram(axis, storage=bh.storage.Weight())
    counts.fill(values, weight=3.0)
    heavy = RunHistogram("times", counts, filled={"x": "t", "weight": "w"})
    weighted = fit_histogram(heavy, "exponential", background=False)
    assert weighted.parameters[0].value == pytest.approx(plain.parameters[0].value, rel=0.01)
    assert weighted.parameters[0].error == pytest.approx(plain.parameters[0].error, rel=0.05)


def test_few_values_give_a_sentence_and_no_number():
    fit = fit_histogram(of_values([1.0, 2.0, 3.0]), "exponential")
    assert fit.sentence == "3 values between 0 and 20 are too few for a fit, which needs 50"
    assert fit.parameters == ()
    assert results_of(fit) == {}


def test_a_lifetime_that_is_not_determined_is_a_sentence():
    rng = np.random.default_rng(11)
    fit = fit_histogram(of_values(rng.uniform(0, 20, 60)), "exponential")
    assert fit.sentence
    assert not fit.parameters


def test_the_range_is_widened_to_whole_bins_and_nothing_else_is_used():
    rng = np.random.default_rng(12)
    values = np.r_[rng.exponential(2.2, 5000), np.full(3000, 0.1)]
    fit = fit_histogram(of_values(values), "exponential", low=0.5, high=15.0)
    assert (fit.low, fit.high) == (pytest.approx(1 / 3), 15.0)
    assert abs(fit.parameters[0].value - 2.2) < 4 * fit.parameters[0].error
    assert len(fit.x) == len(fit.y) == 44
    assert sum(fit.y) == pytest.approx(fit.entries, rel=0.01)


def test_results_have_the_unit_last():
    rng = np.random.default_rng(13)
    fit = fit_histogram(of_values(rng.exponential(2.2, 500)), "exponential")
    names = set(results_of(fit))
    assert {"tau_us", "tau_error_us", "tau_relative_error", "decays_error", "p_value"} <= names
    assert Fit.from_plain(fit.as_plain()) == fit


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "peaks"}, "peaks says where the peaks are"),
        ({"model": "gaussian", "low": 3.0, "high": 3.2}, "five bins or more"),
    ],
)
def test_what_cannot_be_fitted_is_said(options, said):
    with pytest.raises(SetupError, match=said):
        fit_histogram(of_values([1.0]), **options)


def test_only_counts_of_one_dimension_are_fitted():
    axis = bh.axis.Regular(10, 0, 1)
    profile = RunHistogram("p", bh.Histogram(axis, storage=bh.storage.Mean()))
    plane = RunHistogram("m", bh.Histogram(axis, axis))
    for each, what in ((profile, "a profile"), (plane, "two dimensions")):
        with pytest.raises(SetupError, match=what):
            fit_histogram(each, "gaussian")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model": "peaks"}, "found no peaks"),
        ({"model": "gaussian", "peaks": [1.0]}, "found peaks for the model gaussian"),
        ({"model": "gaussian", "fit_from": 2.0, "fit_to": 1.0}, "fit_from is below fit_to"),
    ],
)
def test_a_configuration_is_checked(config, said):
    with pytest.raises(SetupError, match=said):
        HistogramFit.check({}, histogram="times", **config)


@pytest.mark.parametrize("freedom", [1, 2, 7, 40, 300])
def test_the_p_value_is_that_of_scipy(freedom):
    from scipy.special import chdtrc

    from mimocorb.analysis.counting import p_value

    for chi2 in (0.0, 0.01, 0.5 * freedom, freedom, 1.1 * freedom, 3.0 * freedom, 10.0 * freedom):
        assert p_value(chi2, freedom) == pytest.approx(chdtrc(freedom, chi2), rel=1e-6, abs=1e-12)
    assert p_value(1.0, 0) is None
