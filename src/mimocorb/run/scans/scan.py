"""How a scan begins, or goes on; and a whole one for programs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mimocorb._words import how_many
from mimocorb.errors import SetupError
from mimocorb.run.run_log import utc
from mimocorb.run.scans import scan_record
from mimocorb.run.scans.points import parameters_of, points_of
from mimocorb.run.scans.running_scan import Scan, Tell, silent
from mimocorb.run.scans.scan_record import Point, ScanRecord
from mimocorb.setup.paths import RUNS_DIRECTORY

__all__ = ["Scan", "begin_scan", "open_scan", "plan_of", "scan"]


def begin_scan(
    setup: str | Path,
    plan: ScanRecord,
    overrides: Mapping[str, Any] | None = None,
    tell: Tell = silent,
    *,
    anew: bool = False,
    start_method: str | None = None,
) -> Scan:
    """Return the scan with this plan, checked at all points: an interrupted one, or a new one.

    Parameters
    ----------
    setup
        The set-up file.
    plan
        What is wanted; number and fingerprint are filled in.
    overrides
        ``operator``, ``comment``, ``output_directory``, ``drain_timeout_s``.
    tell
        Called with a line where that takes long.
    anew
        Whether to begin a new one in any case.
    start_method
        How processes will be started.

    Raises
    ------
    SetupError
        The set-up has errors at a point; no scan was made.
    """
    overrides = dict(overrides or {})
    parent = Path(overrides.get("output_directory") or RUNS_DIRECTORY).absolute()
    found = Scan(parent / "scan", replace(plan, setup=str(setup)), overrides)
    read = found.setup_or_error()
    found.record = plan = replace(
        plan,
        setup=str(Path(setup).absolute()),
        title=read.title,
        fingerprint=scan_record.fingerprint(read),
    )
    for directory in () if anew else reversed(scan_record.scans_in(parent)):
        known = scan_record.read_scan(directory)
        if known.plan() == plan.plan() and not known.is_complete:
            if known.fingerprint == plan.fingerprint:
                found = Scan(directory, known, overrides, is_new=False)
            break  # else the set-up is another one now
    found.check(tell, start_method)
    if found.is_new:
        assert read.path is not None
        found.directory, number = scan_record.new_scan_directory(parent, read.path.stem)
        found.record = replace(plan, number=number)
        found.keep()
    return found


def open_scan(
    directory: Path,
    overrides: Mapping[str, Any] | None = None,
    tell: Tell = silent,
    start_method: str | None = None,
) -> Scan:
    """Return a scan that was begun before; if points are left, they are checked.

    Raises
    ------
    SetupError
        Points are left, and the set-up or its code is another one now, or has errors.
    """
    record = scan_record.read_scan(directory)
    found = Scan(directory.absolute(), record, dict(overrides or {}), is_new=False)
    if not found.is_complete:
        if scan_record.fingerprint(found.setup_or_error()) != record.fingerprint:
            raise SetupError(
                f"{directory.name} was begun with another {Path(record.setup).name}, or another"
                " file that it names: its points would not belong together. Begin a new scan"
            )
        found.check(tell, start_method)
    return found


def scan(
    setup: str | Path,
    parameters: Mapping[str, Any],
    *,
    time_s: float | None = None,
    events: int | None = None,
    in_step: bool = False,
    data: str | Path | None = None,
    output: str | Path | None = None,
    operator: str | None = None,
    comment: str | None = None,
    anew: bool = False,
    stop_at_failure: bool = False,
    tell: Tell = print,
) -> Scan:
    """Run a set-up at each point of a scan; blocks until the last run has ended.

    What was interrupted goes on: called again with the same arguments, it runs the points that are
    left.

    Parameters
    ----------
    setup
        The set-up file.
    parameters
        Paths as for ``--set``, each with a value, or a list of values: ``{"search.threshold_mV":
        [10, 20, 40]}``. Of several lists, all combinations are run.
    time_s, events
        How long each run takes data, or how many events.
    in_step
        Run the values of several lists side by side instead of all combinations.
    data
        Recorded data for the sources.
    output
        Directory of the runs; ``target`` if not given.
    operator, comment
        For the record of each run.
    anew
        Begin anew also where the same scan was interrupted.
    stop_at_failure
        End with the first point that fails.
    tell
        Called with a line before and after each run.

    Returns
    -------
    Scan
        ``scan["fit.tau_us"]`` gives values and uncertainties at all points.

    Raises
    ------
    SetupError
        A point is impossible; nothing was started.
    KeyboardInterrupt
        It was interrupted.
    """
    given = parameters_of(parameters)
    plan = plan_of(given, time_s=time_s, events=events, in_step=in_step, data=data)
    overrides = {"operator": operator, "comment": comment, "output_directory": output}
    found = begin_scan(setup, plan, overrides, tell, anew=anew)
    if not found.is_new:
        left = how_many(len(found.left()), "point")
        tell(f"scan {found.record.number} goes on: {left} of {len(found.points)} left")
    return found.run(tell=tell, stop_at_failure=stop_at_failure)


def plan_of(
    parameters: Sequence[Any],
    *,
    time_s: float | None,
    events: int | None,
    in_step: bool,
    data: str | Path | None,
) -> ScanRecord:
    """Return what is to be done, before it is known which scan it is."""
    points = points_of(parameters, in_step=in_step)
    return ScanRecord(
        number=0,
        title="",
        setup="",
        started_utc=utc(time.time()),
        parameters=list(parameters),
        in_step=in_step,
        time_s=time_s,
        events=events,
        data=None if data is None else str(data),
        points=[Point(number, settings) for number, settings in enumerate(points, 1)],
    )
