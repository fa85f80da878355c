"""What becomes of pending events without a reader: saved, or lost if the operator wants that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mimocorb._words import how_many
from mimocorb.errors import OutputError
from mimocorb.model import Setup
from mimocorb.run.findings import Findings
from mimocorb.run.supervision.spill import Spill, Spilled
from mimocorb.run.workers.worker_function import WorkerFunction

__all__ = ["PendingEvents"]


class PendingEvents:
    """Takes over the pending events of worker functions that ended before their input did.

    Parameters
    ----------
    setup
        What is run.
    findings
        Gets what has been saved, and what has not.
    """

    def __init__(self, setup: Setup, findings: Findings) -> None:
        self._spill = Spill(setup)
        self._findings = findings
        self._are_unwanted = False
        self._told = False

    @property
    def groups(self) -> Mapping[str, Mapping[int, Spilled]]:
        """What has been taken and saved so far: name of the buffer, number of the reader group."""
        return self._spill.groups

    @property
    def pending(self) -> bool:
        """Whether there may still be events to save."""
        return self._spill.reading

    def are_unwanted(self) -> None:
        """Save nothing for functions that go from now on: lost, and counted."""
        self._are_unwanted = True

    def take_over(self, function: WorkerFunction) -> None:
        """Deal with what a function whose processes have all gone has not read."""
        if not function.unread():
            return
        if self._are_unwanted:
            function.leave()
        else:
            self._spill.take_over(function)

    def save_some(self, directory: Path) -> bool:
        """Save some of it into the directory of the run; whether there is more."""
        try:
            return self._spill.save_some(directory)
        except OutputError as error:
            self._findings.fail(f"not all events that are left could be saved: {error}")
            return False

    def reserve(self, directory: Path, functions: Sequence[WorkerFunction]) -> None:
        """Reserve room for events that may be left when the run ends; say if there is none."""
        place = self._spill.reserve(directory, functions)
        if place.is_elsewhere:
            self._findings.tell(f"events that may be left at the end will go to {place.path}")
        elif not place.is_reserved:
            self._findings.warn(
                "there is no room for events that may be left at the end, if the disk gets full:"
                f" make room in {directory.parent}, or choose another place with --output"
            )

    def finish(self, directory: Path) -> None:
        """Complete the file and say what is in it."""
        events = sum(part.saved for groups in self.groups.values() for part in groups.values())
        try:
            self._findings.failures += self._spill.finish(directory)
        except OutputError as error:
            if events:  # else it has been told when the first ones were to be saved
                read = how_many(events, "event")
                self._findings.fail(f"{read} read for the spill file could not be saved: {error}")

    def asked_to_hurry(self) -> str:
        """Answer an operator in a hurry: first in words, then by saving no more.

        That holds for functions that end later as well. Empty if there is nothing to save.
        """
        if not self.pending and (self._are_unwanted or not self._told):
            return ""
        left = self._spill.left
        if self._told:
            self.are_unwanted()
            self._spill.give_up()
            return f"{how_many(left, 'event')} not saved" if left else "no more events are saved"
        self._told = True
        to_go = f"{how_many(left, 'event')} to go" if left else "what still comes"
        return f"saving events, {to_go}; asked once more it saves no more of them"
