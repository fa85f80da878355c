"""Whether columns of numbers are the waveforms of an oscilloscope, and what they are then.

The makers write them differently: the time as a column, or as begin and step in the heading; names
and units in one line or in two; a heading above the numbers or beside them; several segments one
below the other. What is common to all is used: a first column that grows in equal steps and
is called a time, or a begin and a step.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mimocorb.recording.of_others.sheet import Sheet
from mimocorb.recording.tables import Table, unique_names

__all__ = ["names_and_units", "waveforms_of"]

_LEAST_SAMPLES = 8
_UNEQUAL = 0.01
"""How much steps of the time may differ, in parts of a step: makers round what they write."""
_MOST_ABOUT = 40
_LINES_WITH_NAMES = 3
"""Names stand close above the numbers."""
_LONGEST_KEY = 60
_SOURCES = ("source", "channel", "trace", "channels", "tracename")
_VERTICAL = ("vertical units", "vunit", "units", "unit", "vertical unit")
_UNITS_OF_TIME = {
    "s": 1e9,
    "sec": 1e9,
    "second": 1e9,
    "seconds": 1e9,
    "ms": 1e6,
    "us": 1e3,
    "µs": 1e3,
    "μs": 1e3,
    "microseconds": 1e3,
    "ns": 1.0,
    "ps": 1e-3,
}
_TIME = re.compile(r"(?:time|zeit|t|x|x-axis|in s|second|seconds|times?tamp|xaxis|source)\b", re.I)
_INDEX = re.compile(r"(?:sequence|nr|no|sample|samples|index|point|#)$", re.I)
_NAME_WITH_UNIT = re.compile(r"(?P<name>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]\s*$")
_IN_UNIT = re.compile(r"(?P<name>.*?)\s*\bin (?P<unit>\S+)$", re.I)
_VALUE_UNIT = re.compile(
    r"[munpkµμ]?(?:volts?|amperes?|amps?|[vaw]|ohm|db[mv]?|seconds?|s|hz)", re.I
)
_BEGIN = re.compile(
    r"(?:start|t0|h ?offset|x ?zero|x ?origin|x ?begin|first point|horizontal start)\b", re.I
)
_STEP = re.compile(
    r"(?:increment|tinc|h ?resolution|sample interval|sampling period|x ?increment|xinc|delta ?t|"
    r"time ?step|sampling interval|horizontal (?:interval|spacing)|resolution)\b",
    re.I,
)
_RATE = re.compile(r"(?:(?:sample|sampling) ?(?:rate|frequency)|clock)\b", re.I)
_PREFIXES = {
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}
_QUANTITY = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([pnuµμmkMG]?)(s|sec|Hz|Sa/s|S/s)?\b"
)


class _Axis(NamedTuple):
    step_ns: float
    begin_ns: float


def names_and_units(sheet: Sheet) -> tuple[list[str], dict[str, str]]:
    """Return the names of the columns, empty where there are none, and units by name."""
    count = max(sheet.row_lengths)
    candidates = [
        cells
        for cells in sheet.heading[-_LINES_WITH_NAMES:]
        if len(cells) >= count
        and not any(_is_number(cell) for cell in cells[:count])
        and all(_says_the_axis(cell) for cell in cells[count:])
    ]
    names = [""] * count
    unit_cells: list[str] = []
    if candidates:
        last = candidates[-1][:count]
        before = candidates[-2][:count] if len(candidates) > 1 else None
        if before is not None and all(_is_unit(cell) for cell in last):
            names, unit_cells = before, last
        elif count == 1 and len(last[0]) > 40:
            pass  # a sentence is no name
        else:
            names = last
    parsed = []
    units: list[str] = []
    for at, given in enumerate(names):
        found = _NAME_WITH_UNIT.fullmatch(given) or _IN_UNIT.fullmatch(given)
        name, unit = (found["name"], found["unit"]) if found else (given, "")
        if found and not (_is_unit(unit) or unit.lower() in _UNITS_OF_TIME or not name):
            name, unit = given, ""  # V(1) is the name of a column
        if unit_cells:
            unit = unit_cells[at].strip("()[] ")
        parsed.append(name)
        units.append(unit)
    unique = [
        name if given else "" for name, given in zip(unique_names(parsed), parsed, strict=True)
    ]
    return unique, {name: unit for name, unit in zip(unique, units, strict=True) if unit and name}


def _says_the_axis(cell: str) -> bool:
    """Whether a cell behind the names is about the time: Rigol writes begin and step there."""
    return (
        not cell or _is_number(cell) or "=" in cell or bool(_BEGIN.match(cell) or _STEP.match(cell))
    )


def _is_unit(cell: str) -> bool:
    bare = cell.strip("()[] ")
    return cell.startswith(("(", "[")) or not bare or bool(_VALUE_UNIT.fullmatch(bare))


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return cell.lower() not in ("nan", "inf", "infinity")


def waveforms_of(sheet: Sheet) -> Table | None:
    """Return the waveforms of an oscilloscope; None if these columns are none."""
    if sheet.rows < _LEAST_SAMPLES or len(sheet.row_lengths) > 1:
        return None
    names, units = names_and_units(sheet)
    about = _said(sheet)
    segments = _segments(about, sheet.rows)
    columns = list(sheet.columns)
    first = names[0]
    in_segment = columns[0][: sheet.rows // segments]
    is_time = bool(_TIME.match(first)) or units.get(first, "").lower() in _UNITS_OF_TIME
    counts_up = columns[0].dtype == np.int64 and _equal_steps(in_segment) == 1.0
    is_index = counts_up and (not first or bool(_INDEX.match(first)) or is_time)
    from_heading = _axis_of_heading(sheet, about)
    if len(columns) > 2 and is_index and _TIME.match(names[1]):
        columns, names = columns[1:], names[1:]
        is_time, is_index = True, False
    axis: _Axis | None = None
    if len(columns) > 1 and is_index and from_heading:
        axis = from_heading
    elif len(columns) > 1 and (is_time or (not first and columns[0].dtype != np.int64)):
        axis = _axis_of(columns[0], units.get(names[0], ""), segments)
        if axis is not None and from_heading is not None and names[0] not in units:
            axis = _in_the_unit_of(axis, from_heading)
    if axis is None and from_heading and not is_index and not _is_a_table(names):
        axis, columns, names = from_heading, [columns[0] * 0, *columns], ["", *names]
    return _as_events(sheet, names, units, about, columns, axis, segments)


def _in_the_unit_of(axis: _Axis, told: _Axis) -> _Axis:
    """Return an axis in ns; what the heading tells shows whether the column was in ms, us or ns."""
    times = round(math.log10(axis.step_ns / told.step_ns))
    factor = 10.0**-times
    if times in (3, 6, 9) and abs(axis.step_ns * factor / told.step_ns - 1) < _UNEQUAL:
        return _Axis(_rounded(axis.step_ns * factor), _rounded(axis.begin_ns * factor))
    return axis


def _is_a_table(names: list[str]) -> bool:
    """Whether there is a column that counts events."""
    return any(re.match(r"(?:ev|event|counter|nacc)", name, re.I) for name in names)


def _as_events(  # noqa: PLR0917 - what was found out of the columns
    sheet: Sheet,
    names: list[str],
    units: Mapping[str, str],
    about: dict[str, Any],
    columns: list[NDArray[Any]],
    axis: _Axis | None,
    segments: int,
) -> Table | None:
    """Return columns, of which the first is the time, as one event or one for each segment."""
    if axis is None:
        return None
    time = columns[0]
    kept = [
        at for at in range(1, len(columns)) if not _is_the_time_again(columns[at], time, names[at])
    ]
    if not kept:
        return None
    channels = _channel_names([names[at] for at in kept], about)
    samples = sheet.rows // segments
    data = np.zeros(
        (segments, samples),
        [(name, columns[at].dtype) for name, at in zip(channels, kept, strict=True)],
    )
    for name, at in zip(channels, kept, strict=True):
        data[name] = columns[at].reshape(segments, samples)
    found = {
        channel: _short(units[names[at]])
        for channel, at in zip(channels, kept, strict=True)
        if names[at] in units
    }
    if all(_VALUE_UNIT.fullmatch(re.sub(r"_\d+$", "", names[at])) for at in kept):
        found = {channel: _short(names[at]) for channel, at in zip(channels, kept, strict=True)}
    if not found:
        found = _units_in_the_heading(channels, about)
    before = round(-axis.begin_ns / axis.step_ns)
    known: dict[str, Any] = {"sample_time_ns": axis.step_ns}
    if 0 <= before < samples:
        known["pre_trigger_samples"] = before
    else:
        known["begin_ns"] = axis.begin_ns
    if found:
        known["units"] = found
    parts, times = _times(sheet, segments)
    return Table(
        data, parts, {**known, **times, **({"heading": about} if about else {})}, sheet.unread
    )


def _is_the_time_again(column: NDArray[Any], time: NDArray[Any], name: str) -> bool:
    return column is not time and bool(_TIME.match(name)) and np.array_equal(column, time)


def _channel_names(names: list[str], about: Mapping[str, Any]) -> list[str]:
    """Return names of channels; where there are only units, the heading may say which they are."""
    bare = [re.sub(r"_\d+$", "", name) for name in names]
    if not any(_OF_A_CHANNEL.search(name) for name in bare):
        for key, value in about.items():
            cells = [cell.strip() for cell in str(value).split(",") if cell.strip()]
            if key.lower() in _SOURCES and len(cells) >= len(names):
                return unique_names(cells[: len(names)])
    if all(not name or _VALUE_UNIT.fullmatch(name) or name in ("Value", "Ampl") for name in bare):
        return [f"ch{number}" for number in range(1, len(names) + 1)]
    return unique_names([f"ch{name}" if name.isdecimal() else name for name in names])


def _units_in_the_heading(channels: list[str], about: Mapping[str, Any]) -> dict[str, str]:
    for key, value in about.items():
        cells = [cell.strip(" ()") for cell in str(value).split(",") if cell.strip()]
        if key.lower() in _VERTICAL and len(cells) in (1, len(channels)):
            return dict(zip(channels, map(_short, cells * len(channels)), strict=False))
    return {}


def _short(unit: str) -> str:
    unit = re.sub(r"_\d+$", "", unit)
    return {"volt": "V", "volts": "V", "ampere": "A", "amp": "A"}.get(unit.lower(), unit)


def _axis_of(column: NDArray[Any], unit: str, segments: int) -> _Axis | None:
    one = column[: len(column) // segments]
    step = _equal_steps(one)
    scale = _UNITS_OF_TIME.get(unit.lower().strip("()[] "), 1e9)
    return _Axis(_rounded(step * scale), _rounded(float(one[0]) * scale)) if step else None


def _rounded(value: float) -> float:
    """Return a time without what the decimal digits of its text lost in binary ones."""
    return float(f"{value:.10g}")


def _equal_steps(column: NDArray[Any]) -> float:
    """Return the step of a column that grows in equal ones, else 0."""
    values = column.astype(np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return 0.0
    step = float(values[-1] - values[0]) / (len(values) - 1)
    if step <= 0:
        return 0.0
    # a scope that writes few digits makes the steps unequal, but does not leave the line
    line = values[0] + step * np.arange(len(values))
    digits = np.abs(values).max() * 1e-5
    return (
        step
        if np.abs(values - line).max() <= max(_UNEQUAL * step, min(digits, 0.6 * step))
        else 0.0
    )


def _segments(about: Mapping[str, Any], rows: int) -> int:
    """Return how many waveforms of the same length stand one below the other."""
    for key, value in about.items():
        if key.lower() == "segments":
            cells = str(value).split(",")
            count = int(cells[0]) if cells[0].strip().isdecimal() else 1
            if count > 1 and rows % count == 0:
                return count
    return 1


def _axis_of_heading(sheet: Sheet, about: Mapping[str, Any]) -> _Axis | None:
    """Return begin and step of the time if the heading says them."""
    begin = step = None
    for key, value in about.items():
        number = _quantity(str(value))
        if number is None:
            continue
        if _STEP.match(key):
            step = number
        elif _RATE.match(key) and number > 0:
            step = 1 / number
        elif _BEGIN.match(key):
            begin = number
    for names, values in zip(sheet.heading, sheet.heading[1:], strict=False):
        for at, name in enumerate(names):  # Rigol: names in one line, numbers below
            if at < len(values) and (number := _quantity(values[at])) is not None:
                if _STEP.match(name):
                    step = number
                elif _BEGIN.match(name):
                    begin = number
    if not step or step <= 0:
        return None
    return _Axis(_rounded(step * 1e9), _rounded((begin or 0.0) * 1e9))


def _quantity(text: str) -> float | None:
    found = _QUANTITY.match(text.split(",", maxsplit=1)[0])
    return float(found[1]) * _PREFIXES.get(found[2], 1.0) if found else None


def _said(sheet: Sheet) -> dict[str, str]:
    """Return what the heading says, key by key."""
    said: dict[str, str] = dict(sheet.beside)
    for cells in sheet.heading:
        if len(said) >= _MOST_ABOUT:
            break
        if len(cells) == 1 and ":" in cells[0]:
            key, _, value = cells[0].partition(":")
        elif len(cells) == 1 and "=" in cells[0]:
            key, _, value = cells[0].partition("=")
        elif len(cells) >= 2:
            key, value = cells[0].rstrip(":= "), ", ".join(cells[1:])
        else:
            continue
        for cell in cells[1:]:
            name, equals, number = cell.partition("=")
            if equals and len(name) <= _LONGEST_KEY:
                said.setdefault(name.strip(), number.strip())
        if key.strip() and len(key) <= _LONGEST_KEY:
            said.setdefault(key.strip(), value.strip())
    return said


_OF_A_CHANNEL = re.compile(r"ch|trace|kanal|volt(?:age)? ?\d|^c?\d$|^[a-d]$", re.I)
_LECROY_TIME = re.compile(r"#?(\d+)$")


def _times(sheet: Sheet, segments: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the times of the segments, as LeCroy tells them: date, and s since the first."""
    since = []
    first = ""
    for cells in sheet.heading:
        if len(cells) >= 3 and _LECROY_TIME.match(cells[0]):
            number = _quantity(cells[2])
            if number is not None:
                since.append(number)
                first = first or cells[1]
    if len(since) != segments:
        return {}, {}
    begin = 0.0
    for form in ("%d-%b-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"):
        try:
            begin = datetime.strptime(first.strip(), form).replace(tzinfo=UTC).timestamp()
            break
        except ValueError:
            continue
    times = round(begin) * 10**9 + np.round(np.array(since) * 1e9).astype(np.int64)
    return {"time_ns": times, "timestamp": times / 1e9}, {"began": first}
