"""The picture of a set-up: nothing overlaps, every arrow joins what it should, both formats."""

import sys
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from mimocorb.cli import main
from mimocorb.model import BufferSpec, FunctionReference, Role, Setup, WorkerSpec
from mimocorb.setup.dialects import read_setup
from mimocorb.setup.drawing.flow_picture import SMALL_TEXT, TEXT, Arrow, Box, Picture, flow_picture
from mimocorb.setup.drawing.picture_files import _path_points, svg_text

SVG = "{http://www.w3.org/2000/svg}"


def lists(roles: Mapping[str, str]) -> dict[str, Any]:
    """The buffers of a worker by what it does with them, from the role of each."""
    fields = {"read": "reads", "write": "writes", "observe": "observes"}
    return {
        field: tuple(name for name, given in roles.items() if given == role)
        for role, field in fields.items()
    }


def setup_of(workers: dict[str, dict[str, Role]], function: str = "function") -> Setup:
    buffers = dict.fromkeys(name for assigned in workers.values() for name in assigned)
    return Setup(
        buffers=tuple(BufferSpec(name, 128, 4250, np.dtype("f8")) for name in buffers),
        workers=tuple(
            WorkerSpec(name, FunctionReference("modules/m", function), **lists(assigned))
            for name, assigned in workers.items()
        ),
        title="A <set-up> & more",
    )


LARGE = setup_of(
    {
        "left": {"raw_left": "write"},
        "right": {"raw_right": "write"},
        "merge": {
            "raw_left": "read",
            "raw_right": "read",
            "merged_events_with_both_detectors": "write",
        },
        "find_coincidences_and_select": {
            "merged_events_with_both_detectors": "read",
            "accepted": "write",
            "rejected": "write",
        },
        "analyse": {"accepted": "read", "parameters": "write"},
        "histogram": {"parameters": "read", "spectrum": "write"},
        "save_waves": {"accepted": "read"},
        "save_table": {"parameters": "read"},
        "save_rejected": {"rejected": "read"},
        "show_left": {"raw_left": "observe"},
        "show_spectrum": {"spectrum": "observe", "raw_right": "observe"},
        "write_spectrum": {"spectrum": "read"},
    },
    "a_function_with_a_name_that_is_rather_long",
)


def overlap(one: Box, other: Box, between: float = 0.0) -> bool:
    return (
        one.left < other.left + other.width + between
        and other.left < one.left + one.width + between
        and one.top < other.top + other.height + between
        and other.top < one.top + one.height + between
    )


def touches(box: Box, x: float, y: float, by: float = 0.0) -> bool:
    return (
        box.left - by <= x <= box.left + box.width + by
        and box.top - by <= y <= box.top + box.height + by
    )


def points_on(arrow: Arrow) -> list[tuple[float, float]]:
    """Points on the curves that are drawn."""
    path = np.array(_path_points(arrow.points))
    t = np.linspace(0, 1, 21)[:, np.newaxis]
    found = []
    for index in range(0, len(path) - 1, 3):
        a, b, c, d = path[index : index + 4]
        curve = a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3
        found += [(float(x), float(y)) for x, y in curve]
    return found


def check_picture(picture: Picture, setup: Setup) -> None:
    for one, other in combinations(picture.boxes, 2):
        assert not overlap(one, other, between=8), (one.lines, other.lines)
    for box in picture.boxes:
        assert min(box.left, box.top) >= 5
        assert box.left + box.width <= picture.width - 5
        assert box.top + box.height <= picture.height - 5
    named = {box.about.split(":")[0]: box for box in picture.boxes}
    expected = [(s.name, b, r) for s in setup.workers for b, r in s.roles.items()]
    assert len(picture.arrows) == len(expected)
    for (worker, buffer, role), arrow in zip(expected, picture.arrows, strict=True):
        source, target = (worker, buffer) if role == "write" else (buffer, worker)
        assert arrow.dashed == (role == "observe")
        assert touches(named[source], *arrow.points[0], by=0.01)
        assert touches(named[target], *arrow.points[-1], by=0.01)
        others = [box for name, box in named.items() if name not in (source, target)]
        for point in points_on(arrow):
            assert not any(touches(box, *point) for box in others), (source, target)


def test_a_large_setup_is_drawn_without_overlaps() -> None:
    check_picture(flow_picture(LARGE), LARGE)


def test_lines_of_text_fit_into_their_boxes() -> None:
    for box in flow_picture(LARGE).boxes:
        for index, line in enumerate(box.lines):
            bold = index < box.bold
            font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
            extent = TextPath((0, 0), line, TEXT if bold else SMALL_TEXT, prop=font).get_extents()
            assert extent.width <= box.width - 10, line


def test_a_chain_is_a_straight_line_even_before_a_lopsided_end() -> None:
    chain = {"s": {"a": "write"}, "f": {"a": "read", "b": "write"}, "g": {"b": "read"}}
    chain["g"] |= {"c": "write", "d": "write"}
    ends = {f"end_{number}": {"c": "read"} for number in range(3)} | {"end": {"d": "read"}}
    picture = flow_picture(setup_of(chain | ends))
    for arrow in picture.arrows[:4]:
        assert len({round(y, 6) for _, y in arrow.points}) == 1


@st.composite
def flows(draw: st.DrawFn) -> Setup:
    """Any set-up without loops: workers read buffers that were there before they write."""
    workers: dict[str, dict[str, Role]] = {"w0": {"b0": "write"}}
    known = ["b0"]
    for index in range(1, draw(st.integers(2, 9))):
        assigned: dict[str, Role] = {}
        for name in draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)):
            assigned[name] = draw(st.sampled_from(["read", "read", "observe"]))
        for number in range(draw(st.integers(0, 2))):
            name = f"b{index}_{number}"
            known.append(name)
            assigned[name] = "write"
        workers[f"w{index}"] = assigned
    return setup_of(workers)


@settings(max_examples=25, deadline=None)
@given(setup=flows())
def test_any_setup_is_drawn_without_overlaps(setup: Setup) -> None:
    check_picture(flow_picture(setup), setup)


def test_the_svg_is_whole_and_says_everything(example: Path) -> None:
    setup = read_setup("simultest_setup.yaml")
    root = ElementTree.fromstring(svg_text(flow_picture(setup)))
    assert root.tag == f"{SVG}svg"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"RB_1", "128 × 132.8 KiB", "Fkt_2", "calculate_decay_time", "2 processes"} <= set(texts)
    assert len(list(root.iter(f"{SVG}rect"))) == 8
    assert len(list(root.iter(f"{SVG}path"))) == 7
    assert ElementTree.fromstring(svg_text(flow_picture(LARGE)))[0].text == "A <set-up> & more"


def test_the_command_writes_both_formats(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("flow.svg", "flow.png"):
        assert main(["graph", "muon_setup.yaml", "-o", name]) == 0
    assert (example / "flow.svg").read_text().startswith("<svg ")
    assert (example / "flow.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == ""
    assert main(["graph", "muon_setup.yaml", "-o", "flow.pdf"]) == 1
    assert "ends in .svg or .png, found 'flow.pdf'" in capsys.readouterr().err
    assert main(["graph", "muon_setup.yaml", "-o", "nowhere/flow.svg"]) == 1
    assert "cannot write nowhere/flow.svg: No such file" in capsys.readouterr().err


def test_without_matplotlib_a_png_is_refused_with_what_to_do(
    example: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["graph", "muon_setup.yaml", "-o", "flow.png"]) == 1
    assert "pip install 'mimocorb[plots]', or write an .svg" in capsys.readouterr().err
    assert main(["graph", "muon_setup.yaml", "-o", "flow.svg"]) == 0
