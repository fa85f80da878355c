"""A scan that runs: one run for each point, in one process, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mimocorb.checks.examination import examine
from mimocorb.checks.target import target_problems
from mimocorb.checks.trial import Manner
from mimocorb.errors import MimocorbError, RunRecordError, SetupError
from mimocorb.model import Setup
from mimocorb.model.problem import Problem, has_errors
from mimocorb.run.options import RunOptions
from mimocorb.run.record.run_directory import write_atomically
from mimocorb.run.record.run_record import RunRecord, read_record
from mimocorb.run.run import Run, run_setup
from mimocorb.run.scans import scan_record
from mimocorb.run.scans.quantities import Quantity, quantities_of
from mimocorb.run.scans.scan_record import Point, ScanRecord
from mimocorb.run.scans.scan_table import table_text
from mimocorb.run.wording import time_taken
from mimocorb.setup.dialects import read_setup_or_problems

__all__ = ["Scan", "Tell", "silent"]

Tell = Callable[[str], None]
TABLE_FILE = "table.csv"
_MANY = 5
"""Points whose check takes long enough to be told."""


def silent(_text: str) -> None:
    """Tell nobody."""


@dataclass
class Scan:
    """A scan and what has come out of it so far.

    Parameters
    ----------
    directory
        Of the scan, beside those of its runs.
    record
        What is planned, and how far it is.

    Attributes
    ----------
    is_new
        Whether it has begun just now; if not, it goes on.
    """

    directory: Path
    record: ScanRecord
    overrides: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = True

    # --- what came out

    @property
    def points(self) -> list[Point]:
        """All points, each with ``settings``, ``state``, ``run`` and ``directory``."""
        return self.record.points

    @property
    def is_complete(self) -> bool:
        """Whether the runs of all points are complete."""
        return self.record.is_complete

    def quantities(self) -> list[dict[str, Quantity]]:
        """Return the numbers of the run of each point; none for a point without a complete run."""
        return [self._quantities_at(point) for point in self.points]

    def names(self) -> list[str]:
        """Return the names of all numbers that a point has: what ``scan[name]`` knows."""
        return list(dict.fromkeys(name for found in self.quantities() for name in found))

    def __getitem__(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a number at all points, and its uncertainties.

        Parameters
        ----------
        name
            One of :meth:`names`, such as ``fit.tau_us``, or the path of a parameter of the scan.
            NaN is at a point that has none.

        Raises
        ------
        KeyError
            No point has such a number.
        """
        if name in self.record.varied:
            values = [_number(point.settings[name]) for point in self.points]
            return np.array(values), np.zeros(len(values))
        found = [each.get(name) for each in self.quantities()]
        if not any(found):
            raise KeyError(f"{name}: the points have {', '.join(self.names()) or 'no numbers'}")
        pairs = [
            (np.nan, np.nan) if each is None
            else (each.value, np.nan if each.error is None else each.error)
            for each in found
        ]  # fmt: skip
        values, errors = np.array(pairs).T
        return values, errors

    def table(self, names: Sequence[str] | None = None) -> str:
        """Return the table as CSV: a row for each point, ``…_error`` behind what has one."""
        return table_text(self.record, self.quantities(), names)

    def plot(self, path: str | Path, names: Sequence[str] | None = None) -> None:
        """Draw numbers over the parameters, with uncertainties; a PNG, PDF or SVG file.

        Raises
        ------
        SetupError
            There is nothing to draw, or the file has another ending.
        """
        from mimocorb.displays.scan_figure import save_scan

        shown = self.shown_names() if names is None else list(names)
        columns = {name: self[name] for name in shown}
        settings = {
            path: [point.settings[path] for point in self.points] for path in self.record.varied
        }
        save_scan(Path(path), self.record.title, settings, columns, in_step=self.record.in_step)

    def shown_names(self) -> list[str]:
        """Return what is worth a look: results, or else what filters kept, or rates."""
        quantities = self.quantities()
        reported = [
            name
            for name in self.names()
            if any(name in found and found[name].is_reported for found in quantities)
        ]
        kept = [name for name in self.names() if name.endswith(".kept_fraction")]
        return reported or kept or self.names()[-1:]

    def _quantities_at(self, point: Point) -> dict[str, Quantity]:
        record = self._record_of(point)
        return {} if record is None else quantities_of(record)

    def _record_of(self, point: Point) -> RunRecord | None:
        if point.state != "complete" or point.directory is None:
            return None
        with suppress(RunRecordError):  # it may have been deleted since
            return read_record(self._run_directory(point.directory))
        return None

    def _run_directory(self, name: str) -> Path:
        return self.directory.parent / name

    # --- running

    def check(self, tell: Tell = silent, start_method: str | None = None) -> None:
        """Examine the set-up at each point that is left: before the first run, and at once.

        Raises
        ------
        SetupError
            It is impossible at a point; with all that is wrong there.
        """
        left = self.left()
        if len(left) > _MANY:
            tell(f"checking the set-up at {len(left)} points")
        for point in left:
            setup, problems = self._setup_at(point)
            if setup is not None:
                manner = Manner(start_method=start_method)
                problems = [*problems, *examine(setup, manner).problems, *target_problems(setup)]
            if has_errors(problems):
                raise SetupError(*[each for each in problems if each.severity == "error"])

    def run(
        self,
        options: RunOptions | None = None,
        tell: Tell = silent,
        *,
        stop_at_failure: bool = False,
    ) -> Self:
        """Run the points that are left; returns itself. Blocks until the last run has ended.

        Parameters
        ----------
        options
            How each run shows itself.
        tell
            Called with a line before and after each run.
        stop_at_failure
            Whether a failed point ends the scan; without it, the others are run.

        Raises
        ------
        KeyboardInterrupt
            A run was asked to end, by Ctrl-C or otherwise: the scan ends with it.
        """
        with scan_record.locked(self.directory):
            left = self.left()
            began_s = time.monotonic()
            for number, point in enumerate(left):
                tell(self._before(point, number, len(left), time.monotonic() - began_s))
                self._run_point(point, options or RunOptions(verbose=0, keyboard=False))
                tell(self._after(point))
                if point.state == "interrupted":
                    raise KeyboardInterrupt
                if stop_at_failure and point.state == "failed":
                    break
        return self

    def left(self) -> list[Point]:
        """Return the points that are still to be run."""
        return [point for point in self.points if point.state != "complete"]

    def _run_point(self, point: Point, options: RunOptions) -> None:
        point.run, point.directory, point.why = None, None, ""
        point.state = "running"
        self.keep()
        try:
            setup = self.setup_or_error(point)
            summary = run_setup(setup, options, beside=lambda run: self._noted(point, run))
        except MimocorbError as error:
            point.state, point.why = "failed", " ".join(str(error).split())
        except KeyboardInterrupt:
            point.state = "interrupted"
            self.keep()
            raise
        else:
            point.state = "complete"
            if summary.failures:
                point.state, point.why = "failed", summary.failures[0]
            elif summary.asked_to_end:
                point.state, point.why = "interrupted", summary.reason
        self.keep()

    @contextmanager
    def _noted(self, point: Point, run: Run) -> Iterator[None]:
        """Keep which run it is: as soon as there is one."""
        assert run.directory is not None
        point.run, point.directory = run.recorder.record.number, run.directory.name
        self.keep()
        yield

    def keep(self) -> None:
        """Write what is known into the directory of the scan."""
        scan_record.write_scan(self.directory, self.record)
        write_atomically(self.directory / TABLE_FILE, self.table())

    def _setup_at(self, point: Point) -> tuple[Setup | None, list[Problem]]:
        """Read the set-up as it is at a point."""
        record = self.record
        fixed = [
            f"{each.path}={each.values[0]}" for each in record.parameters if len(each.values) == 1
        ]
        own = [f"{path}={value}" for path, value in point.settings.items()]
        said = ", ".join(f"{path} = {value}" for path, value in point.settings.items())
        comment = self.overrides.get("comment")
        overrides = {
            **self.overrides,
            "comment": f"{comment}: {said}" if comment else said,
            "runtime_s": record.time_s,
            "runevents": record.events,
            "output_directory": self.directory.parent,
        }
        setup, problems = read_setup_or_problems(
            record.setup, overrides, [*fixed, *own], record.data
        )
        if setup is not None:
            known = {
                "number": record.number,
                "point": point.number,
                "of": len(record.points),
                "settings": dict(point.settings),
            }
            setup = replace(setup, scan=known)
        return setup, problems

    def setup_or_error(self, point: Point | None = None) -> Setup:
        """Return the set-up at a point, the first one if not given."""
        setup, problems = self._setup_at(point or self.points[0])
        if setup is None:
            raise SetupError(*[each for each in problems if each.severity == "error"])
        return setup

    # --- words

    def _before(self, point: Point, done: int, left: int, elapsed_s: float) -> str:
        said = ", ".join(f"{path} = {value}" for path, value in point.settings.items())
        each_s = elapsed_s / done if done else self.record.time_s
        ahead = f", about {time_taken(each_s * (left - done))} to go" if each_s else ""
        return (
            f"scan {self.record.number}: point {point.number} of {len(self.points)}: {said}{ahead}"
        )

    def _after(self, point: Point) -> str:
        said = f"scan {self.record.number}: point {point.number} is {point.state}"
        run = f", run {point.run}" if point.run is not None else ""
        return f"{said}{run}" + (f": {point.why}" if point.why else "")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan
