"""What PyYAML says about broken files, in the words of somebody who has to repair one.

The usual slips in set-ups are few: tabs, a missing space after a colon, wrong indentation, a quote
or bracket that is not closed. Each is recognised from the place that PyYAML names and the text of
that line.
"""

from __future__ import annotations

import re

import yaml

from mimocorb.model.problem import Problem, Where

__all__ = ["decoding_problem", "reader_problem", "syntax_problem"]

_NO_SPACE_AFTER_COLON = re.compile(r"^[\s-]*(?P<key>[A-Za-z_]\w*):[^\s:/\\]")
_NO_COLON = re.compile(r"^[\s-]*(?P<key>[A-Za-z_]\w*)\s*(#.*)?$")


def decoding_problem(shown: str, content: bytes, position: int) -> Problem:
    """Bytes that are not UTF-8."""
    line = content.count(b"\n", 0, position) + 1
    column = position - (content.rfind(b"\n", 0, position) + 1) + 1
    return Problem(
        Where(shown, line, column),
        "the file must be text in UTF-8",
        f"found the byte 0x{content[position]:02x}",
        "save the file as UTF-8",
    )


def reader_problem(shown: str, text: str, error: yaml.reader.ReaderError) -> Problem:
    """Characters that YAML forbids, such as control characters."""
    position = error.position
    before = text[:position]
    return Problem(
        Where(shown, before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1),
        "the file must be printable text",
        f"found the character {text[position : position + 1]!r}",
        "remove it",
    )


def syntax_problem(shown: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    """Text that is not YAML."""
    said = " ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark or error.context_mark
    problem = _slip_in_a_line(shown, text.splitlines(), error)
    if problem is not None:
        return problem
    for word, at_start, asked, found, remedy in _KINDS:
        if word in said:
            where = _place(shown, (error.context_mark or mark) if at_start else mark)
            return Problem(where, asked, found, remedy)
    if error.context_mark and error.problem_mark and "expected <block end>" in said:
        start, here = error.context_mark, error.problem_mark
        if "found '<scalar>'" in said:
            open_quote = _open_quote(
                shown, text.splitlines()[start.line : here.line + 1], start.line
            )
            if open_quote is not None:
                return open_quote
        return Problem(
            _place(shown, here),
            "entries of one list or mapping start in the same column",
            f"found column {here.column + 1} here, and column {start.column + 1} for those from "
            f"line {start.line + 1} on",
            "indent them alike, and check that no line above is missing",
        )
    return Problem(
        _place(shown, mark),
        "the file must be valid YAML",
        f"found: {said or error}".replace("\n", " "),
        "check this line and the ones above: entries of one list or mapping start in the same "
        "column, and a name is followed by a colon and a space",
    )


# Word in PyYAML's message, whether to point at the start of the construct, what to say.
_KINDS = (
    (
        "quoted scalar",
        True,
        "a quoted text ends with the quote it began with",
        "found no closing quote that fits",
        "close the quote, and check quotes inside the text",
    ),
    (
        "flow",
        True,
        "items in brackets [ ] or braces { } are separated by commas and closed again",
        "found something else",
        "check commas, brackets and braces from here on",
    ),
    (
        "expected ':'",
        True,
        "a key is followed by a colon, a space and its value",
        "found a line without a colon",
        "insert the colon, or indent the line as what belongs to the one above",
    ),
    (
        "alias",
        False,
        "an alias (*name) repeats a part marked before (&name)",
        "found no such mark above",
        "mark the part, or put the text in quotes",
    ),
    (
        "single document",
        False,
        "a file holds one set-up or configuration",
        "found a second document, after a line ---",
        "make it a file of its own",
    ),
)


def _slip_in_a_line(shown: str, lines: list[str], error: yaml.MarkedYAMLError) -> Problem | None:
    """Recognise slips from the text of the lines that PyYAML names."""
    marks = [mark for mark in (error.context_mark, error.problem_mark) if mark is not None]
    for mark in reversed(marks):
        line = lines[mark.line] if mark.line < len(lines) else ""
        tab = line.find("\t")
        if tab >= 0 and not line[:tab].strip(" -"):
            return Problem(
                Where(shown, mark.line + 1, tab + 1),
                "lines are indented with spaces",
                "found a tab character",
                "replace it by spaces; most editors have a setting for that",
            )
    numbers = [mark.line for mark in marks if mark.line < len(lines)]
    before = _line_before(lines, marks[-1].line) if marks else None
    for number in [*numbers, *([before] if before is not None else [])]:
        match = _NO_SPACE_AFTER_COLON.match(lines[number])
        if match:
            return Problem(
                Where(shown, number + 1, match.end("key") + 2),
                f"a space follows the colon of {match['key']!r}",
                "found none",
                "insert a space after the colon",
            )
    match = _NO_COLON.match(lines[before]) if before is not None else None
    if before is not None and match:
        return Problem(
            Where(shown, before + 1, match.end("key") + 1),
            f"a colon follows the name {match['key']!r}",
            "found none, and keys below",
            "insert a colon after the name",
        )
    return None


def _open_quote(shown: str, lines: list[str], first: int) -> Problem | None:
    """Find the line with one quote too few; PyYAML notices at the next quote, far below."""
    for number, line in enumerate(lines, first + 1):
        text = line.partition(" #")[0]
        if text.count('"') % 2 and not text.lstrip().startswith("#"):
            return Problem(
                Where(shown, number, text.index('"') + 1),
                "a quoted text ends with the quote it began with",
                "found one quote too few in this line",
                "close the quote",
            )
    return None


def _line_before(lines: list[str], number: int) -> int | None:
    """Return the number of the last line before this one that says something, from 0."""
    for before in range(min(number, len(lines)) - 1, -1, -1):
        if lines[before].strip() and not lines[before].lstrip().startswith("#"):
            return before
    return None


def _place(shown: str, mark: yaml.Mark | None) -> Where:
    return Where(shown, mark.line + 1, mark.column + 1) if mark else Where(shown)
