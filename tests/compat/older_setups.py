"""The same small set-up in each of the older forms: numbers → RB_1 → double → RB_2 → a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FUNCTIONS = Path(__file__).with_name("older_functions.py")
# The first item of each field is a number that only keeps the order.
VALUE = {1: ["value", "float64"]}


def ring_buffers() -> list[dict[str, Any]]:
    return [
        {"RB_1": {"number_of_slots": 16, "channel_per_slot": 4, "data_type": VALUE}},
        {"RB_2": {"number_of_slots": 16, "channel_per_slot": 1, "data_type": VALUE}},
    ]


def functions(*names: str, main: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The section Functions: source, filter and sink with these names."""
    assigned = ({"RB_1": "write"}, {"RB_1": "read", "RB_2": "write"}, {"RB_2": "read"})
    found: list[dict[str, Any]] = [{"Fkt_main": dict(main)}] if main else []
    for number, (name, buffers) in enumerate(zip(names, assigned, strict=True), 1):
        entry = {"file_name": str(FUNCTIONS.with_suffix("")), "fkt_name": name, "num_process": 1}
        found.append({f"Fkt_{number}": {**entry, "RB_assign": buffers}})
    return found


def manual(
    directory: Path,
    *names: str,
    main: Mapping[str, Any] | None = None,
    **configs: Mapping[str, Any],
) -> Path:
    """The manual: a list of buffers, Fkt_main, and a common file of configurations."""
    content = {"general": {}, "numbers": {"events": 100}, "save": {"filename": "values"}, **configs}
    (directory / "config.yaml").write_text(yaml.safe_dump(content))
    usual = names or ("numbers", "double", "save")
    main = {"config_file": "config.yaml", **(main or {})}
    return _write(directory, RingBuffer=ring_buffers(), Functions=functions(*usual, main=main))


def release_102(directory: Path) -> Path:
    """Release 1.0.2: configurations inside, directory of the output, keys of the controls."""
    return _write(
        directory,
        output_directory="target",
        KBD_control=False,
        GUI_control=True,
        RingBuffer=ring_buffers(),
        Functions=functions("numbers_102", "double_102", "save_102", main={"runtime": 0}),
        FunctionConfigs={"numbers_102": {"events": 100}, "save_102": {"filename": "values"}},
    )


def mimocorb2(directory: Path) -> Path:
    """The form of mimoCoRB2: named buffers and workers, one argument for each function."""
    worker = {"file": str(FUNCTIONS)}
    return _write(
        directory,
        Buffers=buffers_of_mimocorb2(),
        Workers={
            "in": {**worker, "function": "numbers_2", "sinks": ["RB_1"]},
            "double": {**worker, "function": "double_2", "sources": ["RB_1"], "sinks": ["RB_2"]},
            "out": {"function": "exporters.csv", "sources": ["RB_2"]},
        },
        base_config={"events": 100},
    )


def first_mimocorb2(directory: Path) -> Path:
    """The first versions of mimoCoRB2: other names for the buffers of a worker, and Options."""
    worker = {"file": str(FUNCTIONS)}
    (directory / "common.yaml").write_text("events: 100\n")
    return _write(
        directory,
        Buffers=buffers_of_mimocorb2(),
        Workers={
            "in": {**worker, "function": "numbers_2", "sink_list": ["RB_1"]},
            "double": {
                **worker,
                "function": "double_2",
                "source_list": ["RB_1"],
                "sink_list": ["RB_2"],
            },
            "out": {"function": "exporters.csv", "source_list": ["RB_2"]},
        },
        Options={"output_directory": "target", "overarching_config": "common.yaml"},
    )


def buffers_of_mimocorb2() -> dict[str, Any]:
    dtype = {"value": "float64"}
    return {
        "RB_1": {"slot_count": 16, "data_length": 4, "data_dtype": dtype},
        "RB_2": {"slot_count": 16, "data_length": 1, "data_dtype": dtype},
    }


def _write(directory: Path, **content: Any) -> Path:
    path = directory / "test_setup.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
