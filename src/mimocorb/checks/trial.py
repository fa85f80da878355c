"""Trying out the modules of a set-up before a run: each is imported in a process of its own.

Whatever an import does - raise, print, end Python, crash, never return - is reported with file and
line, and harms nobody. What can only be said of loaded functions is found there as well.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from mimocorb.checks.examining import Examined, examined
from mimocorb.compat.mimocorb2.names import offer_mimocorb2
from mimocorb.errors import SetupError
from mimocorb.model import FunctionReference, Setup, WorkerSpec
from mimocorb.model.problem import Problem, Where
from mimocorb.setup.paths import shown

__all__ = [
    "Manner",
    "Trial",
    "innermost_place",
    "program_left_out",
    "start_method_now",
    "try_functions",
]

# A child that does not even answer its own alarm is killed after this.
_GRACE_S = 10.0
_MOST_OUTPUT = 2000
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_ANSWER, _CRASH, _PRINTED = "answer", "crash", "printed"


@dataclass(frozen=True)
class Manner:
    """How modules are tried out.

    Parameters
    ----------
    timeout_s
        Time that each module has to be imported.
    sizes
        Whether the sizes of events in files are wanted as well.
    start_method
        How the processes are started, as in :mod:`multiprocessing`.
    complete
        Whether the set-up is what the user wrote, and nothing in it was unreadable.
    """

    timeout_s: float = 30.0
    sizes: bool = False
    start_method: str | None = None
    complete: bool = True


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
        What kept it from being imported.
    workers
        What is known of each worker, by its name.
    """

    module: str
    output: str = ""
    problems: tuple[Problem, ...] = ()
    workers: Mapping[str, Examined] = field(default_factory=dict)


def try_functions(setup: Setup, workers: Sequence[WorkerSpec], manner: Manner) -> list[Trial]:
    """Import the modules of these workers; blocks until all are done.

    Each module of a user or of another package is imported in a child process. Modules of mimocorb
    are imported here: they do no harm, and workers that are forked afterwards have them already.

    Parameters
    ----------
    setup
        The set-up.
    workers
        Those whose functions are to be tried.
    manner
        How.

    Returns
    -------
    list
        One for each module, in the order of the workers.
    """
    by_module: dict[tuple[object, ...], list[WorkerSpec]] = {}
    for spec in workers:
        is_foreign = spec.function.path is not None or _is_of_another_package(spec.function)
        place = (spec.function.path, spec.function.module, is_foreign)
        by_module.setdefault(place, []).append(spec)
    with ExitStack() as stack:
        children = [
            stack.enter_context(_Child(setup, specs, manner))
            for (*_, is_foreign), specs in by_module.items()
            if is_foreign
        ]
        own = [
            Trial(specs[0].function.asked, workers=_examined(setup, specs, manner))
            for (*_, is_foreign), specs in by_module.items()
            if not is_foreign
        ]
        return [*(child.trial() for child in children), *own]


def _examined(setup: Setup, specs: Sequence[WorkerSpec], manner: Manner) -> dict[str, Examined]:
    names = [spec.name for spec in specs]
    return examined(setup, names, sizes=manner.sizes, complete=manner.complete)


def start_method_now(asked: str | None) -> str:
    """Return how to start a process from this one: fork unless other threads run.

    A fork copies one thread and every lock as it happens to be, so with a second Python thread (in
    a notebook, for example) a fork server is used. Without one, fork is the quickest.

    Parameters
    ----------
    asked
        What the user has chosen, if anything.

    Raises
    ------
    SetupError
        There is no such method.
    """
    known = multiprocessing.get_all_start_methods()
    if asked not in (None, *known):
        raise SetupError(f"there is no start method {asked!r}: choose one of {', '.join(known)}")
    return asked or ("fork" if threading.active_count() == 1 else "forkserver")


@contextmanager
def program_left_out() -> Iterator[None]:
    """Let a child that is started meanwhile find no program to import.

    One that is not forked imports the program of its parent once more, for the sake of objects that
    are defined there. Functions are found by file and name. Without that import children start
    sooner, and a program that uses mimocorb needs no ``if __name__ == "__main__"``.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _is_of_another_package(reference: FunctionReference) -> bool:
    """Whether a name without a file is, or may be, of another package than mimocorb."""
    if not reference.offered:
        return False
    from mimocorb.registry import offered  # reads the descriptions of all packages

    entry = offered("components").get(reference.name)
    return entry is None or entry.dist is None or entry.dist.name != "mimocorb"


class _Child:
    """A process that imports one module and looks at the functions of some workers in it."""

    def __init__(self, setup: Setup, specs: Sequence[WorkerSpec], manner: Manner) -> None:
        self._reference = specs[0].function
        self._manner = manner
        self._files = TemporaryDirectory(prefix="mimocorb-check-")
        method = start_method_now(manner.start_method)
        # A fork server is for workers: it begins with what all of them need.
        context = multiprocessing.get_context("fork" if method == "fork" else "spawn")
        self._process = context.Process(  # type: ignore[attr-defined]
            target=_work, args=(setup, specs, manner, self._files.name)
        )

    def __enter__(self) -> _Child:
        with program_left_out():
            self._process.start()
        self._until_s = time.monotonic() + self._manner.timeout_s + _GRACE_S
        return self

    def __exit__(self, *_exc: object) -> None:
        """End the process with all that it has started."""
        # Its number, which is that of its group, stays its own until join().
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not come so far as to make a group
            self._process.kill()
        self._process.join()
        self._process.close()
        self._files.cleanup()

    def trial(self) -> Trial:
        """Wait for the end of the process and return what came out."""
        in_time = bool(wait([self._process.sentinel], self._until_s - time.monotonic()))
        output = self._text(_PRINTED).strip()[:_MOST_OUTPUT]
        asked = self._reference.asked
        answer = Path(self._files.name, _ANSWER)
        if answer.exists():
            workers: dict[str, Examined] = pickle.loads(answer.read_bytes())
            return Trial(asked, output, workers=workers)
        crash = self._text(_CRASH)
        late_s = None if in_time and not crash.startswith("Timeout") else self._manner.timeout_s
        if late_s is None:
            self._process.join()
        return Trial(asked, output, (self._ended(crash, late_s),))

    def _text(self, name: str) -> str:
        path = Path(self._files.name, name)
        return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""

    def _ended(self, crash: str, late_s: float | None) -> Problem:
        """Say how the process has ended that gave no answer, or that it did not within a time."""
        reference, code = self._reference, self._process.exitcode
        if late_s is not None:
            found = f"found it still at work after {late_s:g} s"
            remedy = "do what takes long, such as opening a device, in the function"
        elif code is not None and code < 0:
            found = f"found the process killed by {signal.Signals(-code).name}"
            remedy = "look for what crashes: a driver or another compiled module"
        else:
            found = f"found that it ends Python, with exit code {code}"
            remedy = "let a module define functions only"
        asked = f"{reference.asked!r} can be imported, as {reference.where} asks"
        return Problem(innermost_place(reference, crash) or reference.where, asked, found, remedy)


def innermost_place(reference: FunctionReference, crash: str) -> Where | None:
    """Return the innermost place in the user's files that faulthandler has written down."""
    in_thread = crash.partition("Current thread")[2] or crash
    places = [(match["file"], int(match["line"])) for match in _FRAME.finditer(in_thread)]
    if reference.path is not None:
        near = str(reference.path.parent)
        places = [place for place in places if place[0].startswith(near)]
    return Where(shown(Path(places[0][0])), places[0][1]) if places else None


def _work(setup: Setup, specs: Sequence[WorkerSpec], manner: Manner, directory: str) -> None:
    """Do the work of the child, and leave the answer in a file."""
    os.setsid()
    place = Path(directory)
    _redirect(place / _PRINTED)
    with (place / _CRASH).open("w") as crash:
        faulthandler.enable(file=crash)
        faulthandler.dump_traceback_later(manner.timeout_s, file=crash, exit=True)
        offer_mimocorb2()  # as in a worker
        found = _examined(setup, specs, manner)
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.flush()
        sys.stderr.flush()
        partial = place / f"{_ANSWER}.part"
        partial.write_bytes(pickle.dumps(found))
        partial.rename(place / _ANSWER)
        # Threads and exit handlers of the module are not waited for.
        os._exit(0)


def _redirect(path: Path) -> None:
    """Let everything that is printed go to a file, and nothing come from the terminal."""
    printed = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (printed, 1), (printed, 2)):
        os.dup2(descriptor, number)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
