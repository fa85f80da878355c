"""Repeat every fault that trials of mimocorb have found, each in a process of its own.

``python tests/faults/repeat_trials.py`` prints one line for each and at the end how many were
repeated and how many are left; the exit code is 0 if none is. Some are left out as root or not as
root, or where the machine lacks something: these say so.

``--only WORD`` repeats those with this word in their area or sentence, ``--list`` shows them.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trials
from trials.trying import TRIALS, Trial, do

__all__ = ["all_trials", "repeat"]

TIMEOUT_S = 400.0


def all_trials() -> list[Trial]:
    """Return all trials, in the order of their areas."""
    if not TRIALS:
        for module in pkgutil.iter_modules(trials.__path__):
            importlib.import_module(f"trials.{module.name}")
    return TRIALS


def repeat(chosen: Trial) -> str:
    """Repeat a trial in a process of its own; returns what went wrong, if anything."""
    command = [sys.executable, __file__, "--this", chosen.name]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return "it hangs"
    text = (done.stdout + done.stderr).decode(errors="replace")
    return text.strip() or f"exit code {done.returncode}" if done.returncode else ""


def main() -> int:
    """Repeat them from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="those with this word in area or sentence")
    parser.add_argument("--list", action="store_true", help="show them")
    parser.add_argument("--this", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.this is not None:
        with tempfile.TemporaryDirectory(
            prefix="mimocorb-trial-", ignore_cleanup_errors=True
        ) as place:
            (chosen,) = (each for each in all_trials() if each.name == asked.this)
            do(chosen, Path(place))
        return 0
    found = [each for each in all_trials() if asked.only in each.name]
    left = 0
    for number, each in enumerate(found, start=1):
        if asked.list:
            print(each.name)
            continue
        begin = time.monotonic()
        wrong = repeat(each)
        left += bool(wrong)
        told = f"{'LEFT' if wrong else 'good'} {time.monotonic() - begin:5.1f} s"
        print(f"{number:>3} {told}  {each.name}", flush=True)
        if wrong:
            print("\n".join(f"      {line}" for line in wrong.splitlines()[-25:]), flush=True)
    if not asked.list:
        print(f"{len(found)} faults repeated, {left} left")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
