"""How events of several buffers are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, get_args

from mimocorb.errors import SetupError
from mimocorb.model.kinds import Choice, Number, part_config

__all__ = ["Incomplete", "MergeBy", "MergeSettings", "window_fault"]

MergeBy = Literal["counter", "time"]
Incomplete = Literal["drop", "pass", "fail"]


@dataclass(frozen=True)
class MergeSettings:
    """How events are put together; ``merge`` in the configuration of a worker.

    Raises
    ------
    SetupError
        A value is impossible, or values contradict each other.
    """

    __pydantic_config__: ClassVar[Any] = part_config()

    by: Annotated[MergeBy, Choice(get_args(MergeBy))] = "counter"
    """counter: events of the same number belong together; time: those at most window_s after the
    earliest."""
    window_s: Annotated[float | None, Number("seconds")] = None
    """The window in seconds, for by: time."""
    incomplete: Annotated[Incomplete, Choice(get_args(Incomplete))] = "drop"
    """If a buffer has nothing that fits: drop the others, pass them on with None for what is
    missing, or fail."""
    timeout_s: Annotated[float | None, Number("seconds")] = None
    """How long to wait for a buffer that has nothing, in seconds; without it: for ever."""

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
        known = tuple(each.name for each in fields(cls))
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
