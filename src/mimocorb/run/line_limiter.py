"""Keeps a worker that prints without end from hiding everything else on the screen."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["LineLimiter"]

Kind = tuple[str, ...]

BURST = 100
LINES_PER_S = 10.0


class LineLimiter:
    """Limits the lines on the screen: of each kind a burst, then a few per second.

    The kind of a line is anything that can be a key, such as origin and level.
    Times are those of any clock that only goes forward, in seconds.
    """

    def __init__(self) -> None:
        self._room: dict[Kind, tuple[float, float]] = {}
        self._held_back: dict[Kind, int] = {}

    def lets_pass(self, kind: Kind, now_s: float) -> bool:
        """Whether a line of this kind goes on the screen now; counts it if not."""
        room, since_s = self._room.get(kind, (BURST, now_s))
        room = min(BURST, room + LINES_PER_S * (now_s - since_s))
        passes = room >= 1.0
        self._room[kind] = (room - passes, now_s)
        if not passes:
            self._held_back[kind] = self._held_back.get(kind, 0) + 1
        return passes

    def held_back(self, now_s: float, *, all_of_them: bool = False) -> Iterator[tuple[Kind, int]]:
        """Yield what was held back, and how many lines, once there is room to say so."""
        for kind in tuple(self._held_back):
            room, since_s = self._room[kind]
            # A second's worth, so that the notes about a flood are no flood themselves.
            if all_of_them or room + LINES_PER_S * (now_s - since_s) >= LINES_PER_S:
                yield kind, self._held_back.pop(kind)
