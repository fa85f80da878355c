"""``mimocorb finish RUN``: process the events that a run had to leave in a spill file."""

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
    from mimocorb.run.finish import Rest, Stage

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "finish", help="process the events that a run had to leave in a spill file"
    )
    parser.set_defaults(action=finish)
    parser.add_argument(
        "run", metavar="RUN", help=f"the directory of the run, or its number in {RUNS_DIRECTORY}"
    )
    add_manner_arguments(parser)


def finish(chosen: argparse.Namespace) -> int:
    """Run the workers that did not get their events, and all behind them, on the spill file."""
    from mimocorb.run.finish import Rest
    from mimocorb.run.record.catalogue import run_directory

    directory = run_directory(RUNS_DIRECTORY, chosen.run)
    rest = Rest(directory)
    with rest.alone():
        return _finish(rest, chosen)


def _finish(rest: Rest, chosen: argparse.Namespace) -> int:
    if not rest.left:
        print_text(f"{rest.path}: all of its events have been processed already")
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
    return _finish_all(rest, rest.stages(setup), chosen, output)


def _finish_all(
    rest: Rest, stages: Sequence[Stage], chosen: argparse.Namespace, output: Path
) -> int:
    """Run the stages one after the other until it is to end; say what is not processed."""
    from mimocorb.errors import MimocorbError

    processed, not_processed = [], []
    ended = False
    before = _directories_in(output)
    for stage in stages:
        if ended:
            not_processed.append(f"  {stage}: not begun, as the command was ended before")
            continue
        try:
            summary = run_and_report(stage.setup, chosen)
        except (KeyboardInterrupt, MimocorbError) as error:
            if _directories_in(output) == before:
                raise  # nothing was started
            # A Ctrl-C came before or after the run, which takes it for a request.
            ended = isinstance(error, KeyboardInterrupt)
            why = "interrupted; do not use output of it" if ended else error
            not_processed.append(f"  {stage}: {why}")
            continue
        ended = summary.asked_to_end
        if summary.exit_code != OK:
            not_processed.append(f"  {stage}: {summary.directory} says why; do not use its output")
        elif left := stage.not_played(summary.view):
            not_processed.append(
                f"  {stage}: {left} {verb(left, 'was')} left when the command was ended; do not"
                f" use the output in {summary.directory}"
            )
        else:
            rest.mark_done(stage, summary.directory)
            processed.append(f"  {stage}: {summary.directory}")
    if not not_processed:
        return OK
    again = f"Not processed, and still to be had by mimocorb finish {rest.directory}:"
    done = ["Processed:", *processed] if processed else []
    print_text("\n".join([*done, again, *not_processed]))
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
