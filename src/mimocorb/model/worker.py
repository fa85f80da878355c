"""A worker of a set-up: its function, its buffers, its configuration, what if it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, get_args

from mimocorb.model.keys import part_config
from mimocorb.model.kinds import (
    Choice,
    Derived,
    Flag,
    Number,
    Parsed,
    Text,
    WholeNumber,
    WordOrTable,
    names,
)
from mimocorb.model.problem import NOWHERE, Where

__all__ = [
    "Action",
    "ConfigLayer",
    "ConfigOrigin",
    "FunctionReference",
    "OnFailure",
    "Role",
    "WorkerSpec",
    "config_kind",
]

Role = Literal["read", "write", "observe"]
Action = Literal["end_run", "restart", "go_on"]


@dataclass(frozen=True)
class FunctionReference:
    """Where a worker's function is found.

    A function is in a file, in a module of mimocorb, or a component that an installed package
    offers under its name.

    Parameters
    ----------
    asked
        The module as written in the set-up, such as ``modules/simulation_source``.
    name
        Name of the function or class in it, or of the component.
    path
        The Python file, absolute; ``None`` for a module that is part of mimocorb.
    module
        Dotted name of an installed module, such as ``mimocorb.plot``; ``None`` for a file.
    where
        Place of the module's name in the set-up file.
    name_where
        Place of the function's name in the set-up file.
    offered
        Whether an installed package offers it under its name (``mimocorb.components``).
    """

    asked: str
    name: str
    path: Path | None = None
    module: str | None = None
    where: Where = NOWHERE
    name_where: Where = NOWHERE
    offered: bool = False

    def __str__(self) -> str:
        return f"{self.name} in {self.asked}"


@dataclass(frozen=True)
class OnFailure:
    """What happens when a process of a worker fails.

    When no process is left that could take its place, the run is ended in order in any case, unless
    the worker only observes.
    """

    __pydantic_config__: ClassVar[Any] = part_config()

    action: Annotated[Action, Choice(get_args(Action))]
    """end_run: the run ends in order, and has failed; restart: a new process takes its place, after
    a pause; go_on: the others go on without it."""
    limit: Annotated[int, WholeNumber(0, 1_000_000)] = 5
    """New processes that restart starts in a run, for each process of the worker."""
    backoff_s: Annotated[float, Number("seconds")] = 0.1
    """Pause before the first new process, in seconds; it doubles with every further one."""


class ConfigLayer(NamedTuple):
    """A part of the configuration of a worker as the set-up has it: a mapping, or a file."""

    content: Mapping[Any, Any]
    path: Path | None = None
    common: bool = False


@dataclass(frozen=True)
class ConfigOrigin:
    """Where the configuration of a worker was written.

    Parameters
    ----------
    places
        Place of each key.
    places_below
        Place of each key below a key, by the names of all on the way: ``merge.by``.
    common
        Keys that are not for this worker alone, so that its function need not know them: those of
        ``base_config``, and of files that several workers name.
    directory
        Relative paths among the values start here: the directory of the set-up file.
    complete
        Whether every file that it comes from could be read; otherwise keys may be missing.
    layers
        What it was put together from, later ones over earlier ones.
    """

    places: Mapping[Any, Where] = field(default_factory=dict)
    places_below: Mapping[str, Where] = field(default_factory=dict)
    common: frozenset[Any] = frozenset()
    directory: Path = field(default_factory=Path)
    complete: bool = True
    layers: tuple[ConfigLayer, ...] = ()


_CONFIG_PART: dict[str, Any] = {"type": ["object", "string", "null"]}


def config_kind() -> Parsed:
    """Return the kind of a configuration, which is put together by the reader."""
    described = {"anyOf": [_CONFIG_PART, {"type": "array", "items": _CONFIG_PART}]}
    return Parsed(lambda value: value, described)


@dataclass(frozen=True)
class WorkerSpec:
    """One worker function with its processes and buffers."""

    __pydantic_config__: ClassVar[Any] = part_config(reads="sources", writes="sinks")

    name: Annotated[str, Derived()]
    """Name in the set-up, such as ``filter``; unique."""
    function: Annotated[FunctionReference, Text("my_function")]
    """Name of the function in the file; without one a component such as text, or a function of
    mimocorb such as plot.plot_graph."""
    file: Annotated[str | None, Text("modules/source.py")] = field(default=None, compare=False)
    """The Python file of the function; none for components and functions of mimocorb."""
    number_of_processes: Annotated[int, WholeNumber(1, 256)] = 1
    """Processes that run the function and share the events of its sources."""
    reads: Annotated[tuple[str, ...], names()] = ()
    """Buffers that are read."""
    writes: Annotated[tuple[str, ...], names()] = ()
    """Buffers that are written."""
    observes: Annotated[tuple[str, ...], names()] = ()
    """Buffers that are observed."""
    config: Annotated[Mapping[str, Any], config_kind()] = field(default_factory=dict)
    """Mapping, file or list of these, later ones over earlier ones."""
    on_failure: Annotated[OnFailure | None, WordOrTable(OnFailure, get_args(Action))] = None
    """What happens when a process fails: end_run, restart or go_on, or a mapping of action, limit
    and backoff_s. Default: end_run, and go_on for workers that only observe."""
    hang_timeout_s: Annotated[float | None, Number("seconds", above_zero=True)] = None
    """Kill a process that holds one event for longer than this, in seconds."""
    silent_after_s: Annotated[float | None, Number("seconds", above_zero=True)] = None
    """Raise an alarm when a source has had no event for longer than this, in seconds."""
    ordered: Annotated[bool, Flag()] = False
    """Whether several processes publish their results in the order of the input."""
    events_before: Annotated[int, WholeNumber(0, 1_000_000)] = 0
    """A filter hands on this many events before each one that it keeps, too."""
    events_after: Annotated[int, WholeNumber(0, 1_000_000)] = 0
    """A filter hands on this many events after each one that it keeps, too."""
    host: Annotated[tuple[str, ...], names()] = ()
    """The host that runs it, or several that share the events of its sources."""
    rejected_sample: Annotated[int | None, WholeNumber(1, (1 << 63) - 1)] = None
    """Keep one in this many rejected events, chosen at random, as a sample."""
    config_files: Annotated[tuple[Path, ...], Derived()] = ()
    """The files that the configuration was read from, to be copied into the run directory."""
    config_origin: Annotated[ConfigOrigin, Derived()] = field(
        default_factory=ConfigOrigin, compare=False
    )
    """Where each key of the configuration was written."""
    where: Annotated[Where, Derived()] = NOWHERE
    """Place of the worker's name in the set-up file."""
    places: Annotated[Mapping[str, Where], Derived()] = field(default_factory=dict, compare=False)
    """Places of the buffers' names."""

    @property
    def roles(self) -> dict[str, Role]:
        """What the worker does with which buffer: those it reads, writes and observes."""
        return {
            **dict.fromkeys(self.reads, "read"),
            **dict.fromkeys(self.writes, "write"),
            **dict.fromkeys(self.observes, "observe"),
        }

    def useless_keys(self) -> Iterator[tuple[str, str]]:
        """Yield keys that mean nothing for this worker, and what it would have to do."""
        if self.ordered and not (self.reads and self.writes):
            yield "ordered", "reads and writes buffers"
        for key in ("events_before", "events_after"):
            if getattr(self, key) and not (self.reads and self.writes):
                yield key, "reads and writes buffers"
        if self.rejected_sample and not self.reads:
            yield "rejected_sample", "reads a buffer"
        if self.silent_after_s and not self.is_source:
            yield "silent_after_s", "writes a buffer and reads none (it can be a key of a buffer)"

    @property
    def looks_around(self) -> bool:
        """Whether it hands on events around those that its function keeps."""
        return bool(self.events_before or self.events_after)

    @property
    def is_source(self) -> bool:
        """Whether the worker brings data into the set-up: it writes and reads no buffer."""
        return bool(self.writes) and not self.reads
