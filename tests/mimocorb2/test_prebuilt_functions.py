"""The functions that come with mimoCoRB2, by the names under which set-ups know them."""

from __future__ import annotations

import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from running import run
from their_buffers import NUMBERS, WAVES

from mimocorb.compat.mimocorb2.buffer_handles import METADATA_DTYPE
from mimocorb.compat.mimocorb2.prebuilt.analyzers import search_of
from mimocorb.devices.mimo_file import MimoFile
from mimocorb.errors import SetupError

WAVE_DTYPE = np.dtype([("chA", "<f4"), ("chB", "<f4")])
PULSES = {
    "slot_count": 32,
    "data_length": 1,
    "data_dtype": {"position": "int32", "peak_heights": "float64"},
}


def write_mimo_file(path, events, about=None):
    """Write a file as mimoCoRB2 0.0.4 does."""
    description = about or {
        "version": 1,
        "header": "This is a mimoCoRB file",
        "data_dtype": WAVE_DTYPE,
        "data_length": 50,
        "metadata_dtype": METADATA_DTYPE,
        "metadata_length": 1,
    }
    with path.open("wb") as file:
        pickle.dump(description, file)
        for n in range(events):
            data = np.zeros(50, WAVE_DTYPE)
            data["chA"][20] = n
            file.write(data.tobytes())
            file.write(np.array([(n, 1.7e9 + 0.001 * n, 0.5)], METADATA_DTYPE).tobytes())
    return path


def test_a_set_up_of_prebuilt_functions_runs_unchanged(tmp_path):
    write_mimo_file(tmp_path / "waves.mimo", 60)
    bins = {"peak_heights": [0, 60, 7], "position": [0, 50, 3]}
    playing = {"filename": "waves.mimo", "rate": 20, "distribution": "poisson"}
    workers = {
        "input": {"function": "data.clocked_importer", "sinks": ["Input"], "config": playing},
        "copy": {"function": "misc.copy", "sources": ["Input"], "sinks": ["Copy"]},
        "record": {"function": "data.export", "sources": ["Copy"]},
        "pha": {
            "function": "analyzers.pha",
            "sources": ["Input"],
            "sinks": ["Pulses"],
            "config": {"height": 30.0},
        },
        "histogram": {
            "function": "exporters.histogram",
            "sources": ["Pulses"],
            "sinks": ["PassedOn"],
            "config": {"bins": bins},
        },
        "table": {"function": "exporters.csv", "sources": ["PassedOn"]},
        "drain": {"function": "exporters.drain", "sources": ["Input"]},
        "show": {"function": "observers.oscilloscope", "observes": ["Input"]},
        "show_table": {
            "function": "visualizers.csv",
            "observes": ["PassedOn"],
            "config": {"bins": bins},
        },
        "show_counts": {"function": "visualizers.histogram", "observes": ["Pulses"]},
    }
    buffers = {"Input": WAVES, "Copy": WAVES, "Pulses": PULSES, "PassedOn": PULSES}
    path = tmp_path / "setup.yaml"
    path.write_text(yaml.safe_dump({"Buffers": buffers, "Workers": workers}, sort_keys=False))
    done = run(path)
    assert done.code == 0, done.text
    table = np.genfromtxt(done.directory / "PassedOn.csv", delimiter=",", names=True)
    assert table.dtype.names == ("counter", "timestamp", "deadtime", "position", "peak_heights")
    assert table["counter"].tolist() == table["peak_heights"].tolist() == list(range(30, 60))
    assert set(table["position"]) == {20}
    counts = np.load(done.directory / "Histograms_Pulses" / "peak_heights.npy")
    assert counts.tolist() == [0, 0, 0, 10, 10, 10]
    info = (done.directory / "Histograms_Pulses" / "info.csv").read_text().splitlines()
    assert info[:2] == ["Channel,Min,Max,NBins", "peak_heights,0,60,7"]
    with tarfile.open(done.directory / "Copy.tar") as archive:
        assert len(archive.getnames()) == 60
    for picture in ("PassedOn_csv_histograms.png", "Pulses_histograms.png"):
        assert (done.directory / picture).read_bytes().startswith(b"\x89PNG")
    for telling in ("data.export writes Parquet", "exponentially distributed"):
        assert done.log.count(telling) == 1


def test_a_recorded_file_is_read_back(tmp_path):
    recorded = MimoFile(write_mimo_file(tmp_path / "waves.mimo", 3))
    assert (recorded.data_dtype, recorded.data_length) == (WAVE_DTYPE, 50)
    events = list(recorded)
    assert [data["chA"].max() for data, _ in events] == [0, 1, 2]
    assert events[2][1] == (2, 1.7e9 + 0.002, 0.5)


def test_half_an_event_at_the_end_is_left_out_and_told(tmp_path, caplog):
    path = write_mimo_file(tmp_path / "waves.mimo", 3)
    os.truncate(path, path.stat().st_size - 10)
    assert len(list(MimoFile(path))) == 2
    assert "half an event" in caplog.text


class Malicious:
    """What a crafted file makes of unpickling."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("where", ["instead", "inside"])
def test_a_file_cannot_run_anything(tmp_path, where):
    trap = tmp_path / "trap"
    about = Malicious(trap) if where == "instead" else {"data_dtype": Malicious(trap)}
    path = write_mimo_file(tmp_path / "waves.mimo", 1, about)
    with pytest.raises(SetupError, match=r"the description names posix\.mkdir"):
        MimoFile(path)
    assert not trap.exists()


@pytest.mark.parametrize("dtype", ["O", "M8[s]", [("a", "O")]])
def test_a_file_with_other_things_than_numbers_is_refused(tmp_path, dtype):
    about = {
        "data_dtype": np.dtype(dtype),
        "data_length": 1,
        "metadata_dtype": METADATA_DTYPE,
        "metadata_length": 1,
    }
    path = write_mimo_file(tmp_path / "waves.mimo", 1, about)
    with pytest.raises(SetupError, match="is not a file that mimoCoRB2 has recorded"):
        MimoFile(path)


@pytest.mark.parametrize(
    "conditions",
    [{"height": 3.0}, {"prominence": 2.0, "distance": 5}, {"width": 2.0}],
    ids="+".join,
)
def test_both_searches_for_the_first_pulse_agree(conditions):
    """The native one and that of SciPy, which the field left_bases needs."""
    random = np.random.default_rng(20261122)
    fields = ("position", "peak_heights", "prominences", "widths", "left_ips")
    native = search_of(conditions, fields)
    other = search_of(conditions, (*fields, "left_bases"))
    found = 0
    for _ in range(50):
        trace = random.normal(size=200).cumsum()
        ours, theirs = native(trace), other(trace)
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            found += 1
            assert [ours[name] for name in fields] == pytest.approx([theirs[n] for n in fields])
    assert found > 20


def test_a_device_module_of_mimocorb2_is_to_be_copied(tmp_path):
    setup = {
        "Buffers": {"Input": NUMBERS},
        "Workers": {
            "scope": {"function": "importers.picoscope.source", "sinks": ["Input"]},
            "drain": {"function": "exporters.drain", "sources": ["Input"]},
        },
    }
    path = tmp_path / "setup.yaml"
    path.write_text(yaml.safe_dump(setup))
    done = run(path)
    assert done.code != 0
    assert "copy importers/picoscope.py of mimoCoRB2 beside the set-up" in done.text
