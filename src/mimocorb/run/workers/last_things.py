"""The end of a child process, as that of a program: what its functions left open is not lost.

A child of :mod:`multiprocessing` ends by ``os._exit``, and what Python does at the end of a program
is left out: exit functions are called, modules and what is in them go away, and with them open
files, which are flushed. Here that is done in a worker, however it was started:

1. the exit functions that were registered in this process, those of :func:`weakref.finalize`
   included, and none of its parent's;
2. files that are open are flushed; then the modules of the user are emptied, unless a thread still
   needs them, so that what is in them goes away;
3. files that are open all the same are closed, those that write into others first, and what is in
   cycles is collected.

What fails is printed, and the process has not ended in order.
"""

from __future__ import annotations

import atexit
import gc
import io
import logging
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from mimocorb.components.open_files import flush_when_there_is_room, name_of, open_files
from mimocorb.run.workers.worker_link import flush_output

__all__ = ["begin_afresh", "last_things"]


def begin_afresh() -> None:
    """Forget what the parent has registered for its own end, and has open itself."""
    gc.freeze()  # objects of the parent are not among those that are looked at here any more
    last_things.modules_of_parent = frozenset(sys.modules)
    atexit._clear()
    atexit.register(logging.shutdown)
    finalize: Any = weakref.finalize
    finalize._registry.clear()
    finalize._registered_with_atexit = False


class LastThings:
    """What a child process does at its end.

    Attributes
    ----------
    modules
        Directory of the user's modules; None if there are none.
    modules_of_parent
        Names of those that the parent has imported, its program among them: they are not emptied.
    tell
        Called with each failure, in one line.
    """

    def __init__(self) -> None:
        self.modules: Path | None = None
        self.modules_of_parent: frozenset[str] = frozenset()
        self.tell: Callable[[str], None] = print
        self.failed = False
        self._told: set[str] = set()

    def do(self) -> None:
        """Do what Python does at the end of a program; what fails is told and printed."""
        self._attempt("an exit function", atexit._run_exitfuncs)
        self._flush_files()  # a file that goes away with its module says nothing if that fails
        if self.modules is not None and threading.active_count() == 1:
            modules = self._modules_below(self.modules)
            self._attempt("the end of a module", lambda: _empty_modules(modules))
        self.close_files()
        flush_output()

    def _modules_below(self, directory: Path) -> list[ModuleType]:
        return [
            module
            for name, module in tuple(sys.modules.items())
            if isinstance(module, ModuleType)
            and name not in self.modules_of_parent
            and not name.startswith("mimocorb")  # in those named by the set-up, files are closed
            and _is_below(getattr(module, "__file__", None), directory)
        ]

    def close_files(self) -> None:
        """Close what has been left open. Idempotent."""
        # What writes into other files first: among those that are in cycles, the collector closes
        # any first. What it writes itself goes into a plain file that is still open.
        self._close(_is_layered)
        gc.collect()
        self._close(lambda _: True)

    def _flush_files(self) -> None:
        for file in sorted(open_files(), key=_place):
            self._attempt(_left_open(file), partial(flush_when_there_is_room, file))

    def _close(self, is_meant: Callable[[io.IOBase], bool]) -> None:
        for file in sorted(filter(is_meant, open_files()), key=_place):
            self._attempt(_left_open(file), file.close)

    def _attempt(self, what: str, do: Callable[[], object]) -> None:
        try:
            do()
        except BaseException as error:  # there is nobody behind who could handle it
            self.failed = True
            if what in self._told:
                return
            self._told.add(what)
            why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self.tell(f"{what}: {why}")
            with suppress(OSError, ValueError, AttributeError):  # of standard error that is closed
                traceback.print_exc()


last_things = LastThings()


def _left_open(file: io.IOBase) -> str:
    return f"{name_of(file)}, which was left open"


def _empty_modules(modules: Iterable[ModuleType]) -> None:
    """Let go of everything in modules of the user, names with an underscore first."""
    for private in (True, False):
        for module in modules:
            for name in tuple(vars(module)):
                if name.startswith("_") is private and name != "__builtins__":
                    vars(module)[name] = None


def _is_below(file: object, directory: Path) -> bool:
    if not isinstance(file, str) or not Path(file).is_relative_to(directory):
        return False
    return "site-packages" not in Path(file).relative_to(directory).parts


def _is_layered(file: io.IOBase) -> bool:
    """Whether it writes into another one: a text, or a compressed file."""
    return _place(file) < 2


def _place(file: io.IOBase) -> int:
    """Return its place in the order in which files are closed."""
    if isinstance(file, io.TextIOBase):
        return 0
    if type(file).__module__ not in ("io", "_io"):
        return 1
    return 2 if isinstance(file, io.BufferedIOBase) else 3
