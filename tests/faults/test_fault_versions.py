"""Files of another version are refused with both versions, and never read wrongly."""

from __future__ import annotations

import numpy as np
import pytest

import mimocorb
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.segments import VERSION, segments_of
from mimocorb.recording.write_recording import RecordingWriter


def test_a_recording_of_another_version_is_refused_naming_both(tmp_path):
    setup = {"name": "raw", "dtype": np.dtype([("h", "f8")]), "values_per_slot": 1}
    with RecordingWriter("record", tmp_path, "waves", setup) as writer:
        numbers = np.arange(5)
        metadata = BatchMetadata(numbers, 1.7e9 + numbers, np.full(5, -1.0))
        metadata.sequence = numbers + 1
        writer.append(np.zeros((5, 1), setup["dtype"]), metadata)
    (path,) = segments_of(tmp_path, "waves")
    content = path.read_bytes()
    now = f'"version": {VERSION}'.encode()
    assert now in content
    path.write_bytes(content.replace(now, now[:-1] + b"9"))
    with (
        pytest.raises((SetupError, DamagedFile), match=f"of version {VERSION}, found .* 9"),
        mimocorb.open(path) as events,
    ):
        len(events)
