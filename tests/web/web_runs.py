"""Set-ups of the runs that are looked at in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FUNCTIONS = Path(__file__).with_name("web_functions.py")
SAMPLES = 4250
SAMPLE_TIME_NS = 4.0


def pulses(directory: Path, **keys: Any) -> Path:
    """Write a set-up: pulses → waveforms → selected waveforms, decay times → histogram and fit."""
    wave = dict.fromkeys(("chA", "chB", "chC", "chD"), "float64")
    setup = {
        "title": "Pulses <b>of a test</b>",
        "runtime": 300,  # what is left of a killed test does not fill the disk
        "Buffers": {
            "waveforms": {"slot_count": 32, "data_length": SAMPLES, "data_dtype": wave},
            "selected": {"slot_count": 32, "data_length": SAMPLES, "data_dtype": wave},
            "times": {
                "slot_count": 64,
                "data_length": 1,
                "data_dtype": {
                    "chA_position": "int32",
                    "chA_height": "float64",
                    "time_ns": "float64",
                },
            },
        },
        "Workers": {
            "pulser": _worker("rectangles", sinks=["waveforms"], config={"pause_s": 0.02}),
            "search": _worker("decays", sources=["waveforms"], sinks=["selected", "times"]),
            "keep": {
                "function": "record",
                "sources": ["selected"],
                "config": {"filename": "selected", "sample_time_ns": SAMPLE_TIME_NS},
            },
            "spectrum": {
                "function": "histogram",
                "sources": ["times"],
                "config": {"x": "time_ns", "x_bins": 40, "x_from": 0.0, "x_to": 1000.0},
            },
            "lifetime": {
                "function": "fit",
                "observes": ["times"],
                "config": {"histogram": "spectrum", "model": "exponential", "background": False},
            },
        },
    }
    path = directory / "pulses.yaml"
    path.write_text(yaml.safe_dump(setup | keys, sort_keys=False))
    return path


def of_all_kinds(directory: Path) -> Path:
    """Write a set-up: sixteen channels, channels of two units in counts, events of any length."""
    many = {f"c{number:02}": "float32" for number in range(16)}
    counts = {
        "chA": {"dtype": "int16", "unit": "mV"},
        "chB": {"dtype": "int16", "unit": "V", "scale": 0.0001},
    }
    setup = {
        "runtime": 300,
        "Buffers": {
            "many": {"slot_count": 8, "data_length": 100, "data_dtype": many},
            "counts": {"slot_count": 8, "data_length": 100, "channels": counts},
            "hits": {
                "slot_count": 8,
                "data_length": 20,
                "variable": True,
                "data_dtype": {"x": "int32", "charge": "float32"},
            },
        },
        "Workers": {
            "many": _worker("rectangles", sinks=["many"], config={"channels": 16, "pause_s": 0.05}),
            "counts": _worker(
                "two_units",
                sinks=["counts"],
                config={"pre_trigger_samples": 20, "trigger_level_mv": 200.0},
            ),
            "hits": _worker("hits", sinks=["hits"]),
            **{f"end_of_{name}": _drain(name) for name in ("many", "counts", "hits")},
            "profile": {
                "function": "histogram",
                "sources": ["hits"],
                "config": {"x": "x", "mean_of": "charge", "x_bins": 10, "x_from": 0, "x_to": 20},
            },
        },
    }
    path = directory / "kinds.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


def _drain(buffer: str) -> dict[str, Any]:
    return {"function": "drain", "sources": [buffer]}


def _worker(function: str, **keys: Any) -> dict[str, Any]:
    return {"file": str(FUNCTIONS), "function": function, **keys}


def short(directory: Path) -> Path:
    """Write a set-up of a run that ends by itself: numbers → RB_1 → double → RB_2 → record."""
    from running import Worker, chain

    return chain(directory, sink=Worker("record", {"RB_2": "read"}, {"filename": "values"}))
