"""A short form of the campaign that damages files; see format_campaign.py."""

from __future__ import annotations

import pytest
from format_campaign import BAD, outcomes
from format_samples import ANY_LENGTH, OF_OTHERS, OURS

from mimocorb.recording.formats import formats

ALIKE = [f"{name}{ANY_LENGTH}" for name in ("parquet", "root", "npz")]
"""Only in the campaign: what is new in them is tried with others."""
NAMES = [name for name in (*OURS, *OF_OTHERS) if name not in ALIKE]


@pytest.mark.parametrize("kind", ["cuts", "flips", "mutations"])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_gives_no_crash_no_hang_and_no_error_of_others(name, kind):
    make = (OURS | OF_OTHERS)[name]
    found = [each for _, each in outcomes(make, kind, 30, seed=1000)]
    assert len(found) == 30
    assert [each for each in found if each.startswith(BAD)] == []
    if name in OURS and "prove" not in formats()[name.partition(",")[0]].cannot:
        assert [each for each in found if each.endswith("wrong")] == []


def test_a_note_of_an_archive_whose_name_is_no_text_is_no_error_of_others():
    ((_, found),) = outcomes(OURS["parquet_tar"], "mutations", 1, seed=396)
    assert not found.startswith(BAD)
