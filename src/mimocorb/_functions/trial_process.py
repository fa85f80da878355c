"""The child process of :mod:`mimocorb._functions.trial`.

``python -m mimocorb._functions.trial_process ANSWER CRASH`` reads its task from standard input. The
answer, as JSON, goes to the file descriptor ANSWER; CRASH is for :mod:`faulthandler`.
"""

from __future__ import annotations

import faulthandler
import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from typing import Any

from mimocorb._functions.expectations import declared_rate
from mimocorb._functions.forms import form_of, is_for_setups
from mimocorb._functions.inspected import plain_signature
from mimocorb._functions.mimocorb2_names import offer_mimocorb2
from mimocorb._functions.previews import misfit, previewed
from mimocorb.errors import MimocorbError, UserFunctionError
from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.model.problem import Problem
from mimocorb.setup.user_code.configuring import check_plain_function
from mimocorb.setup.user_code.user_functions import load_function


def main() -> None:
    """Carry out the task."""
    answer_fd, crash_fd = int(sys.argv[1]), int(sys.argv[2])
    setup, names, timeout_s = pickle.load(sys.stdin.buffer)
    faulthandler.enable(file=crash_fd)
    faulthandler.dump_traceback_later(timeout_s, file=crash_fd, exit=True)
    found: dict[str, Any] = {"workers": {}}
    offer_mimocorb2()  # as in a worker
    for name in names:
        spec = setup.worker(name)
        try:
            function = load_function(spec.function)
        except UserFunctionError as error:
            found = {"error": _described(spec.function, error)}
            break
        found["workers"][name] = _examined(function, spec, setup)
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(answer_fd, json.dumps(found).encode())
    # Threads and exit handlers of the module are not waited for.
    os._exit(0)


def _described(reference: FunctionReference, error: UserFunctionError) -> dict[str, Any]:
    """Return what an import raised, and where in the user's files."""
    cause = error.__cause__
    if cause is None:
        return {"file": "", "line": 0, "text": str(error), "remedy": "correct the name"}
    frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if frame.lineno]
    if reference.path is not None:
        near = str(reference.path.parent)
        frames = [frame for frame in frames if frame.filename.startswith(near)]
    remedy = "correct the module"
    if isinstance(cause, ModuleNotFoundError):
        remedy = f"install {str(cause.name).partition('.')[0]}, or correct the import"
    elif isinstance(cause, SystemExit):
        remedy = "let a module define functions only"
    text = " ".join(f"{type(cause).__name__}: {cause}".split())
    last = frames[-1] if frames else None
    return {
        "file": last.filename if last else "",
        "line": last.lineno if last else 0,
        "text": text,
        "remedy": remedy,
    }


def _examined(function: Callable[..., Any], spec: WorkerSpec, setup: Setup) -> dict[str, Any]:
    """Return what a worker's function tells about itself, and what is wrong with it here."""
    problems: list[Problem] = []
    signature = plain_signature(function)
    if signature is not None:
        problems += check_plain_function(signature, spec)
    if spec.function.path is None and not is_for_setups(function):
        problems.append(
            Problem(
                spec.function.name_where,
                f"{spec.function.name} can be named by a set-up",
                "found that it works with a function of yours",
                "call it from a worker function, or mark your function as source, filter, sink or"
                " observer, and name that",
            )
        )
    event_bytes = None
    try:
        event_bytes = previewed(function, spec, setup)
    except MimocorbError as error:
        problems.append(misfit(spec, error))
    return {
        "form": form_of(function).name,
        "event_bytes": event_bytes,
        "rate_hz": declared_rate(function, signature, spec),
        "problems": [_plain(problem) for problem in problems],
    }


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "where": (problem.where.file, problem.where.line, problem.where.column),
        "asked": problem.asked,
        "found": problem.found,
        "remedy": problem.remedy,
        "severity": problem.severity,
    }


if __name__ == "__main__":
    main()
