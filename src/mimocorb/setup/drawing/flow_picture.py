"""The data flow of a set-up as a picture: which boxes and arrows there are, and where.

Sources are on the left, sinks on the right. Buffers are round, workers square, and dashes lead to
what observes. :mod:`mimocorb.setup.drawing.picture_files` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mimocorb._memory import size_in_words
from mimocorb._words import how_many
from mimocorb.model import BufferSpec, Setup, WorkerSpec
from mimocorb.setup.drawing.layered_layout import Point, lay_out

__all__ = ["LINE_HEIGHT", "SMALL_TEXT", "TEXT", "Arrow", "Box", "Picture", "flow_picture"]

TEXT = 14.0
SMALL_TEXT = 12.0
LINE_HEIGHT = 18.0
_MARGIN = 12.0
_PADDING_X, _PADDING_Y = 16.0, 9.0
_BETWEEN_LAYERS, _BETWEEN_NODES = 46.0, 20.0
_LONGEST = 20
# Boxes are light and their text is dark, so that both pages around them may be either.
_BUFFER = ("#dceafa", "#3b7cc4")
_WORKERS = {
    "source": ("#dff1e0", "#4b9a52"),
    "sink": ("#fdeed3", "#c98a1b"),
    "observer": ("#f4e9f8", "#9b62b0"),
    "filter": ("#f1f3f5", "#6b7785"),
}


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


def flow_picture(setup: Setup) -> Picture:
    """Return the picture of a set-up without loops."""
    boxes = {("buffer", spec.name): _buffer_box(spec) for spec in setup.buffers}
    boxes |= {("worker", spec.name): _worker_box(spec) for spec in setup.workers}
    edges = {}
    for spec in setup.workers:
        worker = ("worker", spec.name)
        for name, role in spec.roles.items():
            buffer = ("buffer", name)
            edges[(worker, buffer) if role == "write" else (buffer, worker)] = role == "observe"
    layout = lay_out(
        {node: (box.width, box.height) for node, box in boxes.items()},
        list(edges),
        between_layers=_BETWEEN_LAYERS,
        between_nodes=_BETWEEN_NODES,
    )
    placed = []
    for node, box in boxes.items():
        left, top, width, height = layout.boxes[node]
        placed.append(_at(box, left + _MARGIN, top + _MARGIN, width, height))
    arrows = [
        Arrow([(x + _MARGIN, y + _MARGIN) for x, y in layout.routes[edge]], dashed)
        for edge, dashed in edges.items()
    ]
    width, height = (length + 2 * _MARGIN for length in layout.size)
    return Picture(setup.title, width, height, placed, arrows)


def _at(box: Box, left: float, top: float, width: float, height: float) -> Box:
    values = {**vars(box), "left": left, "top": top, "width": width, "height": height}
    return Box(**values)


def _buffer_box(spec: BufferSpec) -> Box:
    layout = f"{spec.slot_count} × {size_in_words(spec.slot_size_bytes)}"
    fields = ", ".join(spec.data_dtype.names or (str(spec.data_dtype),))
    about = (
        f"{spec.name}: {how_many(spec.slot_count, 'slot')} of {spec.data_length} × "
        f"({fields}), "
        f"{size_in_words(spec.size_bytes)} in all"
    )
    return _box(spec.name, [layout], about, _BUFFER, is_round=True)


def _worker_box(spec: WorkerSpec) -> Box:
    kind = "filter"
    if spec.is_source:
        kind = "source"
    elif not spec.writes:
        kind = "sink" if spec.reads else "observer"
    number = spec.number_of_processes
    lines = [spec.function.name] if spec.function.name != spec.name else []
    lines += [how_many(number, "process")] if number > 1 else []
    about = f"{spec.name}: {spec.function}, {how_many(number, 'process')}"
    return _box(spec.name, lines, about, _WORKERS[kind], is_round=False)


def _box(
    name: str, lines: Sequence[str], about: str, colours: tuple[str, str], *, is_round: bool
) -> Box:
    names = list(_wrapped(name))
    small = [part for line in lines for part in _wrapped(line)]
    widths = [_text_width(line, TEXT * 1.08) for line in names]
    widths += [_text_width(line, SMALL_TEXT) for line in small]
    height = LINE_HEIGHT * (len(names) + len(small)) + 2 * _PADDING_Y
    radius = min(height / 2, 22.0) if is_round else 4.0
    width = max(widths) + 2 * _PADDING_X
    return Box(0, 0, width, height, radius, *colours, [*names, *small], len(names), about)


def _wrapped(text: str) -> Iterator[str]:
    """Break a long name behind an underscore, space, dot or dash, or else anywhere."""
    while len(text) > _LONGEST:
        at = max(text.rfind(sign, 0, _LONGEST) for sign in "_ .-") + 1
        at = at if at > _LONGEST // 3 else _LONGEST
        yield text[:at].rstrip()
        text = text[at:]
    yield text


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
