"""What the source of a device and its run tell each other: it is lost, events are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mimocorb.components.meter import occupied
from mimocorb.components.meter_page import Activity

__all__ = ["connect", "device_lost", "run_goes_on", "writing_into"]


def _nobody_listens(_kind: str, _text: str) -> None:
    """Do nothing: outside a run."""


def _never() -> bool:
    return False


_send: Callable[[str, str], None] = _nobody_listens
_has_ended: Callable[[], bool] = _never


@contextmanager
def device_lost(reason: str) -> Iterator[None]:
    """Say that a source has lost its device, and takes no events until it has it again.

    The time in the block is dead time, with a cause of its own. The run raises an alarm, which its
    view, summary and record show and which the program of ``on_alarm`` gets; it is over with the
    block.

    Parameters
    ----------
    reason
        What has happened, in a few words.

    Examples
    --------
    >>> from mimocorb import device_lost
    >>> def events(device):
    ...     while True:
    ...         try:
    ...             yield device.read()
    ...         except TimeoutError as error:
    ...             with device_lost(f"no answer: {error}"):
    ...                 device.connect_again()
    """
    _send("device lost", f"the device is lost: {reason}")
    try:
        with occupied(Activity.DEVICE_LOST):
            yield
    finally:
        _send("device back", "")


def connect(send: Callable[[str, str], None]) -> None:
    """Let `send` have what is said in this process from now on: a kind and a text."""
    global _send  # noqa: PLW0603 - one run of a process
    _send = send


def run_goes_on() -> bool:
    """Return whether the run still wants events; always true outside a run.

    For sources whose device may be silent for long: one that waits in short steps, and asks in
    between, ends with its run. One that does not is interrupted after some seconds.

    Examples
    --------
    >>> from mimocorb import run_goes_on
    >>> def events(device):
    ...     while run_goes_on():
    ...         if device.wait_for_trigger(timeout_s=0.1):
    ...             yield device.read()
    """
    return not _has_ended()


@contextmanager
def writing_into(has_ended: Callable[[], bool]) -> Iterator[None]:
    """Let `has_ended` say, in the block, whether what the source writes is still wanted."""
    global _has_ended  # noqa: PLW0603 - one source of a process
    _has_ended = has_ended
    try:
        yield
    finally:
        _has_ended = _never
