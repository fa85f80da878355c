"""Decisions of filters: counted with their reasons, and the sample of what was rejected."""

from __future__ import annotations

import resource
import time
from functools import partial

import numpy as np
import pytest

import mimocorb
from mimocorb import Reject
from mimocorb.buffer_control import BufferToBuffer
from mimocorb.buffers.stats import GroupStats
from mimocorb.components.meter_page import MOST_REASONS, OTHER_REASONS, read_page
from mimocorb.components.worker import Worker
from mimocorb.errors import UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer
from mimocorb.model import FunctionReference, WorkerSpec
from mimocorb.recording.rejected_sample import RejectedSample
from mimocorb.run.accounts.decision_account import DecisionAccount

FILTER = WorkerSpec("filter", FunctionReference("own", "f"), reads=("RB_1",), writes=("RB_2",))


def read(meter):
    return read_page(bytes(meter.page), time.monotonic_ns())


def run_filter(new_buffer, events, function, sinks=1):
    """Send numbers through a filter; returns (counters that arrived, by sink)."""
    raw = new_buffer(slots=max(8, len(events)))
    results = [new_buffer(slots=max(8, len(events))) for _ in range(sinks)]
    from_raw = raw.new_reader_group()
    outputs = [buffer.new_reader_group() for buffer in results]
    with Writer(raw.new_writer()) as writer:
        for number, value in enumerate(events):
            writer.write([value], number, 1.5, 0.25)
    BufferToBuffer(
        source_list=[from_raw],
        sink_list=[buffer.new_writer() for buffer in results],
        filter=function,
    )()
    arrived = []
    for group in outputs:
        with Reader(group) as reader:
            arrived.append([reader.get_metadata()[0] for _ in reader])
    return arrived, raw.stats().groups[0]


@pytest.mark.parametrize("pause_s", [0.0, 0.0005], ids=["in batches", "one by one"])
def test_every_event_is_accepted_or_rejected_once_and_the_reason_is_kept(
    own_meter, new_buffer, pause_s
):
    small, odd = Reject("too small"), Reject("odd")

    def decide(event):
        time.sleep(pause_s)
        value = int(event[0])
        if value < 10:
            return small
        if value % 2:
            return odd
        if value % 3 == 0:
            return None
        return [True, True] if value % 4 == 0 else [None, True]

    arrived, group = run_filter(new_buffer, range(100), decide, sinks=2)
    found = read(own_meter).decisions
    assert found.accepted == len(arrived[1])
    assert found.accepted_for[:2] == (len(arrived[0]), len(arrived[1]))
    assert found.reasons == {"too small": 10, "odd": 45}
    assert found.rejected == 100 - found.accepted
    assert found.accepted + found.rejected == group.acknowledged == 100
    assert found.failed == 0


def test_a_rejection_with_a_reason_is_false_like_one_without():
    assert not Reject("too small")
    assert repr(Reject("too small")) == "Reject('too small')"


def test_more_reasons_than_there_is_room_for_are_counted_together(own_meter, new_buffer):
    number = MOST_REASONS + 8
    run_filter(new_buffer, range(number), lambda event: Reject(f"reason {event[0]:.0f}"))
    found = read(own_meter).decisions
    assert len(found.reasons) == MOST_REASONS + 1
    assert found.reasons[OTHER_REASONS] == 8
    assert sum(found.reasons.values()) == found.rejected == number


def test_a_long_reason_is_cut_without_harm_to_its_neighbours(own_meter, new_buffer):
    texts = ["ä" * 100, "short", "x" * 79]
    run_filter(new_buffer, range(3), lambda event: Reject(texts[int(event[0])]))
    assert list(read(own_meter).decisions.reasons) == ["ä" * 39, "short", "x" * 79]


def test_a_failure_is_counted_and_the_event_given_back(own_meter, new_buffer):
    def fails_on_three(event):
        if event[0] == 3:
            raise ValueError("three")
        return True

    with pytest.raises(UserFunctionError):
        run_filter(new_buffer, range(6), fails_on_three)
    found = read(own_meter).decisions
    assert (found.accepted, found.rejected, found.failed) == (3, 0, 1)


# --- the account of a worker


def group(acknowledged, redelivered=0):
    zeros = dict.fromkeys(
        ("group", "offered", "quarantined", "due", "held", "abandoned", "readers"), 0
    )
    return GroupStats(
        **zeros,
        acknowledged=acknowledged,
        redelivered=redelivered,
        waiting_s=0.0,
        first_sequence=1,
    )


def account(accepted, rejected, *, known=True):
    return DecisionAccount(
        "filter", "filter sort", known, "event", accepted + rejected, accepted, rejected
    )


def test_decisions_that_fit_to_the_ledger_are_no_problem():
    assert account(7, 3).problem([group(10)]) == ""


@pytest.mark.parametrize(("accepted", "redelivered"), [(6, 0), (6, 2), (8, 0), (10, 2)])
def test_decisions_that_do_not_fit_to_the_ledger_are_named(accepted, redelivered):
    text = account(accepted, 3).problem([group(10, redelivered)])
    assert f"decided about {accepted + 3} events, but 10 events were processed" in text


def test_a_kill_may_count_an_event_twice_as_often_as_it_came_again():
    assert account(8, 3).problem([group(10, redelivered=1)]) == ""


def test_what_is_not_known_is_not_counted_as_zero(own_meter):
    found = DecisionAccount.of(FILTER, "filter by hand", [read(own_meter)])
    assert found.as_dict() == {"name": "filter", "known": False}
    assert found.problem([group(10)]) == ""


def test_processes_are_added_up_with_the_most_frequent_reason_first(own_meter, new_buffer):
    run_filter(
        new_buffer, range(9), lambda event: Reject("rare") if event[0] == 0 else Reject("usual")
    )
    page = read(own_meter)
    found = DecisionAccount.of(FILTER, "filter", [page, page])
    assert list(found.reasons.items()) == [("usual", 16), ("rare", 2)]
    assert found.rejected == 18


# --- the sample


@pytest.fixture
def in_worker(own_meter, tmp_path, monkeypatch):
    """Let this process be a worker that keeps one in `prescale` rejected events."""

    def enter(prescale, attempt=1):
        context = Worker(
            WorkerSpec("filter/x", FunctionReference("own", "f")),
            attempt=attempt,
            directory=tmp_path,
            new_sample=partial(RejectedSample, prescale) if prescale else None,
        )
        monkeypatch.setattr("mimocorb.components.worker._current", context)

    return enter


def sampled(directory):
    """Return (counter, value, reason) of every event in the recordings."""
    found = []
    for name in sorted({path.name.split(".")[0] for path in directory.glob("rejected_*.arrows")}):
        with mimocorb.open(directory / name) as events:
            assert events.about["notes"] == "why it was rejected"
            for block in events.blocks():
                assert block.metadata.timestamp.tolist() == [1.5] * len(block.data)
                values = block.data.reshape(len(block.data), -1)[:, 0].tolist()
                counters = block.metadata.counter.tolist()
                found += zip(counters, values, block.metadata.notes.tolist(), strict=True)
    return found


def test_a_sample_of_all_is_what_was_rejected_with_reasons(in_worker, new_buffer, tmp_path):
    in_worker(1)
    run_filter(
        new_buffer, range(20), lambda event: Reject("even") if event[0] % 2 == 0 else event[0] > 9
    )
    assert (tmp_path / "rejected_filter_x_1.000.arrows").exists()
    expected = [(n, float(n), "") for n in range(10) if n % 2]
    expected += [(n, float(n), "even") for n in range(0, 20, 2)]
    assert sorted(sampled(tmp_path)) == sorted(expected)
    with mimocorb.open(tmp_path / "rejected_filter_x_1") as events:
        assert events.damage() == []


def test_the_sample_is_unbiased(in_worker, own_meter, new_buffer, tmp_path):
    # one in 4 of 4000: 1000 ± 27; the same for every kind of event
    in_worker(4)
    run_filter(new_buffer, np.arange(4000.0), lambda _: None)
    counters = np.array([counter for counter, *_ in sampled(tmp_path)])
    found = read(own_meter).decisions
    assert found.sampled == len(counters)
    assert found.sample_seed > 0
    assert abs(len(counters) - 1000) < 5 * 27.4
    assert abs((counters < 2000).sum() - 500) < 5 * 19.4
    assert abs((counters % 4 == 0).sum() - 250) < 5 * 13.7  # not every fourth one


def test_without_the_key_there_is_no_sample(in_worker, new_buffer, tmp_path):
    in_worker(None)
    run_filter(new_buffer, range(20), lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_nothing_rejected_makes_no_recording(in_worker, new_buffer, tmp_path):
    in_worker(1)
    run_filter(new_buffer, range(20), lambda _: True)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_takes_the_place_of_another_leaves_its_segment_alone(
    in_worker, new_buffer, tmp_path
):
    for attempt in (1, 2):
        in_worker(1, attempt)
        run_filter(new_buffer, range(5), lambda _: None)
    assert len(sampled(tmp_path)) == 10
    assert (tmp_path / "rejected_filter_x_1.001.arrows").exists()


def test_a_full_disk_is_counted_and_told_and_stops_nothing(
    in_worker, own_meter, new_buffer, tmp_path, caplog
):
    in_worker(1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def decide(event):
        # a file may not become larger than that: the disk is full as far as this process can see
        soft = 4000 if event[0] > 2 else limits[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, limits[1]))

    try:
        _, ledger = run_filter(new_buffer, range(30), decide)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    found = read(own_meter).decisions
    assert ledger.acknowledged == found.rejected == 30
    assert found.sampled >= 3
    assert found.sample_lost >= 10
    assert found.sampled + found.sample_lost == 30
    assert len(sampled(tmp_path)) == found.sampled
    assert caplog.text.count("the sample of rejected events is incomplete") == 1


def test_events_of_any_type_are_kept(in_worker, own_meter, new_buffer):
    in_worker(1)
    raw, results = new_buffer(dtype="complex128"), new_buffer()
    group, writer = raw.new_reader_group(), raw.new_writer()
    with Writer(writer) as events:
        events.write([1j])
    BufferToBuffer(source_list=[group], sink_list=[results.new_writer()], filter=lambda _: None)()
    found = read(own_meter).decisions
    assert (found.rejected, found.sampled, found.sample_lost) == (1, 1, 0)
