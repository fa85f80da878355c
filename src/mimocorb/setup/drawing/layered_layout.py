"""A layered layout of a directed graph without loops: from left to right, few crossings, straight.

The steps are those of Sugiyama, Tagawa and Toda (1981, doi:10.1109/TSMC.1981.4308636): every node
gets a layer, an edge over several layers is cut into pieces by bends, the order in each layer is
improved by barycentres, and at last heights are found that keep edges short and straight, with
nothing overlapping.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Layout", "Size", "lay_out"]

_SWEEPS = 100
_STRAIGHT = 3.0
_BEND_HEIGHT = 10.0

Node = Hashable
Edge = tuple[Node, Node]
Point = tuple[float, float]
Size = tuple[float, float]


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
    size: Size


class _Bend(NamedTuple):
    """The place where an edge passes a layer."""

    edge: Edge
    layer: int


def lay_out(
    sizes: Mapping[Node, Size],
    edges: Sequence[Edge],
    *,
    between_layers: float,
    between_nodes: float,
) -> Layout:
    """Lay out a graph.

    Parameters
    ----------
    sizes
        Width and height of the nodes, in the order that is kept where nothing else decides.
    edges
        Pairs of nodes, without loops.
    between_layers, between_nodes
        Space between neighbouring layers, and between nodes of a layer.
    """
    layer_of = _layers(list(sizes), edges)
    layers: list[list[Node]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for node in sizes:
        layers[layer_of[node]].append(node)
    chains = {edge: _chain(edge, layer_of) for edge in edges}
    for chain in chains.values():
        for index, bend in enumerate(chain[1:-1], layer_of[chain[0]] + 1):
            layers[index].append(bend)
    links = [pair for chain in chains.values() for pair in pairwise(chain)]
    layers = _with_few_crossings(layers, links)
    heights = {
        node: sizes[node][1] if node in sizes else _BEND_HEIGHT for n in layers for node in n
    }
    middle = _heights(layers, links, heights, between_nodes)
    columns, width = [], 0.0
    for layer in layers:
        widest = max(sizes[node][0] for node in layer if node in sizes)
        columns.append((width, widest))
        width += widest + between_layers
    top = min((middle[node] - heights[node] / 2 for node in middle), default=0.0)
    middle = {node: y - top for node, y in middle.items()}
    boxes = {}
    for node, (_, height) in sizes.items():
        left, widest = columns[layer_of[node]]
        boxes[node] = (left, middle[node] - height / 2, widest, height)
    bottom = max((middle[node] + heights[node] / 2 for node in middle), default=0.0)
    size = (max(0.0, width - between_layers), bottom)
    return Layout(boxes, _routes(chains, boxes, columns, middle), size)


def _layers(nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[Node, int]:
    """Give every node the first layer behind all that come before it, beginnings late."""
    before, after = defaultdict(list), defaultdict(list)
    for source, target in edges:
        before[target].append(source)
        after[source].append(target)
    layer: dict[Node, int] = {}
    waiting = list(nodes)
    while waiting:
        node = next(node for node in waiting if all(other in layer for other in before[node]))
        layer[node] = max((layer[other] + 1 for other in before[node]), default=0)
        waiting.remove(node)
    for node in nodes:
        if not before[node] and after[node]:
            layer[node] = min(layer[other] for other in after[node]) - 1
    return layer


def _chain(edge: Edge, layer_of: Mapping[Node, int]) -> list[Node]:
    """Return the nodes that an edge visits: its ends, and a bend in every layer between."""
    source, target = edge
    bends = [_Bend(edge, layer) for layer in range(layer_of[source] + 1, layer_of[target])]
    return [source, *bends, target]


def _with_few_crossings(
    layers: Sequence[Sequence[Node]], links: Sequence[Edge]
) -> list[list[Node]]:
    """Order each layer by the mean place of the neighbours, to and fro, and keep the best."""
    neighbours: dict[Node, list[Node]] = defaultdict(list)
    for source, target in links:
        neighbours[source].append(target)
        neighbours[target].append(source)
    current = [list(layer) for layer in layers]
    best, least = current, _crossings(current, links)
    for sweep in range(_SWEEPS):
        if not least:
            break
        order = range(1, len(current)) if sweep % 2 == 0 else range(len(current) - 2, -1, -1)
        step = -1 if sweep % 2 == 0 else 1
        current = [list(layer) for layer in current]
        for index in order:
            place = {node: position for position, node in enumerate(current[index + step])}
            own = {node: position for position, node in enumerate(current[index])}

            def barycentre(
                node: Node, place: Mapping[Node, int] = place, own: Mapping[Node, int] = own
            ) -> float:
                places = [place[other] for other in neighbours[node] if other in place]
                return sum(places) / len(places) if places else float(own[node])

            current[index].sort(key=barycentre)
        crossings = _crossings(current, links)
        if crossings < least:
            best, least = current, crossings
    return best


def _crossings(layers: Sequence[Sequence[Node]], links: Sequence[Edge]) -> int:
    place = {node: position for layer in layers for position, node in enumerate(layer)}
    layer_of = {node: index for index, layer in enumerate(layers) for node in layer}
    found = 0
    by_layer: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for source, target in links:
        by_layer[layer_of[source]].append((place[source], place[target]))
    for pairs in by_layer.values():
        for index, (a, b) in enumerate(pairs):
            found += sum((a - c) * (b - d) < 0 for c, d in pairs[index + 1 :])
    return found


def _heights(
    layers: Sequence[Sequence[Node]],
    links: Sequence[Edge],
    heights: Mapping[Node, float],
    between: float,
) -> dict[Node, float]:
    """Return the y of the middle of each node: near its neighbours, in order, not overlapping."""
    neighbours: dict[Node, list[tuple[Node, float]]] = defaultdict(list)
    for source, target in links:
        # Between two bends a line is straight before all else, as in Gansner et al. (1993).
        weight = _STRAIGHT ** (isinstance(source, _Bend) + isinstance(target, _Bend))
        neighbours[source].append((target, weight))
        neighbours[target].append((source, weight))
    middle: dict[Node, float] = {}
    for layer in layers:
        middle |= zip(layer, _apart(layer, [0.0] * len(layer), heights, between), strict=True)
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_mean(neighbours[node], middle, middle[node]) for node in layer]
            middle |= zip(layer, _apart(layer, wanted, heights, between), strict=True)
    alone = _lonely_links(links)
    for layer in reversed(layers):
        wanted = [middle[alone.get(node, node)] for node in layer]
        middle |= zip(layer, _apart(layer, wanted, heights, between), strict=True)
    return middle


def _lonely_links(links: Sequence[Edge]) -> dict[Node, Node]:
    """Return the links between two nodes that have no other on this side, to be level."""
    leaving, reaching = Counter(link[0] for link in links), Counter(link[1] for link in links)
    return {
        source: target for source, target in links if leaving[source] == 1 and reaching[target] == 1
    }


def _mean(
    neighbours: Sequence[tuple[Node, float]], middle: Mapping[Node, float], otherwise: float
) -> float:
    total = sum(weight for _, weight in neighbours)
    return sum(middle[node] * weight for node, weight in neighbours) / total if total else otherwise


def _apart(
    layer: Sequence[Node], wanted: Sequence[float], heights: Mapping[Node, float], between: float
) -> list[float]:
    """Return the places nearest to those wanted, in least squares, that keep order and distance.

    With the distances taken off, places only have to increase: pool adjacent violators.
    """
    offsets, offset = [0.0], 0.0
    for above, below in pairwise(layer):
        offset += (heights[above] + heights[below]) / 2 + between
        offsets.append(offset)
    pools: list[tuple[float, int]] = []
    for target, shift in zip(wanted, offsets, strict=False):
        mean, count = target - shift, 1
        while pools and pools[-1][0] > mean:
            other, number = pools.pop()
            mean = (mean * count + other * number) / (count + number)
            count += number
        pools.append((mean, count))
    level = [mean for mean, count in pools for _ in range(count)]
    return [mean + shift for mean, shift in zip(level, offsets, strict=False)]


def _routes(
    chains: Mapping[Edge, Sequence[Node]],
    boxes: Mapping[Node, tuple[float, float, float, float]],
    columns: Sequence[tuple[float, float]],
    middle: Mapping[Node, float],
) -> dict[Edge, list[Point]]:
    """Let every edge leave and reach a box at a place of its own, in the order of its other end."""
    leaving: dict[Node, list[Edge]] = defaultdict(list)
    reaching: dict[Node, list[Edge]] = defaultdict(list)
    for edge, chain in chains.items():
        leaving[chain[0]].append(edge)
        reaching[chain[-1]].append(edge)
    start: dict[Edge, float] = {}
    end: dict[Edge, float] = {}
    for node, (_, top, _, height) in boxes.items():
        out = sorted(leaving[node], key=lambda edge: middle[chains[edge][1]])
        into = sorted(reaching[node], key=lambda edge: middle[chains[edge][-2]])
        start |= {edge: top + height * (i + 1) / (len(out) + 1) for i, edge in enumerate(out)}
        end |= {edge: top + height * (i + 1) / (len(into) + 1) for i, edge in enumerate(into)}
    routes = {}
    for edge, chain in chains.items():
        left, _, width, _ = boxes[chain[0]]
        points = [(left + width, start[edge])]
        for bend in chain[1:-1]:
            assert isinstance(bend, _Bend)
            left, width = columns[bend.layer]
            points += [(left, middle[bend]), (left + width, middle[bend])]
        routes[edge] = [*points, (boxes[chain[-1]][0], end[edge])]
    return routes
