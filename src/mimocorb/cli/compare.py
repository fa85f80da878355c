"""``mimocorb compare RUN RUN``: what differs between two runs, as text, as a plot, as JSON."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb.cli.common import OK, Commands, complain, print_picture, print_text
from mimocorb.setup.paths import RUNS_DIRECTORY

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mimocorb.run.outputs import HistogramPair
    from mimocorb.run.record.catalogue import KnownRun
    from mimocorb.run.record.comparison import Comparison

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "compare",
        help="compare two runs: settings, counts, results, histograms",
        description="Say what differs between two runs: settings, code and versions, rates, events "
        "kept and rejected, results, what was recorded, and histograms.",
    )
    parser.set_defaults(action=compare)
    for name in ("first", "second"):
        parser.add_argument(
            name,
            metavar="RUN",
            help=f"the directory of a run, or its number in {RUNS_DIRECTORY}",
        )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw it as well: .png, .pdf or .svg"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def compare(chosen: argparse.Namespace) -> int:
    """Print what differs, and draw it if that is asked for."""
    from mimocorb.run import outputs
    from mimocorb.run.record import comparison
    from mimocorb.run.record.catalogue import look_at, run_directory

    first, second = (
        look_at(run_directory(RUNS_DIRECTORY, place)) for place in (chosen.first, chosen.second)
    )
    if chosen.plot is not None:
        from mimocorb.displays.comparison_figure import check_picture

        check_picture(chosen.plot)
    names = (first.directory.absolute().name, second.directory.absolute().name)
    found = comparison.compare(first.record, second.record, names)
    files = (
        list(outputs.compared_events(first.directory, second.directory))
        if found.same_events
        else []
    )
    pairs, missing = outputs.paired_histograms(
        first.directory, second.directory, independent=not found.same_events
    )
    if chosen.json:
        from mimocorb._json import to_json

        content = {
            "runs": [first.record.number, second.record.number],
            **found.as_dict(),
            "outputs": [asdict(each) for each in files],
            "histograms": [pair.as_dict() for pair in pairs],
        }
        print_text(to_json(content, indent=2))
    else:
        from mimocorb.cli.compare_view import comparison_page

        print_picture(lambda _width: comparison_page((first, second), found, files, pairs, missing))
    if chosen.plot is not None:
        _draw(first, second, found, pairs, chosen.plot)
    return OK


def _draw(
    first: KnownRun,
    second: KnownRun,
    found: Comparison,
    pairs: Sequence[HistogramPair],
    path: Path,
) -> None:
    from mimocorb.displays.comparison_figure import save_comparison

    names = [f"run {run.record.number}" for run in (first, second)]
    save_comparison(path, names, found.decisions, found.results, pairs)
    complain(f"drawn: {path}")
