"""Buffers that are closed after the test, and a meter of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mimocorb.components import meter
from mimocorb.mimo_buffer import NewBuffer


@pytest.fixture
def own_meter(monkeypatch: pytest.MonkeyPatch) -> meter.Meter:
    """Return the meter of this thread, new for each test."""
    own = meter.Meter()
    monkeypatch.setattr(meter._private, "meter", own, raising=False)
    meter.tell_waits_to(meter.current)
    own.begin()
    return own


@pytest.fixture
def worker_meter(monkeypatch: pytest.MonkeyPatch) -> meter.Meter:
    """Return the meter of this process, that of all its threads, as in a worker process."""
    own = meter.Meter()
    monkeypatch.setattr(meter, "_installed", own)
    meter.tell_waits_to(meter.current)
    own.begin()
    return own


class Buffers:
    def __init__(self) -> None:
        self.made: list[NewBuffer] = []

    def __call__(
        self, slots: int = 8, values: int = 1, dtype: Any = "float64", **more: Any
    ) -> NewBuffer:
        self.made.append(NewBuffer(slots, values, dtype, **more))
        return self.made[-1]


@pytest.fixture
def new_buffer() -> Iterator[Buffers]:
    buffers = Buffers()
    yield buffers
    for buffer in buffers.made:
        buffer.close()
