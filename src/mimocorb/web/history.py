"""Rates, dead time and fill of a run against time, for as long as it takes, in little memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MOST_POINTS", "History"]

MOST_POINTS = 1200
FIELDS = ("throughput_hz", "dead_fraction", "fill")


class History:
    """Values of each buffer against time; when there are many, every second one is given up.

    A value is the mean of those that fell between two points, so that nothing is overlooked.
    """

    def __init__(self, interval_s: float = 0.5) -> None:
        self.interval_s = interval_s
        self.times_s: list[float] = []
        self.values: dict[str, dict[str, list[float | None]]] = {}
        self._sums: dict[tuple[str, str], tuple[float, int]] = {}
        self._next_s = 0.0

    def add(self, picture: Mapping[str, Any]) -> None:
        """Take the values of one moment."""
        now_s = picture["seen_s"]
        for buffer in picture["buffers"]:
            slots = buffer["slots"]
            given = {
                "throughput_hz": buffer["throughput_hz"],
                "dead_fraction": buffer["dead_fraction"],
                "fill": buffer["filled"] / slots if slots else None,
            }
            for field, value in given.items():
                if value is not None:
                    total, count = self._sums.get((buffer["name"], field), (0.0, 0))
                    self._sums[buffer["name"], field] = (total + value, count + 1)
        if now_s >= self._next_s:
            self._next_s = now_s + self.interval_s
            self._close(now_s, [buffer["name"] for buffer in picture["buffers"]])

    def _close(self, now_s: float, names: list[str]) -> None:
        for name in names:
            if name not in self.values:
                self.values[name] = {field: [None] * len(self.times_s) for field in FIELDS}
        self.times_s.append(now_s)
        for name, fields in self.values.items():
            for field, values in fields.items():
                total, count = self._sums.get((name, field), (0.0, 0))
                values.append(total / count if count else None)
        self._sums.clear()
        if len(self.times_s) >= MOST_POINTS:
            self._halve()

    def _halve(self) -> None:
        """Put each two points into one."""
        self.interval_s *= 2
        self.times_s = self.times_s[1::2]
        for fields in self.values.values():
            for field, values in fields.items():
                pairs = zip(values[::2], values[1::2], strict=False)
                fields[field] = [_mean(first, second) for first, second in pairs]

    def since(self, time_s: float) -> dict[str, Any]:
        """Return the points behind this time."""
        first = next((n for n, each in enumerate(self.times_s) if each > time_s), len(self.times_s))
        return {
            "interval_s": self.interval_s,
            "times_s": self.times_s[first:],
            "buffers": {
                name: {field: values[first:] for field, values in fields.items()}
                for name, fields in self.values.items()
            },
        }


def _mean(first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    return sum(known) / len(known) if known else None
