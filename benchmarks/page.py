"""What open pages cost a run: its rate with 4 viewers, and without; and what they cost themselves.

python benchmarks/page.py [--pairs 15] [--seconds 4] [--viewers 4]

A source and a sink move events of 136 kB (4 channels of 4250 samples) as fast as they can: on a
machine of two cores both are busy. A gateway with viewers is started and ended again and again;
printed is the median ratio of neighbours. Viewers take frames of the scope and the status as a page
does, in a process of low priority.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

import mimocorb

FUNCTIONS = """
import numpy as np
import mimocorb as mc

@mc.source
def flood(*, number_of_samples: int):
    event = [np.sin(np.arange(number_of_samples) / (50.0 + n)) * 100.0 for n in range(4)]
    while True:
        yield event
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--viewers", type=int, default=4)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run = start_run(Path(place))
        try:
            measure(Path(place), chosen)
        finally:
            run.terminate()
            run.wait()
    return 0


def start_run(place: Path) -> subprocess.Popen[bytes]:
    fields = dict.fromkeys(("chA", "chB", "chC", "chD"), "float64")
    setup = {
        "Buffers": {"raw": {"slot_count": 128, "data_length": 4250, "data_dtype": fields}},
        "Workers": {
            "source": {"file": "flood.py", "function": "flood", "sinks": ["raw"]},
            "sink": {"function": "drain", "sources": ["raw"]},
        },
    }
    (place / "flood.py").write_text(FUNCTIONS)
    (place / "flood.yaml").write_text(yaml.safe_dump(setup))
    command = [sys.executable, "-m", "mimocorb.cli", "run", "flood.yaml", "--quiet"]
    run = subprocess.Popen([*command, "--output", "runs"], cwd=place, stdout=subprocess.DEVNULL)
    while not list(place.glob("runs/*/control.json")):
        time.sleep(0.1)
    time.sleep(2.0)
    return run


def measure(place: Path, chosen: argparse.Namespace) -> None:
    (directory,) = (note.parent for note in place.glob("runs/*/control.json"))
    ratios, plain, frames, ages, busy, memory = [], [], 0, [], [], []
    with mimocorb.connect(directory) as run:
        for _ in range(chosen.pairs):
            without_hz = rate_hz(run, chosen.seconds)
            gateway, viewers, counted = start_viewers(directory, chosen.viewers)
            began_s = processor_s(gateway.pid)
            with_hz = rate_hz(run, chosen.seconds)
            busy.append((processor_s(gateway.pid) - began_s) / chosen.seconds)
            memory.append(memory_mb(gateway.pid))
            viewers.terminate()
            viewers.join()
            gateway.terminate()
            gateway.wait()
            frames += counted["frames"].value
            ages += [age for age in counted["ages"][:] if age > 0]
            ratios.append(with_hz / without_hz)
            plain.append(without_hz)
            time.sleep(0.3)
    ages.sort()
    seconds = chosen.pairs * chosen.seconds * chosen.viewers
    print(
        f"{statistics.median(plain):.0f} events/s without; with {chosen.viewers} viewers / without:"
        f" median {statistics.median(ratios):.3f} of {len(ratios)} pairs"
        f" ({min(ratios):.3f} to {max(ratios):.3f})\n"
        f"{frames / seconds:.1f} frames/s for each viewer; gateway"
        f" {100 * statistics.median(busy):.1f} % of a core, {statistics.median(memory):.0f} MB"
    )
    if ages:
        middle, late = (1000 * ages[int(part * (len(ages) - 1))] for part in (0.5, 0.95))
        print(f"from event to viewer: {middle:.0f} ms (median), {late:.0f} ms (95 %)")


def rate_hz(run: mimocorb.run.remote.client.RunClient, seconds: float) -> float:
    first, began_s = run.status().buffers["raw"].published, time.monotonic()
    time.sleep(seconds)
    last, ended_s = run.status().buffers["raw"].published, time.monotonic()
    return (last - first) / (ended_s - began_s)


def start_viewers(directory: Path, number: int):
    """Start a gateway and a process of viewers; returns when all have seen a frame."""
    command = [sys.executable, "-m", "mimocorb.cli", "web", str(directory)]
    gateway = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert gateway.stdout is not None
    lines = [gateway.stdout.readline() for _ in range(3)]
    address, token = re.search(r"http://(\S+?)/#(\w+)", lines[2]).groups()
    counted = {
        "frames": multiprocessing.Value("q", 0),
        "ages": multiprocessing.Array("d", 4000),
    }
    arguments = (address, token, number, counted)
    process = multiprocessing.Process(target=view, args=arguments, daemon=True)
    process.start()
    while counted["frames"].value < number:
        time.sleep(0.05)
    counted["frames"].value = 0
    return gateway, process, counted


def view(address: str, token: str, number: int, counted: dict) -> None:
    os.nice(15)  # as a display on the same machine should be

    async def all_of_them() -> None:
        await asyncio.gather(*(one_page(address, token, counted) for _ in range(number)))

    asyncio.run(all_of_them())


async def one_page(address: str, token: str, counted: dict) -> None:
    from websockets.asyncio.client import connect

    protocols = ["mimocorb", f"token.{token}"]
    patient = {"max_size": None, "open_timeout": None}
    async with connect(f"ws://{address}/socket", subprotocols=protocols, **patient) as socket:
        await socket.send(json.dumps({"watch": "raw", "columns": 1200}))
        async for message in socket:
            if isinstance(message, bytes):
                size = int.from_bytes(message[:4], "little")
                age_s = time.time() - json.loads(message[4 : 4 + size])["published_s"]
                counted["ages"][counted["frames"].value % 4000] = age_s
                counted["frames"].value += 1
                await socket.send('{"drawn": 1}')


def processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return what is in use, with what is shared."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
