"""Texts with columns of numbers: tables of events, and the waveforms of oscilloscopes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile, SetupError
from mimocorb.recording.formats import EventFile
from mimocorb.recording.of_others.reading import (
    ReadOnly,
    ending_of,
    head_of,
    is_packed,
    is_text,
    text_of,
)
from mimocorb.recording.of_others.sheet import Sheet, sheet_of
from mimocorb.recording.of_others.waveform import names_and_units, waveforms_of
from mimocorb.recording.tables import Table, TableFile, unique_names

__all__ = ["TABLE"]

_ENDINGS = (".csv", ".txt", ".dat", ".tsv", ".tab", ".asc", ".text", ".out", "")
_COUNTERS = (
    "evnr",
    "eventnr",
    "event",
    "event number",
    "eventnumber",
    "nacc",
    "counter",
    "event_id",
)
_OF_OURS = re.compile('"rows_of_a_checksum"|"decimal_comma"|time_ns[,;\t]may_repeat')
"""What stands in the first lines and the last one of ``function: csv``."""
_TIMES = ("evt", "eventtime")
_OF_A_RUN = re.compile(r"(Ntrig|Tlife|Nacc\d*|Ndble|Trun|Nval)\s*=\s*([\d.]+)")
_ACTIVE = re.compile(r"active time ([\d.]+) s")
_PART_NAMES = ("counter", "timestamp", "deadtime", "time_ns")


class TableFormat(ReadOnly):
    """A text with columns of numbers, whoever has written it.

    Separated by commas, semicolons, tabs or spaces, with decimal points or commas, comments, and
    any heading; packed by gzip, bzip2, xz or zip. If the first column is a time in equal steps, it
    is the waveform of an oscilloscope, and one event; else each row is an event.
    """

    name = "table"

    def belongs(self, path: Path) -> bool:
        """Whether it is a text that ends as tables do."""
        head = head_of(path)
        can_be = is_text(head) or (not head and is_packed(path))  # which opening it says
        return ending_of(path) in _ENDINGS and can_be

    def open(self, path: Path) -> EventFile:
        """Open a text."""
        text = text_of(path)
        if _OF_OURS.search(text):
            raise DamagedFile(
                f"{path} is a table that mimocorb has written with checksums, and its first line is"
                " not what was written. To read it all the same, take out the lines that begin with"
                " # and the column may_repeat"
            )
        sheet = sheet_of(text)
        if sheet is None:
            raise SetupError(
                f"{path} is a text without columns of numbers; tried: separated by tabs,"
                " semicolons, commas and spaces, with decimal points and commas. It begins with"
                f" {text.strip()[:60]!r}"
            )
        return TableFile(path, waveforms_of(sheet) or table_of(sheet))


TABLE = TableFormat()


def table_of(sheet: Sheet) -> Table:
    """Return the rows of a sheet as events."""
    names, units = names_and_units(sheet)
    count = len(sheet.columns)
    if any("V(NC)" in cell for cells in sheet.heading for cell in cells):
        names = _names_of_pulses(sheet)
    elif any("V(iChan)" in cell for cells in sheet.heading for cell in cells):
        names = _names_of_double_pulses(count)
    names = (names + [""] * count)[:count]
    names = unique_names([name or f"column_{at}" for at, name in enumerate(names, 1)])
    parts = _parts(names, sheet.columns)
    fields = [
        (name, column)
        for name, column in zip(names, sheet.columns, strict=True)
        if name not in parts
    ] or list(zip(names, sheet.columns, strict=True))
    data = np.zeros((sheet.rows, 1), [(name, column.dtype) for name, column in fields])
    for name, column in fields:
        data[name][:, 0] = column
    about: dict[str, Any] = {}
    if kept := {name: units[name] for name, _ in fields if name in units}:
        about["units"] = kept
    said = " ".join(sheet.comments)
    about |= {found[1]: _number(found[2]) for found in _OF_A_RUN.finditer(said)}
    if active := _ACTIVE.search(said):
        about["active_time_s"] = _number(active[1])
    if sheet.comments:
        about["comments"] = sheet.comments[:20]
    damage = list(sheet.unread)
    if len(sheet.row_lengths) > 1 and not any("V(NC)" in each for each in sheet.comments):
        usual = sheet.row_lengths.most_common(1)[0][0]
        others = sheet.rows - sheet.row_lengths[usual]
        damage.append(f"{others} of {sheet.rows} rows have other than {usual} columns")
    return Table(data, parts, about, damage)


def _parts(names: list[str], columns: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return what columns tell of the metadata; a number and a time of picoCosmo stay data too."""
    parts: dict[str, NDArray[Any]] = {}
    for name, column in zip(names, columns, strict=True):
        low = name.lower()
        if name in _PART_NAMES:
            parts[name] = column
        elif low in _COUNTERS and column.dtype == np.int64:
            parts.setdefault("counter", column)
        elif low == "timetag" and column.dtype == np.int64:  # of CoMPASS, in ps
            parts["timestamp"] = column / 1e12
            parts["time_ns"] = column // 1000
        elif low in _TIMES and np.isfinite(column).all() and np.abs(column).max(initial=0) < 9e9:
            parts.setdefault("timestamp", column)
            parts.setdefault("time_ns", np.round(column * 1e9).astype(np.int64))
    return {
        name: values
        for name, values in parts.items()
        if values.dtype == np.int64 or name in ("timestamp", "deadtime")
    }


def _number(text: str) -> float:
    number = float(text.rstrip("."))
    return int(number) if number.is_integer() and "." not in text else number


def _names_of_pulses(sheet: Sheet) -> list[str]:
    """Return the names in a table of picoCosmo's pulse filter.

    ``EvNr, EvT``, height (V) and time of each channel, then those of a second pulse, then channel,
    height and time of each further one.
    """
    channels = max(1, (sheet.row_lengths.most_common(1)[0][0] - 2) // 2)
    names = ["EvNr", "EvT"]
    for end in ("", "_2"):
        names += [name for at in range(1, channels + 1) for name in (f"V{at}{end}", f"T{at}{end}")]
    further = range(3, 3 + len(sheet.columns))
    names += [name for n in further for name in (f"channel_{n}", f"V_{n}", f"T_{n}")]
    return names[: len(sheet.columns)]


def _names_of_double_pulses(count: int) -> list[str]:
    """Return the names in a table of picoCosmo's double pulses."""
    channels = max(1, (count - 3) // 2)
    names = ["Nacc", "Ndble", "Tau"]
    names += [f"delT{at}" for at in range(1, channels + 1)]
    return names + [f"V{at}" for at in range(1, channels + 1)]
