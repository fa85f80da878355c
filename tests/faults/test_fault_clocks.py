"""Clocks that are set while a run goes on (row F22 of the fault matrix)."""

import os
import shutil
import subprocess
import sys

import pytest

from mimocorb.testing.watchdog import WATCHDOG_S

# UTC jumps by years, forth and back, at every look at it; other clocks are left alone.
CLOCK = r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long step(void) {
  static unsigned calls;
  return (__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) % 2 ? 1 : -1) * 100000000L;
}
int clock_gettime(clockid_t clock, struct timespec* now) {
  long result = syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += step();
  return (int)result;
}
int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  struct timespec precise;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}
time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""

PROGRAM = """
import threading, time
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.buffers.observer import Observer
from mimocorb.buffers.reader import Reader
from mimocorb.buffers.writer import Writer
from mimocorb.errors import BufferTimeout

before, after = time.time(), time.time()
assert abs(after - before) > 1e8, "the clock is not set back and forth"

def waited_s(wait):
    start_s = time.monotonic()
    try:
        wait()
    except BufferTimeout:
        return time.monotonic() - start_s
    raise AssertionError("did not wait")

with NewBuffer(2, 1, "i8") as buffer:
    writer, reader = Writer(buffer.new_writer()), Reader(buffer.new_reader_group())
    observer = Observer(buffer.new_observer())
    assert waited_s(lambda: reader.get(0.12)) >= 0.12
    assert waited_s(lambda: observer.get(0.12)) >= 0.12
    assert 0 < reader.waiting_s < 1e6
    writer.write([1])
    writer.write([2])
    assert waited_s(lambda: writer.get_new_buffer(0.12)) >= 0.12
    assert 0 < writer.waiting.full_s < 1e6
    received = []
    thread = threading.Thread(target=lambda: received.extend(int(e[0]) for e in reader))
    thread.start()
    for number in range(3, 500):
        writer.write([number])
    observer.get()
    assert 0 <= observer.age_s < 1e6
    writer.close()
    thread.join()
    assert received == list(range(1, 500))
    stats = buffer.stats()
    stats.check()
    assert 0 <= stats.uptime_s < 1e6
print("went by the monotonic clock")
"""


@pytest.fixture
def jumping_clock(tmp_path):
    """A library to load first, in which UTC is set forth and back."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here")
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


def test_setting_the_clock_changes_no_wait_and_no_waiting_time(jumping_clock):
    """F22: waits and their bookkeeping go by the monotonic clock; UTC only stamps events."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "LD_PRELOAD": str(jumping_clock)},
        capture_output=True,
        text=True,
        timeout=2 * WATCHDOG_S,
        check=False,
    )
    assert done.stdout == "went by the monotonic clock\n", done.stderr
