"""The observer: copies of the newest event, from time to time, to a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from mimocorb.buffers.observer import Observer
from mimocorb.components.form import Metadata
from mimocorb.components.roles.newest_events import NewestEvents
from mimocorb.components.user_function import failure
from mimocorb.errors import MimocorbError

__all__ = ["Watch"]


class Watch:
    """Calls a function with copies of the newest event until the stream ends.

    An object with a method ``begin`` is given the :class:`NewestEvents` before the first event, and
    one with a method ``idle`` is attended to while there is none, as a window needs it.

    Parameters
    ----------
    setup
        Set-up dictionary of the buffer.
    function
        Called with a copy of the newest event, a read-only array valid until it returns, and with
        its metadata if wanted.
    name
        Of the user's function, for messages.
    interval_s
        Least time between two events in seconds.
    metadata
        The type of its second argument, made of ``(counter, timestamp, deadtime)``; None: it has
        only one.
    """

    def __init__(
        self,
        setup: Mapping[str, Any],
        function: Callable[..., Any],
        name: str,
        interval_s: float,
        *,
        metadata: type[tuple[Any, ...]] | None = tuple,
    ) -> None:
        self.event_count = 0
        self.source = Observer(setup)
        self.newest = NewestEvents(self.source, interval_s, getattr(function, "idle", None))
        self._function = function
        self._name = name
        self._make = metadata and functools.partial(tuple.__new__, metadata)
        self._with_time = metadata is Metadata

    def run(self) -> None:
        """Hand over copies of new events until the stream ends.

        Raises
        ------
        UserFunctionError
            The function raised an exception.
        """
        with self.source as observer:
            begin = getattr(self._function, "begin", None)
            if begin is not None:
                begin(self.newest)
            for data in self.newest:
                metadata = observer.get_metadata()
                given: tuple[Any, ...] = () if self._make is None else (self._make(metadata),)
                if self._with_time:
                    given[0].at(observer.time_ns)
                try:
                    self._function(data, *given)
                except MimocorbError:
                    raise
                except (Exception, SystemExit) as error:
                    raise failure(self._name, metadata[0], error) from error
                self.event_count += 1
