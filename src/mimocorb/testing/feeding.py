"""The counterparts of a component under test: a source of any type, a sink that keeps all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import mimocorb as mc
from mimocorb import Metadata


@mc.source
def feed(
    *, number_of_samples: int, dtype: np.dtype[Any], events: int, pause_s: float = 0.0
) -> Iterator[Any]:
    """Deliver events whose values are all different.

    Parameters
    ----------
    events
        How many.
    pause_s
        Time before each, in s.
    """
    for number in range(events):
        time.sleep(pause_s)
        event = np.zeros(number_of_samples, dtype)
        for index, name in enumerate(dtype.names or ()):
            event[name] = number + index / 8
        yield (event if dtype.names else event + number), {"counter": 10 + 3 * number}


@mc.sink
class Keep:
    """Keep data and metadata of all events; write them when they have ended."""

    def __init__(self, *, directory: Path) -> None:
        self.file = directory / "kept.npz"
        self.count = 0
        self.counted = directory / "kept.count"
        self.batches: dict[str, list[Any]] = {"data": []} | {name: [] for name in Metadata._fields}

    def __call__(self, events: Any, metadata: Any) -> None:
        """Keep a batch."""
        self.batches["data"].append(events.copy())
        for name in Metadata._fields:
            self.batches[name].append(np.array(getattr(metadata, name)))
        self.count += len(events)
        self.counted.write_text(str(self.count))

    def close(self) -> None:
        """Write the file."""
        arrays: dict[str, Any] = {
            name: np.concatenate(parts) if parts else np.empty(0)
            for name, parts in self.batches.items()
        }
        np.savez(self.file, **arrays)
