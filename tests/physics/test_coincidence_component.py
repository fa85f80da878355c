"""Coincidences of several sources in a run: exact to the nanosecond, also for times of day."""

from __future__ import annotations

import numpy as np
import yaml

import mimocorb as mc
from mimocorb.testing.components import mimocorb

SOURCES = """
import numpy as np

import mimocorb as mc

BEGIN_NS = 1_800_000_000_000_000_000  # a time of day: a float64 of seconds has steps of 240 ns


@mc.source
def detector(*, delay_ns: int, every: int, timed: bool = True):
    for number in range(0, 400, every):
        time_ns = BEGIN_NS + 1000 * number + delay_ns + number % 7
        yield [number], ({"time_ns": time_ns} if timed else {})
"""


def setup_of(directory, **lower):
    (directory / "detectors.py").write_text(SOURCES)
    hits = {"slot_count": 32, "data_length": 1, "data_dtype": {"number": "int32"}}
    fields = {"sources": "uint8", "pattern": "uint8", "difference_ns": "int64"}

    def detector(name, delay_ns, every, **more):
        config = {"delay_ns": delay_ns, "every": every, **more}
        return {"file": "detectors.py", "function": "detector", "sinks": [name], "config": config}

    setup = {
        "Buffers": {
            **dict.fromkeys(("top", "middle", "bottom"), hits),
            "found": {"slot_count": 32, "data_length": 1, "data_dtype": fields},
        },
        "Workers": {
            "one": detector("top", 0, 1),
            "two": detector("middle", 20, 2),
            "three": detector("bottom", 50, 4, **lower),
            "together": {
                "function": "coincidence",
                "sources": ["top", "middle", "bottom"],
                "sinks": ["found"],
                "config": {"merge": {"by": "time", "window_ns": 100, "incomplete": "pass"}},
            },
            "keep": {"function": "record", "sources": ["found"], "config": {"filename": "kept"}},
        },
    }
    path = directory / "telescope.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


def test_every_coincidence_is_found_with_its_pattern_and_difference(tmp_path):
    done = mimocorb(tmp_path, "run", "--lines", str(setup_of(tmp_path)))
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "target").glob("telescope_*")
    with mc.open(run / "kept") as events:
        found = np.array([event.data[0] for event in events])
    assert len(found) == 200
    assert (found["sources"] == np.where(np.arange(200) % 2 == 0, 3, 2)).all()
    assert (found["pattern"] == np.where(np.arange(200) % 2 == 0, 0b111, 0b011)).all()
    assert (found["difference_ns"] == np.where(np.arange(200) % 2 == 0, 50, 20)).all()
    assert "not in enough sources" in (run / "run.json").read_text("utf-8")


def test_a_source_without_times_is_told(tmp_path):
    done = mimocorb(tmp_path, "run", "--lines", str(setup_of(tmp_path, timed=False)))
    said = done.stdout + done.stderr
    assert "bottom" in said
    assert "time_ns" in said
