"""The templates for worker functions that mimoCoRB2 has, and the object they work with.

For functions written for mimoCoRB2; new ones are shorter with the decorators ``source``,
``filter``, ``sink`` and ``observer``.

Templates and their jobs
------------------------
* :class:`Importer` fills a buffer with what a generator function yields;
* :class:`Filter` copies the events that a function accepts;
* :class:`Processor` writes what a function makes of the events;
* :class:`Exporter` hands every event to a loop;
* :class:`Observer` looks at some events, :class:`IsAlive` only at whether more will come.

A worker function makes one of them from its only argument, a :class:`BufferIO`::

    from mimocorb.worker_templates import Filter

    def high_pulses(buffer_io):
        at_least = buffer_io["min_height"]
        Filter(buffer_io)(lambda data: data["chA"].max() > at_least)
"""

from mimocorb.compat.mimocorb2.buffer_handles import BufferObserver, BufferReader, BufferWriter
from mimocorb.compat.mimocorb2.buffer_io import BufferIO, Config
from mimocorb.compat.mimocorb2.worker_templates import (
    Exporter,
    Filter,
    Importer,
    IsAlive,
    Observer,
    Processor,
    SetupError,
    UfuncError,
)

__all__ = [
    "BufferIO",
    "BufferObserver",
    "BufferReader",
    "BufferWriter",
    "Config",
    "Exporter",
    "Filter",
    "Importer",
    "IsAlive",
    "Observer",
    "Processor",
    "SetupError",
    "UfuncError",
]
