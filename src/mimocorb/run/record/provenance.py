"""What was run, and with what: the set-up as it was understood, and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import mimocorb
from mimocorb.model import Setup, WorkerSpec
from mimocorb.model.keys import written

__all__ = ["commit_of", "resolved", "versions"]

PACKAGES = (
    *("numpy", "pyarrow", "pydantic", "rich", "PyYAML", "scipy", "matplotlib"),
    *("boost-histogram", "iminuit", "h5py", "uproot"),  # they count, fit and write what is kept
)


# Who runs a set-up, and where, is told elsewhere: two runs that differ in it only are repetitions.
_NOT_OF_THE_DATA = ("target_directory", "operator", "comment", "KBD_control")


def resolved(setup: Setup) -> dict[str, Any]:
    """Return the set-up as it was understood, in plain values, with nothing left to defaults."""
    said = {
        key: value
        for key, value in written(setup, complete=True).items()
        if key not in _NOT_OF_THE_DATA
    }
    return {
        "dialect": setup.dialect,
        "settings": list(setup.settings),
        **_plain(said),
        "Buffers": {
            buffer.name: _plain(written(buffer, complete=True)) for buffer in setup.buffers
        },
        "Workers": {worker.name: _resolved_worker(worker) for worker in setup.workers},
    }


def _resolved_worker(worker: WorkerSpec) -> dict[str, Any]:
    function = worker.function
    found = {"file": str(function.path or function.module or ""), "function": function.name}
    return {**_plain(written(worker, complete=True)), **found}


def _plain(value: Any) -> Any:
    """Return the value made of what YAML and JSON know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def versions() -> dict[str, Any]:
    """Return what the run is made with."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "mimocorb": mimocorb.__version__,
        "python": platform.python_version(),
        "packages": packages,
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "system": platform.system(),
        "kernel": platform.release(),
    }


def commit_of(directory: Path) -> str | None:
    """Return the git commit of a directory, marked if files differ from it; None without git."""
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
