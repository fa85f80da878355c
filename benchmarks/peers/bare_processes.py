"""The limit set by Python: five processes that import NumPy, say so, and wait for their end."""

from __future__ import annotations

import multiprocessing
import time

import lifecycle


def start_spawn() -> dict[str, float]:
    """Start-up and stop of the processes of `lifecycle` without buffers and work."""
    context = multiprocessing.get_context("spawn")
    opened, ended = context.Semaphore(0), context.Event()
    processes = [
        context.Process(target=_say_and_wait, args=(opened, ended))
        for _ in range(lifecycle.PROCESSES)
    ]
    begin_s = time.monotonic()
    for process in processes:
        process.start()
    for _ in range(lifecycle.NEEDED_FOR_AN_EVENT):
        opened.acquire()
    started_s = time.monotonic()
    for _ in range(lifecycle.PROCESSES - lifecycle.NEEDED_FOR_AN_EVENT):
        opened.acquire()
    time.sleep(lifecycle.RUNNING_S)
    stop_s = time.monotonic()
    ended.set()
    for process in processes:
        process.join()
    return {
        "start_ms": 1e3 * (started_s - begin_s),
        "stop_ms": 1e3 * (time.monotonic() - stop_s),
    }


def _say_and_wait(opened, ended) -> None:
    """Run in a process that has imported this module, and with it NumPy."""
    opened.release()
    ended.wait()
