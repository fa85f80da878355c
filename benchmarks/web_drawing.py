"""How fast the page draws a scope, beside uPlot: frames, and processor time of the browser.

python benchmarks/web_drawing.py [--seconds 10] [--repeats 3] [--pictures DIRECTORY]

Chromium draws 20 frames a second of 4 curves with 2000 points, as the gateway sends them, once with
the page's own module and once with uPlot 1.6, which npm fetches into a temporary directory. With
``--pictures`` both are written at the pixel ratios 1, 2 and 3, to be looked at side by side.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/web"))

from chromium import Browser, Page  # noqa: E402

UPLOT = "uplot@1.6.32"
STATIC = ROOT / "src/mimocorb/web/static"

PAGE = """<!doctype html><html data-theme="light"><link rel="stylesheet" href="style.css">
<link rel="stylesheet" href="uPlot.min.css"><body>
<div id="box" style="width:1200px;height:600px"></div>
<script src="uPlot.iife.min.js"></script><script type="module" src="drawing.js"></script></html>"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        address = served(Path(place))
        found: dict[str, list[tuple[float, float]]] = {"own": [], "uPlot": []}
        for _ in range(chosen.repeats):
            for name, results in found.items():
                with Browser() as browser:
                    page = browser.open(f"{address}#{name}", 1240, 700)
                    results.append(measured(browser, page, chosen.seconds))
        for name, results in found.items():
            frames, busy = (statistics.median(each) for each in zip(*results, strict=True))
            print(f"{name:6} {frames:5.1f} frames/s, browser {100 * busy:5.1f} % of a core")
        sizes = {path.name: path.stat().st_size for path in STATIC.iterdir()}
        print(
            f"the whole page: {sum(sizes.values()) / 1000:.0f} kB in {len(sizes)} files, of these "
            f"plot.js {sizes['plot.js'] / 1000:.0f} kB"
        )
        if chosen.pictures:
            pictures(address, chosen.pictures)
    return 0


def served(place: Path) -> str:
    """Fetch uPlot and serve both pages; returns the address."""
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", UPLOT]
    subprocess.run(command, cwd=place, check=True)
    for path in (*STATIC.glob("*"), *(place / "node_modules/uplot/dist").glob("uPlot*min*")):
        shutil.copy(path, place)
    (place / "drawing.html").write_text(PAGE)
    shutil.copy(Path(__file__).with_suffix(".js"), place / "drawing.js")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(place))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/drawing.html"


def measured(browser: Browser, page: Page, seconds: float) -> tuple[float, float]:
    """Return frames per second, and the part of a core that all processes of the browser use."""
    page.waits("window.drawn > 20")
    frames, began_s, used_s = page("window.drawn"), time.monotonic(), processor_s(browser)
    time.sleep(seconds)
    drawn, used_s = page("window.drawn") - frames, processor_s(browser) - used_s
    took_s = time.monotonic() - began_s
    return drawn / took_s, used_s / took_s


def processor_s(browser: Browser) -> float:
    """Return the processor time of the browser and all its processes, in s."""
    parents, used = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(place.name)] = int(fields[1])
        used[int(place.name)] = int(fields[11]) + int(fields[12])

    def belongs(pid: int) -> bool:
        while pid > 1:
            if pid == browser.process.pid:
                return True
            pid = parents.get(pid, 0)
        return False

    return sum(ticks for pid, ticks in used.items() if belongs(pid)) / os.sysconf("SC_CLK_TCK")


def pictures(address: str, directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        for ratio in (1, 2, 3):
            for name in ("own", "uPlot"):
                page = browser.open(f"{address}#{name}", 1240, 640, ratio=ratio)
                page.waits("window.drawn > 3")
                page.picture(directory / f"{name}-{ratio}.png")
                page.close()


if __name__ == "__main__":
    sys.exit(main())
