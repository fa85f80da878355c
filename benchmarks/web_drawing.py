"""How fast the page draws a scope, beside uPlot and Bokeh: frames/s, processor of the browser.

python benchmarks/web_drawing.py [--seconds 6] [--ratios 1 2 3] [--load 0 4] [--pictures DIRECTORY]

Chromium draws 20 frames a second of 4 curves with 2000 points, as the gateway sends them, with the
page's own module, with uPlot 1.6 and with Bokeh 3, at each pixel ratio and with so many other
processes that compute. npm fetches uPlot and pip Bokeh into a temporary directory: both are needed
here only. With ``--pictures`` a drawing of each is written at each ratio, to be looked at side by
side.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/web"))

from chromium import Browser, processor_of  # noqa: E402

UPLOT = "uplot@1.6.32"
BOKEH = "bokeh==3.9.2"
NAMES = ("own", "uPlot", "Bokeh")
STATIC = ROOT / "src/mimocorb/web/static"

PAGE = """<!doctype html><html data-theme="light"><meta charset="utf-8">
<link rel="stylesheet" href="style.css"><link rel="stylesheet" href="uPlot.min.css"><body>
<div id="box" style="width:1200px;height:600px"></div>
<script src="uPlot.iife.min.js"></script>
<script src="bokeh.min.js"></script><script src="bokeh-api.min.js"></script>
<script type="module" src="compared.js"></script></html>"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--ratios", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--load", type=int, nargs="*", default=[0, 4])
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        address = served(Path(place))
        print("| load | ratio | drawn by | frames/s | core, % | ms a drawing |")
        print("|---|---|---|---|---|---|")
        for load in chosen.load:
            with computing(load):
                for ratio in chosen.ratios:
                    for name in NAMES:
                        frames, busy, took_ms = measured(address, name, ratio, chosen.seconds)
                        took = "" if name == "Bokeh" else f"{took_ms:.1f}"
                        row = (load, ratio, name, f"{frames:.1f}", f"{100 * busy:.0f}", took)
                        print(f"| {' | '.join(map(str, row))} |", flush=True)
        sizes = {path.name: path.stat().st_size for path in STATIC.iterdir()}
        drawing = sum(sizes[f"{name}.js"] for name in ("plot", "axes", "drawing", "gestures"))
        print(
            f"the whole page: {sum(sizes.values()) / 1000:.0f} kB in {len(sizes)} files, of these "
            f"{drawing / 1000:.0f} kB for drawing"
        )
        if chosen.pictures:
            pictures(address, chosen.pictures, chosen.ratios)
    return 0


@contextmanager
def computing(number: int) -> Iterator[None]:
    """Keep so many other processes busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def served(place: Path) -> str:
    """Fetch uPlot and Bokeh and serve a page with all three; returns the address."""
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", UPLOT]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", "py", BOKEH]
    for command in (npm, pip):
        subprocess.run(command, cwd=place, check=True)
    others = (
        *(place / "node_modules/uplot/dist").glob("uPlot*min*"),
        *(place / "py/bokeh/server/static/js").glob("bokeh*.min.js"),
    )
    for path in (*STATIC.glob("*"), *others):
        shutil.copy(path, place)
    (place / "compared.html").write_text(PAGE)
    shutil.copy(Path(__file__).with_suffix(".js"), place / "compared.js")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(place))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/compared.html"


def measured(address: str, name: str, ratio: int, seconds: float) -> tuple[float, float, float]:
    """Return frames per second, the part of a core that the browser uses, and ms for a drawing."""
    with Browser() as browser:
        page = browser.open(f"{address}#{name}", 1240, 700, ratio=ratio)
        page.waits("window.drawn > 20")
        page("window.took.length = 0")
        frames, began_s, used_s = page("window.drawn"), time.monotonic(), processor_of(browser)
        time.sleep(seconds)
        drawn, used_s = page("window.drawn") - frames, processor_of(browser) - used_s
        took_s = time.monotonic() - began_s
        return drawn / took_s, used_s / took_s, statistics.median(page("window.took"))


def pictures(address: str, directory: Path, ratios: Sequence[int]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        for ratio in ratios:
            for name in NAMES:
                page = browser.open(f"{address}#{name}", 1240, 640, ratio=ratio)
                page.waits("window.drawn > 3")
                page.picture(directory / f"{name}-{ratio}.png")
                page.close()


if __name__ == "__main__":
    sys.exit(main())
