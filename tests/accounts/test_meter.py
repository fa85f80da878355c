"""The account that a process keeps of itself: A1 to A3 of meter_page.py, with real rings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mimocorb import reading_out
from mimocorb.buffer_control import BufferToBuffer, MergeBuffers, SourceToBuffer, rbPut
from mimocorb.components import meter_page as page_of
from mimocorb.components.meter import Meter, current
from mimocorb.components.meter_page import Activity, Capability, interval_edges_ns, read_page
from mimocorb.errors import UserFunctionError
from mimocorb.mimo_buffer import Reader, Writer

WATCHDOG_S = 60.0
ACTIVE = (
    Activity.WORKING,
    Activity.READING_OUT,
    Activity.NO_ROOM,
    Activity.PAUSED,
    Activity.NO_INPUT,
)


def read(meter):
    return read_page(bytes(meter.page), time.monotonic_ns())


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_for(meter, doing, then_s):
    """Return when the owner of a meter has done this for so long."""
    deadline = time.monotonic() + WATCHDOG_S
    while meter.activity != doing:
        assert time.monotonic() < deadline, f"it never was {doing!r}"
        time.sleep(0.001)
    time.sleep(then_s)


def test_causes_add_up_to_the_whole_time_of_a_source_exactly(own_meter, new_buffer):
    buffer = new_buffer(slots=2)
    group, writer = buffer.new_reader_group(), buffer.new_writer()

    def events():
        for number in range(40):
            time.sleep(0.001)
            with reading_out():
                time.sleep(0.001)
            yield float(number)

    def late_reader():
        wait_for(own_meter, Activity.NO_ROOM, 0.05)
        with Reader(group) as reader:
            for _ in reader:
                pass

    thread = in_thread(late_reader)
    SourceToBuffer(sink_list=[writer], data_source=events())()
    own_meter.end()
    found = read(own_meter)
    thread.join(WATCHDOG_S)
    # the end as the clock of the process has it, the parts as the page has them
    ended_ns = own_meter.since_ns
    assert sum(found.spent_ns[doing] for doing in ACTIVE) == ended_ns - found.began_ns
    assert found.spent_ns[Activity.WORKING] >= 40e6
    assert found.spent_ns[Activity.READING_OUT] >= 40e6
    assert found.spent_ns[Activity.NO_ROOM] >= 40e6
    assert found.events == 40
    assert found.intervals.sum() == 40
    assert Capability.ARRIVALS | Capability.READING_OUT in found.knows


def test_the_time_of_a_full_ring_is_that_which_the_ring_itself_has_measured(own_meter, new_buffer):
    buffer = new_buffer(slots=2)
    group, writer = buffer.new_reader_group(), buffer.new_writer()

    def slow_reader():
        with Reader(group) as reader:
            for _ in reader:
                time.sleep(0.002)

    thread = in_thread(slow_reader)
    began_s = time.monotonic()
    SourceToBuffer(sink_list=[writer], data_source=[float(n) for n in range(50)])()
    elapsed_s = time.monotonic() - began_s
    thread.join(WATCHDOG_S)
    found = read(own_meter)
    ring_s, no_room_s = buffer.stats().waiting.full_s, found.spent_ns[Activity.NO_ROOM] / 1e9
    # The meter looks at the clock before and after the ring does.
    assert 0 < ring_s <= no_room_s <= elapsed_s


def test_a_pause_has_a_time_of_its_own(own_meter, new_buffer):
    buffer = new_buffer()
    put = rbPut(sink_list=[buffer.new_writer()])
    put([1.0])
    buffer.pause()

    def resume_later():
        wait_for(own_meter, Activity.PAUSED, 0.05)
        buffer.resume()

    thread = in_thread(resume_later)
    put([2.0])
    thread.join(WATCHDOG_S)
    found = read(own_meter)
    assert found.spent_ns[Activity.PAUSED] >= 50e6
    assert found.spent_ns[Activity.NO_ROOM] == 0
    put.close()


def test_a_function_that_uses_a_writer_by_itself_is_told_apart_from_waiting(own_meter, new_buffer):
    buffer = new_buffer(slots=2)
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer:
        for number in range(2):
            writer.get_new_buffer()[:] = number
            writer.process_buffer()

        def read_later():
            wait_for(own_meter, Activity.NO_ROOM, 0.05)
            with Reader(group) as reader:
                reader.get()

        thread = in_thread(read_later)
        writer.get_new_buffer()[:] = 2
        thread.join(WATCHDOG_S)
    found = read(own_meter)
    assert found.spent_ns[Activity.NO_ROOM] >= 50e6
    assert Capability.ARRIVALS not in found.knows


def test_waiting_for_input_is_not_busy(own_meter, new_buffer):
    raw, results = new_buffer(), new_buffer()
    to_raw, from_raw = raw.new_writer(), raw.new_reader_group()

    def source():
        with Writer(to_raw) as writer:
            for number in range(5):
                while raw.stats().groups[0].acknowledged < number:
                    time.sleep(0.001)
                wait_for(own_meter, Activity.NO_INPUT, 0.02)
                writer.write([number])

    thread = in_thread(source)
    BufferToBuffer(source_list=[from_raw], sink_list=[results.new_writer()], filter=bool)()
    thread.join(WATCHDOG_S)
    assert read(own_meter).spent_ns[Activity.NO_INPUT] >= 100e6


def test_waiting_for_a_partner_is_not_waiting_for_input(own_meter, new_buffer):
    buffers = [new_buffer(name=name) for name in ("fast", "slow")]
    sinks, groups = zip(*((b.new_writer(), b.new_reader_group()) for b in buffers), strict=True)

    def sources():
        with Writer(sinks[0]) as fast, Writer(sinks[1]) as slow:
            wait_for(own_meter, Activity.NO_INPUT, 0.02)
            fast.write([1.0])
            wait_for(own_meter, Activity.NO_PARTNER, 0.05)
            slow.write([2.0])

    thread = in_thread(sources)
    MergeBuffers(list(groups), function=bool)()
    thread.join(WATCHDOG_S)
    found = read(own_meter)
    assert found.spent_ns[Activity.NO_INPUT] >= 20e6
    assert found.spent_ns[Activity.NO_PARTNER] >= 50e6
    assert sum(found.spent_ns) == found.at_ns - found.began_ns


def test_waiting_for_the_turn_is_not_waiting_for_input(own_meter, new_buffer):
    buffer = new_buffer()
    group = buffer.new_reader_group()
    with Writer(buffer.new_writer()) as writer, Reader(group) as first, Reader(group) as second:
        writer.write([1.0])
        writer.write([2.0])
        first.get()
        second.get()

        def acknowledge_later():
            wait_for(own_meter, Activity.NO_TURN, 0.05)
            first.acknowledge()

        thread = in_thread(acknowledge_later)
        assert second.wait_for_turn(WATCHDOG_S)
        thread.join(WATCHDOG_S)
        second.acknowledge()
    assert read(own_meter).spent_ns[Activity.NO_TURN] >= 50e6


def test_what_was_waited_for_in_vain_is_not_live(own_meter, new_buffer):
    buffer = new_buffer()
    buffer.end_after(2)

    def events():
        for number in range(3):
            time.sleep(0.02)
            yield float(number)

    SourceToBuffer(sink_list=[buffer.new_writer()], data_source=events())()
    found = read(own_meter)
    assert found.events == 2
    assert found.doing is Activity.ENDED
    assert found.spent_ns[Activity.ENDED] >= 20e6
    # all live time is that before the two events
    edges, counts = interval_edges_ns(), found.intervals
    live_ns = found.spent_ns[Activity.WORKING]
    assert (edges[:-1] * counts).sum() <= live_ns < (edges[1:] * counts).sum()
    assert sum(found.spent_ns) == found.at_ns - found.began_ns


@pytest.mark.parametrize(
    ("data", "metadata"),
    [([1.0, 2.0, 3.0], None), (1.0, {"time": 3}), (1.0, (1, 2.0)), (1.0, ("first", 2.0, 0.0))],
)
def test_an_event_that_does_not_fit_leaves_the_source_live(own_meter, new_buffer, data, metadata):
    buffer = new_buffer()
    put = rbPut(sink_list=[buffer.new_writer()])
    with pytest.raises(UserFunctionError):
        put(data, metadata)
    stats = buffer.stats()
    assert (stats.published, stats.aborted, stats.in_hand) == (0, 1, 0)
    assert own_meter.activity == Activity.WORKING
    assert read(own_meter).events == 0


def test_intervals_fall_into_the_bins_whose_edges_are_given():
    edges = interval_edges_ns()
    for live_ns in (0, 1, 7, 8, 9, 1000, 123_456_789, (1 << 43) - 1, 1 << 50):
        meter, moments_ns = Meter(), iter((5, 5 + live_ns, 5 + live_ns))
        meter.use_clock(lambda moments_ns=moments_ns: next(moments_ns))
        meter.begin()
        meter.event_is_there()
        meter.event_is_published()
        (filled,) = read(meter).intervals.nonzero()[0]
        assert edges[filled] <= min(live_ns, edges[-1] - 1) < edges[filled + 1]


def test_a_page_read_between_its_two_stores_still_adds_up():
    # A2: the time is written, what is done now not yet
    meter = Meter()
    meter.begin()
    meter.switch_to(Activity.NO_ROOM)
    meter.words[page_of.DOING] = int(Activity.WORKING)
    now_ns = time.monotonic_ns()
    found = read_page(bytes(meter.page), now_ns)
    assert sum(found.spent_ns) == now_ns - found.began_ns
    assert found.doing is Activity.WORKING


def test_threads_outside_a_run_have_accounts_of_their_own():
    found = []
    in_thread(lambda: found.append(current())).join(WATCHDOG_S)
    assert found[0] is not current()
    assert current() is current()


def test_of_several_threads_that_wait_the_first_one_counts(worker_meter, new_buffer):
    first, second = new_buffer(), new_buffer()
    readers = [Reader(buffer.new_reader_group()) for buffer in (first, second)]
    writers = [Writer(buffer.new_writer()) for buffer in (first, second)]
    threads = [in_thread(reader.get) for reader in readers]
    wait_for(worker_meter, Activity.NO_INPUT, 0.0)
    for writer in writers:
        writer.write([1.0])
    for thread in threads:
        thread.join(WATCHDOG_S)
    assert worker_meter.activity == Activity.WORKING
    found = read(worker_meter)
    assert sum(found.spent_ns) == found.at_ns - found.began_ns
    for port in (*readers, *writers):
        port.close()


KILLED_IN_A_WAIT = """
import mmap, os, sys, time
from multiprocessing.connection import Connection
from mimocorb.components import meter
from mimocorb.mimo_buffer import NewBuffer, Writer
from mimocorb.buffer_control import SourceToBuffer

meter.install(Connection(int(sys.argv[1]))).begin()
buffer = NewBuffer(2, 1, "float64")
buffer.new_reader_group()

def events():
    for number in range(3):
        time.sleep(0.01)
        if number == 2:
            print("full", flush=True)
        yield float(number)

SourceToBuffer(sink_list=[buffer.new_writer()], data_source=events())()
"""


def test_the_account_survives_the_kill_of_its_process():
    page = page_of.MeterPage("killed")
    descriptor = page.connection.fileno()
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_IN_A_WAIT, str(descriptor)],
        pass_fds=[descriptor],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"full\n"
        deadline = time.monotonic() + WATCHDOG_S
        while page.read().doing is not Activity.NO_ROOM and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(WATCHDOG_S)
    now_ns = time.monotonic_ns()
    found = page.read(now_ns)
    page.close()
    assert found.events == 2
    assert found.doing is Activity.NO_ROOM
    assert found.spent_ns[Activity.NO_ROOM] >= 20e6
    assert found.spent_ns[Activity.WORKING] >= 30e6
    assert sum(found.spent_ns) == now_ns - found.began_ns


def test_the_dead_time_that_a_device_tells_is_not_live_and_the_rest_is_owed():
    now_ns = 0
    meter = Meter()
    meter.use_clock(lambda: now_ns)
    meter.begin()
    meter.source_begins()
    now_ns = 1000
    meter.device_was_dead(1300)  # events that came late, together: more than was waited
    meter.event_is_there()
    meter.event_is_published()
    now_ns = 2000
    meter.device_was_dead(0)
    spent = read_page(bytes(meter.page), now_ns).spent_ns
    assert spent[Activity.READING_OUT] == 1300
    assert spent[Activity.WORKING] == 700
