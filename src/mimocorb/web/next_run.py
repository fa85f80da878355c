"""The next run, with changed parameters: a form made of what the functions of the set-up take."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mimocorb.checks.describing import describe_function
from mimocorb.components.component import Parameter
from mimocorb.errors import MimocorbError, RunRecordError, SetupError
from mimocorb.run.record.run_record import RECORD_FILE, RunRecord
from mimocorb.setup.dialects import read_setup_or_problems

__all__ = ["form_of", "start"]

START_TIMEOUT_S = 60.0
LOOK_S = 0.1


def _setup_file(directory: Path, record: RunRecord) -> tuple[Path, dict[str, list[str]]]:
    """Return the copy of the set-up in the directory of a run, and the options it was run with."""
    names = [file.path for file in record.files if file.kind == "set-up"]
    if not names:
        raise RunRecordError(f"{directory} holds no copy of a set-up: it cannot be run again")
    options: dict[str, list[str]] = {}
    for setting in record.setup.get("settings", ()):
        option, _, value = str(setting).partition(" ")
        options.setdefault(option, []).append(value)
    return directory / names[0], options


def form_of(directory: Path, record: RunRecord) -> list[dict[str, Any]]:
    """Return the parameters of each worker of a run, with their values.

    Raises
    ------
    MimocorbError
        The set-up is not there any more, or cannot be read.
    """
    path, options = _setup_file(directory, record)
    data = options.get("--data", [None])[-1]
    setup, problems = read_setup_or_problems(str(path), None, tuple(options.get("--set", ())), data)
    if setup is None:
        raise SetupError("; ".join(map(str, problems)))
    workers: list[dict[str, Any]] = []
    for spec in setup.workers:
        try:
            parameters = describe_function(spec.function).parameters
        except MimocorbError as error:
            workers.append({"name": spec.name, "parameters": [], "trouble": str(error)})
            continue
        rows = [_field(parameter, spec.config) for parameter in parameters]
        workers.append({"name": spec.name, "function": spec.function.name, "parameters": rows})
    return workers


def _field(parameter: Parameter, config: Mapping[str, Any]) -> dict[str, Any]:
    value = config.get(parameter.name)
    return {
        "name": parameter.name,
        "type": parameter.type_text,
        "unit": parameter.unit,
        "meaning": parameter.meaning,
        "default": parameter.default,
        "value": None if parameter.name not in config else _text(value),
        "choices": _choices(parameter.type),
    }


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return str(value)


def _choices(kind: Any) -> list[str]:
    if kind is bool:
        return ["true", "false"]
    from typing import Literal, get_args, get_origin

    return [str(each) for each in get_args(kind)] if get_origin(kind) is Literal else []


def start(
    directory: Path,
    record: RunRecord,
    changes: Mapping[str, Mapping[str, str]],
    *,
    comment: str = "",
    runtime_s: float | None = None,
    events: int | None = None,
) -> Path:
    """Start a run of the same set-up with other parameters; returns its directory.

    It is a run of its own, that goes on when the page is closed.

    Parameters
    ----------
    directory, record
        Of the run whose set-up is used.
    changes
        Worker to parameter to value, as written in a set-up.
    comment, runtime_s, events
        As the options of ``mimocorb run``.

    Raises
    ------
    SetupError
        The set-up, with these values, has errors; the message lists them.
    RunRecordError
        The run did not begin in time.
    """
    path, options = _setup_file(directory, record)
    known = {worker["name"]: worker for worker in form_of(directory, record)}
    command = [sys.executable, "-m", "mimocorb.cli", "run", str(path), "--quiet", "--no-keyboard"]
    command += [part for option, values in options.items() for v in values for part in (option, v)]
    for worker, values in changes.items():
        names = {row["name"] for row in known.get(worker, {}).get("parameters", ())}
        for name, value in values.items():
            if name not in names:
                raise SetupError(f"{worker} has no parameter {name!r} that could be changed")
            command += ["--set", f"Workers.{worker}.config.{name}={value}"]
    command += ["--comment", comment] if comment else []
    command += ["--time", str(runtime_s)] if runtime_s else []
    command += ["--events", str(events)] if events else []
    parent = directory.parent
    command += ["--output", str(parent)]
    return _started(command, parent)


def _started(command: list[str], parent: Path) -> Path:
    """Start a command and wait for the directory of its run."""
    before = {path.name for path in parent.iterdir()}
    with tempfile.TemporaryFile() as said:
        run = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            for path in parent.iterdir():
                if path.name not in before and _is_of(path / RECORD_FILE, run.pid):
                    threading.Thread(target=run.wait, daemon=True).start()  # leaves no zombie
                    return path
            if run.poll() is not None:
                said.seek(0)
                text = said.read().decode(errors="replace").strip()
                raise SetupError(text[-4000:] or f"the run ended with exit code {run.returncode}")
            time.sleep(LOOK_S)
    raise RunRecordError(f"the run of process {run.pid} has not begun after {START_TIMEOUT_S:g} s")


def _is_of(path: Path, pid: int) -> bool:
    try:
        return bool(json.loads(path.read_text())["supervisor"]["pid"] == pid)
    except (OSError, ValueError, KeyError, TypeError):
        return False
