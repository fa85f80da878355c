"""The drawing of a set-up: nothing overlaps, few lines cross, arrows join what they should."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, pairwise
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
from mimocorb.setup.drawing.flow import flow_of
from mimocorb.setup.drawing.flow_picture import SMALL_TEXT, TEXT, Arrow, Box, Picture, flow_picture
from mimocorb.setup.drawing.flow_text import dot_text, mermaid_text
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


def crossings(picture: Picture) -> int:
    """How often drawn lines cross; lines that leave or reach one box may touch there."""
    found = 0
    for one, other in combinations(picture.arrows, 2):
        if one.points[0] != other.points[0] and one.points[-1] != other.points[-1]:
            # Not on each other's points, where a crossing would belong to no piece of a line.
            first, second = np.array(points_on(one)), np.add(points_on(other), [0.013, 0.017])
            found += sum(
                np.count_nonzero(_crosses(a, b, first[:-1], first[1:])) for a, b in pairwise(second)
            )
    return found


def _crosses(a: np.ndarray, b: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether pieces of a line cross the piece from a to b."""

    def side(of: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        along, to = end - start, of - start
        return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])

    return (side(starts, a, b) != side(ends, a, b)) & (
        side(a, starts, ends) != side(b, starts, ends)
    )


DIAMOND = setup_of(
    {
        "acquire": {"raw": "write"},
        "left": {"raw": "read", "raw_left": "write"},
        "right": {"raw": "read", "raw_right": "write"},
        "merge": {"raw_left": "read", "raw_right": "read", "merged": "write"},
        "save": {"merged": "read"},
        "show": {"raw": "observe"},
    }
)
FAN_OUT = setup_of(
    {"acquire": {"raw": "write"}, "show": {"raw": "observe"}}
    | {
        f"worker_{number}": {"raw": "read", ("odd" if number % 2 else "even"): "write"}
        for number in range(12)
    }
    | {"save_odd": {"odd": "read"}, "save_even": {"even": "read"}}
)
THREE_EXPERIMENTS = setup_of(
    {
        worker: roles
        for name in "abc"
        for worker, roles in {
            f"acquire_{name}": {f"{name}_raw": "write"},
            f"select_{name}": {f"{name}_raw": "read", f"{name}_good": "write"},
            f"save_{name}": {f"{name}_good": "read"},
            f"show_{name}": {f"{name}_raw": "observe", f"{name}_good": "observe"},
        }.items()
    }
)


@pytest.mark.parametrize("setup", [LARGE, DIAMOND, FAN_OUT, THREE_EXPERIMENTS])
def test_what_can_be_drawn_without_crossings_is(setup: Setup) -> None:
    picture = flow_picture(flow_of(setup))
    check_picture(picture, setup)
    assert crossings(picture) == 0


def test_parts_that_nothing_connects_lie_below_each_other() -> None:
    picture = flow_picture(flow_of(THREE_EXPERIMENTS))
    below_a = min(
        box.top for box in picture.boxes if box.about.split(":")[0] in ("b_raw", "show_b")
    )
    of_a = picture.arrows[: len(picture.arrows) // 3]
    assert max(y for arrow in of_a for _, y in arrow.points) < below_a


def test_crossings_are_seen() -> None:
    picture = flow_picture(flow_of(DIAMOND))
    named = {box.about.split(":")[0]: box for box in picture.boxes}
    left, right = named["raw_left"], named["raw_right"]
    by = right.top - left.top
    exchanged = []
    for arrow in picture.arrows:
        points = list(arrow.points)
        for index in (0, -1):
            if touches(left, *points[index], by=0.01):
                points[index] = (points[index][0], points[index][1] + by)
            elif touches(right, *points[index], by=0.01):
                points[index] = (points[index][0], points[index][1] - by)
        exchanged.append(Arrow(points, arrow.dashed))
    assert crossings(replace(picture, arrows=exchanged)) == 1


def test_a_picture_is_the_same_each_time() -> None:
    assert len({svg_text(flow_picture(flow_of(LARGE))) for _ in range(20)}) == 1


def test_a_large_setup_is_drawn_without_overlaps() -> None:
    check_picture(flow_picture(flow_of(LARGE)), LARGE)


def test_lines_of_text_fit_into_their_boxes() -> None:
    for box in flow_picture(flow_of(LARGE)).boxes:
        for index, line in enumerate(box.lines):
            bold = index < box.bold
            font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
            extent = TextPath((0, 0), line, TEXT if bold else SMALL_TEXT, prop=font).get_extents()
            assert extent.width <= box.width - 10, line


@pytest.mark.parametrize(
    "name", ["a", "scaler rates of the trigger board", "m.module.function_that_selects", "x" * 70]
)
def test_no_letter_of_a_name_is_lost(name: str) -> None:
    picture = flow_picture(flow_of(setup_of({name: {"raw": "write"}})))
    (lines,) = ({*box.lines} for box in picture.boxes if box.about.startswith(f"{name}: "))
    assert not [line for line in lines if len(line) > 20]
    whole = "".join(line for box in picture.boxes for line in box.lines[: box.bold])
    assert name.replace(" ", "") in whole.replace(" ", "")


def test_a_chain_is_a_straight_line_even_before_a_lopsided_end() -> None:
    chain = {"s": {"a": "write"}, "f": {"a": "read", "b": "write"}, "g": {"b": "read"}}
    chain["g"] |= {"c": "write", "d": "write"}
    ends = {f"end_{number}": {"c": "read"} for number in range(3)} | {"end": {"d": "read"}}
    picture = flow_picture(flow_of(setup_of(chain | ends)))
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
    check_picture(flow_picture(flow_of(setup)), setup)


def test_the_svg_is_whole_and_says_everything(example: Path) -> None:
    setup = read_setup("simultest_setup.yaml")
    root = ElementTree.fromstring(svg_text(flow_picture(flow_of(setup))))
    assert root.tag == f"{SVG}svg"
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"RB_1", "128 × 132.8 KiB", "Fkt_2", "calculate_decay_time", "2 processes"} <= set(texts)
    assert len(list(root.iter(f"{SVG}rect"))) == 8
    assert len(list(root.iter(f"{SVG}path"))) == 7
    assert (
        ElementTree.fromstring(svg_text(flow_picture(flow_of(LARGE))))[0].text
        == "A <set-up> & more"
    )


def test_the_command_writes_all_formats(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("flow.svg", "flow.png", "flow.mmd", "flow.dot"):
        assert main(["graph", "muon_setup.yaml", "-o", name]) == 0
    assert (example / "flow.svg").read_text().startswith("<svg ")
    assert (example / "flow.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == ""
    for name, file in (("mermaid", "flow.mmd"), ("dot", "flow.dot")):
        assert main(["graph", "muon_setup.yaml", "--format", name]) == 0
        assert capsys.readouterr().out == (example / file).read_text()
    assert main(["graph", "muon_setup.yaml", "-o", "flow.pdf"]) == 1
    assert "a file that ends in .svg, .png, .mmd" in (error := capsys.readouterr().err)
    assert "found 'flow.pdf'" in error
    assert main(["graph", "muon_setup.yaml", "-o", "nowhere/flow.svg"]) == 1
    assert "cannot write nowhere/flow.svg: No such file" in capsys.readouterr().err


SMALL = setup_of(
    {'read "fast"': {"raw": "write"}, "a_very_long_name_of_a_worker": {"raw": "observe"}}
)


def test_mermaid_text() -> None:
    lines = mermaid_text(flow_of(SMALL)).splitlines()
    assert [line for line in lines if "classDef" not in line] == [
        "---",
        'title: "A <set-up> & more"',
        "---",
        "flowchart LR",
        '  buffer0(["raw<br>128 × 33.2 KiB"]):::buffer',
        '  worker1["read #34;fast#34;<br>function"]:::source',
        '  worker2["a_very_long_name_of_<br>a_worker<br>function"]:::observer',
        "  worker1 --> buffer0",
        "  buffer0 -.-> worker2",
    ]


def test_dot_text() -> None:
    lines = [line.strip() for line in dot_text(flow_of(SMALL)).splitlines()]
    assert lines[0] == "digraph {"
    assert lines[-1] == "}"
    assert lines[1] == 'label="A <set-up> & more"; labelloc=t; rankdir=LR;'
    assert lines[3].startswith('buffer0 [label="raw\\n128 × 33.2 KiB", style="rounded,filled"')
    assert lines[4].startswith('worker1 [label="read \\"fast\\"\\nfunction", style="filled"')
    assert lines[6:8] == ["worker1 -> buffer0;", "buffer0 -> worker2 [style=dashed];"]


def test_without_matplotlib_a_png_is_refused_with_what_to_do(
    example: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["graph", "muon_setup.yaml", "-o", "flow.png"]) == 1
    assert "pip install 'mimocorb[plots]', or write an .svg" in capsys.readouterr().err
    assert main(["graph", "muon_setup.yaml", "-o", "flow.svg"]) == 0
