"""``analyzers.pha`` finds pulses of both polarities above their baseline, also with SciPy."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb.compat.mimocorb2.prebuilt.analyzers import conversion_of, search_of
from mimocorb.errors import SetupError

FIELDS = ("position", "peak_heights")
MORE = ("position", "peak_heights", "left_bases")  # for which SciPy is needed


def trace(sign):
    x = np.full(400, 120.0)
    x[200:210] += sign * 80.0
    return x


@pytest.mark.parametrize("fields", [FIELDS, MORE])
@pytest.mark.parametrize("level", [120.0, "median"])
@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_pulses_of_both_polarities_are_found_above_their_baseline(fields, level, polarity):
    config = {"height": 50.0, "prominence": 50.0, "polarity": polarity, "baseline": level}
    search = search_of(config, fields)
    sign = 1.0 if polarity == "positive" else -1.0
    found = search(trace(sign))
    assert (found["position"], found["peak_heights"]) == (204, 80.0)
    assert search(trace(-sign)) is None


def test_what_it_did_before_is_what_it_does_without_them():
    found = search_of({"height": 50.0}, FIELDS)(trace(1.0))
    assert (found["position"], found["peak_heights"]) == (204, 200.0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"scale": -1}, "has no scale; found -1: .*polarity: negative"),
        ({"polarity": "down"}, "polarity is 'down'; it is one of positive, negative"),
        ({"baseline": "mean"}, "baseline is 'mean'; it is a number or median"),
        ({"baseline": float("nan")}, "baseline is nan"),
    ],
)
def test_what_would_do_nothing_is_refused(config, message):
    with pytest.raises(SetupError, match=message):
        conversion_of(config)
