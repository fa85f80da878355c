"""``mimocorb replay RUN``: process the events that a run had to leave in a spill file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mimocorb._setup.paths import RUNS_DIRECTORY
from mimocorb._words import verb
from mimocorb.cli.common import BAD_USAGE, FAILED, OK, Commands, print_text, read_setup
from mimocorb.cli.run import add_manner_arguments, run_and_report

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb._run.replay import Replay, Stage

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "replay", help="process the events that a run had to leave in a spill file"
    )
    parser.set_defaults(action=replay)
    parser.add_argument(
        "run", metavar="RUN", help=f"the directory of the run, or its number in {RUNS_DIRECTORY}"
    )
    add_manner_arguments(parser)


def replay(chosen: argparse.Namespace) -> int:
    """Run the workers that did not get their events, and all behind them, on the spill file."""
    from mimocorb._run.record.catalogue import run_directory
    from mimocorb._run.replay import Replay

    directory = run_directory(RUNS_DIRECTORY, chosen.run)
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
    return _replay_all(rest, rest.stages(setup), chosen)


def _replay_all(rest: Replay, stages: Sequence[Stage], chosen: argparse.Namespace) -> int:
    """Run the stages one after the other until somebody wants an end; say what is not replayed."""
    replayed, not_replayed = [], []
    ended = False
    for stage in stages:
        if ended:
            not_replayed.append(f"  {stage}: not begun, as the replay was ended before")
            continue
        try:
            summary = run_and_report(stage.setup, chosen)
        except KeyboardInterrupt:  # before or after its run, which takes it for a request
            not_replayed.append(f"  {stage}: interrupted; do not use output of it")
            ended = True
            continue
        ended = summary.asked_to_end
        if summary.exit_code != OK:
            not_replayed.append(f"  {stage}: {summary.directory} says why; do not use its output")
        elif left := stage.not_played(summary.view):
            not_replayed.append(
                f"  {stage}: {left} {verb(left, 'was')} left when the replay was ended; do not use "
                f"the output in {summary.directory}"
            )
        else:
            rest.mark_done(stage, summary.directory)
            replayed.append(f"  {stage}: {summary.directory}")
    if not not_replayed:
        return OK
    again = f"Not replayed, and still to be had by mimocorb replay {rest.directory}:"
    done = ["Replayed:", *replayed] if replayed else []
    print_text("\n".join([*done, again, *not_replayed]))
    return FAILED


def _by_option(settings: list[str]) -> dict[str, tuple[str, ...]]:
    """Sort options as they stood on the command line by their names."""
    found: dict[str, tuple[str, ...]] = {}
    for setting in settings:
        option, _, value = setting.partition(" ")
        found[option] = (*found.get(option, ()), value)
    return found
