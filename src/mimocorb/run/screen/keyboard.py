"""Keys that steer a run, read one by one from the terminal while the run is in its foreground."""

from __future__ import annotations

import os
import sys
import termios
import tty
from typing import Any

from mimocorb.run.run_state import Command

__all__ = ["KEYS", "Keyboard", "in_foreground"]

KEYS = {
    " ": Command.TOGGLE_PAUSE,
    "p": Command.PAUSE,
    "r": Command.RESUME,
    "s": Command.STOP,
    "e": Command.END,
    "q": Command.END,
}


def in_foreground(descriptor: int) -> bool:
    """Whether this process may use the terminal: a shell has not put it into the background."""
    return os.tcgetpgrp(descriptor) == os.getpgrp()


class Keyboard:
    """Standard input as a keyboard, if it is one.

    A run may be put into the background, brought back, or have no terminal at all. Changing the
    terminal or reading from it while in the background would stop the process, so both happen only
    in the foreground; :meth:`update` notices changes.
    """

    def __init__(self) -> None:
        self._descriptor = self._terminal()
        self._before: list[Any] | None = None

    @staticmethod
    def _terminal() -> int | None:
        try:
            descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
            return descriptor if os.isatty(descriptor) else None
        except (OSError, ValueError):
            return None

    @property
    def descriptor(self) -> int | None:
        """What to wait for; None while keys are not for us."""
        return self._descriptor if self._before is not None else None

    def update(self) -> None:
        """Take or give up the keyboard as the process comes to the foreground or leaves it."""
        if self._descriptor is None:
            return
        try:
            foreground = in_foreground(self._descriptor)
            if foreground and self._before is None:
                before = termios.tcgetattr(self._descriptor)
                tty.setcbreak(self._descriptor, termios.TCSANOW)
                self._before = before
            elif not foreground:
                self._before = None  # the shell has set its own modes
        except (OSError, termios.error):  # the terminal has gone
            self._descriptor = self._before = None

    def commands(self) -> list[Command]:
        """Return what the keys pressed since the last call ask for."""
        return [KEYS[letter] for letter in self.letters() if letter in KEYS]

    def letters(self) -> str:
        """Return the keys pressed since the last call, in small letters."""
        self.update()
        if self._descriptor is None or self._before is None:
            return ""
        try:
            data = os.read(self._descriptor, 64)
        except OSError:
            data = b""
        if not data:  # hung up
            self._descriptor = self._before = None
        return data.decode(errors="ignore").lower()

    def restore(self) -> None:
        """Give the terminal back as it was. Idempotent."""
        self.update()
        if self._descriptor is not None and self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)
        self._before = None
