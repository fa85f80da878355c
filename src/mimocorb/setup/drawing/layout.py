"""Where boxes and arrows lie: layers from left to right, few crossings, nothing overlapping.

The library fast-sugiyama gives every node a layer and a place in it, and an edge over several
layers a place in each that it passes. Here these become pixels. Why this library:
``docs/decisions/0028-a-library-lays-out-the-graph.md``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Edge", "Layout", "Node", "Point", "lay_out"]

# Distance of an edge that passes a layer from the box beside it, in boxes.
_PASSING = 0.5

Node = tuple[str, str]
Edge = tuple[Node, Node]
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Where everything lies; x to the right, y downwards, in the units of the sizes.

    Parameters
    ----------
    boxes
        Left, top, width and height of every node.
    routes
        Points that each edge goes through, from box to box: pairs of points at one height where it
        passes a layer.
    size
        Width and height of the whole.
    """

    boxes: Mapping[Node, tuple[float, float, float, float]]
    routes: Mapping[Edge, Sequence[Point]]
    size: tuple[float, float]


def lay_out(
    sizes: Mapping[Node, tuple[float, float]],
    edges: Sequence[Edge],
    *,
    between_layers: float,
    between_nodes: float,
) -> Layout:
    """Lay out a graph.

    Parameters
    ----------
    sizes
        Width and height of the nodes.
    edges
        Pairs of nodes, each at most once, without loops.
    between_layers, between_nodes
        Space between neighbouring layers, and between nodes of a layer.
    """
    nodes = list(sizes)
    places, chains = _places(len(nodes), [(nodes.index(a), nodes.index(b)) for a, b in edges])
    widest = [0.0] * (1 + max((layer for layer, _ in places.values()), default=0))
    for index, (width, _) in enumerate(sizes.values()):
        layer = places[index][0]
        widest[layer] = max(widest[layer], width)
    left = [0.0]
    for width in widest:
        left.append(left[-1] + width + between_layers)
    unit = max((height for _, height in sizes.values()), default=0.0) + between_nodes
    middle = {place: row * unit for place, (_, row) in places.items()}
    heights = dict(enumerate(height for _, height in sizes.values()))
    spans = [(y, heights.get(place, 2 * between_nodes) / 2) for place, y in middle.items()]
    top = min((y - half for y, half in spans), default=0.0)
    bottom = max((y + half for y, half in spans), default=0.0)
    middle = {place: y - top for place, y in middle.items()}

    boxes = {}
    for index, (node, (_, height)) in enumerate(sizes.items()):
        layer = places[index][0]
        boxes[node] = (left[layer], middle[index] - height / 2, widest[layer], height)
    routes = {}
    for first, *passed, last in chains:
        start, end = places[first][0], places[last][0]
        points = [(left[start] + widest[start], middle[first])]
        for place in passed:
            layer = places[place][0]
            points += [(x, middle[place]) for x in (left[layer], left[layer] + widest[layer])]
        routes[nodes[first], nodes[last]] = [*points, (left[end], middle[last])]
    return Layout(boxes, routes, (left[-1] - between_layers, bottom - top))


def _places(
    count: int, edges: Sequence[tuple[int, int]]
) -> tuple[dict[int, tuple[int, float]], list[list[int]]]:
    """Return layer and row of each place, and the places that each edge goes through.

    The places of the nodes are numbered as the nodes, those where an edge passes a layer follow.
    Parts of the graph that nothing connects lie below each other, nodes without an edge at last.
    """
    from fast_sugiyama import from_edges

    places: dict[int, tuple[int, float]] = {}
    chains: list[list[int]] = []
    fresh = itertools.count(count)
    below = 0.0
    parts = from_edges(edges, vertex_spacing=1, dummy_vertices=True, dummy_size=_PASSING)
    for positions, _, _, links in sorted(parts, key=lambda part: min(_numbers(part[0]))):
        # Each part numbers the places where its edges pass layers anew.
        own = {place: place if place < count else next(fresh) for place in _numbers(positions)}
        deepest = max(depth for _, (_, depth) in positions)
        first, last = (choose(row for _, (row, _) in positions) for choose in (max, min))
        for place, (row, depth) in positions:
            # Rows counted from the other side are in the order of the set-up file.
            places[own[int(place)]] = (round(deepest - depth), below + first - row)
        below += first - last + 1
        pairs = [(own[int(start)], own[int(end)]) for start, end in links or ()]
        onwards = {start: end for start, end in pairs if start >= count}
        for start, end in pairs:
            if start < count:
                chain = [start, end]
                while chain[-1] >= count:
                    chain.append(onwards[chain[-1]])
                chains.append(chain)
    for node in range(count):
        if node not in places:
            places[node] = (0, below)
            below += 1
    return places, chains


def _numbers(positions: Iterable[tuple[int | str, object]]) -> list[int]:
    return [int(place) for place, _ in positions]
