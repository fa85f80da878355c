"""Functions of mimoCoRB2 that fit nowhere else."""

from __future__ import annotations

from mimocorb.compat.mimocorb2.buffer_io import BufferIO
from mimocorb.compat.mimocorb2.worker_templates import Filter

__all__ = ["copy"]


def copy(buffer_io: BufferIO) -> None:
    """Copy every event to all sinks.

    Rarely needed: every worker that reads a buffer gets all of its events.

    Buffers: one source, and sinks of the same form.
    """
    Filter(buffer_io)(lambda _data: True)
