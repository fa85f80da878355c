"""The exceptions of mimocorb.

Every error a user can meet is below :class:`MimocorbError` and at the same time one of Python's
own kinds, so that ``except TimeoutError`` or ``except ValueError`` work as one would guess::

    MimocorbError
    ├── SetupError(ValueError)              a set-up file or a call describes something impossible
    │   ├── RecordTypeError(TypeError)      a dtype that a ring cannot hold
    │   └── BufferMemoryError(MemoryError)  the memory asked for is not there
    ├── BufferTimeout(TimeoutError)         nothing came, or no room came, within timeout_s
    ├── BufferUnreachable(ConnectionError)  the buffer a set-up dictionary names is gone
    ├── LayoutMismatch(ConnectionError)     made by another version: refused, not guessed
    ├── HandleMisuse(RuntimeError)          closed, or used in a process that did not open it
    ├── BooksDoNotBalance(RuntimeError)     an identity of the event ledger is violated
    ├── UserFunctionError(RuntimeError)     a source, filter, sink or observer function failed
    ├── OutputError(OSError)                a file could not be written: full, existing, not allowed
    └── RunFailed(RuntimeError)             a run ended, but not everything accepted was processed

    SystemExit
    └── EndOfStream                         the orderly end: no error, exit code 0
"""

from __future__ import annotations

__all__ = [
    "BooksDoNotBalance",
    "BufferMemoryError",
    "BufferTimeout",
    "BufferUnreachable",
    "EndOfStream",
    "HandleMisuse",
    "LayoutMismatch",
    "MimocorbError",
    "OutputError",
    "RecordTypeError",
    "RunFailed",
    "SetupError",
    "UserFunctionError",
]


class MimocorbError(Exception):
    """Base of everything that mimocorb reports as an error."""


class SetupError(MimocorbError, ValueError):
    """A set-up file or a call describes something impossible."""


class RecordTypeError(SetupError, TypeError):
    """A NumPy dtype that a ring cannot hold, such as Python objects."""


class BufferMemoryError(SetupError, MemoryError):
    """The memory that a buffer needs is not available."""


class BufferTimeout(MimocorbError, TimeoutError):
    """No event, or no free slot, came within ``timeout_s``."""


class BufferUnreachable(MimocorbError, ConnectionError):
    """The buffer that a set-up dictionary names no longer exists or cannot be opened from here."""


class LayoutMismatch(MimocorbError, ConnectionError):
    """The memory was laid out by another version of mimocorb."""


class HandleMisuse(MimocorbError, RuntimeError):
    """A Writer, Reader or Observer was used after ``close()`` or in another process."""


class BooksDoNotBalance(MimocorbError, RuntimeError):
    """An identity of the event ledger does not hold."""


class UserFunctionError(MimocorbError, RuntimeError):
    """A function supplied by the user failed or returned something undocumented."""


class OutputError(MimocorbError, OSError):
    """An output file could not be written."""


class RunFailed(MimocorbError, RuntimeError):
    """A run ended, but not everything that was accepted has been processed and written."""


class EndOfStream(SystemExit):
    """The orderly end of a stream of events.

    A subclass of :class:`SystemExit` with exit code 0, as documented for ``Reader.get()`` and
    ``Writer.get_new_buffer()``: a worker process whose endless loop meets it ends cleanly.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(0)
        self.message = message

    def __str__(self) -> str:
        return self.message
