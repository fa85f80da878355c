"""The ledger of a run in words, for the summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mimocorb._words import count, how_many
from mimocorb.run.run_view import BufferView, RunView
from mimocorb.run.wording import PAGE_WIDTH, end_of

__all__ = ["ledger_lines"]

LONGEST_NAME = 14
"""Of a buffer in the ledger, so that there is room for its reader."""
FATES = {
    "aborted": "begun, and given back by the worker that writes",
    "torn": "left half written by a process that died",
    "refused": "no slot came within the time-out of the worker that writes",
    "set aside": "failed every time it was processed; kept in set_aside/",
    "saved": "not processed; kept for mimocorb finish",
    "lost": "published when no process was left for it, and not saved",
}
"""What may become of an event instead of being processed; said where it has happened."""


def ledger_lines(view: RunView) -> Iterable[str]:
    """Yield the ledger: first of the buffers, then of the groups that read them."""
    seen = set()
    rows: list[tuple[str, ...]] = [("buffer", "claimed", "published", "aborted", "torn")]
    for s in view.buffers:
        seen |= {word for word in ("aborted", "torn") if getattr(s, word)}
        if s.refused_full or s.refused_paused:
            seen.add("refused")
        rows.append((s.name, *map(count, (s.claimed, s.published, s.aborted, s.torn))))
    yield from _aligned(rows)
    yield ""
    rows, remarks = [("buffer", "published", "processed", "set aside", "saved", "lost")], ["by"]
    for s in view.buffers:
        for g in s.groups:
            fates = {"set aside": g.quarantined, "saved": g.saved, "lost": g.lost}
            seen |= {word for word, number in fates.items() if number}
            numbers = (g.expected, g.acknowledged, *fates.values())
            rows.append((s.name, *map(count, numbers)))
            remarks.append(g.reader)
    for line, remark in zip(_aligned(rows), remarks, strict=True):
        yield f"{line}  {end_of(remark, PAGE_WIDTH - len(line) - 2)}"
    for buffer in view.buffers:
        yield from _remarks(buffer)
    yield from (f"  {word}: {meaning}" for word, meaning in FATES.items() if word in seen)


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    """Yield sums with their numbers below each other: name, sum, and what it is made of."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], LONGEST_NAME)
    for name, *numbers in rows:
        total, *parts = map(str.rjust, numbers, widths[1:])
        yield f"  {end_of(name, widths[0]):<{widths[0]}} {total} = {' + '.join(parts)}"


def _remarks(buffer: BufferView) -> Iterable[str]:
    """Yield what the ledger of the groups does not say in its columns."""
    name = buffer.name
    for cause, refused in (("full", buffer.refused_full), ("paused", buffer.refused_paused)):
        if refused:
            yield f"  {name}: {how_many(refused, 'claim')} refused while {cause}"
    for group in buffer.groups:
        if group.due:
            yield f"  {name}: {count(group.due)} still due to {group.reader}"
        if group.redelivered:
            yield f"  {name}: {count(group.redelivered)} delivered again to {group.reader}"
    if not buffer.groups:
        yield f"  {name}: {count(buffer.published)} published, nobody reads this buffer"
