"""The observer that hands copies of events to a user function."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb._access.user_function import failure
from mimocorb._access.watching import NewestEvents, checked_interval
from mimocorb.buffers.observer import Observer
from mimocorb.errors import EndOfStream, MimocorbError, SetupError

__all__ = ["rbObserver"]

Event = tuple[NDArray[Any], tuple[int, float, float]]


class rbObserver:  # noqa: N801 - the documented name
    """Hand copies of some events to a function, or to a loop, without slowing anyone.

    Parameters
    ----------
    source_list, sink_list
        Must be None or empty.
    observe_list
        One set-up dictionary, from ``NewBuffer.new_observer()``.
    config_dict
        ``min_sleeptime`` : float, default 1.0
            least time between two events, in s.
    ufunc
        Called as ``ufunc(data, metadata)`` with a copy of the newest event, a read-only array
        valid until the function returns, and ``(counter, timestamp, deadtime)``. Without it,
        calling the object returns an iterator over ``(data, metadata)`` that ends with one None.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events seen.

    Raises
    ------
    SetupError
        Not exactly one observed buffer, other buffers, or a faulty configuration.

    Examples
    --------
    >>> from mimocorb.buffer_control import rbObserver
    >>> from mimocorb.mimo_buffer import NewBuffer, Writer
    >>> buffer = NewBuffer(8, 1, "int32")
    >>> watch = rbObserver(observe_list=[buffer.new_observer()], config_dict={"min_sleeptime": 0})
    >>> with Writer(buffer.new_writer()) as writer:
    ...     writer.write([42])
    ...     data, metadata = next(watch())
    >>> data
    array([42], dtype=int32)
    >>> buffer.close()
    """

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        ufunc: Callable[[NDArray[Any], tuple[int, float, float]], Any] | None = None,
        **rb_info: str,
    ) -> None:
        assigned = check_assignment(
            self, (source_list, sink_list, observe_list), rb_info, observers=1
        )
        if ufunc is not None and not callable(ufunc):
            raise SetupError(f"rbObserver: ufunc must be a function, found {type(ufunc).__name__}.")
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        self.min_sleeptime = checked_interval(self, self.config_dict)
        self.ufunc = ufunc
        self.event_count = 0
        self.source = Observer(assigned.observed[0])
        self._newest = NewestEvents(self.source, self.min_sleeptime)

    def __call__(self) -> Iterator[Event | None] | None:
        """Hand over copies of new events until the stream ends.

        Returns
        -------
        iterator or None
            Without `ufunc`, an iterator over ``(data, metadata)``, then None once.

        Raises
        ------
        UserFunctionError
            The function raised an exception.
        """
        if self.ufunc is None:
            return self._events()
        with self.source as observer:
            for data in self._newest:
                metadata = observer.get_metadata()
                try:
                    self.ufunc(data, metadata)
                except (EndOfStream, MimocorbError):
                    raise
                except (Exception, SystemExit) as error:
                    raise failure(self.ufunc, metadata[0], error) from error
                self.event_count += 1
        return None

    def start(self) -> Iterator[Event | None] | None:
        """Do the same as calling the object."""
        return self()

    def _events(self) -> Iterator[Event | None]:
        """Yield events; may be abandoned and called again, as ``next(watch())`` does."""
        for data in self._newest:
            self.event_count += 1
            yield data, self.source.get_metadata()
        yield None
