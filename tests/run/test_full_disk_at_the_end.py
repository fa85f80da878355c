"""What functions of the user write at their end, on a disk that is full at that moment."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from running import WATCHDOG_S

FULL_AT_THE_END = """
mount -t tmpfs -o size=2m none "$1/target" || exit 99
cd "$1"
"$2" -m mimocorb.cli run setup.yaml --lines --no-keyboard > told 2>&1 &
for who in Keeps Writes Library; do
  until grep -q "$who.*\\(cannot write\\|cannot be written\\|No space left\\)" told; do
    kill -0 $! || exit 98; sleep 0.1
  done
done
rm target/filler
wait $!
code=$?
cp -a target/. kept
exit $code
"""
SETUP = """
disk_floor_mb: 0
Buffers: {raw: {slot_count: 16, data_length: 1, data_dtype: {x: float64}}}
Workers:
  source: {file: work.py, function: numbers, sinks: [raw]}
  keeps: {file: work.py, function: Keeps, sources: [raw]}
  writes: {file: work.py, function: Writes, sources: [raw]}
  left: {file: work.py, function: left_open, sources: [raw]}
  library: {file: work.py, function: Library, sources: [raw]}
"""
CODE = """
import errno
import os
import time
from pathlib import Path

import mimocorb as mc


@mc.source
def numbers(*, directory):
    for number in range(50):
        yield [float(number)]
    time.sleep(0.5)
    with open(directory.parent / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass


@mc.sink
class Keeps:
    def __init__(self, *, directory: Path):
        self.file = open(directory / "keeps.txt", "w")

    def __call__(self, events):
        for event in events:
            print(event["x"][0], file=self.file)

    def close(self):
        self.file.close()


@mc.sink
class Writes:
    def __init__(self, *, directory: Path):
        self.path, self.seen = directory / "writes.txt", []

    def __call__(self, events):
        self.seen += [float(x) for x in events["x"][:, 0]]

    def close(self):
        time.sleep(1.0)
        self.path.write_text("".join(f"{x}\\n" for x in self.seen))


OPENED = []


@mc.sink
def left_open(events, *, directory: Path):
    if not OPENED:
        OPENED.append(open(directory / "left.txt", "w"))
    for event in events:
        print(event["x"][0], file=OPENED[0])


@mc.sink
class Library:
    '''Takes itself for closed when its end has failed, as libraries for files do.'''

    def __init__(self, *, directory: Path):
        self.descriptor = os.open(directory / "library.bin", os.O_WRONLY | os.O_CREAT)
        self.closed = False

    def __call__(self, events):
        pass

    def close(self):
        if self.closed:
            return
        self.closed = True
        time.sleep(1.0)
        os.write(self.descriptor, bytes(4096))
"""


def test_what_is_written_at_the_end_waits_for_room_unless_it_would_be_lost(tmp_path):
    namespace = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.call(
        [*namespace, "true"], stderr=subprocess.DEVNULL
    ):
        pytest.skip("no file system of its own can be mounted here")
    (tmp_path / "setup.yaml").write_text(SETUP)
    (tmp_path / "work.py").write_text(CODE)
    for name in ("target", "kept"):
        (tmp_path / name).mkdir()
    command = [*namespace, "sh", "-c", FULL_AT_THE_END, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WATCHDOG_S)
    if done.returncode == 99:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    told = (tmp_path / "told").read_text()
    assert done.returncode == 1, told + done.stderr
    expected = [str(float(number)) for number in range(50)]
    for name in ("keeps", "writes", "left"):
        (file,) = tmp_path.glob(f"kept/*/{name}.txt")
        assert file.read_text().split() == expected, told
    (summary,) = tmp_path.glob("kept/*/summary.txt")
    failed = [line for line in summary.read_text().splitlines() if "library Library" in line]
    assert any("No space left on device" in line for line in failed), summary.read_text()
    assert not any(name in told for name in ("keeps Keeps failed", "writes Writes failed"))
