"""From the outboxes of a batch into the buffers: whole events, in all sinks at nearly one moment.

A process that is killed after it has published a result, and before it has acknowledged the event
that it came out of, leaves a result that comes again. So nothing is published before there is room
for all of it:

1. the slots for the next events are claimed in all sinks, and filled: this may take as long as a
   sink is full;
2. then they are published, in one sink after the other, and the events acknowledged: this takes
   microseconds.

Events whose records have found room are done with; for the others it begins anew. Whoever reads two
sinks in step is never kept waiting: what it needs from both comes together.

Nobody waits for another process that waits for him: slots are claimed in the order of the sinks'
names, and whoever waits for one in a sink holds none in that sink or in those behind it. That needs
an exception: for an event that puts several records into a sink, and finds room for some of them
only, these are published although the others are not. Killed while it waits for more room, the
process leaves records that come again, marked like all others.
"""

from __future__ import annotations

from collections.abc import Sequence

from mimocorb.components.roles.outbox import Outbox

__all__ = ["Publication"]


class Publication:
    """Publishes the records of a batch in steps, each for as many events as there is room for.

    Parameters
    ----------
    outboxes
        Of all sinks, in any order.
    """

    def __init__(self, outboxes: Sequence[Outbox]) -> None:
        self._outboxes = sorted(outboxes, key=lambda outbox: outbox.writer.name)

    def make_room(self, done: int, events: int) -> int:
        """Wait until all records of the next event have slots, and fill them.

        Parameters
        ----------
        done
            How many events of the batch are done with.
        events
            How many there are.

        Returns
        -------
        int
            How many of the events are ready to be published, those that are done included.

        Raises
        ------
        EndOfStream
            A sink takes no more.
        """
        while True:
            ready = events
            for outbox in self._outboxes:
                ready = outbox.claim_before(ready)
                if ready == done:
                    break
            else:
                for outbox in self._outboxes:
                    outbox.fill_before(ready)
                return ready
            if outbox.claimed:
                self._publish_in_part(done)
            else:
                outbox.writer.wait_for_room()

    def publish(self) -> None:
        """Publish all records that :meth:`make_room` has found slots for."""
        for outbox in self._outboxes:
            if outbox.filled:
                outbox.publish()

    def _publish_in_part(self, place: int) -> None:
        """Publish the records of an event that have slots, although others have none."""
        for outbox in self._outboxes:
            outbox.fill_before(place + 1)
        self.publish()
