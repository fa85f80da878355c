"""The numbers at both ends of the buffers that connect runs, compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from mimocorb.run.hosts.told import Ledger
from mimocorb.run.record.connected import (
    Connected,
    Partner,
    Range,
    merged,
    minus,
    overlap,
)

__all__ = ["Came", "compare"]


class Came:
    """Numbers of the events that have come into a ring, from the file in which the run notes them.

    Parameters
    ----------
    path
        The file; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.ranges: dict[str, list[Range]] = {}
        """By ``HOST/RUN`` of the run that has sent them."""

    def look(self) -> None:
        """Read what has been noted since the last look."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        whole, end, _rest = content.rpartition(b"\n")
        self._read += len(whole) + len(end)
        new: dict[str, list[Range]] = {}
        for line in whole.splitlines():
            try:
                noted = json.loads(line)
            except ValueError:  # cut off when its process was killed
                continue
            if isinstance(noted, list) and len(noted) >= 6:
                host, run, _block, events, _behind, first = noted[:6]
                new.setdefault(f"{host}/{run}", []).append((first, first + events - 1))
        for name, ranges in new.items():
            self.ranges[name] = merged([*self.ranges.get(name, ()), *ranges])


def compare(
    own: Ledger, all_ledgers: Iterable[Ledger], waits_for: Callable[[str, str], int | None]
) -> list[Connected]:
    """Compare a run with those at the other end of its buffers.

    Parameters
    ----------
    own
        The run.
    all_ledgers
        All that are known.
    waits_for
        Returns how many messages of a buffer wait in the engine for its readers; None: not known.
        What waits there is not missing.
    """
    others = [each for each in all_ledgers if each.name != own.name]
    found = [*_sent_by(own, others), *_read_by(own, others)]
    return [
        replace(each, compared=False)
        if each.compared and each.missing and waits_for(each.buffer, each.reader) != 0
        else each
        for each in found
    ]


def _sent_by(own: Ledger, others: list[Ledger]) -> Iterator[Connected]:
    for buffer, named in own.readers.items():
        # Without Hosts, those who read it are in set-ups that this one does not know.
        others_read = {taken for o in others for name, taken in o.reads.values() if name == buffer}
        for reader in named or sorted(others_read):
            yield _compared(buffer, reader, own, [own, *others], is_sender=True)


def _read_by(own: Ledger, others: list[Ledger]) -> Iterator[Connected]:
    senders = {each.name: each for each in others}
    for ring, came in own.came.items():
        buffer, reader = own.reads[ring]
        for name in came:
            host, _, run = name.partition("/")
            sender = senders.get(name) or Ledger(host, run, "", {})
            yield _compared(buffer, reader, sender, [own, *others], is_sender=False)


def _compared(
    buffer: str, reader: str, sender: Ledger, ledgers: list[Ledger], *, is_sender: bool
) -> Connected:
    """Compare what one run has sent with what all runs of its readers have got."""
    readers = list(_readers(buffer, reader, sender.name, ledgers))
    came: list[Range] = []
    twice: list[Range] = []
    for each in readers:
        twice = merged([*twice, *overlap(came, each.came)])
        came = merged([*came, *each.came])
    sent = merged(sender.sent.get(buffer, ()))
    own_end = Partner(sender.host, sender.run, sender.number, ended=sender.has_ended)
    go_on = [
        each
        for each in ledgers
        if (buffer, reader) in map(tuple, each.reads.values()) and not _is_over(each, ledgers)
    ]
    is_over = _is_over(sender, ledgers) and bool(readers) and not go_on
    return Connected(
        buffer=buffer,
        direction="to" if is_sender else "from",
        reader=reader,
        partners=readers if is_sender else [own_end],
        sent=sent,
        came=came,
        missing=minus(sent, came),
        twice=twice,
        compared=is_over,
    )


def _is_over(ledger: Ledger, ledgers: list[Ledger]) -> bool:
    """Whether a run has ended: it says so, or its host has begun another one since.

    One that was killed with its network could not say so.
    """
    began = str(ledger.record.get("started_utc", ""))
    return ledger.has_ended or any(
        each.host == ledger.host
        and each.record.get("title") == ledger.record.get("title")
        and str(each.record.get("started_utc", "")) > began
        for each in ledgers
    )


def _readers(buffer: str, reader: str, sender: str, ledgers: list[Ledger]) -> Iterator[Partner]:
    """Yield the runs that have got events of a run under this name."""
    for each in ledgers:
        for ring, (name, taken_as) in each.reads.items():
            came = each.came.get(ring, {}).get(sender)
            if (name, taken_as) == (buffer, reader) and came:
                yield Partner(each.host, each.run, each.number, merged(came), each.has_ended)
