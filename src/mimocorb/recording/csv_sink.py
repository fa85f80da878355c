"""The sink for tables in CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mimocorb.components.form import sink
from mimocorb.errors import SetupError
from mimocorb.recording.channel_notes import described
from mimocorb.recording.csv_format import METADATA, SEPARATORS, CsvTable, check_numbers, fields_of
from mimocorb.recording.file_sink import FileSink

__all__ = ["Csv"]

_WIDEST = 26
"""Characters that a number takes at most, with what separates it from the next."""


@sink
class Csv(FileSink):
    """Save numbers as CSV, one row for each event, for spreadsheets and every other program.

    The first line is a comment (``#``) with the dtype, units and the run; the second names the
    columns: counter, timestamp (UTC, s), deadtime, time_ns (empty where the source gives none),
    may_repeat (1 if the event may be a repeat), then the fields. Numbers are written with the
    digits that give back the same number. The last line is a comment with checksums.

    Rows are handed to the operating system before their events are acknowledged. A process that
    takes the place of one that has failed goes on in a file of its own, such as ``pulses_2.csv``.

    Parameters
    ----------
    filename
        Name of the file without path; ``.csv`` is appended.
    separator
        What stands between two columns; ``semicolon`` is usual with decimal commas.
    decimal_comma
        Whether numbers have a decimal comma, as spreadsheets expect in many countries.
    units
        Field → unit, noted in the file.
    buffer, directory
        Given by mimocorb. The buffer must have ``values_per_slot`` 1 and numbers in its fields.

    Raises
    ------
    SetupError
        Several values per slot, fields that are no numbers, or a faulty configuration.
    OutputError
        The file exists already (it is never overwritten) or cannot be created.
    """

    OWNER = "csv"
    ENDING = ".csv"
    EVENTS_ARE = "row"

    def __init__(
        self,
        *,
        filename: str,
        separator: Literal["comma", "semicolon", "tab"] | None = None,
        decimal_comma: bool = False,
        units: dict[str, str] | None = None,
        buffer: Mapping[str, Any],
        directory: Path,
    ) -> None:
        self.accept(buffer, filename=filename, separator=separator, units=units)
        chosen = separator or ("semicolon" if decimal_comma else "comma")
        self.writer = CsvTable(
            self.OWNER,
            directory,
            self.output_name(filename=filename),
            buffer,
            described(self.OWNER, buffer, {"units": units}),
            separator=SEPARATORS[chosen],
            decimal_comma=decimal_comma,
        )

    @classmethod
    def check(cls, buffer: Mapping[str, Any], **config: Any) -> int:
        """Return the most bytes that a row takes; SetupError if it cannot work with its buffer."""
        cls.accept(buffer, **config)
        return _WIDEST * (len(METADATA) + len(fields_of(buffer["dtype"])))

    @classmethod
    def accept(
        cls,
        buffer: Mapping[str, Any],
        *,
        filename: str,
        separator: str | None = None,
        decimal_comma: bool = False,
        units: dict[str, str] | None = None,
    ) -> None:
        """Raise a SetupError if it cannot work with its buffer; loads and opens nothing."""
        cls.output_name(filename=filename)
        check_numbers(cls.OWNER, buffer)
        if separator is not None and separator not in SEPARATORS:
            raise SetupError(
                f"{cls.OWNER}: separator is {separator!r}; choose one of {', '.join(SEPARATORS)}."
            )
        if decimal_comma and separator == "comma":
            raise SetupError(f"{cls.OWNER}: decimal commas need another separator than a comma.")
        described(cls.OWNER, buffer, {"units": units})
