"""The data flow of a set-up as a picture: which boxes and arrows there are, and where.

Sources are on the left, sinks on the right. Buffers are round, workers square, and dashes lead to
what observes. :mod:`mimocorb.setup.drawing.picture_files` writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mimocorb.setup.drawing.flow import COLOURS, Flow, FlowNode
from mimocorb.setup.drawing.layout import Point, lay_out

__all__ = ["LINE_HEIGHT", "SMALL_TEXT", "TEXT", "Arrow", "Box", "Picture", "flow_picture"]

TEXT = 14.0
SMALL_TEXT = 12.0
LINE_HEIGHT = 18.0
_MARGIN = 12.0
_PADDING_X, _PADDING_Y = 16.0, 9.0
_BETWEEN_LAYERS, _BETWEEN_NODES = 46.0, 20.0


@dataclass(frozen=True)
class Box:
    """A buffer or worker.

    Parameters
    ----------
    left, top, width, height, radius
        In pixels; the radius of the corners.
    fill, stroke
        Colours.
    lines
        Text; the first `bold` lines are the name.
    bold
        Number of bold lines.
    about
        What is shown beside the mouse pointer.
    """

    left: float
    top: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str
    lines: Sequence[str]
    bold: int
    about: str


@dataclass(frozen=True)
class Arrow:
    """A line through points, with a head at its end; dashed to what observes."""

    points: Sequence[Point]
    dashed: bool


@dataclass(frozen=True)
class Picture:
    """What is to be drawn, in pixels, arrows below boxes."""

    title: str
    width: float
    height: float
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


def flow_picture(flow: Flow) -> Picture:
    """Return the picture of a data flow without loops."""
    sizes = {key: _size(node) for key, node in flow.nodes.items()}
    layout = lay_out(
        sizes,
        list(flow.edges),
        between_layers=_BETWEEN_LAYERS,
        between_nodes=_BETWEEN_NODES,
    )
    boxes = [_box(node, *layout.boxes[key]) for key, node in flow.nodes.items()]
    arrows = [
        Arrow([(x + _MARGIN, y + _MARGIN) for x, y in layout.routes[edge]], dashed)
        for edge, dashed in flow.edges.items()
    ]
    width, height = (length + 2 * _MARGIN for length in layout.size)
    return Picture(flow.title, width, height, boxes, arrows)


def _box(node: FlowNode, left: float, top: float, width: float, height: float) -> Box:
    return Box(
        left + _MARGIN,
        top + _MARGIN,
        width,
        height,
        min(height / 2, 22.0) if node.kind == "buffer" else 4.0,
        *COLOURS[node.kind],
        [*node.name, *node.details],
        len(node.name),
        node.about,
    )


def _size(node: FlowNode) -> tuple[float, float]:
    widths = [_text_width(line, TEXT * 1.08) for line in node.name]
    widths += [_text_width(line, SMALL_TEXT) for line in node.details]
    height = LINE_HEIGHT * len(widths) + 2 * _PADDING_Y
    return max(widths) + 2 * _PADDING_X, height


def _text_width(text: str, size: float) -> float:
    """Return how wide a text becomes at most in the usual fonts without serifs."""
    units = 0.0
    for character in text:
        if character in "ijlI|.,:;'()[] ":
            units += 0.38
        elif character in "mwMW@%":
            units += 0.97
        else:
            units += 0.72 if character.isupper() else 0.635
    return units * size
