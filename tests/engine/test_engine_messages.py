"""Messages prove themselves, and each is taken once, in order."""

from __future__ import annotations

import numpy as np
import pytest

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.jagged import Jagged
from mimocorb.engine.booking import Arrivals, Entry, Journal
from mimocorb.engine.messages import Label, form_of, stream_of, subject_of, unpack
from mimocorb.engine.outbox import Outbox
from mimocorb.errors import DamagedFile, EngineError
from mimocorb.recording.block import Block
from mimocorb.recording.columns import Columns
from mimocorb.recording.segment_bytes import WholeSegments

SETUP = {"dtype": np.dtype([("x", np.int16), ("y", np.float32)]), "values_per_slot": 3}


def a_block(count: int = 4) -> Block:
    data = np.zeros((count, 3), SETUP["dtype"])
    data["x"] = np.arange(3 * count).reshape(count, 3)
    metadata = BatchMetadata(np.arange(count), np.arange(count) + 0.5, np.zeros(count))
    metadata.time_ns = np.arange(count) + 10**18
    metadata.sequence = np.arange(count) + 7
    return Block(data, metadata)


def label(block: int, events: int = 1, *, host: str = "pi", run: str = "one") -> Label:
    return Label(host, run, block, 0, events, "")


def test_events_come_out_as_they_went_in():
    block = a_block()
    found = unpack(WholeSegments("raw", SETUP).of(block), Columns(SETUP["dtype"], 3))
    assert (found.data == block.data).all()
    assert found.metadata.time_ns.tolist() == block.metadata.time_ns.tolist()
    assert found.metadata.sequence.tolist() == block.metadata.sequence.tolist()


def test_segments_of_one_maker_do_not_share_their_numbers():
    segments = WholeSegments("raw", SETUP)
    packed = [segments.of(a_block(count)) for count in (4, 4, 2)]
    found = [unpack(each, segments.columns).data for each in packed]
    assert [each.tolist() for each in found] == [a_block(n).data.tolist() for n in (4, 4, 2)]


def test_events_of_any_length_come_out_as_they_went_in():
    setup = {**SETUP, "variable": True}
    events = Jagged(np.zeros(3, SETUP["dtype"]), np.array([0, 2, 2, 3]))
    events.values["x"] = [5, 6, 7]
    segments = WholeSegments("raw", setup)
    found = unpack(segments.of(Block(events, a_block(3).metadata)), segments.columns)
    assert [each["x"].tolist() for each in found.data] == [[5, 6], [], [7]]
    assert form_of(setup) != form_of(SETUP)


def test_an_outbox_knows_what_is_in_it(tmp_path):
    setup = {**SETUP, "name": "raw"}
    outbox = Outbox(tmp_path / "raw" / "one", setup, "pi")
    parcels = [outbox.add(a_block(count)) for count in (4, 3, 2)]
    assert outbox.events == 9
    assert outbox.size_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.arrows"))
    outbox.forget(parcels[0], all_of_it=False)
    again = Outbox(tmp_path / "raw" / "one", setup, "pi")
    assert again.events == outbox.events == 5
    assert again.size_bytes == outbox.size_bytes
    assert again.size_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*.arrows"))


def test_each_run_of_each_host_has_a_subject_of_its_own():
    assert subject_of("lab", "raw") == "mimocorb.lab.buffers.raw.*.*"
    assert subject_of("lab", "raw", "pi", "one") == "mimocorb.lab.buffers.raw.pi.one"
    assert subject_of("lab", "raw", "pi", "a.b").count(".") == 5


def test_no_flipped_bit_goes_unnoticed():
    packed = WholeSegments("raw", SETUP).of(a_block())
    columns = Columns(SETUP["dtype"], 3)
    for place in range(0, len(packed), 7):
        damaged = bytearray(packed)
        damaged[place] ^= 4
        try:
            found = unpack(bytes(damaged), columns)
        except DamagedFile:
            continue
        assert (found.data == a_block().data).all()  # a byte that nothing depends on


def test_a_label_is_read_as_it_was_written():
    written = Label("pi", "run 1", 3, 40, 5, "abc")
    assert Label.read(written.headers()) == written
    assert written.headers()["Nats-Msg-Id"] == "run 1/3"
    with pytest.raises(EngineError, match="not from mimocorb"):
        Label.read({"Nats-Msg-Id": "x"})


def test_the_form_tells_buffers_apart():
    assert form_of(SETUP) == form_of(dict(SETUP))
    assert form_of(SETUP) != form_of({**SETUP, "values_per_slot": 4})
    assert form_of(SETUP) != form_of({**SETUP, "dtype": np.dtype([("x", np.int16)])})


def test_names_of_buffers_stay_different_for_the_engine():
    assert stream_of("lab", "raw") == "mimocorb_lab_raw"
    assert len({stream_of("lab", name) for name in ("a b", "a.b", "a-b", "a_b")}) == 4


def taken(arrivals: Arrivals[int], *blocks: int) -> list[int]:
    found = []
    for block in blocks:
        for each in arrivals.in_turn(label(block), block):
            if arrivals.is_new(label(each)):
                found.append(each)
            arrivals.came(label(each))
    return found


def test_messages_that_come_early_wait_for_their_turn():
    assert taken(Arrivals(["pi"], [], in_order=True), 1, 3, 4, 2, 5) == [1, 2, 3, 4, 5]


def test_what_comes_twice_is_dropped():
    arrivals: Arrivals[int] = Arrivals(["pi"], [], in_order=True)
    assert taken(arrivals, 1, 2, 2, 1, 3) == [1, 2, 3]
    assert arrivals.dropped == 2


def test_who_waits_for_what_another_run_has_had_does_not_wait_for_ever():
    arrivals: Arrivals[int] = Arrivals(["pi"], [], in_order=True)
    assert taken(arrivals, 1, 3, 4) == [1]
    assert list(arrivals.overdue(60.0)) == []
    assert list(arrivals.overdue(0.0)) == [3, 4]


def test_a_process_in_the_place_of_another_knows_what_is_in_the_ring(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.take("$JS.ACK.1")
        journal.note(label(1, 10), 0)
        journal.note(label(2, 10), 10)
        journal.note(label(3, 10), 20)
    with (tmp_path / "journal").open("a") as file:
        file.write('["pi", "on')  # cut off
    with Journal(tmp_path / "journal") as journal:
        assert journal.taken == ["$JS.ACK.1"]
        assert journal.entries[-1] == Entry("pi", "one", 3, 10, 20)
        arrivals: Arrivals[int] = Arrivals(["pi"], journal.entries, in_order=True)
    arrivals.forget_what_is_not_in(14)
    assert not arrivals.is_new(label(1, 10))
    assert arrivals.is_new(label(2, 10))
    assert arrivals.part_in_ring(label(2, 10)) == 4
    assert arrivals.is_new(label(3, 10))
    assert arrivals.part_in_ring(label(3, 10)) == 0


def test_it_ends_when_every_sender_has_ended():
    arrivals: Arrivals[int] = Arrivals(["pi", "pc"], [], in_order=True)
    arrivals.came(label(1))
    arrivals.came(label(2, 0))
    assert not arrivals.all_ended
    arrivals.came(label(1, 0, host="pc"))
    assert arrivals.all_ended


def test_the_end_of_a_run_that_another_has_followed_is_no_end():
    arrivals: Arrivals[int] = Arrivals(["pi"], [], in_order=True)
    arrivals.came(label(1, 0)._replace(more=1))
    assert not arrivals.all_ended
    arrivals.came(label(1, 0, run="two"))
    assert arrivals.all_ended


def test_what_did_not_come_is_told():
    arrivals: Arrivals[int] = Arrivals(["pi"], [], in_order=True)
    for block in (1, 2, 4):
        arrivals.came(label(block))
    arrivals.came(label(5, 0))
    assert list(arrivals.missing()) == ["pi, run one: 1 message of 4 did not come"]
