"""The command line: ``mimocorb run SETUP``, ``check``, ``graph``; ``run_daq.py`` is the first."""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mimocorb
from mimocorb.errors import MimocorbError

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb._setup.model import Setup

__all__ = ["main", "run_daq"]

OK, FAILED, BAD_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="mimocorb",
        description="Data acquisition with ring buffers: run, check or draw a set-up.",
    )
    parser.add_argument("--version", action="version", version=f"mimocorb {mimocorb.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="take data as a set-up file says")
    _add_run_arguments(run)
    check = commands.add_parser("check", help="list everything that is wrong with a set-up")
    check.add_argument("setup", metavar="SETUP", help="the set-up file")
    graph = commands.add_parser("graph", help="draw which worker feeds which buffer")
    graph.add_argument("setup", metavar="SETUP", help="the set-up file")
    chosen = parser.parse_args(arguments)
    actions = {"run": _run, "check": _check, "graph": _graph}
    return _guarded(actions[chosen.command], chosen)


def run_daq(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of ``run_daq.py``: ``mimocorb run`` without saying so."""
    parser = argparse.ArgumentParser(
        prog="run_daq.py", description="Take data as a set-up file says."
    )
    _add_run_arguments(parser)
    return _guarded(_run, parser.parse_args(arguments))


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("setup", metavar="SETUP", help="the set-up file")
    parser.add_argument(
        "--events", type=_count, metavar="N", help="end after N events in the first buffer"
    )
    parser.add_argument(
        "--time", type=_seconds, metavar="S", help="end after S seconds of data taking"
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
        type=_seconds,
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


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {text}")
    return value


_count.__name__ = "whole number"  # argparse puts it into its message


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be a time in seconds above 0, found {text}")
    return value


_seconds.__name__ = "number"


def _guarded(action: Any, chosen: argparse.Namespace) -> int:
    """Call; an error that mimocorb understands is one message and no traceback."""
    try:
        return int(action(chosen))
    except MimocorbError as error:
        print(f"mimocorb: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("mimocorb: interrupted, nothing was started", file=sys.stderr)
        return INTERRUPTED


def _print(text: str) -> None:
    """Print; that nobody reads it, as after ``| head -1``, is no failure of the command."""
    from mimocorb._run.terminal import say

    if sys.stdout is not None and not say(text.rstrip("\n"), sys.stdout):
        # What is left in the stream would fail again at the exit of Python.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        os.dup2(sys.stdout.fileno(), 1)


def _read(chosen: argparse.Namespace, overrides: dict[str, Any] | None = None) -> Setup | None:
    from mimocorb._setup.dialects import read_setup_or_problems
    from mimocorb._setup.model import format_problems

    setup, problems = read_setup_or_problems(chosen.setup, overrides)
    if problems:
        print(format_problems(problems), file=sys.stderr)
    if setup is None:
        errors = sum(problem.severity == "error" for problem in problems)
        noun = "error" if errors == 1 else "errors"
        print(f"{chosen.setup}: {errors} {noun}, nothing was started", file=sys.stderr)
    return setup


def _check(chosen: argparse.Namespace) -> int:
    if _read(chosen) is None:
        return BAD_USAGE
    _print(f"{chosen.setup}: no errors")
    return OK


def _graph(chosen: argparse.Namespace) -> int:
    from mimocorb._setup.graph import Graph

    setup = _read(chosen)
    if setup is None:
        return BAD_USAGE
    _print(Graph(setup).text())
    return OK


def _run(chosen: argparse.Namespace) -> int:
    overrides = {
        "runevents": chosen.events,
        "runtime_s": chosen.time,
        "output_directory": chosen.output,
    }
    setup = _read(chosen, overrides)
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
    _print(summary.text())
    return summary.exit_code


if __name__ == "__main__":
    sys.exit(main())
