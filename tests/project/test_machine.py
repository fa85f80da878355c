"""A machine on which something is missing is told what to install, before anything else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "machine.sh"

Machine = Callable[..., "subprocess.CompletedProcess[str]"]

EVERYTHING: Mapping[str, str | None] = {
    "sh": shutil.which("sh"),
    "basename": shutil.which("basename"),
    "make": shutil.which("make"),
    "g++": shutil.which("g++"),
    "python3": getattr(sys, "_base_executable", sys.executable),
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Run the check on a machine that has only the commands given."""

    def check(
        *options: str, commands: Mapping[str, str | None] = EVERYTHING, python: str = "python3"
    ) -> subprocess.CompletedProcess[str]:
        directory = tmp_path / "bin"
        directory.mkdir()
        for name, target in commands.items():
            assert target is not None, f"this test needs {name}"
            (directory / name).symlink_to(target)
        return subprocess.run(
            [str(directory / "sh"), str(SCRIPT), *options],
            env={"PATH": str(directory), "PYTHON": python, "TMPDIR": os.fspath(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return check


def without(*names: str) -> dict[str, str | None]:
    return {name: path for name, path in EVERYTHING.items() if name not in names}


def test_a_machine_with_everything_is_accepted_in_silence(machine: Machine) -> None:
    done = machine()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_everything_missing_is_named_at_once_with_its_package(machine: Machine) -> None:
    done = machine(commands=without("g++", "make"))
    assert done.returncode == 1
    assert "sudo apt-get install g++ make" in done.stderr


def test_a_missing_python_is_named_with_headers_and_environments(machine: Machine) -> None:
    done = machine(python="python3.99")
    assert done.returncode == 1
    assert "python3.99 python3.99-venv python3.99-dev" in done.stderr


def test_an_old_python_is_refused_with_its_version(machine: Machine, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text(
        '#!/bin/sh\ncase "$2" in *version_info*print*|*print*) echo 3.9;; *) exit 1;; esac\n'
    )
    old.chmod(0o755)
    done = machine(commands={**EVERYTHING, "python3": str(old)})
    assert done.returncode == 1
    assert "is Python 3.9; 3.11 or newer is needed" in done.stderr


def test_a_compiler_without_cpp20_is_refused(machine: Machine, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = machine(commands={**EVERYTHING, "g++": str(old)})
    assert done.returncode == 1
    assert "does not know C++20" in done.stderr


def test_packages_can_be_listed_for_an_installer(machine: Machine) -> None:
    done = machine("--packages", commands=without("g++"))
    assert (done.returncode, done.stdout.split()) == (0, ["g++"])
