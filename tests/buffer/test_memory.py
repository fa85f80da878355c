"""Sizes from one byte to many, what does not fit, and nothing left behind (S11)."""

import gc
import pickle
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferMemoryError, BufferUnreachable, SetupError

MIB = 1 << 20


def shared_memory_mappings():
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if "memfd" in line]


def open_descriptors():
    """What the descriptors of this process stand for; the one used to list them is gone again."""
    descriptors = list(Path("/proc/self/fd").iterdir())
    return sorted(str(link.readlink()) for link in descriptors if link.is_symlink())


def test_slots_of_64_mebibytes_work():
    with closing(NewBuffer(2, 8 * MIB, np.float64)) as buffer:
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for value in range(3):
            writer.get_new_buffer()[:] = value
            writer.process_buffer()
            event = reader.get()
            assert event.nbytes == 64 * MIB
            assert (event[0], event[-1], event.sum()) == (value, value, value * 8 * MIB)


def test_a_hundred_thousand_slots_work():
    with closing(NewBuffer(100_000, 1, np.int32)) as buffer:
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for value in range(100_000):
            writer.get_new_buffer()[0] = value
        writer.process_buffer()
        assert buffer.buffer_status() == 0
        writer.close()
        assert [int(event[0]) for event in reader] == list(range(100_000))
        assert buffer.buffer_status() == 100_000


def test_a_hundred_thousand_slots_of_one_byte_work():
    with closing(NewBuffer(100_000, 1, np.uint8)) as buffer:
        writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
        for value in range(300):
            writer.write(np.array([value % 256], np.uint8))
        assert [int(reader.get()[0]) for _ in range(300)] == [value % 256 for value in range(300)]


def test_more_memory_than_the_machine_has_is_refused_with_numbers():
    with pytest.raises(BufferMemoryError, match="slots") as caught:
        NewBuffer(MIB, 128 * MIB, np.float64)  # one pebibyte
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value, ValueError)


def test_slots_beyond_the_limit_are_refused_with_the_limit():
    with pytest.raises(SetupError, match="between 1 and"):
        NewBuffer(1 << 40, 1, np.uint8)


@pytest.mark.parametrize("limit", ["max_reader_groups", "max_deliveries"])
def test_other_numbers_beyond_the_limit_are_refused_with_the_limit(limit):
    with pytest.raises(SetupError, match=f"{limit} is 1000000: it must be between 1 and"):
        NewBuffer(4, 1, np.uint8, **{limit: 1_000_000})


def test_memory_that_the_system_refuses_is_an_error_at_creation():
    program = """
import resource
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.errors import BufferMemoryError
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    NewBuffer(4, 1 << 20, "u1")
except BufferMemoryError as error:
    print("refused:", error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("refused:")


def test_closing_returns_memory_and_descriptors():
    gc.collect()
    mappings, descriptors = shared_memory_mappings(), open_descriptors()
    for _ in range(3):
        with closing(NewBuffer(4, MIB, np.uint8)) as buffer:
            handles = [
                Writer(buffer.new_writer()),
                Reader(buffer.new_reader_group()),
                Observer(buffer.new_observer()),
            ]
            handles[0].get_new_buffer()[:] = 1
            handles[0].process_buffer()
            handles[1].get()
            handles[2].get()
            assert len(shared_memory_mappings()) > len(mappings)
            for handle in handles:
                handle.close()
        del handles, handle, buffer
    gc.collect()
    assert shared_memory_mappings() == mappings
    assert open_descriptors() == descriptors


def test_dropping_everything_without_closing_returns_memory_too():
    gc.collect()
    mappings = shared_memory_mappings()
    buffer = NewBuffer(4, MIB, np.uint8)
    reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
    del buffer, reader, writer
    gc.collect()
    assert shared_memory_mappings() == mappings


def test_an_array_outlives_its_reader_and_its_buffer():
    buffer = NewBuffer(4, 1000, np.int64)
    reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
    writer.get_new_buffer()[:] = 7
    writer.process_buffer()
    event = reader.get()
    reader.close()
    writer.close()
    buffer.close()
    del reader, writer, buffer
    gc.collect()
    assert (event == 7).all()


def test_nothing_is_left_behind_by_a_process_that_is_killed():
    program = """
import os, signal
from pathlib import Path
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.writer import Writer
buffer = NewBuffer(4, 1 << 20, "u1")
writer = Writer(buffer.new_writer())
writer.get_new_buffer()[:] = 1
opened = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
mapped = Path("/proc/self/maps").read_text().splitlines()
used = [*opened, *(line.split(maxsplit=5)[-1] for line in mapped)]
print(*[name for name in used if "mimocorb-" in name or "/dev/shm" in name], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], timeout=60, check=False, stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == -9
    used = set(done.stdout.replace(" (deleted)", "").split())
    assert used == {"/memfd:mimocorb-ring", "/memfd:mimocorb-quarantine"}  # nothing with a name


def test_a_set_up_dictionary_of_a_closed_buffer_says_that_it_is_gone():
    buffer = NewBuffer(4, 1, np.uint8)
    dictionaries = {
        Writer: buffer.new_writer(),
        Reader: buffer.new_reader_group(),
        Observer: buffer.new_observer(),
    }
    buffer.close()
    for handle, setup_dict in dictionaries.items():
        with pytest.raises(BufferUnreachable, match="closed"):
            handle(pickle.loads(pickle.dumps(setup_dict)))


def test_the_memory_is_readable_by_its_owner_only():
    with closing(NewBuffer(4, 1, np.uint8)):
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        rings = [link for link in links if "memfd" in str(link.readlink())]
        modes = [link.stat().st_mode & 0o777 for link in rings]
        assert modes
        assert set(modes) <= {0o600, 0o400}
