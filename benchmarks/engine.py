"""Events between hosts: a chain over the engine, beside the plain client of the engine.

``python benchmarks/engine.py`` measures all cells in turn, on one machine, and prints Markdown.

The chain is what a set-up with two hosts gives: source, ring, what sends, the stream, what
receives, ring, sink. The plain client is a producer and a consumer, each a process, that do the
same with acknowledgements and nothing else: no store of their own, no order, nothing dropped that
comes twice, and messages of the same size. "shared memory" is the same set-up on one host. Each run
is checked: every event has to come once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml
from environment import describe, load

from mimocorb.engine.server import EngineServer

FUNCTIONS = Path(__file__).with_name("engine_functions.py")
WATCHDOG_S = 300.0
WINDOW = 64


@dataclass(frozen=True)
class Shape:
    """What flows: events of so many numbers of 8 bytes, in messages of so many events."""

    name: str
    length: int
    slots: int
    count: int
    per_message: int

    @property
    def event_bytes(self) -> int:
        """Size of an event."""
        return 8 * self.length


SHAPES = {
    "40B": Shape("40B", 5, 65536, 4_000_000, (1 << 20) // 40),
    "136kB": Shape("136kB", 17_000, 128, 6000, 7),
}


class Server:
    """A server, and what it takes while something is measured."""

    def __init__(self, directory: Path) -> None:
        self.server = EngineServer(directory)
        self.process = psutil.Process(self.server.pid)

    @contextmanager
    def watched(self, figures: dict[str, float], count: int) -> Iterator[None]:
        """Add the processor time for each event, and the largest memory, to the figures."""
        most, over = [0], threading.Event()

        def look() -> None:
            while not over.wait(0.05):
                most[0] = max(most[0], self.process.memory_info().rss)

        thread = threading.Thread(target=look)
        thread.start()
        before = sum(self.process.cpu_times()[:2])
        try:
            yield
        finally:
            over.set()
            thread.join()
            figures["server_us"] = (sum(self.process.cpu_times()[:2]) - before) / count * 1e6
            figures["server_mb"] = most[0] / 1e6


def latency_of(latencies_us: list[float]) -> dict[str, float]:
    """Return the middle and the 99 % point, in ms."""
    ordered = sorted(latencies_us)
    return {
        "p50_ms": statistics.median(ordered) / 1e3,
        "p99_ms": ordered[int(0.99 * (len(ordered) - 1))] / 1e3,
    }


# --- runs of mimocorb ---------------------------------------------------------------------------


def chain(
    shape: Shape, server: Server, place: Path, *, hosts: bool, pause_s: float = 0.0
) -> dict[str, float]:
    """Return the figures of a run on two hosts, or on one."""
    url = server.server.url
    field_of_event = {"data_dtype": {"value": "int64"}}
    config: dict[str, Any] = {"count": shape.count, "length": shape.length}
    if pause_s:
        config["pause_s"] = pause_s
    source = {"file": str(FUNCTIONS), "function": "paced" if pause_s else "blocks"}
    sink = {"file": str(FUNCTIONS), "function": "Arrived", "config": {"place": str(place / "out")}}
    setup: dict[str, Any] = {
        "Buffers": {
            "raw": {"slot_count": shape.slots, "data_length": shape.length, **field_of_event}
        },
        "Workers": {
            "device": {**source, "sinks": ["raw"], "config": config},
            "count": {**sink, "sources": ["raw"]},
        },
    }
    if hosts:
        setup["Engine"] = {"nats": url, "project": place.name}
        setup["Hosts"] = {"pi": {}, "pc": {}}
        setup["Workers"]["device"]["host"], setup["Workers"]["count"]["host"] = "pi", "pc"
    (place / "setup.yaml").write_text(yaml.safe_dump(setup, sort_keys=False))
    figures: dict[str, float] = {}
    with server.watched(figures, shape.count):
        runs = [_started(place, host) for host in (("pc", "pi") if hosts else ("",))]
        for run in runs:
            if run.wait(WATCHDOG_S) != 0:
                raise SystemExit(f"wrong: {(place / 'log').read_text()[-2000:]}")
    told = json.loads((place / "out").read_text())
    if (told["count"], told["total"]) != (shape.count, shape.count * (shape.count - 1) // 2):
        raise SystemExit(f"wrong: {told['count']} events of {shape.count} came")
    if not hosts:
        figures.clear()
    return {"rate_hz": told["rate_hz"], **latency_of(told["latencies_us"]), **figures}


def _started(place: Path, host: str) -> subprocess.Popen[bytes]:
    """Start the part of a host; the source begins when all are there."""
    options = ["--host", host, "--output", str(place / host)] if host else ["--output", str(place)]
    log = place / f"log{host}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mimocorb.cli", "run", "setup.yaml", "--lines", *options],
            cwd=place, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if host == "pc":
        end_s = time.monotonic() + WATCHDOG_S
        while "data taking begins" not in log.read_text(errors="replace"):
            if time.monotonic() > end_s or process.poll() is not None:
                raise SystemExit(f"wrong: {log.read_text()[-2000:]}")
            time.sleep(0.05)
    return process


# --- the plain client ---------------------------------------------------------------------------


def plain(
    shape: Shape,
    server: Server,
    place: Path,
    *,
    per_message: int,
    count: int,
    pause_s: float = 0.0,
) -> dict[str, float]:
    """Return the figures of a producer and a consumer that use the client by itself."""
    name = "plain_" + place.name
    messages = -(-count // per_message)
    size = per_message * shape.event_bytes
    asyncio.run(_make(server.server.url, name, max(64 << 20, 128 * size)))
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    consumer = spawn.Process(target=_consume, args=(server.server.url, name, messages, results))
    figures: dict[str, float] = {}
    with server.watched(figures, count):
        consumer.start()
        assert results.get(timeout=WATCHDOG_S) == "ready"
        arguments = (server.server.url, name, size, messages, pause_s)
        producer = spawn.Process(target=_produce, args=arguments)
        producer.start()
        came, took_s, latencies_us = results.get(timeout=WATCHDOG_S)
        producer.join()
        consumer.join()
    if came != messages:
        raise SystemExit(f"wrong: {came} messages of {messages} came")
    rate_hz = (messages - 1) / took_s * per_message
    return {"rate_hz": rate_hz, **latency_of(latencies_us), **figures}


async def _make(url: str, name: str, max_bytes: int) -> None:
    import nats
    from nats.js import api

    client = await nats.connect(url)
    stream = client.jetstream()
    await stream.add_stream(
        api.StreamConfig(
            name=name,
            subjects=[name],
            retention=api.RetentionPolicy.INTEREST,
            discard=api.DiscardPolicy.NEW,
            max_bytes=max_bytes,
        )
    )
    await stream.add_consumer(
        name, api.ConsumerConfig(durable_name="reader", ack_policy=api.AckPolicy.EXPLICIT)
    )
    await client.close()


def _produce(url: str, name: str, size: int, messages: int, pause_s: float) -> None:
    asyncio.run(_producing(url, name, size, messages, pause_s))


async def _producing(url: str, name: str, size: int, messages: int, pause_s: float) -> None:
    import nats
    from nats.js.errors import APIError

    client = await nats.connect(url)
    stream = client.jetstream()
    rest = bytes(max(size - 8, 0))

    async def send() -> None:
        payload = time.monotonic_ns().to_bytes(8, "little") + rest
        while True:
            try:
                await stream.publish(name, payload, stream=name)
            except APIError:  # full
                await asyncio.sleep(0.002)
            else:
                return

    under_way: set[asyncio.Task[None]] = set()
    for _ in range(messages):
        if pause_s:
            await asyncio.sleep(pause_s)
        while len(under_way) >= WINDOW:
            _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        under_way.add(asyncio.ensure_future(send()))
    await asyncio.gather(*under_way)
    await client.close()


def _consume(url: str, name: str, messages: int, results: Any) -> None:
    asyncio.run(_consuming(url, name, messages, results))


async def _consuming(url: str, name: str, messages: int, results: Any) -> None:
    import nats
    from nats.errors import TimeoutError

    client = await nats.connect(url)
    pull = await client.jetstream().pull_subscribe_bind("reader", name)
    results.put("ready")
    came, first_ns, latencies_us = 0, 0, []
    while came < messages:
        try:
            found = await pull.fetch(min(32, messages - came), timeout=1)
        except TimeoutError:
            continue
        for message in found:
            now_ns = time.monotonic_ns()
            first_ns = first_ns or now_ns
            if len(latencies_us) < 20_000:
                latencies_us.append((now_ns - int.from_bytes(message.data[:8], "little")) / 1e3)
            came += 1
            await message.ack()
    await client.flush()
    results.put((came, (now_ns - first_ns) / 1e9, latencies_us))
    await client.close()


# --- all of it ----------------------------------------------------------------------------------


@dataclass
class Cell:
    """Something that is measured, once a round."""

    label: str
    measure: Callable[[Server, Path], dict[str, float]]
    runs: list[dict[str, float]] = field(default_factory=list)


def cells(share: float) -> list[Cell]:
    """Return all cells, with a share of their events."""
    found = []
    for shape in SHAPES.values():
        count = max(100, int(shape.count * share))
        part = Shape(shape.name, shape.length, shape.slots, count, shape.per_message)
        single = min(count, 20_000) if shape.name == "40B" else count
        slow = Shape(shape.name, shape.length, shape.slots, max(50, int(1000 * share)), 1)
        found += [
            Cell(
                f"{shape.name}, shared memory",
                lambda s, p, a=part: chain(a, s, p, hosts=False),
            ),
            Cell(f"{shape.name}, chain", lambda s, p, a=part: chain(a, s, p, hosts=True)),
            Cell(
                f"{shape.name}, plain client, same messages",
                lambda s, p, a=part: plain(a, s, p, per_message=a.per_message, count=a.count),
            ),
            Cell(
                f"{shape.name}, plain client, one event a message",
                lambda s, p, a=part, n=single: plain(a, s, p, per_message=1, count=n),
            ),
            Cell(
                f"{shape.name}, 200 events/s, chain",
                lambda s, p, a=slow: chain(a, s, p, hosts=True, pause_s=0.005),
            ),
            Cell(
                f"{shape.name}, 200 events/s, plain client",
                lambda s, p, a=slow: plain(a, s, p, per_message=1, count=a.count, pause_s=0.005),
            ),
        ]
    return found


COLUMNS = ("rate_hz", "p50_ms", "p99_ms", "server_us", "server_mb")


def table(measured: list[Cell]) -> Iterator[str]:
    """Yield the lines of the table: medians over the rounds."""
    yield (
        "| | events/s | range | p50 ms | p99 ms | server, µs of processor time an event"
        " | server, MB |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for cell in measured:
        if not cell.runs:
            continue
        medians = {
            name: statistics.median(run[name] for run in cell.runs if name in run)
            for name in COLUMNS
            if any(name in run for run in cell.runs)
        }
        rates = sorted(run["rate_hz"] for run in cell.runs)
        row = [f"{medians[name]:.4g}" if name in medians else "" for name in COLUMNS]
        row.insert(1, f"{rates[0]:.4g} – {rates[-1]:.4g}")
        yield f"| {cell.label} | {' | '.join(row)} |"


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--only", default="", help="cells whose label contains this")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the events")
    parser.add_argument("--place", type=Path, help="where the server and the outbox write")
    chosen = parser.parse_args()
    chosen_cells = [
        cell for cell in cells(0.01 if chosen.quick else 1.0) if chosen.only in cell.label
    ]
    before = load()
    with tempfile.TemporaryDirectory(prefix="mimocorb-engine-", dir=chosen.place) as name:
        server = Server(Path(name) / "engine")
        with server.server:
            for number in range(chosen.runs):
                for index, cell in enumerate(chosen_cells):
                    place = Path(name) / f"run{number}cell{index}"
                    place.mkdir()
                    cell.runs.append(cell.measure(server, place))
                    print(cell.label, cell.runs[-1], file=sys.stderr)
    about = describe(None, None)
    print(f"{about['processor']}; {about['commit']}; {server.server.program}")
    print(f"load before {before}, after {load()}; pid {os.getpid()}\n")
    print("\n".join(table(chosen_cells)))


if __name__ == "__main__":
    main()
