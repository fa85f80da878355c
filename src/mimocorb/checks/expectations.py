"""What a run will bring, as far as a set-up says it: events, rates, sizes of files.

A source declares its rate by one of its parameters, or by a key that its docstring lists:

=============  ====  ============================================
name           unit  means
=============  ====  ============================================
``rate_hz``          mean rate of its events
``rate``       Hz    the same
``sleeptime``  s     mean time between two events
=============  ====  ============================================

0 and infinity stand for as many as there are, and nobody knows how many that is.

The rest follows from the data flow. How many events come through a filter nobody knows beforehand;
what is said of the buffers behind it holds if every event gives one there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mimocorb.components.component import Component, literal
from mimocorb.model import Setup, WorkerSpec
from mimocorb.setup.graph import Graph

__all__ = ["FileNeed", "Flow", "declared_rate", "flows"]

_MEANINGS: Mapping[tuple[str, str], Callable[[float], float]] = {
    ("rate_hz", "Hz"): lambda value: value,
    ("rate", "Hz"): lambda value: value,
    ("sleeptime", "s"): lambda value: 1.0 / value,
}


@dataclass(frozen=True)
class Flow:
    """What is expected of a buffer.

    Parameters
    ----------
    buffer
        Its name.
    rate_hz
        Mean rate of its events as long as nothing holds them up; ``None``: nobody knows.
    events
        How many events there will be at most; ``None``: nobody knows.
    through_filters
        Whether this holds only if every event gives one event behind each filter.
    """

    buffer: str
    rate_hz: float | None = None
    events: int | None = None
    through_filters: bool = False


@dataclass(frozen=True)
class FileNeed:
    """A file that a worker is going to write.

    Parameters
    ----------
    worker
        Who writes it.
    flow
        What is expected of the buffer that the events come from.
    event_bytes
        The most bytes that an event takes.
    """

    worker: str
    flow: Flow
    event_bytes: int

    @property
    def size_bytes(self) -> int | None:
        """The most bytes of the whole file; ``None``: nobody knows."""
        return None if self.flow.events is None else self.event_bytes * self.flow.events


def declared_rate(component: Component, spec: WorkerSpec) -> float | None:
    """Return the mean rate that a source declares, in Hz, all processes together.

    ``None`` for other functions, and if it declares none that can be known.
    """
    if not spec.is_source:
        return None
    known = {each.name: (each.unit, each.default) for each in component.parameters}
    for (name, unit), rate_of in _MEANINGS.items():
        if known.get(name, ("", None))[0] != unit:
            continue
        value = spec.config.get(name, literal(known[name][1]))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and 0 < value < math.inf:
            return rate_of(value) * spec.number_of_processes
    return None


def flows(setup: Setup, rates_hz: Mapping[str, float]) -> dict[str, Flow]:
    """Return what is expected of each buffer, in the order of the data flow.

    Parameters
    ----------
    setup
        The set-up; of one with loops nothing is known.
    rates_hz
        What sources declare, by name of the worker.
    """
    graph = Graph(setup)
    if graph.cycles():
        return {spec.name: Flow(spec.name) for spec in setup.buffers}
    found: dict[str, Flow] = {}
    for name in graph.buffer_order:
        written = [
            _of_writer(setup.worker(worker), rates_hz, found) for worker in graph.writers(name)
        ]
        rate_hz = _sum(flow.rate_hz for flow in written)
        limits = [_sum(flow.events for flow in written), *_limits(setup, graph, name)]
        if rate_hz is not None and setup.runtime_s:
            limits.append(round(rate_hz * setup.runtime_s))
        events = min((limit for limit in limits if limit is not None), default=None)
        through = any(flow.through_filters for flow in written)
        found[name] = Flow(name, rate_hz, None if events is None else round(events), through)
    return found


def _of_writer(spec: WorkerSpec, rates_hz: Mapping[str, float], known: Mapping[str, Flow]) -> Flow:
    """Return what one worker brings into a buffer if each of its events gives one there.

    Of several sources it takes one event each, so that the slowest one counts.
    """
    if spec.is_source:
        return Flow("", rates_hz.get(spec.name))
    read = [known[name] for name in spec.reads if name in known]
    rates = [flow.rate_hz for flow in read if flow.rate_hz is not None]
    events = [flow.events for flow in read if flow.events is not None]
    return Flow("", min(rates, default=None), min(events, default=None), through_filters=True)


def _limits(setup: Setup, graph: Graph, buffer: str) -> Sequence[int]:
    """Return the numbers of events in a buffer at which the run ends."""
    limits = graph.event_limits
    found = [limits[buffer]] if buffer in limits else []
    found += [
        max(0, int(condition.limit))
        for condition in setup.stop_when
        if condition.subject == buffer and condition.comparison in {">=", "=="}
    ]
    return found


def _sum(numbers: Iterable[float | None]) -> float | None:
    """Return the sum; None if one of them, or all, are unknown."""
    known = list(numbers)
    return None if not known or None in known else sum(number or 0 for number in known)
