"""Where the operator of a run sits: the display, the keys, the signals, the service manager."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from mimocorb.run.operator_signals import handled
from mimocorb.run.options import RunOptions
from mimocorb.run.screen.keyboard import Keyboard
from mimocorb.run.screen.service_manager import ServiceManager
from mimocorb.run.screen.terminal import LiveView, PlainLines, can_be_drawn_on
from mimocorb.run.supervision.supervisor import Supervisor

__all__ = ["Console"]


class Console:
    """Shows a run to its operator and passes on what he asks for.

    Parameters
    ----------
    supervisor
        Of the run.
    options
        What to show, and whether to listen to keys.
    keyboard_control
        Whether the set-up allows keys.
    """

    def __init__(
        self, supervisor: Supervisor, options: RunOptions, *, keyboard_control: bool
    ) -> None:
        self._supervisor = supervisor
        self._options = options
        self._keyboard_control = keyboard_control
        self._display: LiveView | PlainLines | None = None
        self._keyboard: Keyboard | None = None
        self._service_manager = ServiceManager(supervisor.view)
        self._suspend_asked = False

    def update(self) -> None:
        """Show the run as it is now; to be called each turn of the loop."""
        if self._suspend_asked:
            self._suspend_asked = False
            self._suspend()
        self._service_manager.update(self._supervisor.state)
        if self._display is not None:
            self._display.update()
        if self._keyboard is not None:
            before = self._keyboard.descriptor
            self._keyboard.update()
            self._rewatch(before, self._keyboard.descriptor)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Display and keyboard for the time of the run; the terminal is always given back."""
        supervisor, options = self._supervisor, self._options
        if options.keyboard and self._keyboard_control and options.verbose > 0:
            self._keyboard = Keyboard()
        if options.verbose > 1 and can_be_drawn_on(sys.stdout):
            self._display = LiveView(sys.stdout, supervisor.view, supervisor.log.lines)
        elif options.verbose > 0:
            self._display = PlainLines(sys.stdout, supervisor.view, supervisor.log)
        try:
            if self._display is not None:
                self._display.start()
            yield
        finally:
            if self._display is not None:
                self._display.stop()
            if self._keyboard is not None:
                self._rewatch(self._keyboard.descriptor, None)
                self._keyboard.restore()

    def signals(self) -> AbstractContextManager[None]:
        """Turn signals into commands, and let Ctrl-Z free the terminal, as long as this lasts."""
        return handled(self._supervisor.post, self._ask_to_suspend)

    def _ask_to_suspend(self) -> None:
        self._suspend_asked = True
        self._supervisor.loop.wake()

    def _rewatch(self, before: int | None, now: int | None) -> None:
        if before == now:
            return
        if before is not None:
            self._supervisor.loop.unwatch(before)
        if now is not None:
            self._supervisor.loop.watch(now, self._read_keys)

    def _read_keys(self) -> None:
        if self._keyboard is None:
            return
        before = self._keyboard.descriptor
        for command in self._keyboard.commands():
            self._supervisor.post(command, "a key")
        self._rewatch(before, self._keyboard.descriptor)

    def _suspend(self) -> None:
        """Stop as Ctrl-Z asks, with the terminal given back, and go on when continued."""
        if self._keyboard is not None:
            self._rewatch(self._keyboard.descriptor, None)
            self._keyboard.restore()
        if isinstance(self._display, LiveView):
            self._display.suspend()
        else:
            os.kill(os.getpid(), signal.SIGSTOP)
