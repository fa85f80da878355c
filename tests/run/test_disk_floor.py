"""``disk_floor_mb``: with less room than this no run begins, and one that takes data pauses."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from running import WATCHDOG_S, Worker, chain, run

SMALL_DISK = """
mount -t tmpfs -o size=8m none "$1/target" || exit 99
cd "$1"
"$2" -m mimocorb.cli run test_setup.yaml --lines --no-keyboard > told 2>&1 &
until grep -q 'RUNNING\\|running' told; do kill -0 $! || exit 98; sleep 0.1; done
head -c 5000000 /dev/zero > target/of_somebody_else
until grep -q 'paused: less than disk_floor_mb' told; do kill -0 $! || exit 97; sleep 0.1; done
rm target/of_somebody_else
until grep -q 'resumed: everything can be' told; do kill -0 $! || exit 96; sleep 0.1; done
"$2" -m mimocorb.cli stop "$1"/target/*/
wait $!
"""


def test_no_run_begins_below_the_floor(tmp_path):
    finished = run(chain(tmp_path, disk_floor_mb=1e12))
    assert finished.code == 2, finished.text
    assert "disk_floor_mb" in finished.text
    assert "make room, or choose another place" in finished.text
    assert not list(tmp_path.glob("target/*/"))


def test_a_run_pauses_below_the_floor_and_goes_on_by_itself(tmp_path):
    namespace = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.call(
        [*namespace, "true"], stderr=subprocess.DEVNULL
    ):
        pytest.skip("no file system of its own can be mounted here")
    source = Worker("numbers", {"RB_1": "write"}, {"events": 10**9, "pause_s": 0.001})
    chain(tmp_path, source=source, disk_floor_mb=4)
    (tmp_path / "target").mkdir()
    command = [*namespace, "sh", "-c", SMALL_DISK, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WATCHDOG_S)
    if done.returncode == 99:
        pytest.skip(done.stderr)
    told = (tmp_path / "told").read_text()
    assert done.returncode == 0, told + done.stderr
    assert "alarm, disk full: disk: less than disk_floor_mb = 4 MB are free" in told
