"""A run seen and steered from another process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from running import WATCHDOG_S, Worker, eventually

import mimocorb
from mimocorb._run.run_state import RunState
from mimocorb.errors import CommandRefused, RunUnreachable


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_run_is_looked_at_paused_resumed_observed_and_stopped(start, method):
    daq = start("one", "--start-method", method)
    with mimocorb.connect() as run:
        status = run.status()
        assert status.state is RunState.RUNNING
        assert status.pid == daq.process.pid
        assert status.directory.parent == daq.setup.parent / "target"
        assert list(run.buffers) == ["RB_1", "RB_2"]

        assert run.pause().state is RunState.PAUSED
        eventually(lambda: run.buffers["RB_1"].stats.in_hand == 0)
        before = run.buffers["RB_1"].stats.published
        observer = run.observer("RB_1")
        event = observer.get(timeout_s=WATCHDOG_S)
        assert event.dtype == np.dtype([("value", "float64")])
        assert event["value"].tolist() == [before - 1.0] * 4
        assert run.status().view.events == before

        assert run.resume().state is RunState.RUNNING
        assert observer.wait(WATCHDOG_S)
        assert observer.get()["value"][0] >= before

        assert run.stop().state in (RunState.DRAINING, RunState.ENDED)
        last = run.wait(WATCHDOG_S)
        assert last.ended
        assert last.failures == ()
    done = daq.finish()
    assert done.code == 0
    assert done.published("RB_1") == last.view.events
    name = f"mimocorb.connect() in {Path(sys.argv[0]).name} (process {os.getpid()}, user "
    for done_by in ("paused by", "resumed by", "stopped by"):
        assert f"{done_by} {name}" in done.log
    assert f"stopped by {name}" in done.summary["reason"]


def test_after_the_end_the_last_status_stays_and_everything_else_says_so(start):
    daq = start()
    run = mimocorb.connect()
    assert run.stop(now=True).state in (RunState.ENDING, RunState.ENDED)
    run.wait(WATCHDOG_S)
    daq.finish()
    assert run.status().ended
    assert "ended" in repr(run)
    assert run.stop().ended
    with pytest.raises(RunUnreachable, match="has ended: ended at once"):
        run.pause()
    with pytest.raises(RunUnreachable, match="has ended"):
        run.observer("RB_1")


def test_a_command_that_makes_no_sense_now_is_refused(start):
    daq = start(middle=Worker("double", {"RB_1": "read", "RB_2": "write"}, {"pause_s": 0.01}))
    run = mimocorb.connect()
    with pytest.raises(CommandRefused, match="no buffer 'RB_9': this run has RB_1, RB_2"):
        run.observer("RB_9")
    assert run.resume().state is RunState.RUNNING
    eventually(lambda: run.buffers["RB_1"].stats.free_slots < 4)
    run.stop()
    with pytest.raises((CommandRefused, RunUnreachable), match=r"draining cannot pause|has ended"):
        run.pause()
    daq.finish()
