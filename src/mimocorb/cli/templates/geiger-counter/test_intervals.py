"""Intervals and activity, with clicks whose times are known; no run is needed for that."""

import numpy as np
from intervals import FIRST_CLICK, Activity, Intervals


def click(time_s):
    return {"time_s": np.array([time_s])}


def batch(*intervals_s):
    return np.array([[(interval,)] for interval in intervals_s], dtype=[("interval_s", "f8")])


def test_the_first_click_ends_no_interval():
    assert Intervals()(click(3.0)) is FIRST_CLICK


def test_intervals_are_those_between_neighbours():
    intervals = Intervals()
    found = [intervals(click(time_s)) for time_s in (1.0, 1.5, 3.5)]
    assert found[1:] == [{"interval_s": 0.5}, {"interval_s": 2.0}]


def test_the_background_is_subtracted_from_the_rate():
    activity = Activity(background_hz=0.5)
    activity(batch(0.5, 0.5))
    activity(batch(0.5))
    assert activity.rate_hz == 1.5


def test_random_clicks_are_told_from_a_clock():
    clock, random = Activity(), Activity()
    clock(batch(*[0.01] * 1000))
    random(batch(*np.random.default_rng(seed=1).exponential(0.01, 1000)))
    assert clock.spread < 0.01
    assert 0.9 < random.spread < 1.1
