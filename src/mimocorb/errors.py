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
    ├── DeviceLost(ConnectionError)         a device cannot be reached, or did not come back in time
    ├── RunUnreachable(ConnectionError)     no such run to talk to: ended, killed, or not found
    ├── EngineError(ConnectionError)        the engine that connects hosts is missing or refuses
    ├── CommandRefused(RuntimeError)        a run cannot do in its present state what was asked
    ├── CommandTimeout(TimeoutError)        a run was asked, but it did not come about in time
    ├── HandleMisuse(RuntimeError)          closed, or used in a process that did not open it
    ├── StaleView(RuntimeError)             the view of an event that was given back (``debug``)
    ├── LedgerDoesNotBalance(RuntimeError)  an identity of the event ledger is violated
    ├── UserFunctionError(RuntimeError)     a source, filter, sink or observer function failed
    ├── OutputError(OSError)                a file could not be written: full, existing, not allowed
    ├── DamagedFile(ValueError)             recorded data are not what was written
    ├── RunRecordError(ValueError)          the record of a run is missing or cannot be read
    └── RunFailed(RuntimeError)             a run ended, but not everything accepted was processed

    SystemExit
    └── EndOfStream                         the orderly end: no error, exit code 0

    BaseException
    └── Terminated                          the run does not wait any longer for this worker
"""

from __future__ import annotations

__all__ = [
    "BufferMemoryError",
    "BufferTimeout",
    "BufferUnreachable",
    "CommandRefused",
    "CommandTimeout",
    "DamagedFile",
    "DeviceLost",
    "EndOfStream",
    "EngineError",
    "HandleMisuse",
    "LayoutMismatch",
    "LedgerDoesNotBalance",
    "MimocorbError",
    "OutputError",
    "RecordTypeError",
    "RunFailed",
    "RunRecordError",
    "RunUnreachable",
    "SetupError",
    "StaleView",
    "Terminated",
    "UserFunctionError",
]


class MimocorbError(Exception):
    """Base of everything that mimocorb reports as an error."""


class SetupError(MimocorbError, ValueError):
    """A set-up file or a call describes something impossible; each argument is one such thing."""

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.args)


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


class DeviceLost(MimocorbError, ConnectionError):
    """A device cannot be reached, or is lost and did not come back in time."""


class RunUnreachable(MimocorbError, ConnectionError):
    """There is no such run to talk to: it has ended, was killed, or was not found."""


class EngineError(MimocorbError, ConnectionError):
    """The engine that connects hosts is missing, too old, or does not take what is asked."""


class CommandRefused(MimocorbError, RuntimeError):
    """A run cannot do in its present state what was asked of it."""


class CommandTimeout(MimocorbError, TimeoutError):
    """A run was asked for something that did not come about within ``timeout_s``."""


class HandleMisuse(MimocorbError, RuntimeError):
    """A Writer, Reader or Observer was used after ``close()`` or in another process."""


class StaleView(MimocorbError, RuntimeError):
    """The view of an event was used after the event had been given back (``debug`` only)."""


class LedgerDoesNotBalance(MimocorbError, RuntimeError):
    """An identity of the event ledger does not hold."""


class UserFunctionError(MimocorbError, RuntimeError):
    """A function supplied by the user failed or returned something undocumented."""


class OutputError(MimocorbError, OSError):
    """An output file could not be written."""


class DamagedFile(MimocorbError, ValueError):
    """What a file of recorded data holds is not what was written, or no form that is known."""


class RunRecordError(MimocorbError, ValueError):
    """The record of a run is missing, damaged, or of another version; or there is no such run."""


class RunFailed(MimocorbError, RuntimeError):
    """A run ended, but not everything that was accepted has been processed and written."""


class Terminated(BaseException):
    """Raised in a worker's function, wherever it is, when the run does not wait any longer for it.

    Below :class:`BaseException`, as :class:`KeyboardInterrupt` is: ``finally`` and ``with`` tidy
    up, and ``except Exception`` lets it pass. A worker that goes on nevertheless is killed after
    some seconds.
    """


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
