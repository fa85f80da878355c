"""Filling a histogram without a run: batches as a sink gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mimocorb.analysis.histograms.component import Histogram
from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.components.worker import Worker, become
from mimocorb.model import FunctionReference, WorkerSpec

PULSE = np.dtype([("height_mV", "f4"), ("channel", "i2"), ("sample", "i8")])


def layout(dtype: Any = PULSE, values: int = 1) -> dict[str, Any]:
    return {"name": "pulses", "dtype": np.dtype(dtype), "values_per_slot": values}


def events(values: int = 1, **fields: Any) -> Any:
    """Return events of PULSE with these fields, of shape (k, values)."""
    (length,) = {np.size(field) for field in fields.values()}
    found = np.zeros(length, PULSE)
    for name, field in fields.items():
        found[name] = np.reshape(field, -1)
    return found.reshape(-1, values)


def metadata(first: int, count: int, *, may_repeat: bool = False) -> BatchMetadata:
    """Return the metadata of events with publish numbers from `first`."""
    numbers = np.arange(first, first + count)
    found = BatchMetadata(numbers - 1, numbers / 10, np.zeros(count))
    found.sequence = numbers
    if may_repeat:
        found.may_repeat = np.ones(count, bool)
    return found


def histogram(
    directory: Path, *, process: int = 1, attempt: int = 1, buffer: Any = None, **config: Any
) -> Histogram:
    """Return the histogram of a process of the worker ``heights``."""
    spec = WorkerSpec("heights", FunctionReference("histogram", ""))
    become(Worker(spec, directory=directory, process_number=process, attempt=attempt))
    buffer = buffer or layout()
    Histogram.check(buffer, **config)
    return Histogram(buffer=buffer, directory=directory, **config)
