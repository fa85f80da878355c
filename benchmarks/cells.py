"""What stands in the table: which peer is measured in which shape, with how many events.

Numbers of events are for about two seconds of each peer.
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE = "mimoCoRB 1.0.2"
EARLIER = "an earlier mimocorb 2"

SECTIONS = {
    "1-1": "1→1, 40 B",
    "1-2": "1→2 shared, 40 B",
    "2-2": "2→2 groups, 40 B",
    "interleaved": "1→1, 136 kB interleaved",
    "contiguous": "1→1, 136 kB channel-contiguous",
    "chain": "Source → 2 filters (keep 1 in 10) → sink, 136 kB",
    "functions": "Source → filter → sink that counts, the same user functions",
    "processes": "The same with more filter processes than there is work for, 40 B, all kept",
    "own-cost": "A plain source and a plain filter beside the user's function, one process",
    "latency": "Latency of a 1 kHz Poisson source, 40 B",
    "start": "Start-up and stop of 3 buffers with 5 workers",
    "commands": "Commands, with one event",
    "calls": "Single calls, one process",
}


@dataclass(frozen=True)
class Cell:
    """One peer in one shape.

    Attributes
    ----------
    what
        "module:name" below peers/, "native:program", or "earlier:name" for mimocorb_run:name in the
        interpreter of an earlier version.
    shape
        As cell.py takes it; the section begins its name.
    events
        Per writer; None where their number means nothing.
    """

    section: str
    label: str
    what: str
    shape: str
    events: int | None

    @property
    def key(self) -> str:
        """Name of the cell in results and goals."""
        return f"{self.shape}/{self.what}"

    @property
    def host(self) -> str:
        """Who runs it: "reference", "earlier", "native" or "here"."""
        module = self.what.partition(":")[0]
        return module if module in ("reference", "earlier", "native") else "here"


def _section(section: str, *rows: tuple[str, str, str, int | None]) -> list[Cell]:
    return [Cell(section, *row) for row in rows]


def _functions() -> list[Cell]:
    cells = []
    for size, quick, slow in (("40B", 1, 1), ("136kB", 100, 6)):
        for kept, keeps in (("1in1", "all kept"), ("1in10", "1 in 10 kept")):
            for processes in (1, 2):
                shape = f"functions-{size}-{kept}-{processes}"
                how = f"{size.replace('B', ' B').replace('k ', ' k')}, {keeps}"
                if processes > 1:
                    how += f", {processes} filter processes"
                rows = [
                    (f"{how}: per event", "mimocorb_run:per_event", 300_000 // slow),
                    (f"{how}: batches", "mimocorb_run:batches", 4_000_000 // quick),
                    (f"{how}: bare ring", "mimocorb_ring:Ring", 600_000 // slow),
                    (
                        f"{how}: bare ring, batches",
                        _RING_BATCHES,
                        4_000_000 // quick,
                    ),
                    (f"{how}: {EARLIER}, per event", "earlier:per_event", 120_000 // slow),
                    (f"{how}: {_QUEUE}", "queues:MultiprocessingQueue", 40_000 // slow),
                    (f"{how}: {_ZMQ}", "zeromq:PushPull", 100_000 // slow),
                ]
                cells += [Cell("functions", label, what, shape, n) for label, what, n in rows]
    return cells


def _processes() -> list[Cell]:
    return [
        Cell("processes", f"{number} filter {'process' if number == 1 else 'processes'}: {label}",
             what, f"processes-40B-1in1-{number}", events)
        for number in PROCESSES
        for label, what, events in (
            ("per event", "mimocorb_run:per_event", 200_000),
            ("bare ring", "mimocorb_ring:Ring", 400_000),
            (f"{EARLIER}, per event", "earlier:per_event", 100_000),
        )
    ]  # fmt: skip


PROCESSES = (1, 2, 4, 8, 16)
_RING_BATCHES = "mimocorb_ring:ring_batches"

_FIFO = "faster-fifo, bytes"
_ICEORYX = "iceoryx2, waiting for its event"
_ZMQ = "pyzmq, ipc"
_QUEUE = "multiprocessing.Queue"

CELLS = [
    *_section(
        "1-1",
        ("mimocorb, one per call", "mimocorb_ring:Ring", "1-1", 800_000),
        ("mimocorb, batches of 64", "mimocorb_ring:Batches", "1-1", 8_000_000),
        (REFERENCE, "reference:Ring", "1-1", 30_000),
        (_QUEUE, "queues:MultiprocessingQueue", "1-1", 40_000),
        (_FIFO, "queues:FasterFifo", "1-1", 100_000),
        (_ZMQ, "zeromq:PushPull", "1-1", 200_000),
        (_ICEORYX, "iceoryx:PublishSubscribe", "1-1", 200_000),
        ("mimocorb's core, no Python", "native:core", "1-1", 5_000_000),
        ("plain C++ ring", "native:limit", "1-1", 20_000_000),
    ),
    *_section(
        "1-2",
        ("mimocorb", "mimocorb_ring:Ring", "1-2", 600_000),
        (REFERENCE, "reference:Ring", "1-2", 30_000),
        (_QUEUE, "queues:MultiprocessingQueue", "1-2", 40_000),
        (_FIFO, "queues:FasterFifo", "1-2", 60_000),
        (_ZMQ, "zeromq:PushPull", "1-2", 200_000),
        ("mimocorb's core, no Python", "native:core", "1-2", 4_000_000),
    ),
    *_section(
        "2-2",
        ("mimocorb", "mimocorb_ring:Ring", "2-2", 400_000),
        (REFERENCE, "reference:Ring", "2-2", 10_000),
        (_QUEUE, "queues:MultiprocessingQueue", "2-2", 12_000),
        (_FIFO, "queues:FasterFifo", "2-2", 30_000),
        (_ZMQ, "zeromq:PushPull", "2-2", 80_000),
        ("mimocorb's core, no Python", "native:core", "2-2", 1_500_000),
    ),
    *_section(
        "interleaved",
        ("mimocorb, np.copyto by the user", "mimocorb_ring:Ring", "interleaved", 20_000),
        ("mimocorb, Writer.write", "mimocorb_ring:OwnCopy", "interleaved", 80_000),
        (REFERENCE, "reference:Ring", "interleaved", 12_000),
        (_QUEUE, "queues:MultiprocessingQueue", "interleaved", 5_000),
        (_FIFO, "queues:FasterFifo", "interleaved", 12_000),
        (_ZMQ, "zeromq:PushPull", "interleaved", 10_000),
        (_ICEORYX, "iceoryx:PublishSubscribe", "interleaved", 15_000),
        ("np.copyto and sum, one process, no ring", "without_ring:interleaved", "interleaved",
         20_000),
        ("plain C++ ring: memcpy here, sum there", "native:limit", "interleaved", 150_000),
    ),
    *_section(
        "contiguous",
        ("mimocorb, np.copyto by the user", "mimocorb_ring:Ring", "contiguous", 80_000),
        ("mimocorb, Writer.write", "mimocorb_ring:OwnCopy", "contiguous", 80_000),
        (REFERENCE, "reference:Ring", "contiguous", 15_000),
        (_QUEUE, "queues:MultiprocessingQueue", "contiguous", 5_000),
        (_FIFO, "queues:FasterFifo", "contiguous", 25_000),
        (_ZMQ, "zeromq:PushPull", "contiguous", 12_000),
        (_ICEORYX, "iceoryx:PublishSubscribe", "contiguous", 60_000),
        ("copy as bytes and sum, one process, no ring", "without_ring:contiguous", "contiguous",
         80_000),
        ("plain C++ ring: memcpy here, sum there", "native:limit", "contiguous", 200_000),
    ),
    *_section(
        "chain",
        ("mimocorb, access classes, interleaved", "mimocorb_ring:classes_interleaved",
         "chain-interleaved", 40_000),
        ("mimocorb, access classes, contiguous", "mimocorb_ring:classes_contiguous",
         "chain-contiguous", 40_000),
        ("mimocorb, rings alone, interleaved", "mimocorb_ring:Ring", "chain-interleaved", 20_000),
        ("mimocorb, rings alone, contiguous", "mimocorb_ring:Ring", "chain-contiguous", 40_000),
        (f"{REFERENCE}, rings alone, interleaved", "reference:Ring", "chain-interleaved", 12_000),
        (f"{_QUEUE}, interleaved", "queues:MultiprocessingQueue", "chain-interleaved", 5_000),
        (f"{_FIFO}, interleaved", "queues:FasterFifo", "chain-interleaved", 8_000),
        (f"{_ZMQ}, interleaved", "zeromq:PushPull", "chain-interleaved", 8_000),
    ),
    *_functions(),
    *_processes(),
    *_section("own-cost", ("mimocorb", "own_cost:own_cost", "own-cost", 100_000)),
    *_section(
        "latency",
        ("mimocorb", "mimocorb_ring:Ring", "latency", 4_000),
        (REFERENCE, "reference:Ring", "latency", 4_000),
        (_QUEUE, "queues:MultiprocessingQueue", "latency", 4_000),
        (_FIFO, "queues:FasterFifo", "latency", 4_000),
        (_ZMQ, "zeromq:PushPull", "latency", 4_000),
        (_ICEORYX, "iceoryx:PublishSubscribe", "latency", 4_000),
    ),
    *_section(
        "start",
        ("mimocorb, fork", "mimocorb_ring:start_fork", "start", None),
        ("mimocorb, forkserver", "mimocorb_ring:start_forkserver", "start", None),
        ("mimocorb, spawn", "mimocorb_ring:start_spawn", "start", None),
        (f"{REFERENCE}, fork", "reference:start_fork", "start", None),
        ("spawn, five processes that only import NumPy", "bare_processes:start_spawn", "start",
         None),
    ),
    *_section(
        "commands",
        ("mimocorb", "mimocorb_run:commands", "commands", None),
        (EARLIER, "earlier:commands", "commands", None),
    ),
    *_section("calls", ("mimocorb", "calls:calls", "calls", 20_000)),
]  # fmt: skip
