"""``scan.json``: what a scan is about, and how far it has come.

It is written as a whole before and after each run, so that a scan that was killed knows which
points are complete. While a scan goes on, it holds a lock on ``.lock`` beside it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from mimocorb._files import read_regular
from mimocorb._json import to_json
from mimocorb.errors import OutputError, RunRecordError, SetupError
from mimocorb.model import Setup
from mimocorb.run.record.run_directory import SCAN_FILE, files_of, write_atomically
from mimocorb.run.scans.points import Parameter

__all__ = [
    "SCAN_FILE",
    "Point",
    "ScanRecord",
    "find_scan",
    "fingerprint",
    "is_scan",
    "locked",
    "new_scan_directory",
    "read_scan",
    "scans_in",
    "write_scan",
]

SCHEMA: Final = "mimocorb scan"
SCHEMA_VERSION: Final = 1
_NAME = re.compile(r"scan_(\d{4,9})_")
_LARGEST_BYTES = 64 << 20

PointState = Literal["waiting", "running", "complete", "failed", "interrupted"]


@dataclass
class Point:
    """One point of a scan.

    Parameters
    ----------
    number
        From 1.
    settings
        What is set at this point, by path.
    state
        What has become of it.
    run, directory
        Number and directory of its run; None before.
    why
        Why it is not complete.
    """

    number: int
    settings: dict[str, str]
    state: PointState = "waiting"
    run: int | None = None
    directory: str | None = None
    why: str = ""


@dataclass(kw_only=True)
class ScanRecord:
    """What a scan is about, and how far it has come.

    Parameters
    ----------
    number
        Of the scan, in its output directory.
    title, setup
        Name of the set-up, and its file.
    started_utc
        When it began.
    parameters
        All that is set, also what is the same at all points.
    in_step
        Whether the values go side by side instead of being combined.
    time_s, events, data
        As for a run.
    fingerprint
        Of the set-up and the code that it names.
    points
        All points.
    """

    schema: Literal["mimocorb scan"] = SCHEMA
    schema_version: int = SCHEMA_VERSION
    number: int
    title: str
    setup: str
    started_utc: str
    parameters: list[Parameter]
    in_step: bool
    time_s: float | None = None
    events: int | None = None
    data: str | None = None
    fingerprint: str = ""
    points: list[Point] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to run."""
        return all(point.state == "complete" for point in self.points)

    @property
    def varied(self) -> list[str]:
        """The paths that have different values."""
        return [each.path for each in self.parameters if len(each.values) > 1]

    def plan(self) -> dict[str, Any]:
        """Return what has to be the same for a scan that goes on."""
        plan = asdict(self)
        points = [point["settings"] for point in plan.pop("points")]
        keys = ("setup", "parameters", "in_step", "time_s", "events", "data")
        return {**{key: plan[key] for key in keys}, "points": points}


def is_scan(directory: Path) -> bool:
    """Whether this is the directory of a scan."""
    return (directory / SCAN_FILE).is_file()


def scans_in(parent: Path) -> list[Path]:
    """Return the directories of the scans in an output directory, by number."""
    try:
        found = [path for path in parent.iterdir() if _NAME.match(path.name) and is_scan(path)]
    except OSError:
        return []
    return sorted(found)


def find_scan(parent: Path, name: str) -> Path:
    """Return the directory of a scan that is given by it, or by its number.

    Raises
    ------
    SetupError
        There is none.
    """
    given = Path(name)
    if is_scan(given):
        return given
    if name.isdecimal():
        for path in scans_in(parent):
            match = _NAME.match(path.name)
            if match and int(match[1]) == int(name):
                return path
    there = ", ".join(str(path) for path in scans_in(parent)) or "none"
    raise SetupError(
        f"a scan is given by its directory, or its number in {parent}; found {name!r}. There are:"
        f" {there}"
    )


def new_scan_directory(parent: Path, title: str) -> tuple[Path, int]:
    """Make a directory for a scan; returns it and its number.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        numbers = [int(match[1]) for path in parent.iterdir() if (match := _NAME.match(path.name))]
        number = max(numbers, default=0) + 1
        while True:
            directory = parent / f"scan_{number:04d}_{title}"
            try:
                directory.mkdir()
            except FileExistsError:
                number += 1
                continue
            return directory, number
    except OSError as error:
        raise OutputError(
            f"cannot make a directory for this scan in {parent}: {error.strerror or error}; choose"
            " another place with --output"
        ) from error


def fingerprint(setup: Setup) -> str:
    """Return a hash of the set-up and of every file that it names."""
    digest = hashlib.sha256()
    for _, file in sorted(files_of(setup), key=lambda each: str(each[1])):
        digest.update(f"{file.name}\0".encode())
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise OutputError(f"cannot read {file}: {error.strerror or error}") from error
    return digest.hexdigest()


def write_scan(directory: Path, record: ScanRecord) -> None:
    """Write ``scan.json``, whole or not at all."""
    write_atomically(directory / SCAN_FILE, to_json(asdict(record), indent=2) + "\n")


def read_scan(directory: Path) -> ScanRecord:
    """Read ``scan.json``.

    Raises
    ------
    RunRecordError
        There is none, or none that this version can read.
    """
    path = directory / SCAN_FILE
    try:
        content = json.loads(read_regular(path, most_bytes=_LARGEST_BYTES))
    except OSError as error:
        raise RunRecordError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RunRecordError(f"{path} is damaged: {error}") from error
    found = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(found, int) and found > SCHEMA_VERSION:
        raise RunRecordError(
            f"{path} has version {found} of the schema, this mimocorb reads up to"
            f" {SCHEMA_VERSION}: use a later one"
        )
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(ScanRecord).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunRecordError(f"{path} is damaged: {place}: {first['msg']}") from error


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep others from going on with the same scan; the kernel lets go of it at our death.

    Raises
    ------
    SetupError
        Somebody else has it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(directory / ".lock", flags, 0o644)
    except OSError as error:
        raise OutputError(f"cannot write into {directory}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError(
                f"{directory.name} is going on in another process: wait for its end, or begin"
                " another scan with --anew"
            ) from None
        yield
    finally:
        os.close(descriptor)
