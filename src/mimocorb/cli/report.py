"""``mimocorb report RUN``: all about a run in one file, for a browser and for paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from mimocorb.cli.common import OK, Commands, print_text
from mimocorb.setup.paths import RUNS_DIRECTORY

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "report",
        help="write all about a run into one file of HTML",
        description="Write set-up, data flow, event counts, live time, histograms, fits, "
        "decisions and warnings of a run into one file, which needs no network and can be printed.",
    )
    parser.set_defaults(action=report)
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help=f"number or directory (default: the newest run in {RUNS_DIRECTORY})",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="where to (default: report.html in the directory of the run); FILE is replaced",
    )


def report(chosen: argparse.Namespace) -> int:
    """Write the report, and say where it is."""
    from mimocorb.run.record.catalogue import newest_run, run_directory
    from mimocorb.run.record.run_directory import write_atomically
    from mimocorb.run.report import report_of

    parent = RUNS_DIRECTORY
    directory = run_directory(parent, chosen.run) if chosen.run else newest_run(parent)
    path = chosen.output or directory / "report.html"
    write_atomically(path, report_of(directory))
    print_text(str(path))
    return OK
