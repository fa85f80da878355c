"""What a drawing of a set-up shows: a node for every buffer and worker, and the edges between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mimocorb._memory import size_in_words
from mimocorb._words import how_many
from mimocorb.model import BufferSpec, Setup, WorkerSpec
from mimocorb.setup.drawing.layout import Edge, Node

__all__ = ["COLOURS", "Flow", "FlowNode", "flow_of"]

# Fill and edge. Boxes are light and their text is dark, so that the page around them may be either.
COLOURS = {
    "buffer": ("#dceafa", "#3b7cc4"),
    "source": ("#dff1e0", "#4b9a52"),
    "filter": ("#f1f3f5", "#6b7785"),
    "sink": ("#fdeed3", "#c98a1b"),
    "observer": ("#f4e9f8", "#9b62b0"),
}
_LONGEST = 20


@dataclass(frozen=True)
class FlowNode:
    """A buffer or worker.

    Parameters
    ----------
    kind
        A key of :data:`COLOURS`.
    name
        The name, in lines that are not too long.
    details
        Further lines: the size of a buffer, function and processes of a worker.
    about
        One sentence with more.
    """

    kind: str
    name: Sequence[str]
    details: Sequence[str]
    about: str


@dataclass(frozen=True)
class Flow:
    """Nodes, and edges in the direction of the data: True where events are only observed."""

    title: str
    nodes: Mapping[Node, FlowNode]
    edges: Mapping[Edge, bool]


def flow_of(setup: Setup) -> Flow:
    """Return what a drawing of a set-up shows."""
    nodes = {("buffer", spec.name): _buffer(spec) for spec in setup.buffers}
    nodes |= {("worker", spec.name): _worker(spec) for spec in setup.workers}
    edges = {}
    for spec in setup.workers:
        worker = ("worker", spec.name)
        for name, role in spec.roles.items():
            buffer = ("buffer", name)
            edges[(worker, buffer) if role == "write" else (buffer, worker)] = role == "observe"
    return Flow(setup.title, nodes, edges)


def _buffer(spec: BufferSpec) -> FlowNode:
    fields = ", ".join(spec.data_dtype.names or (str(spec.data_dtype),))
    about = (
        f"{spec.name}: {how_many(spec.slot_count, 'slot')} of {spec.length_in_words} × "
        f"({fields}), {size_in_words(spec.size_bytes)} in all"
    )
    details = [f"{spec.slot_count} × {size_in_words(spec.slot_size_bytes)}"]
    return FlowNode("buffer", list(_wrapped(spec.name)), details, about)


def _worker(spec: WorkerSpec) -> FlowNode:
    kind = "filter"
    if spec.is_source:
        kind = "source"
    elif not spec.writes:
        kind = "sink" if spec.reads else "observer"
    number = spec.number_of_processes
    details = list(_wrapped(spec.function.name)) if spec.function.name != spec.name else []
    details += [how_many(number, "process")] if number > 1 else []
    about = f"{spec.name}: {spec.function}, {how_many(number, 'process')}"
    if spec.host:
        details.append(f"@ {', '.join(spec.host)}")
        about += f", on {', '.join(spec.host)}"
    return FlowNode(kind, list(_wrapped(spec.name)), details, about)


def _wrapped(text: str) -> Iterator[str]:
    """Break a long name behind an underscore, space, dot or dash, or else anywhere."""
    while len(text) > _LONGEST:
        at = max(text.rfind(sign, 0, _LONGEST) for sign in "_ .-") + 1
        at = at if at > _LONGEST // 3 else _LONGEST
        yield text[:at].rstrip()
        text = text[at:]
    yield text
