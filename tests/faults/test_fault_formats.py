"""A short form of the campaign that damages files; see format_campaign.py."""

from __future__ import annotations

import pytest
from format_campaign import BAD, outcomes, read_out
from format_samples import ANY_LENGTH, OF_OTHERS, OURS

from mimocorb.errors import MimocorbError
from mimocorb.recording.formats import formats

ALIKE = [f"{name}{ANY_LENGTH}" for name in ("parquet", "root", "npz")]
"""Only in the campaign: what is new in them is tried with others."""
NAMES = [name for name in (*OURS, *OF_OTHERS) if name not in ALIKE]


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_gives_no_crash_no_hang_and_no_error_of_others(name):
    make = (OURS | OF_OTHERS)[name]
    found = [each for _, each in outcomes(make, "each", 90, seed=1000)]
    assert len(found) == 90
    assert [each for each in found if each.startswith(BAD)] == []
    if name in OURS and "prove" not in formats()[name.partition(",")[0]].cannot:
        assert [each for each in found if each.endswith("wrong")] == []


def test_a_note_of_an_archive_whose_name_is_no_text_is_no_error_of_others(tmp_path):
    path = OURS["parquet_tar"](tmp_path)
    path.write_bytes(path.read_bytes().replace(b"deadtime", b"\xffeadtime"))
    try:
        found, _ = read_out(path)
    except MimocorbError:
        return
    assert len(found) == 60
