"""The directory of a run: made once, never shared, and enough to say what was run.

``target/simultest_setup_2026-11-22_142501/`` holds

* ``simultest_setup.yaml``, ``config/…``, ``modules/…``: the set-up and every file it named, as
  they were, with the neighbours that modules import;
* ``setup_resolved.yaml``: the set-up as it was understood;
* ``versions.json``: mimocorb, Python, NumPy, machine, kernel, commit;
* ``log.txt`` and ``log.jsonl``: what happened;
* ``summary.txt`` and ``summary.json``: what came out;
* and what the sinks wrote.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import mimocorb
from mimocorb._setup.model import Setup
from mimocorb._setup.user_functions import neighbours
from mimocorb.errors import OutputError

__all__ = [
    "copy_configuration",
    "create_run_directory",
    "resolved",
    "versions",
    "write_atomically",
    "write_records",
]

PACKAGES = ("numpy", "pyarrow", "pydantic", "rich", "PyYAML", "scipy", "matplotlib")
MOST_ATTEMPTS = 10_000


def create_run_directory(parent: Path, name: str, time_s: float | None = None) -> Path:
    """Make and return a directory that did not exist before.

    Parameters
    ----------
    parent
        Made as well if needed.
    name
        Name of the set-up; date and time (UTC) are added, and ``_2``, ``_3`` … if taken.
    time_s
        UTC time in seconds; now if not given.

    Raises
    ------
    OutputError
        The directory cannot be made.
    """
    moment = datetime.fromtimestamp(time.time() if time_s is None else time_s, UTC)
    stem = f"{name}_{moment:%Y-%m-%d_%H%M%S}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, MOST_ATTEMPTS):
            directory = parent / (stem if attempt == 1 else f"{stem}_{attempt}")
            try:
                directory.mkdir()
            except FileExistsError:
                continue
            return directory
    except OSError as error:
        raise OutputError(
            f"cannot make a directory for this run in {parent}: {error.strerror or error}; "
            "choose another place with --output or output_directory"
        ) from error
    raise OutputError(f"{parent} holds {MOST_ATTEMPTS} runs of this second already")


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing: under another name first, then on disk, then renamed.

    Raises
    ------
    OutputError
        It could not be written; what was there before is untouched.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def copy_configuration(directory: Path, setup: Setup) -> list[Path]:
    """Copy the set-up, its configuration and its modules as they are now; returns the copies.

    With a module come the files beside it that it imports. Files below the directory of the set-up
    keep their relative place, so that the copy can be run again; others go into ``elsewhere/``.
    """
    files = [setup.path, *setup.config_files]
    for worker in setup.workers:
        module = worker.function.path
        files += [module, *(neighbours(module) if module else []), *worker.config_files]
    copies: dict[Path, Path] = {}
    for file in files:
        if file is None or file.resolve() in copies:
            continue
        try:
            place = file.resolve().relative_to(setup.base_directory.resolve())
        except ValueError:
            place = Path("elsewhere", file.name)
        target = _free_name(directory / place)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        except OSError as error:
            raise OutputError(
                f"cannot copy {file} to {directory}: {error.strerror or error}; make room, or "
                "choose another place with --output or output_directory"
            ) from error
        copies[file.resolve()] = target
    return list(copies.values())


def _free_name(path: Path) -> Path:
    """Return the path, or one with a number added if it is taken by another file."""
    candidate, number = path, 2
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}_{number}")
        number += 1
    return candidate


def resolved(setup: Setup) -> dict[str, Any]:
    """Return the set-up as it was understood, in plain values, with nothing left to defaults."""
    return {
        "title": setup.title,
        "dialect": setup.dialect,
        "runtime_s": setup.runtime_s,
        "runevents": setup.runevents,
        "buffers": {
            buffer.name: {
                "number_of_slots": buffer.number_of_slots,
                "values_per_slot": buffer.values_per_slot,
                "dtype": _plain_dtype(buffer.dtype),
            }
            for buffer in setup.buffers
        },
        "workers": {
            worker.name: {
                "file": str(worker.function.path or worker.function.module),
                "function": worker.function.name,
                "number_of_processes": worker.number_of_processes,
                "buffers": dict(worker.rb_assign),
                "config": _plain(worker.config),
            }
            for worker in setup.workers
        },
    }


def _plain_dtype(dtype: np.dtype[Any]) -> Any:
    return dtype.str if dtype.names is None else [list(field) for field in dtype.descr]


def _plain(value: Any) -> Any:
    """Return the value made of what YAML and JSON know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def versions(setup: Setup) -> dict[str, Any]:
    """Return what the run was made with."""
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
        "host": platform.node(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "system": platform.system(),
        "kernel": platform.release(),
        "setup_commit": _commit(setup.base_directory),
        "command": sys.argv,
    }


def _commit(directory: Path) -> str | None:
    """Return the git commit of the set-up, marked if files differ from it; None without git."""
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def write_records(directory: Path, setup: Setup) -> None:
    """Write everything that is known before the run starts."""
    copy_configuration(directory, setup)
    text = yaml.safe_dump(resolved(setup), sort_keys=False, allow_unicode=True)
    write_atomically(directory / "setup_resolved.yaml", text)
    write_atomically(directory / "versions.json", json.dumps(versions(setup), indent=2) + "\n")
