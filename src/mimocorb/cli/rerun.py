"""``mimocorb rerun RUN``: the graph of a run on the events that it recorded."""

from __future__ import annotations

import argparse

from mimocorb.cli.common import BAD_USAGE, Commands, complain, print_text
from mimocorb.cli.run import add_manner_arguments, add_people, examined, run_and_report
from mimocorb.setup.paths import RUNS_DIRECTORY

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "rerun",
        help="run a set-up again on the events that a run recorded",
        description="Run the set-up of a run again, with its code, on the events that its sink "
        "'record' has written.",
    )
    parser.set_defaults(action=rerun)
    parser.add_argument(
        "run", metavar="RUN", help=f"the directory of the run, or its number in {RUNS_DIRECTORY}"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        dest="settings",
        help="replace a part of the set-up, such as search.threshold_mV=40 (repeatable)",
    )
    add_people(parser)
    add_manner_arguments(parser)


def rerun(chosen: argparse.Namespace) -> int:
    """Run the set-up with recorded events in the place of its sources."""
    from mimocorb.run.record.catalogue import look_at, run_directory
    from mimocorb.run.rerun import Rerun
    from mimocorb.setup.dialects import read_setup_or_problems

    directory = run_directory(RUNS_DIRECTORY, chosen.run)
    look_at(directory)  # one that was killed is completed
    again = Rerun(directory)
    overrides = {
        "operator": chosen.operator,
        "comment": chosen.comment,
        "output_directory": chosen.output or directory.parent,
        "drain_timeout_s": chosen.drain_timeout,
    }
    settings = [*again.settings, *chosen.settings]
    with again.recorded_files():
        setup, problems = read_setup_or_problems(again.setup_file, overrides, settings)
    chosen.setup = str(again.setup_file)
    if setup is None:
        examined(chosen, setup, problems)
        return BAD_USAGE
    for sentence in again.told(setup):
        (complain if sentence.startswith("warning") else print_text)(f"rerun: {sentence}")
    setup = again.on_recorded_events(setup, chosen.settings)
    if not examined(chosen, setup, problems):
        return BAD_USAGE
    return run_and_report(setup, chosen, examined=True).exit_code
