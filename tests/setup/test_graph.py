"""The order of buffers and workers, and how the data flow is drawn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimocorb.errors import SetupError
from mimocorb.model import BufferSpec, FunctionReference, Role, Setup, WorkerSpec
from mimocorb.setup.dialects import read_setup
from mimocorb.setup.graph import Graph


def lists(roles: Mapping[str, str]) -> dict[str, Any]:
    """The buffers of a worker by what it does with them, from the role of each."""
    fields = {"read": "reads", "write": "writes", "observe": "observes"}
    return {
        field: tuple(name for name, given in roles.items() if given == role)
        for role, field in fields.items()
    }


def graph(**workers: dict[str, Role]) -> Graph:
    """A graph of workers in this order with the buffers they use in alphabetical order."""
    buffers = sorted({name for assigned in workers.values() for name in assigned})
    return Graph(
        Setup(
            buffers=tuple(BufferSpec(name, 1, 1, np.dtype("u1")) for name in buffers),
            workers=tuple(
                WorkerSpec(name, FunctionReference("m", "f"), **lists(assigned))
                for name, assigned in workers.items()
            ),
        )
    )


def test_the_example_starts_from_its_end_and_drains_from_its_beginning(example: Path) -> None:
    found = Graph(read_setup("simultest_setup.yaml"))
    assert found.buffer_order == ("RB_1", "RB_2", "RB_3")
    assert found.start_order[-2:] == ("Fkt_2", "Fkt_1")
    assert set(found.start_order) == {"Fkt_1", "Fkt_2", "Fkt_3", "Fkt_4", "Fkt_5"}
    assert found.sources == ("Fkt_1",)
    assert found.sinks == ("Fkt_3", "Fkt_4")
    assert found.entries == ("RB_1",)
    assert found.writers("RB_3") == ("Fkt_2",)
    assert found.readers("RB_2") == ("Fkt_4",)
    assert found.observers("RB_2") == ("Fkt_5",)


def test_order_follows_the_data_and_not_the_file() -> None:
    found = graph(
        save={"a": "read"},
        analyse={"b": "read", "a": "write"},
        select={"c": "read", "b": "write"},
        acquire={"c": "write"},
    )
    assert found.buffer_order == ("c", "b", "a")
    assert found.worker_order == ("acquire", "select", "analyse", "save")
    assert found.start_order == ("save", "analyse", "select", "acquire")
    assert found.cycles() == []


def test_branches_that_join_again_are_no_loop() -> None:
    found = graph(
        acquire={"a": "write"},
        left={"a": "read", "b": "write"},
        right={"a": "read", "c": "write"},
        join={"b": "read", "c": "read", "d": "write"},
        save={"d": "read"},
    )
    assert found.cycles() == []
    assert found.buffer_order == ("a", "b", "c", "d")
    assert found.entries == ("a",)


def test_all_buffers_that_sources_write_are_entries() -> None:
    found = graph(
        one={"a": "write"}, two={"b": "write"}, both={"a": "read", "b": "read", "c": "write"}
    )
    assert found.entries == ("a", "b")


def test_every_loop_is_named() -> None:
    found = graph(
        f={"a": "read", "b": "write"},
        g={"b": "read", "a": "write"},
        h={"c": "observe", "c2": "write"},
        i={"c2": "read", "c": "write"},
    )
    loops = {frozenset(loop): loop for loop in found.cycles()}
    assert set(loops) == {frozenset("abfg"), frozenset({"c", "c2", "h", "i"})}
    for loop in loops.values():
        assert loop[0] == loop[-1]
    with pytest.raises(SetupError, match=r"the data flow has a loop, so it has no order: .* → "):
        _ = found.buffer_order


def test_a_worker_and_a_buffer_may_have_one_name() -> None:
    found = graph(x={"x": "write"}, y={"x": "read"})
    assert (found.buffer_order, found.worker_order) == (("x",), ("x", "y"))


def test_the_drawing_shows_buffers_and_data_flow(example: Path) -> None:
    assert Graph(read_setup("simultest_setup.yaml")).text().splitlines() == [
        "RB_1  128 slots of 4250 × [chA, chB, chC, chD], 16.6 MiB",
        "RB_2  128 slots of 4250 × [chA, chB, chC, chD], 16.6 MiB",
        "RB_3  32 slots of 1 × [decay_time, …, 2nd_chD_int], 5.1 KiB",
        "",
        "Fkt_1 simulation_source ──▶ RB_1",
        "RB_1 ──▶ Fkt_2 calculate_decay_time (2 processes) ──▶ RB_2, RB_3",
        "RB_2 ──▶ Fkt_4 save_parquet",
        "RB_2 ┄┄▶ Fkt_5 plot_graph",
        "RB_3 ──▶ Fkt_3 save_to_txt",
    ]


def test_a_worker_that_reads_and_observes_is_drawn_with_both() -> None:
    found = graph(s={"a": "write", "b": "write"}, t={"a": "read", "b": "observe"})
    assert found.text().splitlines()[-1] == "a ──▶, b ┄┄▶ t f"
