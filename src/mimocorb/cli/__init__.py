"""The command line: ``mimocorb COMMAND``; ``run_daq.py`` is ``mimocorb run``.

One module here for each command, with a function ``add(commands)`` that describes the command to
argparse and names the function that carries it out; that one returns the exit code. They are
imported where a Ctrl-C is answered by a message: that takes a good part of a second.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

__all__ = ["COMMANDS", "INTERRUPTED", "main", "run_daq"]

COMMANDS = (
    "run",
    "check",
    "graph",
    "convert",
    "describe",
    "devices",
    "doctor",
    "new",
    "files",
    "rerun",
    "scan",
    "histograms",
    "finish",
    "schema",
    "runs",
    "report",
    "compare",
    "status",
    "top",
    "steer",
    "web",
    "engine",
)
"""The modules, in the order in which the help lists what they do."""

INTERRUPTED = 130

_OTHER_WORDS = {
    "replay": "To process what a run has left: mimocorb finish RUN; all that a run has recorded: "
    "mimocorb rerun RUN; recorded events in a set-up: a source with function: replay",
    **{
        word: f"For recorded files there is: mimocorb files {word}"
        for word in ("info", "head", "verify", "recover", "export", "formats")
    },
}
"""What somebody may look for under a word that is no command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return _guarded(_parser, arguments)


def run_daq(arguments: Sequence[str] | None = None) -> int:
    """Run the command line of ``run_daq.py``: ``mimocorb run`` without saying so."""
    return _guarded(_run_daq_parser, arguments)


def _parser() -> argparse.ArgumentParser:
    import mimocorb
    from mimocorb.cli.common import Parser

    parser = Parser(
        prog="mimocorb",
        description="Data acquisition with ring buffers: run, check or draw a set-up.",
    )
    interface = f"with the interface of mimoCoRB {mimocorb.MANUAL_RELEASE}"
    version = f"mimocorb {mimocorb.__version__}, {interface}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"mimocorb.cli.{name}").add(commands)
    return parser


def _run_daq_parser() -> argparse.ArgumentParser:
    from mimocorb.cli import run
    from mimocorb.cli.common import Parser

    parser = Parser(prog="run_daq.py", description="Take data as a set-up file says.")
    run.add_arguments(parser)
    return parser


def _guarded(
    new_parser: Callable[[], argparse.ArgumentParser], arguments: Sequence[str] | None
) -> int:
    """Carry a command out, interrupted or not: no traceback for what needs none."""
    try:
        try:
            return _carried_out(new_parser, arguments)
        finally:
            if arguments is None:  # this is the program, and all is done
                _ignore_interrupts()
    except BaseException as error:
        if not _is_interrupt(error):
            raise
        print("mimocorb: interrupted, nothing was started", file=sys.stderr)
        return INTERRUPTED


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether a Ctrl-C is at the bottom of it: classes that are just being made wrap it up."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _ignore_interrupts() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _carried_out(
    new_parser: Callable[[], argparse.ArgumentParser], arguments: Sequence[str] | None
) -> int:
    """Carry a command out; an error that mimocorb understands is one message."""
    from mimocorb.cli.common import BAD_USAGE, FAILED, complain, output, print_problems
    from mimocorb.errors import MimocorbError, SetupError
    from mimocorb.model.problem import Problem
    from mimocorb.run.workers.standard_streams import open_missing_streams

    open_missing_streams()
    output.begin()
    try:
        parser = new_parser()
        words = sys.argv[1:] if arguments is None else arguments
        if parser.prog == "mimocorb" and words and words[0] in _OTHER_WORDS:
            word = words[0]
            raise SetupError(f"there is no command {word!r}. {_OTHER_WORDS[word]}")
        if parser.prog == "mimocorb" and not words:
            words = ["--help"]
        chosen = parser.parse_args(words)
        code = int(chosen.action(chosen))
    except SystemExit as end:  # of argparse: --help, --version, or bad usage
        if end.code in (None, 0) and output.trouble:
            code = 0
        else:
            raise
    except MimocorbError as error:
        if problems := [each for each in error.args if isinstance(each, Problem)]:
            print_problems(chosen.setup, problems)
        else:
            complain(f"mimocorb: {error}")
        code = BAD_USAGE if isinstance(error, SetupError) else FAILED
    except OSError as error:  # a file or a directory that is not ours to read, and the like
        what = f"{error.filename}: " if error.filename is not None else ""
        complain(f"mimocorb: {what}{error.strerror or error}")
        code = FAILED
    if output.trouble:
        complain(f"mimocorb: cannot write the output: {output.trouble}")
    return code or (FAILED if output.trouble else 0)
