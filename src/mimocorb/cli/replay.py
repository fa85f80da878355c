"""``mimocorb replay RUN``: process the events that a run had to leave in a spill file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb._words import verb
from mimocorb.cli.common import BAD_USAGE, FAILED, OK, Commands, print_text, read_setup
from mimocorb.cli.run import add_manner_arguments, run_and_report
from mimocorb.setup.paths import RUNS_DIRECTORY

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.run.replay import Replay, Stage

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
    from mimocorb.run.record.catalogue import run_directory
    from mimocorb.run.replay import Replay

    directory = run_directory(RUNS_DIRECTORY, chosen.run)
    rest = Replay(directory)
    with rest.alone():
        return _replay(rest, chosen)


def _replay(rest: Replay, chosen: argparse.Namespace) -> int:
    if not rest.left:
        print_text(f"{rest.path}: all of its events have been processed by a replay already")
        return OK
    setup_file, settings = rest.what_to_run()
    chosen.setup = str(setup_file)
    given = _by_option(settings)
    chosen.settings, chosen.data = given.get("--set", ()), next(iter(given.get("--data", ())), None)
    output = chosen.output or rest.directory.parent
    overrides = {
        "output_directory": output,
        "drain_timeout_s": chosen.drain_timeout,
    }
    setup = read_setup(chosen, overrides)
    if setup is None:
        return BAD_USAGE
    return _replay_all(rest, rest.stages(setup), chosen, output)


def _replay_all(
    rest: Replay, stages: Sequence[Stage], chosen: argparse.Namespace, output: Path
) -> int:
    """Run the stages one after the other until it is to end; say what is not replayed."""
    from mimocorb.errors import MimocorbError

    replayed, not_replayed = [], []
    ended = False
    before = _directories_in(output)
    for stage in stages:
        if ended:
            not_replayed.append(f"  {stage}: not begun, as the replay was ended before")
            continue
        try:
            summary = run_and_report(stage.setup, chosen)
        except (KeyboardInterrupt, MimocorbError) as error:
            if _directories_in(output) == before:
                raise  # nothing was started
            # A Ctrl-C came before or after the run, which takes it for a request.
            ended = isinstance(error, KeyboardInterrupt)
            why = "interrupted; do not use output of it" if ended else error
            not_replayed.append(f"  {stage}: {why}")
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


def _directories_in(parent: Path) -> set[Path]:
    """Return those there are; a run that has begun has one."""
    return {path for path in parent.iterdir() if path.is_dir()} if parent.is_dir() else set()


def _by_option(settings: list[str]) -> dict[str, tuple[str, ...]]:
    """Sort options as they stood on the command line by their names."""
    found: dict[str, tuple[str, ...]] = {}
    for setting in settings:
        option, _, value = setting.partition(" ")
        found[option] = (*found.get(option, ()), value)
    return found
