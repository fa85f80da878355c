"""Views that are kept, and memory that is not there (rows F11, F18 of the fault matrix)."""

import signal
import subprocess
import sys

import fault_workers
import numpy as np
import pytest
from control_groups import little_memory

from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.testing.watchdog import WATCHDOG_S

TRY = """
import sys
from mimocorb.buffers import new_buffer, shared_memory
from mimocorb.errors import BufferMemoryError
{before}
try:
    new_buffer.NewBuffer(4, 8 << 20, "u1")
except BufferMemoryError as error:
    print("refused:", error)
else:
    print("made")
"""
RING_MIB = 32


def outcome(before, **keywords):
    done = subprocess.run(
        [sys.executable, "-c", TRY.format(before=before)],
        capture_output=True,
        text=True,
        timeout=WATCHDOG_S,
        check=False,
        **keywords,
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"  # negative: died by a signal
    return done.stdout


def test_a_view_that_is_kept_can_be_neither_written_to_nor_made_writable(make_buffer):
    """F11: before and after the reader has moved on."""
    buffer = make_buffer(2, 4, np.int64)
    writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
    for number in (1, 2):
        writer.write(np.full(4, number))
    kept = reader.get()
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            kept[:] = 7
        with pytest.raises(ValueError, match="WRITEABLE"):
            kept.setflags(write=True)
        assert (reader.get() == 2).all()
        writer.write(np.full(4, 2))


def test_a_reader_cannot_damage_an_event_even_through_its_address(start, make_buffer):
    """F11: the pages themselves are read-only; the culprit dies, the event is delivered again."""
    buffer = make_buffer(2, 4, np.int64)
    group = buffer.new_reader_group()
    Writer(buffer.new_writer()).write([1, 2, 3, 4])
    process = start(fault_workers.write_into_memory, group)
    process.join(WATCHDOG_S)
    assert process.exitcode == -signal.SIGSEGV
    reader = Reader(group)
    assert reader.get(WATCHDOG_S).tolist() == [1, 2, 3, 4]
    assert reader.delivery == 2


def test_a_buffer_fits_when_nothing_limits_it():
    assert outcome("") == "made\n"


def test_memory_that_cannot_be_reserved_is_an_error_with_words():
    """F18: the reservation fails (here by RLIMIT_FSIZE, which holds for memory files as well)."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    assert outcome(limit).startswith("refused: cannot make a buffer: File too large")


def test_memory_that_cannot_be_mapped_is_an_error_with_words():
    """F18: reserved, but no address space left for it (RLIMIT_AS)."""
    limit = """
import resource
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (16 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""
    assert outcome(limit).startswith("refused: cannot make a buffer: Cannot allocate memory")


def test_more_memory_than_is_free_is_refused_before_it_is_touched():
    """F18: with the figures of the machine."""
    little = "shared_memory.available_bytes = lambda: 70 << 20\n"
    assert "only 70.0 MiB of memory are free" in outcome(little)


@pytest.fixture
def small_control_group():
    with little_memory((RING_MIB + 40) << 20) as group:
        yield group


def test_the_limit_of_a_control_group_is_an_error_and_not_a_killed_process(small_control_group):
    """F18: a container's limit, which would otherwise kill the process at the reservation."""
    join = f"open({str(small_control_group / 'cgroup.procs')!r}, 'w').write('0')\n"
    assert "of memory are free" in outcome(join)
