"""The spill file: what is put in comes out, and damage is noticed."""

import io
import json
import zipfile

import numpy as np
import pytest
from running import run, written_run
from spilled import some_events

import mimocorb
from mimocorb.buffers.batch_metadata import NO_TIME
from mimocorb.cli import main
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.block import joined_metadata
from mimocorb.recording.spill_file import SpillFile, read_index, spilled_events
from mimocorb.recording.spill_place import find_spill_file
from mimocorb.run.finish import Rest


def test_a_spill_file_gives_back_what_was_put_in(tmp_path):
    path = tmp_path / "spill.zip"
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
    blocks = list(spilled_events(path, "raw", "fit"))
    rows = some_events(1, 2, 3)
    assert np.concatenate([block.data for block in blocks]).tobytes() == rows["data"].tobytes()
    metadata = joined_metadata([block.metadata for block in blocks])
    assert metadata.sequence.tolist() == [1, 2, 3]
    assert metadata.counter.tolist() == rows["counter"].tolist()


def test_marks_and_times_survive(tmp_path):
    rows = some_events(1, 2, 3)
    rows["may_repeat"] = [False, True, False]
    rows["time_ns"] = [5, NO_TIME, 7]
    with SpillFile(tmp_path / "spill.zip", "setup.yaml") as file:
        file.add("raw", "fit", rows)
    (events,) = mimocorb.open(tmp_path / "spill.zip").values()
    assert events.metadata.may_repeat.tolist() == [False, True, False]
    assert events.metadata.time_ns.tolist() == [5, NO_TIME, 7]


def old_spill(path, *sequences, content=None):
    """Write a spill file as they were before: arrays of NumPy in an archive."""
    before = [("sequence", "<i8"), ("delivery", "<i8"), ("counter", "<i8"), ("timestamp", "<f8")]
    before += [("deadtime", "<f8"), ("time_ns", "<i8"), ("data", "<f8", (2,))]
    rows = np.zeros(len(sequences), before)
    rows["sequence"], rows["delivery"] = sequences, [1 + n % 2 for n in sequences]
    rows["counter"] = np.array(sequences) - 1
    rows["time_ns"] = NO_TIME
    rows["data"] = np.array(sequences)[:, None]
    group = {"buffer": "raw", "worker": "fit", "events": len(rows), "members": ["000_000000.npy"]}
    group["sequences"] = [sequences[0], sequences[-1]]
    index = {"format": "mimocorb spill", "version": 1, "setup": "setup.yaml", "settings": []}
    array = io.BytesIO()
    np.save(array, rows)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("000_000000.npy", array.getvalue() if content is None else content)
        archive.writestr("index.json", json.dumps(index | {"groups": [group]}))


def test_spill_files_of_before_are_read(tmp_path):
    old_spill(tmp_path / "spill.npz", 4, 5, 6)
    assert find_spill_file(tmp_path) == tmp_path / "spill.npz"
    (block,) = spilled_events(tmp_path / "spill.npz", "raw", "fit", (np.dtype("f8"), 2, False))
    assert block.data.tolist() == [[4.0, 4.0], [5.0, 5.0], [6.0, 6.0]]
    opened = mimocorb.open(tmp_path / "spill.npz")
    assert list(opened) == ["raw.fit"]
    metadata = opened["raw.fit"].metadata
    assert metadata.counter.tolist() == [3, 4, 5]
    assert metadata.may_repeat.tolist() == [False, True, False]
    assert metadata.time_ns is None


def test_a_damaged_event_is_noticed(tmp_path):
    path = tmp_path / "spill.zip"
    with SpillFile(path, "setup.yaml") as file:
        file.add("raw", "fit", some_events(1, 2))
    with zipfile.ZipFile(path) as archive:
        place = archive.infolist()[0].header_offset
    content = bytearray(path.read_bytes())
    content[place + 300] ^= 1
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"spill.zip is damaged in 000_000000.arrows"):
        list(spilled_events(path, "raw", "fit"))


def test_a_spill_file_is_not_overwritten(tmp_path):
    (tmp_path / "spill.zip").touch()
    with pytest.raises(OutputError, match="exists already"):
        SpillFile(tmp_path / "spill.zip", "setup.yaml")


def index_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("index.json"))


def with_index(path, text, *members):
    """Replace index and members of a spill file."""
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if name != "index.json"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**kept, **dict(members)}.items():
            archive.writestr(name, content)
        archive.writestr("index.json", text)


def array_file(header, data=b""):
    """The bytes of a file of an array, with this text as its header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


EVENT = (
    "[('sequence', '<i8'), ('delivery', '<i8'), ('counter', '<i8'), ('timestamp', '<f8'), "
    "('deadtime', '<f8'), ('time_ns', '<i8'), ('data', '<f8', (2,))]"
)
MANY = f"{{'descr': {EVENT}, 'fortran_order': False, 'shape': (1000000000000,), }}"
OTHER = "{'descr': '<i4', 'fortran_order': False, 'shape': (4,), }"
OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: [],
        lambda index: index | {"groups": 3},
        lambda index: index | {"groups": [1]},
        lambda index: index | {"setup": None},
        lambda index: index | {"settings": "--set x=1"},
        lambda index: index | {"settings": [["--set"]]},
        lambda index: index | {"groups": [index["groups"][0] | {"members": ["no.npy"]}]},
        lambda index: index | {"groups": [index["groups"][0] | {"members": "000_000000.npy"}]},
        lambda index: index | {"groups": [index["groups"][0] | {"members": []}]},
        lambda index: index | {"groups": [index["groups"][0] | {"events": 10**12}]},
        lambda index: index | {"groups": [index["groups"][0] | {"sequences": [1]}]},
        lambda _: "[" * 100_000,
        lambda _: b"\xff\xff\xff\xff" + bytes(100),
        lambda _: b"mimocorb seal: head=00000000 body=00000000 at=00000000 bytes=000000000000 {",
        lambda _: b"",
    ],
)
def test_a_damaged_spill_file_gets_one_message(left_run, capsys, damage):
    path = left_run / "spill.zip"
    index = index_of(path)
    damaged = damage(index)
    member = index["groups"][0]["members"][0]
    if isinstance(damaged, bytes):
        with_index(path, json.dumps(index), (member, damaged))
    else:
        with_index(path, damaged if isinstance(damaged, str) else json.dumps(damaged))
    before = sorted(left_run.parent.iterdir())
    assert main(["finish", str(left_run)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("mimocorb: ")
    assert error.count("\n") == 1
    assert "spill.zip" in error
    assert sorted(left_run.parent.iterdir()) == before  # nothing was started


@pytest.mark.parametrize(
    "content",
    [
        array_file(MANY, bytes(100)),
        array_file("(" * 5000),
        array_file(OTHER, bytes(16)),
        array_file(OBJECTS, bytes(8)),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)
def test_a_damaged_array_of_before_gets_one_message(tmp_path, content):
    old_spill(tmp_path / "spill.npz", 1, 2, content=content)
    with pytest.raises(SetupError, match=r"spill.npz is damaged in 000_000000.npy"):
        list(spilled_events(tmp_path / "spill.npz", "raw", "fit"))


def test_a_compressed_spill_file_is_refused(left_run, capsys):
    """Some bytes of it could be more than there is memory for."""
    path = left_run / "spill.zip"
    with zipfile.ZipFile(path) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            archive.writestr(name, content)
    assert main(["finish", str(left_run)]) == 2
    assert "is compressed" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{}", "[[", '[{"buffer": 1}]', "[" * 100_000, "\xff"])
def test_a_damaged_note_of_what_is_done_gets_one_message(left_run, capsys, text):
    (left_run / "spill_finished.json").write_text(text)
    assert main(["finish", str(left_run)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "spill_finished.json is damaged" in error


@pytest.mark.parametrize(
    "change",
    [
        lambda evil: {"setup": str(evil / "setup.yaml")},
        lambda evil: {"setup": f"../../{evil.name}/setup.yaml"},
        lambda evil: {"settings": [f"--set source.file={evil / 'work.py'}"]},
        lambda evil: {"settings": [f"--data {evil}"]},
    ],
)
def test_a_data_file_names_no_program_that_the_run_has_not_had(left_run, tmp_path, change, capsys):
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "setup.yaml").write_text((left_run / "setup.yaml").read_text())
    (evil / "work.py").write_text(f"open({str(evil / 'was_here')!r}, 'w')\n" + LEAVES)
    path = left_run / "spill.zip"
    with_index(path, json.dumps(index_of(path) | change(evil)))
    assert main(["finish", str(left_run)]) == 2
    assert "one of them has been changed, and none is run" in capsys.readouterr().err
    assert not (evil / "was_here").exists()


def test_the_same_events_are_not_processed_twice_at_once(left_run, capsys):
    with Rest(left_run).alone():
        assert main(["finish", str(left_run)]) == 2
    assert "is being processed by another command" in capsys.readouterr().err


LEAVES = """
import mimocorb as mc

@mc.source
def source():
    yield from ([float(number)] for number in range(5))

@mc.sink
def sink(events):
    raise OSError("no")
"""


@pytest.fixture
def left_run(tmp_path):
    """The directory of a run that has left events."""
    setup = """
Buffers: {raw: {slot_count: 8, data_length: 1, data_dtype: {x: float64}}}
Workers:
  source: {file: work.py, function: source, sinks: [raw]}
  sink: {file: work.py, function: sink, sources: [raw]}
"""
    finished = run(written_run(tmp_path, setup, LEAVES))
    assert (finished.directory / "spill.zip").exists(), finished.text
    return finished.directory


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
    path = tmp_path / "spill.zip"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("index.json", json.dumps(content))
    assert main(["finish", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
