"""Sources say that their device is away: nobody has to guess from the silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mimocorb.components.meter import occupied
from mimocorb.components.meter_page import Activity

__all__ = ["connect", "device_lost"]


def _nobody_listens(_kind: str, _text: str) -> None:
    """Do nothing: outside a run."""


_send: Callable[[str, str], None] = _nobody_listens


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
