"""What is drawn for a terminal, without what acts on it: titles and reasons come from anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

from mimocorb._texts import visible

__all__ = ["Harmless"]


@dataclass(frozen=True)
class Harmless:
    """A picture in which texts cannot move the cursor, set colours or name windows.

    Parameters
    ----------
    picture
        Anything that rich can draw.
    """

    picture: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        for part in console.render(self.picture, options):
            yield part if part.control else Segment(visible(part.text), part.style)
