"""A filter without a return with a value rejects everything: the check says so, and only then."""

import pytest

from mimocorb.checks.preflight import preflight

SETUP = """
Buffers:
  raw: {slot_count: 4, data_length: 1, data_dtype: {x: float64}}
  kept: {slot_count: 4, data_length: 1, data_dtype: {x: float64}}
Workers:
  source: {file: own.py, function: take, sinks: [raw]}
  choose: {file: own.py, function: choose, sources: [raw], sinks: [kept]}
  save: {function: text, sources: [kept], config: {filename: a}}
"""
BEGIN = """
import mimocorb as mc

@mc.source
def take():
    yield [1.0]

"""
FORGOTTEN = {
    "nothing at all": "@mc.filter\ndef choose(event):\n    {'x': event['x'][0]}",
    "only bare returns": "@mc.filter\ndef choose(event):\n    if event:\n        return",
    "of a class": "@mc.filter\nclass choose:\n    def __call__(self, event):\n        event['x']",
}
MEANT = {
    "a value": "@mc.filter\ndef choose(event):\n    if event:\n        return True",
    "a call": "@mc.filter\ndef choose(event):\n    return print(event)",
    "only begun": "@mc.filter\ndef choose(event):\n    pass",
    "never comes back": "@mc.filter\ndef choose(event):\n    raise ValueError",
}


def warnings(place, text):
    (place / "own.py").write_text(BEGIN + text + "\n")
    (place / "setup.yaml").write_text(SETUP)
    found = [str(problem) for problem in preflight(place / "setup.yaml").problems]
    return [problem for problem in found if "found no return with a value" in problem]


@pytest.mark.parametrize("text", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_forgotten_return_is_warned_of(tmp_path, text):
    (problem,) = warnings(tmp_path, text)
    assert "warning: choose in own.py returns what is kept of an event" in problem


@pytest.mark.parametrize("text", MEANT.values(), ids=MEANT)
def test_a_return_with_a_value_is_enough(tmp_path, text):
    assert not warnings(tmp_path, text)
