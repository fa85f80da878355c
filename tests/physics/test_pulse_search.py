"""The native pulse search gives the pulses of scipy.signal.find_peaks, for every memory layout."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.signal import find_peaks

from mimocorb.analysis.pulses import PULSE_DTYPE, find_pulses
from mimocorb.errors import RecordTypeError, SetupError

CHANNELS = ("chA", "chB", "chC", "chD")


def scipy_pulses(trace, *, height=None, prominence=None, distance=None, width=None):
    """The same table from SciPy. Among equally high peaks within distance the later one stays."""
    trace = np.asarray(trace, dtype=float)
    positions, _ = find_peaks(trace, height=(None, None) if height is None else height)
    if distance is not None:
        positions = keep_distance(trace, positions, np.ceil(distance))
    everything = (None, None)
    is_selected = np.zeros(len(trace), dtype=bool)
    is_selected[positions] = True
    positions, found = find_peaks(
        trace,
        height=everything,
        prominence=everything if prominence is None else prominence,
        width=everything if width is None else width,
    )
    is_kept = is_selected[positions]
    table = np.zeros(is_kept.sum(), PULSE_DTYPE)
    table["position"] = positions[is_kept]
    table["time"] = found["left_ips"][is_kept]
    table["height"] = found["peak_heights"][is_kept]
    table["prominence"] = found["prominences"][is_kept]
    table["width"] = found["widths"][is_kept]
    return table


def keep_distance(trace, positions, distance):
    kept = []
    for position in sorted(positions, key=lambda at: (trace[at], at), reverse=True):
        if all(abs(position - other) >= distance for other in kept):
            kept.append(position)
    return np.array(sorted(kept), dtype=int)


def assert_same_pulses(found, expected):
    for name in ("position", "time", "height", "prominence", "width"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


#: Traces with few distinct values have plateaus and equal heights, those with many have neither.
coarse = npst.arrays(np.float64, st.integers(0, 150), elements=st.integers(-4, 4).map(float))
fine = npst.arrays(
    np.float64, st.integers(0, 150), elements=st.floats(-1e6, 1e6, allow_subnormal=False)
)
limits = st.none() | st.floats(-3, 6) | st.tuples(st.floats(-3, 2), st.floats(2, 6))


@settings(deadline=None, max_examples=300)
@given(
    trace=coarse | fine,
    height=limits,
    prominence=limits,
    distance=st.none() | st.floats(1, 30),
    width=limits,
)
def test_all_conditions_together_select_the_pulses_of_scipy(
    trace, height, prominence, distance, width
):
    conditions = {
        "height": height,
        "prominence": prominence,
        "distance": distance,
        "width": width,
    }
    assert_same_pulses(find_pulses(trace, **conditions), scipy_pulses(trace, **conditions))


@settings(deadline=None, max_examples=100)
@given(
    trace=npst.arrays(
        np.float64,
        st.integers(0, 120),
        elements=st.sampled_from([0.0, 1.0, 2.0, np.nan, np.inf, -np.inf]),
    )
)
@pytest.mark.filterwarnings("ignore:some peaks have a:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_samples_that_are_not_finite_are_treated_as_in_scipy(trace):
    assert find_pulses(trace)["position"].tolist() == find_peaks(trace)[0].tolist()
    expected = find_peaks(trace, prominence=0.5)[0]
    assert find_pulses(trace, prominence=0.5)["position"].tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("prominence", [1.0, 20.0, 150.0, 1000.0])
def test_long_noisy_waveforms_give_the_pulses_of_scipy(seed, prominence):
    trace = detector_trace(np.random.default_rng(seed), 4250)
    conditions = {"prominence": prominence, "distance": 10, "width": 3}
    found = find_pulses(trace, **conditions)
    positions, expected = find_peaks(trace, **conditions)
    np.testing.assert_array_equal(found["position"], positions)
    np.testing.assert_array_equal(found["prominence"], expected["prominences"])
    np.testing.assert_array_equal(found["width"], expected["widths"])
    np.testing.assert_array_equal(found["time"], expected["left_ips"])


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_one_sample_that_is_not_finite_ends_the_surroundings_of_a_pulse_as_in_scipy(odd):
    trace = detector_trace(np.random.default_rng(9), 4250)
    trace[[700, 2900]] = odd
    found = find_pulses(trace, height=15)
    positions, expected = find_peaks(trace, height=15, prominence=(None, None))
    np.testing.assert_array_equal(found["position"], positions)
    np.testing.assert_array_equal(found["prominence"], expected["prominences"])


def detector_trace(rng, samples):
    trace = rng.normal(0, 3, samples)
    t = np.arange(150)
    for start in rng.integers(0, samples - 150, 8):
        trace[start : start + 150] += rng.uniform(20, 400) * (np.exp(-t / 12) - np.exp(-t / 3))
    return trace


def test_every_memory_layout_and_sample_type_gives_the_same_pulses():
    """P1 of pulse.hpp: results do not depend on the layout."""
    rng = np.random.default_rng(3)
    block = np.rint([detector_trace(rng, 1000) for _ in CHANNELS])
    conditions = {"prominence": 30, "distance": 10}
    expected = find_pulses(block, **conditions)
    assert set(expected["channel"].tolist()) == {0, 1, 2, 3}

    event = np.zeros(1000, [(name, np.float64) for name in CHANNELS])
    mixed = np.zeros(1000, [("chA", "f8"), ("chB", "f4"), ("chC", "i2"), ("chD", "i4")])
    packed = np.zeros(1000, [("chA", "i1"), ("flag", "f8")])
    contiguous = np.zeros(1, [(name, np.float64, (1000,)) for name in CHANNELS])
    apart = np.zeros(1, [("chA", ">f4", 1000), *[(name, "i2", 1000) for name in CHANNELS[1:]]])
    for row, name in zip(block, CHANNELS, strict=True):
        event[name] = row
        mixed[name] = row
        contiguous[name] = row
        apart[name] = row
    event.flags.writeable = False
    layouts = [
        event,
        mixed,
        contiguous,
        apart,
        contiguous[::-1],
        block.T.copy().T,
        block.astype(np.float32),
    ]
    layouts += [block.astype(dtype) for dtype in ("i2", "i4", "i8", ">f8", ">i2", "f2", "g")]
    for layout in layouts:
        np.testing.assert_array_equal(find_pulses(layout, **conditions), expected)
    for channel, name in enumerate(CHANNELS):
        for one_channel in (event[name], contiguous[name]):
            one = find_pulses(one_channel, **conditions)
            assert_same_pulses(one, expected[expected["channel"] == channel])
    packed["flag"] = block[0]
    assert_same_pulses(
        find_pulses(packed["flag"], **conditions), expected[expected["channel"] == 0]
    )
    reversed_in_place, reversed_copy = block[:, ::-1], block[:, ::-1].copy()
    np.testing.assert_array_equal(
        find_pulses(reversed_in_place, **conditions), find_pulses(reversed_copy, **conditions)
    )


def test_unsigned_samples_are_searched_as_they_are():
    trace = np.array([0, 200, 0, 0, 255, 0])
    for dtype in ("u1", "u2", "u4", "u8"):
        assert find_pulses(trace.astype(dtype), height=100)["position"].tolist() == [1, 4]


def test_a_negative_scale_finds_negative_pulses_and_reports_them_positive():
    rng = np.random.default_rng(4)
    trace = detector_trace(rng, 1000)
    expected = find_pulses(trace, prominence=30)
    np.testing.assert_array_equal(find_pulses(-trace, prominence=30, scale=-1), expected)


def test_scale_and_baseline_act_before_the_conditions():
    trace = np.zeros(100)
    trace[[20, 60]] = 10, 30
    found = find_pulses(np.stack([trace, trace]) - 480, height=25, scale=[3, 1], baseline=-480)
    assert found[["channel", "position", "height"]].tolist() == [
        (0, 20, 30.0),
        (0, 60, 90.0),
        (1, 60, 30.0),
    ]
    measured = find_pulses(trace - 480, height=25, baseline_samples=10)
    assert measured["height"].tolist() == [30.0]


def test_the_integral_is_the_sum_of_the_samples_in_its_window():
    rng = np.random.default_rng(5)
    trace = detector_trace(rng, 2000)
    found = find_pulses(trace, prominence=50, distance=100, integral_before=7, integral_after=30)
    assert len(found) > 3
    for pulse in found:
        window = trace[pulse["position"] - 7 : pulse["position"] + 31]
        assert pulse["integral"] == pytest.approx(window.sum())


def test_integrals_of_neighbours_share_no_sample():
    trace = np.array([0, 1, 5, 3, 2, 4, 9, 3, 1, 0], dtype=float)
    found = find_pulses(trace, integral_before=100, integral_after=100)
    assert found["integral"].tolist() == [0 + 1 + 5 + 3, 2 + 4 + 9 + 3 + 1 + 0]


def test_the_time_of_a_pulse_does_not_move_with_its_height():
    t = np.arange(60)
    pulse = np.exp(-t / 12) - np.exp(-t / 3)
    times = []
    for height in (50.0, 500.0):
        trace = np.zeros(200)
        trace[100:160] = height * pulse
        times.append(find_pulses(trace, height=10)["time"][0])
    assert times[0] == pytest.approx(times[1], abs=1e-9)


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_a_trace_too_short_for_a_peak_has_none(samples):
    assert len(find_pulses(np.ones(samples), height=0)) == 0


def test_the_result_belongs_to_the_caller():
    found = find_pulses(np.array([0.0, 5.0, 0.0]))
    found["height"] *= 2
    assert found["height"].tolist() == [10.0]


def test_threads_search_side_by_side_without_disturbing_each_other():
    rng = np.random.default_rng(6)
    blocks = [np.stack([detector_trace(rng, 4250) for _ in CHANNELS]) for _ in range(4)]
    expected = [find_pulses(block, prominence=20) for block in blocks]
    different: list[int] = []

    def search_again(which):
        found = [find_pulses(blocks[which], prominence=20) for _ in range(50)]
        if not all(np.array_equal(pulses, expected[which]) for pulses in found):
            different.append(which)

    threads = [threading.Thread(target=search_again, args=(k,)) for k in range(len(blocks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance": 0.5}, "at least 1"),
        ({"height": "high"}, "height is 'high'"),
        ({"width": (1, 2, 3)}, "pair"),
        ({"scale": [1, 2]}, "2 values for 1 channel"),
        ({"baseline_samples": -1}, "none may be negative"),
    ],
)
def test_conditions_without_meaning_are_refused_by_name(arguments, message):
    with pytest.raises(SetupError, match=message):
        find_pulses(np.zeros(10), **arguments)


def test_waveforms_that_are_none_are_refused():
    with pytest.raises(RecordTypeError, match="real numbers"):
        find_pulses(np.zeros(10, complex))
    with pytest.raises(SetupError, match=r"found \(2, 10\); search one by one"):
        find_pulses(np.zeros((2, 10), [("chA", float)]))
    for records, fields in [(2, [("f8", 5)]), (1, [("f8", 5), ("f8", 6)])]:
        with pytest.raises(SetupError, match=rf"found shape \({records},\) and arrays in ch0"):
            find_pulses(np.zeros(records, [(f"ch{i}", *f) for i, f in enumerate(fields)]))
    with pytest.raises(SetupError, match="event by event"):
        find_pulses(np.zeros((2, 3, 10)))
