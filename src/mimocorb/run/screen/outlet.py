"""Showing text without ever waiting for its reader.

``mimocorb run | less``, a terminal stopped by Ctrl-S, a connection that hangs: what prints there
waits, and a run whose supervisor waits is not supervised. So text goes out in pieces that there is
room for, and the rest stays here until there is some.
"""

from __future__ import annotations

import io
import os
import select
import stat
import time
from contextlib import suppress
from typing import TextIO

__all__ = ["Outlet"]

PIECE_BYTES = select.PIPE_BUF
"""What a pipe takes at once if it takes anything."""
LONGEST_FINISH_S = 0.5


class Outlet(io.TextIOBase):
    """A stream for a display; writing to it does not block.

    Parameters
    ----------
    stream
        Standard output, or whatever stands in its place. One that is not a file of the system, such
        as the output of a notebook, is written to as usual.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._unsent = b""
        self._own = -1
        self._descriptor: int | None = None
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError, ValueError):
                self._descriptor = self._opened(stream.fileno())

    def _opened(self, descriptor: int) -> int:
        """Open a pipe or terminal anew, so that not blocking is our business alone."""
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or os.isatty(descriptor):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            with suppress(OSError):  # not ours to open, after a change of the user
                self._own = os.open(f"/proc/self/fd/{descriptor}", flags)
        return descriptor if self._own < 0 else self._own

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the stream; what it cannot show becomes "?"."""
        return self._encoding

    @property
    def is_held_up(self) -> bool:
        """Whether there is text that has not been taken yet; tries once more to get rid of it."""
        self.flush()
        return bool(self._unsent)

    def fileno(self) -> int:
        """Descriptor of the stream itself."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Keep the text for :meth:`flush`.

        Raises
        ------
        OSError, ValueError
            The reader of the stream has gone.
        """
        data = text.encode(self._encoding, "replace")
        if self._descriptor is None:
            self._stream.write(data.decode(self._encoding))
        else:
            self._unsent += data
        return len(text)

    def flush(self) -> None:
        """Write as much as there is room for.

        Raises
        ------
        OSError, ValueError
            The reader of the stream has gone, or its disk is full.
        """
        if self._descriptor is None:
            self._stream.flush()
            return
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        try:
            if self._unsent and room.poll(0):
                self._stream.flush()  # what the program has printed itself comes first
            while self._unsent and room.poll(0):
                written = os.write(self._descriptor, self._unsent[:PIECE_BYTES])
                self._unsent = self._unsent[written:]
        except BlockingIOError:
            return
        except OSError:
            self._unsent = b""
            raise

    def finish(self) -> None:
        """Let the last text out if that takes no more than a moment; the rest is given up."""
        end_s = time.monotonic() + LONGEST_FINISH_S
        with suppress(OSError, ValueError):
            while self.is_held_up and time.monotonic() < end_s:
                time.sleep(0.01)
        self._unsent = b""

    def close(self) -> None:
        """Give up what is left; the stream itself stays open. Idempotent."""
        self._unsent = b""
        if self._own >= 0:
            os.close(self._own)
            self._own, self._descriptor = -1, None
        with suppress(OSError, ValueError):  # closing flushes; the stream may be closed already
            super().close()
