"""The spill file: what is put in comes out, and damage is noticed."""

import json
import zipfile

import numpy as np
import pytest
from spilled import some_events

from mimocorb.cli import main
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.spill_file import SpillFile, read_index, spilled_events


def test_a_spill_file_gives_back_what_was_put_in(tmp_path):
    path = tmp_path / "spill.npz"
    with SpillFile(path, "setup.yaml", ["--set runevents=500"]) as file:
        file.add("raw", "fit", some_events(1, 2))
        file.add("raw", "save", some_events(5))
        file.add("raw", "fit", some_events(3))
        assert not path.exists()
    index = read_index(path)
    assert (index.setup, index.settings) == ("setup.yaml", ["--set runevents=500"])
    assert [(g.buffer, g.worker, g.events, g.sequences) for g in index.groups] == [
        ("raw", "fit", 3, (1, 3)),
        ("raw", "save", 1, (5, 5)),
    ]
    rows = np.concatenate(list(spilled_events(path, "raw", "fit")))
    assert rows.tobytes() == some_events(1, 2, 3).tobytes()


def test_a_damaged_event_is_noticed(tmp_path):
    path = tmp_path / "spill.npz"
    with SpillFile(path, "setup.yaml") as file:
        file.add("raw", "fit", some_events(1, 2))
    with zipfile.ZipFile(path) as archive:
        place = archive.infolist()[0].header_offset
    content = bytearray(path.read_bytes())
    content[place + 300] ^= 1
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"spill.npz is damaged in 000_000000.npy"):
        list(spilled_events(path, "raw", "fit"))


def test_a_spill_file_is_not_overwritten(tmp_path):
    (tmp_path / "spill.npz").touch()
    with pytest.raises(OutputError, match="exists already"):
        SpillFile(tmp_path / "spill.npz", "setup.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no spill file"),
        (b"text", "not a whole spill file"),
        ({"format": "other", "version": 1}, "found 'other' of version 1"),
        ({"format": "mimocorb spill", "version": 9}, "of version 9; use the mimocorb"),
    ],
)
def test_what_is_no_spill_file_is_refused(tmp_path, capsys, content, message):
    path = tmp_path / "spill.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("index.json", json.dumps(content))
    assert main(["replay", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
