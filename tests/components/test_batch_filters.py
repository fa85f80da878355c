"""@filter(batch=True): what it gets, what it may return, and what a failure means."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from mimocorb import Reject, filter
from mimocorb.components.meter import Meter
from mimocorb.components.meter_page import read_page
from mimocorb.components.roles.filter import Filter
from mimocorb.components.roles.sink import Sink
from mimocorb.components.worker import Worker
from mimocorb.errors import SetupError, UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec
from mimocorb.recording.rejected_sample import RejectedSample

PULSE = [("t", "i4"), ("h", "f8")]


@pytest.fixture
def run(bench):
    """Send 0.0, 1.0, … through a batch filter into `copies` and `pulses`; return what arrived."""

    def run(function, events=6, only: str = "", **config):
        raw = bench.buffer("raw")
        bench.fill(raw, np.arange(float(events)))
        sinks = [bench.buffer("copies"), bench.buffer("pulses", PULSE)]
        sinks = [buffer for buffer in sinks if not only or buffer.name == only]
        groups = [buffer.new_reader_group() for buffer in sinks]
        roles = {raw: "read", **dict.fromkeys(sinks, "write")}
        work = bench.bind(filter(batch=True)(function), roles, **config)
        try:
            work()
        finally:
            run.raw = raw.stats().groups[0]
        found = [[(event[0], m[0]) for event, m in bench.drained(group)] for group in groups]
        return found[0] if only else found

    return run


def everything(events):
    return True


def returning(result):
    def f(events):
        return result

    return f


def test_a_batch_is_all_that_waits_up_to_half_of_the_slots(run):
    shapes = []

    def f(events):
        shapes.append(events.shape)
        assert not events.flags.writeable

    run(f, events=200)
    assert shapes == [(128, 1), (72, 1)]


@pytest.mark.parametrize(
    "mask",
    [
        lambda events: events[:, 0] > 2.5,
        lambda events: (events[:, 0] > 2.5).tolist(),
        lambda events: {"copies": events[:, 0] > 2.5},
    ],
)
def test_a_mask_copies_these_events_with_their_metadata(run, mask):
    assert run(mask) == [[(3.0, 103), (4.0, 104), (5.0, 105)], []]


def test_true_copies_all_and_nothing_is_published_for_none_false_or_a_reason(run):
    assert run(everything, only="copies") == [(float(n), 100 + n) for n in range(6)]
    for result in (None, False, Reject("too small"), np.zeros(6, bool)):
        assert run(returning(result)) == [[], []]


@pytest.mark.parametrize(
    "block",
    [
        lambda x: {"h": 2 * x, "t": np.arange(6)},
        lambda x: {"h": (2 * x)[:, None], "t": list(range(6))},
        lambda x: np.array([*zip(range(6), 2 * x, strict=True)], PULSE),
        lambda x: np.array([*zip(range(6), 2 * x, strict=True)], PULSE)[:, None],
        lambda x: np.stack([np.arange(6), 2 * x], axis=1),
        lambda x: np.array([*zip(2 * x, range(6), strict=True)], [("h", "f4"), ("t", "u2")]),
        lambda x: {"pulses": {"h": 2 * x, "t": np.arange(6)}},
    ],
)
def test_a_block_is_a_record_for_each_event(run, block):
    found = run(lambda events: block(events[:, 0]), only="pulses")
    assert found == [((n, 2.0 * n), 100 + n) for n in range(6)]


@pytest.mark.parametrize("as_mask", [True, False])
def test_rows_say_which_events_the_records_belong_to(run, as_mask):
    def f(events):
        rows = events[:, 0] % 2 == 1
        return rows if as_mask else np.flatnonzero(rows), {"h": events[rows, 0], "t": [7, 8, 9]}

    assert run(f, only="pulses") == [((7, 1.0), 101), ((8, 3.0), 103), ((9, 5.0), 105)]


def test_an_event_may_give_several_records(run):
    found = run(lambda _: ([0, 2, 2], {"h": [1.0, 2.0, 3.0], "t": [0, 1, 2]}), only="pulses")
    assert found == [((0, 1.0), 100), ((1, 2.0), 102), ((2, 3.0), 102)]


def test_several_sinks_are_served_by_their_names(run):
    def f(events):
        small = events[:, 0] < 2
        return {"copies": small, "pulses": (~small, {"h": events[~small, 0], "t": [0] * 4})}

    copies, pulses = run(f)
    assert copies == [(0.0, 100), (1.0, 101)]
    assert pulses == [((0, float(n)), 100 + n) for n in range(2, 6)]


def test_a_copy_into_a_sink_of_another_type_is_converted_or_refused(bench):
    raw, whole = bench.buffer("raw"), bench.buffer("whole", "i4")
    group = whole.new_reader_group()
    bench.fill(raw, [1.0, 2.0, 3.5])
    work = bench.bind(
        filter(batch=True)(lambda events: events[:, 0] < 3), {raw: "read", whole: "write"}
    )
    work()
    assert [event[0] for event, _ in bench.drained(group)] == [1, 2]
    raw2, whole2 = bench.buffer("raw"), bench.buffer("whole", "i4")
    bench.fill(raw2, [1.0, 2.5])
    work = bench.bind(filter(batch=True)(everything), {raw2: "read", whole2: "write"})
    with pytest.raises(
        UserFunctionError, match=r"events of raw do not fit into whole: .*2\.5.* of row 1"
    ):
        work()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda _: 5.0, r"the batch of events 100 to 105: returned float 5\.0; allowed are"),
        (lambda _: [True] * 5, "a mask of 5 values for 6 events"),
        (lambda _: {"h": [1.0]}, r"expected the fields t, h; found h \(t missing\)"),
        (lambda _: {"h": [1.0] * 6, "t": [1.5] * 6}, r"channel t holds int32; .*1\.5.* of row 0"),
        (lambda _: {"h": [1.0] * 6, "t": [2**40] * 6}, "channel t .* of row 0 does not fit"),
        (lambda _: {"h": [1.0] * 6, "t": [1] * 5}, "found 6 of h, 5 of t"),
        (lambda _: {"h": 1.0, "t": [1] * 6}, "found a single number of h, 6 of t"),
        (lambda _: {"h": [1.0] * 5, "t": [1] * 5}, "returned 5 records for 6 events; "),
        (lambda _: ([3, 2], {"h": [1.0] * 2, "t": [1] * 2}), "rows are not in rising order"),
        (lambda _: ([3, 6], {"h": [1.0] * 2, "t": [1] * 2}), "indices from 0 to 5, found 3 to 6"),
        (lambda _: ([1.0], {"h": [1.0], "t": [1]}), "rows are a mask or the indices"),
        (lambda _: np.zeros((6, 3)), "expected a block of k events"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(run, result, message):
    with pytest.raises(UserFunctionError, match=message):
        run(result, only="pulses")
    assert (run.raw.acknowledged, run.raw.due) == (0, 6)


def test_the_items_of_several_sinks_are_taken_all_or_none(run):
    def f(events):
        return {"copies": events[:, 0] >= 0, "pulses": {"h": events[:, 0], "t": [0.5] * 6}}

    with pytest.raises(UserFunctionError, match="records for sink pulses: channel t"):
        run(f)
    assert run.raw.due == 6


def test_for_several_sinks_a_block_needs_their_names(run):
    with pytest.raises(UserFunctionError, match="2 sinks; allowed are"):
        run(returning(np.zeros((6, 2))))
    with pytest.raises(
        UserFunctionError, match="a dictionary with x, but the sinks are copies, pul"
    ):
        run(returning({"x": [1]}))


def test_metadata_are_arrays_with_names(run):
    seen = []

    def f(events, metadata):
        seen.append((metadata.counter.tolist(), metadata.timestamp[0], metadata.deadtime.tolist()))
        return metadata.counter >= 104

    assert run(f, only="copies") == [(4.0, 104), (5.0, 105)]
    assert seen == [(list(range(100, 106)), 1.5, [0.25] * 6)]


def test_a_class_is_made_once_and_closed(bench):
    raw, copies = bench.buffer("raw"), bench.buffer("copies")
    group = copies.new_reader_group()
    bench.fill(raw, np.arange(5.0))
    told = []

    @filter(batch=True)
    class Above:
        def __init__(self, *, least: float):
            self.least = least

        def __call__(self, events):
            return events[:, 0] >= self.least

        def close(self):
            told.append("closed")

    bench.bind(Above, {raw: "read", copies: "write"}, least=3)()
    assert [event[0] for event, _ in bench.drained(group)] == [3.0, 4.0]
    assert told == ["closed"]


# --- failures


def test_a_batch_that_fails_comes_again_one_by_one_and_the_poisonous_one_is_set_aside(bench):
    raw, copies = bench.buffer("raw"), bench.buffer("copies")
    bench.fill(raw, np.arange(8.0))
    source, from_copies = raw.new_reader_group(), copies.new_reader_group()
    to_copies = copies.new_writer()
    copies.new_writer()  # so that the stream goes on while workers come and go
    sizes = []

    def f(events):
        sizes.append(len(events))
        if 3.0 in events:
            raise ValueError("three")
        return True

    def once() -> None:
        Filter(source, [to_copies], f, "f", batch=True).run()

    with pytest.raises(
        UserFunctionError, match="f failed on the batch of events 100 to 107: it ra"
    ):
        once()
    assert sizes == [8]
    for _ in range(2):
        with pytest.raises(UserFunctionError, match="f failed on event 103: it raised ValueError"):
            once()
    once()
    assert sizes[1:5] == [1, 1, 1, 1]
    reader = Reader(from_copies)
    arrived = [reader.get()[0].item() for _ in range(7)]
    assert arrived == [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0]
    reader.close()
    (set_aside,) = raw.quarantined()
    assert (set_aside.counter, set_aside.data[0]) == (103, 3.0)
    assert all("three" in reason for reason in set_aside.reasons)


def test_a_sink_that_ends_leaves_the_rest_to_be_delivered_again(bench, monkeypatch):
    raw, copies = bench.buffer("raw"), bench.buffer("copies", slots=8)
    bench.fill(raw, np.arange(6.0))
    group = copies.new_reader_group()
    work = bench.bind(filter(batch=True)(everything), {raw: "read", copies: "write"})
    copies.end_after(2)
    meter = Meter()
    monkeypatch.setattr("mimocorb.components.meter._installed", meter)
    work()
    assert [event[0] for event, _ in bench.drained(group)] == [0.0, 1.0]
    (stats,) = raw.stats().groups
    assert read_page(bytes(meter.page), 0).decisions.accepted == 2
    assert (stats.acknowledged, stats.due) == (2, 4)


def test_decisions_are_counted_event_by_event(bench, monkeypatch):
    meter = Meter()
    monkeypatch.setattr("mimocorb.components.meter._installed", meter)
    raw, copies, pulses = bench.buffer("raw"), bench.buffer("copies"), bench.buffer("p", PULSE)
    bench.fill(raw, np.arange(10.0))

    def f(events):
        x = events[:, 0]
        return {"copies": x < 3, "p": (x < 5, {"h": x[x < 5], "t": [0] * 5})}

    roles = {raw: "read", copies: "write", pulses: "write"}
    bench.bind(filter(batch=True)(f), roles)()
    decisions = read_page(bytes(meter.page), 0).decisions
    assert (decisions.accepted, decisions.rejected) == (5, 5)
    assert decisions.accepted_for[:2] == (3, 5)


def test_the_reason_of_a_batch_is_counted_and_goes_into_the_sample(bench, monkeypatch, tmp_path):
    meter = Meter()
    monkeypatch.setattr("mimocorb.components.meter._installed", meter)
    context = Worker(
        directory=tmp_path,
        new_sample=lambda setup, config: RejectedSample(1, setup, config),
    )
    monkeypatch.setattr("mimocorb.components.worker._current", context)
    raw, copies = bench.buffer("raw"), bench.buffer("copies")
    bench.fill(raw, np.arange(10.0))
    reject = filter(batch=True)(returning(Reject("never")))
    bench.bind(reject, {raw: "read", copies: "write"})()
    decisions = read_page(bytes(meter.page), 0).decisions
    assert decisions.reasons == {"never": 10}
    assert decisions.sampled == 10


class SampleOfAll:
    """Keeps every rejected event."""

    def __init__(self):
        self.kept = []

    def chosen(self, count):
        return list(range(count))

    def keep(self, data, metadata, _reason):
        self.kept.append((data[0], metadata.counter[0]))

    def close(self):
        pass


def test_the_sample_has_the_rejected_events_of_a_batch_that_finds_room_bit_by_bit(
    bench, monkeypatch
):
    sample = SampleOfAll()
    context = Worker(new_sample=lambda *_: sample)
    monkeypatch.setattr("mimocorb.components.worker._current", context)
    raw, copies = bench.buffer("raw"), bench.buffer("copies", slots=2)
    bench.fill(raw, np.arange(10.0))
    reader = Reader(copies.new_reader_group())
    drain = threading.Thread(target=lambda: [event.copy() for event in reader])
    drain.start()
    low = filter(batch=True)(lambda events: events[:, 0] < 6)
    bench.bind(low, {raw: "read", copies: "write"})()
    drain.join(60)
    assert sample.kept == [(float(n), 100 + n) for n in (6, 7, 8, 9)]


def test_large_events_share_a_call_as_far_as_they_lie_beside_each_other(bench):
    values = 1 << 15  # 256 KiB
    raw = bench.buffer("raw", "f8", values, slots=16)
    copies = bench.buffer("copies", "f8", values, slots=16)
    seen = []

    def look(events):
        seen.append(len(events))
        assert not events.flags.owndata or len(seen) == 1, "views, but of the first call"
        return events[:, 0] < 6

    bench.fill(raw, map(float, range(8)))
    group = copies.new_reader_group()
    bench.bind(filter(batch=True)(look), {raw: "read", copies: "write"})()
    assert sum(seen) == 8
    assert max(seen) == 4, "a megabyte"
    assert [event[0] for event, _ in bench.drained(group)] == [float(n) for n in range(6)]


def test_an_ordered_batch_filter_keeps_the_order_when_slots_are_shuffled(bench, monkeypatch):
    spec = WorkerSpec("w", FunctionReference("own", "f"), ordered=True)
    monkeypatch.setattr("mimocorb.components.worker._current", Worker(spec))
    raw, copies = bench.buffer("raw", slots=8), bench.buffer("copies", slots=64)
    hold, group = Reader(raw.new_reader_group()), copies.new_reader_group()
    shuffle = [Reader(hold_group := raw.new_reader_group()), Reader(hold_group)]
    writer = Writer(raw.new_writer())
    work = bench.bind(filter(batch=True)(everything), {raw: "read", copies: "write"})
    for number in range(4):
        writer.write([float(number)], number, 0.0, 0.0)
    hold.get_batch(4)
    hold.acknowledge()
    # slots come free in another order than they were filled
    first, second = shuffle
    first.get(), second.get()
    second.acknowledge()
    first.acknowledge()
    first.get_batch(2)
    first.close(), second.close()
    hold.close()
    writer.close()
    work()
    assert [event[0] for event, _ in bench.drained(group)] == [0.0, 1.0, 2.0, 3.0]


def test_a_batch_filter_reads_one_buffer(bench):
    buffers = [bench.buffer("a"), bench.buffer("b")]
    roles = {**dict.fromkeys(buffers, "read"), bench.buffer("c"): "write"}
    with pytest.raises(SetupError, match="reads a, b, but a batch filter reads one buffer"):
        bench.bind(filter(batch=True)(everything), roles)


def test_a_filter_for_single_events_gives_the_same(run, bench):
    together = run(lambda events: {"h": 2 * events[:, 0], "t": np.arange(6)}, only="pulses")
    raw, pulses = bench.buffer("raw"), bench.buffer("pulses", PULSE)
    group = pulses.new_reader_group()
    bench.fill(raw, np.arange(6.0))
    one = filter(lambda event: {"h": 2 * event[0], "t": int(event[0])})
    bench.bind(one, {raw: "read", pulses: "write"})()
    assert [(event[0], m[0]) for event, m in bench.drained(group)] == together


def alternating(bench):
    """Return a buffer of which every second slot is held, two groups, and the writer."""
    raw = bench.buffer("raw", slots=32)
    holding = raw.new_reader_group()
    writer, readers = Writer(raw.new_writer()), [Reader(holding) for _ in range(32)]
    for number, reader in enumerate(readers):
        writer.write([0.0], number, 0.0, 0.0)
        reader.get()
    for reader in readers[1::2]:
        reader.acknowledge()
    groups = raw.new_reader_group(), raw.new_reader_group()
    for group in groups:  # done with what the others hold
        with Reader(group) as reader:
            for _ in range(16):
                reader.get()
    for number in range(12):
        writer.write([float(number)], number, 0.0, 0.0)
    writer.close()
    assert len(Reader(groups[0]).get_batch(4)) == 1, "the test proves nothing"
    return raw, readers, groups[1]


def test_events_whose_slots_are_scattered_come_together_to_a_sink(bench):
    """Otherwise batches become single events where several processes have worked for a while."""
    _raw, _holding, group = alternating(bench)
    sizes, values = [], []

    def together(events, metadata):
        sizes.append(len(events))
        assert metadata.counter.tolist() == events[:, 0].tolist()
        values.extend(events[:, 0].tolist())

    Sink(group, together, "together").run()
    assert values == [float(number) for number in range(12)]
    assert max(sizes) == 12


@pytest.mark.parametrize("kept", ["all", "doubled"])
def test_events_whose_slots_are_scattered_come_together_to_a_filter(bench, kept):
    _raw, _holding, group = alternating(bench)
    copies = bench.buffer("copies")
    out = copies.new_reader_group()
    sizes = []

    def f(events):
        sizes.append(len(events))
        return {"all": True, "doubled": 2 * events}[kept]

    Filter(group, [copies.new_writer()], f, "f", batch=True).run()
    factor = 1 if kept == "all" else 2
    expected = [(float(factor * n), n) for n in range(12)]
    assert [(event[0], m[0]) for event, m in bench.drained(out)] == expected
    assert max(sizes) == 12
