"""Results of parallel filters in the order of the input, whatever happens to the processes."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time

import numpy as np
import pytest

from mimocorb.buffer_control import BufferToBuffer
from mimocorb.components.worker import Worker, become
from mimocorb.errors import UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec

WATCHDOG_S = 60.0
PROCESSES = 4


def filter_in_order(source, sink, function, ordered):
    function_place = FunctionReference("own", "f")
    spec = WorkerSpec("filter", function_place, number_of_processes=PROCESSES, ordered=ordered)
    become(Worker(spec))
    BufferToBuffer([source], [sink], filter=function)()


def dawdle(event):
    """Take between nothing and 4 ms, so that later events overtake earlier ones."""
    random.seed(int(event[0]))
    time.sleep(random.random() * 0.004)
    return [event]


def reject_most(event):
    dawdle(event)
    return [event] if event[0] % 5 == 0 else None


def quick(event):
    return [event] if event[0] % 3 else [None]


def fail_on_100(event):
    if event[0] == 100:
        raise ValueError("always")
    return dawdle(event)


class Workers:
    """Processes that filter RB_1 into RB_2, and what comes out."""

    def __init__(self, bench, events, function, *, ordered=True, method="fork"):
        self.context = multiprocessing.get_context(method)
        self.source, self.group = bench.filled([np.array([float(n)]) for n in range(events)])
        self.sink = bench.buffer(slots=2 * events, name="RB_2")
        self.due = self.sink.new_reader_group()
        self.to_sink = self.sink.new_writer()
        self.keep_open = self.sink.new_writer()
        self.arguments = (self.group, self.to_sink, function, ordered)
        self.processes = []

    def start(self, count=PROCESSES):
        self.sink.promise_writer(self.to_sink, count)
        for _ in range(count):
            process = self.context.Process(target=filter_in_order, args=self.arguments)
            process.start()
            self.processes.append(process)

    def wait_for_results(self, count):
        """Return as soon as so many results have been published."""
        deadline = time.monotonic() + WATCHDOG_S
        while self.sink.stats().published < count:
            assert time.monotonic() < deadline, "there never were so many results"
            time.sleep(0.001)

    def kill_one(self, after):
        """Kill a process as soon as so many results have been published."""
        self.wait_for_results(after)
        victim = self.processes.pop(0)
        victim.kill()
        victim.join(WATCHDOG_S)
        assert victim.exitcode == -signal.SIGKILL
        self.source.reap()
        self.sink.reap()

    def finish(self, bench):
        for process in self.processes:
            process.join(WATCHDOG_S)
            assert process.exitcode == 0
        Writer(self.keep_open).close()
        self.sink.release_writer(self.to_sink)
        return [int(event[0]) for event, _ in bench.drained(self.due)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_four_processes_with_random_delays_keep_the_order(bench, method):
    workers = Workers(bench, 200, dawdle, method=method)
    workers.start()
    assert workers.finish(bench) == list(range(200))


def test_without_it_they_do_not(bench, tmp_path):
    """Otherwise the tests here would prove nothing."""
    overtaken = tmp_path / "overtaken"

    def first_waits(event):
        while event[0] == 0 and not overtaken.exists():
            time.sleep(0.001)
        return dawdle(event)

    workers = Workers(bench, 200, first_waits, ordered=False)
    workers.start()
    workers.wait_for_results(1)
    overtaken.touch()
    came = workers.finish(bench)
    assert came != sorted(came)
    assert sorted(came) == list(range(200))


def test_rejected_events_leave_no_gap(bench):
    workers = Workers(bench, 200, reject_most)
    workers.start()
    assert workers.finish(bench) == list(range(0, 200, 5))


def test_batches_keep_the_order_as_well(bench):
    workers = Workers(bench, 4000, quick)
    workers.start()
    assert workers.finish(bench) == [n for n in range(4000) if n % 3]


def test_killed_processes_change_nothing_in_the_order(bench):
    """An event may come twice if its process is killed right behind publishing; none is missing."""
    workers = Workers(bench, 400, dawdle)
    workers.start()
    for after in (50, 120, 190):
        workers.kill_one(after)
        workers.start(1)
    came = workers.finish(bench)
    assert came == sorted(came)
    assert sorted(set(came)) == list(range(400))
    assert len(came) <= 400 + 3


def test_killed_in_the_middle_of_batches_they_lose_nothing(bench):
    workers = Workers(bench, 20_000, quick)
    workers.start()
    workers.kill_one(500)
    workers.kill_one(1000)
    came = workers.finish(bench)
    assert sorted(set(came)) == [n for n in range(20_000) if n % 3]


def test_an_event_set_aside_does_not_hold_up_those_behind(bench):
    source = bench.buffer(slots=256, name="RB_1")
    group = source.new_reader_group()
    with Writer(source.new_writer()) as writer:
        for n in range(150):
            writer.write([float(n)], n, 1.0, 0.0)
    sink = bench.buffer(slots=256, name="RB_2")
    due, to_sink = sink.new_reader_group(), sink.new_writer()
    sink.promise_writer(to_sink, 20)
    failures = 0
    for _ in range(10):
        try:
            filter_in_order(group, to_sink, fail_on_100, True)
            break
        except UserFunctionError:
            failures += 1
        finally:
            become(Worker())
    assert failures > 0
    sink.release_writer(to_sink, 20 - failures)
    came = [int(event[0]) for event, _ in bench.drained(due)]
    assert came == [n for n in range(150) if n != 100]
    with Reader(group) as reader:
        assert [int(event[0]) for event in reader] == []
