"""How events of several buffers are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mimocorb.errors import SetupError

__all__ = ["Incomplete", "MergeBy", "MergeSettings", "window_fault"]

MergeBy = Literal["counter", "time"]
Incomplete = Literal["drop", "pass", "fail"]


@dataclass(frozen=True)
class MergeSettings:
    """How events are put together; ``merge`` in the configuration of a worker.

    Parameters
    ----------
    by
        ``"counter"``: events with the same counter belong together. ``"time"``: those whose
        timestamps are at most `window_s` later than that of the earliest.
    window_s
        The time window in seconds, for ``by="time"`` only.
    incomplete
        What happens to a set in which a source is missing: ``"drop"`` it, ``"pass"`` it on with
        None for what is missing, or ``"fail"``.
    timeout_s
        How long to wait for a source that has nothing, in seconds; ``None``: as long as it takes.

    Raises
    ------
    SetupError
        A value is impossible, or values contradict each other.
    """

    by: MergeBy = "counter"
    window_s: float | None = None
    incomplete: Incomplete = "drop"
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        _one_of("by", self.by, get_args(MergeBy))
        _one_of("incomplete", self.incomplete, get_args(Incomplete))
        _seconds("window_s", self.window_s)
        _seconds("timeout_s", self.timeout_s)
        fault = window_fault(self.by, self.window_s)
        if fault:
            raise SetupError(f"merge: {'; '.join(fault)}.")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MergeSettings:
        """Read the settings from what stands under ``merge`` in a worker's configuration."""
        given = config.get("merge") or {}
        known = tuple(cls.__dataclass_fields__)
        if not isinstance(given, Mapping) or any(key not in known for key in given):
            raise SetupError(f"merge: expected the keys {', '.join(known)}; found {given!r}")
        return cls(**given)


def window_fault(by: str, window_s: float | None) -> tuple[str, str, str] | None:
    """Say what was asked, what was found and what to do, if the two do not fit; None if they do."""
    if by == "time" and window_s is None:
        return "merging by time needs a window_s", "found none", "add one in seconds, such as 0.001"
    if by != "time" and window_s is not None:
        return "a window_s is for merging by time", f"found by {by}", "remove it, or set by to time"
    return None


def _one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SetupError(f"merge: {key} is {value!r}; choose one of {', '.join(allowed)}.")


def _seconds(key: str, value: object) -> None:
    wrong = isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0
    if value is not None and wrong:
        raise SetupError(f"merge: {key} is {value!r}; give seconds, a number from 0.")
