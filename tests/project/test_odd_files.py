"""Whatever file is named: a message, and nobody waits for what never comes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mimocorb._files import open_regular, read_regular
from mimocorb.devices.mimo_file import MimoFile
from mimocorb.errors import RunRecordError, RunUnreachable, SetupError
from mimocorb.run.record.run_record import read_record
from mimocorb.run.remote.place import noted_socket

SETUP = """
Buffers: {raw: {slot_count: 4, data_length: 1, data_dtype: {x: float64}}}
Workers:
  s: {file: work.py, function: s, sinks: [raw]CONFIG}
  t: {function: drain, sources: [raw]}
"""
CODE = """
import mimocorb as mc

@mc.source
def s():
    yield [1.0]
"""
LARGE = 30_000_000


def fifo(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def huge(path):
    with path.open("wb") as file:
        file.truncate(LARGE)


ODD = {fifo: "a FIFO, no regular file", device: "a device, no regular file", huge: "MiB"}


def mimocorb(directory, *arguments):
    command = [sys.executable, "-m", "mimocorb.cli", *arguments]
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("make", ODD)
@pytest.mark.parametrize("command", ["check", "run", "graph", "convert"])
@pytest.mark.parametrize("name", ["setup.yaml", "work.py", "config.yaml"])
def test_a_set_up_with_an_odd_file_gets_a_message(tmp_path, command, name, make):
    config = ", config: config.yaml" if name == "config.yaml" else ""
    for own, text in (("setup.yaml", SETUP.replace("CONFIG", config)), ("work.py", CODE)):
        if own != name:
            (tmp_path / own).write_text(text)
    make(tmp_path / name)
    done = mimocorb(tmp_path, command, "setup.yaml")
    assert "Traceback" not in done.stderr
    if name == "work.py" and command in ("graph", "convert"):  # which do not import it
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode != 0
    # a set-up says so at its own size
    said = "at most 1024 KiB" if make is huge and name != "work.py" else ODD[make]
    assert said in done.stdout + done.stderr, done.stderr


@pytest.mark.parametrize("make", ODD)
def test_describe_of_an_odd_file_gets_a_message(tmp_path, make):
    make(tmp_path / "work.py")
    done = mimocorb(tmp_path, "describe", "work")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert ODD[make] in done.stderr


@pytest.mark.parametrize("make", [fifo, device])
def test_odd_files_in_the_place_of_records_and_data_get_a_message(tmp_path, make):
    for name in ("run.json", "control.json", "spill.zip", "data.mimo"):
        make(tmp_path / name)
    with pytest.raises(RunRecordError, match="no regular file"):
        read_record(tmp_path)
    with pytest.raises(RunUnreachable, match="no regular file"):
        noted_socket(tmp_path)
    with pytest.raises(SetupError, match="no regular file"):
        MimoFile(tmp_path / "data.mimo")
    done = mimocorb(tmp_path, "finish", str(tmp_path))
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "no regular file" in done.stderr


def test_a_file_is_read_up_to_a_size(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, most_bytes=5) == b"12345"
    with pytest.raises(OSError, match="at most"):
        read_regular(path, most_bytes=4)
    with pytest.raises(OSError, match="goes on behind"):  # its size is said to be 0
        read_regular(type(path)("/proc/self/maps"), most_bytes=10)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
