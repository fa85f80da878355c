"""The child process of :mod:`mimocorb._functions.trial`.

``python -m mimocorb._functions.trial_process ANSWER CRASH`` reads its task from standard input. The
answer, as JSON, goes to the file descriptor ANSWER; CRASH is for :mod:`faulthandler`.
"""

from __future__ import annotations

import faulthandler
import inspect
import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from mimocorb._functions.expectations import declared_rate
from mimocorb._functions.forms import form_of, has_preview, is_for_setups
from mimocorb._functions.inspected import plain_signature
from mimocorb._functions.mimocorb2_names import offer_mimocorb2
from mimocorb._setup.model import FunctionReference, Setup, WorkerSpec
from mimocorb._setup.problems import Problem
from mimocorb._setup.user_code.configuring import check_plain_function
from mimocorb._setup.user_code.user_functions import load_function
from mimocorb.errors import MimocorbError, UserFunctionError


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
        event_bytes = _previewed(function, spec, setup)
    except MimocorbError as error:
        works = f"{spec.name} can work with {', '.join((*spec.sources, *spec.observes))}"
        problems.append(Problem(spec.where, works, str(error), ""))
    return {
        "form": form_of(function).name,
        "event_bytes": event_bytes,
        "rate_hz": declared_rate(function, signature, spec),
        "problems": [_plain(problem) for problem in problems],
    }


def _previewed(function: Callable[..., Any], spec: WorkerSpec, setup: Setup) -> int | None:
    """Return the most bytes that an event takes in the file; None if that is not known.

    Raises
    ------
    MimocorbError
        The access class cannot work with its buffer or its configuration.
    """
    owner = _previewing(function)
    names = [*spec.sources, *spec.observes]
    known = [each for each in setup.buffers if each.name in names and each.slot_size_bytes]
    if owner is None or not spec.config_origin.complete or not len(names) == len(known) == 1:
        return None
    (buffer,) = known
    layout = {
        "name": buffer.name,
        "number_of_slots": buffer.number_of_slots,
        "values_per_slot": buffer.values_per_slot,
        "dtype": buffer.dtype,
    }
    found: int | None = owner.preview(layout, spec.config)
    return found


def _plain(problem: Problem) -> dict[str, Any]:
    return {
        "where": (problem.where.file, problem.where.line, problem.where.column),
        "asked": problem.asked,
        "found": problem.found,
        "remedy": problem.remedy,
        "severity": problem.severity,
    }


def _previewing(function: Callable[..., Any]) -> Any:
    """Return the access class that a function uses, if it has a ``preview`` and is the only one.

    A worker function in the manner of the manual names it in its text.
    """
    if has_preview(function):
        return function
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    names = set(_names(code)) if code else set()
    found = {
        id(value): value
        for name, value in getattr(function, "__globals__", {}).items()
        if name in names and has_preview(value)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


if __name__ == "__main__":
    main()
