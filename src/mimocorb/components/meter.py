"""The account that a process keeps of itself: its time by what it does, and its decisions.

:func:`current` gives the meter of this process. In a run it writes into the account page that the
supervisor has made (:mod:`mimocorb.components.meter_page` has its layout), so that the account is
complete whatever happens to the process. Outside a run each thread has a private page.

What counts as what, for a source:

* *live*: it waits for the next event, in the user's generator or device, or until a driver calls;
* *reading out*: from the moment at which the event is there until it is published. A function that
  both waits and reads says so with :func:`reading_out`; else its reading counts as live, and only
  the check of the arrival times can find out (:mod:`mimocorb.run.accounts.arrivals`);
* *device lost*: it has said that there is no device, see :func:`mimocorb.device_lost`;
* *no room*, *paused*: it has an event and waits for a free slot, or for the end of a pause.

Readers and writers tell by themselves when they wait (:mod:`mimocorb.buffers.waits`). All other
time is *working*. Times are whole nanoseconds of CLOCK_MONOTONIC and add up exactly.
"""

from __future__ import annotations

import math
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from mimocorb.buffers.time_account import TimeAccount
from mimocorb.buffers.waits import WaitCause, tell_waits_to
from mimocorb.components import meter_page as page_of
from mimocorb.components.meter_page import Activity, Capability

__all__ = ["Meter", "current", "device_was_dead", "install", "occupied", "reading_out"]

_FOR_CAUSE = {
    WaitCause.EVENT: int(Activity.NO_INPUT),
    WaitCause.TURN: int(Activity.NO_TURN),
    WaitCause.PARTNER: int(Activity.NO_PARTNER),
    WaitCause.ROOM: int(Activity.NO_ROOM),
    WaitCause.RESUME: int(Activity.PAUSED),
}


class Meter(TimeAccount):
    """The account of this process, kept in its page.

    It is the account of one thread: the first one that writes events as a source or waits at a
    buffer. What others do at the same time would count twice, and is left out.

    The time is kept by native code, as every event of a source changes it three times. For a
    source, `event_is_there` says that it reads out from now on; `event_is_published` that it is
    live again, after one event or a block; `event_is_dropped` that the event does not go into the
    buffer; `event_is_refused` that the buffer takes no more, so what was waited since the last
    event is not live: the source could not have got rid of an event that came in this time.
    `deadtime` is the dead part of the time from event to event. `use_clock` replaces
    CLOCK_MONOTONIC.

    Parameters
    ----------
    page
        Writable memory of ``PAGE_BYTES`` zeros; a private one if not given.
    """

    def __init__(self, page: bytearray | mmap.mmap | None = None) -> None:
        self.page = bytearray(page_of.PAGE_BYTES) if page is None else page
        super().__init__(self.page)
        self.words = memoryview(self.page).cast("q")
        self._times = memoryview(self.page).cast("d")
        self._owner: int | None = None
        self._before_wait = 0
        self._waits = 0

    def end(self) -> None:
        """Let the account end now."""
        self.switch_to(Activity.ENDED)

    def knows(self, what: Capability) -> None:
        """Note that the code in this process can tell this."""
        self.words[page_of.KNOWS] |= what

    def source_begins(self) -> None:
        """Note that from now on every event is told of when it is there."""
        self.knows(Capability.ARRIVALS)
        self._owner = threading.get_ident()
        super().source_begins()

    def event_was_recorded(self, timestamp_s: float) -> None:
        """Note that the source gave the event a time of its own, as recorded events have one."""
        if not math.isfinite(timestamp_s):
            return
        times, first = self._times, page_of.RECORDED_S
        if not self.words[page_of.KNOWS] & Capability.RECORDED:
            times[first] = times[first + 1] = timestamp_s
            self.knows(Capability.RECORDED)
        elif timestamp_s > times[first + 1]:
            times[first + 1] = timestamp_s
        elif timestamp_s < times[first]:
            times[first] = timestamp_s

    # --- waiting, told by readers and writers

    def wait_begins(self, cause: WaitCause) -> None:
        """Note that this thread waits, if the account is that of this thread."""
        if self._owner is None:
            self._owner = threading.get_ident()
        if self._owner == threading.get_ident():
            self._waits += 1
            if self._waits == 1:  # who began the outer one knows what it is for
                self._before_wait = self.switch_to(_FOR_CAUSE[cause])

    def wait_ends(self) -> None:
        """Note that this thread goes on with what it did before."""
        if self._owner == threading.get_ident():
            self._waits -= 1
            if not self._waits:
                self.switch_to(self._before_wait)


_installed: Meter | None = None
_private = threading.local()


def install(descriptor: Connection) -> Meter:
    """Keep the account of this process in the page that the supervisor has made."""
    global _installed  # noqa: PLW0603 - one account of a process
    page = mmap.mmap(descriptor.fileno(), page_of.PAGE_BYTES)
    descriptor.close()
    _installed = Meter(page)
    tell_waits_to(current)
    return _installed


def current() -> Meter:
    """Return the meter of this process; outside a run, a private one of this thread."""
    if _installed is not None:
        return _installed
    meter: Meter | None = getattr(_private, "meter", None)
    if meter is None:
        tell_waits_to(current)
        meter = _private.meter = Meter()
        meter.begin()
    return meter


@contextmanager
def reading_out() -> Iterator[None]:
    """Say that a source reads an event out, and cannot take the next one meanwhile.

    For source functions that wait for an event and then read it: without it, all their time counts
    as *live*, able to take events, and the dead time comes out too small. Whatever happens between
    an event and its being in the buffer is counted without being told.

    Examples
    --------
    >>> from mimocorb import reading_out
    >>> def events(device):
    ...     while device.wait_for_trigger():
    ...         with reading_out():
    ...             waveform = device.read()
    ...         yield waveform
    """
    current().knows(Capability.READING_OUT)
    with occupied(Activity.READING_OUT):
        yield


def device_was_dead(dead_s: float) -> None:
    """Say for how long the device of a source was dead since its last event, as it says itself.

    This time counts as reading out instead of live. To be called when the event has come, before it
    is handed over. Of events that come together, later than they were taken, more may be dead than
    was waited; the rest is taken off the live time of the next ones.

    Parameters
    ----------
    dead_s
        In s.
    """
    meter = current()
    meter.knows(Capability.READING_OUT)
    meter.device_was_dead(round(1e9 * dead_s))


@contextmanager
def occupied(activity: Activity) -> Iterator[None]:
    """Count the time of the block as that of an activity, and what was done before behind it."""
    meter = current()
    before = meter.switch_to(activity)
    try:
        yield
    finally:
        meter.switch_to(before)
