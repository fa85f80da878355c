"""``mimocorb web [RUN]`` and ``mimocorb view RUN``: the page of a run in a browser."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mimocorb._json import to_json
from mimocorb.cli.common import OK, Commands, print_text
from mimocorb.cli.status import add_run
from mimocorb.setup.paths import RUNS_DIRECTORY

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.web.shown_run import ShownRun

__all__ = ["add", "page_beside"]

PACKAGES = ("starlette", "uvicorn", "websockets")
PAGE_NOTE = "web.json"
LINES_OF_LINKS = 3
BEGIN_TIMEOUT_S = 60.0
END_TIMEOUT_S = 1.0
LOOK_S = 0.05


def port(text: str) -> int:
    """Read the number of a port."""
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, found {text}")
    return number


def add(commands: Commands) -> None:
    """Describe the commands."""
    parser = commands.add_parser(
        "web",
        help="show a run that goes on in a browser",
        description="Serve the page of a run that goes on: scope, rates, data flow, log, control. "
        "Whoever has the first link can steer the run, with the second one only look. The run does "
        "not wait for the page, and goes on without it.",
    )
    parser.set_defaults(action=_web)
    add_run(parser)
    _add_arguments(parser)
    parser.add_argument(
        "--link", action="store_true", help="print the links of the page that is served already"
    )
    # What `run --web` uses: the directory of a run that is about to begin.
    parser.add_argument("--awaited", action="store_true", help=argparse.SUPPRESS)
    parser = commands.add_parser(
        "view",
        help="show a run that has ended in a browser",
        description="Serve the page of a run that has ended, from its record and its recordings.",
    )
    parser.set_defaults(action=_view, awaited=False)
    parser.add_argument(
        "run", metavar="RUN", help=f"the directory of the run, or its number in {RUNS_DIRECTORY}"
    )
    _add_arguments(parser)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=port, metavar="N", help="where to listen (default: a free one from 8765 on)"
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address of this machine to listen at (default: 127.0.0.1, for this machine only)",
    )
    parser.add_argument(
        "--host-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which others call the page, as with a proxy (repeatable)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def _web(chosen: argparse.Namespace) -> int:
    _needs_packages()
    from mimocorb.web.shown_run import LiveRun

    if chosen.link:
        return _print_link(chosen.run)
    if chosen.awaited:
        directory = Path(chosen.run)
        return _serve(directory, lambda: _awaited(directory), chosen)
    run = LiveRun(chosen.run)
    return _serve(run.directory, lambda: run, chosen)


def _view(chosen: argparse.Namespace) -> int:
    _needs_packages()
    from mimocorb.run.record.catalogue import run_directory
    from mimocorb.web.shown_run import EndedRun

    run = EndedRun(run_directory(RUNS_DIRECTORY, chosen.run))
    return _serve(run.directory, lambda: run, chosen)


def _needs_packages() -> None:
    """Raise an error that says what to install, if something is missing."""
    from importlib.util import find_spec

    from mimocorb.errors import MimocorbError

    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MimocorbError(
            f"the page of a run needs {', '.join(missing)}: pip install 'mimocorb[web]'"
        )


def _awaited(directory: Path) -> ShownRun:
    """Return the run in this directory as soon as it can be asked."""
    from mimocorb.errors import RunUnreachable
    from mimocorb.web.shown_run import LiveRun

    deadline_s = time.monotonic() + BEGIN_TIMEOUT_S
    while True:
        try:
            return LiveRun(str(directory))
        except RunUnreachable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(LOOK_S)


def _until_parent_ends() -> None:
    """Return when the run has ended: it holds the other end of our standard input."""
    sys.stdin.buffer.read()


def _links(directory: Path, page: str) -> str:
    from mimocorb.web.tokens import tokens_of

    tokens = tokens_of(directory)
    return (
        f"{directory.name} in the browser\n"
        f"  to steer:     {page}#{tokens.operator}\n"
        f"  only to look: {page}#{tokens.viewer}"
    )


def _print_link(run: str | None) -> int:
    """Print the links of a page that is served already."""
    import json

    from mimocorb.errors import RunUnreachable
    from mimocorb.run.remote.running_runs import find_run

    found = find_run(run).status
    assert found is not None
    try:
        page = json.loads((found.directory / PAGE_NOTE).read_text())["page"]
    except (OSError, ValueError, KeyError) as error:
        raise RunUnreachable(f"{found.name} has no page yet: mimocorb web {found.name}") from error
    print_text(_links(found.directory, page))
    return OK


def _serve(directory: Path, begin: Callable[[], ShownRun], chosen: argparse.Namespace) -> int:
    from mimocorb.run.workers.processes import show_as
    from mimocorb.web.server import serve

    note = directory / PAGE_NOTE

    def tell(page: str) -> None:
        print_text(_links(directory, page))
        if not chosen.awaited:
            print_text("Ctrl-C ends the page, not the run.")
        sys.stdout.flush()
        with suppress(OSError):
            note.write_text(to_json({"page": page}) + "\n")
        if chosen.open:
            import webbrowser

            webbrowser.open(_links(directory, page).splitlines()[1].split()[-1])

    show_as("mimocorb web")
    try:
        with suppress(KeyboardInterrupt):
            serve(
                directory,
                begin,
                tell,
                port=chosen.port,
                address=chosen.address,
                host_names=chosen.host_name,
                as_long_as=_until_parent_ends if chosen.awaited else None,
            )
    finally:
        with suppress(OSError):
            note.unlink()
    return OK


@contextmanager
def page_beside(directory: Path) -> Iterator[str]:
    """Serve the page of a run that is about to begin in this directory, as long as it goes on.

    Yields the links. When the run is over, the page is served until nobody looks any more.

    Raises
    ------
    MimocorbError
        The page cannot be served.
    """
    from mimocorb.errors import MimocorbError

    _needs_packages()
    command = [sys.executable, "-m", "mimocorb.cli", "web", str(directory), "--awaited"]
    # A session of its own: Ctrl-C lets the run end in order, and the page shows that.
    page = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert page.stdout is not None
    assert page.stderr is not None
    lines = [page.stdout.readline() for _ in range(LINES_OF_LINKS)]
    if not lines[-1]:
        page.kill()
        raise MimocorbError(page.stderr.read().strip().removeprefix("mimocorb: "))
    try:
        yield "".join(lines).rstrip()
    finally:
        # It goes on as long as somebody looks, for the end of this run and for the next one.
        for pipe in (page.stdin, page.stdout, page.stderr):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            page.wait(END_TIMEOUT_S)
