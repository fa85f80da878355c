"""Fields that functions read and write are compared with the types of the buffers."""

from pathlib import Path

import pytest

from mimocorb.checks.preflight import preflight

SETUP = """
Buffers:
  raw: {slot_count: 4, data_length: 9, data_dtype: {chA: float64, chB: float64}}
  plain: {slot_count: 4, data_length: 1, data_dtype: float64}
  heights: {slot_count: 4, data_length: 1, data_dtype: {height: float64, time: float64}}
Workers:
  source: {file: own.py, function: take, sinks: [raw]}
  other: {file: own.py, function: take, sinks: [plain]}
  look:
    file: own.py
    function: look
    sources: [raw]
    sinks: [heights]
    config: {channel: chB}
  save: {file: own.py, function: save, sources: [heights]}
  watch: {file: own.py, function: watch, observes: [plain]}
"""
MODULE = """
from contextlib import suppress; from beside import *; from mimocorb import *
@source
def take():
    TAKE
@filter
def look(event, *, channel: str = "chA", limit: float = 1.0):
    LOOK
@sink
class save:
    def __call__(self, events):
        SAVE
@observer
def watch(event):
    WATCH
"""
FIT = {
    "TAKE": "yield [1.0, 2.0]",
    "LOOK": "return {'height': event['chA'].max(), 'time': event[channel][0]}",
    "SAVE": "print(events['height'], events[['height', 'time']])",
    "WATCH": "print(event[0])",
}


def problems(place: Path, setup: str = SETUP, module: str = MODULE, **bodies: str) -> list[str]:
    for name, body in (FIT | bodies).items():
        module = module.replace(name, body.replace("\n", "\n    "))
    (place / "own.py").write_text(module)
    (place / "beside.py").write_text("convert = split = make = list\nname = other = {}\n")
    (place / "setup.yaml").write_text(setup)
    found = preflight(place / "setup.yaml").problems
    told = [str(each).removeprefix(f"{place}/") for each in found]
    # Most bodies here only look at fields, and are no filters that one would write.
    return [each for each in told if "found no return with a value" not in each]


def test_functions_that_fit_are_fine(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


SLIPS = {
    "a field that is not there": (
        {"LOOK": "return event['chC'].max()"},
        "12:15: error: look reads the field 'chC' of raw in line 8 of own.py; found that raw has "
        "chA, chB; did you mean 'chB'?",
    ),
    "one that is read several times": (
        {"LOOK": "if limit: event['chC']\nevent['chC']\nreturn event['chC']"},
        "12:15: error: look reads the field 'chC' of raw in line 9",
    ),
    "one behind a condition": (
        {"LOOK": "return other if limit > 3 else event['chC']"},
        "12:15: warning: look reads the field 'chC'",
    ),
    "one behind a return": (
        {"LOOK": "if limit: return other\nevent['chC']"},
        "12:15: warning: look reads the field 'chC'",
    ),
    "one in a condition": (
        {"LOOK": "if event['chC'].max() > limit: return other"},
        "12:15: error: look reads the field 'chC'",
    ),
    "one that may be missing": (
        {"LOOK": "with suppress(ValueError):\n    event['chC']"},
        "12:15: warning: look reads the field 'chC'",
    ),
    "one named by a list": (
        {"LOOK": "event[['chA', 'chC']]"},
        "12:15: error: look reads the field 'chC'",
    ),
    "one in the batches of a sink": (
        {"SAVE": "events['hight']"},
        "15:50: error: save reads the field 'hight' of heights in line 12 of own.py; found that "
        "heights has height, time; did you mean 'height'?",
    ),
    "one of values without fields": (
        {"WATCH": "event['chA']"},
        "16:53: error: watch reads the field 'chA' of plain in line 15 of own.py; found that plain "
        "has no fields, but values of float64; give its type fields, or write",
    ),
    "a record with a misspelt field": (
        {"LOOK": "return {'hight': 1.0, 'time': 2.0}"},
        "13:13: error: a record of heights has height, time; found hight, time, which look writes "
        "in line 8 of own.py; did you mean 'height'?",
    ),
    "a record with too few fields": (
        {"LOOK": "return {'height': 1.0}"},
        "13:13: error: a record of heights has height, time; found height, which look writes in "
        "line 8 of own.py; correct the function, or the type of the buffer",
    ),
    "one record of several": (
        {"LOOK": "if limit: return {'height': 1.0}\nreturn {'height': 1.0, 'time': 2.0}"},
        "13:13: warning: a record of heights",
    ),
    "one beside something that the text does not tell": (
        {"LOOK": "if limit: return {'height': 1.0}\nreturn make(event)"},
        "13:13: warning: a record of heights",
    ),
    "one beside events that are copied": (
        {"LOOK": "if limit: return {'height': 1.0}\nreturn True"},
        "13:13: error: a record of heights",
    ),
    "one beside rejections": (
        {"LOOK": "if limit: return Reject('low')\nif event: return {}\nreturn {'height': 1.0}"},
        "13:13: error: a record of heights",
    ),
    "a record by the name of its sink": (
        {"LOOK": "return {'heights': {'height': 1.0}}"},
        "13:13: error: a record of heights",
    ),
    "several records by the name of their sink": (
        {"LOOK": "return {'heights': [{'height': 1.0}]}"},
        "13:13: error: a record of heights",
    ),
    "a record in a list": (
        {"LOOK": "return [{'height': 1.0}] if limit else None"},
        "13:13: error: a record of heights",
    ),
    "a record of plain values": (
        {"TAKE": "yield {'chA': 1.0, 'chB': 2.0}"},
        "8:49: error: a record of plain has no fields, but values of float64; found chA, chB, "
        "which take writes in line 5 of own.py; give its type fields, or write",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_what_does_not_fit_is_found(tmp_path: Path, slip: str) -> None:
    bodies, words = SLIPS[slip]
    told = problems(tmp_path, **bodies)
    copies = [each for each in told if "found copies of events" in each]
    assert len(copies) == ("return True" in bodies.get("LOOK", ""))
    (found,) = (each for each in told if each not in copies)
    assert found.startswith(f"setup.yaml:{words}")


def test_a_field_that_the_configuration_names_is_looked_up(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, SETUP.replace("channel: chB", "channel: chD"))
    assert "error: look reads the field 'chD' of raw" in found
    (found,) = problems(
        tmp_path, SETUP.replace("channel: chB", ""), MODULE.replace('= "chA"', '= "chD"')
    )
    assert "error: look reads the field 'chD' of raw" in found


@pytest.mark.parametrize(
    "body",
    [
        "if 'chC' in event.dtype.names: event['chC']",
        "event = convert(event)\nevent['chC']",
        "for event in split(event): event['chC']",
        "[event['chC'] for event in split(event)]",
        "def inner(event): return event['chC']\ninner({'chC': 1})",
        "other['chC'], event[0], event[:3], event[name], event['chA']['low']",
        "def inner(): return {'hight': 1.0}\nreturn {**inner(), 'time': 1.0}",
        "return {name: 1.0}",
        "return {}",
        "limit = 'chC'\nevent[limit]",
        "channel = f'ch{channel}'\nreturn event[channel]",
        "for channel in 'AB': event['ch' + channel]\nevent[channel]",
        "return max('AB', key=lambda channel: event[channel])",
    ],
)
def test_nothing_is_said_of_what_the_text_does_not_tell(tmp_path: Path, body: str) -> None:
    setup = SETUP.replace("channel: chB", "channel: B")
    assert problems(tmp_path, setup, LOOK=body) == []


SEVERAL_SINKS = (
    SETUP.replace("sinks: [heights]", "sinks: [heights, more]").replace(
        "Workers:", "  more: {slot_count: 4, data_length: 1, data_dtype: float64}\nWorkers:"
    )
    + "  glance: {file: own.py, function: watch, observes: [more]}\n"
)


def test_sinks_are_written_by_their_names(tmp_path: Path) -> None:
    fit = "return {'heights': {'height': 1.0, 'time': event['chA'][0]}, 'more': [1.0]}"
    assert problems(tmp_path, SEVERAL_SINKS, LOOK=fit) == []
    (found,) = problems(tmp_path, SEVERAL_SINKS, LOOK=fit.replace("'heights'", "'hights'"))
    assert found == (
        "setup.yaml:10:3: error: a dictionary of results names sinks: heights, more; found "
        "'hights', which look writes in line 8 of own.py; did you mean 'heights'?"
    )
    (found,) = problems(tmp_path, SEVERAL_SINKS, LOOK=f"if limit: return {{'moer': 1}}\n{fit}")
    assert ":10:3: warning: a dictionary of results names sinks" in found
    (found,) = problems(tmp_path, SEVERAL_SINKS, LOOK="return {'height': 1.0, 'time': 2.0}")
    assert "found 'height', which" in found


def test_the_name_of_a_single_sink_may_be_misspelt_as_well(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, LOOK="return {'hieghts': {'height': 1.0, 'time': 2.0}}")
    assert found.endswith("did you mean 'heights'?")


def test_plain_values_may_be_called_value(tmp_path: Path) -> None:
    setup = SETUP.replace("{chA: float64, chB: float64}", "float64")
    assert problems(tmp_path, setup, TAKE="yield {'value': [1.0]}", LOOK="return None") == []


def test_a_merge_is_called_with_events_by_the_names_of_their_buffers(tmp_path: Path) -> None:
    setup = SETUP.replace("sources: [raw]", "sources: [raw, plain]")
    fit = "event['raw']['chA'], event['plain'][0]"
    assert problems(tmp_path, setup, LOOK=fit) == []
    (found,) = problems(tmp_path, setup, LOOK=fit + ", event['rwa']['chA']")
    assert "look looks for the event of 'rwa' in line 8 of own.py; found that look reads raw, " in (
        found
    )
    (found,) = problems(tmp_path, setup, LOOK=fit + ", event['raw']['chC']")
    assert "look reads the field 'chC' of raw" in found
