"""Texts with columns of numbers, however they are separated: what is heading, what are numbers.

Programs and devices write such texts in many ways: separated by commas, semicolons, tabs or spaces,
with decimal points or commas, with comments, headings and units in front, some with a heading that
stands beside the numbers. :func:`sheet_of` finds out which it is; what the columns mean is for
others to say.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sheet", "sheet_of"]

_NUMBER = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|[+-]?(?:nan|inf|infinity|∞)", re.I
)
_HEXADECIMAL = re.compile(r"0x[0-9a-f]{1,15}", re.I)
_DECIMAL_COMMA = re.compile(r"[^,]*\d,\d[^,]*|,\d[^,]*|[+-],\d[^,]*|[^,]+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,6})?)?Z?")
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_COMMENT = re.compile(r"^\s*(?:#|%|//|!|;(?=\s*[A-Za-z]))+")
_SAMPLED_LINES = 400
_LONG = 5000
_LONGEST_HEADING = 200


class Style(NamedTuple):
    """How the cells of a line are written."""

    separator: str | None  # None: any white space
    decimal_comma: bool


_STYLES = (
    Style("\t", False),
    Style("\t", True),
    Style(";", False),
    Style(";", True),
    Style(",", False),
    Style(None, False),
    Style(None, True),
)


@dataclass
class Sheet:
    """A text with columns of numbers."""

    heading: list[list[str]]
    """The cells of the lines before the numbers, comments among them."""
    comments: list[str]
    """Lines behind a mark for comments, without it."""
    columns: list[NDArray[np.int64] | NDArray[np.float64]]
    """Whole numbers where all of a column are; what a short row lacks is nan."""
    row_lengths: Counter[int]
    beside: dict[str, str] = field(default_factory=dict)
    """What stands in front of the numbers, in lines with numbers."""
    unread: list[str] = field(default_factory=list)
    """What could not be read, one sentence each."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0


def sheet_of(text: str) -> Sheet | None:
    """Return the columns of a text; None if there are none."""
    lines = text.splitlines()
    style = _style_of(lines)
    if style is None:
        return None
    quick = _quickly(lines, style)
    if quick is not None:
        return quick
    heading: list[list[str]] = []
    comments: list[str] = []
    rows: list[list[str]] = []
    unread: list[str] = []
    beside: dict[str, str] = {}
    skip = _columns_in_front(lines, style)
    begun = False
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.strip("\x00\x1a ") == "":
            continue
        cells = _cells(line, style)
        if skip and len(cells) > skip:
            if key := cells[0].strip('" '):
                beside[key] = cells[1].strip('" ') if skip > 1 else ""
            cells = cells[skip:]
        found = _as_numbers(cells, style)
        if found:
            rows.append(found)
            begun = True
            continue
        mark = _COMMENT.match(line)
        if mark:
            comments.append(line[mark.end() :].strip())
        if not begun:
            heading.append(_cells(line[mark.end() :] if mark else line, style))
        elif not mark:
            unread.append(f"line {number} is no row of numbers: {line.strip()[:60]!r}")
    # a table of one row of numbers in a heading is no table
    lengths = Counter(map(len, rows))
    if not rows:
        return None
    rows, heading = _without_numbers_of_the_heading(rows, heading, lengths)
    lengths = Counter(map(len, rows))
    longest = max(lengths)
    columns = [_column([row[at] if at < len(row) else "" for row in rows]) for at in range(longest)]
    return Sheet(heading, comments, columns, lengths, beside, unread)


def _quickly(lines: Sequence[str], style: Style) -> Sheet | None:
    """Return the columns of a long text whose rows are all alike, else None.

    Arrow's reader is some fifty times quicker than reading row by row; what it does not take is
    read in that way.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import csv as arrow_csv

    if len(lines) < _LONG or style.separator is None:
        return None
    starts = (at for at, line in enumerate(lines) if _as_numbers(_cells(line, style), style))
    first = next(starts, len(lines))
    if first > _LONGEST_HEADING or len(_cells(lines[first], style)) != len(
        _cells(lines[first + 1], style)
    ):
        return None
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader("\n".join(lines[first:]).encode()),
            arrow_csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
            arrow_csv.ParseOptions(delimiter=style.separator, ignore_empty_lines=True),
            arrow_csv.ConvertOptions(decimal_point="," if style.decimal_comma else "."),
        )
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return None
    columns = list(table.columns)
    while columns and pa.types.is_null(columns[-1].type):  # of a separator at the end of rows
        columns.pop()
    if not columns or any(
        column.type not in (pa.int64(), pa.float64()) or column.null_count for column in columns
    ):
        return None
    above = sheet_of("\n".join([*lines[:first], lines[first]]))
    if above is None or len(above.columns) != len(columns):
        return None
    return Sheet(
        above.heading,
        above.comments,
        [column.to_numpy() for column in columns],
        Counter({len(columns): table.num_rows}),
        above.beside,
        [],
    )


def _without_numbers_of_the_heading(
    rows: list[list[str]], heading: list[list[str]], lengths: Counter[int]
) -> tuple[list[list[str]], list[list[str]]]:
    """Take rows of another length before the first of the usual ones as parts of the heading."""
    usual = lengths.most_common(1)[0][0]
    first = next(at for at, row in enumerate(rows) if len(row) == usual)
    if first and lengths[usual] > len(rows) / 2 and first < len(rows) / 4:
        return rows[first:], heading + rows[:first]
    return rows, heading


def _style_of(lines: Sequence[str]) -> Style | None:
    """Return how numbers are written: so that most lines are rows of numbers, with most columns."""
    middle = len(lines) // 2
    sampled = [
        *lines[: 2 * _SAMPLED_LINES],
        *lines[max(middle, 2 * _SAMPLED_LINES) :][:_SAMPLED_LINES],
    ]
    some = [line for line in sampled if line.strip() and not _COMMENT.match(line)]
    best: tuple[int, int, Style] | None = None
    for style in _STYLES:
        lengths = Counter(
            len(found) for line in some if (found := _last_numbers(_cells(line, style), style))
        )
        good = sum(lengths.values())
        if not good:
            continue
        columns = lengths.most_common(1)[0][0]
        if best is None or (good, columns) > best[:2]:
            best = good, columns, style
    return None if best is None else best[2]


def _columns_in_front(lines: Sequence[str], style: Style) -> int:
    """Return how many columns stand in front of the numbers that are empty in most lines."""
    if style.separator is None:
        return 0
    empty: Counter[int] = Counter()
    some = [line for line in lines[:_SAMPLED_LINES] if line.strip()]
    for line in some:
        cells = _cells(line, style)
        leading = next((at for at, cell in enumerate(cells) if cell.strip('" ')), len(cells))
        if leading < len(cells):
            empty[leading] += 1
    usual, count = empty.most_common(1)[0] if empty else (0, 0)
    return usual if count > len(some) / 3 else 0


def _cells(line: str, style: Style) -> list[str]:
    if style.separator is None:
        return line.split()
    if '"' in line:
        try:
            cells = next(csv.reader([line], delimiter=style.separator, skipinitialspace=True))
        except (csv.Error, StopIteration):
            cells = line.split(style.separator)
    else:
        cells = line.split(style.separator)
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _as_numbers(cells: Sequence[str], style: Style) -> list[str]:
    """Return the cells as Python writes numbers; empty if one of them is none."""
    found = []
    for cell in cells:
        if _MOMENT.fullmatch(cell):
            found.append(_seconds(cell))
            continue
        number = cell
        if style.decimal_comma:
            if cell and not _DECIMAL_COMMA.fullmatch(cell):
                return []
            number = cell.replace(",", ".")
        if not number:
            number = "nan"
        elif _HEXADECIMAL.fullmatch(number):
            number = str(int(number, 16))
        elif not _NUMBER.fullmatch(number):
            return []
        found.append(number.replace("∞", "inf").replace("D", "E").replace("d", "e"))
    return found if any(cell for cell in cells) else []


def _seconds(moment: str) -> str:
    """Return a date with a time as seconds, UTC; nan if there is no such moment."""
    try:
        parsed = datetime.fromisoformat(moment.replace(",", ".").removesuffix("Z"))
    except ValueError:
        return "nan"
    return repr(parsed.replace(tzinfo=UTC).timestamp())


def _last_numbers(cells: Sequence[str], style: Style) -> list[str]:
    """Return the numbers of a line, without empty cells and a heading in front of them."""
    at = len(cells)
    while at and _as_numbers([cells[at - 1]], style):
        at -= 1
    found = _as_numbers(cells[at:], style)
    if at == 0:
        return found
    return found if at <= 3 and len(cells) - at >= 2 and not any(cells[1:at][-1:]) else []


def _column(cells: Sequence[str]) -> NDArray[np.int64] | NDArray[np.float64]:
    if all(_WHOLE.fullmatch(cell) for cell in cells):
        with suppress(OverflowError):
            return np.array([int(cell) for cell in cells], np.int64)
    return np.array([float(cell) if cell else math.nan for cell in cells])
