"""What can be chosen about a run besides its set-up."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["RunOptions", "SupervisorOptions"]


@dataclass(frozen=True)
class SupervisorOptions:
    """How a run is supervised.

    Parameters
    ----------
    start_method
        ``"fork"``, ``"forkserver"`` or ``"spawn"``; None: the one that is safe here.
    source_grace_s
        Time for a source to notice that the run ends, before it is interrupted.
    display_grace_s
        Time for displays to close after everything else has ended, before they are interrupted.
    kill_grace_s
        Time for an interrupted worker to close its files, before it is killed.
    end_grace_s
        Time for a source, or a display, to end after its function has, before the threads or
        processes that hold it up are ended with it. Workers that read have the drain timeout:
        what goes on there may have results in hand.
    start_grace_s
        Time that a process whose worker has a ``hang_timeout_s`` has to get ready, even where that
        is shorter: imports take their time on a busy machine.
    suspect_s
        Time for which a process that handles data may be stopped before it is reported.
    alarm_timeout_s
        For how long the program for an alarm may run, before it is killed.
    debug
        Whether the workers' DEBUG messages are logged.
    """

    start_method: str | None = None
    source_grace_s: float = 3.0
    display_grace_s: float = 1.0
    kill_grace_s: float = 3.0
    end_grace_s: float = 10.0
    start_grace_s: float = 60.0
    suspect_s: float = 10.0
    alarm_timeout_s: float = 60.0
    debug: bool = False


@dataclass(frozen=True)
class RunOptions:
    """How a run shows itself and is supervised.

    Parameters
    ----------
    verbose
        0: nothing but the summary; 1: plain lines; 2: the live view, where there is a terminal.
    keyboard
        Whether keys steer the run, where there is a keyboard.
    examined
        Whether the functions of the set-up have been examined already, as ``mimocorb check`` does.
    """

    verbose: int = 2
    keyboard: bool = True
    examined: bool = False
    supervisor: SupervisorOptions = field(default_factory=SupervisorOptions)
