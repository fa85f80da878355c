"""Coincidences of detectors and of channels; NumPy counts the same, in a plainer way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mimocorb
from mimocorb.analysis.coincidences import coincident_pairs, find_coincidences, multiplicity
from mimocorb.analysis.pulses import find_pulses
from mimocorb.analysis.waveforms import baseline
from mimocorb.errors import RecordTypeError, SetupError

times = st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 60), max_size=30).map(sorted)


def plain_pairs(first, second, window, delay):
    return [
        [i, j]
        for i, a in enumerate(first)
        for j, b in enumerate(second)
        if abs(b - a - delay) <= window
    ]


def plain_multiplicity(times, channels, window, events):
    group, sizes = np.full(len(times), -1), {}
    number = 0
    for event in sorted(set(events)):
        left = sorted((times[i], i) for i in range(len(times)) if events[i] == event)
        while left:
            near = [i for time, i in left if time - left[0][0] <= window]
            group[near] = number
            sizes[number] = len({channels[i] for i in near})
            left = left[len(near) :]
            number += 1
    return group.tolist(), [sizes[each] for each in group]


@given(times, times, st.integers(0, 40), st.integers(-20, 20))
def test_pairs_are_those_of_two_loops(first, second, window, delay):
    found = coincident_pairs(first, second, window_ns=window, delay_ns=delay)
    assert found.tolist() == plain_pairs(first, second, window, delay)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.integers(0, 2)), max_size=20),
    st.integers(0, 20),
)
def test_groups_are_those_of_plain_loops(pulses, window):
    times, channels, events = ([pulse[part] for pulse in pulses] for part in range(3))
    group, count = multiplicity(times, channels, window, events=events)
    expected = plain_multiplicity([float(time) for time in times], channels, window, events)
    assert (group.tolist(), count.tolist()) == expected


def telescope(rate_hz, efficiencies, noise_hz, *, seconds, seed, day_ns=0):
    """Particles through two detectors that have noise as well; times of one clock."""
    random = np.random.default_rng(seed)
    particles = random.uniform(0, seconds * 1e9, random.poisson(rate_hz * seconds))
    return [
        day_ns
        + np.sort(
            np.concatenate(
                [
                    random.normal(particles[random.random(len(particles)) < efficiency], 3.0),
                    random.uniform(0, seconds * 1e9, random.poisson(noise_hz * seconds)),
                ]
            )
        ).astype(np.int64)
        for efficiency in efficiencies
    ]


@pytest.mark.parametrize("day_ns", [0, 1_795_359_044 * 10**9])
def test_true_and_accidental_coincidences_are_told_apart(day_ns):
    pulls = []
    for seed in range(20):
        upper, lower = telescope(50.0, (0.9, 0.6), 20_000.0, seconds=10.0, seed=seed, day_ns=day_ns)
        found = find_coincidences(upper, lower, window_ns=50, live_time_s=10.0)
        assert found.accidental == pytest.approx(2 * 50e-9 * 20_045 * 20_030 * 10, rel=0.15)
        rate_hz, error_hz = found.true_rate_hz
        pulls.append((rate_hz - 50.0 * 0.9 * 0.6) / error_hz)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(20)
    assert 0.5 < np.std(pulls) < 1.6
    assert " Hz" in str(found)


def test_efficiencies_have_their_uncertainty():
    pulls = []
    for seed in range(25):
        upper, lower = telescope(200.0, (0.9, 0.6), 0.0, seconds=5.0, seed=seed)
        value, error = find_coincidences(upper, lower, window_ns=50).efficiency("first")
        pulls.append((value - 0.9) / error)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(25)
    assert 0.5 < np.std(pulls) < 1.6


def test_a_delay_of_a_cable_is_part_of_the_window():
    upper, lower = telescope(100.0, (1.0, 1.0), 0.0, seconds=2.0, seed=1)
    late = find_coincidences(upper, lower + 400, window_ns=30, delay_ns=400)
    assert late.found >= len(upper) - 2
    assert late.difference_ns.mean() == pytest.approx(400, abs=2)
    assert find_coincidences(upper, lower + 400, window_ns=30).found < 5


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"first_ns": [0.5, 1.0]}, RecordTypeError, "whole nanoseconds.*240 ns"),
        ({"first_ns": [5, 3]}, SetupError, "first_ns go back at 1"),
        ({"window_ns": -1}, SetupError, "window_ns is 0 or more; found -1"),
        ({"delayed_windows": 0}, SetupError, "found 0"),
        ({"first_delay_ns": 15}, SetupError, "do not overlap; found 15 and 10"),
    ],
)
def test_what_cannot_be_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        find_coincidences(**({"first_ns": [1, 2], "second_ns": [1], "window_ns": 10} | change))


def test_no_events_have_no_coincidences():
    none = find_coincidences([], [], window_ns=10)
    assert (none.found, none.true) == (0, 0)
    assert none.true_error > 0
    with pytest.raises(SetupError, match="no efficiency"):
        none.efficiency("first")
    with pytest.raises(SetupError, match="needs live_time_s"):
        _ = none.true_rate_hz
    with pytest.raises(SetupError, match="2, 1 and 2"):
        multiplicity([1.0, 2.0], [1], 3.0)


def test_recorded_coincidences_of_two_detectors_are_found_in_each_event(recorded_sets):
    """Recorded with a filter that wanted pulses of both within 100 samples of 256 ns."""
    archive = recorded_sets / "redpitaya-coincidence" / "coincidence_2024-07-01_1604.tar"
    together = 0
    events = 0
    for event in mimocorb.open(archive):
        traces = np.stack([np.asarray(event.data[name], float) for name in ("ch1", "ch2")])
        pulses = find_pulses(
            traces, prominence=200, width=10, distance=400, baseline=baseline(traces).value
        )
        _, channels = multiplicity(pulses["position"], pulses["channel"], 100.0)
        events += 1
        together += bool((channels == 2).any())
    assert events == 561
    assert together >= 0.97 * events
