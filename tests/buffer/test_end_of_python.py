"""A program ends as it should although a thread of it still waits at a buffer."""

import subprocess
import sys

import pytest

BEFORE = """
import threading, time
from mimocorb.mimo_buffer import NewBuffer, Observer, Reader, Writer
buffer = NewBuffer(2, 1, "i8", name="raw")
reader, writer = Reader(buffer.new_reader_group()), Writer(buffer.new_writer())
observer = Observer(buffer.new_observer())
def fill():
    while True: writer.write([1])
def look():
    while True: observer.get(timeout_s=1000.0)
def waits(): time.sleep(0.2)
"""


@pytest.mark.parametrize(
    "target",
    [
        "reader.get",
        "lambda: reader.get(timeout_s=1000.0)",
        "lambda: list(reader)",
        "lambda: reader.get_batch(10)",
        "fill",
        "lambda: buffer.wait_drained(1000.0)",
        "look",
    ],
)
@pytest.mark.parametrize(
    "end", ["", "raise SystemExit(0)", "import atexit; atexit.register(waits)"]
)
def test_a_daemon_thread_that_waits_aborts_nothing(target, end):
    program = f"""{BEFORE}
threading.Thread(target={target}, daemon=True).start()
time.sleep(0.1)
{end}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_many_threads_that_wake_all_the_time_abort_nothing():
    """Some of them are on their way back from a wait when Python ends."""
    program = f"""{BEFORE}
from mimocorb.errors import BufferTimeout
def wakes(group):
    own = Reader(group)
    while True:
        try: own.get(timeout_s=0.0002)
        except BufferTimeout: pass
for _ in range(6):
    threading.Thread(target=wakes, args=(buffer.new_reader_group(),), daemon=True).start()
time.sleep(0.1)
"""
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_the_main_thread_can_use_buffers_while_python_ends():
    program = f"""
import atexit
def closes():  # what was registered first is called last
    writer.write([5])
    print(reader.get()[0], flush=True)
    buffer.close()
atexit.register(closes)
{BEFORE}
threading.Thread(target=look, daemon=True).start()
time.sleep(0.1)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n", "")


def test_a_forked_child_of_a_program_with_waiting_threads_ends_as_it_should():
    program = f"""{BEFORE}
import os
threading.Thread(target=reader.get, daemon=True).start()
time.sleep(0.1)
child = os.fork()
if child == 0:
    raise SystemExit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
