"""The sink that keeps nothing."""

from __future__ import annotations

import logging
from typing import Any

from mimocorb._access.assignment import Setups, check_assignment
from mimocorb.buffers.reader import Reader

__all__ = ["rbDrain"]


class rbDrain:  # noqa: N801 - the documented name
    """Read and discard events, so that a buffer without another reader does not fill up.

    Parameters
    ----------
    source_list
        One set-up dictionary, from ``NewBuffer.new_reader_group()``.
    sink_list, observe_list
        Must be None or empty.
    config_dict
        Configuration of the worker; kept as attribute, not evaluated here.
    **rb_info
        Buffer names and roles, as in ``RB_assign``.

    Attributes
    ----------
    event_count : int
        Number of events read.

    Examples
    --------
    >>> from mimocorb.buffer_control import SourceToBuffer, rbDrain
    >>> from mimocorb.mimo_buffer import NewBuffer
    >>> buffer = NewBuffer(8, 1, "int32")
    >>> source, group = buffer.new_writer(), buffer.new_reader_group()
    >>> SourceToBuffer(sink_list=[source], data_source=[3, 1, 4])()
    >>> drain = rbDrain(source_list=[group])
    >>> drain()
    >>> drain.event_count
    3
    >>> buffer.close()
    """

    def __init__(
        self,
        source_list: Setups = None,
        sink_list: Setups = None,
        observe_list: Setups = None,
        config_dict: dict[str, Any] | None = None,
        **rb_info: str,
    ) -> None:
        assigned = check_assignment(
            self, (source_list, sink_list, observe_list), rb_info, sources=1
        )
        self.logger = logging.getLogger(__name__)
        self.config_dict = config_dict or {}
        self.event_count = 0
        self.source = Reader(assigned.sources[0])

    def __call__(self) -> None:
        """Read to the end of the stream."""
        with self.source as reader:
            for events in reader.batches(reader.number_of_slots):
                self.event_count += len(events)

    def start(self) -> None:
        """Do the same as calling the object."""
        self()
