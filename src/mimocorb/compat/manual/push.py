"""``rbPut``: the pushed source, an object that foreign code calls with its data."""

from __future__ import annotations

import threading
from typing import Any

from mimocorb._closing import Closing
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.compat.manual.access import Access
from mimocorb.compat.manual.assignment import Assignment, Setups
from mimocorb.components.roles.event_writer import EventWriter
from mimocorb.errors import EndOfStream, UserFunctionError

__all__ = ["rbPut"]


class rbPut(Access, Closing):  # noqa: N801 - the documented name
    """Take data from code that has a loop of its own, and put them into a buffer.

    To be used where a driver or a file reader calls back; where mimocorb can ask for the data,
    :class:`~mimocorb.buffer_control.SourceToBuffer` is simpler. Several threads may call it: one
    event is put after the other, in the order of the calls.

    Parameters
    ----------
    source_list, observe_list
        Must be None or empty.
    sink_list
        One set-up dictionary, from ``NewBuffer.new_writer()``.
    config_dict
        Configuration of the worker; kept as attribute, not evaluated here.
    ufunc
        Accepted and not used: here it is the other side that calls.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events published.
    chnams : list of str
        Names of the channels.

    Raises
    ------
    SetupError
        Not exactly one sink, or other buffers.

    Examples
    --------
    >>> from mimocorb.buffer_control import rbPut
    >>> from mimocorb.mimo_buffer import NewBuffer, Reader
    >>> buffer = NewBuffer(8, 1, [("height", "float64"), ("channel", "int32")])
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> with rbPut(sink_list=[source]) as put:
    ...     put([12.5, 3]), put({"height": 7.0, "channel": 1})
    (True, True)
    >>> [event[0].item() for event in Reader(group)]
    [(12.5, 3), (7.0, 1)]
    >>> buffer.close()
    """

    SINKS = 1
    RELEASE_ORDER = ("sink_list", "config_dict", "ufunc")

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        ufunc: Any = None,
        **rb_info: str,
    ) -> None:
        self._make((source_list, sink_list, observe_list, config_dict, ufunc), rb_info)

    def _open(self, assigned: Assignment) -> None:
        self.ufunc = self._function
        self._events = EventWriter(assigned.sinks[0])
        self._one_at_a_time = threading.RLock()
        self._active = True
        self.sink = self._events.writer
        self.number_of_channels = self._events.form.number_of_channels
        self.chnams = list(self._events.form.channels)

    @property
    def event_count(self) -> int:
        """Number of events published."""
        return self._events.event_count

    def __call__(self, data: Any, metadata: Any = None) -> bool:
        """Publish one event; blocks while the buffer is full or paused.

        Parameters
        ----------
        data
            One event, in any form that SourceToBuffer takes. None ends the stream.
        metadata
            ``(counter, timestamp, deadtime)``, a dictionary with some of these keys, or None.

        Returns
        -------
        bool
            True while the buffer takes events. False: this one was not taken, stop calling.

        Raises
        ------
        UserFunctionError
            The data have the wrong shape or type; nothing was published.
        """
        with self._one_at_a_time:
            if data is None:
                self.close()
            if not self._active:
                return False
            try:
                self._events.put(data, metadata)
            except DoesNotFitError as error:
                raise UserFunctionError(
                    f"data put as event {self._events.next_counter}: {error}"
                ) from None
            except EndOfStream:
                self.close()
            return self._active

    def close(self) -> None:
        """Leave the buffer; the stream ends with its last writer. Idempotent.

        Waits for other threads that put an event at this moment.
        """
        with self._one_at_a_time:
            self._active = False
            self._events.close()
