"""``mimocorb runs``: list the runs of a directory, or show one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimocorb.cli.common import BAD_USAGE, OK, Commands, complain, count, print_picture, print_text
from mimocorb.setup.paths import RUNS_DIRECTORY

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.run.record.catalogue import KnownRun

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "runs",
        help="list runs, or show one",
        description="List the runs of a directory; with a RUN show it.",
    )
    parser.set_defaults(action=runs)
    parser.add_argument(
        "places",
        nargs="*",
        metavar="DIR|RUN",
        help=f"the directory of the runs (default: {RUNS_DIRECTORY}); a run: its number or"
        " directory",
    )
    parser.add_argument("--last", type=count, metavar="N", help="list the last N runs only")
    parser.add_argument(
        "--quality",
        metavar="FLAG",
        help="list runs with this flag only, such as clean or killed; or in this state: running",
    )
    parser.add_argument("--setup", metavar="NAME", help="list runs of this set-up only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--engine",
        metavar="SETUP|URL",
        help="list the runs of all hosts that are connected by this engine: a set-up file that"
        " names it, or its address; DIR|RUN is HOST or HOST/RUN then",
    )


def runs(chosen: argparse.Namespace) -> int:
    """List the runs, or show the one that is named."""
    from mimocorb.run.hosts.ledgers import complete
    from mimocorb.run.record.catalogue import catalogue, is_run, run_directory

    if chosen.engine is not None:
        return _of_hosts(chosen)
    places = list(chosen.places)
    parent = RUNS_DIRECTORY
    if places and Path(places[0]).is_dir() and not is_run(Path(places[0])):
        parent = Path(places.pop(0))
    if len(places) > 1:
        complain("mimocorb: runs shows one run; to compare two: mimocorb compare RUN RUN")
        return BAD_USAGE
    # with what its partners have had since
    named = [complete(run_directory(parent, place)) for place in places]
    if not named:
        found = catalogue(parent)
        _list(_selected(found.runs, chosen), parent, chosen)
        for problem in found.problems:
            complain(f"mimocorb: {problem}")
    else:
        _show(named[0], chosen)
    return OK


def _of_hosts(chosen: argparse.Namespace) -> int:
    """List the runs of all hosts, those of one, or show one."""
    from mimocorb.cli.runs_view import run_page
    from mimocorb.errors import RunRecordError
    from mimocorb.run.hosts.look import engine_named, runs_at

    engine = engine_named(chosen.engine)
    found = runs_at(engine)
    for place in chosen.places:
        host, _, name = place.partition("/")
        hosts = sorted({ledger.host for ledger, _ in found})
        found = [
            (ledger, run)
            for ledger, run in found
            if ledger.host == host and name in ("", ledger.run, str(run.record.number))
        ]
        if not found:
            raise RunRecordError(
                f"there is no run {place!r} at {engine.nats}; hosts with runs: {', '.join(hosts)}"
            )
    selected = _selected([run for _, run in found], chosen)
    if chosen.places and "/" in chosen.places[0] and len(selected) == 1 and not chosen.json:
        print_picture(lambda _width: run_page(selected[0], ""))
        return OK
    _list(
        selected, Path(engine.nats), chosen, {run.directory: ledger.host for ledger, run in found}
    )
    return OK


def _selected(known: list[KnownRun], chosen: argparse.Namespace) -> list[KnownRun]:
    """Return those that the options ask for."""
    from mimocorb.errors import RunRecordError
    from mimocorb.run.record.quality import FLAGS

    if chosen.quality is not None:
        words = {*FLAGS, *(run.record.state for run in known)}
        if chosen.quality not in words:
            raise RunRecordError(
                f"--quality {chosen.quality}: the flags are {', '.join(FLAGS)}; the states of runs "
                "can be given as well"
            )
        known = [
            run
            for run in known
            if chosen.quality in (run.record.quality or {}) or chosen.quality == run.record.state
        ]
    if chosen.setup is not None:
        known = [run for run in known if run.record.title == chosen.setup]
    return known[-chosen.last :] if chosen.last else known


def _list(
    known: list[KnownRun],
    parent: Path,
    chosen: argparse.Namespace,
    hosts: Mapping[Path, str] | None = None,
) -> None:
    if chosen.json:
        _print_json([_plain(run) for run in known])
        return
    from mimocorb.cli.runs_view import runs_table

    if known:
        print_picture(lambda width: runs_table(known, width, hosts))
    else:
        print_text(f"no such runs in {parent}")


def _show(run: KnownRun, chosen: argparse.Namespace) -> None:
    if chosen.json:
        _print_json(_plain(run))
        return
    from mimocorb.cli.runs_view import run_page
    from mimocorb.run.record.recorder import read_summary

    summary = read_summary(run.directory)
    print_picture(lambda _width: run_page(run, summary))


def _plain(run: KnownRun) -> dict[str, Any]:
    return {"directory": str(run.directory), **asdict(run.record), "state": run.state}


def _print_json(value: Any) -> None:
    from mimocorb._json import to_json

    print_text(to_json(value, indent=2))
