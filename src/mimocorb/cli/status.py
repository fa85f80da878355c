"""``mimocorb status [RUN]``: what runs are doing, from another terminal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from mimocorb.cli.common import FAILED, OK, Commands, output, print_picture, print_text

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.run.remote.client import RunClient
    from mimocorb.run.remote.protocol import RunStatus
    from mimocorb.run.remote.running_runs import Found

__all__ = ["add", "add_run", "watch"]

LINE_INTERVAL_S = 5.0
WIDEST = 120


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "status",
        help="show what runs are doing",
        description="Show what a run is doing. Without RUN list the runs of this user; a single "
        "one is shown in full.",
    )
    parser.set_defaults(action=status)
    add_run(parser)
    parser.add_argument("--watch", action="store_true", help="go on showing it until it ends")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--engine",
        metavar="SETUP|URL",
        help="show the runs of all hosts that are connected by this engine: a set-up file that"
        " names it, or its address; RUN is the name of a host then",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a run."""
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="directory, number, or a part of the name of the run (default: the only one)",
    )


def status(chosen: argparse.Namespace) -> int:
    """Show one run, or list those that are running."""
    from mimocorb.run.remote.running_runs import connect, find_run, running_runs

    if chosen.engine is not None:
        return _hosts(chosen)
    if chosen.watch:
        with connect(chosen.run, by="mimocorb status") as run:
            return watch(run, as_json=chosen.json)
    found = running_runs() if chosen.run is None else [find_run(chosen.run)]
    if chosen.json:
        from mimocorb._json import to_json

        plain = [_plain(one) for one in found]
        print_text(to_json(plain if chosen.run is None else plain[0], indent=2))
    elif not found:
        from mimocorb.run.remote.place import user_name

        print_text(f"no run of {user_name(os.geteuid())} is running")
    elif len(found) == 1 and found[0].status is not None:
        _print_page(found[0].status)
    else:
        from mimocorb.run.remote.running_runs import label

        for one in found:
            print_text(label(one))
    return OK if found else FAILED


def _hosts(chosen: argparse.Namespace) -> int:
    """Show the runs of all hosts, or of one."""
    from mimocorb._json import to_json
    from mimocorb.cli.hosts_view import hosts_page
    from mimocorb.errors import SetupError
    from mimocorb.run.hosts.look import engine_named, hosts_at, status_of_host
    from mimocorb.run.remote.protocol import status_to_json

    if chosen.watch:
        raise SetupError("--watch follows a run of this machine; leave --engine out")
    engine = engine_named(chosen.engine)
    if chosen.run is not None:
        status = status_of_host(engine, chosen.run)
        if chosen.json:
            print_text(status_to_json(status))
        else:
            _print_page(status)
        return OK
    found = hosts_at(engine)
    if chosen.json:
        print_text(to_json([status for _, status in found], indent=2))
    elif found:
        print_picture(lambda width: hosts_page([told.view for told, _ in found], width))
    else:
        print_text(f"no run of a host is connected by the engine at {engine.nats}")
    return OK if found else FAILED


def _plain(found: Found) -> object:
    from mimocorb.run.remote.protocol import status_to_json

    if found.status is None:
        return {"socket": str(found.path), "trouble": found.trouble}
    return json.loads(status_to_json(found.status))


def _print_page(status: RunStatus) -> None:
    """Print everything about one run."""
    from mimocorb.run.screen.picture import render
    from mimocorb.run.wording import alarm_line, warned_workers

    print_text(
        f"{status.label}, process {status.pid} of {status.user}, mimocorb {status.mimocorb}\n"
        f"in {status.directory}\n"
    )
    print_picture(lambda width: render(status.view, (), min(width, WIDEST), None))
    if status.view.hosts:
        from mimocorb.cli.hosts_view import hosts_page

        print_text("\nOther hosts")
        print_picture(lambda width: hosts_page(status.view.hosts, min(width, WIDEST)))
    alarms = [alarm_line(alarm) for alarm in status.view.alarms]
    warnings = [*status.warnings, *warned_workers(status.view)]
    for title, texts in (("Alarms", alarms), ("Failures", status.failures), ("Warnings", warnings)):
        if texts:
            print_text("\n".join(["", title, *(f"  - {text}" for text in texts)]))


def watch(run: RunClient, *, as_json: bool) -> int:
    """Show a run until it ends, or until Ctrl-C."""
    from mimocorb.cli.top import watch_live
    from mimocorb.run.screen.terminal import can_be_drawn_on

    try:
        if as_json:
            _watch_as_json(run)
        elif can_be_drawn_on(sys.stdout):
            watch_live(run)
        else:
            _watch_as_lines(run)
    except KeyboardInterrupt:
        print_text(f"{run.name} goes on")
        return OK
    last = run.status()
    if output.is_over:
        return OK
    if not as_json:
        print_text(f"{run.name} has ended: {last.view.reason}")
    return FAILED if last.failures else OK


def _watch_as_lines(run: RunClient) -> None:
    from mimocorb.run.wording import status_line

    while not (now := run.status()).ended and not output.is_over:
        print_text(f"{run.name} {status_line(now.view)}")
        _wait(run, LINE_INTERVAL_S)


def _watch_as_json(run: RunClient) -> None:
    from mimocorb.run.remote.protocol import status_to_json

    while True:
        now = run.status()
        print_text(status_to_json(now))
        if now.ended or output.is_over:
            return
        _wait(run, 1.0)


def _wait(run: RunClient, timeout_s: float) -> None:
    """Wait for the end of the run, at most so long."""
    from mimocorb.errors import CommandTimeout

    with suppress(CommandTimeout):
        run.wait(timeout_s)
