"""What workers learn of a pause."""

from __future__ import annotations

import time

import pytest
from running import WATCHDOG_S, Worker, chain

from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.run import Run
from mimocorb.run.run_state import Command, RunState
from mimocorb.setup.dialects import read_setup


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_workers_know_when_their_run_is_paused(tmp_path, monkeypatch, start_method):
    monkeypatch.chdir(tmp_path)
    source = Worker("numbers", {"RB_1": "write"}, {"pause_s": 0.001})
    watcher = Worker("reports_pauses", {"RB_2": "observe"})
    setup = read_setup(chain(tmp_path, source=source, more=[watcher]))
    supervised = SupervisorOptions(start_method=start_method)
    options = RunOptions(verbose=0, keyboard=False, supervisor=supervised)
    steps = [
        (RunState.RUNNING, 0.0, Command.PAUSE),
        (RunState.PAUSED, 1.0, Command.RESUME),
        (RunState.RUNNING, 0.0, Command.STOP),
    ]
    learnt = []
    with Run(setup, options) as daq:
        daq.prepare()
        supervisor = daq.supervisor

        supervisor.start(daq.directory)
        deadline = time.monotonic() + WATCHDOG_S
        while not supervisor.ended and time.monotonic() < deadline:
            supervisor.turn()
            said = supervisor.results.get("observer", {}).get("paused")
            for state, awaited, command in steps[len(learnt) : len(learnt) + 1]:
                if supervisor.state is state and said == awaited:
                    supervisor.post(command)
                    learnt.append(said)
        summary = daq.finish()
    assert learnt == [0.0, 1.0, 0.0]
    assert summary.failures == []
