"""``mimocorb histograms``: the histograms of runs: listed, drawn, added, exported."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb.cli.common import OK, Commands, print_picture, print_text
from mimocorb.setup.paths import RUNS_DIRECTORY

if TYPE_CHECKING:
    from rich.table import Table

    from mimocorb.analysis.histograms.run_histogram import RunHistogram

__all__ = ["add"]

PLOT_LINES = 14


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "histograms",
        help="list, draw, add and export the histograms of runs",
        description="List the histograms of a run, while it goes on as well; of several RUNs their "
        "sums. With --show draw one with characters, with --export write them for other programs.",
    )
    parser.set_defaults(action=histograms)
    parser.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=f"number or directory (default: the newest run in {RUNS_DIRECTORY})",
    )
    parser.add_argument(
        "--show",
        metavar="NAME",
        action="append",
        default=[],
        help="draw this one; may be given several times; with --export: write only these",
    )
    parser.add_argument(
        "--export",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="write them into a new file: .json (UHI), .root, .txt, .spe, .hst, .npz, or a "
        "picture: .png, .pdf, .svg",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def histograms(chosen: argparse.Namespace) -> int:
    """List, draw or export, as the options say."""
    from mimocorb.analysis.histograms.files import merged, read_histograms

    directories = [_directory(run) for run in chosen.runs] or [_newest()]
    found = merged(read_histograms(directory) for directory in directories)
    where = ", ".join(directory.name for directory in directories)
    selected = _selected(found, chosen.show, where)
    for path in chosen.export:
        _export(selected, path)
        print_text(f"{path}: {', '.join(one.name for one in selected)}")
    if chosen.export:
        return OK
    if chosen.json:
        from mimocorb._json import to_json

        print_text(to_json([one.as_plain() for one in selected], indent=2))
    elif chosen.show:
        for one in selected:
            _draw(one)
    elif selected:
        print_picture(lambda _width: _table(selected))
    else:
        print_text(f"no histograms in {where}: give the set-up a worker with function: histogram")
    return OK


def _directory(run: str) -> Path:
    from mimocorb.run.record.catalogue import run_directory

    return run_directory(RUNS_DIRECTORY, run)


def _newest() -> Path:
    from mimocorb.errors import RunRecordError
    from mimocorb.run.record.catalogue import catalogue

    runs = catalogue(RUNS_DIRECTORY).runs
    if not runs:
        raise RunRecordError(f"there are no runs in {RUNS_DIRECTORY}: say which one is meant")
    return runs[-1].directory


def _selected(found: dict[str, RunHistogram], names: list[str], where: str) -> list[RunHistogram]:
    from mimocorb.errors import RunRecordError

    for name in names:
        if name not in found:
            known = ", ".join(found) or "none"
            raise RunRecordError(f"there is no histogram {name!r} in {where}: found {known}")
    return [found[name] for name in names] if names else list(found.values())


def _export(selected: list[RunHistogram], path: Path) -> None:
    from mimocorb.analysis.histograms.export import export
    from mimocorb.displays.figures import PICTURES, save_histograms

    if path.suffix.lower() in PICTURES:
        save_histograms(selected, path)
    else:
        export(selected, path)


def _table(selected: list[RunHistogram]) -> Table:
    from rich.table import Table

    from mimocorb._words import count

    table = Table("histogram", "of", "bins", "entries", "outside", "live time", "fits", box=None)
    for one in selected:
        bins = " × ".join(str(len(axis.edges) - 1) for axis in one.axes)
        live = "–" if one.live_time_s is None else f"{one.live_time_s:.1f} s"
        what = ", ".join(one.filled.values())
        fits = "\n".join(f"{fit.name}: {'; '.join(fit.lines())}" for fit in one.fits)
        outside = count(one.outside) if one.outside else "–"
        table.add_row(one.name, what, bins, count(one.entries), outside, live, fits)
    return table


def _draw(one: RunHistogram) -> None:
    from rich.text import Text

    from mimocorb._words import count, how_many
    from mimocorb.analysis.histograms.text_plot import text_plot

    events = how_many(one.events, "event")
    outside = f", {count(one.outside)} outside of the bins" if one.outside else ""
    print_text(f"{one.title}: {how_many(one.entries, 'value')} of {events}{outside}")
    print_picture(lambda width: Text("\n".join(text_plot(one, min(width, 100), PLOT_LINES))))
    for fit in one.fits:
        for line in fit.lines():
            print_text(f"  {fit.name}: {line}")
