"""What limits the rate: sentences for known cases."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mimocorb.components.meter_page import Activity
from mimocorb.run.accounts.bottleneck import Cores, TimeUse, WorkerTime, limit_of_rate
from mimocorb.run.accounts.process_account import Span
from mimocorb.run.accounts.run_account import RunAccount
from mimocorb.run.record.account_lines import account_lines

SECOND_NS = 10**9
QUIET = Cores(available=8, used=1.0, contention=0.0)


def worker(
    label,
    *,
    processes=1,
    reads=True,
    writes=True,
    paused_s=0.0,
    cpu=None,
    wait=0.0,
    down=0.0,
    slowest_input="",
    **parts,
):
    """Return a worker that has worked for 10 s; `parts` gives seconds by what it did.

    Without `cpu`, it computes whenever it is busy. It was `down` between two processes.
    """
    spent = [0] * len(Activity)
    for name, seconds in parts.items():
        spent[Activity[name.upper()]] = round(processes * seconds * SECOND_NS)
    busy_s = parts.get("working", 0.0) + parts.get("reading_out", 0.0)
    cpu_ns = round(processes * (busy_s - wait if cpu is None else cpu) * SECOND_NS)
    wait_ns, down_ns = (round(processes * each * SECOND_NS) for each in (wait, down))
    span = Span(tuple(spent), cpu_ns, wait_ns, down_ns)
    paused_ns = round(paused_s * SECOND_NS)
    return WorkerTime(label, label, reads, writes, processes, span, None, paused_ns, slowest_input)


def limit(*workers, cores=QUIET):
    used = {w.name: w.use for w in workers if w.use is not None}
    return limit_of_rate(workers, used, cores)


def full_source(no_room=6.0, **more):
    return worker("source", reads=False, working=10 - no_room, no_room=no_room, **more)


def idle(label="saver", **more):
    return worker(label, working=0.5, no_input=9.5, writes=False, **more)


def test_a_busy_filter_behind_a_full_ring_is_the_limit():
    filters = worker("find_pulses", processes=2, working=9.7, no_input=0.3)
    assert limit(full_source(), filters, idle()) == (
        "find_pulses is busy 97 % of the time in 2 processes and limits the rate; "
        "1.0 of 8 processor cores are in use"
    )


def test_a_filter_that_waits_for_room_is_not_the_limit_but_who_keeps_it_waiting():
    blocked = worker("find_pulses", working=3.0, no_room=7.0)
    slow = worker("save", working=9.9, no_input=0.1, writes=False)
    assert limit(full_source(), blocked, slow).startswith("save is busy 99 % of the time")


def test_a_sink_that_is_busy_without_computing_waits_for_its_disk():
    slow = worker("save", working=9.9, no_input=0.1, writes=False, cpu=1.0)
    found = limit(full_source(), worker("find_pulses", working=3.0, no_room=7.0), slow)
    assert "it computes only 10 % of the time and else waits for what it writes to, a disk" in found


def test_a_sink_without_a_free_core_does_not_wait_for_its_disk():
    slow = worker("save", working=9.9, no_input=0.1, writes=False, cpu=2.0, wait=7.0)
    assert "disk" not in limit(full_source(), slow, cores=Cores(2, 0.5, 0.7))


def test_a_ring_that_is_full_for_moments_only_has_too_few_slots():
    found = limit(full_source(1.0), worker("find_pulses", working=5.0, no_input=5.0))
    assert "the source waits for free slots 10 % of the time, but no worker is busy" in found
    assert "more slots help" in found


def test_who_waits_for_its_turn_is_held_up_by_the_order_and_not_by_bursts():
    ordered = worker("fit", processes=4, working=3.0, no_turn=7.0)
    found = limit(full_source(9.0), ordered, idle())
    assert found.startswith(
        "the source waits for free slots 90 % of the time, because fit waits 70 % for its turn: its"
        " events go on in order, so all that follow a slow one wait for it. More slots do not help"
    )


def test_an_ordered_worker_that_also_waits_for_events_has_bursts_before_it():
    ordered = worker("fit", processes=4, working=4.0, no_turn=1.0, no_input=5.0)
    assert "bursts, against which more slots help" in limit(full_source(1.0), ordered, idle())


def test_who_waits_for_a_partner_is_held_up_by_the_slower_buffer_and_not_by_bursts():
    slow = worker("slow", reads=False, working=10.0, cpu=0.1)
    merge = worker("both", working=0.5, no_partner=9.5, slowest_input="drips")
    assert limit(full_source(7.0), slow, merge, idle()) == (
        "the source source waits for free slots 70 % of the time, because both waits 95 % for "
        "events of drips that belong to those it has. Neither more slots nor more processes help, "
        "only more events in drips"
    )


def test_the_partner_comes_late_because_of_the_order_before_it():
    ordered = worker("fit", processes=4, working=3.0, no_turn=7.0)
    merge = worker("both", working=0.5, no_partner=9.5, slowest_input="fitted")
    assert "because fit waits 70 % for its turn" in limit(full_source(), merge, ordered, idle())


def test_a_pause_is_not_a_wait_for_a_partner():
    merge = worker("both", working=1.0, no_input=4.0, no_partner=15.0, paused_s=10.0)
    assert merge.use.waiting_for_partner == pytest.approx(0.9)


def test_a_source_that_reads_out_all_the_time_is_the_limit():
    source = worker("scope", reads=False, working=1.0, reading_out=9.0, cpu=1.0)
    assert limit(source, idle()) == (
        "the source scope limits the rate: it reads out 90 % of the time"
    )


def test_a_source_that_computes_all_the_time_is_the_limit():
    source = worker("simulation", reads=False, working=10.0)
    assert limit(source, idle()) == (
        "the source simulation limits the rate: it computes 100 % of the time"
    )


def test_a_source_that_waits_for_events_is_slower_than_everything():
    source = worker("scope", reads=False, working=9.5, reading_out=0.5, cpu=0.5)
    assert limit(source, idle()) == (
        "nothing is too slow: the source scope waits for events 95 % of the time, "
        "and no worker behind it is busy more than 5 %"
    )


def test_a_source_without_a_free_core_does_not_seem_to_compute_all_the_time():
    source = worker("simulation", reads=False, working=10.0, cpu=2.0, wait=7.0)
    assert limit(source, idle()) == (
        "the source simulation limits the rate: it computes 20 % of the time and waits for a free "
        "processor core 70 %"
    )


def test_a_source_that_sleeps_in_its_function_waits_for_its_device_and_is_not_busy():
    source = worker("scope", reads=False, working=8.0, reading_out=1.0, no_room=1.0, cpu=2.0)
    assert source.use.busy == pytest.approx(0.2)
    assert source.use.waiting_for_input == pytest.approx(0.7)
    assert source.use.waiting_for_room == pytest.approx(0.1)


def test_a_source_that_sleeps_while_it_reads_out_is_busy():
    source = worker("scope", reads=False, working=2.0, reading_out=8.0, cpu=1.0)
    assert source.use.busy == pytest.approx(0.8)


def test_a_worker_that_sleeps_in_its_function_is_busy():
    assert worker("ask_server", working=9.0, no_input=1.0, cpu=0.5).use.busy == pytest.approx(0.9)


def test_who_fails_again_and_again_is_the_limit_and_not_bursts():
    failing = worker("fit", working=2.0, no_input=3.0, down=5.0)
    assert limit(full_source(4.0), failing, idle()) == (
        "the source waits for free slots 40 % of the time, because fit fails: 50 % of its time "
        "goes by until the next process is ready; log.txt says why it fails"
    )


def test_a_worker_that_failed_once_does_not_hide_the_bursts():
    failed = worker("fit", working=4.9, no_input=5.0, down=0.1)
    assert "in bursts, against which more slots help" in limit(full_source(4.0), failed, idle())


def test_a_source_that_fails_again_and_again_is_the_limit():
    source = worker("scope", reads=False, working=3.0, down=7.0, cpu=0.1)
    assert limit(source, idle()) == (
        "the source scope limits the rate because it fails: 70 % of its time goes by until the "
        "next process is ready; log.txt says why it fails"
    )


def test_a_pause_makes_nobody_less_busy():
    source = full_source(2.0, paused=10.0)
    filters = worker("find_pulses", working=9.7, no_input=10.3, paused_s=10.0)
    assert "find_pulses is busy 97 % of the time" in limit(source, filters)


def test_nobody_waits_for_a_core_for_longer_than_it_was_off_one():
    """The system counts up to a reading that may be later than the end of data taking."""
    use = worker("simulation", reads=False, working=8.0, no_room=2.0, cpu=7.0, wait=22.6).use
    assert use.waiting_for_core == pytest.approx(0.3)
    threads = worker("fit", working=9.0, no_input=1.0, cpu=25.0, wait=4.0).use
    assert (threads.processor, threads.waiting_for_core) == (pytest.approx(2.5), 0.0)


def test_a_short_run_does_not_tell_what_limits_the_rate():
    source = worker("simulation", reads=False, working=0.01, no_room=0.04, cpu=0.0, wait=0.1)
    save = worker("save", working=0.048, writes=False, cpu=0.0)
    assert limit(source, save) == "the run was too short to tell what limits the rate"


def lines_of(account):
    return account_lines(SimpleNamespace(accounts=account, buffers=()))


def test_what_the_system_has_counted_is_not_shown_of_a_short_time():
    source = worker("simulation", reads=False, working=0.5, no_room=0.4, cpu=0.01)
    long, short = worker("fit", working=2.0), worker("save", working=0.5, no_input=0.4)
    account = RunAccount((), (), (source, long, short), {}, {}, QUIET, {}, ())
    shown = {line.split()[0]: line.split()[1:] for line in lines_of(account) if line}
    assert shown["simulation"] == ["–", "–", "–", "–", "44.4", "%"]
    assert "–" not in shown["fit"]
    assert shown["save"] == ["55.6", "%", "–", "–", "44.4", "%", "0.0", "%"]


def test_the_table_of_times_fits_a_terminal_of_80_columns():
    workers = (
        worker("pulses a_source_with_a_long_name", reads=False, working=9.0, no_room=1.0),
        worker("select_and_save BufferToParquetfile", processes=12, working=9.0, down=1.0),
    )
    account = RunAccount((), (), workers, {}, {}, QUIET, {}, ())
    header, *lines = [line for line in lines_of(account) if line][:3]
    assert header.endswith("busy  on a core  no core  no input  no room  restart")
    assert [len(line) for line in lines] == [80, 80]
    assert "ToParquetfile ×12 " in lines[1]


def test_without_time_there_is_nothing_to_say():
    assert TimeUse.of(Span()) is None
    assert limit() == ""
