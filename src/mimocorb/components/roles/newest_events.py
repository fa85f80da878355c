"""Look at the newest event from time to time, as displays do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from mimocorb.buffers.observer import Observer
from mimocorb.errors import SetupError

__all__ = ["NewestEvents", "checked_interval"]

_LOOK_S = 0.05


def checked_interval(owner: str, config: Mapping[str, Any]) -> float:
    """Return ``min_sleeptime`` in seconds, 1 unless configured."""
    value = config.get("min_sleeptime", 1.0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise SetupError(
            f"{owner}: min_sleeptime is {value!r}; give the least time between two"
            " updates in seconds, a number from 0."
        )
    return float(value)


class NewestEvents:
    """Iterate over copies of the newest event, each newer than the one before.

    Ends within 50 ms of the end of the stream, after the very last event unless that was seen.

    Parameters
    ----------
    observer
        Where to look.
    interval_s
        Least time between two events in seconds; may be changed at any time.
    idle
        Called at least every 50 ms while waiting, with nothing to return. A window handles its
        mouse and keyboard here. StopIteration from it ends the iteration.
    """

    def __init__(
        self,
        observer: Observer,
        interval_s: float,
        idle: Callable[[], object] | None = None,
    ) -> None:
        self.interval_s = interval_s
        self._observer = observer
        self._idle = idle
        self._not_before_s = 0.0

    @property
    def age_s(self) -> float:
        """How long ago the event last given was published, in seconds."""
        return self._observer.age_s

    @property
    def published(self) -> int:
        """Number of events published until the event last given."""
        return self._observer.sequence

    @property
    def skipped(self) -> int:
        """Number of events that were published between the last two given."""
        return self._observer.skipped

    @property
    def is_last(self) -> bool:
        """Whether no event will come behind the one last given."""
        return self._observer.ended and not self._observer.wait(0)

    def __iter__(self) -> NewestEvents:
        return self

    def __next__(self) -> NDArray[Any]:
        while not self._observer.ended:
            if self._idle is not None:
                self._idle()
            pause_s = self._not_before_s - time.monotonic()
            if pause_s > 0:
                time.sleep(min(pause_s, _LOOK_S))
            elif self._observer.wait(_LOOK_S):
                break
        if not self._observer.wait(0):
            raise StopIteration
        self._not_before_s = time.monotonic() + self.interval_s
        return self._observer.get()
