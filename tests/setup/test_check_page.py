"""mimocorb check: modules tried out in processes of their own, needs, one page, exit codes."""

import os
import time
from pathlib import Path

import pytest

from mimocorb.checks import preflight as preflight_module
from mimocorb.checks import trial
from mimocorb.checks.expectations import Flow
from mimocorb.checks.preflight import preflight
from mimocorb.cli import main
from mimocorb.setup.dialects import read_setup

SETUP = """
runevents: {events}
Buffers:
  waves: {{slot_count: 8, data_length: 100, data_dtype: {{chA: float64}}}}
  heights: {{slot_count: 8, data_length: 1, data_dtype: {{height: float64, chan: int32}}}}
Workers:
  input: {{file: own.py, function: acquire, sinks: [waves]}}
  reduce: {{file: own.py, function: reduce, sources: [waves], sinks: [heights]}}
  table:
    file: own.py
    function: save_table
    sources: [heights]
    config: {{filename: heights}}
"""
ARCHIVE = """  archive:
    function: buffer_control.BufferToParquetfile
    sources: [waves]
    config: {filename: waves, compression: none}
"""
MODULE = """
from mimocorb.buffer_control import BufferToTxtfile
{first}
def acquire(source_list, sink_list, observe_list, config_dict, **rb_info):
    {body}
def reduce(source_list, sink_list, observe_list, config_dict, **rb_info):
    pass
def save_table(source_list, sink_list, observe_list, config_dict, **rb_info):
    BufferToTxtfile(source_list, sink_list, observe_list, config_dict, **rb_info)()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    return tmp_path


def write(place: Path, first: str = "", body: str = "pass", events: int = 1000) -> None:
    (place / "setup.yaml").write_text(SETUP.format(events=events))
    (place / "own.py").write_text(MODULE.format(first=first, body=body))


def with_archive(place: Path) -> None:
    change(place, "  table:", ARCHIVE + "  table:")


def change(place: Path, old: str, new: str) -> None:
    path = place / "setup.yaml"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))


def problem(timeout_s: float = 30.0) -> str:
    """The only problem that there is."""
    found = preflight("setup.yaml", import_timeout_s=timeout_s)
    assert len(found.problems) == 1, found.problems
    return str(found.problems[0])


IMPORTS = {
    "an exception": ("1 / 0", "ZeroDivisionError: division by zero"),
    "a missing module": ("import not_there.at_all", "install not_there, or correct the import"),
    "an end of Python": ("raise SystemExit(0)", "let a module define functions only"),
    "an end without farewell": ("import os; os._exit(3)", "ends Python, with exit code 3"),
    "a crash": ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
    "a kill": ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
}


@pytest.mark.parametrize("kind", IMPORTS)
def test_a_module_that_cannot_be_imported_is_named_with_its_line(place: Path, kind: str) -> None:
    statement, words = IMPORTS[kind]
    write(place, first=statement)
    message = problem()
    assert words in message
    assert "'own.py' can be imported" in message
    is_silent = kind in {"an end without farewell", "a kill"}
    assert message.startswith("setup.yaml:7:17" if is_silent else "own.py:3: error: ")


def test_an_import_that_hangs_is_named_with_its_line(place: Path) -> None:
    write(place, first="import time\ntime.sleep(1000)")
    message = problem(timeout_s=4.0)  # which a busy machine may need to come to this line
    assert message.startswith("own.py:4: error: ")
    assert "found it still at work after 4 s" in message


def test_an_import_that_answers_no_alarm_is_ended(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, first="import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
    monkeypatch.setattr(trial, "_GRACE_S", 0.0)
    setup = read_setup("setup.yaml")
    trials = trial.try_functions(setup, setup.workers[:1], trial.Manner(2.0))
    assert "found it still at work after 2 s" in str(trials[0].problems[0])


def test_what_an_import_starts_is_ended_with_it(place: Path) -> None:
    write(
        place,
        first="import subprocess\n"
        "pid = subprocess.Popen(['sleep', '99']).pid\n"
        "open('pid', 'w').write(str(pid))",
    )
    setup = read_setup("setup.yaml")
    assert trial.try_functions(setup, setup.workers[:1], trial.Manner())[0].problems == ()
    process = Path("/proc", (place / "pid").read_text(), "stat")
    deadline_s = time.monotonic() + 60
    while process.exists() and process.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_what_an_import_prints_is_on_the_page(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, first="print('hello', flush=True); import sys; print('oh', file=sys.stderr)")
    assert main(["check", "setup.yaml"]) == 0
    printed = capsys.readouterr()
    assert "own.py printed when it was imported:\n  hello\n  oh\n" in printed.out
    assert printed.err == ""


def test_files_are_as_large_as_they_can_become(place: Path) -> None:
    with_archive(place)
    found = preflight("setup.yaml")
    assert found.problems == []
    archive, table = found.files
    assert table.flow == Flow("heights", None, 1000, through_filters=True)
    assert (archive.worker, archive.flow) == ("archive", Flow("waves", None, 1000))
    # 100 float64 of noise, the Parquet footer, the tar header
    assert 800 + 512 < archive.event_bytes < 800 + 4096
    assert archive.size_bytes == 1000 * archive.event_bytes
    # counter, timestamp, dead time, time in ns, a float64 and an int32 with the most digits each
    number = "-2.2250738585072014e-308"
    time_ns = "-9223372036854775808"
    row = "\t".join(["9223372036854775807", number, number, time_ns, number, "-2147483648"])
    assert table.event_bytes == len(row) + 1


def test_a_buffer_that_a_sink_cannot_work_with_is_found(place: Path) -> None:
    change(place, "sources: [heights]", "sources: [waves]")
    change(
        place,
        "function: reduce, sources: [waves], sinks: [heights]",
        "function: reduce, sources: [waves], observes: [heights]",
    )
    messages = [str(found) for found in preflight("setup.yaml").problems]
    assert any(
        "table can work with waves; BufferToTxtfile writes one row per event, but waves has 100"
        in message
        for message in messages
    )


def test_a_configuration_that_a_sink_cannot_work_with_is_found(place: Path) -> None:
    with_archive(place)
    change(place, "compression: none", "compression: zip")
    assert "compression is 'zip'; choose one of snappy, none" in problem()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("buffer_control.BufferToTxtfil", "5:16: error: expected a function or class 'BufferTo"
         "Txtfil' in mimocorb/buffer_control; found none; did you mean 'BufferToTxtfile'?"),
        ("buffer_control.rbExport", "5:16: error: rbExport can be named by a set-up; found that it "
         "works with a function of yours"),
        ("exporter.csv", "5:16: error: 'mimocorb/exporter' is a module of mimocorb; found no such "
         "module; did you mean 'mimocorb/functions/exporters'?"),
        ("something.else", "5:16: error: 'mimocorb/something' is a module of mimocorb; found no "
         "such module; there are buffer_control, plot, analyzers, "),
    ],
)  # fmt: skip
def test_a_function_that_mimocorb_does_not_have_for_set_ups_is_found(
    place: Path, function: str, words: str
) -> None:
    (place / "setup.yaml").write_text(
        "Buffers: {raw: {slot_count: 4, data_length: 1, data_dtype: {x: float64}}}\n"
        "Workers:\n"
        "  input: {file: own.py, function: acquire, sinks: [raw]}\n"
        "  save:\n"
        f"    {{function: {function}, sources: [raw], config: {{filename: a}}}}\n"
    )
    assert problem().startswith(f"setup.yaml:{words}")


def test_a_target_that_is_no_directory_is_found(place: Path) -> None:
    (place / "data").write_text("")
    change(place, "runevents: 1000", "target_directory: data/runs")
    assert "found data, which is no directory; choose another place" in problem()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_target_that_cannot_be_written_is_found(place: Path) -> None:
    (place / "data").mkdir(mode=0o500)
    change(place, "runevents: 1000", "target_directory: data/runs")
    assert "nothing can be written in data" in problem()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_target_where_nothing_can_be_made_is_found(place: Path) -> None:
    change(place, "runevents: 1000", "target_directory: /proc/runs")
    found = problem()
    assert found.startswith("setup.yaml: error: directories of runs are made in /proc/runs; found ")
    assert found.endswith(" in /proc; choose another place: target_directory, or --output")


@pytest.mark.parametrize("name", ["$HOME/runs", "${RUNS}"])
def test_a_variable_in_the_target_is_a_warning(place: Path, name: str) -> None:
    change(place, "runevents: 1000", f"target_directory: {name}")
    assert problem() == (
        "setup.yaml:2:19: warning: target_directory is a name in which ~ is the home directory, and"
        f" nothing else is filled in; found {name!r}; write the name out"
    )


def test_a_disk_that_is_too_small_is_a_warning(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_archive(place)
    monkeypatch.setattr(preflight_module, "free_bytes", lambda _: 1 << 20)
    found = preflight("setup.yaml")
    assert (found.errors, found.warnings) == (0, 1)
    assert "found 1.0 MiB free at target; take fewer events" in str(found.problems[0])


def test_the_page_says_what_the_run_is_going_to_do(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_archive(place)
    assert main(["check", "setup.yaml", "--set", "runtime=60"]) == 0
    page = capsys.readouterr().out
    assert "waves         8   800 bytes     6.2 KiB   input        reduce, archive   –" in page
    assert "archive   BufferToParquetfile in mimocorb/buffer_control" in page
    assert "ends at  1 000 events in waves, or 60 s, or the end of the sources" in page
    assert "\x1b[" not in page
    assert page.endswith("✓ setup.yaml: no errors, no warnings\n")
    assert not (place / "target").exists()


def test_one_of_a_thing_is_called_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(
        place, "function: reduce, ", "function: reduce, restart: {policy: on_failure, limit: 1}, "
    )
    assert main(["check", "setup.yaml", "--set", "runevents=1"]) == 0
    page = capsys.readouterr().out
    assert "ends at  1 event in waves" in page
    assert "restarted, up to 1 time\n" in page


def test_what_could_not_be_read_is_shown_as_unknown(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(place, "waves: {slot_count: 8,", "waves: {slot_count: many,")
    change(place, "data_dtype: {height: float64, chan: int32}", "data_dtype: flaot64")
    change(place, "acquire, sinks: [waves]", "acquire, sinks: [waves], number_of_processes: 0")
    change(place, "file: own.py, function: reduce, ", "file: own.py, ")
    assert main(["check", "setup.yaml"]) == 2
    page = capsys.readouterr().out
    assert "waves         ?   800 bytes           ?   input" in page
    assert "heights       8           ?           ?   reduce" in page
    assert "input    acquire in own.py      ?" in page
    assert "reduce   ? in own.py" in page
    assert "more than 0 bytes for the buffers" in page
    assert "✗ setup.yaml: 4 errors\n" in page


def test_exit_codes_are_for_scripts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(place, "data_length: 100,", "data_length: 100, overwrite: true,")
    assert main(["check", "setup.yaml"]) == 0
    assert main(["check", "setup.yaml", "--strict"]) == 1
    assert "no errors, 1 warning" in capsys.readouterr().out
    change(place, "overwrite: true", "overwrite: 3")
    assert main(["check", "setup.yaml"]) == 2
    assert "✗ setup.yaml: 1 error\n" in capsys.readouterr().out
    assert main(["check", "not_there.yaml"]) == 2


def test_a_component_of_mimocorb_is_called_as_in_the_set_up(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "{file: own.py, function: acquire, sinks: [waves]}"
    kept = "{function: record, sources: [waves], config: {filename: waves, compression: lz5}}"
    buffers = "Buffers: {waves: {slot_count: 8, data_length: 100, data_dtype: float64}}"
    workers = f"Workers:\n  input: {own}\n  keep: {kept}\n"
    (place / "setup.yaml").write_text(f"{buffers}\n{workers}")
    assert main(["check", "setup.yaml"]) == 2
    page = capsys.readouterr().out
    assert "record in mimocorb" in page
    assert "compression of record is 'lz4', 'zstd' or 'none'; found the text 'lz5'" in page
    assert "did you mean 'lz4'?" in page
