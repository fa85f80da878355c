"""Chromium, driven over its DevTools protocol: what a user does, and what the page shows."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import connect

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--lang=en-US",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)
WATCHDOG_S = 60.0
AGAIN_S = 10.0
LOOK_S = 0.05


def chromium() -> str | None:
    """Return the path of the browser; None if there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A browser of its own, with an empty profile."""

    def __init__(self) -> None:
        program = chromium()
        assert program is not None, "there is no Chromium: apt-get install chromium"
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={self._profile.name}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        note = Path(self._profile.name, "DevToolsActivePort")
        wait_for(lambda: note.exists() and note.read_text().count("\n"), "Chromium to listen")
        self.port = int(note.read_text().split("\n")[0])

    def open(self, address: str, width: int = 1000, height: int = 640, **more: Any) -> Page:
        """Open a page in a tab of its own, in a window of this size."""
        with urlopen(f"http://127.0.0.1:{self.port}/json/version") as answer:
            whole = json.load(answer)["webSocketDebuggerUrl"]
        with connect(whole, max_size=None) as link:
            link.send(json.dumps({"id": 1, "method": "Target.createBrowserContext", "params": {}}))
            context = json.loads(link.recv())["result"]["browserContextId"]
            wanted = {"url": "about:blank", "browserContextId": context}
            link.send(json.dumps({"id": 2, "method": "Target.createTarget", "params": wanted}))
            target = _answer(link, 2)["targetId"]
        page = Page(f"ws://127.0.0.1:{self.port}/devtools/page/{target}")
        page.resize(width, height, **more)
        page.go(address)
        return page

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._profile.cleanup()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def processor_of(browser: Browser) -> float:
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


def _answer(link: Any, number: int) -> Any:
    while True:
        found = json.loads(link.recv(timeout=WATCHDOG_S))
        if found.get("id") == number:
            if "error" in found:
                raise RuntimeError(found["error"])
            return found["result"]


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until something is so; returns what the condition returned."""
    deadline_s = time.monotonic() + WATCHDOG_S
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline_s:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(LOOK_S)


class Page:
    """One tab."""

    def __init__(self, address: str) -> None:
        self._open = ExitStack()
        self._link = self._open.enter_context(connect(address, max_size=None))
        self._number = 0
        self.complaints: list[str] = []
        """What the page has written to its console, and errors in it."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol."""
        self._number += 1
        self._link.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            found = json.loads(self._link.recv(timeout=WATCHDOG_S))
            if found.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self._complained(found["params"])
            if found.get("id") == self._number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]

    def _complained(self, params: dict[str, Any]) -> None:
        if "entry" in params and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        if "exceptionDetails" in params:
            details = params["exceptionDetails"]
            said = details.get("exception", {}).get("description", details["text"])
            self.complaints.append(said)

    def resize(
        self, width: int, height: int, *, ratio: float = 1, touch: bool = False, dark: bool = False
    ) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=touch,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        wait_for(lambda: self("document.readyState") == "complete", f"{address} to be loaded")

    def __call__(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def text(self, name: str) -> str:
        """Return the text of an element by its id."""
        return str(self(f"document.getElementById({name!r})?.innerText ?? ''"))

    def waits(self, expression: str, what: str = "") -> Any:
        """Wait until an expression is true in the page; returns its value.

        While a page is being loaded, what the expression names may not be there yet.
        """

        def value() -> Any:
            with suppress(RuntimeError):
                return self(expression)

        return wait_for(value, what or expression)

    def place(self, name: str) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an element."""
        box = self(
            f"(() => {{ const e = document.getElementById({name!r});"
            "e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height] })()"
        )
        return tuple(box)

    def click(self, name: str) -> None:
        left, top, width, height = self.place(name)
        self.mouse("mousePressed", left + width / 2, top + height / 2)
        self.mouse("mouseReleased", left + width / 2, top + height / 2)

    def clicks_until(self, name: str, condition: str, again_s: float = AGAIN_S) -> None:
        """Click as a person does: again when nothing comes of it, as the button may have moved."""

        def clicked() -> bool:
            self.click(name)
            deadline_s = time.monotonic() + again_s
            while not (found := bool(self(condition))) and time.monotonic() < deadline_s:
                time.sleep(LOOK_S)
            return found

        wait_for(clicked, condition)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        pressed = {"button": "left", "clickCount": 1} if kind != "mouseWheel" else {}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float], **more: Any) -> None:
        self.mouse("mousePressed", *start, **more)
        for part in (0.3, 0.7, 1.0):
            x, y = (a + part * (b - a) for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, buttons=1, **more)
        self.mouse("mouseReleased", *end, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        given = [{"x": x, "y": y, "id": n} for n, (x, y) in enumerate(points)]
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=given)

    def key(self, key: str) -> None:
        text = key if len(key) == 1 else ""
        code = {"Escape": 27}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=text, windowsVirtualKeyCode=code
            )

    def picture(self, path: Path | None = None) -> bytes:
        """Return a PNG of what is seen, and write it."""
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(png)
        return png

    def close(self) -> None:
        """Close the tab: one that stays open goes on drawing, and slows all the others."""
        with self._open:
            self.call("Page.close")
