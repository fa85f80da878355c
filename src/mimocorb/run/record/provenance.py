"""What was run, and with what: the set-up as it was understood, and the versions."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import mimocorb
from mimocorb.setup.model import Setup, WorkerSpec

__all__ = ["commit_of", "resolved", "versions"]

PACKAGES = ("numpy", "pyarrow", "pydantic", "rich", "PyYAML", "scipy", "matplotlib")


def resolved(setup: Setup) -> dict[str, Any]:
    """Return the set-up as it was understood, in plain values, with nothing left to defaults."""
    return {
        "title": setup.title,
        "dialect": setup.dialect,
        "settings": list(setup.settings),
        "runtime_s": setup.runtime_s,
        "runevents": setup.runevents,
        "runevents_of": dict(setup.runevents_of),
        "stop_when": [str(condition) for condition in setup.stop_when],
        "drain_timeout_s": setup.drain_timeout_s,
        "buffers": {
            buffer.name: {
                "number_of_slots": buffer.number_of_slots,
                "values_per_slot": buffer.values_per_slot,
                "dtype": _plain_dtype(buffer.dtype),
            }
            for buffer in setup.buffers
        },
        "workers": {worker.name: _resolved_worker(worker) for worker in setup.workers},
    }


def _resolved_worker(worker: WorkerSpec) -> dict[str, Any]:
    return {
        "file": str(worker.function.path or worker.function.module),
        "function": worker.function.name,
        "number_of_processes": worker.number_of_processes,
        "buffers": dict(worker.rb_assign),
        "restart": asdict(worker.restart) if worker.restart else None,
        "hang_timeout_s": worker.hang_timeout_s,
        "ordered": worker.ordered,
        "rejected_sample": worker.rejected_prescale,
        "config": _plain(worker.config),
    }


def _plain_dtype(dtype: np.dtype[Any]) -> Any:
    return dtype.str if dtype.names is None else _plain(dtype.descr)


def _plain(value: Any) -> Any:
    """Return the value made of what YAML and JSON know."""
    if isinstance(value, dict):
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
