"""What is wrong with a set-up, and where that was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["NOWHERE", "Problem", "Severity", "Where", "format_problems", "has_errors"]

Severity = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Where:
    """A place in a file; lines and columns count from 1, 0 stands for "not known"."""

    file: str = ""
    line: int = 0
    column: int = 0

    @property
    def is_option(self) -> bool:
        """Whether this is an option of the command line, and not a file."""
        return self.file.startswith("--")

    def __str__(self) -> str:
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file or "set-up", *numbers])


NOWHERE = Where()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a set-up, complete enough to be repaired from the message.

    Parameters
    ----------
    where
        The place in the file.
    asked
        What the set-up asked for, or what belongs there.
    found
        What was found instead.
    remedy
        What to do about it.
    severity
        An ``"error"`` keeps the run from starting, a ``"warning"`` does not.
    """

    where: Where
    asked: str
    found: str
    remedy: str
    severity: Severity = "error"

    @property
    def file(self) -> str:
        """The file the problem is in, as it was named by the user."""
        return self.where.file

    @property
    def line(self) -> int:
        """The line in the file, from 1."""
        return self.where.line

    @property
    def column(self) -> int:
        """The column in the line, from 1."""
        return self.where.column

    @property
    def message(self) -> str:
        """The three sentences without the place."""
        return "; ".join(part for part in (self.asked, self.found, self.remedy) if part)

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.message}"


def format_problems(problems: Iterable[Problem]) -> str:
    """All problems as text, one a line, errors and warnings in the order of the files."""
    return "\n".join(str(problem) for problem in sorted(problems, key=lambda p: p.where))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of the problems keeps a run from starting."""
    return any(problem.severity == "error" for problem in problems)
