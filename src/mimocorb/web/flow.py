"""The data flow of a run as boxes and arrows, laid out once; the page writes the counts on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimocorb.setup.drawing.layout import Edge, Node, lay_out

__all__ = ["flow_of_record"]

CHARACTER = 7.6
LEAST_WIDTH = 132.0
HEIGHT = 46.0
BETWEEN_LAYERS = 78.0
BETWEEN_NODES = 20.0
LONGEST_NAME = 22


def flow_of_record(setup: Mapping[str, Any]) -> dict[str, Any]:
    """Return boxes and routes of a set-up, as the record of a run has it."""
    workers: Mapping[str, Mapping[str, Any]] = setup.get("Workers", {})
    nodes: dict[Node, str] = {("buffer", name): "buffer" for name in setup.get("Buffers", {})}
    edges: dict[Edge, str] = {}
    for name, worker in workers.items():
        nodes["worker", name] = _kind(worker)
        for key in ("sources", "observes"):
            for buffer in worker.get(key) or ():
                edges[("buffer", buffer), ("worker", name)] = key
        for buffer in worker.get("sinks") or ():
            edges[("worker", name), ("buffer", buffer)] = "sinks"
    known = {edge: kind for edge, kind in edges.items() if edge[0] in nodes and edge[1] in nodes}
    sizes = {
        node: (max(LEAST_WIDTH, 18 + CHARACTER * min(LONGEST_NAME, len(node[1]))), HEIGHT)
        for node in nodes
    }
    layout = lay_out(sizes, list(known), between_layers=BETWEEN_LAYERS, between_nodes=BETWEEN_NODES)
    return {
        "size": layout.size,
        "nodes": [
            {"kind": kind, "name": node[1], "box": layout.boxes[node]}
            for node, kind in nodes.items()
        ],
        "edges": [
            {"from": edge[0], "to": edge[1], "kind": kind, "points": list(layout.routes[edge])}
            for edge, kind in known.items()
        ],
    }


def _kind(worker: Mapping[str, Any]) -> str:
    reads, writes = worker.get("sources"), worker.get("sinks")
    if writes:
        return "filter" if reads else "source"
    return "sink" if reads else "observer"
