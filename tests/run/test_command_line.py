"""The command line: what it answers to good and to bad usage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import chain, run, run_directories

from mimocorb.cli import main

RUN_DAQ = Path(__file__).parents[2] / "run_daq.py"


def test_run_daq_runs_a_setup(tmp_path):
    setup = chain(tmp_path)
    command = [sys.executable, str(RUN_DAQ), setup.name, "--quiet", "--output", "data"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Run 1, test_setup, is complete: every event")
    assert len(run_directories(tmp_path / "data")) == 1


def test_check_and_graph_start_nothing(tmp_path, capsys):
    setup = str(chain(tmp_path))
    assert main(["check", setup]) == 0
    assert main(["graph", setup]) == 0
    printed = capsys.readouterr().out
    assert "no errors" in printed
    assert "RB_1 ──▶ filter double ──▶ RB_2" in printed
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("command", ["run", "graph"])
def test_a_bad_setup_lists_its_errors_and_starts_nothing(tmp_path, capsys, command):
    setup = chain(tmp_path)
    setup.write_text(setup.read_text().replace("slot_count", "slot_cuont"))
    assert main([command, str(setup)]) == 2
    errors = capsys.readouterr().err
    assert "test_setup.yaml:" in errors
    assert "slot_count" in errors
    assert "nothing was started" in errors
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        ("BufferToTxtfile, config: {filename: table}", "writes one row per event, but raw has 4"),
        ("BufferToTxtfile, config: {filename: a/b}", "A file name has 1 to 64 letters"),
        (
            "BufferToParquetfile, config: {filename: events, compression: zip}",
            "compression is 'zip'; choose one of snappy, none",
        ),
        (
            "BufferToParquetfile, config: {filename: events, units: {chB: V}}",
            "units names chB, but the columns are chA",
        ),
        (
            "BufferToParquetfile, config: {filename: events, units: 3}",
            "units is 3. Write a mapping of columns, which are chA",
        ),
    ],
)
def test_a_sink_that_cannot_take_its_buffer_starts_nothing(
    tmp_path, monkeypatch, capsys, sink, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "feed.py").write_text("def feed(*lists, **rb_info): pass\n")
    (tmp_path / "setup.yaml").write_text(f"""\
Buffers:
  raw: {{slot_count: 4, data_length: 4, data_dtype: {{chA: float64}}}}
Workers:
  feed: {{file: feed.py, function: feed, sinks: [raw]}}
  save: {{function: buffer_control.{sink}, sources: [raw]}}
  list: {{function: buffer_control.BufferToTxtfile, sources: [raw]}}
""")
    assert main(["run", "setup.yaml", "--quiet"]) == 2
    line, other, total = capsys.readouterr().err.splitlines()
    assert line.startswith("setup.yaml:5:3: error: save can work with raw; ")
    assert message in line
    assert other.startswith("setup.yaml:6:3: error: BufferToTxtfile needs filename, str; ")
    assert total == "setup.yaml: 2 errors, nothing was started"
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["fly", "setup.yaml"],
        ["run", "setup.yaml", "--events", "0"],
        ["run", "setup.yaml", "--events", "many"],
        ["run", "setup.yaml", "--time", "nan"],
        ["run", "setup.yaml", "--time", "-1"],
        ["run", "setup.yaml", "--start-method", "magic"],
    ],
)
def test_bad_usage_is_code_2_and_a_short_message(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "usage:" in error
    assert "Traceback" not in error


def test_without_a_command_it_says_what_there_is(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    assert "make a small working project" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["recover", "export", "verify", "head"])
def test_a_word_that_belongs_to_files_is_told(word, capsys):
    assert main([word, "12"]) == 2
    assert f"mimocorb files {word}\n" in capsys.readouterr().err


def test_an_output_directory_that_cannot_be_made_is_one_message(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    assert main(["run", str(chain(tmp_path)), "--output", "taken", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 2
    assert "found taken, which is no directory" in error


@pytest.mark.parametrize("option", ["--quiet", "--lines"])
def test_a_terminal_without_dashes_and_umlauts_gets_question_marks(tmp_path, option):
    setup = chain(tmp_path).rename(tmp_path / "prüfung.yaml")
    command = [sys.executable, str(RUN_DAQ), setup.name, option]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert b"complete: every event was processed" in done.stdout
    assert b"?" in done.stdout
    assert done.stderr == b""


def test_a_printed_summary_that_nobody_can_read_does_not_fail_the_run(tmp_path):
    command = [sys.executable, str(RUN_DAQ), chain(tmp_path).name, "--lines"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 0
    assert done.stderr == b""
    (directory,) = run_directories(tmp_path / "target")
    assert "complete" in (directory / "summary.txt").read_text()


COMMANDS_THAT_PRINT = [
    ["check", "test_setup.yaml"],
    ["graph", "test_setup.yaml"],
    ["convert", "test_setup.yaml"],
    ["schema"],
    ["describe", "text"],
    ["describe", "text", "--json"],
    ["runs"],
    ["runs", "--json"],
    ["runs", "1"],
    ["compare", "1", "1"],
    ["--help"],
    ["run", "--help"],
    ["--version"],
]


@pytest.fixture(scope="module")
def with_a_run(tmp_path_factory):
    """A directory with a set-up and a run of it."""
    directory = tmp_path_factory.mktemp("printing")
    assert run(chain(directory)).code == 0
    return directory


@pytest.mark.parametrize("command", COMMANDS_THAT_PRINT, ids=" ".join)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_an_error(with_a_run, command, unbuffered):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mimocorb.cli", *command],
            cwd=with_a_run,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "mimocorb: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_output_into_nothing_is_an_error_of_what_only_prints_and_none_of_a_run(with_a_run):
    def without_output(command):
        line = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "mimocorb.cli", *command]
        return subprocess.run(line, cwd=with_a_run, capture_output=True, text=True, check=False)

    done = without_output(["schema"])
    assert (done.returncode, done.stderr) == (
        1,
        "mimocorb: cannot write the output: it is closed\n",
    )
    assert without_output(["run", "test_setup.yaml", "--output", "closed"]).returncode == 0


@pytest.mark.parametrize("command", COMMANDS_THAT_PRINT, ids=" ".join)
def test_that_nobody_reads_on_is_no_error(with_a_run, command):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *command],
        cwd=with_a_run,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_at_any_time_gives_no_traceback_of_ours(tmp_path):
    """What Python does before it comes to our first line is its own."""
    program = """
import subprocess, sys
from mimocorb.cli import main
subprocess.Popen(["sh", "-c", f"sleep {sys.argv.pop()}; kill -INT $PPID || true"])
sys.exit(main())
"""
    chain(tmp_path)
    for delay_ms in range(20, 420, 40):
        command = [sys.executable, "-c", program, "graph", "test_setup.yaml", str(delay_ms / 1000)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, (delay_ms, done.stderr)
        assert done.returncode in (0, 130)


def test_ctrl_c_while_a_class_is_being_made_is_one_line(capsys, monkeypatch):
    """Python 3.11 tells of it as a RuntimeError."""

    def interrupted(*_arguments):
        raise RuntimeError("Error calling __set_name__") from KeyboardInterrupt()

    monkeypatch.setattr("mimocorb.setup.json_schema.schema_text", interrupted)
    assert main(["schema"]) == 130
    assert capsys.readouterr().err == "mimocorb: interrupted, nothing was started\n"


def test_a_directory_that_is_not_ours_to_read_is_one_line(tmp_path, monkeypatch, capsys):
    def not_ours(*_arguments):
        raise PermissionError(13, "Permission denied", "/elsewhere")

    monkeypatch.setattr("mimocorb.run.record.catalogue.catalogue", not_ours)
    assert main(["runs", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "mimocorb: /elsewhere: Permission denied\n"


def test_ctrl_c_before_anything_is_started_is_one_line(tmp_path, capsys, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("mimocorb.setup.dialects.read_setup_or_problems", interrupted)
    assert main(["graph", str(chain(tmp_path))]) == 130
    assert capsys.readouterr().err == "mimocorb: interrupted, nothing was started\n"


def test_ctrl_c_while_run_daq_is_being_loaded_is_one_line():
    program = f"""
import runpy, sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "mimocorb.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
runpy.run_path({str(RUN_DAQ)!r}, run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "run_daq.py: interrupted, nothing was started\n"


@pytest.mark.parametrize("loaded", ["argparse", "mimocorb.cli.run", "mimocorb.setup.dialects"])
def test_ctrl_c_while_a_command_is_being_loaded_is_one_line(tmp_path, loaded):
    program = f"""
import signal, sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == {loaded!r}:
            signal.raise_signal(signal.SIGINT)
sys.modules.pop({loaded!r}, None)
sys.meta_path.insert(0, Interrupted())
from mimocorb.cli import main
sys.exit(main())
"""
    command = [sys.executable, "-c", program, "run", str(chain(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == "mimocorb: interrupted, nothing was started\n"
    assert done.returncode == 130
