"""``mimocorb replay RUN``: process the events that a run had to leave in a spill file."""

from __future__ import annotations

import argparse
from pathlib import Path

from mimocorb._words import how_many, verb
from mimocorb.cli.common import BAD_USAGE, FAILED, OK, Commands, print_text, read_setup
from mimocorb.cli.run import add_manner_arguments, run_and_report
from mimocorb.cli.runs import DEFAULT_PARENT

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "replay", help="process the events that a run had to leave in a spill file"
    )
    parser.set_defaults(action=replay)
    parser.add_argument(
        "run", metavar="RUN", help=f"the directory of the run, or its number in {DEFAULT_PARENT}"
    )
    add_manner_arguments(parser)


def replay(chosen: argparse.Namespace) -> int:
    """Run the workers that did not get their events, and all behind them, on the spill file."""
    from mimocorb._run.record.catalogue import find_run
    from mimocorb._run.replay import Replay

    directory = Path(chosen.run)
    if chosen.run.isdecimal():
        directory = find_run(DEFAULT_PARENT, int(chosen.run)).directory
    rest = Replay(directory)
    if not rest.left:
        print_text(f"{rest.path}: all of its events have been processed by a replay already")
        return OK
    chosen.setup = str(rest.setup_file)
    given = _by_option(rest.settings)
    chosen.settings, chosen.data = given.get("--set", ()), next(iter(given.get("--data", ())), None)
    overrides = {
        "output_directory": chosen.output or directory.parent,
        "drain_timeout_s": chosen.drain_timeout,
    }
    setup = read_setup(chosen, overrides)
    if setup is None:
        return BAD_USAGE
    not_done = []
    for stage in rest.stages(setup):
        summary = run_and_report(stage.setup, chosen)
        left = stage.not_played(summary.view)
        if summary.exit_code == OK and left:
            print_text(
                f"{left} of {how_many(stage.events, 'event')} {verb(left, 'was')} left when the "
                "replay was ended. Nothing is noted as done: replay again for all of them, and do "
                f"not use the output in {summary.directory} beside that."
            )
            return FAILED  # somebody wants it to end, and not the next part to begin
        if summary.exit_code == OK:
            rest.mark_done(stage, summary.directory)
        else:
            not_done.append(f"  {stage}: {summary.directory} says why; do not use its output")
    if not not_done:
        return OK
    listed = "\n".join(not_done)
    print_text(f"Not replayed, and still to be had by mimocorb replay {directory}:\n{listed}")
    return FAILED


def _by_option(settings: list[str]) -> dict[str, tuple[str, ...]]:
    """Sort options as they stood on the command line by their names."""
    found: dict[str, tuple[str, ...]] = {}
    for setting in settings:
        option, _, value = setting.partition(" ")
        found[option] = (*found.get(option, ()), value)
    return found
