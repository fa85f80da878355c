"""Which known name somebody may have meant. Alone, as worker processes need it and no reader."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(asked: object, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``asked``; ``None`` if none does."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(str(asked)[:100].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None
