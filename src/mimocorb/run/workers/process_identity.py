"""Who a process was, so that anybody can tell later whether it still lives.

A process number alone says nothing: numbers are used again. Together with the start time and the
boot of the machine it stands for one process in the life of the machine.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from mimocorb.run.workers.process_stat import ProcessStat

__all__ = ["ProcessIdentity"]

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one machine.

    Parameters
    ----------
    pid
        Process number.
    start_ticks
        When it was started, in clock ticks since the boot of the machine.
    boot_id
        Random number that the kernel drew at boot.
    host
        Name of the machine.
    pid_namespace
        What the process number counts in: containers have numbers of their own.
    """

    pid: int
    start_ticks: int
    boot_id: str
    host: str
    pid_namespace: str

    @classmethod
    def of_this_process(cls) -> ProcessIdentity:
        """Return the identity of the calling process."""
        own = ProcessStat.of(os.getpid())
        return cls(own.pid, own.start_ticks, _boot_id(), platform.node(), _pid_namespace())

    def lives(self) -> bool | None:
        """Whether the process still runs; None if that cannot be told from here.

        It cannot on another machine or from another container, where its number means another
        process or nothing.
        """
        if self.boot_id != _boot_id():
            # The same machine after a restart: what ran before is gone.
            return False if self.host == platform.node() else None
        if self.pid_namespace != _pid_namespace():
            return None
        try:
            found = ProcessStat.of(self.pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return found.start_ticks == self.start_ticks and not found.ending


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()


def _pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())
