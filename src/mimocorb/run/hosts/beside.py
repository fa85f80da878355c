"""The program beside a run that is connected with other hosts: ``python -m …beside``.

It looks at its run as any client does, tells the other hosts, and hears them. With the run it
speaks over its standard streams, one JSON object a line. When the run has gone, it says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mimocorb._json import to_json
from mimocorb.errors import EngineError, MimocorbError
from mimocorb.model.engine import HostPart
from mimocorb.run.hosts.comparing import compare
from mimocorb.run.hosts.ledgers import came_into, complete_others, ledger_of
from mimocorb.run.hosts.network import Answers, Network
from mimocorb.run.hosts.partners import Partners
from mimocorb.run.hosts.told import Asked, Ledger, Told, host_view, sent_of
from mimocorb.run.record.connected import Connected, size
from mimocorb.run.remote.place import noted_socket
from mimocorb.run.remote.protocol import Request, RunStatus, status_from_plain, status_to_json
from mimocorb.run.remote.request import ask

__all__ = ["main"]

TELL_S = 1.0
LOOK_S = 0.1
KEEP_S = 5.0
CLOCKS_S = 2.0
LAST_S = 3.0
"""How long the end of a run waits for what other hosts have to say of it."""


class _Lines:
    """Lines that come through a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def lines(self, wait_s: float) -> list[bytes] | None:
        """Return the whole lines that come within a time; None when no more can come."""
        if not select.select([self._descriptor], [], [], wait_s)[0]:
            return []
        data = os.read(self._descriptor, 1 << 20)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines


class _Beside:
    """One run and its hosts.

    Parameters
    ----------
    about
        What the run has said first: its directory, its part, the text of its set-up.
    run
        What it says from now on.
    """

    def __init__(self, about: dict[str, Any], run: _Lines) -> None:
        self._run = run
        self._directory = Path(about["directory"])
        self._part = HostPart.of(about["part"])
        self._machine = os.uname().nodename
        text = about["setup_text"]
        self._setup_text = text
        self._hash = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
        self._partners = Partners(self._part, about["title"])
        self._came = came_into(self._directory, self._part)
        self._told: Told | None = None
        self._status = "{}"
        self._asked: Asked | None = None
        self._asked_s = 0.0
        self._requests = 0
        self._tell_s = self._keep_s = self._clocks_s = 0.0
        self._is_over = self._has_looked_back = False
        self._network = Network(self._part.engine, f"{self._part.host} {about['title']} presence")
        self._network.listen(
            self._part.host, self._directory.name, Answers(self._answer, self._setup_text)
        )

    def work(self) -> None:
        """Go on until the run says that it is over, or has gone."""
        while not self._is_over:
            for line in self._lines():
                self._take(line)
            now_s = time.monotonic()
            for told in self._network.heard():
                self._partners.heard(told, now_s)
            if now_s >= self._tell_s:
                self._tell_s = now_s + TELL_S
                self._look()
                self._look_at_others(now_s)
            self._pass_requests_on()

    # --- the run

    def _lines(self) -> list[dict[str, Any]]:
        """Return what the run says now; its end is the end of what it says."""
        lines = self._run.lines(LOOK_S)
        if lines is None:
            self._is_over = True
            self._last_words()
            return []
        return [json.loads(line) for line in lines]

    def _take(self, line: dict[str, Any]) -> None:
        if "asked" in line:
            self._requests += 1
            name = f"{self._part.host}/{self._directory.name}/{self._requests}"
            self._asked = Asked(name, line["asked"], line["by"])
            self._asked_s = time.monotonic()
            self._look()
        elif "ending" in line:
            connected = self._compared(line["ending"])
            self._say(
                connected=[asdict(each) for each in connected],
                clocks={host: asdict(clock) for host, clock in self._partners.clocks.items()},
            )

    def _look(self) -> None:
        """See how the run is, and tell it to the others."""
        for came in self._came.values():
            came.look()
        status = self._read_status()
        if status is not None:
            self._told = self._told_of(status)
            self._status = status_to_json(replace(status, lines=()))
        if self._told is None:
            return
        asked = self._asked
        if asked is not None:
            asked = replace(asked, ago_s=time.monotonic() - self._asked_s)
        self._told = replace(self._told, asked=asked)
        self._partners.is_own(self._told)
        self._network.tell(self._told)

    def _read_status(self) -> RunStatus | None:
        try:
            socket = noted_socket(self._directory)
            if socket is None:
                return None
            answer = ask(socket, Request("status", by=f"{self._part.host} for other hosts"), 2.0)
            return status_from_plain(answer["status"])
        except (MimocorbError, OSError, ValueError, KeyError):
            return None

    def _told_of(self, status: RunStatus) -> Told:
        reads: dict[str, list[str]] = {}
        came: dict[str, dict[str, int]] = {}
        for ring, about in self._part.reads.items():
            reads.setdefault(about.buffer, []).append(about.reader)
            known = came.setdefault(about.buffer, {})
            for name, ranges in self._came[ring].ranges.items():
                known[name] = max(known.get(name, 0), size(ranges))
        return Told(
            view=host_view(status, self._part, self._machine),
            hosts=tuple(self._part.hosts),
            writes={name: list(readers) for name, readers in self._part.writes.items()},
            reads=reads,
            published=sent_of(status.view, self._part),
            came=came,
            setup_hash=self._hash,
        )

    def _answer(self) -> tuple[Told, str] | None:
        told = self._told
        return None if told is None else (told, self._status)

    # --- the others

    def _look_at_others(self, now_s: float) -> None:
        if now_s >= self._clocks_s:
            self._clocks_s = now_s + CLOCKS_S
            for told in self._partners.there:
                clock = self._network.clock_of(told)
                if clock is not None:
                    self._partners.clock(told, clock)
        for told in list(self._partners.other_setups()):
            text = self._network.setup_of(told)
            if text is not None:
                self._partners.setup_differs(told, self._setup_text, text)
        alarms = self._partners.look(
            now_s, is_there=self._network.is_there, reason=self._network.reason
        )
        for alarm in alarms:
            self._say(alarm=asdict(alarm))
        self._say(hosts=[asdict(view) for view in self._partners.views(now_s)])
        if now_s >= self._keep_s:
            self._keep_s = now_s + KEEP_S
            if self._network.keep(self._ledger()) and not self._has_looked_back:
                self._has_looked_back = True
                complete_others(self._directory, self._network)

    def _pass_requests_on(self) -> None:
        for told, asked in self._partners.requests:
            self._say(command=asked.command, by=f"host {told.view.host}, asked there by {asked.by}")
        self._partners.requests.clear()

    def _say(self, **content: Any) -> None:
        """Tell the run something; if it does not listen any more, it is over."""
        try:
            print(to_json(content), flush=True)
        except OSError:
            self._is_over = True

    # --- the end

    def _ledger(self, published: dict[str, int] | None = None) -> Ledger:
        """Return what is kept of this run."""
        if published is None:
            published = self._told.published if self._told else {}
        return ledger_of(self._directory, self._part, published, self._came)

    def _compared(self, published: dict[str, int]) -> list[Connected]:
        """Compare this run, which has ended, with the others; waits for those that are ending."""
        for came in self._came.values():
            came.look()
        if self._told is not None:
            self._told = replace(self._told, published=published)
        own = self._ledger(published)
        own = replace(own, record={**own.record, "state": "ended"})
        with suppress(EngineError):  # a short run may be over before the engine is reached
            self._network.connect()
        kept = self._network.keep(own)
        end_s = time.monotonic() + LAST_S
        while True:
            ledgers: list[Ledger] = []
            if kept:
                with suppress(EngineError):
                    ledgers = self._network.kept()
            found = compare(own, ledgers, self._network.waits_for)
            if all(each.compared for each in found) or time.monotonic() > end_s or not kept:
                return found
            time.sleep(LOOK_S)

    def _last_words(self) -> None:
        """Say that the run has ended, or that it has gone without a word."""
        ledger = self._ledger()
        state = str(ledger.record.get("state"))
        if state not in ("ended", "given up"):
            state = "killed"
            ledger.record["state"] = state
        self._network.keep(ledger)
        if self._told is not None:
            result = ledger.record.get("result") or {}
            view = self._told.view
            view = replace(view, state=state, cause=result.get("reason") or view.cause, alarms=())
            self._network.tell(replace(self._told, view=view))
            self._network.flush()

    def close(self) -> None:
        """Leave the engine."""
        self._network.close()


def main() -> None:
    """Work beside the run that has started this program."""
    run = _Lines(0)
    lines: list[bytes] | None = []
    while lines == []:
        lines = run.lines(LOOK_S)
    if lines is None:
        return
    beside = _Beside(json.loads(lines[0]), run)
    try:
        beside.work()
    finally:
        beside.close()


if __name__ == "__main__":
    main()
