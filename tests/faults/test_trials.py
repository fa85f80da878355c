"""Some of the trials that one command repeats: those of which nothing else in the suite speaks, and
that do not take long."""

from __future__ import annotations

import pytest
from repeat_trials import all_trials, repeat

HERE = (
    "a filter that closes the standard output",
    "NumPy 1 with a newer PyArrow",
    "a run is found by its directory and by its name",
    "counters that roll over flag the merged data as doubtful",
    "a function of the user that finds its disk full",
    "events of a spill file that may be repeats keep their marks",
    "reject reasons, messages and results with escapes",
    "the time of a lost device is a dead time",
    "two sinks that fail while the spill file cannot be made",
    "set-up dictionaries have their type as a list of pairs",
)


@pytest.mark.parametrize("begin", HERE)
def test_it_goes_right(begin):
    (chosen,) = (each for each in all_trials() if each.sentence.startswith(begin))
    assert repeat(chosen) == ""


def test_each_trial_has_a_sentence_of_its_own():
    names = [each.name for each in all_trials()]
    assert len({*names}) == len(names) > 70
