"""The documented classes that set up and steer a whole data acquisition."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from older_setups import manual
from running import WATCHDOG_S, eventually, processes_of

from mimocorb.buffer_control import buffer_control, run_mimoDAQ
from mimocorb.errors import RunFailed, SetupError


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """``(RingBuffer, Functions)`` of a set-up, read as a program would."""
    monkeypatch.chdir(tmp_path)

    def read(*names, **more):
        content = buffer_control.get_config(manual(tmp_path, *names, **more))
        return content["RingBuffer"], content["Functions"]

    return read


def test_a_program_sets_up_starts_and_shuts_down(lists, tmp_path, capsys):
    control = buffer_control(*lists(), tmp_path / "output")
    assert list(control.setup_buffers()) == ["RB_1", "RB_2"]
    control.setup_workers()
    control.display_layout()
    control.display_functions()
    processes = control.start_workers()
    assert [process.name for process in processes] == [
        "Fkt_3 save",
        "Fkt_2 double",
        "Fkt_1 numbers",
    ]
    processes[-1].join()
    assert processes[-1].exitcode == 0
    control.shutdown()
    assert control.status == "ended"
    lines = (tmp_path / "output" / "values.txt").read_text().splitlines()
    assert len(lines) == 101
    assert (tmp_path / "output" / "config.yaml").exists()
    printed = capsys.readouterr().out
    assert "RB_1: 16 slots of 4 values" in printed
    assert "Fkt_2: double (1), RB_1 read, RB_2 write" in printed


def test_pause_keeps_events_out_until_resume(lists, tmp_path):
    control = buffer_control(*lists(numbers={"pause_s": 0.001}), tmp_path)
    buffers = control.setup_buffers()
    control.setup_workers()
    control.start_workers()
    eventually(lambda: buffers["RB_1"].stats().published > 5)
    control.pause()
    eventually(lambda: control.status == "paused" and buffers["RB_1"].stats().in_hand == 0)
    before = buffers["RB_1"].stats().published
    time.sleep(0.2)
    assert buffers["RB_1"].stats().published == before
    control.resume()
    eventually(lambda: buffers["RB_1"].stats().published > before)
    control.stop()
    control.shutdown()
    assert control.status == "ended"


@pytest.mark.parametrize(("ends_by", "code"), [("", 0), ("1 / 0", 1), ("INTERRUPT", -2)])
def test_a_program_that_ends_without_shutdown_leaves_whole_data_and_nobody_behind(
    tmp_path, ends_by, code
):
    manual(tmp_path, numbers={"pause_s": 0.001})
    if ends_by == "INTERRUPT":
        ends_by = "import os, signal; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
    program = f"""
import signal, time, yaml
from mimocorb.buffer_control import buffer_control

signal.signal(signal.SIGINT, signal.default_int_handler)
setup = yaml.safe_load(open("test_setup.yaml"))
control = buffer_control(setup["RingBuffer"], setup["Functions"], "output")
buffers = control.setup_buffers()
control.setup_workers()
control.start_workers()
while buffers["RB_1"].stats().published < 20:
    time.sleep(0.01)
{ends_by}
"""
    started = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = started.communicate(timeout=WATCHDOG_S)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
        raise
    assert started.returncode == code, printed
    assert "ends without shutdown(); processing what was taken" in printed
    eventually(lambda: not processes_of(started.pid))
    _heading, *lines = (tmp_path / "output" / "values.txt").read_text().splitlines()
    assert [float(line.split()[-1]) for line in lines] == [2.0 * n for n in range(len(lines))]
    assert len(lines) >= 20


def test_a_failed_worker_is_replaced_while_a_program_goes_on(lists, tmp_path):
    """The supervisor's thread starts the new process, so not by fork."""
    buffers, functions = lists("numbers", "dies_once", "save")
    functions[2]["Fkt_2"]["restart"] = {"policy": "on_failure", "backoff_s": 0.01}
    control = buffer_control(buffers, functions, tmp_path)
    control.setup_buffers()
    control.setup_workers()
    control.start_workers()
    eventually(lambda: control.status == "ended")
    control.shutdown()
    assert len((tmp_path / "values.txt").read_text().splitlines()) == 101


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_program_without_a_main_guard_runs_once(tmp_path, start_method):
    manual(tmp_path)
    (tmp_path / "program.py").write_text(
        "from mimocorb.run.options import RunOptions, SupervisorOptions\n"
        "from mimocorb.run.run import run_setup\n"
        "from mimocorb.setup.dialects import read_setup\n"
        "print('the program runs', flush=True)\n"
        f"supervisor = SupervisorOptions(start_method={start_method!r})\n"
        "options = RunOptions(verbose=0, supervisor=supervisor)\n"
        "print(run_setup(read_setup('test_setup.yaml'), options).exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=True,
    )
    assert done.stdout.split("\n") == ["the program runs", "0", ""]


def test_a_run_of_buffer_control_is_reached_as_well(lists, tmp_path):
    control = buffer_control(*lists(numbers={"pause_s": 0.001}), tmp_path / "output")
    control.setup_buffers()
    control.setup_workers()
    control.start_workers()
    program = """
import mimocorb
run = mimocorb.connect("output")
run.pause(); run.resume()
run.observer("RB_1").get()
run.stop(); print(run.wait(60).state.value, run.number)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
    )
    control.shutdown()
    assert done.stdout == "ended None\n", done.stderr
    assert control.status == "ended"
    assert not (tmp_path / "output" / "control.json").exists()


def test_a_failed_worker_is_reported_at_shutdown(lists, tmp_path):
    control = buffer_control(*lists(numbers={"events": 3, "fails": True}), tmp_path)
    control.setup_buffers()
    control.setup_workers()
    control.start_workers()
    eventually(lambda: control.status == "ended")
    with pytest.raises(RunFailed, match="the digitizer is on fire"):
        control.shutdown()


def test_shutdown_is_possible_at_any_time_and_twice(lists, tmp_path):
    control = buffer_control(*lists(), tmp_path)
    control.shutdown()
    control = buffer_control(*lists(), tmp_path)
    control.setup_buffers()
    control.setup_workers()
    control.shutdown()
    control.shutdown()


def test_both_orders_of_the_arguments_are_understood(lists, tmp_path):
    configs = {"numbers": {"events": 3}}
    manual = buffer_control(*lists(), tmp_path, configs)
    later = buffer_control(*lists(), configs, str(tmp_path))
    assert manual.output_directory == later.output_directory == tmp_path
    with pytest.raises(SetupError, match="output_directory"):
        buffer_control(*lists(), None)


def test_limits_are_attributes(lists, tmp_path):
    control = buffer_control(*lists(main={"runtime": 12, "runevents": 34}), tmp_path)
    assert (control.runtime, control.runevents) == (12, 34)
    assert buffer_control(*lists(), tmp_path).runtime == 0


def test_get_config_returns_the_content_of_a_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"general": {"runtime": 5}}))
    assert buffer_control.get_config(str(path)) == {"general": {"runtime": 5}}
    path.write_text("- a list")
    with pytest.raises(SetupError, match="mapping"):
        buffer_control.get_config(path)
    with pytest.raises(SetupError, match=r"missing\.yaml"):
        buffer_control.get_config(tmp_path / "missing.yaml")


def test_import_function_returns_none_for_what_cannot_be_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("def source():\n    return 42\n")
    assert buffer_control.import_function("own", "source")() == 42
    assert buffer_control.import_function("own", "sink") is None
    assert buffer_control.import_function("other", "source") is None
    assert buffer_control.import_function("mimocorb/buffer_control", "SourceToBuffer")


def test_run_mimodaq_takes_data_and_returns_the_summary(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    daq = run_mimoDAQ(manual(tmp_path), verbose=1)
    daq.setup()
    summary = daq.run()
    daq.end()
    assert summary.exit_code == 0
    assert summary.directory == daq.directory
    assert len((daq.directory / "values.txt").read_text().splitlines()) == 101
    assert "numbers" in capsys.readouterr().out


def test_run_mimodaq_raises_when_not_every_event_was_processed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = manual(tmp_path, numbers={"events": 3, "fails": True})
    daq = run_mimoDAQ(str(setup), verbose=0)
    with pytest.raises(RunFailed, match="on fire"):
        daq.run()
