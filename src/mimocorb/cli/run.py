"""``mimocorb run SETUP``: take data as a set-up file says."""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

from mimocorb.cli.common import (
    BAD_USAGE,
    Commands,
    add_setup,
    count,
    print_text,
    read_setup,
    seconds,
)

__all__ = ["add", "add_arguments"]


def add(commands: Commands) -> None:
    """Describe the command."""
    add_arguments(commands.add_parser("run", help="take data as a set-up file says"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments of a run."""
    parser.set_defaults(action=run)
    add_setup(parser)
    parser.add_argument(
        "--events", type=count, metavar="N", help="end after N events in the first buffer"
    )
    parser.add_argument(
        "--time", type=seconds, metavar="S", help="end after S seconds of data taking"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="make the directory of the run in DIR instead of target/",
    )
    parser.add_argument("--quiet", action="store_true", help="show nothing but the summary")
    parser.add_argument(
        "--lines", action="store_true", help="show plain lines instead of the live view"
    )
    parser.add_argument("--no-keyboard", action="store_true", help="do not listen to keys")
    parser.add_argument(
        "--drain-timeout",
        type=seconds,
        default=60.0,
        metavar="S",
        help="give up draining after S seconds without progress (default: 60)",
    )
    parser.add_argument(
        "--start-method",
        choices=multiprocessing.get_all_start_methods(),
        help="how worker processes are started (default: fork)",
    )
    parser.add_argument("--debug", action="store_true", help="log workers' debug messages as well")


def run(chosen: argparse.Namespace) -> int:
    """Run the set-up to its end and print the summary."""
    overrides = {
        "runevents": chosen.events,
        "runtime_s": chosen.time,
        "output_directory": chosen.output,
    }
    setup = read_setup(chosen, overrides)
    if setup is None:
        return BAD_USAGE
    from mimocorb._run.options import RunOptions, SupervisorOptions
    from mimocorb._run.run import run_setup

    verbose = 0 if chosen.quiet else 1 if chosen.lines else 2
    options = RunOptions(
        verbose=verbose,
        keyboard=not chosen.no_keyboard,
        supervisor=SupervisorOptions(
            start_method=chosen.start_method,
            drain_timeout_s=chosen.drain_timeout,
            debug=chosen.debug,
        ),
    )
    summary = run_setup(setup, options)
    print_text(summary.text())
    return summary.exit_code
