"""The access classes in processes of their own, as the manual's example connects them."""

from __future__ import annotations

import multiprocessing
import tarfile

import numpy as np
import pytest

from mimocorb.buffer_control import (
    BufferToBuffer,
    BufferToParquetfile,
    BufferToTxtfile,
    SourceToBuffer,
    rbDrain,
)

WATCHDOG_S = 120.0
EVENTS = 60
WAVES = [("chA", "f8"), ("chB", "f8")]
PULSE = [("n", "i4"), ("height", "f8")]


def simulation_source(source_list, sink_list, observe_list, config_dict, **rb_info):
    def pulses(number_of_channels):
        n = capture.event_count
        return np.full((number_of_channels, 50), n) if n < EVENTS else None

    capture = SourceToBuffer(
        source_list, sink_list, observe_list, config_dict, data_source=pulses, **rb_info
    )
    capture()


def calculate_decay_time(source_list, sink_list, observe_list, config_dict, **rb_info):
    def every_third(data):
        n = int(data["chB"][0])
        return [{"n": n, "height": n / 7}] if n % 3 == 0 else None

    BufferToBuffer(
        source_list, sink_list, observe_list, config_dict, filter=every_third, **rb_info
    )()


def save_to_txt(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def save_parquet(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToParquetfile(source_list, sink_list, observe_list, config_dict, **rb_info)()


def discard(source_list, sink_list, observe_list, config_dict, **rb_info):
    rbDrain(source_list, sink_list, observe_list, config_dict, **rb_info)()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_chain_of_the_manual_saves_every_accepted_event(bench, tmp_path, method):
    context = multiprocessing.get_context(method)
    raw = bench.buffer(8, 50, WAVES, "RB_1")
    waves = bench.buffer(8, 50, WAVES, "RB_2")
    pulses = bench.buffer(8, 1, PULSE, "RB_3")
    config = {"filename": "out", "directory_prefix": str(tmp_path)}
    to_waves, to_pulses = waves.new_writer(), pulses.new_writer()
    for buffer, writer in ((waves, to_waves), (pulses, to_pulses)):
        buffer.promise_writer(writer)
    filtering = ([raw.new_reader_group()], [to_waves, to_pulses], None, {})
    jobs = [
        (discard, ([raw.new_reader_group()], None, None, {}), {"RB_1": "read"}),
        (save_to_txt, ([pulses.new_reader_group()], None, None, config), {"RB_3": "read"}),
        (save_parquet, ([waves.new_reader_group()], None, None, config), {"RB_2": "read"}),
        *[
            (calculate_decay_time, filtering, {"RB_1": "read", "RB_2": "write", "RB_3": "write"})
            for _ in range(2)
        ],
        (simulation_source, (None, [raw.new_writer()], None, {}), {"RB_1": "write"}),
    ]
    processes = [context.Process(target=f, args=a, kwargs=k) for f, a, k in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join(WATCHDOG_S)
    assert [process.exitcode for process in processes] == [0] * len(jobs)
    expected = list(range(0, EVENTS, 3))
    rows = [line.split("\t") for line in (tmp_path / "out.txt").read_text().splitlines()[1:]]
    assert sorted(int(row[0]) for row in rows) == expected
    assert all(float(row[4]) == int(row[3]) / 7 for row in rows)
    with tarfile.open(tmp_path / "out.tar") as archive:
        assert sorted(archive.getnames()) == sorted(f"out_{n}.parquet" for n in expected)
    for buffer in (raw, waves, pulses):
        buffer.stats().check()
        assert all(group.due == 0 for group in buffer.stats().groups)


def failing_source(sink_list):
    def pulses(number_of_channels):
        raise ConnectionError("cable pulled")

    SourceToBuffer(sink_list=sink_list, data_source=pulses)()


def test_a_failing_source_ends_its_process_with_a_code_and_the_stream_as_well(bench, capfd):
    buffer = bench.buffer()
    group = buffer.new_reader_group()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=failing_source, args=([buffer.new_writer()],))
    process.start()
    process.join(WATCHDOG_S)
    assert process.exitcode == 1
    assert bench.drained(group) == []
    shown = capfd.readouterr().err
    assert "ConnectionError: cable pulled" in shown
    assert "pulses failed on event 0" in shown
