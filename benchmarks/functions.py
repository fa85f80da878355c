"""Source → filter → sink that counts, with the functions of user_functions.py.

As a run of mimocorb, started from a set-up as a user does; and as loops around a ring, queues and
sockets. The rate is that of the source's events: from its start until the sink has the last one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import user_functions
from loops import Link
from measure import Workers, WrongResult, check
from shapes import END, SHAPES, Shape

SLOTS = {"small": 1024, "large": 128}
SETUP = """\
Buffers:
  raw: {{slot_count: {slots}, data_length: {length}, data_dtype: {dtype}}}
  kept: {{slot_count: {slots}, data_length: {length}, data_dtype: {dtype}}}
Workers:
  source:
    file: {file}
    function: {source}
    sinks: [raw]
    config: {{count: {count}, length: {length}, started: {started}}}
  filter:
    file: {file}
    function: {filter}
    sources: [raw]
    sinks: [kept]
    number_of_processes: {processes}
    config: {{one_in: {one_in}}}
  sink:
    file: {file}
    function: Count
    sources: [kept]
    config: {{expected: {expected}, place: {place}}}
"""


@dataclass(frozen=True)
class Task:
    """What flows, how much of it is kept, and by how many processes.

    Named "functions-40B-1in10-2": events of 40 bytes, one in ten kept, two filter processes.
    """

    kind: str
    one_in: int
    processes: int

    @classmethod
    def named(cls, name: str) -> Task:
        """Return the task of a name."""
        _, size, kept, processes = name.split("-")
        kind = {"40B": "small", "136kB": "large"}[size]
        return cls(kind, int(kept.removeprefix("1in")), int(processes))

    def shape(self, events: int, readers: int, writers: int) -> Shape:
        """Return the shape of one of the two links."""
        return replace(
            SHAPES["1-1"], kind=self.kind, events=events, readers=readers, writers=writers
        )

    def check(self, found: tuple[int, int], events: int) -> None:
        """Raise WrongResult unless just the events to keep have come."""
        kept = range(0, events, self.one_in)
        check("sink", found, (len(kept), sum(kept)))


# --- a run of mimocorb --------------------------------------------------------------------------


def run(task: Task, events: int, source: str, filter: str) -> dict[str, float]:
    """Return the rate of a run with these functions."""
    shape = task.shape(events, task.processes, 1)
    with tempfile.TemporaryDirectory(prefix="mimocorb-benchmark-") as name:
        place = Path(name)
        setup = SETUP.format(
            slots=SLOTS[task.kind], file=Path(user_functions.__file__), source=source,
            filter=filter, count=events, length=shape.values_per_slot, dtype=shape.dtype,
            processes=task.processes, one_in=task.one_in,
            expected=len(range(0, events, task.one_in)),
            started=place / "started", place=place / "ended",
        )  # fmt: skip
        (place / "setup.yaml").write_text(setup, encoding="utf-8")
        command(place, "run", "setup.yaml")
        started_s, _ = user_functions.read_note(place / "started")
        ended_s, *found = user_functions.read_note(place / "ended")
    task.check((found[0], found[1]), events)
    return {"rate_hz": events / (ended_s - started_s)}


def command(place: Path, *words: str) -> float:
    """Run a command of mimocorb in a directory; how long it took. WrongResult if it failed."""
    begin_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "mimocorb.cli", *words],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise WrongResult(f"mimocorb {' '.join(words)} ends with {done.returncode}: {done.stdout}"
                          f"{done.stderr}"[-500:])  # fmt: skip
    return time.monotonic() - begin_s


# --- loops of one's own -------------------------------------------------------------------------


def through_link(link_class: type[Link], name: str, events: int = 20_000) -> dict[str, float]:
    """Return the rate of the same functions in loops around a link."""
    task = Task.named(name)
    raw = link_class(task.shape(events, task.processes, 1))
    kept = link_class(task.shape(events, 1, task.processes))
    workers = Workers()
    workers.start(_sink, kept)
    for member in range(task.processes):
        workers.start(_filter, raw, kept, member, task.one_in)
    workers.start(_source, raw)
    (found, ended_s), *_, started_s = workers.results()
    for link in (raw, kept):
        link.close()
    task.check(found, events)
    return {"rate_hz": events / (ended_s - started_s)}


def _source(raw: Link) -> float:
    shape = raw.shape
    with raw.sink(0) as sink:
        started_s = time.monotonic()
        events = user_functions.numbers(
            count=shape.events, length=shape.values_per_slot, dtype=shape.dtype
        )
        for event in events:
            sink.get_new_buffer()[:] = event
            sink.process_buffer()
        for _ in range(shape.readers):
            sink.get_new_buffer()[0] = END
            sink.process_buffer()
    return started_s


def _filter(raw: Link, kept: Link, member: int, one_in: int) -> None:
    keep = user_functions.keep
    with raw.source(0, member) as get, kept.sink(member) as sink:
        while (event := get())[0] != END:
            if keep(event, one_in=one_in):
                sink.get_new_buffer()[:] = event
                sink.process_buffer()
        sink.get_new_buffer()[0] = END
        sink.process_buffer()


def _sink(kept: Link) -> tuple[tuple[int, int], float]:
    count = total = 0
    writers = kept.shape.writers
    with kept.source(0, 0) as get:
        while writers:
            number = get().item(0)
            if number == END:
                writers -= 1
            else:
                count += 1
                total += int(number)
    return (count, total), time.monotonic()


# --- the ring's own batches ---------------------------------------------------------------------


def through_batches(name: str, events: int = 20_000) -> dict[str, float]:
    """Return the rate of the batch functions in loops around the ring's batches."""
    from mimocorb.mimo_buffer import NewBuffer

    task = Task.named(name)
    shape = task.shape(events, task.processes, 1)
    raw = NewBuffer(SLOTS[task.kind], shape.values_per_slot, shape.dtype)
    kept = NewBuffer(SLOTS[task.kind], shape.values_per_slot, shape.dtype)
    from_raw, from_kept = raw.new_reader_group(), kept.new_reader_group()
    workers = Workers()
    workers.start(_batch_sink, from_kept)
    for _ in range(task.processes):
        workers.start(_batch_filter, from_raw, kept.new_writer(), task.one_in)
    workers.start(_batch_source, raw.new_writer(), shape)
    (found, ended_s), *_, started_s = workers.results()
    for buffer in (raw, kept):
        buffer.stats().check()
        buffer.close()
    task.check(found, events)
    return {"rate_hz": events / (ended_s - started_s)}


def _batch_source(setup: dict, shape: Shape) -> float:
    from mimocorb.mimo_buffer import Writer

    with Writer(setup) as writer:
        started_s = time.monotonic()
        blocks = user_functions.blocks_of_numbers(
            count=shape.events, length=shape.values_per_slot, dtype=shape.dtype
        )
        for block in blocks:
            _put(writer, block)
    return started_s


def _batch_filter(source: dict, sink: dict, one_in: int) -> None:
    from mimocorb.mimo_buffer import Reader, Writer

    with Reader(source) as reader, Writer(sink) as writer:
        for events in reader.batches(_batch(reader)):
            kept = user_functions.keep_of_many(events, one_in=one_in)
            _put(writer, events[kept])


def _batch_sink(setup: dict) -> tuple[tuple[int, int], float]:
    from mimocorb.mimo_buffer import Reader

    count = total = 0
    with Reader(setup) as reader:
        for events in reader.batches(_batch(reader)):
            count += len(events)
            total += int(events[:, 0].sum())
    return (count, total), time.monotonic()


def _batch(port) -> int:
    """As many as half the ring holds, and for large events a few."""
    return max(
        1, min(port.number_of_slots // 2, (1 << 20) // (port.values_per_slot * port.dtype.itemsize))
    )


def _put(writer, rows: np.ndarray) -> None:
    done, most = 0, _batch(writer)
    while done < len(rows):
        slots = writer.get_new_buffers(min(most, len(rows) - done))
        slots[:] = rows[done : done + len(slots)]
        done += len(slots)
    writer.process_buffer()
