"""What becomes of events that a function keeps after it has returned.

It gets views: nothing is copied, and the memory of an event is used for another one later. A
function that keeps a view sees that other event in it, and nothing tells, in a run that is complete
and clean. So it is looked whether events are kept:

1. what a function is called with first is copied. If any of it is still there afterwards, it always
   gets copies: what it keeps is right, and each event costs a little more;
2. now and then, less often the longer nothing is found, references to the memory of the buffer are
   counted. If there are more than at the beginning, what the function has kept may be wrong by now:
   that is a warning, and from then on it gets copies.

In a run with ``--debug`` the view itself raises an error when it is used.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from mimocorb.buffers.reader import Reader

__all__ = ["LentEvents"]

logger = logging.getLogger(__name__)


class LentEvents:
    """Decides whether a function gets views or copies.

    Parameters
    ----------
    reader
        Lends the events.
    name
        Of the function, for messages.
    """

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._name = name
        self._copies = not reader.variable and not reader.debug
        self._looks = self._copies
        self._copied: list[weakref.ref[NDArray[Any]]] = []
        self._references = 0
        self._calls = 0
        self._next_look = 1

    def each(self, events: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """Return these events, or copies of them."""
        if not self._copies:
            return events
        copies = [event.copy() for event in events]
        for copy in copies:
            copy.flags.writeable = False
        if self._looks:
            self._copied = [weakref.ref(copy) for copy in copies]
        return copies

    def together(self, events: Any) -> Any:
        """Return a batch of events, or a copy of it."""
        return self.each([events])[0]

    def look(self) -> None:
        """See whether anything is kept; to be called where none of it is in use here."""
        if not self._looks:
            return
        self._calls += 1
        if self._copied:
            self._look_at_copies()
        elif not self._copies and self._calls >= self._next_look:
            self._next_look = 2 * self._calls
            self._look_at_references()

    def _look_at_copies(self) -> None:
        if any(copy() is not None for copy in self._copied):
            self._looks = False
            logger.info(
                "%s keeps events after it has returned, so it gets copies of them", self._name
            )
            return
        self._copied, self._copies = [], False
        self._references = self._reader.references()

    def _look_at_references(self) -> None:
        if self._reader.references() <= self._references:
            return
        self._looks, self._copies = False, True
        logger.warning(
            "%s keeps events after it has returned, while their memory is used for other events:"
            " what it has kept until now may be wrong. Keep event.copy(); from now on it gets"
            " copies",
            self._name,
            extra={"of_function": True},  # so that it counts as a warning of the user's function
        )
