"""Recorded muon decays: the reader for the double pulses of the "Kamiokanne" detector.

What it is: 1081 events in which a cosmic muon stopped and decayed, recorded in Karlsruhe in April
2018 with a water-Cherenkov can, one photomultiplier and a PicoScope. One channel, 4000 samples of
4 ns, 200 of them before the trigger on a falling edge at -45 mV. The pulses are negative; one step
of the 8-bit digitiser is 3.9 mV. A table beside the waveforms gives the decay times that the
original software, picoCosmo, found on line.

Where it comes from: folder ``output/Kanne_180403`` of https://github.com/GuenterQuast/picoCosmo
(BSD 2-Clause licence). It is not part of mimocorb. Two forms are understood:

* ``rawDP_180403.dat.zip``, the original: text, 105 MB when unpacked. It is read event by event
  and never held in memory as a whole;
* ``kamiokanne_waveforms.npz``, the same voltages as one NumPy array ``volts``; much faster.

How to name the place: by an argument, or in the environment variable ``MIMOCORB_DATA``: either
the folder with these files, or a folder with a sub-folder ``muon-kamiokanne`` that has them.

Units: waveforms are handed out in mV, like those of the simulated detector of the examples.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import yaml
from numpy.typing import NDArray

from mimocorb.errors import SetupError

__all__ = [
    "DATA_VARIABLE",
    "KamiokanneHeader",
    "find_file",
    "read_events",
    "read_header",
    "read_reference",
]

#: Name of the environment variable with the place of the recorded data.
DATA_VARIABLE = "MIMOCORB_DATA"

_FOLDER = "muon-kamiokanne"
_WAVEFORM_FILES = ("kamiokanne_waveforms.npz", "rawDP_180403.dat.zip")
_REFERENCE_FILES = ("dpKanne2_180403.dat",)
_SOURCE = "https://github.com/GuenterQuast/picoCosmo, folder output/Kanne_180403"
_LONGEST_NUMBER = 32  # characters that a voltage and its separators need at most
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class KamiokanneHeader:
    """What is common to all events of a recording."""

    channels: tuple[str, ...]
    number_of_samples: int
    sample_time_ns: float
    pre_trigger_samples: int
    trigger_threshold_mv: float


def find_file(kind: str = "waveforms", data: str | Path | None = None) -> Path:
    """Return the path of a file of the recorded data.

    Parameters
    ----------
    kind
        ``"waveforms"``: the npz file or else the zip file; ``"reference"``: the table of decay
        times found by the original software.
    data
        Folder with the files, a folder above it, or a file itself. Default: the environment
        variable ``MIMOCORB_DATA``.

    Raises
    ------
    SetupError
        The data are not there; the message says where to get them and how to name the place.
    """
    place = data or os.environ.get(DATA_VARIABLE)
    names = {"waveforms": _WAVEFORM_FILES, "reference": _REFERENCE_FILES}[kind]
    if place:
        path = Path(place).expanduser()
        folder = path.parent if path.is_file() else path
        wanted = [path] if path.is_file() and kind == "waveforms" else []
        wanted += [where / name for where in (folder, folder / _FOLDER) for name in names]
        for candidate in wanted:
            if candidate.is_file():
                return candidate
        found = f"looked in {folder} and {folder / _FOLDER} for {' or '.join(names)}"
    else:
        found = f"neither an argument nor the environment variable {DATA_VARIABLE} names a folder"
    raise SetupError(
        f"The recorded muon data are not part of mimocorb, and {found}. Get them from {_SOURCE}, "
        f"and name the folder: key 'data' of the configuration, or {DATA_VARIABLE}=/path/to/it."
    )


def read_header(file: Path) -> KamiokanneHeader:
    """Return what is common to all events of a waveform file.

    Raises
    ------
    SetupError
        The file is not a recording of this kind.
    """
    if file.suffix == ".npz":
        with _open_npz(file) as arrays:
            _, channels, samples = arrays["volts"].shape
            return KamiokanneHeader(
                channels=tuple("ABCD"[:channels]),
                number_of_samples=samples,
                sample_time_ns=float(arrays["sample_time_s"]) * 1e9,
                pre_trigger_samples=int(arrays["pretrigger_samples"]),
                trigger_threshold_mv=float(arrays["trigger_threshold_V"]) * 1e3,
            )
    with _open_text(file) as text:
        return _header_of_text(file, text)


def read_events(file: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the events of a waveform file, in mV, each of shape ``(channels, samples)``.

    Blocks until the next event is read: about 1 ms from the text in the zip file.

    Raises
    ------
    SetupError
        The file is not a recording of this kind, or damaged; the message names the event.
    """
    if file.suffix == ".npz":
        with _open_npz(file) as arrays:
            volts = arrays["volts"]
        for event in volts:
            yield np.multiply(event, 1e3, dtype=np.float32)
        return
    with _open_text(file) as text:
        header = _header_of_text(file, text)
        for number, block in enumerate(_blocks(file, text, header)):
            yield _event_of_block(file, number, block, header)


def read_reference(file: Path) -> NDArray[np.void]:
    """Return the table of the original software; row i belongs to event i of the waveforms.

    A table of n channels has 3 + 2 n columns: Nacc, Ndble, Tau, then for each channel the time to
    its second pulse, then for each its height, 0 where there is none. Tau is the mean of the times.

    Returns
    -------
    structured ndarray
        ``accepted_number``, ``decay_time_ns`` (between the two pulses), ``second_height_mv``
        (of the second pulse, positive; of the highest if several channels have one).

    Raises
    ------
    SetupError
        The file is no such table.
    """
    try:
        columns = np.loadtxt(file, delimiter=",", comments="#", ndmin=2)
    except (OSError, ValueError) as problem:
        raise SetupError(f"{file} is no table of double pulses: {problem}") from problem
    channels, rest = divmod(columns.shape[1] - 3, 2)
    if channels < 1 or rest:
        raise SetupError(
            f"{file} is no table of double pulses, which has 5, 7, 9 or 11 columns, for 1 to 4"
            f" channels; it has {columns.shape[1]}"
        )
    table = np.empty(
        len(columns),
        [
            ("accepted_number", np.int64),
            ("decay_time_ns", np.float64),
            ("second_height_mv", np.float64),
        ],
    )
    table["accepted_number"] = columns[:, 0]
    table["decay_time_ns"] = columns[:, 2] * 1e3
    table["second_height_mv"] = columns[:, 3 + channels :].max(axis=1) * 1e3
    return table


@contextmanager
def _open_npz(file: Path) -> Iterator[Any]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
        raise SetupError(f"{file} cannot be read as recorded waveforms: {problem}") from problem


@contextmanager
def _open_text(file: Path) -> Iterator[TextIO]:
    """Open the text, inside its zip file or already unpacked."""
    if file.suffix != ".zip":
        with file.open(encoding="utf-8", errors="replace") as text:
            yield text
        return
    try:
        with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as raw:
            yield io.TextIOWrapper(raw, encoding="utf-8", errors="replace")
    except (OSError, IndexError, zipfile.BadZipFile, zlib.error) as problem:
        raise SetupError(f"{file} cannot be read as a zip file: {problem}") from problem


def _header_of_text(file: Path, text: TextIO) -> KamiokanneHeader:
    """Read up to the line ``data:``; what follows are the events."""
    lines = []
    for line in _lines(text):
        if line.rstrip() == "data:":
            break
        lines.append(line)
        if len(lines) > 1000:
            break
    try:
        device = yaml.safe_load("".join(lines))["OscConf"]
        samples = int(device["NSamples"])
        return KamiokanneHeader(
            channels=tuple(device["Channels"]),
            number_of_samples=samples,
            sample_time_ns=float(device["TSampling"]) * 1e9,
            pre_trigger_samples=round(device["pretrig"] * samples),
            trigger_threshold_mv=float(device["trgThr"]) * 1e3,
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as problem:
        raise SetupError(f"{file} has no header (OscConf) of a recording: {problem!r}") from problem


def _lines(text: TextIO) -> Iterator[str]:
    """Yield the lines; one that does not end, in pieces."""
    return iter(lambda: text.readline(_LONGEST_LINE), "")


def _blocks(file: Path, text: TextIO, header: KamiokanneHeader) -> Iterator[str]:
    """Yield the text of one event after the other; each ends in a line with two brackets."""
    limit = _LONGEST_NUMBER * header.number_of_samples * len(header.channels)
    lines: list[str] = []
    length = 0
    number = 0
    for line in _lines(text):
        lines.append(line)
        length += len(line)
        if line.rstrip().endswith("]]"):
            yield "".join(lines)
            lines, length, number = [], 0, number + 1
        elif length > limit:
            raise SetupError(f"{file}: event {number} does not end after {length} characters")
    if "".join(lines).strip():
        raise SetupError(f"{file} ends inside event {number}; is the file complete?")


def _event_of_block(
    file: Path, number: int, block: str, header: KamiokanneHeader
) -> NDArray[np.float32]:
    """Return one event; its text is the list of a YAML item, which is JSON as well."""
    shape = (len(header.channels), header.number_of_samples)
    expected = f"{file}: event {number} should have {shape[0]} x {shape[1]} voltages"
    try:
        volts = np.array(json.loads(block.lstrip("\n -")), dtype=np.float64)
    except (ValueError, TypeError, RecursionError) as problem:
        raise SetupError(f"{expected}: {problem}") from problem
    if volts.shape != shape:
        raise SetupError(f"{expected}, found an array of shape {volts.shape}")
    return np.multiply(volts, 1e3).astype(np.float32)
