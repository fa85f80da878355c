"""The sink: all events of a buffer, together as they come, to a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.setup_dict import open_observer_port
from mimocorb.buffers.waits import WaitCause, tell_and_wait
from mimocorb.components.meter import current
from mimocorb.components.meter_page import MAY_REPEAT
from mimocorb.components.roles.batches import (
    BYTES_OF_A_BATCH_FUNCTION,
    EVENTS_OF_A_BATCH_FUNCTION,
    batch_limit,
    is_small,
)
from mimocorb.components.roles.lent_events import LentEvents
from mimocorb.components.room import again_when_there_is_room
from mimocorb.components.user_function import failure
from mimocorb.components.worker import current_worker
from mimocorb.errors import EndOfStream, MimocorbError

__all__ = ["Sink"]

_EVENTS_OF_A_FILE = 1 << 16


class Sink:
    """Calls a function with what has come meanwhile, and acknowledges these events together.

    There are at most 4096 events in a batch, 1 MiB, or half of the slots for all processes
    together. Events that are delivered again come one by one, so that an event that makes the
    function fail is set aside without its neighbours.

    A function that writes larger pieces has attributes that say so: ``batch_bytes``, how much it
    wants to have together, ``gather_s``, how long events may wait in the buffer for others, and
    ``wants_sequences``, whether the metadata are to have ``sequence``.

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
        self._function = function
        self._name = name
        self._metadata = metadata
        processes = current_worker().spec.number_of_processes
        wanted = getattr(function, "batch_bytes", 0)
        if wanted:
            self._limit = batch_limit(setup, _EVENTS_OF_A_FILE, processes, wanted)
        else:
            self._limit = batch_limit(
                setup, EVENTS_OF_A_BATCH_FUNCTION, processes, BYTES_OF_A_BATCH_FUNCTION
            )
        self.reader = Reader(setup, scattered=bool(wanted) or is_small(setup))
        self._wants_sequences = getattr(function, "wants_sequences", False)
        self._gather_s = getattr(function, "gather_s", 0.0)
        self._setup = setup
        self._lent = LentEvents(self.reader, name)

    def run(self) -> None:
        """Hand over all events to the end of the stream.

        Raises
        ------
        UserFunctionError
            The function raised an exception. The events are given back first.
        """
        with self.reader as reader:
            for events in self._batches():
                metadata = (reader.get_metadata_batch(),) if self._metadata else ()
                if self._wants_sequences and metadata:
                    metadata[0].sequence = reader.sequences()
                given = self._lent.together(events)
                repeats = reader.get_metadata_batch().may_repeat if reader.may_repeat else None
                if repeats is not None:
                    current().words[MAY_REPEAT] += int(np.count_nonzero(repeats))
                try:
                    self._function(given, *metadata)
                except MimocorbError:
                    raise
                except (Exception, SystemExit) as error:
                    self._again(error, given, metadata)
                self.event_count += len(events)
                del events, given
                self._lent.look()

    def _again(self, error: BaseException, events: NDArray[Any], metadata: tuple[Any, ...]) -> None:
        """Call a function again whose disk was full; any other error is its failure."""

        def attempt() -> None:
            current().words[MAY_REPEAT] += len(events)
            for batch in metadata:
                batch.may_repeat = np.ones(len(events), np.bool_)
            self._function(events, *metadata)

        try:
            again_when_there_is_room(error, attempt, self._name)
        except MimocorbError:
            raise
        except (Exception, SystemExit) as last:
            raise failure(self._name, self.reader.get_metadata()[0], last) from last

    def _batches(self) -> Iterator[NDArray[Any]]:
        return self._gathered() if self._gather_s else self.reader.batches(self._limit)

    def _gathered(self) -> Iterator[NDArray[Any]]:
        """Yield batches that have waited for more events, but not until the buffer is full.

        What is done is acknowledged before. Waiting ends at the end of the stream as well.
        """
        reader, limit = self.reader, self._limit
        newest = open_observer_port({**self._setup, "kind": "observer"})
        try:
            last = self._setup["first_sequence"] - 1
            while True:
                tell_and_wait(WaitCause.EVENT, newest.wait, last + limit - 1, self._gather_s)
                try:
                    taken = reader.take(limit)
                except EndOfStream:
                    return
                last = reader.sequence + taken - 1
                yield reader.together()
                reader.acknowledge()
        finally:
            newest.close()
