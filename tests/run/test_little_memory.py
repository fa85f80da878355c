"""Runs where memory, descriptors or ``/dev/shm`` are short (row F18): words, never a signal."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_groups import little_memory
from running import Worker, buffer, chain, run, write_setup

MIB = 1 << 20
LIMIT_BYTES = 250 * MIB


@pytest.fixture
def small_group() -> Iterator[Path]:
    with little_memory(LIMIT_BYTES) as group:
        yield group


def join(group: Path) -> None:
    (group / "cgroup.procs").write_text("0")


def test_a_worker_that_the_kernel_kills_for_its_memory_is_replaced_and_its_event_set_aside(
    tmp_path, small_group
):
    """F10: a real kill for lack of memory, named as such; the others are processed."""
    keys = {"restart": {"policy": "on_failure", "backoff_s": 0.01}}
    config = {"needed_bytes": 2 * LIMIT_BYTES}
    middle = Worker("needs_memory", {"RB_1": "read", "RB_2": "write"}, config, keys=keys)
    source = Worker("numbers", {"RB_1": "write"}, {"events": 20})
    setup = chain(tmp_path, source=source, middle=middle)
    finished = run(setup, preexec_fn=lambda: join(small_group))
    assert finished.values() == [2.0 * n for n in range(20) if n != 5]
    assert finished.log.count("for lack of memory: its control group has counted such a kill") >= 3
    (failure,) = finished.summary["failures"]
    assert failure == "1 event of RB_1 failed again and again in needs_memory and was set aside"


def test_buffers_beyond_the_limit_of_a_control_group_are_refused_at_the_start(
    tmp_path, small_group
):
    large = write_setup(
        tmp_path,
        [buffer("RB_1", slots=64, values=LIMIT_BYTES // 64 // 8)],
        [Worker("numbers", {"RB_1": "write"}), Worker("drain", {"RB_1": "read"})],
    )
    finished = run(large, preexec_fn=lambda: join(small_group))
    assert finished.code == 2
    assert "the buffers need 250.0 MiB of memory" in finished.text
    assert "Traceback" not in finished.text
    assert not finished.parent.exists() or not list(finished.parent.iterdir())


def test_too_few_descriptors_for_all_workers_are_an_error_in_words(tmp_path):
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    finished = run(chain(tmp_path), preexec_fn=few_descriptors)
    assert finished.code == 1
    assert "Too many open files" in finished.text
    assert "Traceback" not in finished.text


def test_a_run_needs_nothing_of_dev_shm(tmp_path):
    """F18: its memory has no name, so a /dev/shm of 64 KiB does for buffers of 8 MiB."""
    enter = ["unshare", "--mount", "--propagation", "private"]
    if shutil.which("unshare") is None or subprocess.run([*enter, "true"], check=False).returncode:
        pytest.skip("a mount namespace of our own needs unshare and the rights of root")
    setup = write_setup(
        tmp_path,
        [buffer("RB_1", slots=16, values=MIB // 16), buffer("RB_2")],
        [
            Worker("numbers", {"RB_1": "write"}, {"events": 40}),
            Worker("double", {"RB_1": "read", "RB_2": "write"}),
            Worker("text", {"RB_2": "read"}, {"filename": "values"}),
        ],
    )
    small = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
    finished = run(setup, within=[*enter, "sh", "-c", small, "sh"])
    assert finished.code == 0, finished.text
    assert finished.values() == [2.0 * n for n in range(40)]
