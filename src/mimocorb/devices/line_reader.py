"""Lines of text that become events; what is not understood is counted and told."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mimocorb._words import count, how_many
from mimocorb.components.meter import reading_out
from mimocorb.components.reporting import report
from mimocorb.errors import SetupError

__all__ = ["REPORTED", "FieldLines", "LineReader", "NotUnderstood", "check_columns"]

logger = logging.getLogger(__name__)

REPORTED = ("lines_not_understood",)
"""What every source of lines reports, once there is one."""

_LONGEST_LINE = 1 << 16
_SHOWN = 80
_SEPARATORS = re.compile(r"[\s,;]+")
_SKIPPED = "-"
_COLUMN_KEYS = ("columns", "pattern", "separator", "comment")


class NotUnderstood(ValueError):
    """A line is no event; says why."""


class LineReader:
    """Cuts what comes into lines, and makes an event of each of them.

    Parameters
    ----------
    event_of
        Makes an event of a line; None for a line that is none, as a comment; raises NotUnderstood.
    name
        Of the device, for messages.
    """

    def __init__(self, event_of: Callable[[str], Any | None], name: str) -> None:
        self._event_of, self._name = event_of, name
        self._rest = b""
        self._to_skip = 0
        self.not_understood = 0

    def begin(self, *, skip_lines: int) -> None:
        """Forget what has come: a new connection begins, with lines that are no events."""
        if self._rest.strip():
            self._complain(self._rest, "it was cut off")
        self._rest = b""
        self._to_skip = skip_lines

    def events(self, data: bytes) -> list[Any]:
        """Return the events of all lines that are complete now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._complain(self._rest, f"a line is longer than {count(_LONGEST_LINE)} characters")
            self._rest = b""
            self._to_skip += 1
        if not lines:
            return []
        with reading_out():
            return list(self._understood(lines))

    def _understood(self, lines: Iterable[bytes]) -> Iterable[Any]:
        for line in lines:
            if self._to_skip:
                self._to_skip -= 1
                continue
            text = line.decode("utf-8", "replace").strip()
            try:
                event = self._event_of(text) if text else None
            except NotUnderstood as error:
                self._complain(line, str(error))
            else:
                if event is not None:
                    yield event

    def _complain(self, line: bytes, reason: str) -> None:
        """Tell it the first time, the tenth, the hundredth …: a run goes on for days."""
        self.not_understood += 1
        report(lines_not_understood=self.not_understood)
        number = str(self.not_understood)
        if number.strip("0") != "1":
            return
        text = line[:_SHOWN].decode("utf-8", "replace").strip()
        so_far = f", {how_many(self.not_understood, 'line')} so far" if number != "1" else ""
        logger.warning("%s: not understood%s: %r: %s", self._name, so_far, text, reason)

    def end(self) -> None:
        """Tell how many lines were not understood, if any."""
        if self.not_understood > 1:
            logger.warning(
                "%s: %s were not understood and are not among the events",
                *(self._name, how_many(self.not_understood, "line")),
            )


class FieldLines:
    """Makes an event of the columns of a line, or of the groups of a pattern.

    Parameters
    ----------
    buffer
        The buffer that gets the events: ``dtype`` and ``values_per_slot``.
    columns
        The field for each column of a line; ``-`` for one that is left out. None: the fields of the
        buffer in their order.
    pattern
        A regular expression with a group ``(?P<field>…)`` for each field, instead of columns.
    separator
        What stands between columns; None: white space, commas and semicolons, as many as there are.
    comment
        What a line that is no event begins with; empty: no line is a comment.
    """

    def __init__(
        self,
        buffer: Mapping[str, Any],
        *,
        columns: Sequence[str] | None,
        pattern: str | None,
        separator: str | None,
        comment: str,
    ) -> None:
        if columns is not None and pattern is not None:
            raise SetupError("columns and pattern: give one of them, both say where a field stands")
        self._comment, self._separator = comment, separator
        self._fields = _fields(buffer)
        self._columns = list(columns or self._fields)
        self._pattern = _compiled(pattern) if pattern is not None else None
        named = list(self._pattern.groupindex) if self._pattern else self._columns
        self._check(named, buffer, "pattern" if pattern is not None else "columns")

    def _check(self, named: Sequence[str], buffer: Mapping[str, Any], key: str) -> None:
        wanted = [name for name in named if name != _SKIPPED]
        twice = {name for name in wanted if wanted.count(name) > 1}
        unknown = [name for name in wanted if name not in self._fields]
        lacking = [name for name in self._fields if name not in wanted]
        for names, what in (
            (unknown, f"names {{}}, which the buffer {buffer['name']} does not have"),
            (lacking, f"does not say where {{}} of the buffer {buffer['name']} comes from"),
            (sorted(twice), "names {} twice"),
        ):
            if names:
                has = ", ".join(self._fields)
                raise SetupError(f"{key} {what.format(', '.join(names))}; the buffer has {has}")

    def __call__(self, line: str) -> dict[str, Any] | None:
        """Return the values of a line by field; None for a comment."""
        if self._comment and line.startswith(self._comment):
            return None
        if self._pattern is not None:
            found = self._pattern.search(line)
            if found is None:
                raise NotUnderstood("it does not match the pattern")
            cells = found.groupdict()
        else:
            parts = (
                _SEPARATORS.split(line) if self._separator is None else line.split(self._separator)
            )
            if len(parts) != len(self._columns):
                expected = how_many(len(self._columns), "column")
                raise NotUnderstood(f"it has {len(parts)} instead of {expected}")
            cells = dict(zip(self._columns, parts, strict=True))
        return {name: _value(name, cells[name], dtype) for name, dtype in self._fields.items()}


def check_columns(buffer: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raise a SetupError for columns, or a pattern, that do not fit the buffer."""
    FieldLines(buffer, **{key: config[key] for key in _COLUMN_KEYS})


def _fields(buffer: Mapping[str, Any]) -> dict[str, np.dtype[Any]]:
    """Return the type of each field of an event that a line can hold."""
    dtype: np.dtype[Any] = buffer["dtype"]
    if dtype.names is None or buffer["values_per_slot"] != 1:
        raise SetupError(
            f"a line becomes one number for each field, and the buffer {buffer['name']} has"
            f" {buffer['values_per_slot']} values of {dtype}: give it data_length: 1, and a name"
            " for each column, as in data_dtype: {time_s: float64, height_mV: float32}"
        )
    fields = {name: dtype[name] for name in dtype.names}
    odd = [name for name, each in fields.items() if each.kind not in "iufS" or each.shape]
    if odd:
        raise SetupError(
            f"a line has numbers and texts; {odd[0]} of the buffer is {fields[odd[0]]}"
        )
    return fields


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SetupError(f"pattern: {pattern!r} is no regular expression: {error}") from error
    if not compiled.groupindex:
        raise SetupError("pattern: it has no group; write (?P<field>…) around each field")
    return compiled


def _value(name: str, text: str | None, dtype: np.dtype[Any]) -> Any:
    """Return the value of a field; NotUnderstood if it is none, or would be changed."""
    cell = (text or "").strip()
    if dtype.kind == "S":
        encoded = cell.encode()
        if len(encoded) > dtype.itemsize:
            raise NotUnderstood(f"{name}: {cell!r} is longer than {dtype.itemsize} bytes")
        return encoded
    try:
        value: float = float(cell) if dtype.kind == "f" else int(cell)
    except ValueError:
        kind = "number" if dtype.kind == "f" else "whole number"
        raise NotUnderstood(f"{name}: {cell!r} is no {kind}") from None
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise NotUnderstood(f"{name}: {cell} does not fit into {dtype}")
    return value
