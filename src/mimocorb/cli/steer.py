"""``mimocorb pause``, ``resume`` and ``stop``: steer a run from another terminal."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mimocorb.cli import INTERRUPTED
from mimocorb.cli.common import FAILED, OK, Commands, complain, print_text, seconds
from mimocorb.cli.status import add_run

# The rest is imported on use, where a Ctrl-C is answered by a message.
if TYPE_CHECKING:
    from mimocorb.run.record.run_result import RunResult
    from mimocorb.run.remote.client import RunClient
    from mimocorb.run.remote.protocol import RunStatus

__all__ = ["add"]

PROGRESS_INTERVAL_S = 2.0


def add(commands: Commands) -> None:
    """Describe the commands."""
    for verb, does in (("pause", "pause data taking"), ("resume", "go on after a pause")):
        parser = commands.add_parser(verb, help=does)
        parser.set_defaults(action=_pause_or_resume, verb=verb)
        add_run(parser)
        _add_timeout(parser, "give up waiting for it after S seconds (default: 10)", 10.0)
    parser = commands.add_parser(
        "acknowledge", help="say that somebody knows of the alarms of a run"
    )
    parser.set_defaults(action=_acknowledge)
    add_run(parser)
    parser = commands.add_parser(
        "stop",
        help="end a run: process what has been taken, then end",
        description="End a run: take no more data, process what has been taken, and wait for the "
        "end. The exit code is 0 only if everything was processed.",
    )
    parser.set_defaults(action=_stop)
    add_run(parser)
    parser.add_argument(
        "--now", action="store_true", help="do not process what has been taken: it is lost"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="return as soon as no more data are taken"
    )
    _add_timeout(parser, "wait for S seconds at most; the run goes on ending", None)


def _add_timeout(parser: argparse.ArgumentParser, text: str, default_s: float | None) -> None:
    parser.add_argument("--timeout", type=seconds, metavar="S", default=default_s, help=text)


def _pause_or_resume(chosen: argparse.Namespace) -> int:
    from mimocorb.run.remote.running_runs import connect

    with connect(chosen.run, by=f"mimocorb {chosen.verb}") as run:
        command = run.pause if chosen.verb == "pause" else run.resume
        print_text(f"{run.name}: {command(chosen.timeout).state.value}")
    return OK


def _acknowledge(chosen: argparse.Namespace) -> int:
    from mimocorb.run.remote.running_runs import connect
    from mimocorb.run.wording import alarm_line

    with connect(chosen.run, by="mimocorb acknowledge") as run:
        new = [alarm.first_utc for alarm in run.status().view.alarms if not alarm.acknowledged_by]
        alarms = run.acknowledge().view.alarms
        shown = [alarm_line(alarm) for alarm in alarms if alarm.first_utc in new]
        for text in shown or [f"{run.name}: there is no alarm that nobody knows of"]:
            print_text(text)
    return OK


def _stop(chosen: argparse.Namespace) -> int:
    from mimocorb.errors import RunUnreachable
    from mimocorb.run.remote.running_runs import connect

    try:
        run = connect(chosen.run, by="mimocorb stop --now" if chosen.now else "mimocorb stop")
    except RunUnreachable:
        ended = _ended_meanwhile(chosen.run)
        if ended is None:
            raise
        name, result = ended
        return _tell_end(name, result.reason, result.failures)
    with run:
        deadline_s = time.monotonic() + (chosen.timeout or math.inf)
        if chosen.timeout is None:
            status = run.stop(now=chosen.now)
        else:
            status = run.stop(now=chosen.now, timeout_s=chosen.timeout)
        print_text(f"{run.name}: {_progress(status)}")
        if chosen.no_wait:
            return OK
        try:
            status = _wait(run, deadline_s)
        except KeyboardInterrupt:
            complain(f"mimocorb: {run.name} goes on ending by itself")
            return INTERRUPTED
    return _tell_end(run.name, status.view.reason, status.failures)


def _tell_end(name: str, reason: str, failures: Sequence[str]) -> int:
    print_text(f"{name}: ended, {reason}")
    for failure in failures:
        complain(f"mimocorb: {failure}")
    return FAILED if failures else OK


def _ended_meanwhile(run: str | None) -> tuple[str, RunResult] | None:
    """Return the run that has ended while this command was being started: others stop runs, too."""
    from mimocorb.errors import RunRecordError
    from mimocorb.run.record.catalogue import newest_run, run_directory
    from mimocorb.run.record.run_record import read_record
    from mimocorb.run.workers.processes import age_s
    from mimocorb.setup.paths import RUNS_DIRECTORY

    try:
        directory = (
            newest_run(RUNS_DIRECTORY) if run is None else run_directory(RUNS_DIRECTORY, run)
        )
        record = read_record(directory)
    except RunRecordError:
        return None
    if record.result is None or record.ended_utc is None:
        return None
    ended_s = datetime.fromisoformat(record.ended_utc).timestamp()
    return (directory.name, record.result) if ended_s > time.time() - age_s() else None


def _progress(status: RunStatus) -> str:
    from mimocorb.run.wording import drain_progress

    if status.ended:
        return status.state.value
    return f"{status.state.value}, {', '.join(drain_progress(status.view))}"


def _wait(run: RunClient, deadline_s: float) -> RunStatus:
    """Wait for the end and say now and then how far it is."""
    from mimocorb.errors import CommandTimeout

    said = ""
    while True:
        left_s = deadline_s - time.monotonic()
        try:
            return run.wait(max(0.0, min(PROGRESS_INTERVAL_S, left_s)))
        except CommandTimeout:
            status = run.status()
            now = _progress(status)
            if left_s <= PROGRESS_INTERVAL_S and not status.ended:
                raise CommandTimeout(
                    f"{run.name} is not over yet ({now}); it goes on ending by itself, "
                    "mimocorb stop --now ends it at once"
                ) from None
            if now != said:
                print_text(f"{run.name}: {now}")
                said = now
