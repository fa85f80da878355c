"""What a fit to a histogram has found, and the file in which it stands while the run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from mimocorb._files import read_regular
from mimocorb._json import to_json
from mimocorb._words import with_error
from mimocorb.analysis.histograms.page import DIRECTORY
from mimocorb.errors import DamagedFile, OutputError

__all__ = ["Fit", "ModelName", "Parameter", "fits_of", "write_fit"]

ModelName = Literal["exponential", "gaussian", "peaks"]

_SUFFIX = ".fit.json"
_LARGEST = 64 << 20


@dataclass(frozen=True)
class Parameter:
    """A parameter as it was found, with one standard deviation."""

    name: str
    value: float
    error: float
    unit: str = ""


@dataclass(frozen=True)
class Fit:
    """What a fit has found.

    Attributes
    ----------
    name
        Of the worker that fits; empty outside a run.
    histogram, model
        What was fitted to what.
    low, high
        Between which edges.
    entries
        In this range.
    sequence
        Of the histogram.
    parameters
        Empty if there is no result.
    chi2, degrees_of_freedom, p_value
        Goodness of the fit: likelihood ratio, and the probability of a worse one if the model is
        right; None if it is not known.
    sentence
        Why there is no result; empty if there is one.
    x, y
        Centres of the bins in the range, and the entries that are expected in each.
    """

    name: str
    histogram: str
    model: str
    low: float
    high: float
    entries: float
    sequence: int
    parameters: tuple[Parameter, ...] = ()
    chi2: float | None = None
    degrees_of_freedom: int | None = None
    p_value: float | None = None
    sentence: str = ""
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        """Return all of it in lists, numbers and texts."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Fit:
        """Return the fit that :meth:`as_plain` made this of."""
        parameters = tuple(Parameter(**each) for each in plain["parameters"])
        curve = {"x": tuple(plain["x"]), "y": tuple(plain["y"])}
        return cls(**{**plain, "parameters": parameters, **curve})

    def lines(self) -> list[str]:
        """Return what came out, for people."""
        if self.sentence:
            return [self.sentence]
        found = [
            f"{one.name} = {with_error(one.value, one.error)} {one.unit}".rstrip()
            for one in self.parameters
        ]
        if self.p_value is not None:
            found.append(
                f"χ² = {self.chi2:.1f} for {self.degrees_of_freedom} degrees of freedom,"
                f" p = {self.p_value:.2g}"
            )
        return found


def write_fit(directory: Path, fit: Fit) -> None:
    """Put a fit into the directory of its run, in the place of the one before.

    Raises
    ------
    OutputError
        It could not be written.
    """
    path = directory / DIRECTORY / f"{quote(fit.name, safe=' ')}{_SUFFIX}"
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_text(to_json(fit.as_plain()))
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def fits_of(directory: Path) -> dict[Path, Fit]:
    """Return the fits in the directory of a run that goes on, by their files.

    Raises
    ------
    DamagedFile
        One is no fit.
    """
    return {path: _read(path) for path in sorted((directory / DIRECTORY).glob(f"[!.]*{_SUFFIX}"))}


def _read(path: Path) -> Fit:
    try:
        return Fit.from_plain(json.loads(read_regular(path, most_bytes=_LARGEST)))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path} holds no fit: {error}") from error
