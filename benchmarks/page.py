"""What open pages cost a run, what they cost themselves, and how old what they show is.

python benchmarks/page.py [--pairs 15] [--seconds 4] [--viewers 0 4 8]
python benchmarks/page.py --browser [--seconds 20]
python benchmarks/page.py --hour

A source and a sink move events of 136 kB (4 channels of 4250 samples) as fast as they can: on a
machine of two cores both are busy. A gateway with so many viewers is started and ended again and
again; printed is the median ratio of neighbours. Viewers take frames of the scope and the status as
a page does, in a process of low priority.

``--browser`` opens the page in Chromium instead, of a run with 100 events/s and of one that is as
fast as it can: the time from the publishing of an event to the end of its drawing, frames, and
processor time of browser and gateway. ``--hour`` gives four viewers the 72 000 frames of an hour
each, as fast as they take them, and says what the gateway has in memory before and behind.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

import mimocorb

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/web"))

from chromium import Browser, processor_of  # noqa: E402

FUNCTIONS = """
import time

import numpy as np
import mimocorb as mc

@mc.source
def flood(*, number_of_samples: int, pause_s: float = 0.0):
    event = [np.sin(np.arange(number_of_samples) / (50.0 + n)) * 100.0 for n in range(4)]
    while True:
        if pause_s:
            time.sleep(pause_s)
        yield event
"""
FRAMES_OF_AN_HOUR = 72_000


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--viewers", type=int, nargs="*", default=[0, 4, 8])
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--hour", action="store_true")
    chosen = parser.parse_args()
    if chosen.browser:
        for pause_s in (0.01, 0.0):
            with running(pause_s) as directory:
                in_browser(directory, pause_s, chosen.seconds)
    else:
        # Memory does not depend on the rate: a source that leaves the processor to the viewers.
        with running(0.001 if chosen.hour else 0.0) as directory:
            if chosen.hour:
                an_hour(directory)
            else:
                for viewers in chosen.viewers:
                    measure(directory, viewers, chosen.pairs, chosen.seconds)
    return 0


@contextmanager
def running(pause_s: float = 0.0) -> Iterator[Path]:
    """Start a run; gives its directory."""
    with tempfile.TemporaryDirectory() as place:
        run = start_run(Path(place), pause_s)
        try:
            (directory,) = (note.parent for note in Path(place).glob("runs/*/control.json"))
            yield directory
        finally:
            run.terminate()
            run.wait()


def start_run(place: Path, pause_s: float) -> subprocess.Popen[bytes]:
    fields = dict.fromkeys(("chA", "chB", "chC", "chD"), "float64")
    setup = {
        "Buffers": {"raw": {"slot_count": 128, "data_length": 4250, "data_dtype": fields}},
        "Workers": {
            "source": {
                **{"file": "flood.py", "function": "flood", "sinks": ["raw"]},
                "config": {"pause_s": pause_s},
            },
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


def measure(directory: Path, number: int, pairs: int, duration_s: float) -> None:
    ratios, plain, frames, ages, busy, memory = [], [], 0, [], [], []
    with mimocorb.connect(directory) as run:
        for _ in range(pairs):
            without_hz = rate_hz(run, duration_s)
            gateway, viewers, counted = start_viewers(directory, number)
            began_s = processor_s(gateway.pid)
            with_hz = rate_hz(run, duration_s)
            busy.append((processor_s(gateway.pid) - began_s) / duration_s)
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
    seconds = pairs * duration_s * max(1, number)
    print(
        f"{statistics.median(plain):.0f} events/s without; with {number} viewers / without:"
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


def start_gateway(directory: Path, *, frame_s: float | None = None):
    """Start a gateway; returns it, its address and the viewers' and the operator's token."""
    code = f"import sys; from mimocorb.cli import main; sys.exit(main(['web', {str(directory)!r}]))"
    if frame_s is not None:
        code = f"import mimocorb.web.buffer_watch as watch; watch.FRAME_S = {frame_s}; {code}"
    gateway = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert gateway.stdout is not None
    lines = [gateway.stdout.readline() for _ in range(3)]
    (address, steer), (_, look) = (
        re.search(r"http://(\S+?)/#(\w+)", line).groups() for line in lines[1:]
    )
    return gateway, address, look, steer


def start_viewers(directory: Path, number: int, *, frame_s: float | None = None):
    """Start a gateway and a process of viewers; returns when all have seen a frame."""
    gateway, address, token, _ = start_gateway(directory, frame_s=frame_s)
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


def in_browser(directory: Path, pause_s: float, seconds: float) -> None:
    gateway, address, _, token = start_gateway(directory)
    with Browser() as browser:
        page = browser.open(f"http://{address}/#{token}", 1280, 800)
        page.click("tab-scope")
        page.waits("window.mimocorbPage.parts.scope.drawn > 20")
        page("window.mimocorbPage.parts.scope.latencies.length = 0")
        first, began_s = page("window.mimocorbPage.parts.scope.drawn"), time.monotonic()
        used_s = processor_s(gateway.pid), processor_of(browser)
        time.sleep(seconds)
        drawn = page("window.mimocorbPage.parts.scope.drawn") - first
        took_s = time.monotonic() - began_s
        busy = (
            (processor_s(gateway.pid) - used_s[0]) / took_s,
            (processor_of(browser) - used_s[1]) / took_s,
        )
        middle, late = (
            1000 * page(f"window.mimocorbPage.parts.scope.latency({part})") for part in (0.5, 0.95)
        )
        what = f"{1 / pause_s:.0f} events/s" if pause_s else "as fast as it can"
        print(
            f"{what}: {drawn / took_s:.1f} frames/s in the browser; from event to screen"
            f" {middle:.0f} ms (median), {late:.0f} ms (95 %); gateway {100 * busy[0]:.1f} %,"
            f" browser {100 * busy[1]:.0f} % of a core"
        )
    gateway.terminate()
    gateway.wait()


def an_hour(directory: Path) -> None:
    gateway, viewers, counted = start_viewers(directory, 4, frame_s=0.0)
    began_mb, began_s = memory_mb(gateway.pid), time.monotonic()
    wanted = 4 * FRAMES_OF_AN_HOUR
    while counted["frames"].value < wanted and viewers.is_alive():
        time.sleep(5)
        seen = counted["frames"].value
        print(f"{seen} frames, {memory_mb(gateway.pid):.0f} MB", file=sys.stderr, flush=True)
    print(
        f"{counted['frames'].value} frames for 4 viewers in {time.monotonic() - began_s:.0f} s:"
        f" gateway {began_mb:.0f} MB before, {memory_mb(gateway.pid):.0f} MB behind"
    )
    viewers.terminate()
    viewers.join()
    gateway.terminate()
    gateway.wait()


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
