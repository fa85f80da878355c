"""Ring buffers for several writers and several readers in different processes.

As described in C. Mayer, ETP-KA/2022-06. Buffers are made by :class:`NewBuffer` in the parent
process; :class:`Writer`, :class:`Reader` and :class:`Observer` give access to their content, in any
process, by the dictionaries that ``new_writer()``, ``new_reader_group()`` and ``new_observer()``
return.

What to use when
----------------
* fill a buffer: :class:`Writer`
* process every event, alone or sharing the work: :class:`Reader`
* look at some events without being waited for: :class:`Observer`
"""

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.buffers.quarantine import QuarantinedEvent
from mimocorb.buffers.stats import BufferStats, GroupStats, WaitingTime
from mimocorb.compat.manual.buffers import NewBuffer, Observer, Reader, Writer
from mimocorb.errors import BufferTimeout, EndOfStream

__all__ = [
    "BatchMetadata",
    "BufferStats",
    "BufferTimeout",
    "EndOfStream",
    "GroupStats",
    "NewBuffer",
    "Observer",
    "QuarantinedEvent",
    "Reader",
    "WaitingTime",
    "Writer",
]
