"""Set-ups in the words of release 1.0.2 are checked, run, and their archives are read again."""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from running import Finished, run

import mimocorb
from mimocorb.buffer_control import run_mimoDAQ
from mimocorb.cli import main
from mimocorb.errors import SetupError

MODULES = Path(__file__).with_name("release_modules.py")
WAVES = {1: ["chA", "float32"], 2: ["chB", "float32"]}
HEIGHTS = {1: ["chA_height", "float32"], 2: ["chB_height", "float32"]}
BUFFERS = [
    {"RB_1": {"number_of_slots": 16, "channel_per_slot": 300, "data_type": WAVES}},
    {"RB_2": {"number_of_slots": 16, "channel_per_slot": 1, "data_type": HEIGHTS}},
]
CONFIGS = {
    "simulation": {
        "sample_time_ns": 10,
        "number_of_samples": 300,
        "pre_trigger_samples": 50,
        "analogue_offset": 0.0,
        "sleeptime": 0.001,
        "prbInteraction": 1.0,
        "pulseSpread": 10.0,  # so that every pulse is above the threshold
    },
    "heights": {"least_mV": 30.0},
    "save_to_txt": {"filename": "heights"},
    "save_parquet": {"filename": "waves"},
    "drain": {"key": None},
    "plot_waveform": {"title": "Muons", "sample_time_ns": 10, "trigger_level": 30},
    "plot_histograms": {
        "title": "on-line",
        "histograms": {"chA_height": [0.0, 1000.0, 20, 5.9, "ph A", 0]},
    },
}


def write(directory: Path, functions: list[tuple[str, dict[str, str]]], **configs) -> Path:
    (directory / "modules").mkdir(exist_ok=True)
    shutil.copy(MODULES, directory / "modules" / "workers.py")
    entries = [
        {
            f"Fkt_{number}": {
                "file_name": "modules/workers",
                "fkt_name": name,
                "num_process": 1,
                "RB_assign": roles,
            }
        }
        for number, (name, roles) in enumerate(functions, start=1)
    ]
    setup = {
        "output_directory": "target",
        "GUI_control": True,
        "KBD_control": False,
        "RingBuffer": BUFFERS,
        "FunctionConfigs": {**CONFIGS, **configs},
        "Functions": [{"Fkt_main": {"runevents": 40}}, *entries],
    }
    path = directory / "demo_setup.yaml"
    path.write_text(yaml.safe_dump(setup, sort_keys=False))
    return path


ALL = [
    ("simulation", {"RB_1": "write"}),
    ("save_parquet", {"RB_1": "read"}),
    ("heights", {"RB_1": "read", "RB_2": "write"}),
    ("save_to_txt", {"RB_2": "read"}),
    ("drain", {"RB_2": "read"}),
    ("plot_waveform", {"RB_1": "observe"}),
    ("plot_histograms", {"RB_2": "read"}),
]


@pytest.fixture
def done(tmp_path: Path) -> Finished:
    finished = run(write(tmp_path, ALL))
    assert finished.code == 0, finished.text
    return finished


def test_a_set_up_of_release_1_0_2_is_checked(tmp_path, capsys):
    assert main(["check", str(write(tmp_path, ALL))]) == 0
    assert "no errors" in capsys.readouterr().out


def test_a_set_up_of_release_1_0_2_runs(done):
    table = np.genfromtxt(done.directory / "heights.txt", delimiter="\t", names=True)
    assert table.dtype.names == ("counter", "timestamp", "deadtime", "chA_height", "chB_height")
    assert table["counter"].tolist() == list(range(40))
    with tarfile.open(done.directory / "waves.tar") as archive:
        assert archive.getnames() == [f"waves_{n}.parquet" for n in range(40)]
    for picture in ("RB_1_waveforms.png", "RB_2_histograms.png"):
        assert (done.directory / picture).read_bytes().startswith(b"\x89PNG")
    assert "40 events received, the last one is event 39" in done.log


def test_its_archive_is_read_by_its_own_source(done, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    (again / "data").mkdir()
    shutil.copy(done.directory / "waves.tar", again / "data")
    config = {"path": str(again / "data"), "number_of_samples": 300, "sleeptime": 0.0}
    workers = [("recorded", {"RB_1": "write"}), *ALL[2:4]]
    finished = run(write(again, workers, recorded=config))
    assert finished.code == 0, finished.text
    first, second = (
        np.genfromtxt(each.directory / "heights.txt", delimiter="\t", names=True)
        for each in (done, finished)
    )
    assert second["chA_height"].tolist() == first["chA_height"].tolist()
    assert second["counter"].tolist() == list(range(40))


def test_its_archive_is_read_by_the_component(done, tmp_path):
    setup = {
        "Buffers": {
            "RB_1": {
                "slot_count": 16,
                "data_length": 300,
                "data_dtype": {"chA": "float32", "chB": "float32"},
            }
        },
        "Workers": {
            "again": {
                "function": "replay",
                "sinks": ["RB_1"],
                "config": {"data": str(done.directory / "waves.tar")},
            },
            "save": {
                "function": "parquet_tar",
                "sources": ["RB_1"],
                "config": {"filename": "copy"},
            },
        },
    }
    path = tmp_path / "again" / "setup.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(setup))
    finished = run(path)
    assert finished.code == 0, finished.text
    with (
        tarfile.open(done.directory / "waves.tar") as ours,
        tarfile.open(finished.directory / "copy.tar") as copy,
    ):
        for one, other in zip(ours, copy, strict=True):
            assert table_of(ours, one) == table_of(copy, other)


def table_of(archive, member):
    """Return the columns of an event, and what is told of it besides the run."""
    table = pq.read_table(archive.extractfile(member))
    told = {key: text for key, text in table.schema.metadata.items() if key != b"run"}
    return table.to_pydict(), told


def test_a_wrong_configuration_of_a_display_is_told_before_the_run(tmp_path, capsys):
    wrong = {"histograms": {"chA_height": [0.0, 1000.0]}}
    path = write(tmp_path, [*ALL[:3], ALL[6]], plot_histograms=wrong)
    main(["check", str(path)])
    assert "histogram of chA_height is [0.0, 1000.0]; give for each field" in " ".join(
        capsys.readouterr().out.split()
    )


# --- run_mimoDAQ, and which release this is


def test_the_first_releases_name_no_file(tmp_path, monkeypatch):
    path = write(tmp_path, ALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run_daq.py", str(path)])
    for made in (run_mimoDAQ(), run_mimoDAQ(verbose=0), run_mimoDAQ(0)):
        assert made._run.setup.path == path
    assert run_mimoDAQ(1).verbose == 1
    monkeypatch.setattr(sys, "argv", ["run_daq.py"])
    with pytest.raises(SetupError, match="needs a set-up file"):
        run_mimoDAQ()


def test_both_releases_are_told(capsys):
    assert mimocorb.MANUAL_RELEASE == "1.0"
    with pytest.raises(SystemExit):
        main(["--version"])
    said = capsys.readouterr().out.strip()
    assert said == f"mimocorb {mimocorb.__version__}, with the interface of mimoCoRB 1.0"
