"""The contract of devices finds out those that do not keep it."""

from __future__ import annotations

from typing import ClassVar

import pytest
from naive_devices import gives_up, never_ends, repeats

from mimocorb.testing.devices import DeviceContract
from mimocorb.testing.fakes.lines import LinesAtSerialPort, counting


class Numbers(DeviceContract):
    buffer: ClassVar = {"data_length": 1, "data_dtype": {"number": "float64"}}

    def simulated(self, directory):
        events = counting("number")
        return LinesAtSerialPort(directory / "port", events, lambda event: f"{event['number']}")


class GivesUp(Numbers):
    component = gives_up


class Repeats(Numbers):
    component = repeats
    never_lost = "not looked at"
    never_silent = "not looked at"


class NeverEnds(Numbers):
    component = never_ends
    never_lost = "not looked at"
    never_silent = "not looked at"


def test_a_source_that_fails_when_the_cable_is_pulled_out_is_found_out(tmp_path):
    with pytest.raises(AssertionError, match="it ended before it says 'alarm, device lost'"):
        GivesUp()._take(tmp_path)


def test_a_source_that_delivers_an_event_twice_is_found_out(tmp_path):
    contract = Repeats()
    taken = contract._take(tmp_path)
    contract.test_the_run_starts_and_ends_in_order(taken)
    with pytest.raises(AssertionError, match="an event came twice"):
        contract.test_events_are_complete_and_in_order(taken)
    with pytest.raises(AssertionError, match="reading_out"):
        contract.test_it_tells_how_long_it_reads_out(taken)


def test_a_source_that_does_not_notice_the_end_of_the_run_is_found_out(tmp_path):
    contract = NeverEnds()
    taken = contract._take(tmp_path)
    with pytest.raises(AssertionError, match="did not notice the end"):
        contract.test_the_run_starts_and_ends_in_order(taken)
