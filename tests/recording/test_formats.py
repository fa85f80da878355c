"""The formats that ship with mimocorb keep what a format promises."""

from __future__ import annotations

from mimocorb.recording.archive_format import ARCHIVE
from mimocorb.recording.formats import formats
from mimocorb.recording.recording_format import RECORDING
from mimocorb.recording.text_format import TEXT
from mimocorb.testing.formats import EventFileContract


class TestRecording(EventFileContract):
    format = RECORDING
    proves = True


class TestArchive(EventFileContract):
    format = ARCHIVE
    keeps_types = False


class TestText(EventFileContract):
    format = TEXT
    keeps_types = False
    knows_its_end = False


def test_they_are_offered_as_those_of_other_packages_are():
    assert formats() == {"record": RECORDING, "parquet_tar": ARCHIVE, "text": TEXT}
