"""BufferToBuffer in batches: what is done stays done, what is not comes again."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mimocorb.buffer_control import BufferToBuffer
from mimocorb.components.roles.batches import BatchPace, batch_limit
from mimocorb.errors import EndOfStream, SetupError, UserFunctionError
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

NUMBER = [("n", "i8"), ("x", "f4")]


@pytest.fixture
def filled(bench):
    """Return a buffer with 200 events and its reader group: batches grow to 50."""
    return bench.filled([np.array([(n, n / 3)], NUMBER) for n in range(200)], dtype=NUMBER)


def numbers(bench, group):
    return [(int(event["n"][0]), metadata) for event, metadata in bench.drained(group)]


def sink_of(bench, slots=256, name="RB_2", dtype=NUMBER):
    buffer = bench.buffer(slots=slots, dtype=dtype, name=name)
    return buffer, buffer.new_writer(), buffer.new_reader_group()


@pytest.mark.parametrize("slots", [256, 7])
def test_every_event_is_filtered_once_with_its_metadata(bench, filled, in_background, slots):
    _, source = filled
    buffer, writer, group = sink_of(bench, slots)
    transfer = BufferToBuffer([source], [writer], filter=lambda e: 1 if e["n"][0] % 3 else None)
    running = in_background(transfer)
    found = numbers(bench, group)
    running.finish()
    assert found == [(n, (n, 1.5, 0.25)) for n in range(200) if n % 3]
    assert (transfer.event_count, transfer.accepted_count) == (200, len(found))
    buffer.stats().check()


def test_a_function_may_use_its_result_again_for_the_next_event(bench, filled):
    _, source = filled
    _, writer, group = sink_of(bench)
    result = np.zeros(1, NUMBER)

    def reuse(event):
        result["n"] = event["n"] + 1000
        return [result]

    BufferToBuffer([source], [writer], filter=reuse)()
    assert [n for n, _ in numbers(bench, group)] == list(range(1000, 1200))


def test_several_records_of_an_event_stay_together_and_sinks_keep_their_order(bench, filled):
    _, source = filled
    _, first, all_events = sink_of(bench)
    _, second, parts = sink_of(bench, slots=512, name="RB_3", dtype=[("part", "i4")])

    def split(event):
        return [True, [{"part": event["n"][0]}] * int(event["n"][0] % 4)]

    BufferToBuffer([source], [first, second], filter=split)()
    assert [n for n, _ in numbers(bench, all_events)] == list(range(200))
    expected = [(n, n) for n in range(200) for _ in range(n % 4)]
    assert [(int(e["part"][0]), m[0]) for e, m in bench.drained(parts)] == expected


def test_a_reader_of_two_small_sinks_in_step_is_never_kept_waiting(bench, filled, in_background):
    _, source = filled
    sinks = [sink_of(bench, slots=2, name=f"RB_{n}") for n in (2, 3)]
    running = in_background(
        BufferToBuffer([source], [writer for _, writer, _ in sinks], filter=lambda e: [True, e])
    )
    with Reader(sinks[0][2]) as first, Reader(sinks[1][2]) as second:
        for n in range(200):
            pair = first.get(timeout_s=60)["n"][0], second.get(timeout_s=60)["n"][0]
            assert pair == (n, n)
    running.finish()


@pytest.mark.parametrize("failing", [0, 3, 60, 199])
def test_what_came_before_a_failure_is_done_and_the_rest_comes_again(bench, filled, failing):
    buffer, source = filled
    _, writer, group = sink_of(bench)

    def fail(event):
        return 1 / 0 if event["n"][0] == failing else 1

    transfer = BufferToBuffer([source], [writer], filter=fail)
    with pytest.raises(UserFunctionError, match=f"fail failed on event {failing}: .*division"):
        transfer()
    assert [n for n, _ in numbers(bench, group)] == list(range(failing))
    assert buffer.stats().groups[0].acknowledged == transfer.event_count == failing
    with Reader(source) as reader:
        assert reader.get(timeout_s=60)["n"][0] == failing
        assert reader.delivery == 2
    buffer.stats().check()


def test_one_bad_event_is_set_aside_and_all_others_are_processed(bench, filled):
    buffer, source = filled
    _, writer, group = sink_of(bench)
    buffer_sink = writer

    def fail(event):
        return 1 / 0 if event["n"][0] == 120 else 1

    bench.buffers[-1].promise_writer(buffer_sink, 3)
    for _ in range(3):
        with pytest.raises(UserFunctionError):
            BufferToBuffer([source], [buffer_sink], filter=fail)()
    BufferToBuffer([source], [buffer_sink], filter=fail)()
    assert sorted(n for n, _ in numbers(bench, group)) == [n for n in range(200) if n != 120]
    assert [int(event.data["n"][0]) for event in buffer.quarantined()] == [120]


def test_an_error_of_mimocorb_in_a_function_keeps_its_own_words(bench, filled):
    buffer, source = filled
    _, writer, group = sink_of(bench)

    def fail(event):
        if event["n"][0] == 70:
            raise SetupError("the digitizer has no channel E")
        return 1

    with pytest.raises(SetupError, match=r"^the digitizer has no channel E$"):
        BufferToBuffer([source], [writer], filter=fail)()
    assert len(numbers(bench, group)) == 70
    assert buffer.stats().groups[0].acknowledged == 70


def test_events_whose_records_found_room_before_a_sink_ended_are_done(bench, filled, in_background):
    buffer, source = filled
    sink, writer, group = sink_of(bench, slots=90)
    running = in_background(BufferToBuffer([source], [writer], filter=lambda _: 1))
    while sink.buffer_status() > 0:
        assert running.alive
        time.sleep(0.001)
    sink.end_writers()
    running.finish()
    assert [n for n, _ in numbers(bench, group)] == list(range(90))
    assert buffer.stats().groups[0].acknowledged == 90


def test_a_slow_function_gets_events_one_by_one(bench, filled):
    buffer, source = filled
    _, writer, _ = sink_of(bench)
    held = []

    def slow(event):
        if event["n"][0] >= 60:
            time.sleep(0.001)
            held.append(buffer.stats().groups[0].held)

    BufferToBuffer([source], [writer], filter=slow)()
    assert held[-1] == 1


def test_a_batch_is_published_when_it_is_done_and_not_when_the_stream_ends(bench, in_background):
    buffer = bench.buffer(slots=256, dtype=NUMBER)
    source = buffer.new_reader_group()
    _, sink, group = sink_of(bench)
    with Writer(buffer.new_writer()) as writer:
        running = in_background(BufferToBuffer([source], [sink], filter=lambda _: 1))
        for _ in range(3):
            events = writer.get_new_buffers(80)
            count = len(events)
            writer.process_buffer()
            with Reader(group) as reader:
                for _ in range(count):
                    reader.get(timeout_s=60)
    running.finish()


@pytest.mark.parametrize(
    ("slots", "values", "processes", "limit"),
    [
        (1024, 1, 1, 64),
        (100, 1, 1, 50),
        (100, 1, 4, 12),
        (3, 1, 1, 1),
        (3, 1, 8, 1),
        (1024, 512, 1, 8),
        (64, 10**6, 1, 1),
    ],
)
def test_a_batch_is_half_of_the_slots_shared_by_all_processes_and_64_kib_at_most(
    bench, slots, values, processes, limit
):
    with NewBuffer(min(slots, 1024), values, [("a", "f8"), ("b", "f8")]) as buffer:
        assert batch_limit(buffer.new_reader_group(), 64, processes) == limit


def test_the_pace_grows_with_quick_functions_and_falls_back_with_slow_ones(monkeypatch):
    now_s = 0.0
    monkeypatch.setattr("mimocorb.components.roles.batches.time.perf_counter", lambda: now_s)
    pace = BatchPace(64)
    sizes = []
    for event_s in (1e-6, 1e-6, 1e-6, 40e-6, 1e-4, 1e-6, 1.0, 1e-6):
        pace.begin()
        now_s += pace.size * event_s
        pace.end(pace.size)
        sizes.append(pace.size)
    assert sizes == [16, 32, 64, 25, 1, 16, 1, 16]


def test_events_of_which_few_would_make_a_batch_go_one_by_one_untimed(monkeypatch):
    def read_the_clock():
        raise AssertionError("nothing is decided by it")

    monkeypatch.setattr("mimocorb.components.roles.batches.time.perf_counter", read_the_clock)
    pace = BatchPace(15)
    pace.begin()
    pace.end(1)
    assert pace.size == 1


def test_an_end_raised_by_the_function_is_its_failure_and_what_is_done_is_done(bench, filled):
    buffer, source = filled
    _, writer, group = sink_of(bench)

    def end(event):
        if event["n"][0] == 70:
            raise EndOfStream("enough")
        return 1

    with pytest.raises(UserFunctionError, match="EndOfStream"):
        BufferToBuffer([source], [writer], filter=end)()
    assert len(numbers(bench, group)) == 70
    assert buffer.stats().groups[0].acknowledged == 70
