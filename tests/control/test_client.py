"""A run seen and steered from another process."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import re
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from running import WATCHDOG_S, Worker, eventually

import mimocorb
from mimocorb.errors import CommandRefused, CommandTimeout, HandleMisuse, RunUnreachable, SetupError
from mimocorb.mimo_buffer import NewBuffer, Observer, Writer
from mimocorb.run.remote.protocol import observer_from_plain, observer_to_plain
from mimocorb.run.run_state import RunState


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_run_is_looked_at_paused_resumed_observed_and_stopped(start, method):
    daq = start("one", "--start-method", method)
    with mimocorb.connect() as run:
        status = run.status()
        assert status.state is RunState.RUNNING
        assert status.pid == daq.process.pid
        assert status.directory.parent == daq.setup.parent / "target"
        assert list(run.buffers) == ["RB_1", "RB_2"]
        line = (
            rf"run 1 {run.name}: running 0:00:\d\d \| RB_1: [\d ]+ events?, .* \| RB_2: .* full.*"
        )
        assert re.fullmatch(line, str(status))

        eventually(lambda: run.buffers["RB_1"].stats.published > 0)
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
    with pytest.raises(
        (CommandRefused, RunUnreachable), match=r"(draining|ended) cannot pause|has ended"
    ):
        run.pause()
    daq.finish()


def test_a_notebook_or_another_program_with_an_event_loop_is_not_held_up(start):
    daq = start()

    async def steer() -> list[str]:
        run = await asyncio.to_thread(mimocorb.connect)
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        waiting = asyncio.create_task(asyncio.to_thread(run.wait, WATCHDOG_S))
        states = [run.pause().state.value, run.resume().state.value]
        while ticks < 5:
            assert not waiting.done()
            await asyncio.sleep(0.01)
        await asyncio.to_thread(run.stop)
        states.append((await waiting).state.value)
        ticking.cancel()
        return states

    assert asyncio.run(steer()) == ["paused", "running", "ended"]
    assert daq.finish().code == 0


def test_several_threads_may_wait_and_ask_at_once(start):
    daq = start()
    run = mimocorb.connect()
    ended = []
    waiting = [
        threading.Thread(target=lambda: ended.append(run.wait(WATCHDOG_S))) for _ in range(4)
    ]
    for thread in waiting:
        thread.start()
    for _ in range(20):
        assert run.status().state is RunState.RUNNING
    run.stop()
    for thread in waiting:
        thread.join()
    assert [status.ended for status in ended] == [True] * 4
    assert daq.finish().code == 0


def wait_in_child(run, outcome) -> None:
    with suppress(CommandTimeout):
        run.wait(0.1)  # from now on it listens
    outcome.send(run.status().state.value)
    outcome.send(run.wait(WATCHDOG_S).state.value)


def test_a_forked_child_and_its_parent_both_hear_the_end(start):
    start()
    run = mimocorb.connect()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=wait_in_child, args=(run, theirs))
    child.start()
    assert ours.poll(WATCHDOG_S)
    assert ours.recv() == "running"
    run.stop()
    assert run.wait(WATCHDOG_S).ended
    assert ours.poll(WATCHDOG_S)
    assert ours.recv() == "ended"
    child.join()


def test_a_client_that_did_not_listen_learns_from_the_record_how_the_run_ended(start):
    start()
    run, late = mimocorb.connect(), mimocorb.connect()
    late.close()
    run.stop()
    assert run.wait(WATCHDOG_S).ended
    # Whether its socket still lets it in for a moment or not: the record tells.
    status = late.wait(WATCHDOG_S)
    assert status.view.reason == run.status().view.reason
    assert status.view.events == run.status().view.events


def test_waiting_may_be_bounded_and_says_that_the_run_goes_on(start):
    start()
    with (
        mimocorb.connect() as run,
        pytest.raises(CommandTimeout, match=r"has not ended within 0\.1 s"),
    ):
        run.wait(0.1)
    assert mimocorb.connect().status().state is RunState.RUNNING


def test_closing_lets_go_of_the_observers_and_a_second_client_sees_the_same(start):
    start()
    with mimocorb.connect() as first, mimocorb.connect() as second:
        assert first.pid == second.pid
        observer = first.observer("RB_2")
        observer.get(WATCHDOG_S)
        assert re.match(f"<{first.name}: running 0:0.:.. ", repr(first))
    with pytest.raises(HandleMisuse):
        observer.get()
    assert second.status().state is RunState.RUNNING


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype("float32"),
        np.dtype(">i2"),
        np.dtype("S5"),
        np.dtype("M8[ns]"),
        np.dtype([("chA", "<f8", (3, 4)), ("chB", ">i2"), ("in", [("x", "u1"), ("y", "f4")])]),
        np.dtype([("a", "u1"), ("b", "f8")], align=True),
    ],
)
def test_what_an_observer_needs_survives_json_without_pickle(dtype):
    with NewBuffer(4, 3, dtype, name="RB") as buffer:
        sent = json.dumps(observer_to_plain(buffer.new_observer()))
        setup = observer_from_plain(json.loads(sent))
        assert setup["dtype"] == dtype
        with Writer(buffer.new_writer()) as writer, Observer(setup) as observer:
            writer.write(np.ones(3, dtype) if dtype.names is None else np.zeros(3, dtype))
            assert observer.get().dtype == dtype


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype({"names": ["a", "b"], "formats": ["u4", "u2"], "offsets": [0, 1]}),
        np.dtype(("f4", (3,))),
    ],
)
def test_a_dtype_that_cannot_be_told_is_refused_in_words(dtype):
    with NewBuffer(4, 1, dtype) as buffer, pytest.raises(SetupError, match="cannot be told"):
        observer_to_plain(buffer.new_observer())
