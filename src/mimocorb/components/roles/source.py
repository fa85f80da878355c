"""The source: what a generator, or any iterator, yields goes into a buffer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from mimocorb._words import how_many
from mimocorb.buffers.exact import DoesNotFitError
from mimocorb.components import device
from mimocorb.components.roles.event_writer import (
    EventWriter,
    split_block_metadata,
    split_metadata,
)
from mimocorb.components.user_function import failure
from mimocorb.errors import EndOfStream, MimocorbError, UserFunctionError

__all__ = ["Source"]

logger = logging.getLogger(__name__)


class Source:
    """Publishes what an iterator gives, event by event or block by block, until it ends.

    Every event is published as soon as it is there. What a generator may yield, and which metadata
    are filled in, is documented at :class:`mimocorb.buffer_control.SourceToBuffer` for events and
    at :func:`mimocorb.source` for blocks.

    Parameters
    ----------
    setup
        Set-up dictionary of the buffer.
    name
        Of the user's function, for messages.
    batch
        Whether it gives blocks.
    """

    def __init__(self, setup: Mapping[str, Any], name: str, *, batch: bool = False) -> None:
        self.events = EventWriter(setup)
        self._name = name
        self._batch = batch

    def run(self, start: Callable[[], Callable[[], Any]]) -> None:
        """Publish events until the source is exhausted or the buffer takes no more.

        Parameters
        ----------
        start
            Called when the account of the process has begun. Returns the function that gives the
            next event or block; the end is None, or StopIteration.

        Raises
        ------
        UserFunctionError
            The source raised an exception, or an event has the wrong shape or type.
        """
        with self.events as events, device.writing_into(events.writer.has_ended):
            events.begin()
            try:
                self._transfer(start)
            except DoesNotFitError as error:
                at = f"event {events.next_counter}"
                what = f"the block that begins with {at}" if self._batch else at
                raise UserFunctionError(f"{self._name}, {what}: {error}") from None
            except EndOfStream:
                logger.info("%s taken, no more are wanted", how_many(events.event_count, "event"))

    def _transfer(self, start: Callable[[], Callable[[], Any]]) -> None:
        put, put_block, form = self.events.put, self.events.put_block, self.events.form
        next_value = None
        while True:
            try:
                if next_value is None:
                    next_value = start()
                value = next_value()
            except StopIteration:
                return
            except SystemExit as end:
                if end.code not in (None, 0):
                    raise
                return
            except MimocorbError:
                raise
            except Exception as error:
                raise failure(self._name, self.events.next_counter, error) from error
            if value is None:
                return
            if self._batch:
                put_block(*split_block_metadata(value))
            elif type(value) is not tuple:
                put(value)
            else:
                data, metadata = split_metadata(value, form)
                if data is None:
                    return
                put(data, metadata)
