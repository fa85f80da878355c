"""Recordings of a run in other formats, written when all of its events have been recorded.

A sink ``record`` with the key ``export`` asks for it. It is done here and not by the sink, whose
process may fail in between, or take too long for those that wait for its end. The recording is only
read; it is deleted afterwards if that was asked for, and only if all that it holds is in the new
file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mimocorb._words import how_many
from mimocorb.errors import MimocorbError
from mimocorb.model import Setup, WorkerSpec
from mimocorb.recording.copying import copy_events, writable_format
from mimocorb.recording.events import Events
from mimocorb.recording.segments import segments_of
from mimocorb.run import recorded

__all__ = ["Exports"]


class Exports:
    """What a run has exported.

    Parameters
    ----------
    directory
        Of the run.
    tell
        Is told what is being done, as it may take long.

    Attributes
    ----------
    done, failures
        What was written, and what was not, one sentence each.
    """

    def __init__(self, directory: Path, tell: Callable[[str], None]) -> None:
        self._directory = directory
        self._tell = tell
        self.done: list[str] = []
        self.failures: list[str] = []

    def make(self, setup: Setup) -> None:
        """Write what the sinks of a set-up ask for; blocks until all is written."""
        for worker in setup.workers:
            if worker.function.offered and worker.function.name == "record":
                wanted = worker.config.get("export")
                if wanted is not None:
                    self._export(worker, str(wanted))

    def _export(self, worker: WorkerSpec, wanted: str) -> None:
        name = str(worker.config["filename"])
        segments = segments_of(self._directory, name)
        if not segments:
            return  # the worker has failed before, which is told
        self._tell(f"writing {name} as {wanted}; the recording is complete")
        try:
            with _opened(self._directory / name) as events:
                count, damage = copy_events(events, writable_format(wanted), self._directory, name)
        except (MimocorbError, OSError) as error:
            self.failures.append(
                f"{name} was not written as {wanted}: {error}; the recording is as it was, try"
                f" mimocorb files export {self._directory / name} --format {wanted} --to DIR"
            )
            return
        self.done.append(f"{how_many(count, 'event')} of {name} as {wanted}")
        if damage:
            self.failures.append(f"{name} as {wanted} lacks events: {'; '.join(damage)}")
        elif worker.config.get("keep_recording") is False:
            for segment in segments:
                segment.unlink()
            self.done[-1] += ", in the place of the recording"


def _opened(place: Path) -> Events:
    events = recorded.open(place)
    assert isinstance(events, Events)
    return events
