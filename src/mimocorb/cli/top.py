"""``mimocorb top [RUN]``: a run on the whole terminal, over SSH as well, with keys."""

from __future__ import annotations

import argparse
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from mimocorb.cli.common import Commands
from mimocorb.cli.status import add_run, watch

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.run.remote.client import RunClient
    from mimocorb.run.run_log import LogLine
    from mimocorb.run.screen.keyboard import Keyboard
    from mimocorb.run.screen.panels import Panels

__all__ = ["add", "watch_live"]

LOOK_S = 0.25
LOG_LINES = 100
KEYS = (
    "r rates  h histograms  o scope  n next  l log   space pause  s stop  a acknowledge  q leave",
    "r rates h hist o scope n next l log  space pause s stop a ack q leave",
    "r h o n l  space pause  s stop  q leave",
)


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "top",
        help="show a run on the whole terminal, and steer it by keys",
        description="Show a run on the whole terminal: buffers, workers, alarms, and below rates "
        "(r), histograms (h), the newest event of each buffer (o) or the log (l); n shows the "
        "next one. Space pauses and resumes, s stops the run, a acknowledges its alarms, q or "
        "Ctrl-C leaves; the run goes on.",
    )
    parser.set_defaults(action=_top)
    add_run(parser)


def _top(chosen: argparse.Namespace) -> int:
    from mimocorb.run.remote.running_runs import connect

    with connect(chosen.run, by="mimocorb top") as run:
        return watch(run, as_json=False)


def watch_live(run: RunClient) -> None:
    """Show a run until it has ended, and do what the keys say; KeyboardInterrupt when left."""
    from mimocorb.run.operator_signals import tidy_death
    from mimocorb.run.screen.keyboard import Keyboard
    from mimocorb.run.screen.panels import Panels
    from mimocorb.run.screen.terminal import LiveView

    lines: list[LogLine] = []
    now = run.status(LOG_LINES)
    panels = Panels(run)
    view = LiveView(sys.stdout, lambda: now.view, lines, KEYS, panels)
    keyboard = Keyboard()
    suspend_asked = threading.Event()
    signal.signal(signal.SIGTSTP, lambda _number, _frame: suspend_asked.set())
    with tidy_death():
        view.start()
        try:
            while not now.ended:
                lines[:] = now.lines
                panels.note(now.view)
                view.update()
                letters = _letters(keyboard)
                if suspend_asked.is_set():
                    suspend_asked.clear()
                    keyboard.restore()
                    view.suspend()
                for letter in letters:
                    _obey(letter, run, panels)
                now = run.status(LOG_LINES)
        finally:
            keyboard.restore()
            view.stop()


def _letters(keyboard: Keyboard) -> str:
    """Return the keys that are pressed until it is time to look at the run again."""
    keyboard.update()
    if keyboard.descriptor is None:
        time.sleep(LOOK_S)
        return ""
    ready, _, _ = select.select([keyboard.descriptor], [], [], LOOK_S)
    return keyboard.letters() if ready else ""


def _obey(letter: str, run: RunClient, panels: Panels) -> None:
    from mimocorb.errors import CommandRefused, CommandTimeout
    from mimocorb.run.run_state import RunState

    if letter == "q":
        raise KeyboardInterrupt
    try:
        if letter == " ":
            paused = run.status().state is RunState.PAUSED
            run.resume() if paused else run.pause()
        elif letter == "s":
            run.stop()
        elif letter == "a":
            run.acknowledge()
        else:
            panels.choose(letter)
    except (CommandRefused, CommandTimeout) as error:
        panels.say(str(error))
