"""Look at a buffer while a writer runs at full speed, and check that no copy is torn.

``python tests/faults/observer_campaign.py --copies 100000`` prints how many copies were looked
at and how many of them were not constant in themselves, as every published event is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.observer import Observer
from mimocorb.buffers.setup_dict import SetupDict
from mimocorb.buffers.writer import Writer
from mimocorb.testing.watchdog import WATCHDOG_S

__all__ = ["Observation", "run_observation"]

_SHAPES = ((2, 8 << 20), (2, 1 << 20), (2, 64), (8, 4096))
_BYTES_PER_VALUE = 8


@dataclass(frozen=True)
class Observation:
    """Figures of an observation.

    Attributes
    ----------
    copies
        How many different events were looked at.
    torn
        How many of them were put together from several.
    published
        How many were written meanwhile.
    """

    copies: int
    torn: int
    published: int


def _write(setup: SetupDict, stop: Any) -> None:
    with Writer(setup) as writer:
        count = 0
        while not stop.is_set():
            count += 1
            writer.get_new_buffer()[:] = count


def run_observation(slots: int, slot_bytes: int, copies: int) -> Observation:
    """Copy events until `copies` different ones were seen; each must be constant in itself.

    Parameters
    ----------
    slots, slot_bytes
        Of the buffer. With no reader, the writer goes round as fast as it can.
    copies
        How many to look at.
    """
    values = slot_bytes // _BYTES_PER_VALUE
    context = multiprocessing.get_context("fork")
    stop = context.Event()
    torn = seen = 0
    with closing(NewBuffer(slots, values, np.int64, name="observed")) as buffer:
        writer = context.Process(target=_write, args=(buffer.new_writer(), stop), daemon=True)
        writer.start()
        try:
            for event in Observer(buffer.new_observer()):
                seen += 1
                torn += int(event.min() != event.max())
                if seen == copies:
                    break
            stop.set()
            writer.join(WATCHDOG_S)
        finally:
            writer.kill()
            writer.join()
        return Observation(seen, torn, buffer.stats().published)


def main(arguments: list[str] | None = None) -> int:
    """Observe several shapes of buffers; returns the exit code."""
    parser = argparse.ArgumentParser("python tests/faults/observer_campaign.py", None, __doc__)
    parser.add_argument("--copies", type=int, default=1000, help="in all; few of them are large")
    chosen = parser.parse_args(arguments)
    torn = 0
    for slots, slot_bytes in _SHAPES:
        share = max(10, chosen.copies // (20 if slot_bytes >= 1 << 20 else 2))
        seen = run_observation(slots, slot_bytes, share)
        torn += seen.torn
        sys.stdout.write(
            f"{slots} slots of {slot_bytes} bytes: {seen.torn} of {seen.copies} copies torn, "
            f"{seen.published} events published meanwhile\n"
        )
    return 0 if torn == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
