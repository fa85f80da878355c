"""The account of one worker process, as the supervisor sees it: its page, and processor time."""

from __future__ import annotations

import operator
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from mimocorb.components.meter_page import EMPTY_PAGE, Activity, MeterPage, MeterReading

__all__ = ["ACTIVE", "AccountReading", "ProcessAccount", "Span"]

ACTIVE = tuple(doing for doing in Activity if doing not in (Activity.NOT_BEGUN, Activity.ENDED))
"""What a process does between its begin and its end."""

NO_TIME = (0,) * len(Activity)

_NS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class AccountReading:
    """The account of a process at one moment.

    Attributes
    ----------
    page
        What the process says.
    cpu_ns
        Processor time that it has used with all its threads, in steps of 10 ms.
    core_wait_ns
        Time that its main thread could have gone on, and waited for a processor core.
    stopped_ns
        Of the time in the page, that in which the process was stopped, at least, by
        :class:`Activity`.
    """

    page: MeterReading
    cpu_ns: int
    core_wait_ns: int
    stopped_ns: tuple[int, ...] = NO_TIME

    @property
    def ended_ns(self) -> int:
        """When the process ended; of one that goes on, when it was read."""
        return self.page.since_ns if self.page.doing is Activity.ENDED else self.page.at_ns

    def up_to(self, at_ns: int) -> AccountReading:
        """Return the account as if it had been read earlier, but not before the last change."""
        page = self.page
        present_ns = max(0, min(page.at_ns, at_ns) - page.since_ns)
        spent = list(page.spent_ns)
        spent[page.doing] += present_ns - page.present_ns
        earlier = replace(
            page,
            at_ns=page.since_ns + present_ns,
            present_ns=present_ns,
            spent_ns=tuple(spent),
        )
        return replace(self, page=earlier)


@dataclass(frozen=True)
class Span:
    """What processes did in a stretch of time: nanoseconds by :class:`Activity`, and of processors.

    Spans add up: of processes that work side by side, or of one after the other. The time between
    a process that failed and the one in its place is `restarting_ns`. A process that is stopped
    seems to go on with what it did: so much of that is `stopped_ns`.
    """

    spent_ns: tuple[int, ...] = NO_TIME
    cpu_ns: int = 0
    core_wait_ns: int = 0
    restarting_ns: int = 0
    stopped_ns: tuple[int, ...] = NO_TIME

    @classmethod
    def between(cls, first: AccountReading | None, last: AccountReading) -> Span:
        """Return what a process did between two readings; None: from its begin."""
        span = cls(last.page.spent_ns, last.cpu_ns, last.core_wait_ns, 0, last.stopped_ns)
        return span if first is None else span - cls.between(None, first)

    def __add__(self, other: Span) -> Span:
        return Span(
            tuple(map(operator.add, self.spent_ns, other.spent_ns)),
            self.cpu_ns + other.cpu_ns,
            self.core_wait_ns + other.core_wait_ns,
            self.restarting_ns + other.restarting_ns,
            tuple(map(operator.add, self.stopped_ns, other.stopped_ns)),
        )

    def __sub__(self, other: Span) -> Span:
        return self + Span(
            tuple(map(operator.neg, other.spent_ns)),
            -other.cpu_ns,
            -other.core_wait_ns,
            -other.restarting_ns,
            tuple(map(operator.neg, other.stopped_ns)),
        )

    @property
    def total_ns(self) -> int:
        """Time between begin and end."""
        return sum(self.spent_ns[doing] for doing in ACTIVE) + self.restarting_ns

    def going_ns(self, doing: Activity) -> int:
        """Time in which the processes did this and were not stopped."""
        # Stops are seen from look to look, so in a short span there may seem to be more of them.
        return max(0, self.spent_ns[doing] - self.stopped_ns[doing])


class ProcessAccount:
    """The account of one worker process; complete also after its death.

    Parameters
    ----------
    name
        Of the process, for messages.
    number
        Which process of its worker it is, from 1; one that takes its place has the same.
    """

    def __init__(self, name: str, number: int) -> None:
        self.number = number
        self._name = name
        self._page: MeterPage | None = None
        self._pid = 0
        self._stopped_ns = [0] * len(Activity)
        self._seen_stopped_ns = 0
        self._final: AccountReading | None = None

    def open(self) -> Connection:
        """Make the page; returns what the process finds it by."""
        self._page = MeterPage(self._name)
        return self._page.connection

    def started(self, pid: int) -> None:
        """Note that the process runs, and has got the page."""
        self._pid = pid
        if self._page is not None:
            self._page.handed_over()

    def look(self, *, is_stopped: bool) -> None:
        """Note whether the process is stopped: the time since the last look counts, if it was."""
        if not is_stopped:
            self._seen_stopped_ns = 0
            return
        page = self.read().page
        if self._seen_stopped_ns:
            self._stopped_ns[page.doing] += page.at_ns - self._seen_stopped_ns
        self._seen_stopped_ns = page.at_ns

    def read(self, at_ns: int | None = None) -> AccountReading:
        """Read the account now, with the present activity counted up to `at_ns` (default: now)."""
        if self._final is not None:
            return self._final
        page = self._page.read(at_ns) if self._page is not None else EMPTY_PAGE
        return AccountReading(page, *_processor_ns(self._pid), tuple(self._stopped_ns))

    def close(self) -> None:
        """Read the account for the last time: the process is dead, and not yet forgotten.

        Idempotent.
        """
        if self._final is None:
            self._final = self.read()
            if self._page is not None:
                self._page.close()


def _processor_ns(pid: int) -> tuple[int, int]:
    """Return the processor time of a process, and how long it has waited for a core.

    0 is what a system that keeps no such accounts says of everybody.
    """
    cpu_ns = core_wait_ns = 0
    place = Path("/proc", str(pid))
    if pid:
        with suppress(OSError, ValueError, IndexError):
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            cpu_ns = (int(fields[11]) + int(fields[12])) * _NS_PER_TICK
            core_wait_ns = int((place / "schedstat").read_text().split()[1])
    return cpu_ns, core_wait_ns
