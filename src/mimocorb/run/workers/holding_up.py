"""What keeps a process from ending after its function has: threads, processes, exit functions.

Python waits for threads that are no daemons, and for processes started by :mod:`multiprocessing`,
as long as they go on. The user sees a worker that does nothing and does not go, so it is told what
that waits for.
"""

from __future__ import annotations

import _thread
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mimocorb.setup.paths import shown

__all__ = ["tell_what_holds_up"]

MOMENT_S = 1.0
"""For so long an end may take without a word."""


def tell_what_holds_up(tell: Callable[[str], None], near: Path | None) -> None:
    """Call `tell`, from another thread, if this process still runs after a moment.

    Parameters
    ----------
    tell
        Gets what holds it up, as in "its thread Thread-1 (readout) [detector.py:12]".
    near
        Directory of the user's modules: the line in which a thread is, is told from there.
    """
    # Not one of threading, which would be counted among those that the user has started.
    _thread.start_new_thread(_look_later, (tell, near))


def _look_later(tell: Callable[[str], None], near: Path | None) -> None:
    time.sleep(MOMENT_S)
    found = [*_threads(near), *_processes()]
    tell(" and ".join(found) or "a function registered for its exit (atexit)")


def _threads(near: Path | None) -> Iterator[str]:
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread.daemon or thread is threading.main_thread():
            continue
        place = ""
        frame = frames.get(thread.ident or 0)
        while frame is not None and near is not None and not place:
            file = Path(frame.f_code.co_filename)
            place = f" [{shown(file)}:{frame.f_lineno}]" if file.is_relative_to(near) else ""
            frame = frame.f_back
        yield f"its thread {thread.name}{place}"


def _processes() -> Iterator[str]:
    for process in multiprocessing.active_children():
        yield f"its process {process.name} (process {process.pid})"
