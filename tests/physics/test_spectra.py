"""Spectra: calibration, rates, peaks; of toys with known truth, and as recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mimocorb.analysis.calibration import Calibration, calibrate, calibrated
from mimocorb.analysis.counting import poisson_interval
from mimocorb.analysis.histograms.export import export
from mimocorb.analysis.peaks import FWHM, find_peaks, fit_peaks
from mimocorb.analysis.spectra import rate, read_spectrum, spectrum, without_background
from mimocorb.errors import DamagedFile, SetupError

CHANNELS = np.arange(2048)


def gaussians(*peaks, background=20.0):
    """Expected counts: a falling background, and peaks of (place, sigma, area)."""
    expected = background * np.exp(-CHANNELS / 900.0)
    for place, sigma, area in peaks:
        shape = np.exp(-((CHANNELS - place) ** 2) / 2 / sigma**2)
        expected = expected + area * shape / sigma / np.sqrt(2 * np.pi)
    return expected


def test_positions_areas_and_widths_have_true_uncertainties():
    random = np.random.default_rng(8)
    pulls = []
    for _ in range(25):
        counts = random.poisson(gaussians((620.0, 12.0, 900.0), (655.0, 12.0, 500.0)))
        for peak, (place, sigma, area) in zip(
            fit_peaks(spectrum(counts), near=[618, 658]),
            [(620.0, 12.0, 900.0), (655.0, 12.0, 500.0)],
            strict=True,
        ):
            assert not peak.sentence
            pulls.append(
                [
                    (peak.position - place) / peak.position_error,
                    (peak.fwhm - FWHM * sigma) / peak.fwhm_error,
                    (peak.area - area) / peak.area_error,
                ]
            )
    assert np.abs(np.mean(pulls, axis=0)).max() < 4 / np.sqrt(50)
    assert np.abs(np.std(pulls, axis=0) - 1).max() < 0.4


def test_the_search_finds_narrow_broad_and_overlapping_peaks_and_no_others():
    truth = [
        (300.0, 3.0, 250.0),
        (700.0, 10.0, 900.0),
        (740.0, 10.0, 700.0),
        (1500.0, 45.0, 4000.0),
    ]
    counts = np.random.default_rng(3).poisson(gaussians(*truth))
    found = find_peaks(spectrum(counts))
    assert len(found) == len(truth)
    for peak, (place, sigma, _) in zip(found, truth, strict=True):
        assert abs(peak.position - place) < sigma
        assert 0.5 < peak.fwhm / (FWHM * sigma) < 2


@pytest.mark.parametrize("level", [0.0, 0.02, 1.0, 100.0, 1e5])
def test_noise_and_edges_are_no_peaks(level):
    random = np.random.default_rng(6)
    for _ in range(5):
        edge = np.where(CHANNELS < 900, 1.0, 0.3) * np.where(CHANNELS < 50, 0.0, 1.0)
        assert find_peaks(spectrum(random.poisson(level * edge)), low=60) == []


def test_the_search_can_be_limited_to_a_range_and_to_widths():
    counts = np.round(gaussians((300.0, 3.0, 900.0), (1500.0, 40.0, 9000.0)))
    (narrow,) = find_peaks(spectrum(counts), fwhm=(3.0, 20.0))
    (broad,) = find_peaks(spectrum(counts), low=1000.0)
    assert (round(narrow.position), round(broad.position)) == (300, 1500)
    with pytest.raises(SetupError, match="smallest and the largest width"):
        find_peaks(spectrum(counts), fwhm=(20.0, 3.0))


def test_where_no_peak_is_a_sentence_says_so():
    flat = np.random.default_rng(1).poisson(np.full(500, 50.0))
    (nothing,) = fit_peaks(spectrum(flat), near=[250.0])
    assert nothing.sentence
    assert np.isnan(nothing.area)
    (empty,) = fit_peaks(spectrum(np.zeros(500, int)), near=[250.0])
    assert "too few" in empty.sentence
    with pytest.raises(SetupError, match="no peak near 900"):
        fit_peaks(spectrum(flat), near=[900.0])


# --- calibration


def test_a_calibration_has_the_uncertainties_of_its_points():
    random = np.random.default_rng(2)
    x, true = np.array([120.0, 480.0, 900.0, 1400.0]), (3.0, 0.7, 2e-5)
    pulls = []
    for _ in range(200):
        positions = random.normal(x, 1.5)
        energies = np.polynomial.polynomial.polyval(x, true)
        found = calibrate(positions, energies, degree=2, position_errors=1.5)
        at = 700.0
        pulls.append((found(at) - np.polynomial.polynomial.polyval(at, true)) / found.error(at))
    assert abs(np.mean(pulls)) < 0.3
    assert np.std(pulls) == pytest.approx(1, abs=0.2)


def test_points_without_uncertainties_are_judged_by_their_scatter():
    exact = calibrate([10.0, 20.0, 30.0], [1.0, 2.0, 3.0])
    assert exact.coefficients == pytest.approx((0.0, 0.1), abs=1e-12)
    assert exact.error(15.0) == pytest.approx(0, abs=1e-9)
    two = calibrate([10.0, 20.0], [1.0, 2.0])
    assert two.covariance is None
    assert np.isnan(two.error(15.0))


@pytest.mark.parametrize(
    ("positions", "energies", "options", "message"),
    [
        ([1.0], [2.0], {}, "2 different positions or more; found 1 position"),
        ([1.0, 1.0], [2.0, 3.0], {}, "found 1 position"),
        ([1.0, 2.0], [2.0], {}, "found 2 positions and 1 energies"),
        ([1.0, 2.0], [3.0, 2.0], {}, "does not rise between 1 and 2"),
        ([1.0, 2.0], [1.0, 2.0], {"degree": 9}, "degree is from 1 to 5"),
        ([1.0, 2.0], [1.0, 2.0], {"position_errors": [-1.0, 1.0]}, "not negative"),
        ([1.0, np.nan], [1.0, 2.0], {}, "finite numbers"),
    ],
)
def test_points_that_make_no_calibration_are_refused(positions, energies, options, message):
    with pytest.raises(SetupError, match=message):
        calibrate(positions, energies, **options)


def test_a_calibrated_spectrum_has_all_counts_and_finds_the_energies():
    counts = np.random.default_rng(4).poisson(gaussians((500.0, 8.0, 5000), (1200.0, 12.0, 3000)))
    raw = spectrum(counts, live_time_s=100.0)
    calibration = calibrate(fit_peaks(raw, near=[500, 1200]), [661.7, 1600.0])
    energy = calibrated(raw, calibration)
    assert energy.values(flow=True).tolist() == raw.values(flow=True).tolist()
    assert energy.axes[0].unit == "keV"
    (peak, _) = fit_peaks(energy, near=[660, 1600])
    assert abs(peak.position - 661.7) < 3 * peak.position_error
    assert energy.live_time_s == 100.0
    bent = calibrated(raw, Calibration((0.0, 1.3, 1e-5)))
    assert bent.values().tolist() == raw.values().tolist()
    with pytest.raises(SetupError, match="does not rise at"):
        calibrated(raw, Calibration((0.0, 1.0, -1e-3)))


# --- rates


def test_rates_have_the_uncertainty_of_counts_in_live_time():
    measured = spectrum([400, 0, 25, 75], low=0.0, live_time_s=50.0)
    assert rate(measured).value == 10.0
    assert rate(measured).error == pytest.approx(np.sqrt(500) / 50)
    few = rate(measured, 1.2, 1.8)
    assert (few.low, few.high, few.value) == (1.0, 2.0, 0.0)
    assert few.upper_error == pytest.approx(1.841 / 50, rel=1e-3)
    with pytest.raises(SetupError, match="has no live time"):
        rate(spectrum([1, 2]))
    with pytest.raises(SetupError, match="no bins between"):
        rate(measured, 20.0, 30.0)


@pytest.mark.parametrize("mean", [0.3, 1.5, 4.0, 20.0])
def test_intervals_of_counts_contain_the_mean_in_68_of_100_or_more(mean):
    counts = np.random.default_rng(9).poisson(mean, 400)
    intervals = {int(n): poisson_interval(int(n)) for n in np.unique(counts)}
    inside = np.mean([intervals[int(n)][0] <= mean <= intervals[int(n)][1] for n in counts])
    assert inside > 0.683 - 3 * 0.0233


def test_a_background_is_subtracted_by_live_time_with_the_uncertainty_of_both():
    random = np.random.default_rng(5)
    background = random.poisson(np.full(400, 40.0))
    peak = 3000 * np.exp(-((np.arange(400) - 200) ** 2) / 2 / 7.0**2) / 7.0 / np.sqrt(2 * np.pi)
    measured = random.poisson(np.full(400, 20.0) + peak)
    net = without_background(
        spectrum(measured, live_time_s=10.0), spectrum(background, live_time_s=20.0)
    )
    assert abs(rate(net).value - 300.0) < 3 * rate(net).error
    (fit,) = fit_peaks(net, near=[200], background=False)
    assert abs(fit.area - 3000) < 3 * fit.area_error
    with pytest.raises(SetupError, match="has none"):
        without_background(spectrum(measured), spectrum(background, live_time_s=20.0))
    with pytest.raises(SetupError, match="other bins"):
        without_background(spectrum([1], live_time_s=1.0), spectrum([1, 2], live_time_s=1.0))


# --- files


@pytest.mark.parametrize("ending", [".spe", ".hst", ".json"])
def test_spectra_come_back_from_files_as_they_went(tmp_path, ending):
    counts = np.random.default_rng(3).poisson(gaussians((620.0, 12.0, 900.0)))
    there = calibrated(
        spectrum(counts, live_time_s=296.0, real_time_s=300.0), Calibration((5.0, 0.25))
    )
    path = tmp_path / f"there{ending}"
    export([there], path)
    back = read_spectrum(path)
    assert back.values().tolist() == counts.tolist()
    if ending == ".hst":  # counts only
        assert back.axes[0].edges[0] == -0.5
        return
    assert (back.live_time_s, back.real_time_s) == (296.0, 300.0)
    np.testing.assert_allclose(back.axes[0].edges, there.axes[0].edges, atol=1e-6)
    assert back.axes[0].unit == "keV"


def test_a_histogram_of_another_program_is_read(tmp_path):
    import boost_histogram as bh
    import uhi.io.json

    other = bh.Histogram(bh.axis.Regular(10, 0.0, 5.0), storage=bh.storage.Double())
    other.fill([1.1, 2.2, 2.3])
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other, default=uhi.io.json.default))
    back = read_spectrum(path)
    assert back.values().tolist() == other.values().tolist()
    assert back.name == "other"


def test_a_file_that_is_no_spectrum_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("hello\n")
    with pytest.raises(SetupError, match="no spectrum"):
        read_spectrum(tmp_path / "a.txt")
    (tmp_path / "a.spe").write_text("$DATA:\n0 3\n1\n2\n")
    with pytest.raises(DamagedFile, match="channels 0 to 3, 4 of them, and has 2"):
        read_spectrum(tmp_path / "a.spe")


def test_recorded_lines_of_cobalt_and_sodium_are_found_and_calibrate(recorded_sets):
    cobalt = read_spectrum(recorded_sets / "redpitaya-coincidence" / "Co60.hst")
    lines = fit_peaks(cobalt, near=[3320, 3760])
    calibration = calibrate(lines, [1173.2, 1332.5])
    assert 0.35 < calibration.slope(3500.0) < 0.38  # keV per channel, at this voltage
    assert [round(100 * line.resolution) for line in lines] == [5, 5]  # NaI
    found = [peak.position for peak in find_peaks(cobalt, low=3000.0)]
    assert found == pytest.approx([3325, 3761], abs=20)
    sodium = read_spectrum(recorded_sets / "redpitaya-coincidence" / "Na22_679V.hst")
    annihilation, line = fit_peaks(sodium, near=[1528, 3696])
    assert annihilation.position == pytest.approx(1529.0, abs=1.0)
    assert line.position == pytest.approx(3696.6, abs=3.0)
    # two lines and the origin: the digitizer is linear to some percent
    assert line.position / annihilation.position == pytest.approx(1274.5 / 511.0, rel=0.04)


def test_recorded_lines_of_caesium_and_barium_are_found(recorded_sets):
    measured = read_spectrum(recorded_sets / "gamma-spectra" / "SGM102432.spe")
    assert (measured.live_time_s, measured.entries) == (300.0, 166239)
    near = {round(peak.position): peak for peak in find_peaks(measured, low=900.0)}
    caesium = fit_peaks(measured, near=[1090.0])[0]
    assert any(abs(place - 1090) < 20 for place in near)
    assert caesium.position == pytest.approx(1092, abs=5)
    assert caesium.resolution == pytest.approx(0.065, abs=0.01)  # CsI at 662 keV
    assert rate(measured).value == pytest.approx(166239 / 300)
