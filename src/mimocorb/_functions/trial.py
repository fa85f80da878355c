"""Trying out the modules of a set-up before a run: each is imported in a process of its own.

Whatever an import does - raise, print, end Python, crash, never return - is reported with file and
line, and harms nobody. What can only be said of loaded functions is found there as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.paths import shown

__all__ = ["Trial", "innermost_place", "try_functions"]

# A child that does not even answer its own alarm is killed after this.
_GRACE_S = 10.0
_MOST_OUTPUT = 2000
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


@dataclass(frozen=True)
class Trial:
    """What came out for the workers whose functions are in one module.

    Parameters
    ----------
    module
        As the set-up names it.
    output
        What the import wrote to standard output and standard error.
    problems
        What is wrong.
    forms
        Form of each worker's function, by name of the worker.
    event_bytes
        The most bytes that an event takes in the file of a worker, where that is known.
    rates_hz
        The mean rate that a source declares, by name of the worker.
    """

    module: str
    output: str = ""
    problems: tuple[Problem, ...] = ()
    forms: Mapping[str, str] = field(default_factory=dict)
    event_bytes: Mapping[str, int] = field(default_factory=dict)
    rates_hz: Mapping[str, float] = field(default_factory=dict)


def try_functions(setup: Setup, workers: Sequence[WorkerSpec], timeout_s: float) -> list[Trial]:
    """Import the modules of these workers, each in a child process; blocks until all are done.

    Parameters
    ----------
    setup
        The set-up.
    workers
        Those whose functions are to be tried.
    timeout_s
        Time that a module has to be imported.

    Returns
    -------
    list
        One for each module, in the order of the workers.
    """
    by_module: dict[tuple[object, object], list[WorkerSpec]] = {}
    for spec in workers:
        by_module.setdefault((spec.function.path, spec.function.module), []).append(spec)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(lambda specs: _try(setup, specs, timeout_s), by_module.values()))


def _try(setup: Setup, specs: Sequence[WorkerSpec], timeout_s: float) -> Trial:
    reference = specs[0].function
    task = pickle.dumps((setup, [spec.name for spec in specs], timeout_s))
    with (
        tempfile.TemporaryFile() as printed,
        tempfile.TemporaryFile() as answer,
        tempfile.TemporaryFile() as crash,
    ):
        child = subprocess.Popen(
            [sys.executable, "-u", "-P", "-m", "mimocorb._functions.trial_process"]
            + [str(file.fileno()) for file in (answer, crash)],
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=subprocess.STDOUT,
            pass_fds=(answer.fileno(), crash.fileno()),
            start_new_session=True,
        )
        in_time = _work(child, task, timeout_s + _GRACE_S)
        output = _text(printed).strip()[:_MOST_OUTPUT]
        found = _text(answer)
        if found:
            return _answered(reference, output, json.loads(found))
        late_s = None if in_time and not _text(crash).startswith("Timeout") else timeout_s
        problem = _ended(reference, child.returncode, _text(crash), late_s)
        return Trial(reference.asked, output, (problem,))


def _work(child: subprocess.Popen[bytes], task: bytes, timeout_s: float) -> bool:
    """Let the child work, and end it with all that it has started; whether it ended by itself."""
    pidfd = os.pidfd_open(child.pid)
    try:
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(task)
            child.stdin.close()
        return bool(select.select([pidfd], [], [], timeout_s)[0])
    finally:
        os.close(pidfd)
        # Its number, which is that of its group, stays its own until wait().
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _answered(reference: FunctionReference, output: str, found: dict[str, Any]) -> Trial:
    if "error" in found:
        error = found["error"]
        where = Where(shown(Path(error["file"])), error["line"]) if error["file"] else None
        problem = _not_importable(reference, where, f"found {error['text']}", error["remedy"])
        return Trial(reference.asked, output, (problem,))
    problems = [
        Problem(Where(*entry.pop("where")), **entry)
        for worker in found["workers"].values()
        for entry in worker["problems"]
    ]
    return Trial(
        reference.asked,
        output,
        tuple(dict.fromkeys(problems)),
        {name: worker["form"] for name, worker in found["workers"].items()},
        *(
            {name: each[key] for name, each in found["workers"].items() if each[key] is not None}
            for key in ("event_bytes", "rate_hz")
        ),
    )


def _ended(reference: FunctionReference, code: int, crash: str, late_s: float | None) -> Problem:
    """Say how the child has ended that gave no answer, or that it did not within a time."""
    where = innermost_place(reference, crash)
    if late_s is not None:
        found = f"found it still at work after {late_s:g} s"
        remedy = "do what takes long, such as opening a device, in the function"
    elif code < 0:
        found = f"found the process killed by {signal.Signals(-code).name}"
        remedy = "look for what crashes: a driver or another compiled module"
    else:
        found = f"found that it ends Python, with exit code {code}"
        remedy = "let a module define functions only"
    return _not_importable(reference, where, found, remedy)


def _not_importable(
    reference: FunctionReference, where: Where | None, found: str, remedy: str
) -> Problem:
    asked = f"{reference.asked!r} can be imported, as {reference.where} asks"
    return Problem(where or reference.where, asked, found, remedy)


def innermost_place(reference: FunctionReference, crash: str) -> Where | None:
    """Return the innermost place in the user's files that faulthandler has written down."""
    in_thread = crash.partition("Current thread")[2] or crash
    places = [(match["file"], int(match["line"])) for match in _FRAME.finditer(in_thread)]
    if reference.path is not None:
        near = str(reference.path.parent)
        places = [place for place in places if place[0].startswith(near)]
    return Where(shown(Path(places[0][0])), places[0][1]) if places else None
