"""Which known name somebody may have meant. Alone, as worker processes need it and no reader."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(asked: object, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``asked``; ``None`` if none does.

    Names that differ in their numbers only, such as RB_4 and RB_3, are not taken for each other.
    """
    folded = str(asked)[:100].casefold()
    by_folded = {name.casefold(): name for name in known}
    others = [name for name in by_folded if name == folded or _text(name) != _text(folded)]
    found = difflib.get_close_matches(folded, others, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def _text(name: str) -> str:
    return re.sub(r"\d+", "0", name)
