"""The sink: all events of a buffer, together as they come, to a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mimocorb.buffers.reader import Reader
from mimocorb.components.meter import current
from mimocorb.components.meter_page import MAY_REPEAT
from mimocorb.components.roles.batches import batch_limit
from mimocorb.components.user_function import failure
from mimocorb.components.worker import current_worker
from mimocorb.errors import EndOfStream, MimocorbError

__all__ = ["Sink"]

_EVENTS_AT_ONCE = 256


class Sink:
    """Calls a function with what has come meanwhile, and acknowledges these events together.

    There are at most 256 events in a batch, 64 KiB, or half of the slots. Events that are
    delivered again come one by one, so that an event that makes the function fail is set aside
    without its neighbours.

    Parameters
    ----------
    setup
        Set-up dictionary of the buffer.
    function
        Called with ``events`` of shape ``(k, values_per_slot)``, and with their metadata if wanted,
        a named tuple of three arrays.
    name
        Of the user's function, for messages.
    metadata
        Whether it wants metadata.
    """

    def __init__(
        self,
        setup: Mapping[str, Any],
        function: Callable[..., Any],
        name: str,
        *,
        metadata: bool = True,
    ) -> None:
        self.event_count = 0
        self.reader = Reader(setup, scattered=True)
        self._function = function
        self._name = name
        self._metadata = metadata
        self._limit = batch_limit(setup, _EVENTS_AT_ONCE, current_worker().spec.number_of_processes)

    def run(self) -> None:
        """Hand over all events to the end of the stream.

        Raises
        ------
        UserFunctionError
            The function raised an exception. The events are given back first.
        """
        with self.reader as reader:
            for events in reader.batches(self._limit):
                metadata = (reader.get_metadata_batch(),) if self._metadata else ()
                repeats = reader.get_metadata_batch().may_repeat if reader.may_repeat else None
                if repeats is not None:
                    current().words[MAY_REPEAT] += int(np.count_nonzero(repeats))
                try:
                    self._function(events, *metadata)
                except (EndOfStream, MimocorbError):
                    raise
                except (Exception, SystemExit) as error:
                    raise failure(self._name, reader.get_metadata()[0], error) from error
                self.event_count += len(events)
