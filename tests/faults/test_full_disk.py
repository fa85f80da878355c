"""F14: a full disk; all of it by ``tests/faults/full_disk_campaign.py``."""

import subprocess
import sys
from pathlib import Path

import pytest
from full_disk_campaign import NO_MOUNT

CAMPAIGN = Path(__file__).with_name("full_disk_campaign.py")


def test_runs_on_disks_of_different_sizes_lose_nothing_when_these_are_full():
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), "--sizes", "4"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == NO_MOUNT:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 sizes, 4 full:" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("lost 0, repeated 0")
