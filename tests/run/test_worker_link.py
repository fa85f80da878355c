"""Lines from workers, and what binds a worker to its supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from mimocorb.run.run_state import TRANSITIONS, RunState
from mimocorb.run.workers.processes import describe_exit
from mimocorb.run.workers.worker_link import LineSplitter, Message, MessageWriter


def test_lines_are_whole_however_they_arrive():
    splitter = LineSplitter()
    text = "first\nsecond ü\r\n\nlast".encode()
    found = [line for byte in text for line in splitter.feed(bytes([byte]))]
    assert [*found, *splitter.finish()] == ["first", "second ü", "", "last"]


def test_a_progress_bar_is_what_was_seen_last():
    assert list(LineSplitter().feed(b" 10 %\r 50 %\r100 %\n")) == ["100 %"]


def test_colours_and_control_characters_do_not_reach_the_log():
    data = b"\x1b[1;31mred\x1b[0m\t\x1b]0;title\x07bell\x07\n"
    assert list(LineSplitter().feed(data)) == ["red\tbell\N{REPLACEMENT CHARACTER}"]


def test_a_line_without_end_does_not_grow_for_ever():
    splitter = LineSplitter()
    found = [line for _ in range(3) for line in splitter.feed(b"x" * 40_000)]
    assert [len(line) for line in found] == [80_000]


def test_messages_arrive_as_they_were_sent():
    reading, writing = os.pipe()
    link = MessageWriter(writing)
    link.send("failed", "ouch \udcff\n", detail="Traceback", level="ERROR")
    message = Message.parse(os.read(reading, 4096).decode())
    assert (message.kind, message.text, message.detail) == ("failed", "ouch \udcff\n", "Traceback")
    os.close(reading)
    link.send("ended")  # nobody listens any more: not an error
    os.close(writing)


@pytest.mark.parametrize("line", ["", "[]", '{"kind": "ready", "surplus": 1}', '{"ki'])
def test_half_a_message_is_refused(line):
    with pytest.raises((ValueError, TypeError)):
        Message.parse(line)


def test_exit_codes_in_words():
    assert describe_exit(3) == "exit code 3"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-99) == "killed by signal 99"
    assert describe_exit(None) == "still running"


def test_every_state_of_a_run_leads_to_its_end():
    for state in RunState:
        reached, news = set(), {state}
        while news:
            reached |= news
            news = {after for before in news for after in TRANSITIONS[before]} - reached
        assert any(after.is_final for after in reached)


HANGING = """
import os, sys, time
from multiprocessing import Pipe
from mimocorb.run.workers.processes import Lifeline, hold_lifeline
line = Lifeline()
kept, keeping = Pipe()
if os.fork() == 0:
    hold_lifeline(line.reading, keeping)
    if sys.argv[1] == "late":
        time.sleep(1)
    print(os.getpid(), flush=True)
    while True:
        pass
time.sleep(1000)
"""


def test_the_lifeline_kills_even_a_process_that_never_sleeps():
    command = [sys.executable, "-c", HANGING, "now"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watch = os.pidfd_open(child)
        parent.send_signal(signal.SIGKILL)
        import select

        assert select.select([watch], [], [], 60)[0], "the child lives on"
        os.close(watch)
