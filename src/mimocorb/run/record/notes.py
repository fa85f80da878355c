"""What people write about a run, while it goes on or later: comments, judgements of its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from mimocorb.errors import RunRecordError

__all__ = ["KINDS", "LONGEST_NOTE", "Note", "NoteKind", "checked_kind", "checked_text"]

LONGEST_NOTE = 1000

NoteKind = Literal["comment", "good", "doubtful", "bad"]
KINDS: Final[tuple[NoteKind, ...]] = ("comment", "good", "doubtful", "bad")
"""A comment, or the judgement of a person on the data; that of the run itself is its quality."""


@dataclass(frozen=True)
class Note:
    """One note.

    Parameters
    ----------
    time_utc
        UTC time at which it was written.
    by
        Who wrote it, or with which program.
    kind
        One of :data:`KINDS`.
    text
        The note.
    """

    time_utc: str
    by: str
    kind: NoteKind
    text: str


def checked_kind(kind: str) -> NoteKind:
    """Return the kind; :class:`RunRecordError` if there is none of this name."""
    for known in KINDS:
        if kind == known:
            return known
    raise RunRecordError(f"a note is one of {', '.join(KINDS)}, found {kind[:40]!r}")


def checked_text(text: str, kind: str) -> str:
    """Return the text of a note, without what cannot be printed.

    Raises
    ------
    RunRecordError
        It is empty, where a comment was meant, or too long.
    """
    kept = "".join(c for c in text if c.isprintable() or c == "\n").strip()
    if not kept and kind == "comment":
        raise RunRecordError("a comment needs a text")
    if len(kept) > LONGEST_NOTE:
        raise RunRecordError(f"a note has at most {LONGEST_NOTE} characters, found {len(kept)}")
    return kept
