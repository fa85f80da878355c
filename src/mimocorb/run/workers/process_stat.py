"""What the system tells about a process: ``/proc/PID/stat``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["ProcessStat", "is_stopped", "members"]


PF_EXITING = 0x4


class ProcessStat(NamedTuple):
    """Some fields of ``/proc/PID/stat``.

    Parameters
    ----------
    pid
        Process number.
    name
        What ``ps`` and ``top`` call the process.
    state
        One letter, ``"R"`` and so on.
    group
        Number of its process group.
    flags
        Of the kernel, ``PF_…`` in its source.
    start_ticks
        When it was started, in clock ticks since the boot of the machine.
    """

    pid: int
    name: str
    state: str
    group: int
    flags: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> ProcessStat:
        """Look at a process.

        Raises
        ------
        FileNotFoundError, ProcessLookupError
            There is none of this number.
        PermissionError
            It belongs to somebody else, and the system hides it (``hidepid``).
        """
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        # The name of the program, in brackets before the state, may hold anything.
        before, _, after = text.rpartition(")")
        fields = after.split()
        group, flags, start_ticks = (int(fields[number]) for number in (2, 6, 19))
        return cls(pid, before.partition("(")[2], fields[0], group, flags, start_ticks)

    @property
    def gone(self) -> bool:
        """Whether the process has ended, and only its exit code is left."""
        return self.state in "ZX"

    @property
    def ending(self) -> bool:
        """Whether the process does nothing more: the kernel is closing what it had open."""
        return self.gone or bool(self.flags & PF_EXITING)


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, by a signal or a debugger, and may be continued."""
    try:
        return ProcessStat.of(pid).state in "Tt"
    except OSError:  # it has just ended, or is hidden from us
        return False


def members(group: int) -> Iterator[ProcessStat]:
    """Yield the living processes of a process group."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names are all that is wanted
        if entry.isdigit():
            try:
                found = ProcessStat.of(int(entry))
            except OSError:  # it has just ended, or is hidden from us
                continue
            if found.group == group and not found.gone:
                yield found
