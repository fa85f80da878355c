"""The main function of a worker process.

A worker ends with its supervisor, sends everything it prints through pipes, loads its
function, waits for the word to begin if it is a source, calls the function as documented, and says
at last why it ended. Nothing is inherited by luck: the same runs under fork, forkserver and spawn.
"""

from __future__ import annotations

import errno
import faulthandler
import json
import logging
import os
import signal
import traceback
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import current_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mimocorb.compat.forms import bind_function
from mimocorb.compat.mimocorb2.names import offer_mimocorb2
from mimocorb.components import device, meter, open_files, reporting, room
from mimocorb.components.worker import Worker, become
from mimocorb.errors import (
    BufferMemoryError,
    EndOfStream,
    MimocorbError,
    OutputError,
    SetupError,
    Terminated,
    UserFunctionError,
)
from mimocorb.model import WorkerSpec
from mimocorb.run.workers.holding_up import tell_what_holds_up
from mimocorb.run.workers.last_things import last_things
from mimocorb.run.workers.one_kind import leave_at_once
from mimocorb.run.workers.pause_flag import read_pause_flag
from mimocorb.run.workers.processes import (
    ASK_TO_END,
    ENDED_AS_ASKED,
    hold_lifeline,
    leave_signals_to_supervisor,
    show_as,
)
from mimocorb.run.workers.worker_link import (
    LinkHandler,
    MessageWriter,
    flush_output,
    redirect_output,
)
from mimocorb.setup.paths import shown
from mimocorb.setup.user_code.recorded_code import import_as_recorded
from mimocorb.setup.user_code.user_functions import load_function

__all__ = ["BEGIN", "DO_NOT_BEGIN", "WorkerChannel", "WorkerTask", "main"]

BEGIN = b"+"
DO_NOT_BEGIN = b"-"
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class EndRequest:
    """The supervisor's request to end now: handles the signal, and remembers that it came.

    User code may turn the exception into one of its own, which is then not its fault.
    """

    def __init__(self) -> None:
        self.made = False
        self._exit_code: int | None = None

    def accept(self) -> None:
        """From now on the request interrupts this process; one that came before, at once."""
        signal.signal(ASK_TO_END, self)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (ASK_TO_END,))

    def hold_back(self) -> None:
        """Let a request wait: the function has ended, and its end is being written down."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (ASK_TO_END,))

    def end_with(self, exit_code: int) -> None:
        """From now on the request ends this process at once, whatever still holds it up."""
        self._exit_code = exit_code
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (ASK_TO_END,))

    def __call__(self, _signal: int, _frame: types.FrameType | None) -> None:
        """Interrupt the worker's function, wherever it is."""
        if self._exit_code is not None:
            leave_at_once(self._exit_code)
        self.made = True
        raise Terminated


@dataclass
class WorkerChannel:
    """The ends of pipes that a worker needs; all of them travel to a child by any start method."""

    messages: Connection
    stdout: Connection
    stderr: Connection
    lifeline: Connection
    keeping: Connection
    gate: Connection
    account: Connection
    pause_flag: Connection
    process_number: int
    close_after_fork: tuple[int, ...] = ()


@dataclass
class WorkerTask:
    """Everything one worker process is started with."""

    worker: Worker
    code: Mapping[Path, Path]
    waits_for_gate: bool
    log_level: int
    channel: WorkerChannel


def main(task: WorkerTask) -> None:
    """Run one worker to its end; the target of the worker's process."""
    channel = task.channel
    leave_signals_to_supervisor()
    show_as(current_process().name)
    for descriptor in channel.close_after_fork:
        os.close(descriptor)
    hold_lifeline(channel.lifeline, channel.keeping)
    redirect_output(channel.stdout.fileno(), channel.stderr.fileno())
    faulthandler.enable(file=channel.messages.fileno())  # told apart from what users print
    link = MessageWriter(channel.messages.fileno())
    _route_logging(link, task.log_level)
    reporting.connect(lambda reported: link.send("result", json.dumps(reported)))
    device.connect(link.send)
    room.connect(lambda why: link.send("disk", why))
    open_files.begin_afresh()
    last_things.tell = lambda text: link.send("failed", text)
    path = task.worker.spec.function.path
    last_things.modules = path.parent if path is not None else None
    account = meter.install(channel.account)
    end_request = EndRequest()
    code = _serve(task, link, end_request)
    end_request.hold_back()
    account.end()
    reporting.flush()
    flush_output()
    tell_what_holds_up(partial(link.send, "held up"), last_things.modules)
    end_request.end_with(code)
    raise SystemExit(code)


def _route_logging(link: MessageWriter, level: int) -> None:
    root = logging.getLogger()
    for inherited in tuple(root.handlers):
        root.removeHandler(inherited)
    root.addHandler(LinkHandler(link))
    root.setLevel(level)
    logging.captureWarnings(True)


def _serve(task: WorkerTask, link: MessageWriter, end_request: EndRequest) -> int:
    """Load, wait and call; say why it ended and return the exit code."""
    worker = replace(
        task.worker,
        new_sample=_new_sample(task.worker.spec),
        is_paused=read_pause_flag(task.channel.pause_flag),
    )
    reference = worker.spec.function
    name, path = reference.name, reference.path
    code = 0
    ready = False
    try:
        end_request.accept()
        become(worker)
        import_as_recorded(task.code)
        offer_mimocorb2()
        work = bind_function(load_function(reference), worker)
        link.send("ready")
        ready = True
        if task.waits_for_gate and os.read(task.channel.gate.fileno(), 1) != BEGIN:
            link.send("ended", "not begun")
        else:
            meter.current().begin()
            work()
            link.send("ended", "returned")
    except EndOfStream as end:
        link.send("ended", str(end))
    except BaseException as error:  # whatever a user function raises is reported
        if end_request.made:
            link.send("terminated", "asked to end now", detail=_user_part(error))
            code = ENDED_AS_ASKED
        elif isinstance(error, SystemExit):
            code = _exit_asked_for(error, name, path, link)
        else:
            text = _one_line(error)
            if not isinstance(error, MimocorbError):
                text = f"{name} raised {type(error).__name__}: {text}".rstrip(": ")
            # mimocorb's own errors say what to do; where they came up is in the text already
            says_all = isinstance(error, MimocorbError) and error.__cause__ is None
            detail = "" if says_all else _user_part(error)
            permanent = _is_permanent(error, ready=ready)
            link.send("failed", text + _place(error, path), detail=detail, permanent=permanent)
            code = 1
    return code


def _new_sample(spec: WorkerSpec) -> Any:
    if not spec.rejected_sample:
        return None
    from mimocorb.recording.rejected_sample import RejectedSample  # not every worker needs it

    return partial(RejectedSample, spec.rejected_sample)


def _exit_asked_for(end: SystemExit, name: str, path: Path | None, link: MessageWriter) -> int:
    """Report sys.exit() in a user function; its code decides between an end and a failure."""
    if end.code in (None, 0):
        link.send("ended", f"sys.exit() was called{_place(end, path)}")
        return 0
    text = f"{name} called sys.exit({end.code!r}){_place(end, path)}"
    link.send("failed", text, detail=_user_part(end))
    return end.code if isinstance(end.code, int) else 1


def _is_permanent(error: BaseException, *, ready: bool) -> bool:
    """Whether a new process would fail in the same way: what is wrong is written somewhere."""
    origin = error.__cause__ if isinstance(error, UserFunctionError) else error
    if origin is None:  # no such function, or later something about an event
        return not ready
    lack = isinstance(origin, BufferMemoryError)  # may be over when it is tried again
    if isinstance(origin, OSError) and origin.errno in FULL_DISK:
        return True
    return isinstance(origin, SetupError | ImportError | SyntaxError) and not lack


def _place(error: BaseException, path: Path | None) -> str:
    """Say in which line of the user's module or its neighbours it happened, if in any."""
    if isinstance(error, UserFunctionError):
        return _place(error.__cause__, path) if error.__cause__ is not None else ""
    if path is None or isinstance(error, OutputError):
        return ""
    lines = [
        (Path(frame.f_code.co_filename), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename).is_relative_to(path.parent)
    ]
    return f" [{shown(lines[-1][0])}:{lines[-1][1]}]" if lines else ""


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _user_part(error: BaseException) -> str:
    """Return the traceback without the frames of this module."""
    if isinstance(error, UserFunctionError) and error.__cause__ is not None:
        return _user_part(error.__cause__)
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code.co_filename == __file__:
        step = step.tb_next
    lines = traceback.format_exception(type(error), error, step)
    return "".join(lines).rstrip()
