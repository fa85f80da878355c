"""Making the messages of a recording: blocks of events become sealed messages of an Arrow stream.

Events are copied once, from where they are into columns. What Arrow makes of these it hands over in
pieces, which go into the checksum and then to the file as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mimocorb.buffers.batch_metadata import BatchMetadata
from mimocorb.recording.block import Block, no_data
from mimocorb.recording.columns import Columns, Memory
from mimocorb.recording.messages import KEY, Bytes, seal, unsealed

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

__all__ = ["Sealed", "Sealing"]


class Sealed(NamedTuple):
    """A message as it goes into a file.

    Parameters
    ----------
    head
        With the checksums.
    body
        In pieces.
    memory
        In which these lie; None if they have memory of their own, or none.
    """

    head: bytes
    body: list[Bytes]
    memory: Memory | None = None

    @property
    def size_bytes(self) -> int:
        """Length of the message."""
        return len(self.head) + sum(map(len, self.body))


class Sealing:
    """Makes the messages of one recording.

    Parameters
    ----------
    columns
        How its events are laid out.
    compression
        ``"none"``, or one that Arrow has.
    """

    def __init__(self, columns: Columns, compression: str) -> None:
        import pyarrow as pa

        self._columns = columns
        self._is_compressed = compression != "none"
        self._written = _Pieces()
        self._free: list[Memory] = []
        # by this thread alone: Arrow's threads may abort a process that ends soon after
        options = pa.ipc.IpcWriteOptions(
            compression=compression if self._is_compressed else None, use_threads=False
        )
        self._stream = pa.ipc.new_stream(
            pa.PythonFile(self._written, "w"), columns.schema, options=options
        )
        self._stream.write_batch(columns.batch(self._no_events))  # and the schema before it

    def schema(self, says: dict[str, Any]) -> bytes:
        """Return the message with which a segment begins."""
        schema = self._columns.schema.with_metadata({KEY: unsealed(says)})
        head = bytearray(schema.serialize())
        seal(head)
        return bytes(head)

    def batch(self, block: Block, says: dict[str, Any]) -> Sealed:
        """Return events as a message; `says` is what stands in its seal."""
        memory = self._free.pop() if self._free else Memory()
        batch = self._columns.batch(block, memory)
        self._written.pieces.clear()
        self._stream.write_batch(batch, custom_metadata={KEY: unsealed(says)})
        head, body = _parted(self._written.pieces)
        seal(head, body)
        if self._is_compressed:  # into memory of its own
            self._free.append(memory)
            return Sealed(bytes(head), body)
        return Sealed(bytes(head), body, memory)

    def nothing(self, says: dict[str, Any]) -> Sealed:
        """Return a batch without events."""
        return self.batch(self._no_events, says)

    @property
    def _no_events(self) -> Block:
        columns = self._columns
        data = no_data(columns.dtype, columns.values_per_slot, columns.variable)
        return Block(data, BatchMetadata.empty(0))

    def opened(self, message: Sealed) -> Block:
        """Return the events of a message again."""
        return self._columns.block_of(b"".join([message.head, *message.body]))

    def take_back(self, message: Sealed) -> None:
        """Use the memory of a message again: nobody needs it any more."""
        if message.memory is not None:
            self._free.append(message.memory)


def _parted(pieces: list[Any]) -> tuple[bytearray, list[Bytes]]:
    """Return the head of a message, and its body in pieces."""
    head = bytearray()
    for number, piece in enumerate(pieces, 1):
        head += piece
        if len(head) >= 8 and len(head) == 8 + int.from_bytes(head[4:8], "little"):
            return head, pieces[number:]
    raise AssertionError("Arrow has written no whole message")


class _Pieces:
    """A file for Arrow that keeps what is written as it is: the body is not copied."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[bytes | pa.Buffer] = []
        self._bytes = 0

    def write(self, piece: bytes | pa.Buffer) -> int:
        size = len(piece)
        if size:
            self.pieces.append(piece)
            self._bytes += size
        return size

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None: ...

    def close(self) -> None: ...
