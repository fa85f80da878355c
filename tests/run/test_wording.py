"""Numbers, things and times as people read them."""

from __future__ import annotations

import pytest

from mimocorb._words import count, how_many, ordinal, verb
from mimocorb.run.wording import end_of, time_taken, wrapped


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (0, "event", "0 events"),
        (1, "event", "1 event"),
        (1024, "event", "1 024 events"),
        (1, "process", "1 process"),
        (2, "process", "2 processes"),
    ],
)
def test_one_thing_is_singular_and_any_other_number_plural(number, noun, expected):
    assert how_many(number, noun) == expected


def test_the_verb_goes_with_the_number():
    assert [verb(number, "was") for number in (0, 1, 2)] == ["were", "was", "were"]
    assert [verb(number, "has") for number in (1, 2)] == ["has", "have"]


def test_digits_stand_in_groups_of_three():
    assert count(1234567) == "1 234 567"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (13, "13th"),
        (21, "21st"),
        (111, "111th"),
        (1022, "1 022nd"),
    ],
)
def test_a_place_in_a_row(number, expected):
    assert ordinal(number) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "–"),
        (0.0, "0.0 s"),
        (0.0123, "0.0123 s"),
        (4.368, "4.37 s"),
        (43.68, "43.7 s"),
        (59.949, "59.9 s"),
        (59.95, "0:01:00"),
        (754.6, "0:12:35"),
        (36000.0, "10:00:00"),
    ],
)
def test_a_time_that_is_over_has_the_digits_that_matter(seconds, expected):
    assert time_taken(seconds) == expected


def test_of_a_long_name_the_end_is_shown():
    assert end_of("sink BufferToParquetfile", 20) == "…BufferToParquetfile"
    assert end_of("sink BufferToParquetfile", 25) == "sink BufferToParquetfile"


def test_a_long_line_is_folded_between_words_and_what_fits_stays_as_it_is():
    table = "  RB_1     12 =    7\n\n  - one and-a-half words"
    assert wrapped(table, 30) == table
    assert wrapped(table, 20) == "  RB_1     12 =    7\n\n  - one and-a-half\n    words"
