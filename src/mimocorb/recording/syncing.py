"""Bringing a file to the disk from a thread, so that no write waits for it.

What was written is safe from a kill of the process at once, as it is with the operating system. It
is safe from a power cut when it is on the disk. To wait for that in between costs up to a second
where much is written; in a thread it costs nothing.
"""

from __future__ import annotations

import os
import threading

__all__ = ["Syncer"]


class Syncer:
    """Brings a file to the disk in regular intervals, as long as something is written to it.

    Parameters
    ----------
    interval_s
        Between two times; what is lost in a power cut is at most what was written in one.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._fd = -1
        self._is_dirty = False
        self._error: OSError | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def written(self, descriptor: int) -> None:
        """Note that something was written to a file.

        Raises
        ------
        OSError
            What was written before could not be brought to the disk.
        """
        if self._error is not None:
            raise self._error
        with self._lock:
            if self._fd != descriptor:
                self._fd = descriptor
            self._is_dirty = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="sync", daemon=True)
            self._thread.start()

    def leave(self) -> None:
        """Let go of the file: it is about to be closed."""
        with self._lock:
            self._fd, self._is_dirty = -1, False

    def close(self) -> None:
        """End the thread. Idempotent."""
        self.leave()
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._end.wait(self._interval_s):
            with self._lock:
                if not self._is_dirty:
                    continue
                self._is_dirty = False
                descriptor = os.dup(self._fd)
            try:
                os.fdatasync(descriptor)
            except OSError as error:
                self._error = error  # what is on the disk is not known: told at the next write
                return
            finally:
                os.close(descriptor)
