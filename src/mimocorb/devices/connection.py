"""Read a device for as long as the run goes on, whatever happens to its cable.

What is common to all devices that can be unplugged, switched off or stuck: opening, reading in
short steps, so that the end of a run is noticed, a time-out, opening again, and an end if that
takes too long. A device gives two functions: one opens it, one reads what has come.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, TypeVar

from mimocorb.components.device import device_lost, run_goes_on
from mimocorb.devices.allowed import check_range
from mimocorb.errors import DeviceLost

__all__ = ["POLL_S", "Period", "check_times", "keep_connected"]

POLL_S = 0.1
"""For how long a device is waited for in one step, so that the end of a run is noticed."""

RETRY_S = 0.2
_IN_USE = (errno.EAGAIN, errno.EBUSY)

Handle = TypeVar("Handle")
Value = TypeVar("Value")


def check_times(timeout_s: float | None, give_up_s: float | None) -> None:
    """Raise a SetupError for times that make no sense."""
    for name, value in (("timeout_s", timeout_s), ("give_up_s", give_up_s)):
        if value is not None:
            check_range(name, value, POLL_S, float("inf"), "s")


class Period:
    """Says when a device that is read now and then is to be read.

    Parameters
    ----------
    period_s
        Time from one reading to the next.
    begins_s
        When the first one is, from now on.
    """

    def __init__(self, period_s: float, begins_s: float = 0.0) -> None:
        self._period_s = period_s
        self._due_s = time.monotonic() + begins_s

    def is_over(self) -> bool:
        """Whether it is time; if it is not, waits for it, for `POLL_S` at the most."""
        early_s = self._due_s - time.monotonic()
        if early_s > 0:
            time.sleep(min(early_s, POLL_S))
            return False
        self._due_s = max(time.monotonic(), self._due_s + self._period_s)
        return True


def keep_connected(
    open_device: Callable[[], AbstractContextManager[Handle]],
    read: Callable[[Handle], Sequence[Value]],
    *,
    name: str,
    timeout_s: float | None = None,
    give_up_s: float | None = None,
    lost_by: tuple[type[Exception], ...] = (OSError,),
    back_when_opened: bool = True,
) -> Iterator[Value]:
    """Yield what a device delivers until the run ends; open the device again when it is lost.

    A device is lost when `read` raises one of `lost_by`, or when it delivers nothing for
    `timeout_s`. Until it is there again, or speaks again, the time is dead time with the cause
    ``device lost``, and the run has an alarm, see :func:`mimocorb.device_lost`.

    Parameters
    ----------
    open_device
        Opens it, as a context manager that closes it; settings are applied here, so that a device
        that comes back has them again.
    read
        Returns what has come since the last call, after at most about `POLL_S`; nothing, if
        nothing has come.
    name
        Of the device, for messages: what it is and where.
    timeout_s
        Time without a value after which it counts as lost, in s; None: it may be silent for ever.
    give_up_s
        Time for which a lost device is waited for, in s; None: until the run ends.
    lost_by
        What the driver raises if the device is away.
    back_when_opened
        Whether a device that could be opened is there again; else only its next value tells.

    Raises
    ------
    DeviceLost
        It cannot be opened at the beginning, or did not come back within `give_up_s`.
    """
    connection = _Connection(open_device, name, give_up_s, lost_by)
    with connection:
        heard_s = time.monotonic()
        while run_goes_on():
            try:
                values = read(connection.handle)
            except lost_by as error:
                connection.lose(_reason(error))
                if connection.open_again(proves=back_when_opened):
                    connection.is_back()
                heard_s = time.monotonic()
                continue
            if values:
                connection.is_back()
                yield from values
                heard_s = time.monotonic()
            elif timeout_s is not None and time.monotonic() - heard_s > timeout_s:
                connection.lose(f"nothing came for {timeout_s:g} s")
                connection.open_again(proves=False)
                heard_s = time.monotonic()


class _Connection:
    """A device that is open, or lost and to be opened again."""

    def __init__(
        self,
        open_device: Callable[[], AbstractContextManager[Any]],
        name: str,
        give_up_s: float | None,
        lost_by: tuple[type[Exception], ...],
    ) -> None:
        self.handle: Any = None
        self._open_device, self._name, self._give_up_s = open_device, name, give_up_s
        self._lost_by = lost_by
        self._opened, self._lost = ExitStack(), ExitStack()
        self._lost_since_s: float | None = None

    def __enter__(self) -> None:
        try:
            self.handle = self._opened.enter_context(self._open_device())
        except self._lost_by as error:
            raise DeviceLost(
                f"{self._name} cannot be opened: {_reason(error)}; mimocorb devices lists what is"
                " attached, and what is missing"
            ) from error

    def __exit__(self, *error: object) -> None:
        self.is_back()
        self._close()

    def lose(self, reason: str) -> None:
        """Note that the device is away, and close it."""
        if self._lost_since_s is None:
            self._lost_since_s = time.monotonic()
            self._lost.enter_context(device_lost(f"{self._name}: {reason}"))
        self._close()

    def open_again(self, *, proves: bool) -> bool:
        """Open it as soon as that works; returns whether it is back, if being open proves it."""
        while run_goes_on():
            try:
                self.handle = self._opened.enter_context(self._open_device())
            except self._lost_by as error:
                self._give_up_in_time(_reason(error))
                time.sleep(RETRY_S)
            else:
                if not proves:
                    self._give_up_in_time("it can be opened, but delivers nothing")
                return proves
        return False

    def is_back(self) -> None:
        """Note that the device is there, if it was away."""
        self._lost_since_s = None
        self._lost.close()

    def _give_up_in_time(self, reason: str) -> None:
        since_s, limit_s = self._lost_since_s, self._give_up_s
        if limit_s is not None and since_s is not None and time.monotonic() - since_s > limit_s:
            raise DeviceLost(f"{self._name} did not come back within {limit_s:g} s: {reason}")

    def _close(self) -> None:
        with suppress(*self._lost_by):  # of a device that is away, closing may fail as well
            self._opened.close()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _IN_USE:
        return "another program has it open"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)  # without number and repetition, as drivers have them
    return str(error) or type(error).__name__
