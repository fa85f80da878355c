"""What the commands share: exit codes, types of options, reading a set-up, printing."""

from __future__ import annotations

import argparse
import io
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mimocorb._texts import say, write
from mimocorb.run.workers.standard_streams import was_missing

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.model import Setup
    from mimocorb.model.problem import Problem

__all__ = [
    "BAD_USAGE",
    "FAILED",
    "OK",
    "Commands",
    "Output",
    "Page",
    "Parser",
    "add_setup",
    "complain",
    "count",
    "output",
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


class Output:
    """What has become of the standard output of a command.

    Attributes
    ----------
    trouble
        Why it cannot be written, in words; empty as long as it can.
    nobody_reads
        Whether whoever read it has gone, as after ``| head -1``: no failure, but an end of what
        would go on printing.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a command."""
        self.trouble = ""
        self.nobody_reads = False

    @property
    def is_over(self) -> bool:
        """Whether there is no use in printing more."""
        return bool(self.trouble) or self.nobody_reads

    def print(self, text: str, *, is_drawn: bool = False) -> None:
        """Print; what comes after a failure is left out."""
        if self.is_over or sys.stdout is None:
            return
        if 1 in was_missing:
            self.trouble = "it is closed"
            return
        try:
            write(text, sys.stdout, is_drawn=is_drawn)
        except BrokenPipeError:
            self.nobody_reads = True
        except (OSError, ValueError) as error:
            self.trouble = getattr(error, "strerror", None) or str(error)
        if self.is_over:
            # What is left in the stream would fail again at the exit of Python.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
            os.dup2(sys.stdout.fileno(), 1)


output = Output()
"""Of the command that is carried out."""


class Parser(argparse.ArgumentParser):
    """Prints its help as everything else is printed."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if message and file is sys.stdout:
            output.print(message.rstrip("\n"))
        else:
            super()._print_message(message, file)


def print_text(text: str) -> None:
    """Print; that it could not be written is found out at the end of the command."""
    output.print(text.rstrip("\n"))


def print_page(text: str) -> None:
    """Print for people: on a terminal with long lines folded between words.

    That it cannot be written is no failure: it stands in a file as well.
    """
    from mimocorb.run.wording import wrapped

    if sys.stdout is not None and sys.stdout.isatty():
        text = wrapped(text, shutil.get_terminal_size().columns)
    say(text.rstrip("\n"), sys.stdout)


class Page(io.StringIO):
    """What is to be printed, drawn for the standard output."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the standard output."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the standard output is a terminal."""
        return sys.stdout is not None and sys.stdout.isatty()


def print_picture(draw: Callable[[int], Any]) -> None:
    """Print what is drawn by rich: as wide as the terminal, or else with nothing cut off."""
    from rich.console import Console

    from mimocorb.run.screen.harmless import Harmless

    page = Page()
    console = Console(file=page, width=None if page.isatty() else WIDE)
    console.print(Harmless(draw(console.width)), end="")
    lines = page.getvalue().removesuffix("\n").split("\n")
    output.print("\n".join(line.rstrip() for line in lines), is_drawn=True)


def complain(text: str) -> None:
    """Print to standard error, if there is any."""
    if sys.stderr is not None:
        say(text, sys.stderr)


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
        complain(format_problems(problems))
    if errors := sum(problem.severity == "error" for problem in problems):
        found = how_many(errors, "error")
        complain(f"{name}: {found}, nothing was started")
