"""Files of another version are refused with both versions, and never read wrongly."""

from __future__ import annotations

import numpy as np
import pytest

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording import write_recording
from mimocorb.recording.segments import VERSION


def test_a_recording_of_another_version_is_refused_naming_both(tmp_path, monkeypatch):
    monkeypatch.setattr(write_recording, "VERSION", 9)
    setup = {"name": "raw", "dtype": np.dtype([("h", "f8")]), "values_per_slot": 1}
    with write_recording.RecordingWriter("record", tmp_path, "waves", setup) as writer:
        numbers = np.arange(5)
        metadata = BatchMetadata(numbers, 1.7e9 + numbers, np.full(5, -1.0))
        metadata.sequence = numbers + 1
        writer.append(np.zeros((5, 1), setup["dtype"]), metadata)
    with (
        pytest.raises((SetupError, DamagedFile), match=f"of version {VERSION}, found .* 9"),
        mimocorb.open(tmp_path / "waves") as events,
    ):
        len(events)
