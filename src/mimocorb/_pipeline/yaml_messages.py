"""What PyYAML says about broken files, in the words of somebody who has to repair one.

The usual slips in set-ups are few: tabs, a missing space after a colon, wrong indentation, a quote
or bracket that is not closed. Each is recognised from the place that PyYAML names and the text of
that line.
"""

from __future__ import annotations

import re

import yaml

from mimocorb._pipeline.model import Problem, Where

__all__ = ["decoding_problem", "reader_problem", "syntax_problem"]

_NO_SPACE_AFTER_COLON = re.compile(r"^[\s-]*(?P<key>[A-Za-z_]\w*):[^\s:/\\]")


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
    for mark in marks:
        match = _NO_SPACE_AFTER_COLON.match(lines[mark.line] if mark.line < len(lines) else "")
        if match:
            return Problem(
                Where(shown, mark.line + 1, match.end("key") + 2),
                f"a space follows the colon of {match['key']!r}",
                "found none",
                "insert a space after the colon",
            )
    return None


def _place(shown: str, mark: yaml.Mark | None) -> Where:
    return Where(shown, mark.line + 1, mark.column + 1) if mark else Where(shown)
