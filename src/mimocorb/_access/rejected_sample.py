"""A sample of the events that a filter rejects, to see afterwards what was thrown away.

Every rejected event is kept with the same probability 1/N, decided by a random number of its own:
so the sample is unbiased, whatever the order of the events and whatever depends on what, and every
count in it stands for N times as many rejected events, with the uncertainty of a Poisson number.
The seed of the random numbers is in the account of the process, and so in the record of the run.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mimocorb._access import meter_page as page_of
from mimocorb._access import worker_context
from mimocorb._access.event_archive import EventArchive, Metadata
from mimocorb._access.meter import current
from mimocorb.errors import OutputError, SetupError

__all__ = ["RejectedSample"]

logger = logging.getLogger(__name__)


class RejectedSample:
    """Keeps one in N rejected events in an archive of the run directory.

    ``rejected_<worker>_<process>.tar`` is made with the first event and has the form of those from
    :class:`~mimocorb.buffer_control.BufferToParquetfile`; the Parquet metadata of an event have its
    ``reason`` as well. An event that cannot be written is counted, told once, and given up: a full
    disk does not stop the run.

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
        self._probability = 1 / prescale
        self._setup = setup
        self._config = {
            key: config[key]
            for key in ("sample_time_ns", "pre_trigger_samples", "analogue_offset")
            if key in config
        }
        self._archive: EventArchive | None = None
        self._has_warned = False
        self._meter = current()
        seed = random.SystemRandom().randrange(1, 1 << 62)
        self._meter.words[page_of.SAMPLE_SEED] = seed
        self._random = random.Random(seed).random

    @classmethod
    def if_asked_for(
        cls, setup: Mapping[str, Any], config: Mapping[str, Any]
    ) -> RejectedSample | None:
        """Return a sample if the set-up of this worker asks for one."""
        prescale = worker_context.current().spec.rejected_sample
        return cls(prescale, setup, config) if prescale else None

    def offer(self, data: NDArray[Any], metadata: Metadata, reason: str) -> None:
        """Keep the event, or do not."""
        if self._random() >= self._probability:
            return
        try:
            if self._archive is None:
                self._archive = EventArchive("rejected_sample", _path(), self._setup, self._config)
            self._archive.append([(data, metadata)], {"reason": reason})
        except (OutputError, SetupError) as error:
            self._give_up(error)
        else:
            self._meter.words[page_of.SAMPLED] += 1

    def close(self) -> None:
        """Finish the archive. Idempotent."""
        archive, self._archive = self._archive, None
        if archive is not None:
            try:
                archive.close()
            except OutputError as error:  # what is in it can be read without the end
                logger.warning("the sample of rejected events: %s", error)

    def _give_up(self, error: OutputError | SetupError) -> None:
        self._meter.words[page_of.SAMPLE_LOST] += 1
        if not self._has_warned:
            self._has_warned = True
            logger.warning("the sample of rejected events is incomplete: %s", error)


def _path() -> Path:
    context = worker_context.current()
    name = re.sub(r"[^A-Za-z0-9._-]", "_", context.spec.name)[:48]
    directory = Path(context.directory_prefix or ".")
    return directory / f"rejected_{name}_{context.process_number}.tar"
