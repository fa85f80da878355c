"""A drawing as a file: SVG, Mermaid and DOT are text; PNG is drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from mimocorb.errors import OutputError
from mimocorb.setup.drawing.flow import Flow
from mimocorb.setup.drawing.flow_picture import (
    LINE_HEIGHT,
    SMALL_TEXT,
    TEXT,
    Arrow,
    Box,
    Picture,
    flow_picture,
)
from mimocorb.setup.drawing.flow_text import dot_text, mermaid_text
from mimocorb.setup.drawing.layout import Point

__all__ = ["svg_text", "write_drawing"]

_INK, _DIM, _LINE = "#16202c", "#4a5867", "#7b8794"
_FONTS = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', sans-serif"
_HEAD = 7.0
_BASELINE = 0.36  # of the size of the text, below the middle of the line
_PNG_SCALE = 2.0  # pixels of the file for one of the picture
_AS_TEXT = {
    ".svg": lambda flow: svg_text(flow_picture(flow)),
    ".mmd": mermaid_text,
    ".dot": dot_text,
}


def write_drawing(flow: Flow, path: Path) -> None:
    """Write an SVG, PNG, Mermaid or DOT file, as the ending says; replaces the file.

    Raises
    ------
    OutputError
        The file cannot be written, has another ending, or is PNG and matplotlib is not there.
    """
    if path.suffix not in (".png", *_AS_TEXT):
        raise OutputError(
            f"a drawing is a file that ends in .svg, .png, .mmd (Mermaid) or .dot (Graphviz), "
            f"found {path.name!r}"
        )
    try:
        if path.suffix == ".png":
            _write_png(flow_picture(flow), path)
        else:
            path.write_text(_AS_TEXT[path.suffix](flow), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def svg_text(picture: Picture) -> str:
    """Return the picture as SVG."""
    width, height = round(picture.width), round(picture.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{_FONTS}">',
        f"<title>{escape(picture.title)}</title>",
        *(_svg_arrow(arrow) for arrow in picture.arrows),
        *(line for box in picture.boxes for line in _svg_box(box)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _svg_arrow(arrow: Arrow) -> str:
    (x, y), *_ = points = _path_points(arrow.points)
    curves = (points[index : index + 3] for index in range(1, len(points), 3))
    steps = [f"M{x:.1f} {y:.1f}"]
    steps += ["C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in curve) for curve in curves]
    dashes = ' stroke-dasharray="2 5" stroke-linecap="round"' if arrow.dashed else ""
    head = " ".join(f"{x:.1f},{y:.1f}" for x, y in _head(arrow.points))
    return (
        f'<path d="{"".join(steps)}" fill="none" stroke="{_LINE}" stroke-width="1.8"{dashes}/>'
        f'<polygon points="{head}" fill="{_LINE}"/>'
    )


def _svg_box(box: Box) -> Iterator[str]:
    yield f"<g><title>{escape(box.about)}</title>"
    yield (
        f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="{box.radius:.1f}" fill="{box.fill}" '
        f'stroke="{box.stroke}" stroke-width="1.5"/>'
    )
    for line, x, y, size, is_bold in _text_lines(box):
        weight = ' font-weight="600"' if is_bold else ""
        yield (
            f'<text x="{x:.1f}" y="{y + _BASELINE * size:.1f}" font-size="{size:g}"{weight} '
            f'text-anchor="middle" fill="{_INK if is_bold else _DIM}">{escape(line)}</text>'
        )
    yield "</g>"


def _text_lines(box: Box) -> Iterator[tuple[str, float, float, float, bool]]:
    """Yield each line with the middle of it, the size of the text and whether it is bold."""
    top = box.top + (box.height - LINE_HEIGHT * len(box.lines)) / 2
    for index, line in enumerate(box.lines):
        is_bold = index < box.bold
        y = top + LINE_HEIGHT * (index + 0.5)
        yield line, box.left + box.width / 2, y, TEXT if is_bold else SMALL_TEXT, is_bold


def _path_points(points: Sequence[Point]) -> list[Point]:
    """Return a start and three points for each Bézier curve, all of them level at their ends.

    The last one stops at the foot of the arrowhead.
    """
    *most, (end_x, end_y) = points
    through = [*most, (end_x - _HEAD, end_y)]
    path = [through[0]]
    for (x0, y0), (x1, y1) in pairwise(through):
        half = (x1 - x0) / 2
        path += [(x0 + half, y0), (x1 - half, y1), (x1, y1)]
    return path


def _head(points: Sequence[Point]) -> list[Point]:
    x, y = points[-1]
    return [(x, y), (x - 1.4 * _HEAD, y - 0.6 * _HEAD), (x - 1.4 * _HEAD, y + 0.6 * _HEAD)]


def _write_png(picture: Picture, path: Path) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
        from matplotlib.path import Path as Curve
    except ImportError:
        raise OutputError(
            "a PNG picture needs matplotlib: install it with pip install 'mimocorb[plots]', or "
            "write an .svg file, which needs nothing"
        ) from None
    dpi = 72 * _PNG_SCALE
    figure = Figure(figsize=(picture.width / 72, picture.height / 72), dpi=dpi)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.axis("off")
    for arrow in picture.arrows:
        points = _path_points(arrow.points)
        curve = Curve(points, [Curve.MOVETO] + [Curve.CURVE4] * (len(points) - 1))
        dashes = (0, (0.1, 2.8)) if arrow.dashed else "solid"
        axes.add_patch(PathPatch(curve, fill=False, ec=_LINE, lw=1.8, ls=dashes, capstyle="round"))
        axes.add_patch(Polygon(_head(arrow.points), fc=_LINE, ec="none"))
    for box in picture.boxes:
        style = f"round,pad=0,rounding_size={box.radius}"
        corner = (box.left, box.top)
        axes.add_patch(
            FancyBboxPatch(corner, box.width, box.height, style, fc=box.fill, ec=box.stroke, lw=1.5)
        )
        for line, x, y, size, is_bold in _text_lines(box):
            axes.text(
                x,
                y + _BASELINE * size,
                line,
                size=size,
                weight="bold" if is_bold else "normal",
                color=_INK if is_bold else _DIM,
                ha="center",
                va="baseline",
                parse_math=False,
            )
    figure.savefig(path, dpi=dpi, transparent=True)
