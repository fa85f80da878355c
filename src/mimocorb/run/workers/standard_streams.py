"""Standard input, output and error where they were closed before the program was started."""

from __future__ import annotations

import os
import sys

__all__ = ["open_missing_streams", "was_missing"]

was_missing: set[int] = set()
"""Those of the standard streams, by number, that the null device stands for."""


def open_missing_streams() -> None:
    """Put the null device where standard input, output or error is closed. Idempotent.

    Under ``<&- >&-``, as some start scripts do it, the first files that a program opens would get
    the numbers 0 to 2: a pipe or a buffer of the run would then be taken for its terminal, and be
    overwritten in the workers. Has to be called before anything is opened that stays open.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken: this one, as those below it are open now.
            descriptor = os.open(os.devnull, os.O_RDWR)
            was_missing.add(number)
            os.set_inheritable(descriptor, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
