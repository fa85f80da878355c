"""What killed processes leave: nothing before there is room for all of it, marks on the rest."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import tarfile
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from mimocorb.buffer_control import BufferToBuffer, BufferToParquetfile, BufferToTxtfile
from mimocorb.components.roles.filter import Filter
from mimocorb.errors import UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer

WATCHDOG_S = 60.0
NUMBER = [("n", "i8")]
fork = multiprocessing.get_context("fork")


def numbered(bench, events):
    return bench.filled([np.array([(n,)], NUMBER) for n in range(events)], dtype=NUMBER)


def sink_of(bench, name, slots=64):
    buffer = bench.buffer(slots=slots, dtype=NUMBER, name=name)
    group = buffer.new_reader_group()
    writer = buffer.new_writer()
    buffer.promise_writer(writer, 1)
    return buffer, writer, group


def kill_when(process, condition):
    """Kill a process as soon as the condition holds, and let the buffers know."""
    deadline = time.monotonic() + WATCHDOG_S
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.join(WATCHDOG_S)
    assert process.exitcode == -signal.SIGKILL


def run_filter(source, writers, function):
    BufferToBuffer([source], writers, filter=function)()


def save_as_parquet(group, config):
    BufferToParquetfile(source_list=[group], config_dict=config)()


def marked(group):
    """Return numbers and marks of all events due to a group."""
    with Reader(group) as reader:
        return [(int(event["n"][0]), reader.may_repeat) for event in reader]


@pytest.mark.parametrize("full", ["RB_2", "RB_3"])
def test_a_filter_killed_while_a_sink_is_full_has_published_nothing_of_the_event(bench, full):
    buffer, source = numbered(bench, 3)
    sinks = {name: sink_of(bench, name, 1 if name == full else 64) for name in ("RB_2", "RB_3")}
    writers = [writer for _, writer, _ in sinks.values()]
    process = fork.Process(target=run_filter, args=(source, writers, lambda _: [True, True]))
    process.start()
    ring = sinks[full][0]
    kill_when(
        process,
        lambda: ring.stats().published == 1 and sum(w.waited_ns for w in ring.waited()) > 10**7,
    )
    for each in bench.buffers:
        each.reap()
    assert [b.stats().published for b, _, _ in sinks.values()] == [1, 1]
    assert buffer.stats().groups[0].acknowledged == 1
    readers = [fork.Process(target=drain, args=(sinks[full][2],))]
    readers[0].start()
    run_filter(source, writers, lambda _: [True, True])
    readers[0].join(WATCHDOG_S)
    (other,) = [group for name, (_, _, group) in sinks.items() if name != full]
    assert [n for n, _ in marked(other)] == [0, 1, 2]


def drain(group):
    with Reader(group) as reader:
        for _ in reader:
            pass


def test_a_single_full_sink_leaves_no_repeats_either(bench):
    buffer, source = numbered(bench, 200)
    ring, writer, group = sink_of(bench, "RB_2", slots=20)
    process = fork.Process(target=run_filter, args=(source, [writer], lambda _: 1))
    process.start()
    kill_when(process, lambda: ring.stats().published == 20 and ring.stats().in_hand == 0)
    for each in bench.buffers:
        each.reap()
    assert buffer.stats().groups[0].acknowledged == 20
    again = fork.Process(target=run_filter, args=(source, [writer], lambda _: 1))
    again.start()
    assert [n for n, _ in marked(group)] == list(range(200))
    again.join(WATCHDOG_S)


def die_before_the_second_publication(source, writers):
    transfer = Filter(source, writers, lambda _: [True, True], "both")
    transfer.writers[1].publish_ahead = lambda _: os.kill(os.getpid(), signal.SIGKILL)
    transfer.run()


def killed_in_between(bench, events=3):
    """Let a filter die when the first sink has its event and the second has not; run another."""
    _, source = numbered(bench, events)
    _, first, to_first = sink_of(bench, "RB_2")
    _, second, to_second = sink_of(bench, "RB_3")
    process = fork.Process(target=die_before_the_second_publication, args=(source, [first, second]))
    process.start()
    process.join(WATCHDOG_S)
    for each in bench.buffers:
        each.reap()
    BufferToBuffer([source], [first, second], filter=lambda _: [True, True])()
    return to_first, to_second


def test_what_comes_of_an_event_that_was_delivered_before_is_marked(bench):
    to_first, to_second = killed_in_between(bench)
    assert marked(to_first) == [(0, False), (0, True), (1, False), (2, False)]
    assert marked(to_second) == [(0, True), (1, False), (2, False)]


def test_marks_go_through_further_filters_and_into_files(bench, tmp_path):
    to_first, _ = killed_in_between(bench)
    _, writer, group = sink_of(bench, "RB_4")
    bench.buffers[-1].promise_writer(writer, -1)
    archive = bench.buffers[-1].new_reader_group()
    BufferToBuffer([to_first], [writer], filter=lambda event: {"n": event["n"][0] + 10})()
    config = {"filename": "out", "directory_prefix": str(tmp_path)}
    BufferToTxtfile(source_list=[group], config_dict=config)()
    BufferToParquetfile(source_list=[archive], config_dict=config)()
    rows = (tmp_path / "out.txt").read_text().splitlines()[1:]
    assert [row.split("\t")[3] for row in rows] == ["10", "10 # may be a repeat", "11", "12"]
    read = np.loadtxt(tmp_path / "out.txt", skiprows=1)
    assert read[:, 3].tolist() == [10, 10, 11, 12]
    with tarfile.open(tmp_path / "out.tar") as tar:
        members = [io.BytesIO(tar.extractfile(member).read()) for member in tar]
    notes = [pq.read_schema(member).metadata for member in members]
    assert [note.get(b"may_repeat") for note in notes] == [None, b"true", None, None]


def test_an_event_with_more_records_than_a_sink_has_slots_goes_in_pieces(bench, in_background):
    _, source = numbered(bench, 4)
    _, small, group = sink_of(bench, "RB_2", slots=2)
    _, large, to_all = sink_of(bench, "RB_3")
    for buffer in bench.buffers[-2:]:
        buffer.promise_writer(small if buffer.name == "RB_2" else large, -1)

    def five(event):
        return [[{"n": event["n"][0]}] * 5, True]

    running = in_background(BufferToBuffer([source], [small, large], filter=five))
    assert [n for n, _ in marked(group)] == [n for n in range(4) for _ in range(5)]
    running.finish()
    assert [n for n, _ in marked(to_all)] == [0, 1, 2, 3]


def test_processes_that_want_slots_in_several_sinks_do_not_wait_for_each_other(
    bench, in_background
):
    _, source = numbered(bench, 400)
    sinks = [sink_of(bench, name, slots=2) for name in ("RB_2", "RB_3")]
    writers = [writer for _, writer, _ in sinks]

    def uneven(event):
        n = int(event["n"][0])
        return [[{"n": n}] * (n % 3), [{"n": n}] * (n % 4)]

    ways = [writers, writers[::-1]]
    running = [
        in_background(
            BufferToBuffer([source], way, filter=uneven if way is writers else turned(uneven))
        )
        for way in ways
    ]
    found = [[], []]
    reading = [
        in_background(lambda i=i: found[i].extend(n for n, _ in marked(sinks[i][2])))
        for i in (0, 1)
    ]
    for each in (*running, *reading):
        each.finish()
    assert sorted(found[0]) == [n for n in range(400) for _ in range(n % 3)]
    assert sorted(found[1]) == [n for n in range(400) for _ in range(n % 4)]


def turned(function):
    return lambda event: function(event)[::-1]


def test_a_failure_of_the_function_marks_what_comes_again(bench):
    _, source = numbered(bench, 3)
    _, writer, group = sink_of(bench, "RB_2")
    calls = []

    def fails_once(event):
        calls.append(event)
        return 1 / 0 if len(calls) == 2 else True

    with pytest.raises(UserFunctionError):
        BufferToBuffer([source], [writer], filter=fails_once)()
    BufferToBuffer([source], [writer], filter=fails_once)()
    assert marked(group) == [(0, False), (1, True), (2, False)]


def test_an_archive_without_events_can_be_opened(bench, tmp_path):
    buffer = bench.buffer(dtype=NUMBER)
    group = buffer.new_reader_group()
    config = {"filename": "out", "directory_prefix": str(tmp_path)}
    process = fork.Process(target=save_as_parquet, args=(group, config))
    process.start()
    kill_when(
        process, lambda: (tmp_path / "out.tar").exists() and (tmp_path / "out.tar").stat().st_size
    )
    with tarfile.open(tmp_path / "out.tar") as tar:
        assert tar.getnames() == []
    with Writer(buffer.new_writer()):
        pass
