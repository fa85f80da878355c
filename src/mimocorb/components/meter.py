"""The account that a process keeps of itself: its time by what it does, and its decisions.

:func:`current` gives the meter of this process. In a run it writes into the account page that the
supervisor has made (:mod:`mimocorb.components.meter_page` has its layout), so that the account is
complete whatever happens to the process. Outside a run each thread has a private page.

What counts as what, for a source:

* *live*: it waits for the next event, in the user's generator or device, or until a driver calls;
* *reading out*: from the moment at which the event is there until it is published. A function that
  both waits and reads says so with :func:`reading_out`; else its reading counts as live, and only
  the check of the arrival times can find out (:mod:`mimocorb.run.accounts.arrivals`);
* *no room*, *paused*: it has an event and waits for a free slot, or for the end of a pause.

Readers and writers tell by themselves when they wait (:mod:`mimocorb.buffers.waits`). All other
time is *working*. Times are whole nanoseconds of CLOCK_MONOTONIC and add up exactly.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from time import monotonic_ns

from mimocorb.buffers.waits import WaitCause, tell_waits_to
from mimocorb.components import meter_page as page_of
from mimocorb.components.meter_page import Activity, Capability

__all__ = ["Meter", "StateClock", "current", "install", "reading_out"]

# Plain integers, and of this module: where every event passes, each look into an enum or another
# module would cost as much as a reading of the clock.
_LIVE, _READING_OUT = int(Activity.WORKING), int(Activity.READING_OUT)
_NO_ROOM, _PAUSED = int(Activity.NO_ROOM), int(Activity.PAUSED)
_LIVE_WORD, _READING_OUT_WORD = page_of.SPENT_NS + _LIVE, page_of.SPENT_NS + _READING_OUT
_DOING_WORD, _INTERVAL_WORDS = page_of.DOING, page_of.INTERVALS
_FOR_CAUSE = {
    WaitCause.EVENT: int(Activity.NO_INPUT),
    WaitCause.TURN: int(Activity.NO_TURN),
    WaitCause.PARTNER: int(Activity.NO_PARTNER),
    WaitCause.ROOM: _NO_ROOM,
    WaitCause.RESUME: _PAUSED,
}
_LONGEST_INTERVAL_NS = (1 << 43) - 1


class StateClock:
    """Whole nanoseconds by state; each moment belongs to exactly one.

    Parameters
    ----------
    number_of_states
        States are numbered from 0, in which the clock begins.
    """

    def __init__(self, number_of_states: int) -> None:
        self.state = 0
        self.since_ns = monotonic_ns()
        self.spent_ns = [0] * number_of_states

    def switch(self, state: int) -> int:
        """Be in another state from now on; returns the one before."""
        before, now_ns = self.state, monotonic_ns()
        self.spent_ns[before] += now_ns - self.since_ns
        self.since_ns, self.state = now_ns, state
        return before

    def until_now_ns(self, state: int) -> int:
        """Return the time spent in a state, up to now."""
        present_ns = monotonic_ns() - self.since_ns if state == self.state else 0
        return self.spent_ns[state] + present_ns


class Meter(StateClock):
    """The account of this process, kept in its page.

    It is the account of one thread: the first one that writes events as a source or waits at a
    buffer. What others do at the same time would count twice, and is left out.

    Parameters
    ----------
    page
        Writable memory of ``PAGE_BYTES`` zeros; a private one if not given.
    """

    def __init__(self, page: bytearray | mmap.mmap | None = None) -> None:
        super().__init__(len(Activity))
        self.page = bytearray(page_of.PAGE_BYTES) if page is None else page
        self.words = memoryview(self.page).cast("q")
        self._times = memoryview(self.page).cast("d")
        self._in_page = 0
        self._live_at_event_ns = 0
        self._slot_ns = self._live_at_slot_ns = 0
        self._owner: int | None = None
        self._before_wait = 0
        self._waits = 0

    def begin(self) -> None:
        """Let the account begin now."""
        self.since_ns = monotonic_ns()
        self.state = self._in_page = _LIVE
        self.words[_DOING_WORD] = _LIVE
        self.words[page_of.BEGAN_NS] = self.since_ns

    def end(self) -> None:
        """Let the account end now."""
        self.switch(int(Activity.ENDED))

    def switch(self, state: int) -> int:
        """Do something else from now on; returns what was done before."""
        before = super().switch(state)
        self._store(before)
        return before

    def knows(self, what: Capability) -> None:
        """Note that the code in this process can tell this."""
        self.words[page_of.KNOWS] |= what

    # --- a source

    def source_begins(self) -> None:
        """Note that from now on every event is told of when it is there."""
        self.knows(Capability.ARRIVALS)
        self._owner = threading.get_ident()
        if self.state != _LIVE:
            self.switch(_LIVE)
        self._live_at_event_ns = self.spent_ns[_LIVE]
        self._slot_ns, self._live_at_slot_ns = self.since_ns, self._live_at_event_ns

    def event_is_there(self) -> float:
        """Note that an event has come: from now on it is read out. Returns its :meth:`deadtime`.

        The page learns of it when the event is published, or when there is something to wait for.
        """
        live_ns = self.spent_ns[_LIVE]
        if self.state == _LIVE:
            now_ns = monotonic_ns()
            live_ns += now_ns - self.since_ns
            self.spent_ns[_LIVE], self.since_ns, self.state = live_ns, now_ns, _READING_OUT
        interval_ns = self.since_ns - self._slot_ns
        return 1.0 - (live_ns - self._live_at_slot_ns) / interval_ns if interval_ns > 0 else 0.0

    def deadtime(self) -> float:
        """Return the dead part of the time from event to event.

        An interval ends when the event has its slot; to fill this belongs to the next interval. So
        no time is left out, and none counts twice.
        """
        interval_ns = self.since_ns - self._slot_ns
        active_ns = self.spent_ns[_LIVE] - self._live_at_slot_ns
        return 1.0 - active_ns / interval_ns if interval_ns > 0 else 0.0

    def event_is_published(self, count: int = 1) -> None:
        """Note that the event is in the buffer: from now on the source is live again.

        Of a block of `count` events, only the first has had to be waited for.
        """
        now_ns = monotonic_ns()
        words, spent_ns, since_ns = self.words, self.spent_ns, self.since_ns
        self._slot_ns = since_ns
        spent_ns[self.state] += now_ns - since_ns
        self.since_ns, self.state = now_ns, _LIVE
        live_ns = self._live_at_slot_ns = spent_ns[_LIVE]
        interval_ns = live_ns - self._live_at_event_ns
        self._live_at_event_ns = live_ns
        interval_ns = min(interval_ns, _LONGEST_INTERVAL_NS)
        octave = interval_ns.bit_length()
        words[_INTERVAL_WORDS + (octave << 3) + ((interval_ns << 4 >> octave) & 7)] += 1
        if count > 1:
            words[_INTERVAL_WORDS] += count - 1
        words[_LIVE_WORD] = live_ns
        words[_READING_OUT_WORD] = spent_ns[_READING_OUT]
        if self._in_page != _LIVE:
            words[_DOING_WORD] = self._in_page = _LIVE

    def event_was_recorded(self, timestamp_s: float) -> None:
        """Note that the source gave the event a time of its own, as recorded events have one."""
        times, first = self._times, page_of.RECORDED_S
        if not self.words[page_of.KNOWS] & Capability.RECORDED:
            times[first] = times[first + 1] = timestamp_s
            self.knows(Capability.RECORDED)
        elif timestamp_s > times[first + 1]:
            times[first + 1] = timestamp_s
        elif timestamp_s < times[first]:
            times[first] = timestamp_s

    def event_is_dropped(self) -> None:
        """Note that the event does not go into the buffer: the source is live again."""
        self._slot_ns, self._live_at_slot_ns = self.since_ns, self.spent_ns[_LIVE]
        self.switch(_LIVE)

    def event_is_refused(self) -> None:
        """Note that the buffer takes no more: what was waited since the last event is not live.

        The source could not have got rid of an event that came in this time.
        """
        self.switch(int(Activity.ENDED))
        vain_ns = self.spent_ns[_LIVE] - self._live_at_event_ns
        self.spent_ns[Activity.ENDED] += vain_ns
        self.spent_ns[_LIVE] -= vain_ns
        self._store(_LIVE)
        self._store(Activity.ENDED)

    @property
    def live_ns(self) -> int:
        """Live time of a source, up to the last change."""
        return self.spent_ns[_LIVE]

    # --- waiting, told by readers and writers

    def wait_begins(self, cause: WaitCause) -> None:
        """Note that this thread waits, if the account is that of this thread."""
        if self._owner is None:
            self._owner = threading.get_ident()
        if self._owner == threading.get_ident():
            self._waits += 1
            if self._waits == 1:  # who began the outer one knows what it is for
                self._before_wait = self.switch(_FOR_CAUSE[cause])

    def wait_ends(self) -> None:
        """Note that this thread goes on with what it did before."""
        if self._owner == threading.get_ident():
            self._waits -= 1
            if not self._waits:
                self.switch(self._before_wait)

    def _store(self, left: int) -> None:
        """Bring a switch into the page: first the time of what was left, then what is done now."""
        spent_ns = self.spent_ns
        if left != _LIVE:  # reading out may have begun without the page having been told
            self.words[_LIVE_WORD] = spent_ns[_LIVE]
        self.words[page_of.SPENT_NS + left] = spent_ns[left]
        self.words[_DOING_WORD] = self._in_page = self.state


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
    meter = current()
    meter.knows(Capability.READING_OUT)
    before = meter.switch(_READING_OUT)
    try:
        yield
    finally:
        meter.switch(before)
