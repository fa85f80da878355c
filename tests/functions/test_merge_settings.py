"""What says how events of several buffers are merged is checked, where it counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

FILTER = """\
from mimocorb import filter

@filter
def f(events):
    pass
"""
Check = Callable[[str, str], list[str]]


def others(found: list[str]) -> list[str]:
    """Leave out that both buffers come from one worker, which is no matter of these tests."""
    return [problem for problem in found if "w cannot wait for ever" not in problem]


def test_a_filter_of_several_buffers_merges_them_in_one_process(problems: Check) -> None:
    roles = "sources: [raw, marks], sinks: [pulses]"
    config = "config: {merge: {by: counter}}"
    assert (
        others(problems(FILTER, f"  w: {{file: own.py, function: f, {roles}, {config}}}\n")) == []
    )
    several = f"  w: {{file: own.py, function: f, {roles}, {config}, number_of_processes: 2}}\n"
    (message,) = others(problems(FILTER, several))
    assert "w merges raw and marks, which one process can do only; found 2 processes" in message


@pytest.mark.parametrize(
    ("merge", "message"),
    [
        ("{by: counter, timeout_s: 2}", None),
        ("{by: time, window_s: 0.5, incomplete: pass}", None),
        ("{timeout_s: null, window_s: }", None),
        ("", None),
        (
            "{by: tme, window_s: 3}",
            "by of merge of w is 'counter' or 'time'; found the text 'tme'; did you mean 'time'?",
        ),
        (
            "{incmplete: pass}",
            "merge of w has the keys by, window_s, incomplete, timeout_s, window_ns, modulo; found "
            "'incmplete'; did you mean 'incomplete'?",
        ),
        (
            "{timeout_s: soon}",
            "timeout_s of merge of w must be a number of at least 0, in seconds; found the text "
            "'soon'; write a number",
        ),
        (
            "{by: time}",
            "merge of w: merging by time needs a window_s; found none; add one in seconds, such as "
            "0.001",
        ),
        (
            "{window_s: 1}",
            "merge of w: a window_s is for merging by time; found by counter; remove it, or set by "
            "to time",
        ),
        (
            "time",
            "merge of w must be a mapping of keys to values; found the text 'time'; write for "
            "example: merge: {by: time, window_s: 0.001}",
        ),
    ],
)
@pytest.mark.parametrize("module", ["decorated", "manual"])
def test_what_says_how_events_are_merged_is_checked(
    problems: Check, module: str, merge: str, message: str | None
) -> None:
    texts = {
        "decorated": "from mimocorb import filter\n\n@filter\ndef f(events):\n    pass\n",
        "manual": (
            "from mimocorb.buffer_control import MergeBuffers\n\n"
            "def both(events):\n    pass\n\n"
            "def f(source_list, sink_list, observe_list, config_dict, **rb_info):\n"
            "    MergeBuffers(source_list, sink_list, None, config_dict, both, **rb_info)()\n"
        ),
    }
    roles = "    sources: [raw, marks]\n    sinks: [pulses]\n"
    worker = f"  w:\n    file: own.py\n    function: f\n{roles}    config:\n      merge: {merge}\n"
    place = "8:15" if merge.startswith("{") else "8:7"  # of the key below, if there is one
    expected = [f"setup.yaml:{place}: error: {message}"] if message else []
    assert others(problems(texts[module], worker)) == expected


def test_a_problem_of_merging_is_shown_at_its_key(problems: Check) -> None:
    text = "from mimocorb import filter\n\n@filter\ndef f(events):\n    pass\n"
    merge = "      merge:\n        incomplete: pass\n        by: time\n"
    roles = "    sources: [raw, marks]\n    sinks: [pulses]\n"
    worker = f"  w:\n    file: own.py\n    function: f\n{roles}    config:\n{merge}"
    (message,) = others(problems(text, worker))
    assert message.startswith("setup.yaml:10:9: error: merge of w: merging by time needs")
