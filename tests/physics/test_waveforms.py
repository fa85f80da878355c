"""The native measurements on waveforms give what plain NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mimocorb.analysis import waveforms as wf
from mimocorb.errors import RecordTypeError, SetupError

DTYPES = ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1")


def pulses(random, rows=6, samples=200, dtype="f8"):
    """Noise with a pulse in each row, about 80 high."""
    at = random.integers(30, samples - 60, rows)[:, None]
    t = np.arange(samples) - at
    shape = np.where(t >= 0, (t / 4.0) * np.exp(1.0 - np.clip(t, 0, None) / 4.0), 0.0)
    return (20.0 + 80.0 * shape + random.normal(0.0, 2.0, (rows, samples))).astype(dtype)


# --- twins in plain NumPy -----------------------------------------------------------------


def half_sample_mode(values):
    values = np.sort(values.astype(float))
    while len(values) > 3:
        half = (len(values) + 1) // 2
        widths = values[half - 1 :] - values[: len(values) - half + 1]
        densest = np.flatnonzero(widths == widths.min())
        start = (densest[0] + densest[-1]) // 2
        values = values[start : start + half]
    if len(values) == 3 and values[1] - values[0] != values[2] - values[1]:
        return (
            values[:2].mean()
            if values[1] - values[0] < values[2] - values[1]
            else values[1:].mean()
        )
    return values[1] if len(values) == 3 else values.mean()


def robust_rms(values, level):
    distances = np.abs(values.astype(float) - level)
    step = distances[distances > 0].min(initial=np.inf)
    limit = max(3 * 1.482602218505602 * np.median(distances), step)
    return np.sqrt(np.mean(distances[distances <= limit] ** 2)) / 0.9865783


def leading_edge(x, threshold):
    rises = np.flatnonzero((x[:-1] < threshold) & (x[1:] >= threshold))
    if not len(rises):
        return np.nan
    i = rises[0]
    return i + (threshold - x[i]) / (x[i + 1] - x[i])


def constant_fraction(x, fraction):
    highest = x.max()
    below = np.flatnonzero(x[: x.argmax()] < fraction * highest)
    if not highest > 0 or not len(below):
        return np.nan
    i = below[-1]
    return i + (fraction * highest - x[i]) / (x[i + 1] - x[i])


def shaped(x, rise, flat, decay):
    """The trapezoid sample by sample, as its definition reads."""
    before = np.concatenate([[0.0], np.cumsum(x)[:-1]])
    y = x + (1 - np.exp(-1 / decay)) * before
    out = np.zeros(len(x))
    for n in range(len(x)):
        now = y[max(0, n - rise + 1) : n + 1].sum()
        earlier = y[max(0, n - 2 * rise - flat + 1) : max(0, n - rise - flat + 1)].sum()
        out[n] = (now - earlier) / rise
    return out


def running_mean(x, width):
    half = width // 2
    return np.array([x[max(0, i - half) : i + half + 1].mean() for i in range(len(x))])


# --- the same results ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["rows", "columns", "every second", "backwards"])
def test_results_do_not_depend_on_type_and_layout(dtype, layout):
    plain = pulses(np.random.default_rng(1), dtype=dtype)
    x = {
        "rows": plain,
        "columns": np.asfortranarray(plain),
        "every second": np.repeat(plain, 2, axis=1)[:, ::2],
        "backwards": plain[:, ::-1].copy()[:, ::-1],
    }[layout]
    exact = plain.astype(float)
    median = wf.baseline(x, end=80)
    assert median.value.tolist() == np.median(exact[:, :80], axis=1).tolist()
    np.testing.assert_allclose(
        median.rms, [robust_rms(row[:80], np.median(row[:80])) for row in exact], rtol=1e-12
    )
    mode = wf.baseline(x, method="most_probable")
    assert mode.value.tolist() == [half_sample_mode(row) for row in exact]
    mean = wf.baseline(x, method="mean", begin=3, end=50)
    np.testing.assert_allclose(mean.value, exact[:, 3:50].mean(axis=1), rtol=1e-13)
    np.testing.assert_allclose(mean.rms, exact[:, 3:50].std(axis=1), rtol=1e-10)

    net = exact - median.value[:, None]
    found = wf.height(x, baseline=median.value)
    assert found.value.tolist() == net.max(axis=1).tolist()
    assert found.position.tolist() == net.argmax(axis=1).tolist()
    edges = wf.leading_edge_time(x, 30.0, baseline=median.value)
    np.testing.assert_allclose(edges, [leading_edge(row, 30.0) for row in net], rtol=1e-13)
    times = wf.constant_fraction_time(x, 0.3, baseline=median.value)
    np.testing.assert_allclose(times, [constant_fraction(row, 0.3) for row in net], rtol=1e-13)
    begin, end = found.position.astype(int) - 10, found.position.astype(int) + 40
    sums = wf.integral(x, begin=begin, end=end, baseline=median.value, scale=0.5)
    expected = [0.5 * row[a:b].sum() for row, a, b in zip(net, begin, end, strict=True)]
    np.testing.assert_allclose(sums, expected, rtol=1e-12)
    np.testing.assert_allclose(
        wf.smooth(x, 7), [running_mean(row, 7) for row in exact], rtol=1e-11, atol=1e-11
    )
    np.testing.assert_allclose(
        wf.trapezoid(x, rise=12, flat=5, decay=30.0, baseline=median.value),
        [shaped(row, 12, 5, 30.0) for row in net],
        rtol=1e-9,
        atol=1e-9,
    )
    pattern = np.exp(-np.arange(9) / 3.0)
    np.testing.assert_allclose(
        wf.correlate(x, pattern), [np.correlate(row, pattern, "valid") for row in exact], rtol=1e-12
    )


@settings(deadline=None, max_examples=200)
@given(
    x=npst.arrays(np.int16, st.integers(1, 90), elements=st.integers(-5, 5)),
    rise=st.integers(1, 40),
    flat=st.integers(0, 40),
    width=st.integers(0, 40).map(lambda half: 2 * half + 1),
)
def test_short_and_coarse_waveforms_give_what_the_definitions_give(x, rise, flat, width):
    exact = x.astype(float)
    assert wf.baseline(x).value == np.median(exact)
    assert wf.baseline(x, method="most_probable").value == half_sample_mode(exact)
    level = wf.baseline(x)
    assert float(level.rms) == pytest.approx(robust_rms(exact, float(level.value)), rel=1e-12)
    assert wf.height(x) == (exact.max(), exact.argmax())
    np.testing.assert_allclose(wf.leading_edge_time(x, 1.5), leading_edge(exact, 1.5))
    np.testing.assert_allclose(wf.constant_fraction_time(x, 0.5), constant_fraction(exact, 0.5))
    np.testing.assert_allclose(wf.smooth(x, width), running_mean(exact, width), atol=1e-12)
    np.testing.assert_allclose(
        wf.trapezoid(x, rise=rise, flat=flat, decay=7.0), shaped(exact, rise, flat, 7.0), atol=1e-9
    )


@pytest.mark.parametrize("shape", [(200,), (2, 200), (3, 2, 200), (0, 200)])
def test_results_have_the_shape_of_the_waveforms_without_the_samples(shape):
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    assert wf.baseline(x).value.shape == shape[:-1]
    assert wf.height(x).position.shape == shape[:-1]
    assert wf.integral(x).shape == shape[:-1]
    assert wf.leading_edge_time(x, 10.5).shape == shape[:-1]
    assert wf.smooth(x, 3).shape == shape
    assert wf.trapezoid(x, rise=3, flat=1).shape == shape
    assert wf.correlate(x, np.ones(5)).shape == (*shape[:-1], 196)


def test_an_event_gives_a_result_for_each_channel():
    event = np.zeros(50, dtype=[("chA", "f4"), ("chB", "f4")])
    event["chA"][20] = 5.0
    event["chB"][30] = 7.0
    assert wf.height(event).value.tolist() == [5.0, 7.0]
    assert wf.height(event).position.tolist() == [20.0, 30.0]
    one_record = np.zeros(1, dtype=[("chA", "f4", 50), ("chB", "f4", 50)])
    one_record["chB"][0, 30] = 7.0
    assert wf.height(one_record).value.tolist() == [0.0, 7.0]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_make_the_results_of_their_waveform_not_a_number(odd):
    x = pulses(np.random.default_rng(2))
    x[2, 100] = odd
    others = [0, 1, 3, 4, 5]
    for result in (
        wf.baseline(x).value,
        wf.baseline(x, method="mean").rms,
        wf.baseline(x, method="most_probable").value,
        wf.height(x).value,
        wf.height(x).position,
        wf.constant_fraction_time(x, 0.5),
        wf.integral(x),
    ):
        assert np.isnan(result[2])
        assert np.isfinite(result[others]).all()


def test_what_does_not_exist_is_not_a_number():
    flat = np.zeros((1, 40))
    assert np.isnan(wf.leading_edge_time(flat, 1.0)[0])
    assert np.isnan(wf.constant_fraction_time(flat)[0])
    assert np.isnan(wf.tail_fraction(flat, begin=0, tail=20)[0])
    assert np.isnan(wf.baseline(flat, begin=10, end=10).value[0])
    assert np.isnan(wf.height(flat, begin=30, end=10).value[0])
    assert np.isnan(wf.leading_edge_time(np.array([5.0, 5.0]), 1.0))  # above from the start
    assert wf.integral(flat, begin=-10, end=1000)[0] == 0.0


def test_robust_baselines_stand_a_pulse_in_their_range_and_the_mean_does_not():
    random = np.random.default_rng(3)
    x = random.normal(100.0, 4.0, (400, 500))
    x[:, 50:150] += 300.0
    assert abs(np.mean(wf.baseline(x).value) - 100.0) < 2.0  # 20 % of the samples move it by 0.3 σ
    mode = wf.baseline(x, method="most_probable").value
    assert abs(mode.mean() - 100.0) < 4 * mode.std() / 20
    assert np.mean(wf.baseline(x, method="mean").value) > 155.0
    clean = wf.baseline(x[:, 150:])
    assert np.mean(clean.rms) == pytest.approx(4.0, rel=0.02)


def test_the_noise_of_a_quiet_digitizer_is_not_zero():
    x = np.zeros(1000, dtype=np.int16)
    x[::7] = 1
    assert float(wf.baseline(x).rms) == pytest.approx(x.std(), rel=0.2)


def test_constant_fraction_times_do_not_walk_and_leading_edges_do():
    t = np.arange(200.0)
    pulse = np.where(t > 50.3, (t - 50.3) * np.exp(-(t - 50.3) / 5.0), 0.0)
    block = pulse * np.array([1.0, 3.0, 20.0])[:, None]
    times = wf.constant_fraction_time(block, 0.4)
    assert np.ptp(times) < 1e-12
    edges = wf.leading_edge_time(block, 1.0)
    assert edges[0] > edges[1] > edges[2]


def test_the_trapezoid_gives_the_height_of_a_pulse_without_its_decay():
    t = np.arange(4000)
    step = np.where(t >= 1000, 250.0 * np.exp(-(t - 1000) / 800.0), 0.0)
    out = wf.trapezoid(step, rise=200, flat=50, decay=800.0)
    np.testing.assert_allclose(out[1000 + 199 : 1000 + 250], 250.0, rtol=1e-9)
    np.testing.assert_allclose(out[1000 + 450 :], 0.0, atol=1e-6)
    undershoot = wf.trapezoid(step, rise=200, flat=50)
    assert undershoot[1000 + 199] < 230.0


def test_the_matched_filter_gives_height_and_place_of_a_pulse():
    random = np.random.default_rng(5)
    pattern = np.exp(-np.arange(60) / 15.0)
    x = random.normal(0.0, 1.0, (300, 400))
    x[:, 123:183] += 10.0 * pattern
    out = wf.correlate(x, pattern / (pattern @ pattern))
    best = wf.height(out)
    assert np.mean(best.position == 123) > 0.8
    at = out[:, 123]
    error = 1.0 / np.sqrt(pattern @ pattern)
    assert at.mean() == pytest.approx(10.0, abs=4 * error / np.sqrt(300))
    assert at.std() == pytest.approx(error, rel=0.15)


def test_threads_get_the_results_of_one():
    from concurrent.futures import ThreadPoolExecutor

    blocks = [pulses(np.random.default_rng(seed), rows=80, samples=400) for seed in range(8)]
    alone = [wf.trapezoid(block, rise=20, flat=5, decay=50.0) for block in blocks]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda block: wf.trapezoid(block, rise=20, flat=5, decay=50.0), blocks)
        assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x: wf.baseline(x, method="mode"), "mean, median, most_probable; found 'mode'"),
        (lambda x: wf.baseline(x, begin=0.5), "whole number; found 0.5"),
        (lambda x: wf.height(x, baseline=np.zeros(5)), r"shape \(2,\); found shape \(5,\)"),
        (lambda x: wf.constant_fraction_time(x, 1.5), "between 0 and 1; found 1.5"),
        (lambda x: wf.smooth(x, 4), "odd number of samples; found 4"),
        (lambda x: wf.trapezoid(x, rise=0, flat=1), "found 0, 1 and inf"),
        (lambda x: wf.trapezoid(x, rise=1, flat=1, decay=float("nan")), "found 1, 1 and nan"),
        (lambda x: wf.correlate(x, np.ones(500)), r"at most 100 samples; found shape \(500,\)"),
        (lambda _: wf.height(3.0), "found one number"),
        (lambda _: wf.charge_pC(1.0, sample_period_ns=0.0), "found 0.0 and 50.0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(call, says):
    with pytest.raises(SetupError, match=says):
        call(np.zeros((2, 100)))


def test_waveforms_are_real_numbers():
    with pytest.raises(RecordTypeError, match="complex128"):
        wf.height(np.zeros(5, complex))
