"""What was sent and what came, number by number: missing, twice, not known yet."""

from __future__ import annotations

import json

import pytest

from mimocorb.run.hosts import comparing
from mimocorb.run.hosts.comparing import Came
from mimocorb.run.hosts.told import Ledger
from mimocorb.run.record.connected import merged, minus, overlap, size, written


@pytest.mark.parametrize(
    ("ranges", "others", "left"),
    [
        ([(1, 10)], [], [(1, 10)]),
        ([(1, 10)], [(4, 6)], [(1, 3), (7, 10)]),
        ([(1, 10)], [(1, 10)], []),
        ([(1, 3), (5, 9)], [(2, 6)], [(1, 1), (7, 9)]),
        ([(1, 3)], [(7, 9)], [(1, 3)]),
    ],
)
def test_ranges_are_taken_from_ranges(ranges, others, left):
    assert minus(ranges, others) == left
    both = overlap(ranges, others)
    assert size(left) + size(both) == size(ranges)


def test_ranges_that_touch_are_one():
    assert merged([(5, 6), (1, 2), (3, 4), (9, 9), (5, 5)]) == [(1, 6), (9, 9)]
    assert written([(1, 1), (3, 9)]) == "1, 3–9"


def compare(own, ledgers, waiting=0):
    return comparing.compare(own, ledgers, lambda _buffer, _reader: waiting)


def sender(state="ended", events=100):
    return Ledger(
        "pi", "one", "", {"state": state, "number": 4}, {"raw": ["pc"]}, {"raw": [(1, events)]}
    )


def receiver(run, *ranges, state="ended"):
    reads = {"raw": ("raw", "pc")}
    came = {"raw": {"pi/one": list(ranges)}}
    return Ledger("pc", run, "", {"state": state, "number": 1}, reads=reads, came=came)


def test_both_ends_agree():
    pi, pc = sender(), receiver("a", (1, 100))
    for own, direction in ((pi, "to"), (pc, "from")):
        (found,) = compare(own, [pi, pc])
        assert found.agrees
        assert found.direction == direction
        assert "100 events sent, 100 came, each of them once" in found.told()


def test_what_is_missing_and_what_came_twice_is_named():
    ledgers = [sender(), receiver("a", (1, 50)), receiver("b", (41, 60), (71, 100))]
    (found,) = compare(ledgers[0], ledgers)
    assert (found.missing, found.twice) == ([(61, 70)], [(41, 50)])
    assert found.compared
    assert not found.agrees
    assert "missing: 10 (numbers 61–70); twice: 10 (numbers 41–50)" in found.told()
    assert compare(ledgers[1], ledgers)[0].missing == [(61, 70)]


def test_as_long_as_one_end_goes_on_nothing_is_called_missing():
    ledgers = [sender(), receiver("a", (1, 50), state="running")]
    (found,) = compare(ledgers[0], ledgers)
    assert not found.compared
    assert "not there yet: 50 (numbers 51–100); a run goes on, or events wait" in found.told()
    (alone,) = compare(sender(), [])
    assert "100 events sent, no run has read them yet" in alone.told()


@pytest.mark.parametrize("waiting", [3, None])
def test_what_waits_in_the_engine_is_not_missing(waiting):
    ledgers = [sender(), receiver("a", (1, 50))]
    assert not compare(ledgers[0], ledgers, waiting)[0].compared
    assert compare(ledgers[0], ledgers)[0].compared


def test_a_run_that_has_just_begun_may_get_the_rest():
    ledgers = [sender(), receiver("a", (1, 50), state="killed"), receiver("b", state="running")]
    assert not compare(ledgers[0], ledgers)[0].compared


def test_a_killed_run_that_another_one_has_followed_is_over():
    ledgers = [sender(), receiver("a", (1, 50), state="running"), receiver("b", (51, 100))]
    assert not compare(ledgers[0], ledgers)[0].compared
    ledgers[1].record["started_utc"], ledgers[2].record["started_utc"] = "2026-1", "2026-2"
    assert compare(ledgers[0], ledgers)[0].agrees


def test_what_came_is_read_from_the_journal_as_it_grows(tmp_path):
    path = tmp_path / "received_raw.jsonl"
    came = Came(path)
    came.look()
    assert came.ranges == {}
    with path.open("w") as file:
        file.write('"$JS.ACK.1"\n')
        file.write(json.dumps(["pi", "one", 1, 10, 0, 1]) + "\n")
        file.write(json.dumps(["pi", "one", 3, 5, 10, 21]) + "\n")
        file.write('["pi", "one", 4, 5')
        file.flush()
        came.look()
        assert came.ranges == {"pi/one": [(1, 10), (21, 25)]}
        file.write(", 15, 26]\n" + json.dumps(["pi", "one", 2, 10, 20, 11]) + "\n")
    came.look()
    assert came.ranges == {"pi/one": [(1, 30)]}
