"""Functions that keep events after they have returned: they get copies, or are told."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from mimocorb.components.roles.lent_events import LentEvents
from mimocorb.mimo_buffer import NewBuffer, Reader, Writer

EVENTS = 64
SLOTS = 4


def handed_on(keep_from, *, batch, part):
    """Hand events over to a function that keeps some; returns what it has in the end."""
    kept = []

    def function(events):
        chosen = [event for event in (events if batch else [events]) if event["x"][0] >= keep_from]
        kept.extend(event["x"] if part else event for event in chosen)

    with NewBuffer(SLOTS, 1, [("x", "f8")]) as buffer:
        reader = Reader(buffer.new_reader_group())
        writer = Writer(buffer.new_writer())
        lent = LentEvents(reader, "function")
        for number in range(EVENTS):
            writer.write([number])
            reader.take(1)
            if batch:
                function(lent.together(reader.together()))
            else:
                function(*lent.each(reader.each()))
            reader.acknowledge()
            lent.look()
        found = [float(np.asarray(event["x"] if event.dtype.names else event)[0]) for event in kept]
        kept.clear()
        return found


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("part", [False, True])
def test_who_keeps_the_first_events_gets_copies_and_they_stay_right(batch, part, caplog):
    assert handed_on(0, batch=batch, part=part) == list(range(EVENTS))
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("part", [False, True])
def test_who_begins_to_keep_later_is_told_once_and_gets_copies_from_then_on(batch, part, caplog):
    found = handed_on(10, batch=batch, part=part)
    (told,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "function keeps events after it has returned" in told.getMessage()
    assert told.of_function
    assert found[EVENTS // 2 - 10 :] == list(range(EVENTS // 2, EVENTS))
    assert found != list(range(10, EVENTS))  # what was kept before is what the warning is about


@pytest.mark.parametrize("batch", [False, True])
def test_who_keeps_nothing_gets_views_and_no_word(batch, caplog):
    caplog.set_level(logging.INFO)
    assert handed_on(EVENTS, batch=batch, part=False) == []
    assert not caplog.records
