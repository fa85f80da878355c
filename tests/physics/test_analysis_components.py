"""The components ``fit_lifetime`` and ``shape_waveforms`` do what their functions do."""

from __future__ import annotations

import numpy as np
import pytest
from running import run

from mimocorb.analysis import lifetime_component
from mimocorb.analysis.lifetime_component import FitLifetime
from mimocorb.analysis.shaping import ShapeWaveforms
from mimocorb.analysis.waveforms import baseline, smooth, trapezoid
from mimocorb.errors import SetupError

DECAYS = {"dtype": np.dtype([("decay_time_ns", float), ("height", float)]), "values_per_slot": 1}
WAVEFORMS = {"dtype": np.dtype([("a", float), ("b", float)]), "values_per_slot": 300}
WINDOW = {"times": "decay_time_ns", "window_from": 400.0, "window_to": 14_500.0}


def decays(times_ns):
    events = np.zeros((len(times_ns), 1), DECAYS["dtype"])
    events["decay_time_ns"][:, 0] = times_ns
    return events


def test_a_lifetime_is_reported_in_the_unit_of_its_field(monkeypatch, caplog):
    reported = {}
    monkeypatch.setattr(lifetime_component, "report", reported.update)
    fit = FitLifetime(buffer=DECAYS, **WINDOW)
    fit(decays([1000.0, np.nan]))
    assert reported == {"decay_times": 1}
    with caplog.at_level("INFO"):
        fit(decays(np.random.default_rng(3).exponential(2197.0, 900)))
        fit.close()
    assert reported.keys() == FitLifetime.reports(times="decay_time_ns")
    assert abs(reported["lifetime_ns"] - 2197.0) < 3 * reported["lifetime_upper_error_ns"]
    assert reported["relative_error"] < 0.1
    assert "lifetime 2" in caplog.text
    assert "1 event without a number" in caplog.text


def test_few_decays_end_with_a_sentence(monkeypatch, caplog):
    monkeypatch.setattr(lifetime_component, "report", lambda **_: None)
    with caplog.at_level("INFO"):
        FitLifetime(buffer=DECAYS, **WINDOW).close()
    assert "0 decay times between 400 and 14500 ns are too few" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": "decay_time"}, "found 'decay_time'"),
        ({"times": "height"}, "ends with its unit, _ns, _us, _ms, _s; found 'height'"),
        ({"window_from": 20_000.0}, "found 20000.0 to 14500.0"),
        ({"material": "water"}, "found 'water'"),
        ({"background": 1.5}, "found 1.5"),
    ],
)
def test_a_fit_that_cannot_be_is_refused_before_the_run(change, message):
    with pytest.raises(SetupError, match=message):
        FitLifetime.check(DECAYS, **(WINDOW | change))


def event(random):
    found = np.zeros(300, WAVEFORMS["dtype"])
    for name in found.dtype.names:
        found[name] = 50.0 + random.normal(0, 1.0, 300)
        found[name][100:] -= 80.0 * np.exp(-np.arange(200) / 60.0)
    return found


def test_waveforms_are_shaped_above_their_baseline():
    one = event(np.random.default_rng(1))
    traces = np.stack([one["a"], one["b"]])
    level = baseline(traces, end=90).value
    common = {"polarity": "negative", "level_samples": 90}
    options = {"baseline": level, "scale": -1.0}
    np.testing.assert_array_equal(
        ShapeWaveforms(kind="smooth", width=7, **common)(one), smooth(traces, 7, **options)
    )
    shaped = ShapeWaveforms(kind="trapezoid", rise=40, flat=10, decay=60.0, **common)(one)
    np.testing.assert_array_equal(
        shaped, trapezoid(traces, rise=40, flat=10, decay=60.0, **options)
    )
    assert np.max(shaped, axis=1) == pytest.approx(80.0, abs=3.0)
    plain = ShapeWaveforms(kind="baseline", **common)(one)
    np.testing.assert_allclose(plain, level[:, np.newaxis] - traces)
    matched = ShapeWaveforms(
        kind="correlate", pattern=np.exp(-np.arange(150) / 60.0).tolist(), **common
    )(one)
    assert np.argmax(matched, axis=1) == pytest.approx(100, abs=3)
    assert np.max(matched, axis=1) == pytest.approx(80.0, abs=3.0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "smooth", "width": 4}, "odd number of samples; found 4"),
        ({"kind": "trapezoid", "rise": 0}, "rise of at least 1"),
        ({"kind": "correlate"}, "found none for the kind correlate"),
        ({"kind": "smooth", "pattern": [1.0]}, "found one for the kind smooth"),
        ({"kind": "correlate", "pattern": [0.0]}, "a number that is not 0"),
        ({"kind": "correlate", "pattern": [1.0] * 301}, "300 samples; found 301"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_before_the_run(config, message):
    with pytest.raises(SetupError, match=message):
        ShapeWaveforms.check(WAVEFORMS, **config)


def test_a_set_up_names_them(tmp_path):
    (tmp_path / "own.py").write_text(
        """
import mimocorb
import numpy as np

@mimocorb.source
def double_pulses(*, number_of_samples: int):
    random = np.random.default_rng(5)
    samples = np.arange(number_of_samples)
    for _ in range(300):
        pulse = np.where(samples < 50, 0.0, 100.0 * np.exp(-(samples - 50) / 4.0))
        second = 50 + int(random.exponential(2197.0) / 10.0)
        pulse += np.where(samples < second, 0.0, 60.0 * np.exp(-(samples - second) / 4.0))
        yield [30.0 - pulse + random.normal(0.0, 1.0, number_of_samples)]

@mimocorb.filter
def decay_time(event):
    return {"decay_time_ns": event["time_ns"][0] - 500.0}
"""
    )
    (tmp_path / "setup.yaml").write_text(
        """
Buffers:
  raw: {slot_count: 32, data_length: 1500, data_dtype: {a: float64}}
  shaped: {slot_count: 32, data_length: 1500, data_dtype: {a: float64}}
  pulses: {slot_count: 32, data_length: 1, data_dtype: {time_ns: float64}}
  decays: {slot_count: 32, data_length: 1, data_dtype: {decay_time_ns: float64}}
Workers:
  muons: {file: own.py, function: double_pulses, sinks: [raw]}
  shaper:
    function: shape_waveforms
    sources: [raw]
    sinks: [shaped]
    config: {kind: smooth, width: 3, polarity: negative, level_samples: 45}
  search:
    function: find_pulses
    sources: [shaped]
    sinks: [pulses]
    config: {quantities: [time_ns], sample_period_ns: 10.0, least_prominence: 20.0, level: zero}
  times: {file: own.py, function: decay_time, sources: [pulses], sinks: [decays]}
  lifetime:
    function: fit_lifetime
    sources: [decays]
    config: {times: decay_time_ns, window_from: 300.0, window_to: 14000.0}
"""
    )
    done = run(tmp_path / "setup.yaml")
    results = done.summary["results"]["lifetime"]
    assert abs(results["lifetime_ns"] - 2197.0) < 3 * results["lifetime_upper_error_ns"]
