"""A sample of the events that a filter rejects, to see afterwards what was thrown away.

Every rejected event is kept with the same probability 1/N, independently of all others: the number
of events between two that are kept is random, with the geometric distribution that follows. So
the sample is unbiased, whatever the order of the events and whatever depends on what, and every
count in it stands for N times as many rejected events, with the uncertainty of a Poisson number.
The seed of the random numbers is in the account of the process, and so in the record of the run.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components import meter_page as page_of
from mimocorb.components.meter import current
from mimocorb.components.worker import current_worker
from mimocorb.errors import OutputError, SetupError
from mimocorb.recording.block import alone
from mimocorb.recording.output_file import as_file_name
from mimocorb.recording.write_recording import RecordingWriter

__all__ = ["RejectedSample"]

logger = logging.getLogger(__name__)


class RejectedSample:
    """Keeps one in N rejected events in a recording of the run directory.

    ``rejected_<worker>_<process>.000.arrows`` is made with the first event; the reason is the note
    of an event. An event that cannot be written is counted, told once, and given up: a full disk
    does not stop the run.

    Parameters
    ----------
    prescale
        N, at least 1.
    setup
        Set-up dictionary of the buffer that the events come from.
    config
        Of the worker; what it says of the channels is noted with each event.
    """

    def __init__(self, prescale: int, setup: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self._prescale = prescale
        self._setup = setup
        self._config = {
            key: config[key]
            for key in ("sample_time_ns", "pre_trigger_samples", "analogue_offset")
            if key in config
        }
        self._recording: RecordingWriter | None = None
        self._has_warned = False
        self._meter = current()
        seed = random.SystemRandom().randrange(1, 1 << 62)
        self._meter.words[page_of.SAMPLE_SEED] = seed
        self._random = random.Random(seed).random
        self._next = self._gap()

    def chosen(self, count: int) -> list[int]:
        """Return which of the next `count` rejected events are to be kept, counted from 0."""
        chosen = []
        at = self._next
        while at < count:
            chosen.append(at)
            at += 1 + self._gap()
        self._next = at - count
        return chosen

    def _gap(self) -> int:
        """Return how many rejected events lie between two that are kept."""
        if self._prescale == 1:
            return 0
        return int(math.log(1.0 - self._random()) / math.log(1.0 - 1.0 / self._prescale))

    def keep(self, data: NDArray[Any], metadata: BatchMetadata, reason: str) -> None:
        """Write an event into the recording."""
        metadata.notes = np.array([reason], np.object_)
        try:
            if self._recording is None:
                self._recording = RecordingWriter(
                    "sample of rejected events",
                    current_worker().directory,
                    _name(),
                    self._setup,
                    about={**self._config, "notes": "why it was rejected"},
                    waits=False,
                )
            variable = self._setup.get("variable", False)
            self._recording.append(alone(data, variable), metadata)
        except (OutputError, SetupError) as error:
            self._give_up(error)
        else:
            self._meter.words[page_of.SAMPLED] += 1

    def close(self) -> None:
        """Finish the recording. Idempotent."""
        recording, self._recording = self._recording, None
        if recording is not None:
            try:
                recording.close()
            except OutputError as error:  # what is in it can be read without the end
                logger.warning("the sample of rejected events: %s", error)

    def _give_up(self, error: Exception) -> None:
        self._meter.words[page_of.SAMPLE_LOST] += 1
        if not self._has_warned:
            self._has_warned = True
            logger.warning("the sample of rejected events is incomplete: %s", error)


def _name() -> str:
    worker = current_worker()
    return f"rejected_{as_file_name(worker.spec.name)}_{worker.process_number}"
