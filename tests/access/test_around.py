"""A filter with events_before and events_after: what is handed on, what stays in hand."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from mimocorb.buffers.reader import Reader
from mimocorb.components import worker as worker_module
from mimocorb.components.binding import bind
from mimocorb.components.form import filter
from mimocorb.components.worker import Worker, become
from mimocorb.errors import UserFunctionError
from mimocorb.mimo_buffer import Writer
from mimocorb.model import FunctionReference, WorkerSpec

FORM = [("n", "i8"), ("x", "f4")]


@pytest.fixture
def around(monkeypatch):
    """Return a function that binds a filter as the worker process of a run does."""
    monkeypatch.setattr(worker_module, "_current", worker_module.current_worker())

    def bound(function, source, sink, before, after, **config):
        name = function.__name__
        spec = WorkerSpec(
            "pick", FunctionReference("here", name), events_before=before, events_after=after,
            reads=("RB_1",), writes=("RB_2",), config=config,
        )  # fmt: skip
        worker = replace(Worker(spec), reads=(source,), writes=(sink,))
        become(worker)
        return bind(function, worker)

    return bound


@filter
def chosen(event, *, numbers: list[int]):
    """Keep the events with these numbers."""
    return int(event["n"][0]) in numbers


@filter(batch=True)
def chosen_together(events, metadata, *, numbers: list[int]):
    """Keep the events with these numbers."""
    assert metadata.counter.tolist() == events["n"][:, 0].tolist()
    return np.isin(events["n"][:, 0], numbers)


def filled(bench, count, slots):
    buffer = bench.buffer(slots=slots, dtype=FORM)
    group = buffer.new_reader_group()

    def write():
        with Writer(buffer.new_writer()) as writer:
            for n in range(count):
                event = np.array([(n, n / 4)], FORM)
                writer.write(event, counter=n, timestamp=1e9 + n, deadtime=n / 1e6, time_ns=7 * n)

    return buffer, group, write


def handed_on(group):
    with Reader(group) as reader:
        return [
            (int(event["n"][0]), float(event["x"][0]), *reader.get_metadata(), reader.time_ns)
            for event in reader
        ]


def expected(numbers, before, after, count):
    wanted = {n + d for n in numbers for d in range(-before, after + 1)}
    return [(n, n / 4, n, 1e9 + n, n / 1e6, 7 * n) for n in sorted(wanted & set(range(count)))]


@pytest.mark.parametrize("function", [chosen, chosen_together])
@pytest.mark.parametrize("seed", range(6))
def test_each_event_around_a_trigger_is_handed_on_once_as_it_is(
    bench, around, in_background, function, seed
):
    random = np.random.default_rng(seed)
    before, after, count = (int(n) for n in random.integers([0, 0, 1], [7, 7, 400]))
    numbers = random.choice(count, size=random.integers(0, 1 + count // 12)).tolist()
    slots = max(before, after + 1) + 2 + (int(random.integers(0, 60)) if seed else 0)
    source, group, write = filled(bench, count, slots)
    sink = bench.buffer(slots=int(random.integers(1, 20)), dtype=FORM, name="RB_2")
    results = sink.new_reader_group()
    work = around(function, group, sink.new_writer(), max(1, before), after, numbers=numbers)
    running = [in_background(write), in_background(work)]
    found = handed_on(results)
    for each in running:
        each.finish()
    assert found == expected(numbers, max(1, before), after, count)
    stats = source.stats()
    stats.check()
    assert stats.groups[0].acknowledged == count


def test_undecided_events_are_pending_until_it_is_known_that_nobody_asks_for_them(bench, around):
    source, group, _ = filled(bench, 0, 16)
    sink = bench.buffer(slots=16, dtype=FORM, name="RB_2")
    results = sink.new_reader_group()
    seen = []

    @filter
    def look(event):
        seen.append(source.stats().groups[0].held)
        return event["n"][0] == 6

    writer = Writer(source.new_writer())
    for n in range(10):
        writer.write(np.array([(n, 0)], FORM), counter=n, timestamp=0.0, deadtime=0.0)
    writer.close()
    around(look, group, sink.new_writer(), 3, 2)()
    # the batch of 16 slots: at most 6 beside the three that are undecided
    assert max(seen) <= 3 + 6
    assert [n for n, *_ in handed_on(results)] == [3, 4, 5, 6, 7, 8]
    assert (source.stats().groups[0].held, source.stats().groups[0].acknowledged) == (0, 10)


def test_an_event_on_which_the_function_fails_is_set_aside_and_its_neighbours_are_not(
    bench, around
):
    source, group, write = filled(bench, 12, 64)
    sink = bench.buffer(slots=64, dtype=FORM, name="RB_2")
    results, writer = sink.new_reader_group(), sink.new_writer()
    sink.promise_writer(writer, 3)

    @filter
    def fails(event):
        if event["n"][0] == 5:
            raise ValueError("not this one")
        return event["n"][0] in (3, 7)

    write()
    for _ in range(3):
        with pytest.raises(UserFunctionError, match="not this one"):
            around(fails, group, writer, 2, 3)()
    around(fails, group, writer, 2, 3)()
    ledger = source.stats().groups[0]
    assert (ledger.quarantined, ledger.acknowledged) == (1, 11)
    # Nothing is missing; the trigger before it had handed on what may come again.
    assert sorted({n for n, *_ in handed_on(results)}) == [1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_what_may_have_been_handed_on_before_is_marked(bench, around):
    _, group, write = filled(bench, 12, 64)
    sink = bench.buffer(slots=64, dtype=FORM, name="RB_2")
    results, writer = sink.new_reader_group(), sink.new_writer()
    sink.promise_writer(writer, 1)
    failed = []

    @filter
    def fails_once(event):
        if event["n"][0] == 5 and not failed:
            failed.append(True)
            raise ValueError("once")
        return event["n"][0] == 3

    write()
    with suppress(UserFunctionError):
        around(fails_once, group, writer, 1, 4)()
    around(fails_once, group, writer, 1, 4)()
    with Reader(results) as reader:
        marks = [(reader.get_metadata()[0], reader.may_repeat) for _ in reader]
    repeats = [n for n, marked in marks if marked]
    once = [n for n, marked in marks if not marked]
    assert sorted({*repeats, *once}) == [2, 3, 4, 5, 6, 7]
    assert len(once) == len(set(once))


@pytest.mark.parametrize("result", [1.5, {"n": 1}, [True, None], "yes"])
def test_a_result_that_is_no_decision_is_refused(bench, around, result):
    _, group, write = filled(bench, 1, 8)
    sink = bench.buffer(slots=8, dtype=FORM, name="RB_2")

    @filter
    def odd(event):
        return result

    write()
    with pytest.raises(UserFunctionError, match="says of each event whether it is kept"):
        around(odd, group, sink.new_writer(), 1, 0)()
