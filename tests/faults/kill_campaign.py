"""Kill random writers and readers of a buffer under load, restart them, and check every event.

``python tests/faults/kill_campaign.py --kills 1000`` prints the figures and exits with code 0
if every published event was acknowledged by every group exactly once, except for repeats that were
marked as such. With the seed it prints, the same victims are killed at the same intended times.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path

from campaign_checks import Life, Report, examine
from campaign_workers import (
    EVENT,
    make_log,
    read_events,
    read_log,
    write_events,
)

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.testing.watchdog import WATCHDOG_S

__all__ = ["Load", "run_campaign"]


@dataclass(frozen=True)
class Load:
    """What goes on while workers are killed.

    Attributes
    ----------
    slots
        Of the buffer: few, so that writers and readers wait for each other.
    writers
        Number of processes that write.
    readers
        Number of processes that read, for each group.
    writer_pause_s
        Between two events of a writer, in seconds. With a pause, readers are killed in their wait.
    kill_writers, kill_readers
        Who may be killed.
    interval_s
        Between two kills on average, in seconds.
    stop_share, stop_s
        Fraction of the victims that are not killed, but stopped (SIGSTOP) and continued after
        so many seconds.
    give_back_every
        A reader gives back every so many-th event that it takes.
    """

    slots: int = 8
    writers: int = 3
    readers: tuple[int, ...] = (3, 2)
    writer_pause_s: float = 0.0
    kill_writers: bool = True
    kill_readers: bool = True
    interval_s: float = 0.01
    stop_share: float = 0.0
    stop_s: float = 0.12
    give_back_every: int = 50


class _Worker:
    """A writer or reader that is started anew each time it was killed."""

    def __init__(self, setup: SetupDict, group: int | None, number: int, place: Path) -> None:
        self.group = group
        self.number = number
        self.lives: list[tuple[Path, int | None]] = []
        self._setup = setup
        self._place = place
        self._process: ForkProcess | None = None

    def start(self, load: Load) -> None:
        life = len(self.lives)
        file = self._place / f"{self.group}-{self.number}-{life}"
        make_log(file, self.group is None)
        self.lives.append((file, None))
        stop = self._place / "stop"
        work: Callable[[], None]
        if self.group is None:
            name = (self.number, life)
            work = partial(write_events, self._setup, file, name, stop.exists, load.writer_pause_s)
        else:
            work = partial(read_events, self._setup, file, load.give_back_every)
        self._process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
        self._process.start()

    def kill(self) -> None:
        process = self._process
        assert process is not None
        assert process.pid is not None
        if not process.is_alive():
            raise AssertionError(f"{self} has ended, with exit code {process.exitcode}")
        file, _ = self.lives[-1]
        self.lives[-1] = (file, time.monotonic_ns())
        os.kill(process.pid, signal.SIGKILL)
        process.join(WATCHDOG_S)

    def pause(self, duration_s: float) -> None:
        process = self._process
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(duration_s)
        os.kill(process.pid, signal.SIGCONT)

    def end(self) -> None:
        process = self._process
        assert process is not None
        process.join(WATCHDOG_S)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"{self} does not end")
        if process.exitcode != 0:
            raise AssertionError(f"{self} ended with exit code {process.exitcode}")

    def stop_at_once(self) -> None:
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join(WATCHDOG_S)

    def notes(self) -> list[Life]:
        return [
            Life(self.group, self.number, life, killed_ns, read_log(file, self.group is None))
            for life, (file, killed_ns) in enumerate(self.lives)
        ]

    def __str__(self) -> str:
        if self.group is None:
            return f"writer {self.number}"
        return f"reader {self.number} of group {self.group}"


def run_campaign(kills: int, seed: int, load: Load | None = None) -> Report:
    """Run one campaign.

    Parameters
    ----------
    kills
        How many victims to choose.
    seed
        Chooses victims and intervals.
    load
        What goes on meanwhile.

    Returns
    -------
    Report
        The figures; nothing is raised for a broken promise, see :attr:`Report.faultless`.

    Raises
    ------
    AssertionError
        A worker ended by itself, or did not end when the stream had ended.
    """
    load = load or Load()
    dice = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="kill-campaign-") as directory,
        NewBuffer(load.slots, 1, EVENT, name="campaign", max_deliveries=14) as buffer,
    ):
        place = Path(directory)
        written_by = buffer.new_writer()
        # A killed writer may or may not have taken its promise: so there are enough for all.
        buffer.promise_writer(written_by, kills + load.writers)
        workers = [_Worker(written_by, None, number, place) for number in range(load.writers)]
        for readers in load.readers:
            setup = buffer.new_reader_group()
            workers += [_Worker(setup, setup["group"], number, place) for number in range(readers)]
        try:
            for worker in workers:
                worker.start(load)
            victims = [
                worker
                for worker in workers
                if (load.kill_writers if worker.group is None else load.kill_readers)
            ]
            for _ in range(kills):
                time.sleep(dice.uniform(0, 2 * load.interval_s))
                victim = dice.choice(victims)
                if dice.random() < load.stop_share:
                    victim.pause(load.stop_s)
                else:
                    victim.kill()
                    victim.start(load)
            (place / "stop").touch()
            for worker in workers[: load.writers]:
                worker.end()
            buffer.release_writer(written_by, kills + load.writers)
            for worker in workers[load.writers :]:
                worker.end()
        finally:
            for worker in workers:
                worker.stop_at_once()
        return examine([life for worker in workers for life in worker.notes()], buffer.stats())


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign from the command line; returns the exit code."""
    parser = argparse.ArgumentParser("python tests/faults/kill_campaign.py", None, __doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--interval", type=float, default=Load.interval_s, help="seconds")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    sys.stdout.write(f"seed {seed}\n")
    report = run_campaign(chosen.kills, seed, Load(interval_s=chosen.interval))
    sys.stdout.write(f"{report}\n")
    return 0 if report.faultless else 1


if __name__ == "__main__":
    sys.exit(main())
