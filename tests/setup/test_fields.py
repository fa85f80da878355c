"""Fields that functions read and write are compared with the types of the buffers."""

import inspect
from pathlib import Path

import pytest

from mimocorb import buffer_control
from mimocorb.model.kinds import RESERVED_NAMES as ARGUMENTS
from mimocorb.setup.dialects import read_setup_or_problems
from mimocorb.setup.user_code.handed_over import ACCESS_CLASSES

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
from mimocorb import filter, observer, sink, source
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
    (place / "setup.yaml").write_text(setup)
    found = read_setup_or_problems(place / "setup.yaml")[1]
    return [str(each).removeprefix(f"{place}/") for each in found]


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
        {"LOOK": "return True if limit > 3 else event['chC']"},
        "12:15: warning: look reads the field 'chC'",
    ),
    "one behind a return": (
        {"LOOK": "if limit: return True\nevent['chC']"},
        "12:15: warning: look reads the field 'chC'",
    ),
    "one in a condition": (
        {"LOOK": "if event['chC'].max() > limit: return True"},
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
        "13:13: warning: a record of heights",
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
    (found,) = problems(tmp_path, **bodies)
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


# --- functions of the manual's form, with a function inside

MANUAL = """
import mimocorb.buffer_control as control
from mimocorb.buffer_control import (
    BufferToBuffer, MergeBuffers, SourceToBuffer, rbExport, rbObserver, rbTransfer
)
def take(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    def pulses(number_of_channels):
        TAKE
    SourceToBuffer(source_list, sink_list, observe_list, config_dict, pulses, **rb_info)()
def look(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    if source_list is None:
        raise ValueError(f"{len(source_list)} sources")
    samples = source_list[0]["values_per_slot"]
    def tall(event, *, limit=1.0):
        LOOK
    work = BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, filter=tall, **rb_info
    )
    work()
def keep(events, metadata):
    SAVE
def save(sources, sinks, observed, settings, **roles):
    control.rbExport(source_list=sources, sink_list=None, ufunc=keep, **roles)()
def watch(source_list=None, sink_list=None, observe_list=None, config_dict=None, **rb_info):
    def show(event, metadata):
        WATCH
    rbObserver(source_list, sink_list, observe_list, config_dict, ufunc=show, **rb_info)()
"""
MANUAL_SETUP = SETUP.replace("    config: {channel: chB}\n", "")
MANUAL_FIT = {"LOOK": "return [{'height': event['chA'].max(), 'time': samples}]"}


def manual_problems(place: Path, *pairs: tuple[str, str], **bodies: str) -> list[str]:
    module = MANUAL
    for old, new in pairs:
        assert module.count(old) == 1, old
        module = module.replace(old, new)
    for name, body in (FIT | MANUAL_FIT | bodies).items():
        module = module.replace(name, body.replace("\n", "\n        "))
    return problems(place, MANUAL_SETUP, module)


def test_functions_inside_that_fit_are_fine(tmp_path: Path) -> None:
    assert manual_problems(tmp_path) == []


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        (
            {"TAKE": "yield {'chA': 1.0, 'chB': 2.0}"},
            "8:49: error: a record of plain has no fields",
        ),
        (
            {"LOOK": "return event['chC'].max() > 3"},
            "12:15: error: tall reads the field 'chC' of raw in line 15 of own.py; found that raw "
            "has chA, chB; did you mean 'chB'?",
        ),
        ({"LOOK": "return [{'hight': 1.0, 'time': 2.0}]"}, "13:13: error: a record of heights has"),
        ({"SAVE": "print(events['hight'])"}, "14:50: error: keep reads the field 'hight'"),
        ({"WATCH": "event['chA']"}, "15:53: error: show reads the field 'chA' of plain"),
    ],
)
def test_what_does_not_fit_in_a_function_inside_is_found(
    tmp_path: Path, bodies: dict[str, str], words: str
) -> None:
    (found,) = manual_problems(tmp_path, **bodies)
    assert found.startswith(f"setup.yaml:{words}")


def test_a_merge_of_the_manuals_form_is_looked_at(tmp_path: Path) -> None:
    setup = MANUAL_SETUP.replace("sources: [raw]", "sources: [raw, plain]")
    module = MANUAL.replace("work = BufferToBuffer", "work = MergeBuffers")
    fit = "return [{'height': event['raw']['chA'][0], 'time': 1.0}]"
    module = module.replace("filter=tall", "function=tall")
    assert problems(tmp_path, setup, module, LOOK=fit) == []
    (found,) = problems(tmp_path, setup, module, LOOK=fit.replace("chA", "chC"))
    assert "error: tall reads the field 'chC' of raw" in found


UNCLEAR = {
    "a call in a branch": ("    work = Buffer", "    if samples: work = Buffer"),
    "a call behind a return": ("    samples =", "    if config_dict: return\n    samples ="),
    "two calls": ("    work()", "    rbTransfer(ufunc=print)()"),
    "other sources": ("        source_list, sink", "        source_list[:1], sink"),
    "changed sources": ("    samples =", "    source_list = other(config_dict)\n    samples ="),
    "sources changed in place": ("    samples =", "    source_list.reverse()\n    samples ="),
    "sources handed to something else": (
        "    samples =",
        "    shuffle(source_list)\n    samples =",
    ),
    "arguments made at run time": ("        source_list, sink", "        *lists, sink"),
    "a function made at run time": ("filter=tall", "filter=made(tall)"),
    "a decorated function": ("    def tall", "    @faster\n    def tall"),
    "a function with two meanings": (
        "    work = Buffer",
        "    tall = faster(tall)\n    work = Buffer",
    ),
    "a function in a branch": ("    def tall(event", "    if samples:\n     def tall(event"),
    "a decorated worker": ("def look(", "@faster\ndef look("),
    "a class of the user's own": (
        "import mimocorb.buf",
        "BufferToBuffer = print\nimport mimocorb.buf",
    ),
    "a class that is replaced": ("    samples =", "    BufferToBuffer = print\n    samples ="),
    "names from anywhere": ("import mimocorb.buf", "from numpy import *\nimport mimocorb.buf"),
}


@pytest.mark.parametrize("way", UNCLEAR)
def test_nothing_is_said_where_it_is_unclear_what_is_called(tmp_path: Path, way: str) -> None:
    slip = "return [{'hight': event['chC']}]"
    assert len(manual_problems(tmp_path, LOOK=slip)) == 2
    assert manual_problems(tmp_path, UNCLEAR[way], LOOK=slip) == []


def test_what_a_source_reads_by_name_is_no_event(tmp_path: Path) -> None:
    counting = "number_of_channels['n'] += 1\nyield [1.0, 2.0]"
    way = ("def pulses(number_of_channels):", "def pulses(number_of_channels={'n': 0}):")
    assert manual_problems(tmp_path, way, TAKE=counting) == []


def test_a_worker_without_the_buffers_that_its_class_needs_is_left_alone(tmp_path: Path) -> None:
    for buffers in ("sources: [raw, plain]", "observes: [raw]"):
        setup = MANUAL_SETUP.replace("sources: [raw]", buffers)
        assert problems(tmp_path, setup, MANUAL, LOOK="return event['chC']") == []


def test_the_table_of_access_classes_is_that_of_the_classes() -> None:
    for name, access in ACCESS_CLASSES.items():
        parameters = list(inspect.signature(getattr(buffer_control, name)).parameters)
        assert tuple(parameters[: len(ARGUMENTS)]) == ARGUMENTS
        assert parameters[len(ARGUMENTS)] == access.names[0]
        assert set(access.names) <= set(parameters)
