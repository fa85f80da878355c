"""What prebuilt functions of mimoCoRB2 and conversion say before anything is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import run
from their_buffers import WAVES

from mimocorb.cli import main

NUMBERS = {"slot_count": 16, "data_length": 1, "data_dtype": {"height": "f8"}}
LONG = {"slot_count": 16, "data_length": 100, "data_dtype": {"height": "f8"}}
SOURCE = """
def waves(buffer_io):
    from mimocorb2 import Importer

    importer = Importer(buffer_io)

    def ufunc():
        for _ in range(3):
            yield importer.data_example
        yield None

    importer(ufunc)
    print("published", importer.counter)
    buffer_io.logger.info("here %s", (importer.setup_dir / "spectrum.txt").read_text())
    assert buffer_io.setup_directory == str(buffer_io.setup_dir) == importer.setup_directory
    assert buffer_io.run_directory == str(buffer_io.run_dir) == importer.run_directory
"""
BINS = {"height": [0, 10, 6]}


def write(directory: Path, worker: dict, **buffers: dict) -> Path:
    (directory / "source.py").write_text(SOURCE)
    (directory / "spectrum.txt").write_text("is a spectrum")
    first = next(iter(buffers))
    workers = {
        "waves": {"file": "source.py", "function": "waves", "sinks": [first]},
        "drain": {"function": "exporters.drain", "sources": [first]},
        "tested": worker,
    }
    path = directory / "setup.yaml"
    path.write_text(yaml.safe_dump({"Buffers": buffers, "Workers": workers}, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("worker", "buffer", "words"),
    [
        (
            {"function": "exporters.csv"},
            LONG,
            "exporters.csv writes one row per event, but In has 100 values per slot",
        ),
        (
            {"function": "exporters.csv", "config": {"filename": "a/b"}},
            NUMBERS,
            "exporters.csv: filename is 'a/b'",
        ),
        (
            {"function": "exporters.histogram", "config": {"bins": BINS}},
            LONG,
            "exporters.histogram needs data_length 1; In has 100",
        ),
        (
            {"function": "exporters.histogram", "config": {"bins": {"hight": [0, 1, 2]}}},
            NUMBERS,
            "exporters.histogram: bins names hight, but the fields are height",
        ),
        (
            {"function": "exporters.histogram", "config": {"bins": {"height": [1, 0, 2]}}},
            NUMBERS,
            "min is less than max",
        ),
        (
            {"function": "analyzers.pha", "sinks": ["Out"], "config": {"channel": "chX"}},
            WAVES,
            "analyzers.pha: channel is 'chX'; there are chA",
        ),
    ],
)
def test_what_a_function_cannot_do_is_told(tmp_path, capsys, worker, buffer, words):
    path = write(tmp_path, {"sources": ["In"], **worker}, In=buffer)
    if "sinks" in worker:
        content = yaml.safe_load(path.read_text())
        content["Buffers"]["Out"] = {**NUMBERS, "data_dtype": {"position": "i4"}}
        content["Workers"]["rest"] = {"function": "exporters.drain", "sources": ["Out"]}
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    assert main(["check", str(path)]) == 2
    assert words in " ".join(capsys.readouterr().out.split())
    done = run(path)
    assert done.code != 0
    assert words in " ".join(done.text.split())
    assert "Traceback" not in done.text


def test_a_visualizer_is_judged_by_what_it_observes(tmp_path, capsys):
    worker = {
        "function": "visualizers.csv",
        "observes": ["In"],
        "config": {"bins": {"x": [0, 1, 2]}},
    }
    path = write(tmp_path, worker, In=NUMBERS)
    assert main(["check", str(path)]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "visualizers.csv: bins names x, but the fields are height" in said


def test_an_importer_counts_and_directories_have_their_first_names(tmp_path):
    worker = {"function": "exporters.csv", "sources": ["In"]}
    done = run(write(tmp_path, worker, In=NUMBERS))
    assert done.code == 0, done.text
    assert "published 3" in done.log
    assert "here is a spectrum" in done.log


def test_a_visualizer_has_its_first_name(tmp_path):
    path = write(
        tmp_path,
        {"function": "exporters.visualize_histogram", "observes": ["In"]},
        In=NUMBERS,
    )
    content = yaml.safe_load(path.read_text())
    content["Workers"]["counts"] = {
        "function": "exporters.histogram",
        "sources": ["In"],
        "config": {"bins": BINS},
    }
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    done = run(path)
    assert done.code == 0, done.text
    assert (done.directory / "In_histograms.png").read_bytes().startswith(b"\x89PNG")


def test_a_set_up_is_not_converted_away_from_its_files(tmp_path, capsys, monkeypatch):
    path = write(tmp_path, {"function": "exporters.csv", "sources": ["In"]}, In=NUMBERS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["convert", str(path), "-o", str(elsewhere / "new.yaml")]) == 2
    said = capsys.readouterr().err
    assert "waves runs a function of mimoCoRB2, which may look for files beside the set-up" in said
    assert "Nothing was written" in said
    assert list(elsewhere.iterdir()) == []
    assert main(["convert", str(path), "-o", str(tmp_path / "new.yaml")]) == 0
    done = run(tmp_path / "new.yaml")
    assert done.code == 0, done.text


def test_a_file_beside_a_set_up_binds_it_as_well(tmp_path, capsys):
    worker = {
        "function": "exporters.csv",
        "sources": ["In"],
        "config": {"filename": "table", "spectrum": "spectrum.txt"},
    }
    path = write(tmp_path, worker, In=NUMBERS)
    (tmp_path / "elsewhere").mkdir()
    assert main(["convert", str(path), "-o", str(tmp_path / "elsewhere" / "new.yaml")]) == 2
    assert "tested is given spectrum: spectrum.txt, which is beside" in capsys.readouterr().err


def test_runs_beside_another_directory_are_told(tmp_path, capsys, monkeypatch):
    path = write(tmp_path, {"function": "exporters.csv", "sources": ["In"]}, In=NUMBERS)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["check", str(path)]) == 0
    assert "runs go into target in the current directory" in " ".join(
        capsys.readouterr().out.split()
    )
    monkeypatch.chdir(tmp_path)
    assert main(["check", str(path)]) == 0
    assert "runs go into target" not in " ".join(capsys.readouterr().out.split())


NAMES = """
from mimocorb.compat.mimocorb2.names import offer_mimocorb2

offer_mimocorb2()
import mimocorb2
from mimocorb2.functions import exporters, visualizers

assert mimocorb2.__version__ == "0.0.4"
assert visualizers.csv.__module__ == visualizers.histogram.__module__
assert exporters.visualize_histogram.__module__ == visualizers.csv.__module__
"""


def test_names_of_mimocorb2_tell_their_release():
    subprocess.run([sys.executable, "-c", NAMES], check=True)
