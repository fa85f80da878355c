"""How events of several buffers are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, get_args

from mimocorb.errors import SetupError
from mimocorb.model.keys import part_config
from mimocorb.model.kinds import Choice, Number, WholeNumber

__all__ = ["Incomplete", "MergeBy", "MergeSettings", "merge_fault"]

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
    """counter: events of the same number belong together; time: those at most a window after the
    earliest."""
    window_s: Annotated[float | None, Number("seconds")] = None
    """The window in seconds, for by: time; the time is the timestamp of the events."""
    incomplete: Annotated[Incomplete, Choice(get_args(Incomplete))] = "drop"
    """If a buffer has nothing that fits: drop the others, pass them on with None for what is
    missing, or fail."""
    timeout_s: Annotated[float | None, Number("seconds")] = None
    """How long to wait for a buffer that has nothing, in seconds; without it: for ever."""
    window_ns: Annotated[int | None, WholeNumber(0, (1 << 63) - 1)] = None
    """The window in whole nanoseconds, for by: time; the time is the time_ns of the events."""
    modulo: Annotated[int | None, WholeNumber(2, 1 << 62)] = None
    """Where counters begin again at 0, such as 65536 for 16 bits, for by: counter."""

    def __post_init__(self) -> None:
        _one_of("by", self.by, get_args(MergeBy))
        _one_of("incomplete", self.incomplete, get_args(Incomplete))
        _seconds("window_s", self.window_s)
        _seconds("timeout_s", self.timeout_s)
        _whole("window_ns", self.window_ns, 0)
        _whole("modulo", self.modulo, 2)
        fault = merge_fault({"by": self.by, **{key: getattr(self, key) for key in _BELONGS_TO}})
        if fault:
            raise SetupError(f"merge: {'; '.join(fault[1:])}.")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MergeSettings:
        """Read the settings from what stands under ``merge`` in a worker's configuration."""
        given = config.get("merge") or {}
        known = tuple(each.name for each in fields(cls))
        if not isinstance(given, Mapping) or any(key not in known for key in given):
            raise SetupError(f"merge: expected the keys {', '.join(known)}; found {given!r}")
        return cls(**given)


_BELONGS_TO = {"window_s": "time", "window_ns": "time", "modulo": "counter"}


def merge_fault(given: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
    """Say at which key, what was asked, what was found, what to do, if values do not fit.

    None if they do.
    """
    by = given.get("by", MergeSettings.by)
    for key, needed in _BELONGS_TO.items():
        if given.get(key) is not None and by != needed:
            return (
                key,
                f"a {key} is for merging by {needed}",
                f"found by {by}",
                f"remove it, or set by to {needed}",
            )
    windows = [key for key in ("window_s", "window_ns") if given.get(key) is not None]
    if by == "time" and not windows:
        return (
            "by",
            "merging by time needs a window_s",
            "found none",
            "add one in seconds, such as 0.001",
        )
    if len(windows) == 2:
        return (
            "window_ns",
            "merging by time has one window",
            "found window_s and window_ns",
            "window_s goes by the timestamp of the events, window_ns by their time_ns: remove one",
        )
    return None


def _one_of(key: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SetupError(f"merge: {key} is {value!r}; choose one of {', '.join(allowed)}.")


def _seconds(key: str, value: object) -> None:
    wrong = isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0
    if value is not None and wrong:
        raise SetupError(f"merge: {key} is {value!r}; give seconds, a number from 0.")


def _whole(key: str, value: object, least: int) -> None:
    wrong = isinstance(value, bool) or not isinstance(value, int) or value < least
    if value is not None and wrong:
        raise SetupError(f"merge: {key} is {value!r}; give a whole number from {least}.")
