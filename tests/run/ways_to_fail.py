"""Ways in which worker functions of the tests fail, by name."""

import ctypes
import os
import signal
import subprocess
import sys
import time

from mimocorb.errors import SetupError


def _leave_a_talker():
    """Exit and leave a program that prints without end into what was standard output."""
    subprocess.Popen(["yes", "still here"])
    time.sleep(0.1)
    os._exit(3)


def _say_too_much():
    raise ValueError("the begin " + "\N{GRINNING FACE}" * 100_000 + " the end")


def _ask_for_the_impossible():
    raise SetupError("there is no channel Q")


WAYS_TO_FAIL = {
    "raises": lambda: int("poison"),
    "exits": lambda: sys.exit(3),
    "exits without a word": lambda: os._exit(0),
    "crashes": lambda: ctypes.string_at(0),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leaves a talker": _leave_a_talker,
    "says too much": _say_too_much,
    "asks for the impossible": _ask_for_the_impossible,
}
