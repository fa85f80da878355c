"""The command line: ``mimocorb COMMAND``; ``run_daq.py`` is ``mimocorb run``.

One module here for each command, with a function ``add(commands)`` that describes the command to
argparse and names the function that carries it out; that one returns the exit code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import mimocorb
from mimocorb._run.workers.standard_streams import open_missing_streams
from mimocorb.cli import (
    check,
    convert,
    describe,
    graph,
    new,
    replay,
    run,
    runs,
    schema,
    status,
    steer,
)
from mimocorb.cli.common import FAILED, INTERRUPTED
from mimocorb.errors import MimocorbError

__all__ = ["main", "run_daq"]

COMMANDS = (run, check, graph, convert, describe, new, replay, schema, runs, status, steer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    open_missing_streams()
    parser = argparse.ArgumentParser(
        prog="mimocorb",
        description="Data acquisition with ring buffers: run, check or draw a set-up.",
    )
    parser.add_argument("--version", action="version", version=f"mimocorb {mimocorb.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return _guarded(parser.parse_args(arguments))


def run_daq(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of ``run_daq.py``: ``mimocorb run`` without saying so."""
    open_missing_streams()
    parser = argparse.ArgumentParser(
        prog="run_daq.py", description="Take data as a set-up file says."
    )
    run.add_arguments(parser)
    return _guarded(parser.parse_args(arguments))


def _guarded(chosen: argparse.Namespace) -> int:
    """Carry the command out; an error that mimocorb understands is one message, no traceback."""
    try:
        return int(chosen.action(chosen))
    except MimocorbError as error:
        print(f"mimocorb: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("mimocorb: interrupted, nothing was started", file=sys.stderr)
        return INTERRUPTED
