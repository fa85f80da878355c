"""What a run says of the hosts that it is connected with: who is away, since when, what waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mimocorb.model.engine import EngineSpec, HostPart, ReadBuffer
from mimocorb.run.host_view import HostView
from mimocorb.run.hosts.partners import LOST_S, Partners, first_difference
from mimocorb.run.hosts.told import Asked, Told
from mimocorb.run.record.connected import Clock

ENGINE = EngineSpec("nats://daq:4222")
PI = HostPart("pi", ("pi", "pc"), ENGINE, writes={"raw": {"pc": ("pc",)}})
PC = HostPart("pc", ("pi", "pc"), ENGINE, reads={"raw": ReadBuffer("raw", "pc", ("pi",))})


def told(host, run="one", state="running", **more):
    view = HostView(host, "two", run, 1, "box", 7, state, elapsed_s=50.0)
    sides = {"writes": {"raw": ["pc"]}} if host == "pi" else {"reads": {"raw": ["pc"]}}
    return Told(view, ("pi", "pc"), setup_hash="a", **sides, **more)


@pytest.fixture
def pi():
    """What the run on pi knows: pc reads what it writes, and was heard at 100 s."""
    partners = Partners(PI, "two")
    partners.is_own(told("pi", published={"raw": 90}))
    partners.heard(told("pc", came={"raw": {"pi/one": 60}}), 100.0)
    assert list(look(partners, 100.0)) == []
    return partners


def look(partners, now_s, *, is_there=True):
    return partners.look(now_s, is_there=is_there, reason="refused")


def test_a_host_without_a_sign_is_away_and_comes_back(pi):
    assert list(look(pi, 100.0 + LOST_S)) == []
    (alarm,) = look(pi, 100.5 + LOST_S)
    assert alarm.kind == "host away"
    assert "run 1 of pc on box gives no sign any more" in alarm.text
    assert "30 events of raw" in alarm.text
    pi.heard(told("pc", "two"), 110.0)
    (over,) = look(pi, 110.0)
    assert not over.goes_on
    assert over.text == "pc is back"


def test_an_engine_that_is_away_is_told_and_hosts_are_not_blamed_for_it(pi):
    assert list(look(pi, 101.0, is_there=False)) == []
    (alarm,) = look(pi, 120.0, is_there=False)
    assert alarm.kind == "engine away"
    assert "cannot be reached: refused; up to 30 events of raw wait in the outbox" in alarm.text
    (over,) = look(pi, 121.0)
    assert over.text == "the engine is back"
    assert list(look(pi, 121.0 + LOST_S)) == []


@pytest.mark.parametrize(("state", "says"), [("killed", "was killed"), ("ended", "has ended")])
def test_a_reader_that_has_ended_before_its_writer_is_told(pi, state, says):
    pi.heard(told("pc", state=state), 101.0)
    (alarm,) = look(pi, 102.0 + LOST_S)
    assert says in alarm.text
    assert "90 events of raw wait for it" in alarm.text


def test_a_writer_that_has_ended_is_no_trouble():
    pc = Partners(PC, "two")
    pc.is_own(told("pc"))
    pc.heard(told("pi"), 100.0)
    pc.heard(told("pi", state="ended"), 101.0)
    assert list(look(pc, 200.0)) == []


def test_clocks_that_are_too_far_apart_are_told(pi):
    pc = told("pc")
    pi.clock(pc, Clock(0.2, 0.1))
    assert list(look(pi, 100.0)) == []
    pi.clock(pc, Clock(-3.0, 0.01))
    (alarm,) = look(pi, 100.0)
    assert "the clock of pc is about 3 s behind that of pi" in alarm.text
    assert pi.clocks["pc"] == Clock(-3.0, 0.01)


def test_what_is_merged_by_time_says_how_well_clocks_have_to_agree():
    partners = Partners(replace(PI, offset_s=0.001), "two")
    partners.is_own(told("pi"))
    partners.heard(told("pc"), 100.0)
    partners.clock(told("pc"), Clock(0.004, 0.0005))
    (alarm,) = look(partners, 100.0)
    assert "merged by time within 0.001 s" in alarm.text


def test_the_same_host_twice_is_told(pi):
    pi.heard(told("pi", "other"), 101.0)
    (alarm,) = look(pi, 101.0)
    assert alarm.kind == "host runs twice"
    assert "process 7; stop one of them" in alarm.text


def test_a_request_is_taken_once_and_only_if_it_is_about_this_run(pi):
    asked = Asked("pc/one/1", "pause", "mimocorb pause", 2.0)
    for _ in range(2):
        pi.heard(told("pc", asked=asked), 101.0)
    pi.heard(told("pc", asked=Asked("pc/one/2", "stop", "a key", 55.0)), 101.0)
    pi.heard(replace(told("pc", asked=Asked("x/1", "stop", "x")), hosts=()), 101.0)
    assert [each.command for _, each in pi.requests] == ["pause", "stop"]


def test_a_host_of_another_set_up_shares_a_buffer_and_asks_nothing(pi):
    other = told("elsewhere", asked=Asked("e/1", "stop", "x"))
    other = replace(other, view=replace(other.view, title="other"))
    pi.heard(other, 101.0)
    assert [view.host for view in pi.views(101.0)] == ["pc", "elsewhere"]
    assert pi.requests == []


def test_another_set_up_is_told_with_the_line(pi):
    other = replace(told("pc"), setup_hash="b")
    pi.heard(other, 101.0)
    assert list(pi.other_setups()) == [other]
    pi.setup_differs(other, "a: 1\nb: 2\n", "a: 1\nb: 3\n")
    (alarm,) = look(pi, 101.0)
    assert "line 2 is here 'b: 2', on pc 'b: 3'" in alarm.text
    assert "line 3 is here nothing" not in first_difference("a\nb", "a\nb\nc", "pc")
    assert list(pi.other_setups()) == []
