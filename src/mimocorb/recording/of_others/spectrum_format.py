"""Spectra of multi-channel analysers: ``.spe``, and ``.hst`` with one count in each line."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mimocorb.errors import DamagedFile
from mimocorb.recording.formats import EventFile
from mimocorb.recording.of_others.reading import ReadOnly, ending_of, head_of, is_text, text_of
from mimocorb.recording.tables import Table, TableFile

__all__ = ["SPECTRUM"]

_MOST_BINS = 1 << 24
_DATES = (
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m-%d-%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
)
_NAMES = {"SPEC_ID": "title", "SPEC_REM": "remarks", "DATE_MEA": "date", "ROI": "roi"}
_MCPHA = re.compile(r"(\d{8}-\d{6})")


class SpectrumFormat(ReadOnly):
    """The counts of a multi-channel analyser: one event, with a value for each bin.

    Live and real time, the calibration of the energy and the date are told beside.
    """

    name = "spectrum"

    def belongs(self, path: Path) -> bool:
        """Whether it is a text with blocks of SPE, or ends in .hst."""
        ending = ending_of(path)
        head = head_of(path)
        if not is_text(head):
            return False
        return ending == ".hst" or (
            ending == ".spe" or (b"$DATA:" in head and head.lstrip().startswith(b"$"))
        )

    def open(self, path: Path) -> EventFile:
        """Open a spectrum."""
        text = text_of(path)
        if "$" in text[:4096] and re.search(r"^\$[A-Z_]+:", text, re.MULTILINE):
            return TableFile(path, _of_blocks(path, text))
        return TableFile(path, _of_lines(path, text))


SPECTRUM = SpectrumFormat()


def _of_blocks(path: Path, text: str) -> Table:
    """Return what the blocks say; each begins with its name, ``$DATA:``."""
    blocks: dict[str, list[str]] = {}
    block: list[str] = []
    for line in text.splitlines():
        if line.startswith("$"):
            name, _, rest = line[1:].partition(":")
            block = blocks.setdefault(name.strip().upper(), [])
            if rest.strip():
                block.append(rest.strip())
        elif line.strip():
            block.append(line.strip())
    if "DATA" not in blocks or not blocks["DATA"]:
        raise DamagedFile(f"{path} has no block $DATA; it has {', '.join(blocks) or 'none'}")
    bounds, *lines = blocks["DATA"]
    counts = _counts(path, lines)
    damage = []
    try:
        first, last = (int(each) for each in bounds.split()[:2])
    except ValueError as error:
        raise DamagedFile(f"{path}: $DATA begins with {bounds!r}, not with two channels") from error
    if last - first + 1 != len(counts):
        damage.append(
            f"$DATA says channels {first} to {last}, {last - first + 1} of them, and has"
            f" {len(counts)}"
        )
    about: dict[str, Any] = {"first_channel": first} if first else {}
    about |= {_NAMES[name]: " ".join(blocks[name]) for name in _NAMES if blocks.get(name)}
    times = _numbers(blocks.get("MEAS_TIM", ()))
    if len(times) >= 2:
        about |= {"live_time_s": times[0], "real_time_s": times[1]}
    for name in ("MCA_CAL", "ENER_FIT"):
        if calibration := _calibration(blocks.get(name, [])):
            about["energy_calibration"] = calibration
        if unit := next((cell for cell in _cells(blocks.get(name)) if cell.isalpha()), None):
            about["energy_unit"] = unit
    known = {*_NAMES, "DATA", "MEAS_TIM", "MCA_CAL", "ENER_FIT"}
    about |= {name.lower(): " ".join(lines) for name, lines in blocks.items() if name not in known}
    return _one_event(counts, about, damage, _moment(str(about.get("date", ""))))


def _calibration(lines: list[str]) -> list[float]:
    """Return the coefficients of the energy, of the channel to the power 0, 1 and so on."""
    numbers = _numbers(lines)
    if len(lines) > 1 and len(numbers) > 1:  # the number of coefficients stands in front
        return numbers[1 : 1 + int(numbers[0])]
    return numbers


def _cells(lines: Any) -> list[str]:
    return " ".join(lines or ()).split()


def _numbers(lines: Any) -> list[float]:
    found = []
    for cell in _cells(lines):
        try:
            found.append(float(cell))
        except ValueError:
            continue
    return found


def _of_lines(path: Path, text: str) -> Table:
    """Return the counts of a text with one in each line; what stands behind # are comments."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    counts = _counts(path, [line for line in lines if not line.startswith("#")])
    about: dict[str, Any] = {"comments": comments} if comments else {}
    moment = None
    if found := _MCPHA.search(" ".join(comments)):
        moment = datetime.strptime(found[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        about["date"] = moment.isoformat()
    return _one_event(counts, about, [], moment)


def _counts(path: Path, lines: list[str]) -> NDArray[Any]:
    cells = " ".join(lines).replace(",", " ").split()
    if not cells:
        raise DamagedFile(f"{path} has no counts")
    if len(cells) > _MOST_BINS:
        raise DamagedFile(f"{path} has {len(cells)} counts, more than {_MOST_BINS}")
    try:
        if all(cell.lstrip("+-").isdecimal() for cell in cells):
            return np.array([int(cell) for cell in cells], np.int64)
        return np.array([float(cell) for cell in cells])
    except (ValueError, OverflowError) as error:
        raise DamagedFile(f"{path} has something else than counts: {error}") from error


def _moment(text: str) -> datetime | None:
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _one_event(
    counts: NDArray[Any], about: dict[str, Any], damage: list[str], moment: datetime | None
) -> Table:
    data = np.zeros((1, len(counts)), [("counts", counts.dtype)])
    data["counts"][0] = counts
    parts: dict[str, NDArray[Any]] = {}
    if moment is not None:
        parts["timestamp"] = np.array([moment.timestamp()])
    live, real = about.get("live_time_s"), about.get("real_time_s")
    if live is not None and real:
        parts["deadtime"] = np.array([1 - live / real])
    return Table(data, parts, about, damage)
