import multiprocessing

import pytest

from mimocorb.buffers.new_buffer import NewBuffer


@pytest.fixture
def start():
    """Start functions of `fault_workers` in processes; none of them outlives the test."""
    started = []

    def start_process(function, *args, method="fork"):
        process = multiprocessing.get_context(method).Process(target=function, args=args)
        process.start()
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def make_buffer():
    """Make buffers that are let go of at the end."""
    made = []

    def make(*args, **keywords):
        made.append(NewBuffer(*args, **keywords))
        return made[-1]

    yield make
    for buffer in made:
        buffer.close()
