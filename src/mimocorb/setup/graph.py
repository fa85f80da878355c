"""The data-flow graph of a set-up: who feeds whom, in which order to start and to drain.

Nodes are buffers and workers. A worker comes after the buffers it reads or observes and before the
buffers it writes. Observing counts like reading for the order, because an observer sees the end of
the stream only when the buffer has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from mimocorb._memory import size_in_words
from mimocorb._words import how_many
from mimocorb.errors import SetupError
from mimocorb.model import BufferSpec, Role, Setup, WorkerSpec

__all__ = ["Graph"]

# A node: the kind keeps a worker and a buffer of one name apart.
Vertex = tuple[str, str]


class Graph:
    """The graph of a set-up; names that no buffer has are left out.

    Parameters
    ----------
    setup
        The set-up; it may still have faults.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._buffers: dict[str, BufferSpec] = {spec.name: spec for spec in setup.buffers}
        self._workers: dict[str, WorkerSpec] = {spec.name: spec for spec in setup.workers}

    def writers(self, buffer: str) -> tuple[str, ...]:
        """Names of the workers that write into a buffer."""
        return self._assigned(buffer, "write")

    def readers(self, buffer: str) -> tuple[str, ...]:
        """Names of the workers that read a buffer; each is a reader group."""
        return self._assigned(buffer, "read")

    def observers(self, buffer: str) -> tuple[str, ...]:
        """Names of the workers that observe a buffer."""
        return self._assigned(buffer, "observe")

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the workers that bring data in: they write and read nothing."""
        return tuple(spec.name for spec in self.setup.workers if spec.is_source)

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names of the workers that read and write no buffer: data leave the set-up there."""
        return tuple(spec.name for spec in self.setup.workers if spec.reads and not spec.writes)

    @property
    def entries(self) -> tuple[str, ...]:
        """Names of the buffers that sources write into: to be paused, and closed first."""
        sources = set(self.sources)
        return tuple(name for name in self.buffer_order if sources & set(self.writers(name)))

    @property
    def event_limits(self) -> dict[str, int]:
        """Events that end the run, by buffer; a bare ``runevents`` is for the first entry."""
        limits = self.setup.runevents
        if isinstance(limits, Mapping):
            return dict(limits)
        return {self.entries[0]: limits} if limits and self.entries else {}

    @cached_property
    def buffer_order(self) -> tuple[str, ...]:
        """Buffers from the sources to the sinks: the order of draining."""
        return tuple(name for kind, name in self._order if kind == "buffer")

    @cached_property
    def worker_order(self) -> tuple[str, ...]:
        """Workers from the sources to the sinks."""
        return tuple(name for kind, name in self._order if kind == "worker")

    @property
    def start_order(self) -> tuple[str, ...]:
        """Workers from the sinks to the sources: who consumes is ready before data come."""
        return self.worker_order[::-1]

    def upstream(self, buffer: str) -> set[str]:
        """Names of the workers whose data come into a buffer, directly or not."""
        found: set[str] = set()
        waiting = [buffer]
        while waiting:
            new = set(self.writers(waiting.pop())) - found
            found |= new
            waiting += [name for worker in new for name in self._workers[worker].reads]
        return found

    def cycles(self) -> list[tuple[str, ...]]:
        """Return the loops, each as names in the direction of the data, the first one repeated.

        One loop per part of the graph is found; taking it out may uncover another.
        """
        before = self._before()
        found: list[tuple[str, ...]] = []
        while len(found) < 10:
            try:
                TopologicalSorter(before).prepare()
            except CycleError as error:
                loop: list[Vertex] = error.args[1]
                found.append(tuple(name for _, name in loop))
                before[loop[1]].discard(loop[0])
                continue
            break
        return found

    def text(self) -> str:
        """Return a drawing for the terminal: buffers, then one line a worker in data-flow order."""
        return "\n".join([*self._buffer_lines(), "", *self._worker_lines()])

    def _assigned(self, buffer: str, role: Role) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.setup.workers if spec.roles.get(buffer) == role)

    def _before(self) -> dict[Vertex, set[Vertex]]:
        """Every node with the nodes that come before it."""
        before: dict[Vertex, set[Vertex]] = {("buffer", name): set() for name in self._buffers}
        for spec in self.setup.workers:
            worker = ("worker", spec.name)
            before.setdefault(worker, set())
            for name, role in spec.roles.items():
                if name not in self._buffers:
                    continue
                buffer = ("buffer", name)
                if role == "write":
                    before[buffer].add(worker)
                else:
                    before[worker].add(buffer)
        return before

    @cached_property
    def _order(self) -> tuple[Vertex, ...]:
        """Topological order; where several are possible, that of the set-up file."""
        before = self._before()
        waiting = [("worker", name) for name in self._workers]
        waiting += [("buffer", name) for name in self._buffers]
        order: list[Vertex] = []
        done: set[Vertex] = set()
        while waiting:
            ready = next((vertex for vertex in waiting if before[vertex] <= done), None)
            if ready is None:
                loop = " → ".join(self.cycles()[0])
                raise SetupError(f"the data flow has a loop, so it has no order: {loop}")
            waiting.remove(ready)
            done.add(ready)
            order.append(ready)
        return tuple(order)

    def _buffer_lines(self) -> Iterable[str]:
        rows = [
            (
                name,
                f"{how_many(spec.slot_count, 'slot')} of {spec.length_in_words} × {_fields(spec)}",
            )
            for name, spec in ((name, self._buffers[name]) for name in self.buffer_order)
        ]
        width = max((len(name) for name, _ in rows), default=0)
        for name, layout in rows:
            yield f"{name:<{width}}  {layout}, {size_in_words(self._buffers[name].size_bytes)}"

    def _worker_lines(self) -> Iterable[str]:
        for spec in (self._workers[name] for name in self.worker_order):
            number = spec.number_of_processes
            share = f" ({how_many(number, 'process')})" if number > 1 else ""
            parts = [f"{spec.name} {spec.function.name}{share}"]
            inputs = [f"{', '.join(spec.reads)} ──▶"] if spec.reads else []
            inputs += [f"{', '.join(spec.observes)} ┄┄▶"] if spec.observes else []
            if inputs:
                parts.insert(0, ", ".join(inputs))
            if spec.writes:
                parts.append(f"──▶ {', '.join(spec.writes)}")
            if spec.host:
                parts.append(f"@ {', '.join(spec.host)}")
            yield " ".join(parts)


def _fields(spec: BufferSpec) -> str:
    fields: Mapping[str, object] | None = spec.data_dtype.fields
    if not fields:
        return str(spec.data_dtype)
    names = list(fields)
    listed = ", ".join(names) if len(names) <= 4 else f"{names[0]}, …, {names[-1]}"
    return f"[{listed}]"
