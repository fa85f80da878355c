"""What a set-up says, whatever dialect it was written in.

The readers of the dialects (:mod:`mimocorb.setup.dialects`) make a :class:`Setup`; the checks,
the graph, the supervisor and the run record read nothing else. Everything here is frozen and
picklable, and every part knows where in which file it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mimocorb.setup.problems import NOWHERE, Where

__all__ = [
    "BufferSpec",
    "ConfigOrigin",
    "FunctionReference",
    "RestartPolicy",
    "Role",
    "Setup",
    "StopCondition",
    "WorkerSpec",
]

Role = Literal["read", "write", "observe"]
Policy = Literal["never", "on_failure", "required"]
Comparison = Literal["<", "<=", ">", ">=", "=="]


@dataclass(frozen=True)
class BufferSpec:
    """One ring buffer.

    Parameters
    ----------
    name
        Name in the set-up, such as ``RB_1``.
    number_of_slots
        Events that the ring holds.
    values_per_slot
        Length of the array in a slot (samples per event).
    dtype
        NumPy type of one value, plain or structured.
    where
        Place of the buffer's name in the set-up file.
    """

    name: str
    number_of_slots: int
    values_per_slot: int
    dtype: np.dtype[Any]
    where: Where = NOWHERE

    @property
    def slot_size_bytes(self) -> int:
        """Bytes of the data of one slot, without its metadata."""
        return self.values_per_slot * self.dtype.itemsize

    @property
    def size_bytes(self) -> int:
        """Bytes of the data of the whole ring."""
        return self.number_of_slots * self.slot_size_bytes


@dataclass(frozen=True)
class FunctionReference:
    """Where a worker's function is found.

    Parameters
    ----------
    asked
        The module as written in the set-up (``file_name``), such as ``modules/simulation_source``.
    name
        Name of the function or class in it.
    path
        The Python file, absolute; ``None`` for a module that is part of mimocorb.
    module
        Dotted name of an installed module, such as ``mimocorb.plot``; ``None`` for a file.
    where
        Place of the module's name in the set-up file.
    name_where
        Place of the function's name in the set-up file.
    offered
        Whether an installed package offers it under its name, as an entry point.
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
class RestartPolicy:
    """What happens when a process of a worker fails.

    Parameters
    ----------
    policy
        ``"required"``: the run is ended in order, and has failed. ``"on_failure"``: a new process
        takes its place, after a pause. ``"never"``: its colleagues go on without it. When no
        process is left that could take its place, the run is ended in order in any case, unless the
        worker only observes.
    limit
        New processes that ``"on_failure"`` starts in a run, for each process of the worker.
    backoff_s
        Pause before the first new process, in seconds; it doubles with every further one.
    """

    policy: Policy = "required"
    limit: int = 5
    backoff_s: float = 0.1


@dataclass(frozen=True)
class StopCondition:
    """A condition on a result at which a run ends.

    Parameters
    ----------
    subject
        Name of a buffer or of a worker.
    quantity
        What is compared: ``events`` of a buffer, or a result that the worker reports.
    comparison, limit
        ``subject.quantity comparison limit`` ends the run.
    where
        Place in the set-up file.
    """

    subject: str
    quantity: str
    comparison: Comparison
    limit: float
    where: Where = NOWHERE

    def __str__(self) -> str:
        return f"{self.subject}.{self.quantity} {self.comparison} {self.limit:g}"


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
        ``general`` and ``base_config``, and of files that several workers name.
    directory
        Relative paths among the values start here: the directory of the set-up file.
    complete
        Whether every file that it comes from could be read; otherwise keys may be missing.
    """

    places: Mapping[Any, Where] = field(default_factory=dict)
    places_below: Mapping[str, Where] = field(default_factory=dict)
    common: frozenset[Any] = frozenset()
    directory: Path = field(default_factory=Path)
    complete: bool = True


@dataclass(frozen=True)
class WorkerSpec:
    """One worker function with its processes and buffers.

    Parameters
    ----------
    name
        Name in the set-up, such as ``Fkt_1``; unique.
    function
        Where the function is found.
    number_of_processes
        Processes that run the function; they share the events of its sources.
    rb_assign
        Buffer name to role, in the order of the set-up. This is what a worker function gets as
        ``**rb_info``, and it gives the order of the lists.
    config
        What the function gets as ``config_dict`` (before ``directory_prefix`` is added).
    config_files
        The files ``config`` was read from, to be copied into the run directory.
    config_origin
        Where each key of ``config`` was written.
    restart
        What happens when a process of it fails; ``None``: ``required`` for workers that handle
        data, ``never`` for those that only observe.
    hang_timeout_s
        Kill a process that holds one event for longer than this; ``None``: never.
    ordered
        Whether the results of several processes are published in the order of the input.
    rejected_prescale
        Keep one in so many rejected events, chosen at random, as a sample; ``None``: none.
    where
        Place of the worker's name in the set-up file.
    rb_where
        Places of the buffers' names in ``rb_assign``.
    """

    name: str
    function: FunctionReference
    number_of_processes: int = 1
    rb_assign: Mapping[str, Role] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    config_files: tuple[Path, ...] = ()
    config_origin: ConfigOrigin = field(default_factory=ConfigOrigin, compare=False)
    restart: RestartPolicy | None = None
    hang_timeout_s: float | None = None
    ordered: bool = False
    rejected_prescale: int | None = None
    where: Where = NOWHERE
    rb_where: Mapping[str, Where] = field(default_factory=dict, compare=False)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the buffers the worker reads, in order."""
        return self._with_role("read")

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names of the buffers the worker writes, in order."""
        return self._with_role("write")

    @property
    def observes(self) -> tuple[str, ...]:
        """Names of the buffers the worker observes, in order."""
        return self._with_role("observe")

    @property
    def is_source(self) -> bool:
        """Whether the worker brings data into the set-up: it writes and reads no buffer."""
        return bool(self.sinks) and not self.sources

    def _with_role(self, role: Role) -> tuple[str, ...]:
        return tuple(name for name, given in self.rb_assign.items() if given == role)


@dataclass(frozen=True)
class Setup:
    """A whole set-up.

    Parameters
    ----------
    buffers, workers
        In the order of the file.
    title
        Name of the set-up: the file's name without ``.yaml`` unless the file gives one.
    path
        The set-up file, absolute; ``None`` for a set-up made from dictionaries.
    base_directory
        Relative names of modules and configuration files start here: the directory of the file.
    runtime_s
        End the run after this time in seconds; ``None``: no limit.
    runevents
        End the run after this many events in the first buffer; ``None``: no limit.
    runevents_of
        End the run after this many events in buffers, by name.
    stop_when
        End the run as soon as one of these holds.
    drain_timeout_s
        Give up draining after this time without progress and save the rest; ``None``: the default.
    operator, comment
        Who takes the data, and why; for the record of the run.
    output_directory
        Parent of the run directories, absolute; ``None``: the default of the run.
    keyboard_control, gui_control
        Whether the run may be steered by keys and from a window.
    config_files
        Every configuration file that was read, in the order of reading.
    dialect
        ``"manual"``, ``"release 1.0.2"`` or ``"mimoCoRB2"``: how the file was written.
    settings
        What the command line set (``--set``, ``--data``), as it was written there; it is in the
        other fields already.
    runevents_where
        Places of the buffers' names in ``runevents_of``.
    replay_of
        Directory of the run whose spill file is played back; ``None``: no replay.
    """

    buffers: tuple[BufferSpec, ...] = ()
    workers: tuple[WorkerSpec, ...] = ()
    title: str = ""
    path: Path | None = None
    base_directory: Path = field(default_factory=Path)
    runtime_s: float | None = None
    runevents: int | None = None
    runevents_of: Mapping[str, int] = field(default_factory=dict)
    stop_when: tuple[StopCondition, ...] = ()
    drain_timeout_s: float | None = None
    operator: str = ""
    comment: str = ""
    output_directory: Path | None = None
    keyboard_control: bool = True
    gui_control: bool = False
    config_files: tuple[Path, ...] = ()
    dialect: str = "manual"
    settings: tuple[str, ...] = ()
    runevents_where: Mapping[str, Where] = field(default_factory=dict, compare=False)
    replay_of: Path | None = None

    def buffer(self, name: str) -> BufferSpec:
        """Return the buffer of this name; KeyError if there is none."""
        for spec in self.buffers:
            if spec.name == name:
                return spec
        raise KeyError(name)

    def worker(self, name: str) -> WorkerSpec:
        """Return the worker of this name; KeyError if there is none."""
        for spec in self.workers:
            if spec.name == name:
                return spec
        raise KeyError(name)

    @property
    def size_bytes(self) -> int:
        """Bytes of the data of all rings."""
        return sum(spec.size_bytes for spec in self.buffers)
