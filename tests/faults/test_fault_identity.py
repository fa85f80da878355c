"""Who is alive, and whose memory it is (rows F8, F21, F24 of the fault matrix)."""

import multiprocessing
import os
import signal
import struct

import fault_workers
import numpy as np
import pytest

from mimocorb import _core
from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout, LayoutMismatch
from mimocorb.testing.watchdog import WATCHDOG_S

# Places in the memory of a ring, from core/include/mimocorb/layout.hpp.
LAYOUT_VERSION_AT = 8
OFFSET_HANDLES_AT = 64
HANDLE_BYTES = 128
PID_AT, START_TIME_AT = 16, 24
LONGER_THAN_LOOKING_FOR_THE_DEAD_S = 0.3


def descriptor_of(setup_dict):
    return setup_dict["address"]["ring"][1]


@pytest.fixture
def holder(start):
    """Start a worker that holds something until it is told to go on."""

    def start_holder(function, setup_dict):
        here, there = multiprocessing.Pipe()
        process = start(function, setup_dict, there)
        assert here.poll(WATCHDOG_S)
        return process, here, here.recv()

    return start_holder


def stop(process):
    os.kill(process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def test_a_stopped_reader_keeps_its_event_and_the_others_go_on(holder, make_buffer):
    """F8: SIGSTOP, everybody else works and waits, SIGCONT; no event is in two hands."""
    buffer = make_buffer(4, 1, np.int64)
    group = buffer.new_reader_group()
    writer, reader = Writer(buffer.new_writer()), None
    writer.write([1])
    process, connection, sequence = holder(fault_workers.hold_an_event, group)
    assert sequence == 1
    stop(process)
    reader = Reader(group)
    for number in range(2, 50):
        writer.write([number])
        assert int(reader.get(WATCHDOG_S)[0]) == number
    with pytest.raises(BufferTimeout):
        reader.get(LONGER_THAN_LOOKING_FOR_THE_DEAD_S)
    assert buffer.reap() == 0
    assert buffer.stats().groups[0].held == 1
    os.kill(process.pid, signal.SIGCONT)
    connection.send(None)
    process.join(WATCHDOG_S)
    assert process.exitcode == 0
    ledger = buffer.stats().groups[0]
    assert (ledger.acknowledged, ledger.redelivered, ledger.held) == (49, 0, 0)


def test_a_stopped_writer_keeps_its_slot(holder, make_buffer):
    """F8, for writers."""
    buffer = make_buffer(2, 1, np.int64)
    setup_dict = buffer.new_writer()
    reader = Reader(buffer.new_reader_group())
    process, connection, _ = holder(fault_workers.hold_a_slot, setup_dict)
    stop(process)
    with pytest.raises(BufferTimeout):
        reader.get(LONGER_THAN_LOOKING_FOR_THE_DEAD_S)
    assert (buffer.reap(), buffer.stats().torn) == (0, 0)
    os.kill(process.pid, signal.SIGCONT)
    connection.send(None)
    assert int(reader.get(WATCHDOG_S)[0]) == 1


@pytest.mark.parametrize("forged", ["start time of the holder", "process id of another process"])
def test_a_reused_process_id_is_not_taken_for_its_predecessor(holder, make_buffer, forged):
    """F21: a living process with the right id and the wrong start time is somebody else."""
    buffer = make_buffer(4, 1, np.int64)
    group = buffer.new_reader_group()
    writer = Writer(buffer.new_writer())
    writer.write([1])
    process, _, _ = holder(fault_workers.hold_an_event, group)
    memory = descriptor_of(group)
    (handles,) = struct.unpack("<Q", os.pread(memory, 8, OFFSET_HANDLES_AT))
    record = next(
        at
        for at in range(handles, handles + _core.MAX_HANDLES * HANDLE_BYTES, HANDLE_BYTES)
        if struct.unpack("<i", os.pread(memory, 4, at + PID_AT)) == (process.pid,)
    )
    if forged == "start time of the holder":
        (start_time,) = struct.unpack("<Q", os.pread(memory, 8, record + START_TIME_AT))
        os.pwrite(memory, struct.pack("<Q", start_time - 1), record + START_TIME_AT)
    else:
        os.pwrite(memory, struct.pack("<i", os.getppid()), record + PID_AT)
    reader = Reader(group)
    assert int(reader.get(WATCHDOG_S)[0]) == 1
    assert reader.delivery == 2


@pytest.mark.parametrize("kind", [Writer, Reader, Observer])
def test_memory_of_another_layout_version_is_refused_naming_both_versions(make_buffer, kind):
    """F24: never guessed."""
    buffer = make_buffer(4, 1, np.int64)
    setup_dict = {
        Writer: buffer.new_writer,
        Reader: buffer.new_reader_group,
        Observer: buffer.new_observer,
    }[kind]()
    foreign = _core.LAYOUT_VERSION + 41
    os.pwrite(descriptor_of(setup_dict), struct.pack("<I", foreign), LAYOUT_VERSION_AT)
    with pytest.raises(LayoutMismatch) as caught:
        kind(setup_dict)
    assert f"version {foreign}," in str(caught.value)
    assert f"version {_core.LAYOUT_VERSION}:" in str(caught.value)
