"""Which known name somebody may have meant. Alone, as worker processes need it and no reader."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from mimocorb._texts import identifier

__all__ = ["did_you_mean", "nearest", "slip_of"]

_CLEAR = 0.7
_LEAD = 0.05


def nearest(asked: object, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``asked``; ``None`` if none does."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(str(asked)[:100].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(guess: str, asked: str) -> str:
    """Return the question; of names that look the same, with the letters in which they differ."""
    if guess == asked or identifier(guess) != identifier(asked):
        return f"did you mean {guess!r}?"
    letters = [(meant, found) for meant, found in zip(guess, asked, strict=False) if meant != found]
    (meant, found) = letters[0] if letters else (guess[-1], asked[-1])
    return (
        f"did you mean {guess!r}? They look the same, but a letter is another one: {_code(meant)},"
        f" not {_code(found)}; copy the name"
    )


def _code(letter: str) -> str:
    return f"U+{ord(letter):04X} ({unicodedata.name(letter, 'without a name').lower()})"


def slip_of(asked: str, known: Iterable[str], clear: float = _CLEAR) -> str | None:
    """Return the one known name that ``asked`` is a slip of, `clear` being the least likeness.

    ``None`` if several come close, or if ``asked`` may be the name of something else: nobody
    writes RB_3 for RB_4, or rate_top for rate_bottom.
    """
    likeness = {name: _likeness(asked, name) for name in known}
    best = max(likeness, key=lambda name: likeness[name], default=None)
    if best is None or likeness[best] < clear or _is_another(asked, best):
        return None
    others = (value for name, value in likeness.items() if name != best)
    return best if likeness[best] - max(others, default=0.0) >= _LEAD else None


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.casefold()[:100], other.casefold()).ratio()


def _is_another(asked: str, known: str) -> bool:
    """Whether the names are made alike, of parts that are not like each other."""
    parts = [re.findall(r"[0-9]+|[^\W\d_]+", name) for name in (asked, known)]
    return len(parts[0]) == len(parts[1]) and any(
        one != other and (one.isdecimal() or _likeness(one, other) < _CLEAR)
        for one, other in zip(*parts, strict=True)
    )
