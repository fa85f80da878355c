"""Take the pictures of the page of a run that README and documentation show.

    python tools/draw_page.py [DIRECTORY]

Runs the muon example and one that fails, opens their pages in Chromium, and writes `web-*.png` into
the directory (docs/images). Look at them before they go into the repository.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests/web"))

from chromium import Browser, Page  # noqa: E402 - of the tests

MIMOCORB = [sys.executable, "-m", "mimocorb.cli"]
FRAMES = "Number(document.getElementById('scope-plot').dataset.frames ?? 0)"
PLOT = "window.mimocorbPage.parts.scope.plot"
HISTOGRAM = "window.mimocorbPage.parts.histograms.plot"


def main() -> int:
    """Take all pictures."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs/images")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, Browser() as browser:
        project = Path(place, "muons")
        subprocess.run([*MIMOCORB, "new", str(project)], check=True, stdout=subprocess.DEVNULL)
        setup = prepared(project)
        with page_of(project, setup) as link:
            of_the_muons(browser, link, target)
        with page_of(project, failing(project)) as link:
            page = browser.open(link, 1280, 820)
            page.waits("document.getElementById('trouble-list').children.length > 0")
            time.sleep(4)
            page.picture(target / "web-failing.png")
    for path in sorted(target.glob("web-*.png")):
        print(f"{path}: {path.stat().st_size // 1024} kB")
    return 0


def prepared(project: Path) -> Path:
    """Return the set-up of the muon example with a map, and without its own end."""
    content = yaml.safe_load((project / "setup.yaml").read_text())
    content.pop("stop_when")
    content["runevents"] = 20000
    content["Workers"]["muons"]["config"]["events"] = 100000
    content["Workers"] |= {
        "decay_times": {
            "function": "histogram",
            "sources": ["decays"],
            "config": {"x": "decay_time_ns", "x_bins": 60, "x_from": 0, "x_to": 12000},
        },
        "height_and_time": {
            "function": "histogram",
            "sources": ["decays"],
            "config": {
                **{"x": "decay_time_ns", "x_bins": 40, "x_from": 0, "x_to": 8000},
                **{"y": "electron_height_mV", "y_bins": 30, "y_from": 0, "y_to": 80},
            },
        },
    }
    path = project / "muons.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def failing(project: Path) -> Path:
    """Return a set-up whose filter fails now and then, and whose source falls silent."""
    content = yaml.safe_load((project / "muons.yaml").read_text())
    code = "import os\n\nimport mimocorb as mc\n\n\n@mc.sink\ndef fragile(events):\n"
    code += '    """Fail at the hundredth event."""\n'
    code += "    if len(events) and events.flat[-1]['decay_time_ns'] > 6000:\n"
    code += "        os.abort()\n"
    (project / "fragile.py").write_text(code)
    content["Workers"]["fragile"] = {
        "file": "fragile.py",
        "function": "fragile",
        "sources": ["decays"],
        "on_failure": "restart",
    }
    path = project / "failing.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@contextmanager
def page_of(project: Path, setup: Path) -> Iterator[str]:
    """Run a set-up and give the link of its page."""
    command = [*MIMOCORB, "run", setup.name, "--web", "--quiet", "--no-keyboard"]
    run = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    try:
        for line in run.stdout:
            found = re.search(r"to steer: +(\S+)", line)
            if found:
                yield found[1]
                break
    finally:
        run.terminate()
        run.wait(60)
        run.stdout.close()


def of_the_muons(browser: Browser, link: str, target: Path) -> None:
    """Take the pictures of a run that goes well."""
    page = browser.open(link, 1280, 820)
    page.waits("document.getElementById('state').textContent === 'running'")
    time.sleep(25)
    page.picture(target / "web-run.png")
    page.click("theme")
    time.sleep(0.5)
    page.picture(target / "web-run-dark.png")
    page.click("theme")
    page.click("tab-scope")
    page.waits(f"{FRAMES} > 10")
    show_two_pulses(page)
    page.picture(target / "web-scope.png")
    page.click("tab-histograms")
    page.waits(f"{HISTOGRAM}.series.length === 2")
    page.picture(target / "web-histogram.png")
    page("document.getElementById('histogram-name').value = 'height_and_time'")
    page("document.getElementById('histogram-name').dispatchEvent(new Event('change'))")
    page.waits(f"{HISTOGRAM}.series[0]?.kind === 'map'")
    page.picture(target / "web-map.png")
    page.click("tab-runs")
    page.waits("document.getElementById('next-fields').children.length > 0")
    page.picture(target / "web-runs.png")
    page.close()
    phone = browser.open(link, 390, 844, ratio=2, touch=True, dark=True)
    phone.waits("document.getElementById('buffers').tBodies[0].rows.length === 2")
    phone.picture(target / "web-phone.png")
    phone.click("tab-scope")
    phone.waits(f"{FRAMES} > 10")
    phone.picture(target / "web-phone-scope.png")
    phone.close()


def show_two_pulses(page: Page) -> None:
    """Hold an event with a decay that is easy to see, and put the cursors on its pulses."""
    wave = f"{PLOT}.series[0].values"
    late = f"{wave}.findIndex((value, n) => value > 25 && n > 300)"
    good = f"({late}) > 0 && ({late}) < {wave}.length / 2"
    while True:
        page.waits(good)
        page.click("scope-hold")
        if page(good):  # it may have been the next one that is held
            break
        page.click("scope-hold")
    page.click("scope-cursors")
    page.waits(f"{PLOT}.series[0].width === 0")
    page(
        f"(() => {{ const s = {PLOT}.series[0], at = (n) => s.x0 + n * s.dx;"
        "const first = s.values.findIndex((v) => v > 25);"
        "const second = s.values.findIndex((v, n) => v > 25 && n > first + 20);"
        f"if (second > 0) [first, second].forEach((n, which) => {PLOT}.setCursor(which, at(n)));"
        "})()"
    )


if __name__ == "__main__":
    sys.exit(main())
