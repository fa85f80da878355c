"""``mimocorb scan SETUP --set PATH=1,2,3``: one run for each value, a table and a plot."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb.cli.common import (
    FAILED,
    OK,
    Commands,
    complain,
    count,
    print_picture,
    print_text,
    seconds,
)
from mimocorb.cli.run import add_manner_arguments, add_people
from mimocorb.setup.paths import RUNS_DIRECTORY

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.run.scans.scan import Scan

__all__ = ["add"]

INTERRUPTED = 130


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "scan",
        help="one run for each value of a parameter: a table and a plot of the results",
        description="Run a set-up at each value of a parameter, one run after the other, and show"
        " what came out as a table and a plot. The same command goes on with a scan that was"
        " interrupted: complete points are not run again.",
    )
    parser.set_defaults(action=scan)
    parser.add_argument("setup", metavar="SETUP", nargs="?", help="the set-up file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE,VALUE,…",
        dest="settings",
        help="the values of a part of the set-up, such as search.threshold_mV=10,20,40; a comma in"
        " brackets or quotes separates nothing; one value: the same at all points (repeatable; all"
        " combinations are run)",
    )
    parser.add_argument(
        "--in-step",
        action="store_true",
        help="run the values of several --set side by side: all first ones, all second ones, …",
    )
    parser.add_argument("--time", type=seconds, metavar="S", help="end each run after S seconds")
    parser.add_argument("--events", type=count, metavar="N", help="end each run after N events")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="recorded data, for the sources with a key 'data' in their configuration",
    )
    parser.add_argument(
        "--result",
        action="append",
        metavar="NAME",
        dest="results",
        help="show this number, such as fit.tau_us, filter.kept_fraction or buffer.rate_hz"
        " (repeatable; default: what workers report, or else what filters keep)",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw into this file: .png, .pdf or .svg (default: plot.png of the scan)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--resume",
        metavar="SCAN",
        help="go on with a scan, given by its directory or number, or show it if it is complete",
    )
    parser.add_argument(
        "--anew", action="store_true", help="begin a new scan even if the same was interrupted"
    )
    parser.add_argument(
        "--stop-at-failure",
        action="store_true",
        help="end with the first point that fails (default: tell it, and run the others)",
    )
    add_people(parser)
    add_manner_arguments(parser)


def scan(chosen: argparse.Namespace) -> int:
    """Run the points that are left; print and draw what came out."""
    from mimocorb.run.workers.processes import show_as

    if chosen.plot is not None:
        from mimocorb.displays.comparison_figure import check_picture

        check_picture(chosen.plot)
    show_as("mimocorb")
    tell = complain if chosen.json else print_text
    found = _chosen_scan(chosen, tell)
    if not found.is_complete:
        _tell_beginning(found, tell)
        try:
            found.run(_options(chosen), tell, stop_at_failure=chosen.stop_at_failure)
        except KeyboardInterrupt:
            _show(found, chosen)
            done = sum(point.state == "complete" for point in found.points)
            complain(
                f"mimocorb: scan {found.record.number} was interrupted, {done} of"
                f" {len(found.points)} points are complete; to go on: mimocorb scan --resume"
                f" {found.directory}"
            )
            return INTERRUPTED
    is_shown = _show(found, chosen)
    for point in found.points:
        if point.state != "complete":
            complain(f"mimocorb: point {point.number} is {point.state}: {point.why}")
    return OK if found.is_complete and is_shown else FAILED


def _chosen_scan(chosen: argparse.Namespace, tell: Any) -> Scan:
    from mimocorb.errors import SetupError
    from mimocorb.run.scans.points import read_parameters
    from mimocorb.run.scans.scan import begin_scan, open_scan, plan_of
    from mimocorb.run.scans.scan_record import find_scan

    overrides = {
        "operator": chosen.operator,
        "comment": chosen.comment,
        "output_directory": chosen.output,
        "drain_timeout_s": chosen.drain_timeout,
    }
    if chosen.resume is not None:
        if chosen.setup is not None or chosen.settings:
            raise SetupError(
                "--resume goes on as the scan was begun; found a set-up or --set besides: leave"
                " them out, or leave out --resume"
            )
        directory = find_scan(Path(chosen.output or RUNS_DIRECTORY), chosen.resume)
        return open_scan(directory, overrides, tell, chosen.start_method)
    if chosen.setup is None:
        raise SetupError(
            "a scan needs a set-up: mimocorb scan SETUP --set search.threshold_mV=10,20,40; or"
            " --resume SCAN"
        )
    plan = plan_of(
        read_parameters(chosen.settings),
        time_s=chosen.time,
        events=chosen.events,
        in_step=chosen.in_step,
        data=chosen.data,
    )
    manner = {"anew": chosen.anew, "start_method": chosen.start_method}
    return begin_scan(chosen.setup, plan, overrides, tell, **manner)


def _options(chosen: argparse.Namespace) -> Any:
    from mimocorb.run.options import RunOptions, SupervisorOptions

    return RunOptions(
        verbose=0 if chosen.quiet or chosen.json else 1 if chosen.lines else 2,
        keyboard=not chosen.no_keyboard,
        examined=True,
        supervisor=SupervisorOptions(start_method=chosen.start_method, debug=chosen.debug),
    )


def _tell_beginning(found: Scan, tell: Any) -> None:
    from mimocorb._words import how_many
    from mimocorb.run.wording import duration

    left = sum(point.state != "complete" for point in found.points)
    points = how_many(len(found.points), "point")
    if not found.is_new:
        tell(f"scan {found.record.number} goes on: {left} of {points} left")
        return
    time_s = found.record.time_s
    takes = f", {duration(time_s * left)} of data taking" if time_s else ""
    tell(f"scan {found.record.number}: {points}{takes}, in {found.directory}")


def _show(found: Scan, chosen: argparse.Namespace) -> bool:
    """Print the table and draw; says whether all that was asked for is there."""
    known = found.names()
    names = chosen.results or found.shown_names()
    missing = [name for name in names if name not in known]
    if known and missing:
        complain(
            f"mimocorb: no point has {', '.join(missing)}; there is {', '.join(known)}. To see"
            f" another result: mimocorb scan --resume {found.directory} --result NAME"
        )
    names = [name for name in names if name in known]
    if chosen.json:
        from mimocorb._json import to_json
        from mimocorb.run.scans.scan_table import table_dict

        print_text(to_json(table_dict(found.record, found.quantities()), indent=2))
    else:
        from mimocorb.cli.scan_view import scan_table

        print_picture(lambda width: scan_table(found, names, width))
    if names:
        _draw(found, chosen, names)
    return not missing or not known


def _draw(found: Scan, chosen: argparse.Namespace, names: list[str]) -> None:
    from importlib.util import find_spec

    tell = complain if chosen.json else print_text
    path = chosen.plot or found.directory / "plot.png"
    if chosen.plot is None and find_spec("matplotlib") is None:
        tell("no plot: that needs matplotlib, pip install 'mimocorb[plots]'")
        return
    found.plot(path, names)
    tell(f"plot {path}, table {found.directory / 'table.csv'}")
