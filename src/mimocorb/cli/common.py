"""What the commands share: exit codes, types of options, reading a set-up, printing."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.model import Setup
    from mimocorb.model.problem import Problem

__all__ = [
    "BAD_USAGE",
    "FAILED",
    "OK",
    "Commands",
    "add_setup",
    "count",
    "print_page",
    "print_picture",
    "print_problems",
    "print_text",
    "read_setup",
    "seconds",
]

WIDE = 500
OK, FAILED, BAD_USAGE = 0, 1, 2

Commands = Any  # what ArgumentParser.add_subparsers() returns has no public name


def add_setup(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the set-up file, and the options that replace parts of it."""
    parser.add_argument("setup", metavar="SETUP", help="the set-up file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="settings",
        help="replace a part of the set-up, such as Buffers.raw.slot_count=64 (repeatable)",
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="recorded data, for the sources with a key 'data' in their configuration",
    )


def count(text: str) -> int:
    """Read a number of things, at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {text}")
    return value


count.__name__ = "whole number"  # argparse puts it into its message


def seconds(text: str) -> float:
    """Read a time above 0."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a time in seconds above 0, found {text}")
    return value


seconds.__name__ = "number"


def print_text(text: str) -> None:
    """Print; that nobody reads it, as after ``| head -1``, is no failure of the command."""
    from mimocorb.run.wording import say

    if sys.stdout is not None and not say(text.rstrip("\n"), sys.stdout):
        # What is left in the stream would fail again at the exit of Python.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        os.dup2(sys.stdout.fileno(), 1)


def print_page(text: str) -> None:
    """Print, on a terminal with long lines folded between words."""
    from mimocorb.run.wording import wrapped

    if sys.stdout is not None and sys.stdout.isatty():
        text = wrapped(text, shutil.get_terminal_size().columns)
    print_text(text)


def print_picture(draw: Callable[[int], Any]) -> None:
    """Print what is drawn by rich: as wide as the terminal, or else with nothing cut off."""
    from rich.console import Console

    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    console = Console(width=None if on_terminal else WIDE)
    with console.capture() as capture:
        console.print(draw(console.width))
    print_text("\n".join(line.rstrip() for line in capture.get().splitlines()))


def read_setup(chosen: argparse.Namespace, overrides: dict[str, Any] | None = None) -> Setup | None:
    """Read the set-up that the command names; problems go to standard error."""
    from mimocorb.setup.dialects import read_setup_or_problems

    setup, problems = read_setup_or_problems(chosen.setup, overrides, chosen.settings, chosen.data)
    print_problems(chosen.setup, problems)
    return setup


def print_problems(name: str, problems: Sequence[Problem]) -> None:
    """Print what is wrong with a set-up to standard error, and what follows if that is an error."""
    from mimocorb._words import how_many
    from mimocorb.model.problem import format_problems

    if problems:
        print(format_problems(problems), file=sys.stderr)
    if errors := sum(problem.severity == "error" for problem in problems):
        found = how_many(errors, "error")
        print(f"{name}: {found}, nothing was started", file=sys.stderr)
