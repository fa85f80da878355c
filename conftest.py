"""What all tests take for granted of the process that runs them."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let Ctrl-C and a closing terminal work, here and in every process that a test starts.

    A shell ignores SIGINT and SIGQUIT for what it starts in its background, nohup SIGHUP; that is
    inherited.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
