"""Worker functions of set-ups with several hosts."""

from __future__ import annotations

import time

import mimocorb as mc

BEGIN_NS = 1_700_000_000_123_456_789


@mc.source
def numbered(*, events: int = 1000, pause_s: float = 0.0):
    """Make events that know which they are."""
    for number in range(events):
        time.sleep(pause_s)
        yield {"number": number}, {"counter": number, "time_ns": BEGIN_NS + number}


@mc.filter
def half(event):
    """Keep every second event."""
    return bool(event["number"][0] % 2)
