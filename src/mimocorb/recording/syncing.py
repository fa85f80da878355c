"""Bringing files to the disk from a thread, so that no write waits for it.

What was written is safe from a kill of the process at once, as it is with the operating system. It
is safe from a power cut when it is on the disk. To wait for that in between costs up to a second
where much is written; in a thread it costs nothing.

A file that could not be brought to the disk once is given up: the system tells it a single time,
and may have thrown away what it could not write. What becomes of its data is for its writer.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["OnDisk", "Syncer"]


class OnDisk:
    """How much of a file is known to be on the disk.

    Parameters
    ----------
    descriptor
        The open file; it may be closed afterwards.
    directory
        Where it is: a new name has to reach the disk as well.

    Attributes
    ----------
    bytes
        How much is on the disk.
    error
        Why no more will be.
    """

    def __init__(self, descriptor: int, directory: Path) -> None:
        self.bytes = 0
        self.error: OSError | None = None
        self._written_bytes = 0
        self._directory = directory
        self._original = descriptor
        self._fd = os.dup(descriptor)
        self._lock = threading.Lock()

    def written(self, descriptor: int, size_bytes: int) -> None:
        """Note how much has been handed to the operating system.

        A file that has been put back after it was deleted has another descriptor; what was on the
        disk is so again.
        """
        if descriptor != self._original:
            with self._lock:
                os.close(self._fd)
                self._original, self._fd = descriptor, os.dup(descriptor)
        self._written_bytes = size_bytes

    @property
    def is_complete(self) -> bool:
        """Whether all that was written is on the disk."""
        return self.bytes == self._written_bytes

    def bring(self) -> None:
        """Bring to the disk what is not there; an error is in :attr:`error` afterwards."""
        with self._lock:
            end = self._written_bytes
            if self._fd < 0 or self.error is not None or end == self.bytes:
                return
            try:
                os.fdatasync(self._fd)
                if not self.bytes:
                    _bring_names(self._directory)
            except OSError as error:
                self.error = error
            else:
                self.bytes = end

    def check(self) -> None:
        """Raise the error with which it could not be brought to the disk, if there was one."""
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)


class Syncer:
    """A thread that brings files to the disk.

    Parameters
    ----------
    window_s
        What is lost in a power cut is at most what was written in such a time. It begins twice in
        it, so that the disk may need half of it. None: it begins only when it is called.
    """

    def __init__(self, window_s: float | None) -> None:
        self._interval_s = None if window_s is None else window_s / 2
        self._lock = threading.Lock()
        self._files: list[OnDisk] = []
        self._is_called = threading.Event()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def follow(self, file: OnDisk) -> None:
        """Bring a file to the disk from now on."""
        with self._lock:
            self._files.append(file)
        if self._thread is None and self._interval_s is not None:
            self._start()

    def leave(self, file: OnDisk) -> None:
        """Let a file alone."""
        with self._lock:
            self._files.remove(file)

    def call(self) -> None:
        """Begin at once."""
        self._is_called.set()
        if self._thread is None:
            self._start()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._is_over = True
        self._is_called.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="sync", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        began_s = time.monotonic()
        while True:
            wait_s = self._interval_s
            if wait_s is not None:
                wait_s = max(0.0, began_s + wait_s - time.monotonic())
            self._is_called.wait(wait_s)
            if self._is_over:
                return
            self._is_called.clear()
            began_s = time.monotonic()
            with self._lock:
                files = list(self._files)
            for file in files:
                file.bring()


def _bring_names(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of file systems that have no need for it
            raise
    finally:
        os.close(descriptor)
