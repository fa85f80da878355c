"""A run on another host, as its own host has told of it last."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["OVER", "HostBuffer", "HostView"]

OVER = ("ended", "killed", "given up")
"""The states of a run that does not go on."""


@dataclass(frozen=True)
class HostBuffer:
    """The counts of a buffer on another host.

    Parameters
    ----------
    name
        Of the buffer there.
    published
        Events that have been written into it.
    throughput_hz
        Events per second over the last seconds; None: not measured.
    dead_fraction
        Part of the time in which its sources could take no event; None: it has none.
    due
        Events that some worker has still to process.
    """

    name: str
    published: int
    throughput_hz: float | None = None
    dead_fraction: float | None = None
    due: int = 0


@dataclass(frozen=True)
class HostView:
    """A run on another host at one moment.

    Parameters
    ----------
    host, title
        Name of the host, and of the set-up.
    run, number
        Name of the directory of the run there, and its number.
    machine, pid
        Where its main process is.
    state, cause
        What it is doing, and why.
    events
        Events published in its first source buffer.
    elapsed_s
        Time since its sources were let go; None before.
    buffers
        Its counts.
    alarms
        Those that go on there.
    seen_ago_s
        How long ago it has told this.
    offset_s, uncertainty_s
        How far its clock is ahead of ours, and how well that is known; None: not measured.
    note
        What else is to be said of it here, such as how many events wait for it.
    """

    host: str
    title: str
    run: str
    number: int | None
    machine: str
    pid: int
    state: str
    cause: str = ""
    events: int = 0
    elapsed_s: float | None = None
    buffers: tuple[HostBuffer, ...] = ()
    alarms: tuple[str, ...] = ()
    seen_ago_s: float = 0.0
    offset_s: float | None = None
    uncertainty_s: float | None = None
    note: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether the run is over, in whatever way."""
        return self.state in OVER
