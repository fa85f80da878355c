"""``mimocorb run SETUP``: take data as a set-up file says."""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb.cli.common import (
    BAD_USAGE,
    Commands,
    add_setup,
    count,
    print_page,
    print_problems,
    print_text,
    seconds,
)
from mimocorb.setup.paths import RUNS_DIRECTORY

if TYPE_CHECKING:
    from mimocorb.model import Setup
    from mimocorb.model.problem import Problem
    from mimocorb.run.record.summary import RunSummary
    from mimocorb.run.run import Run

__all__ = ["add", "add_arguments", "add_manner_arguments", "run_and_report"]


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
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", metavar="NAME", help="run the part of this host of the set-up")
    where.add_argument(
        "--all-local",
        action="store_true",
        help="run the parts of all hosts on this machine, with an engine of their own",
    )
    add_people(parser)
    parser.add_argument(
        "--web",
        action="store_true",
        help="show the run in a browser as well, as long as it goes on",
    )
    add_manner_arguments(parser)


def add_people(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments that say who runs it, and why."""
    parser.add_argument(
        "--operator", metavar="NAME", help="who takes the data (default: the login name)"
    )
    parser.add_argument("--comment", metavar="TEXT", help="why; kept in the record of the run")


def add_manner_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments that say how to run, whatever is run."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=f"make the directory of the run in DIR instead of {RUNS_DIRECTORY}",
    )
    parser.add_argument("--quiet", action="store_true", help="show nothing but the summary")
    parser.add_argument(
        "--lines", action="store_true", help="show plain lines instead of the live view"
    )
    parser.add_argument("--no-keyboard", action="store_true", help="do not listen to keys")
    parser.add_argument(
        "--drain-timeout",
        type=seconds,
        metavar="S",
        help="save the rest to a file after S seconds of draining without progress (default: 60)",
    )
    parser.add_argument(
        "--start-method",
        choices=multiprocessing.get_all_start_methods(),
        help="how worker processes are started (default: fork)",
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        help="log workers' debug messages as well; raise an error where a function uses an event"
        " that it has given back",
    )


def run(chosen: argparse.Namespace) -> int:
    """Run the set-up to its end and print the summary."""
    overrides = {
        "operator": chosen.operator,
        "comment": chosen.comment,
        "runevents": chosen.events,
        "runtime_s": chosen.time,
        "output_directory": chosen.output,
        "drain_timeout_s": chosen.drain_timeout,
    }
    from mimocorb.model.problem import has_errors
    from mimocorb.setup.dialects import examine_setup

    setup, problems = examine_setup(chosen.setup, overrides, chosen.settings, chosen.data)
    if setup is not None and not has_errors(problems) and not chosen.all_local:
        setup = part_of_this_host(setup, chosen.host)
        refuse_a_second(setup)
    if not examined(chosen, setup, problems) or setup is None:
        return BAD_USAGE
    if chosen.all_local:
        from mimocorb.cli.all_local import run_all

        return run_all(setup, chosen)
    return run_and_report(setup, chosen, examined=True, web=chosen.web).exit_code


def part_of_this_host(setup: Setup, host: str | None) -> Setup:
    """Return what this machine runs; all of a set-up that connects no hosts."""
    from mimocorb.engine.hosts import connecting_buffers, part_of_host, this_host
    from mimocorb.errors import SetupError

    if setup.hosts and host is None:
        names = " or ".join(f"--host {name}" for name in setup.hosts)
        raise SetupError(
            f"this set-up has several hosts: say which one this machine is, with {names}, or try"
            " all of it on this machine with --all-local"
        )
    if setup.hosts or host is not None or connecting_buffers(setup):
        return part_of_host(setup, host or this_host())
    return setup


def refuse_a_second(setup: Setup) -> None:
    """Raise a SetupError if this host runs its part of the set-up already.

    Where the engine cannot be reached that is not known; it is told later, by an alarm.
    """
    from mimocorb.errors import EngineError, SetupError

    if setup.part is None:
        return
    from mimocorb.run.hosts.look import hosts_at

    try:
        there = [told.view for told, _ in hosts_at(setup.part.engine)]
    except (EngineError, SetupError):
        return
    for view in there:
        if (view.title, view.host) == (setup.title, setup.part.host) and not view.has_ended:
            raise SetupError(
                f"{view.host} of {view.title} runs already: run {view.number}, process {view.pid}"
                f" on {view.machine}, is {view.state}; stop it first, or take the --host that this"
                " machine is"
            )


def examined(chosen: argparse.Namespace, setup: Setup | None, problems: list[Problem]) -> bool:
    """Load the functions of a set-up as ``mimocorb check`` does; says whether it can run.

    Prints the problems, with those that there are already.
    """
    from mimocorb.checks.examination import examine
    from mimocorb.checks.target import target_problems
    from mimocorb.checks.trial import Manner
    from mimocorb.model.problem import has_errors

    if setup is not None:
        manner = Manner(complete=not has_errors(problems), start_method=chosen.start_method)
        problems += [*examine(setup, manner).problems, *target_problems(setup)]
    print_problems(chosen.setup, problems)
    return not has_errors(problems)


def run_and_report(
    setup: Setup, chosen: argparse.Namespace, *, examined: bool = False, web: bool = False
) -> RunSummary:
    """Run a set-up in the manner chosen and print the summary."""
    from mimocorb.run.options import RunOptions, SupervisorOptions
    from mimocorb.run.run import run_setup
    from mimocorb.run.workers.processes import show_as

    show_as("mimocorb")  # also where it is started as "python run_daq.py"
    options = RunOptions(
        verbose=0 if chosen.quiet else 1 if chosen.lines else 2,
        keyboard=not chosen.no_keyboard,
        examined=examined,
        supervisor=SupervisorOptions(start_method=chosen.start_method, debug=chosen.debug),
    )
    summary = run_setup(setup, options, beside=_page if web else None)
    print_page(summary.page())
    return summary


@contextmanager
def _page(run: Run) -> Iterator[None]:
    """Serve the page of a run that has been prepared; print the links before it begins."""
    from mimocorb.cli.web import page_beside

    assert run.directory is not None
    with page_beside(run.directory) as links:
        print_text(links)
        address = links.split("#")[0].split()[-1]
        text = f"in the browser: {address}; mimocorb web --link prints the links to it"
        run.log.add("INFO", "web", text)
        yield
