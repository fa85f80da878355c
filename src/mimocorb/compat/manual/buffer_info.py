"""``bufferinfoGUI`` of releases 1.0.0 to 1.0.2: rates of buffers, and buttons that steer a run.

A run of mimocorb shows all of that in its own live view and takes commands from the keyboard and
from other terminals. This is for programs that have used the module of that name themselves.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from mimocorb.displays.rate_figure import RateFigure
from mimocorb.displays.screen import Screen, Window, open_screen

__all__ = ["bufferinfoGUI", "plot_bufferinfo"]

logger = logging.getLogger(__name__)

_LOOK_S = 0.05
_COMMANDS = {"Pause": "P", "Resume": "R", "Stop": "S", "EndRun": "E"}


class plot_bufferinfo:  # noqa: N801 - the documented name
    """Show the state of a run, as it comes from a queue.

    Parameters
    ----------
    Q
        A queue of :mod:`multiprocessing` that gives ``(status, active time in s, number of events,
        dead fraction, {buffer: [events, filled slots, rate in Hz]}, whether all workers live)``.
    RBnames
        Names of the buffers.
    maxRate
        Upper end of the axis of rates, in Hz.
    interval
        Time between two updates, in ms.
    fig
        A matplotlib figure to draw into; without it one of its own.
    """

    def __init__(
        self,
        Q: Any,  # noqa: N803
        RBnames: Sequence[str],  # noqa: N803
        maxRate: float = 4500.0,  # noqa: N803
        interval: float = 1000.0,
        *,
        fig: Any = None,
    ) -> None:
        if fig is None:
            from matplotlib.figure import Figure

            fig = Figure()
        self.Q, self.RBnames, self.fig = Q, list(RBnames), fig
        self._figure = RateFigure(fig, self.RBnames, interval / 1000.0, maxRate)

    def init(self) -> tuple[Any, ...]:
        """Return what changes in the figure."""
        return self._figure.artists

    def __call__(self, n: int = 0) -> tuple[Any, ...]:  # noqa: ARG002
        """Show what has come; returns what changes in the figure.

        Parameters
        ----------
        n
            Number of the call, not used.
        """
        with suppress(queue.Empty):
            self.show(self.Q.get(timeout=_LOOK_S))
        return self._figure.artists

    def show(self, state: Sequence[Any]) -> None:
        """Put a state into the figure.

        Parameters
        ----------
        state
            What `Q` gives.
        """
        status, active_s, events, deadtime, buffers, all_alive = state
        rates_hz = {name: float(buffers[name][2]) for name in self.RBnames}
        first = buffers[self.RBnames[0]]
        self._figure.show(
            rates_hz,
            f"{status}   ·   active {active_s:.1f} s   ·   {events} events"
            f"   ·   dead time {100 * deadtime:.1f} %\n{first[2]:.3g} Hz"
            f"   ·   in buffer: {first[1]}"
            f"   ·   {'all workers alive' if all_alive else 'a worker has ended'}",
        )


def bufferinfoGUI(  # noqa: N802, PLR0917 - as documented
    Qcmd: Any,  # noqa: N803
    Qlog: Any,  # noqa: N803
    Qinfo: Any,  # noqa: N803
    RBnames: Sequence[str] = ("RB_1",),  # noqa: N803
    maxRate: float = 4500.0,  # noqa: N803
    interval: float = 1000.0,
) -> None:
    """Show rates and messages of a run, with buttons; to be run in a process of its own.

    It ends with the window, with None in `Qinfo`, or with its process. Where there is no window
    system, there are no buttons: the picture is ``buffer_information.png`` in the current
    directory, and messages are logged.

    Parameters
    ----------
    Qcmd
        A queue of :mod:`multiprocessing` that gets ``"P"``, ``"R"``, ``"S"`` or ``"E"`` for pause,
        resume, stop and end.
    Qlog
        A queue that gives lines of text.
    Qinfo
        A queue that gives the state, see :class:`plot_bufferinfo`.
    RBnames
        Names of the buffers.
    maxRate
        Upper end of the axis of rates, in Hz.
    interval
        Time between two updates, in ms.
    """

    def prepare(figure: Any) -> plot_bufferinfo:
        return plot_bufferinfo(Qinfo, RBnames, maxRate, interval, fig=figure)

    title = "Buffer Information"
    screen, shown = open_screen(title, Path("buffer_information.png"), prepare)
    kept = _add_buttons(screen, Qcmd)
    try:
        while True:
            screen.idle()
            with suppress(queue.Empty):
                logger.info("%s", Qlog.get_nowait())
            try:
                state = Qinfo.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if state is None:
                return
            shown.show(state)
            screen.refresh()
    except StopIteration:  # the window was closed
        return
    finally:
        screen.close()
        del kept


def _add_buttons(screen: Screen, commands: Any) -> list[Any]:
    """Return the buttons below the figure, to be kept as long as it is shown; none in a file."""
    if not isinstance(screen, Window):
        return []
    from matplotlib.widgets import Button

    engine: Any = screen.figure.get_layout_engine()
    engine.set(rect=(0.0, 0.1, 1.0, 0.9))
    buttons = []
    for place, (label, command) in enumerate(_COMMANDS.items()):
        button = Button(screen.figure.add_axes((0.05 + 0.24 * place, 0.01, 0.2, 0.07)), label)
        button.on_clicked(partial(_put, commands, command))
        buttons.append(button)
    return buttons


def _put(commands: Any, command: str, _event: Any) -> None:
    commands.put(command)
