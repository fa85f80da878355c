"""Where a figure is shown: in a window, or, where there is none, in a picture file."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "Screen", "Window", "open_screen", "picture_name"]

_log = logging.getLogger(__name__)


class Screen(Protocol):
    """Shows one figure."""

    figure: Figure

    def refresh(self) -> None:
        """Show the figure as it is now."""

    def idle(self) -> None:
        """Attend to the user; to be called often. Raises StopIteration when the user has gone."""

    def close(self) -> None:
        """Show nothing more. Idempotent."""


class Window:
    """A matplotlib window.

    Raises
    ------
    ImportError
        There is no window system or no toolkit for it.
    """

    def __init__(self, title: str) -> None:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise ImportError("neither DISPLAY nor WAYLAND_DISPLAY is set")
        import matplotlib.pyplot as plt

        self._plt = plt
        self.figure = plt.figure()
        canvas: Any = self.figure.canvas
        if canvas.required_interactive_framework is None:
            plt.close(self.figure)
            raise ImportError(f"matplotlib has only its {plt.get_backend()} backend")
        self._canvas = canvas
        self._is_open = True
        canvas.mpl_connect("close_event", self._closed)
        if canvas.manager is not None:
            canvas.manager.set_window_title(title)
        plt.show(block=False)

    def _closed(self, _event: object) -> None:
        self._is_open = False

    def refresh(self) -> None:
        """Show the figure as it is now."""
        if self._is_open:
            self._canvas.draw_idle()
            self._canvas.flush_events()

    def idle(self) -> None:
        """Handle mouse and keyboard. Raises StopIteration when the window was closed."""
        self._canvas.flush_events()
        if not self._is_open:
            raise StopIteration

    def close(self) -> None:
        """Close the window. Idempotent."""
        self._plt.close(self.figure)


class Picture:
    """A PNG file that is replaced as a whole: viewers never see half of it."""

    def __init__(self, path: Path) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.path = path
        self.figure = Figure(dpi=110)
        FigureCanvasAgg(self.figure)
        self._has_failed = False

    def refresh(self) -> None:
        """Write the figure as it is now. A full disk is reported once and stops nobody."""
        png = io.BytesIO()
        self.figure.savefig(png, format="png")
        # the axes stay as they are, so their layout need not be found again: 110 instead of 145 ms
        self.figure.set_layout_engine("none")
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(part, flags, 0o644), "wb") as file:
                file.write(png.getbuffer())
            part.replace(self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            if not self._has_failed:
                _log.warning("cannot write %s: %s. The run goes on.", self.path, error)
            self._has_failed = True

    def idle(self) -> None:
        """Do nothing: nobody sits in front of a file."""

    def close(self) -> None:
        """Leave the last picture where it is."""


def picture_name(buffer: str, what: str) -> str:
    """Return the name of the picture of something that a display shows of a buffer."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', buffer)[:48]}_{what}.png"


def open_screen(title: str, picture: Path, prepare: Callable[[Figure], Any]) -> tuple[Screen, Any]:
    """Open a window, or, where that is impossible, a picture file, and say so once.

    Returns
    -------
    tuple
        The screen, and what ``prepare(figure)`` returned.
    """
    screen: Screen
    try:
        screen = Window(title)
    # a toolkit that cannot reach the window system raises errors of its own
    except Exception as error:
        screen = Picture(picture)
        _log.warning("no window for %r (%s): see %s", title, error, picture)
    return screen, prepare(screen.figure)
