"""F15 and F17: a disk that fails to take what was written, and a power cut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from disks import with_shim

import mimocorb

WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.recording.write_recording import RecordingWriter

directory, compression, sync, batches, pause_s, segment_bytes = sys.argv[1:]
setup = {"name": "raw", "dtype": np.dtype([("a", "i4"), ("b", "f8")]), "values_per_slot": 50}
sync_s = {"none": None, "1s": 0.05, "each": 0.0}[sync]
writer = RecordingWriter("record", Path(directory), "waves", setup, compression=compression,
                         sync_s=sync_s, segment_bytes=float(segment_bytes))
with writer:
    for batch in range(int(batches)):
        numbers = np.arange(7 * batch, 7 * batch + 7)
        events = np.zeros((7, 50), setup["dtype"])
        events["a"] = numbers[:, np.newaxis]
        events["b"] = np.sqrt(numbers)[:, np.newaxis]
        metadata = BatchMetadata(numbers, numbers / 8, numbers / 16)
        metadata.sequence = numbers + 1
        writer.append(events, metadata)
        time.sleep(float(pause_s))
"""


def write(directory: Path, *arguments: object, **disk: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WRITER, str(directory), *map(str, arguments)],
        env=with_shim(**disk),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def check_all_events_once(directory: Path, events: int) -> None:
    with mimocorb.open(directory / "waves") as found:
        assert sorted(found.metadata.counter.tolist()) == list(range(events))
        for block in found.blocks():
            np.testing.assert_array_equal(block.data["a"][:, 3], block.metadata.counter)
            np.testing.assert_array_equal(block.data["b"][:, 49], np.sqrt(block.metadata.counter))
        assert found.damage() == []


@pytest.mark.parametrize("compression", ["none", "lz4"])
@pytest.mark.parametrize("drops", [False, True], ids=["kept by the system", "dropped"])
@pytest.mark.parametrize("call", [1, 2, 5])
@pytest.mark.parametrize("sync", ["1s", "each"])
def test_what_could_not_be_brought_to_the_disk_is_written_anew(
    tmp_path, sync, call, drops, compression
):
    done = write(
        tmp_path,
        compression,
        sync,
        40,
        0.02 if sync == "1s" else 0,
        1e9,
        fail=str(call),
        drops=drops,
    )
    assert done.returncode == 0, done.stderr
    assert "waves.000.arrows could not be brought to the disk (Input/output error)" in done.stderr
    assert len(list(tmp_path.glob("waves.*.arrows"))) == 2
    check_all_events_once(tmp_path, 280)


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6])
def test_segments_that_have_ended_are_written_anew_as_well(tmp_path, call):
    done = write(tmp_path, "none", "none", 40, 0, 15_000, fail=str(call))
    assert done.returncode == 0, done.stderr
    assert "could not be brought to the disk" in done.stderr
    check_all_events_once(tmp_path, 280)


def test_what_is_neither_in_memory_nor_in_the_file_any_more_is_told(tmp_path):
    done = write(tmp_path, "none", "none", 40, 0, 1e9, fail="1", drops=True)
    assert done.returncode == 1
    assert "280 events could not be brought to the disk, and are not there any more" in done.stderr


def test_a_disk_that_fails_again_and_again_is_an_error_outside_a_run(tmp_path):
    done = write(tmp_path, "none", "each", 40, 0, 1e9, fail="3+100")
    assert done.returncode == 1
    assert "could not be brought to the disk, and not written anew either" in done.stderr


NUMBERS = """
import mimocorb as mc

@mc.source
def numbers(*, count: int):
    for number in range(count):
        yield {"number": float(number)}
"""


def test_a_run_whose_disk_fails_a_while_waits_and_loses_nothing(tmp_path):
    (tmp_path / "functions.py").write_text(NUMBERS)
    form = {"slot_count": 64, "data_length": 1, "data_dtype": {"number": "float64"}}
    feed = {"file": "functions.py", "function": "numbers", "sinks": ["raw"]}
    setup = {
        "Buffers": {"raw": form},
        "Workers": {
            "feed": {**feed, "config": {"count": 500}},
            "save": {
                "function": "record",
                "sources": ["raw"],
                "config": {"filename": "waves", "sync": "each"},
            },
        },
    }
    (tmp_path / "setup.yaml").write_text(yaml.safe_dump(setup))
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "run", "--lines", "--no-keyboard", "setup.yaml"],
        cwd=tmp_path,
        env=with_shim(fail="3+4"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert (
        "waves.000.arrows cannot be written: Input/output error; make room, the run waits" in told
    )
    assert "waves.000.arrows could not be brought to the disk (Input/output error)" in told
    (directory,) = tmp_path.glob("target/*/")
    with mimocorb.open(directory)["waves"] as found:
        assert found.metadata.counter.tolist() == list(range(500))
        assert found.damage() == []
    verified = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", "files", "verify", directory],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout
