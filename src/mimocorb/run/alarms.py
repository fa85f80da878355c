"""Alarms of a run: what somebody should know now, who is perhaps not looking.

An alarm is of one kind and about one subject: a worker, a buffer, a disk. It *goes on*, from
:meth:`Alarms.begin` to :meth:`Alarms.end`, or it is over as soon as it is told
(:meth:`Alarms.tell`). Whoever finds something out calls these; how it reaches people is decided
here: the log, the view, the record and the summary of the run, and the program that the set-up
names as ``on_alarm``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mimocorb._texts import plain_text
from mimocorb.model import Setup
from mimocorb.run.alarm import Alarm, AlarmKind
from mimocorb.run.alarm_command import AlarmCommand
from mimocorb.run.findings import Findings
from mimocorb.run.run_log import utc

__all__ = ["Alarms"]

LONGEST_TEXT = 4000
"""For the environment of a program, which the system limits."""


class Alarms:
    """The alarms of one run.

    Parameters
    ----------
    setup
        What is run; names the program for alarms.
    findings
        Gets what there is to tell.
    timeout_s
        For how long the program for an alarm may run.
    """

    def __init__(self, setup: Setup, findings: Findings, timeout_s: float) -> None:
        self._findings = findings
        self._known: dict[tuple[AlarmKind, str], Alarm] = {}
        self._began_s: dict[tuple[AlarmKind, str], float] = {}
        self._about_run: Mapping[str, str] = {"MIMOCORB_RUN_TITLE": plain_text(setup.title)}
        self._command: AlarmCommand | None = None
        if setup.on_alarm:
            self._command = AlarmCommand(setup.on_alarm, setup.base_directory, timeout_s, findings)

    def about_run(self, directory: Path, number: int | None) -> None:
        """Note which run this is, for the program."""
        self._about_run = {
            **self._about_run,
            "MIMOCORB_RUN_DIRECTORY": str(directory),
            "MIMOCORB_RUN_NUMBER": "" if number is None else str(number),
        }

    def begin(self, kind: AlarmKind, subject: str, text: str, *, already_s: float = 0.0) -> None:
        """Raise an alarm that goes on until :meth:`end`; one that does already gets the text.

        What it is about may have begun some time ago.
        """
        key = (kind, subject)
        if self._goes_on(key):
            self._known[key] = replace(self._known[key], text=text)
            return
        self._began_s[key] = time.monotonic() - already_s
        self._note(key, text, time.time() - already_s)
        self._findings.tell(f"alarm, {kind}: {text}", "WARNING")
        self._post(key, "begin", text)

    def end(self, kind: AlarmKind, subject: str, text: str) -> None:
        """End an alarm that goes on, with what is to be said; nothing happens if none does."""
        key = (kind, subject)
        if self._goes_on(key):
            self._close(key)
            self._findings.tell(f"alarm is over, {kind}: {text}")
            self._post(key, "end", text)

    def tell(self, kind: AlarmKind, subject: str, text: str, level: str | None = "WARNING") -> None:
        """Raise an alarm that is over at once; level None: it stands in the log already."""
        now_s = time.time()
        self._note((kind, subject), text, now_s, until_utc=utc(now_s))
        if level is not None:
            self._findings.tell(text, level)
        self._post((kind, subject), "once", text)

    def acknowledge(self, by: str) -> list[Alarm]:
        """Note that somebody knows of all alarms that there are; returns those that are new to him.

        An alarm that happens again is not acknowledged any more.
        """
        unknown = [key for key, alarm in self._known.items() if not alarm.acknowledged_by]
        for key in unknown:
            self._known[key] = replace(self._known[key], acknowledged_by=by)
            self._findings.tell(f"alarm acknowledged by {by}, {key[0]}: {self._known[key].text}")
        return [self._known[key] for key in unknown]

    def look(self) -> None:
        """See to the program; to be called each turn of the loop."""
        if self._command is not None:
            self._command.look()

    def view(self) -> tuple[Alarm, ...]:
        """Return what alarms there have been so far, each kind and subject once."""
        return tuple(
            replace(alarm, lasted_s=alarm.lasted_s + time.monotonic() - self._began_s[key])
            if self._goes_on(key)
            else alarm
            for key, alarm in self._known.items()
        )

    def run_ends(self) -> None:
        """Let nothing go on any more: the run is over."""
        for key in self._known:
            if self._goes_on(key):
                self._close(key)

    def finish(self, failure: str = "") -> list[str]:
        """Tell of a run that has failed, wait for the program, and return what it fails with."""
        if failure:
            self.tell(AlarmKind.RUN_FAILED, "run", failure, level=None)
        return self._command.finish() if self._command is not None else []

    def close(self) -> None:
        """Kill a program that still runs. Idempotent."""
        if self._command is not None:
            self._command.close()

    def _goes_on(self, key: tuple[AlarmKind, str]) -> bool:
        return key in self._known and self._known[key].until_utc is None

    def _note(
        self, key: tuple[AlarmKind, str], text: str, since_s: float, until_utc: str | None = None
    ) -> None:
        since_utc = utc(since_s)
        known = self._known.get(key, Alarm(*key, text, since_utc, since_utc, count=0))
        self._known[key] = replace(
            known,
            text=text,
            since_utc=since_utc,
            until_utc=until_utc,
            count=known.count + 1,
            acknowledged_by="",
        )

    def _close(self, key: tuple[AlarmKind, str]) -> None:
        known = self._known[key]
        lasted_s = known.lasted_s + time.monotonic() - self._began_s[key]
        self._known[key] = replace(known, until_utc=utc(time.time()), lasted_s=lasted_s)

    def _post(self, key: tuple[AlarmKind, str], state: str, text: str) -> None:
        if self._command is None:
            return
        kind, subject = key
        values = {
            **self._about_run,
            "MIMOCORB_ALARM": str(kind),
            "MIMOCORB_ALARM_STATE": state,
            "MIMOCORB_ALARM_SUBJECT": plain_text(subject),
            "MIMOCORB_ALARM_TEXT": plain_text(text)[:LONGEST_TEXT],
            "MIMOCORB_ALARM_TIME": utc(time.time()),
        }
        self._command.post(key, values)
