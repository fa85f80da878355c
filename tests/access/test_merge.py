from __future__ import annotations

import multiprocessing
import resource
import signal
import threading
import time

import numpy as np
import pytest

from mimocorb import filter
from mimocorb.buffer_control import MergeBuffers, MergeSettings
from mimocorb.compat.forms import bind_function
from mimocorb.components.worker import Worker, become
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec

WATCHDOG_S = 60.0
NAMES = ("top", "middle", "bottom")


def filled(bench, name, counters, times=None):
    """A buffer whose stream has ended after events of these counters, each with its value."""
    times = times or [1.5e9] * len(counters)
    events = [
        (np.array([float(counter)]), (counter, at, 0.0))
        for counter, at in zip(counters, times, strict=True)
    ]
    return bench.filled(events, name=name)[1]


class Merged:
    """A merging function that keeps what it was given."""

    def __init__(self) -> None:
        self.sets = []

    def __call__(self, events):
        self.sets.append(tuple(None if e is None else e[0] for e in events.values()))


def merge(bench, counters, **settings):
    """Merge streams of these counters; return what the function saw, and the object."""
    groups = [filled(bench, name, each) for name, each in zip(NAMES, counters, strict=False)]
    seen = Merged()
    merging = MergeBuffers(groups, function=seen, settings=MergeSettings(**settings))
    merging()
    return seen.sets, merging


def test_events_with_the_same_counter_come_in_one_call(bench):
    sets, merging = merge(bench, [[0, 1, 2], [0, 1, 2], [0, 1, 2]])
    assert sets == [(0, 0, 0), (1, 1, 1), (2, 2, 2)]
    assert (merging.complete_count, merging.incomplete_count, merging.late_count) == (3, 0, 0)


def test_events_without_a_partner_are_dropped_and_counted_for_their_buffer(bench):
    sets, merging = merge(bench, [[0, 1, 4, 6], [1, 2, 3, 6, 7]])
    assert sets == [(1, 1), (6, 6)]
    assert (merging.complete_count, merging.incomplete_count) == (2, 5)
    assert merging.counts["top"] == {"complete": 2, "incomplete": 2, "late": 0, "out of order": 0}
    assert merging.counts["middle"]["incomplete"] == 3


def test_incomplete_sets_are_passed_on_with_none_for_what_is_missing(bench):
    sets, merging = merge(bench, [[0, 1], [1, 2], [0, 2]], incomplete="pass")
    assert sets == [(0, None, 0), (1, 1, None), (None, 2, 2)]
    assert (merging.complete_count, merging.incomplete_count) == (0, 3)


def test_an_incomplete_set_fails_the_worker_and_its_events_are_given_back(bench):
    groups = [filled(bench, "top", [0, 1]), filled(bench, "bottom", [1])]
    settings = MergeSettings(incomplete="fail")
    with pytest.raises(UserFunctionError, match="event 0 of top has no partner in bottom"):
        MergeBuffers(groups, function=Merged(), settings=settings)()
    for group in groups:
        with Reader(group) as reader:
            reader.get(timeout_s=30)
            assert reader.delivery == 2


def test_what_was_delivered_before_is_not_a_reason_to_fail(bench):
    """It may be the rest of a set that was finished by a killed process."""
    groups = [filled(bench, "top", [0, 1]), filled(bench, "bottom", [1])]
    with Reader(groups[0]) as reader:
        reader.get()
        reader.reject()
    merging = MergeBuffers(groups, function=Merged(), settings=MergeSettings(incomplete="fail"))
    merging()
    assert (merging.complete_count, merging.incomplete_count) == (1, 1)


def test_events_within_the_time_window_belong_together(bench):
    groups = [
        filled(bench, "top", [0, 1, 2], [10.0, 11.0, 12.0]),
        filled(bench, "bottom", [5, 6, 7], [10.2, 11.4, 11.9]),
    ]
    seen = Merged()
    merging = MergeBuffers(groups, None, None, {"merge": {"by": "time", "window_s": 0.3}}, seen)
    merging()
    assert seen.sets == [(0, 5), (2, 7)]
    assert (merging.complete_count, merging.incomplete_count) == (2, 2)


def test_results_go_to_the_sinks_with_the_metadata_of_the_first_event(bench):
    groups = [
        filled(bench, "top", [3, 4], [10.0, 20.0]),
        filled(bench, "bottom", [3, 4], [11.0, 21.0]),
    ]
    sums, tops = bench.buffer(name="sums"), bench.buffer(name="tops")
    due = [sums.new_reader_group(), tops.new_reader_group()]

    def both(events):
        total = events["top"] + events["bottom"]
        return [total, events["top"] if total[0] > 7 else None]

    MergeBuffers(groups, [sums.new_writer(), tops.new_writer()], function=both)()
    assert [(e[0], m[:2]) for e, m in bench.drained(due[0])] == [(6, (3, 10.0)), (8, (4, 20.0))]
    assert [(e[0], m[0]) for e, m in bench.drained(due[1])] == [(4, 4)]


def test_a_copy_cannot_be_asked_for(bench):
    groups = [filled(bench, name, [0]) for name in ("top", "bottom")]
    sink = bench.buffer(name="sums")
    with pytest.raises(UserFunctionError, match="there are several events"):
        MergeBuffers(groups, [sink.new_writer()], function=bool)()


def test_an_event_of_a_failed_set_is_delivered_again(bench):
    groups = [filled(bench, name, [0, 1]) for name in ("top", "bottom")]

    def fails(events):
        raise ValueError("no cable")

    with pytest.raises(UserFunctionError, match=r"fails failed on event 0.*no cable"):
        MergeBuffers(groups, function=fails)()
    sets = Merged()
    MergeBuffers(groups, function=sets)()
    assert sets.sets == [(0, 0), (1, 1)]


def test_a_silent_buffer_does_not_hold_up_the_others_for_longer_than_asked(bench):
    top, bottom = bench.buffer(name="top"), bench.buffer(name="bottom")
    groups = [top.new_reader_group(), bottom.new_reader_group()]
    writers = [Writer(top.new_writer()), Writer(bottom.new_writer())]
    seen = Merged()
    settings = MergeSettings(incomplete="pass", timeout_s=1.0)
    merging = MergeBuffers(groups, function=seen, settings=settings)
    thread = threading.Thread(target=merging, daemon=True)
    thread.start()
    writers[0].write([0.0], 0, 1.0, 0.0)
    eventually(lambda: seen.sets == [(0, None)])
    writers[0].write([1.0], 1, 1.0, 0.0)
    eventually(lambda: seen.sets == [(0, None), (1, None)])
    for late_or_not in (0, 1, 2):
        writers[1].write([late_or_not], late_or_not, 1.0, 0.0)
    writers[0].write([2.0], 2, 1.0, 0.0)
    eventually(lambda: len(seen.sets) == 5)
    for writer in writers:
        writer.close()
    thread.join(WATCHDOG_S)
    assert seen.sets[2:] == [(None, 0), (None, 1), (2, 2)]
    assert (merging.complete_count, merging.incomplete_count, merging.late_count) == (1, 4, 2)
    assert merging.counts["bottom"] == {
        "complete": 1,
        "incomplete": 2,
        "late": 2,
        "out of order": 0,
    }


@pytest.fixture
def pause():
    """A switch that makes this process think that its run is paused."""
    switch = threading.Event()
    become(Worker(is_paused=switch.is_set))
    yield switch
    become(Worker())


def test_a_buffer_is_waited_for_as_long_as_the_run_is_paused(bench, pause):
    top, bottom = bench.buffer(name="top"), bench.buffer(name="bottom")
    groups = [top.new_reader_group(), bottom.new_reader_group()]
    writers = [Writer(top.new_writer()), Writer(bottom.new_writer())]
    seen = Merged()
    settings = MergeSettings(incomplete="pass", timeout_s=0.1)
    merging = MergeBuffers(groups, function=seen, settings=settings)
    pause.set()
    thread = threading.Thread(target=merging, daemon=True)
    thread.start()
    writers[0].write([0.0], 0, 1.0, 0.0)
    time.sleep(0.5)
    writers[1].write([0.0], 0, 1.0, 0.0)
    eventually(lambda: seen.sets == [(0, 0)])
    writers[0].write([1.0], 1, 1.0, 0.0)
    pause.clear()
    eventually(lambda: seen.sets == [(0, 0), (1, None)])
    for writer in writers:
        writer.close()
    thread.join(WATCHDOG_S)


def test_disorder_is_counted_and_said_once(bench, caplog):
    _, merging = merge(bench, [[1, 0, 3, 2], [0, 1, 2, 3]])
    assert merging.counts["top"]["out of order"] == 2
    assert sum("ordered: true" in record.message for record in caplog.records) == 1
    assert (
        merging.complete_count * 2 + sum(counts["incomplete"] for counts in merging.counts.values())
        == 8
    )


def test_waiting_needs_no_processor_time(bench):
    buffers = [bench.buffer(name=name) for name in NAMES]
    groups = [buffer.new_reader_group() for buffer in buffers]
    writers = [Writer(buffer.new_writer()) for buffer in buffers]
    merging = MergeBuffers(groups, function=Merged(), settings=MergeSettings(timeout_s=0.05))
    used: list[float] = []

    def merge_and_measure():
        merging()
        usage = resource.getrusage(resource.RUSAGE_THREAD)
        used.append(usage.ru_utime + usage.ru_stime)

    thread = threading.Thread(target=merge_and_measure, daemon=True)
    thread.start()
    writers[0].write([0.0], 0, 1.0, 0.0)  # so that two of them become silent
    time.sleep(1.0)
    for writer in writers:
        writer.close()
    thread.join(WATCHDOG_S)
    assert merging.incomplete_count == 1
    # waking up some 20 times a second takes about 5 ms; a busy loop would take all of the second
    assert used[0] < 0.2


def test_several_processes_cannot_merge(bench):
    groups = [filled(bench, name, [0]) for name in ("top", "bottom")]
    spec = WorkerSpec("coincidence", FunctionReference("own", "f"), number_of_processes=2)
    become(Worker(spec))
    try:
        with pytest.raises(SetupError, match="coincidence merges top and bottom in 2 processes"):
            MergeBuffers(groups, function=Merged())
    finally:
        become(Worker())


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"by": "time"}, "needs a window_s"),
        ({"window_s": 0.1}, "is for merging by time; found by counter"),
        ({"by": "place"}, "choose one of counter, time"),
        ({"incomplete": "ignore"}, "choose one of drop, pass, fail"),
        ({"timeout_s": -1}, "timeout_s is -1"),
        ({"timeout": 1}, "expected the keys by, window_s, incomplete, timeout_s"),
    ],
)
def test_impossible_settings_are_refused(bench, config, words):
    groups = [filled(bench, name, [0]) for name in ("top", "bottom")]
    with pytest.raises(SetupError, match=words):
        MergeBuffers(groups, None, None, {"merge": config}, Merged())


def test_one_source_is_not_enough(bench):
    with pytest.raises(SetupError, match="needs two or more sources"):
        MergeBuffers([filled(bench, "top", [0])], function=Merged())


EVENTS = 200


def merge_until_killed(groups, to_sums, under_way):
    calls = []

    def both(events):
        calls.append(events)
        if len(calls) == 40:
            under_way.set()
        time.sleep(0.0005)
        return [events["top"] + events["bottom"]]

    MergeBuffers(groups, [to_sums], function=both)()


@pytest.mark.parametrize(("method", "kills"), [("fork", 3), ("spawn", 1)])
def test_killed_again_and_again_it_loses_no_set(bench, method, kills):
    context = multiprocessing.get_context(method)
    groups = [filled(bench, name, list(range(EVENTS))) for name in ("top", "bottom")]
    sums = bench.buffer(slots=4 * EVENTS, name="sums")
    due, to_sums = sums.new_reader_group(), sums.new_writer()
    sums.promise_writer(to_sums, kills)
    for kill in [True] * kills + [False]:
        under_way = context.Event()
        process = context.Process(target=merge_until_killed, args=(groups, to_sums, under_way))
        process.start()
        if kill:
            assert under_way.wait(WATCHDOG_S)
            process.kill()
        process.join(WATCHDOG_S)
        assert process.exitcode == (-signal.SIGKILL if kill else 0)
        for buffer in bench.buffers:
            buffer.reap()
    came = {metadata[0]: event[0] for event, metadata in bench.drained(due)}
    assert came == {n: 2.0 * n for n in range(EVENTS)}


def eventually(condition):
    deadline = time.monotonic() + WATCHDOG_S
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.005)


def test_metadata_come_for_every_event_of_a_set_if_asked_for(bench):
    groups = [filled(bench, "top", [3], [10.0]), filled(bench, "bottom", [3, 4], [11.0, 12.0])]
    seen = []
    settings = MergeSettings(incomplete="pass")
    MergeBuffers(
        groups,
        function=lambda _events, metadata: seen.append(metadata),
        settings=settings,
        with_metadata=True,
    )()
    assert seen[0] == {"top": (3, 10.0, 0.0), "bottom": (3, 11.0, 0.0)}
    assert seen[1] == {"top": None, "bottom": (4, 12.0, 0.0)}


def coincidence(events, metadata, *, scale: float):
    """A filter of the plain form that reads two buffers."""
    assert metadata["top"].counter == metadata["bottom"].counter
    return [scale * (events["top"] + events["bottom"])]


def test_a_decorated_filter_with_several_sources_merges_them(bench):
    groups = [filled(bench, name, [0, 1, 2]) for name in ("top", "bottom")]
    sums = bench.buffer(name="sums")
    due = sums.new_reader_group()
    spec = WorkerSpec(
        "merge",
        FunctionReference("own", "coincidence"),
        reads=("top", "bottom"),
        writes=("sums",),
        config={"scale": 10.0, "merge": {"by": "counter"}},
    )
    bind_function(filter(coincidence), Worker(spec, groups, [sums.new_writer()]))()
    assert [event[0] for event, _ in bench.drained(due)] == [0, 20, 40]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": {"scale": 1.0, "merge": {"by": "time"}}}, "needs a window_s"),
        ({"number_of_processes": 2}, "found 2 processes, which would share the events of each"),
    ],
)
def test_what_cannot_be_merged_is_known_before_data_come(change, words):
    spec = WorkerSpec(
        "merge",
        FunctionReference("own", "coincidence"),
        reads=("top", "bottom"),
        writes=("sums",),
        **{"config": {"scale": 1.0}, **change},
    )
    with pytest.raises(SetupError, match=words):
        bind_function(filter(coincidence), Worker(spec))
