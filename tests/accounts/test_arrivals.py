"""The check of a live-time clock by the arrival times, on numbers with a known answer.

Each case is a distribution of live intervals, drawn with many seeds. What must not happen is that a
source of any other kind is taken for one with a dead time that nobody has seen.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from mimocorb.components.meter_page import INTERVAL_BINS, interval_edges_ns
from mimocorb.run.accounts.arrivals import ArrivalCheck, Finding, check_arrivals
from mimocorb.run.accounts.dead_time import _longer_than
from mimocorb.run.accounts.live_time import Arrivals, LiveTime, SourceAccount

MEAN_NS = 1e7
SEEDS = range(16)


def check(intervals_ns: np.ndarray, dead_ns: float = 0.0) -> ArrivalCheck:
    """Check a source with these live intervals and a known dead time after each event."""
    whole = np.floor(intervals_ns).astype(np.int64)
    bins = np.searchsorted(interval_edges_ns(), whole, side="right") - 1
    counts = np.bincount(np.clip(bins, 0, INTERVAL_BINS - 1), minlength=INTERVAL_BINS)
    live_ns = int(whole.sum())
    return check_arrivals(counts, live_ns, live_ns + int(dead_ns * len(whole)))


def poisson(rng, size):
    return rng.exponential(MEAN_NS, size)


def behind_dead_time(rng, size):
    return poisson(rng, size) + 0.25 * MEAN_NS


def behind_dead_time_that_varies(rng, size):
    return poisson(rng, size) + rng.uniform(0.15, 0.35, size) * MEAN_NS


def pulser(rng, size):
    return np.full(size, 2.0**23) + rng.exponential(1e3, size)


def jittering_pulser(rng, size):
    return np.abs(rng.normal(MEAN_NS, 0.3 * MEAN_NS, size))


def pulser_with_late_pulses(rng, size):
    return MEAN_NS + rng.exponential(0.1 * MEAN_NS, size)


def pulser_with_some_very_late_pulses(rng, size):
    return 2.0**23 * (1 + 0.02 * rng.random(size)) + (rng.random(size) < 0.2) * poisson(rng, size)


def uniform(rng, size):
    return rng.uniform(0, 2 * MEAN_NS, size)


def blocks_of_ten(rng, size):
    return np.where(np.arange(size) % 10 == 0, 1e8, rng.exponential(2e4, size))


def spills(rng, size):
    return np.where(np.arange(size) % 100 == 0, 1e9, poisson(rng, size))


def after_pulses(rng, size):
    return np.where(rng.random(size) < 0.2, rng.exponential(MEAN_NS / 50, size), poisson(rng, size))


def kept_by_the_device(rng, size):
    return np.where(rng.random(size) < 0.1, 1e3, poisson(rng, size))


def rate_that_doubles(rng, size):
    return poisson(rng, size) * np.linspace(0.5, 1.0, size)


def computing_time(rng, size):
    return MEAN_NS * rng.lognormal(0, 0.3, size)


NOT_POISSON = [
    pulser,
    jittering_pulser,
    pulser_with_late_pulses,
    pulser_with_some_very_late_pulses,
    uniform,
    blocks_of_ten,
    spills,
    after_pulses,
    kept_by_the_device,
    rate_that_doubles,
    computing_time,
]


def findings(draw, size):
    return [check(draw(np.random.default_rng(seed), size)).finding for seed in SEEDS]


@pytest.mark.parametrize("size", [300, 1000, 20_000])
def test_poisson_events_agree_with_the_clock_for_every_seed(size):
    assert set(findings(poisson, size)) == {Finding.AGREE}


@pytest.mark.parametrize("size", [300, 1000, 20_000])
@pytest.mark.parametrize("draw", NOT_POISSON)
def test_no_other_kind_of_source_is_taken_for_a_hidden_dead_time(draw, size):
    assert Finding.DISAGREE not in findings(draw, size)


@pytest.mark.parametrize("draw", [d for d in NOT_POISSON if d is not rate_that_doubles])
def test_what_is_not_poisson_is_recognised_with_many_events(draw):
    assert set(findings(draw, 20_000)) == {Finding.NOT_POISSON}


@pytest.mark.parametrize("size", [200, 300, 1000])
def test_a_few_late_pulses_do_not_confirm_the_clock_of_a_pulser(size):
    """They did, and it was said that 91 % and (160 ± 40) % agree."""
    assert set(findings(pulser_with_some_very_late_pulses, size)) == {Finding.NOT_POISSON}


def constant_dead_time(part):
    """Behind each recorded event, in mean intervals of the true events: λτ."""
    return lambda rng, size: poisson(rng, size) + part * MEAN_NS


def extending_dead_time(part):
    """Behind each true event, recorded or not: recorded are those with none in λτ before them."""

    def draw(rng, size):
        true_ns = np.cumsum(poisson(rng, int(1.3 * size * np.exp(part)) + 2000))
        recorded_ns = true_ns[1:][np.diff(true_ns) > part * MEAN_NS]
        return np.diff(recorded_ns)[:size]

    return draw


@pytest.mark.parametrize("part", [0.05, 0.1, 0.3, 1, 2, 5])
@pytest.mark.parametrize("kind", [constant_dead_time, extending_dead_time])
@pytest.mark.parametrize("size", [1000, 5000])
def test_a_dead_time_of_one_length_is_found_whatever_its_kind(kind, part, size):
    found = findings(kind(part), size)
    assert found.count(Finding.DISAGREE) >= 0.9 * len(SEEDS)
    assert Finding.AGREE not in found


@pytest.mark.parametrize("part", [0.1, 0.3, 1, 2, 3])
@pytest.mark.parametrize("kind", [constant_dead_time, extending_dead_time])
def test_few_events_are_said_to_be_too_few_for_a_dead_time(kind, part):
    found = [check(kind(part)(np.random.default_rng(seed), 500)) for seed in SEEDS]
    assert Finding.DISAGREE not in {each.finding for each in found}
    told = [each for each in found if "500, at least 1000 are needed" in each.sentence]
    assert len(told) >= 0.9 * len(SEEDS)


@pytest.mark.parametrize("part", [0.3, 1, 2, 5])
def test_the_live_time_behind_a_constant_dead_time_is_the_true_one(part):
    true = 1 / (1 + part)
    pulls = []
    for seed in SEEDS:
        found = check(constant_dead_time(part)(np.random.default_rng(seed), 5000))
        if found.by_arrivals is not None:
            pulls.append((found.by_arrivals - true) / found.uncertainty)
    assert len(pulls) >= 0.9 * len(SEEDS)
    assert abs(np.mean(pulls)) < 1
    assert np.std(pulls) < 1.5


@pytest.mark.parametrize(("part", "rates"), [(1, (100, 100)), (2, (20.3, 100)), (5, (0.698, 100))])
def test_an_extending_dead_time_leaves_two_true_rates(part, rates):
    """λ exp(-λτ) is the same for both: 100 Hz are the true events of these tests."""
    found = check(extending_dead_time(part)(np.random.default_rng(5), 5000)).sentence
    told = found.split("the true rate is ")[1].split(" Hz")[0]
    assert [float(rate) for rate in told.split(" or ")] == pytest.approx(rates, rel=0.15)
    assert "no two events come closer than" in found


def test_a_clean_source_is_not_accused():
    """None of 2000: with 95 % confidence, chance gives an alarm in less than 0.2 % of runs."""
    wrong = [
        (size, seed)
        for size in (500, 1000, 3000, 10_000)
        for seed in range(500)
        if check(poisson(np.random.default_rng([size, seed]), size)).finding is Finding.DISAGREE
    ]
    assert wrong == []


def test_what_agreement_does_not_tell_is_said():
    rng = np.random.default_rng(2)
    few = check(poisson(rng, 300)).sentence
    assert few.endswith("they agree, as far as can be known from 300 events")
    waking_up = check(poisson(rng, 20_000) + 0.01 * MEAN_NS).sentence
    assert re.search(r"they agree; no two events come closer than 0\.1\d* ms, and", waking_up)


@pytest.mark.parametrize("draw", [behind_dead_time, behind_dead_time_that_varies])
def test_a_hidden_dead_time_is_found(draw):
    found = findings(draw, 5000)
    assert found.count(Finding.DISAGREE) >= 0.9 * len(SEEDS)
    assert Finding.AGREE not in found


def test_the_live_time_by_arrivals_is_the_true_one():
    # 1/λ = 10 ms, 2.5 ms dead unseen and 1 ms seen after each event: live 10/13.5 of the time
    pulls = []
    for seed in SEEDS:
        found = check(behind_dead_time(np.random.default_rng(seed), 5000), 0.1 * MEAN_NS)
        assert found.by_clock == pytest.approx(12.5 / 13.5, rel=0.01)
        if found.finding is Finding.DISAGREE:
            pulls.append((found.by_arrivals - 10 / 13.5) / found.uncertainty)
    assert abs(np.mean(pulls)) < 0.5
    assert 0.5 < np.std(pulls) < 1.5


def test_the_rate_is_not_biased_by_the_width_of_the_bins():
    edges = interval_edges_ns()
    expected = -np.diff(np.exp(-edges / MEAN_NS)) * 1e12
    found = check_arrivals(expected.astype(np.int64), int(1e12 * MEAN_NS), int(1e12 * MEAN_NS))
    assert found.by_arrivals == pytest.approx(1, rel=1e-5)


def test_the_sentences_say_what_was_found_and_by_how_much():
    rng = np.random.default_rng(1)
    found = check(behind_dead_time(rng, 5000)).sentence
    assert found.startswith("clock and arrival times disagree: live time 100.0 % by the clock, (")
    assert "± 1." in found
    assert "reading_out" in found
    assert check(poisson(rng, 5000)).sentence.endswith("they agree")
    assert "do not look Poisson-distributed" in check(pulser(rng, 500)).sentence


def source_of(*draws: np.ndarray, recorded_s: tuple[float, float] | None = None) -> SourceAccount:
    """A source with one process for each sample of intervals."""
    processes = [
        LiveTime(10**9, 0, 0, 1, 2 * 10**9, len(draw), check(draw), recorded_s=recorded_s)
        for draw in draws
    ]
    events = sum(map(len, draws))
    return SourceAccount("scope", "scope", tuple(processes), marks_reading=True, events=events)


@pytest.mark.parametrize("size", [10, 20, 50, 100, 199, 200, 500, 5000])
def test_only_events_that_come_at_random_have_a_rate_with_an_uncertainty(size):
    """Some random ones are taken for others; from 50 events on, no others for random."""
    rngs = [np.random.default_rng(seed) for seed in range(100)]
    random = [source_of(poisson(rng, size)) for rng in rngs]
    assert sum(source.arrivals is Arrivals.RANDOM for source in random) >= 90
    for source in random:
        assert (source.rate is None) is (source.arrivals is not Arrivals.RANDOM)
    rate = next(source.rate for source in random if source.rate)
    assert (rate.value_hz, rate.sigma_hz) == (pytest.approx(size), pytest.approx(size**0.5))
    for draw in (pulser, jittering_pulser, computing_time):
        others = [source_of(draw(rng, max(size, 50))) for rng in rngs]
        assert {source.arrivals for source in others} == {Arrivals.NOT_RANDOM}, draw
        assert {source.rate for source in others} == {None}


def test_one_process_that_is_not_random_makes_the_source_so():
    rng = np.random.default_rng(3)
    both = source_of(poisson(rng, 1000), pulser(rng, 1000))
    assert both.arrivals is Arrivals.NOT_RANDOM
    assert source_of(poisson(rng, 1000), poisson(rng, 3)).arrivals is Arrivals.RANDOM


def test_with_less_than_ten_events_it_is_not_known_how_they_come():
    few = source_of(poisson(np.random.default_rng(1), 9))
    assert (few.arrivals, few.rate) == (Arrivals.UNKNOWN, None)


def test_recorded_events_have_the_rate_of_their_own_times():
    rng = np.random.default_rng(1)
    replay = source_of(pulser(rng, 101), recorded_s=(1000.0, 1050.0))
    assert (replay.arrivals, replay.rate) == (Arrivals.RECORDED, None)
    assert replay.recorded_rate_hz(101) == pytest.approx(100 / 50)
    assert replay.recorded_rate_hz(202) == pytest.approx(200 / 50)  # behind it, twice as many
    assert source_of(pulser(rng, 1), recorded_s=(7.0, 7.0)).recorded_rate_hz(1) is None


def test_a_device_with_a_clock_of_its_own_is_no_replay():
    device = source_of(poisson(np.random.default_rng(1), 1000), recorded_s=(3.0, 4.0))
    assert device.arrivals is Arrivals.RANDOM


@pytest.mark.parametrize(
    ("stopped_ns", "said"),
    [(40_000_000, "0.04 s"), (1_260_000_000, "1.3 s"), (1_234 * 10**9, "1234")],
)
def test_a_short_stop_is_not_called_none(stopped_ns, said):
    live = LiveTime(9, 0, 0, None, 10, None, None, stopped_ns)
    (doubt,) = SourceAccount("scope", "scope", (live,), marks_reading=False, events=None).doubts()
    assert f"was stopped for at least {said}" in doubt


def test_too_few_events_give_no_answer():
    found = check(poisson(np.random.default_rng(1), 100))
    assert found.finding is Finding.TOO_FEW
    assert "too few events to check the live time by their arrival times: 100, at" in found.sentence


@pytest.mark.parametrize("live_ns", [0, 10**9])
def test_a_source_without_events_has_no_arrival_times(live_ns):
    found = check_arrivals(np.zeros(INTERVAL_BINS, np.int64), live_ns, 10**9)
    assert found.finding is Finding.TOO_FEW
    assert found.by_clock == live_ns / 1e9


def test_all_events_at_once_are_no_poisson_process():
    counts = np.zeros(INTERVAL_BINS, np.int64)
    counts[0] = 10_000
    assert check_arrivals(counts, 1, 10**9).finding is Finding.NOT_POISSON


@pytest.mark.parametrize("part", [0.004, 0.01, 0.02])
def test_a_dead_time_that_is_only_a_remark_costs_no_long_calculation(part):
    """Every look at a run took a second for it, and the run answered nobody meanwhile."""
    solved = _longer_than.cache_info()
    found = check(constant_dead_time(part)(np.random.default_rng(3), 20_000))
    assert "no two events come closer than" in found.sentence
    assert _longer_than.cache_info() == solved
