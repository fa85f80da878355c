"""A whole set-up: buffers, workers, and when a run of it ends."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from mimocorb._texts import identifier
from mimocorb.model.buffer import BufferSpec
from mimocorb.model.engine import EngineSpec, HostPart
from mimocorb.model.faults import Fault, Faults
from mimocorb.model.keys import part_config
from mimocorb.model.kinds import (
    Derived,
    Directory,
    Flag,
    Number,
    Parsed,
    Section,
    Table,
    Text,
    WholeNumber,
    command_line,
    host_names,
    name_faults,
)
from mimocorb.model.problem import NOWHERE, Where
from mimocorb.model.worker import WorkerSpec, config_kind

__all__ = ["Comparison", "Setup", "StopCondition"]

Comparison = Literal["<", "<=", ">", ">=", "=="]

_CONDITION = re.compile(
    r"\s*(?P<subject>.+)\.(?P<quantity>[^\W\d]\w*)\s*(?P<comparison>[<>]=?|==)\s*(?P<limit>\S+)\s*"
)
_EXAMPLE = "RB_3.events >= 10000"
_EVENTS = WholeNumber(0, (1 << 63) - 1)


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


def _stop_conditions() -> Parsed:
    """Return the kind of texts such as ``RB_3.events >= 10000``, one or a list."""
    pattern = r"^.+\.[^\s.<>=\d][^\s.<>=]*\s*([<>]=?|==)\s*\S+\s*$"
    text = {"type": "string", "pattern": pattern, "examples": [_EXAMPLE]}
    return Parsed(
        _parse_conditions,
        {"anyOf": [text, {"type": "array", "items": text}]},
        lambda conditions: [_condition_text(condition) for condition in conditions],
    )


def _parse_conditions(value: Any) -> tuple[StopCondition, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    read = [_condition(item) for item in items]
    faults = [
        Fault(
            "compares what a buffer or worker reports with a number",
            f"write for example: {_EXAMPLE}",
            path=(index,) if isinstance(value, list) else (),
            part="an entry of {}",
        )
        for index, condition in enumerate(read)
        if condition is None
    ]
    if faults:
        raise Faults(*faults)
    return tuple(condition for condition in read if condition is not None)


def _condition(value: Any) -> StopCondition | None:
    match = _CONDITION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        limit = float(match["limit"])
    except ValueError:
        return None
    comparison = next(known for known in get_args(Comparison) if known == match["comparison"])
    known = StopCondition(match["subject"], identifier(match["quantity"]), comparison, limit)
    return known if math.isfinite(limit) else None


def _condition_text(condition: StopCondition) -> str:
    limit = Number("").write(condition.limit)
    return f"{condition.subject}.{condition.quantity} {condition.comparison} {limit!r}"


def _event_limits() -> Parsed:
    """Return the kind of a number of events, or of a mapping of buffers to numbers."""
    number = {"type": "integer", "minimum": 0, "maximum": _EVENTS.maximum}
    return Parsed(
        _parse_limits,
        {"anyOf": [number, {"type": "object", "additionalProperties": number}]},
        lambda limits: dict(limits) if isinstance(limits, Mapping) else limits,
    )


def _parse_limits(value: Any) -> int | Mapping[str, int] | None:
    """Return the limits; 0 sets none."""
    if not isinstance(value, Mapping):
        return _events_of(value) or None
    faults: list[Fault] = []
    limits: dict[str, int] = {}
    for name, number in value.items():
        faults += name_faults(name, path=(name,), at_key=True, part="a buffer in {}")
        try:
            limits[name] = _events_of(number)
        except Faults as refused:
            faults += [
                fault._replace(path=(name,), part=f"{{}} in {name}") for fault in refused.faults
            ]
    if faults:
        raise Faults(*faults)
    return {name: number for name, number in limits.items() if number}


def _events_of(value: Any) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number and _EVENTS.minimum <= value <= _EVENTS.maximum:
        return int(value)
    raise Faults(Fault(f"must be a whole number from 0 to {_EVENTS.maximum}"))


@dataclass(frozen=True)
class Setup:
    """A whole set-up."""

    __pydantic_config__: ClassVar[Any] = part_config(
        buffers="Buffers",
        workers="Workers",
        runtime_s="runtime",
        output_directory="target_directory",
        keyboard_control="KBD_control",
        engine="Engine",
        hosts="Hosts",
    )

    buffers: Annotated[tuple[BufferSpec, ...], Section(BufferSpec)]
    """The buffers, name to keys."""
    workers: Annotated[tuple[WorkerSpec, ...], Section(WorkerSpec)]
    """The workers, name to keys."""
    base_config: Annotated[Mapping[str, Any], config_kind()] = field(
        default_factory=dict, compare=False
    )
    """A configuration below that of every worker."""
    title: Annotated[str, Text("Muon lifetime")] = ""
    """Name of the set-up in displays and summaries. Default: that of the file."""
    operator: Annotated[str, Text("A. Student")] = ""
    """Who takes the data, for the record of the run."""
    comment: Annotated[str, Text("Second layer repaired", lines=True)] = ""
    """Anything worth knowing, for the record."""
    runtime_s: Annotated[float | None, Number("seconds", zero_is_none=True)] = None
    """End the run after this time of data taking in seconds; 0: no limit."""
    runevents: Annotated[int | Mapping[str, int] | None, _event_limits()] = None
    """End the run after this many events in the first buffer, or in those of a mapping of buffers
    to numbers; 0: no limit."""
    stop_when: Annotated[tuple[StopCondition, ...], _stop_conditions()] = ()
    """End the run as soon as one of these conditions holds, such as 'RB_3.events >= 10000'."""
    drain_timeout_s: Annotated[float | None, Number("seconds", above_zero=True)] = None
    """Give up draining after this time without progress, in seconds, and save the rest."""
    on_alarm: Annotated[tuple[str, ...], command_line("./send_mail.sh")] = ()
    """A program, with its arguments, that is started for each alarm of the run."""
    disk_low_gb: Annotated[float, Number("GB")] = 1.0
    """Raise an alarm when the disk of the run has less room than this, in GB; 0: never."""
    disk_floor_mb: Annotated[float, Number("MB")] = 100.0
    """Begin no run, and pause one, when the disk has less room than this, in MB; 0: when it is
    full."""
    engine: Annotated[EngineSpec | None, Table(EngineSpec)] = None
    """The engine that connects hosts: nats, credentials, project, replicas, outbox_mb."""
    hosts: Annotated[tuple[str, ...], host_names()] = ()
    """The machines that run a part of the set-up: their names, or a mapping of these."""
    output_directory: Annotated[Path | None, Directory("target")] = None
    """Where the directories of runs are made."""
    keyboard_control: Annotated[bool, Flag()] = True
    """Whether keys steer the run."""
    path: Annotated[Path | None, Derived()] = None
    """The set-up file, absolute; ``None`` for a set-up made from dictionaries."""
    base_directory: Annotated[Path, Derived()] = field(default_factory=Path)
    """Relative names of modules and configuration files start here: the directory of the file."""
    config_files: Annotated[tuple[Path, ...], Derived()] = ()
    """Every configuration file that was read, in the order of reading."""
    dialect: Annotated[str, Derived()] = "mimoCoRB2"
    """``"manual"``, ``"release 1.0.2"`` or ``"mimoCoRB2"``: how the file was written."""
    settings: Annotated[tuple[str, ...], Derived()] = ()
    """What the command line set (``--set``, ``--data``), as it was written there; it is in the
    other fields already."""
    places: Annotated[Mapping[str, Where], Derived()] = field(default_factory=dict, compare=False)
    """Places of the buffers' names in ``runevents``."""
    finishes: Annotated[Path | None, Derived()] = None
    """Directory of the run whose left events are processed; ``None``: events of its own."""

    scan: Annotated[Mapping[str, Any] | None, Derived()] = None
    """The point of a scan that it is: ``number`` of the scan, ``point``, ``of``, ``settings``."""
    rerun_of: Annotated[Path | None, Derived()] = None
    """Directory of the run whose recorded events stand in the place of the sources."""
    part: Annotated[HostPart | None, Derived()] = None
    """What this is the part of that a host runs; ``None``: a set-up of one machine."""

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
