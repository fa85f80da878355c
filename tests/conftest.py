"""What all tests take for granted of the process that runs them."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let Ctrl-C work, here and in every process that a test starts.

    A shell starts what is to run in its background with SIGINT ignored, and that is inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
