"""What the gateway does all the time: ask the run how it is, and give each viewer what is new."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket

from mimocorb._json import to_json
from mimocorb.errors import MimocorbError, RunUnreachable
from mimocorb.web.buffer_watch import BufferWatch
from mimocorb.web.frames import MOST_COLUMNS, SeenEvent, encoded
from mimocorb.web.guard import SUBPROTOCOL
from mimocorb.web.history import History
from mimocorb.web.shown_run import EndedRun, LiveRun, ShownRun
from mimocorb.web.tokens import Tokens
from mimocorb.web.viewers import Viewer

__all__ = ["Gateway"]

WITH_VIEWERS_S = 0.5
ALONE_S = 2.0
AFTER_THE_END_S = 5.0
MOST_VIEWERS = 64
GRACE_S = 30.0
"""Time for a page to be loaded again, before the gateway of a run that is over ends."""


class Gateway:
    """Knows the run and everybody who looks.

    Parameters
    ----------
    shown
        The run.
    tokens
        For who may look and who may steer.
    launcher
        A thread of usual priority, in which the next run is started.
    """

    def __init__(self, shown: ShownRun, tokens: Tokens, launcher: ThreadPoolExecutor) -> None:
        self.shown = shown
        shown.publish = self._publish
        self.tokens = tokens
        self.launcher = launcher
        self.picture: dict[str, Any] = {}
        self.log: list[dict[str, Any]] = []
        self.history = History()
        self.frames_sent = 0
        self.viewers: set[Viewer] = set()
        self.leave_when_alone: Callable[[], None] | None = None
        """Called when the run is over and nobody has looked for a while; None: not at all."""
        self._last_viewer_s: float | None = None
        self._log_text = ""
        self._about_text = ""
        self._ask_now = asyncio.Event()
        self._watched: dict[str, BufferWatch] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- the run

    async def follow_run(self) -> None:
        """Ask for the status of the run for ever."""
        self._loop = asyncio.get_running_loop()
        await self.ask()
        # Now, and not when somebody looks: while a library is imported, nothing else is done.
        await asyncio.to_thread(import_module, "boost_histogram")
        while True:
            await self.ask()
            period_s = WITH_VIEWERS_S if self.viewers else ALONE_S
            if self.picture.get("ended"):
                period_s = AFTER_THE_END_S
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ask_now.wait(), period_s)
            self._ask_now.clear()
            self._leave_if_alone()

    def _leave_if_alone(self) -> None:
        if self.leave_when_alone is None or self.viewers or not self.picture.get("ended"):
            return
        left_s = self._last_viewer_s
        if left_s is None or time.monotonic() - left_s > GRACE_S:
            self.leave_when_alone()

    async def ask(self) -> None:
        """Ask the run how it is, and tell all viewers."""
        shown = self.shown
        try:
            picture, log = await asyncio.to_thread(shown.look)
        except RunUnreachable as error:
            self.picture = self.picture | {"unreachable": str(error)}
            with suppress(MimocorbError):  # it may have ended, or been killed
                ended = await asyncio.to_thread(EndedRun, shown.directory)
                self.switch_to(ended)
                return
        else:
            if shown is not self.shown:
                return
            self.picture, self.log = picture, log
            if not picture["ended"]:
                self.history.add(picture)
        self._tell_all()

    def _tell_all(self) -> None:
        text = _message("picture", self.picture)
        log = _message("log", self.log)
        for viewer in self.viewers:
            viewer.tell_text("picture", text)
            if log != self._log_text:
                viewer.tell_text("log", log)
            self._tell_history(viewer)
        self._log_text = log

    def _tell_history(self, viewer: Viewer) -> None:
        history = self.history
        again = viewer.history_interval_s != history.interval_s
        new = history.since(0.0 if again else viewer.history_s)
        if new["times_s"]:
            viewer.tell("history" if again else "more_history", new)
            viewer.history_s = new["times_s"][-1]
            viewer.history_interval_s = history.interval_s

    def ask_soon(self) -> None:
        """Ask the run at once: something has changed."""
        self._ask_now.set()

    def ask_soon_from_elsewhere(self) -> None:
        """As :meth:`ask_soon`, from another thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the gateway ends
                self._loop.call_soon_threadsafe(self.ask_soon)

    def switch_to(self, shown: ShownRun) -> None:
        """Show another run from now on."""
        before, self.shown = self.shown, shown
        shown.publish = self._publish
        self._watched.clear()
        self._about_text = ""
        if before.directory != shown.directory:
            self.history = History()
        asyncio.get_running_loop().run_in_executor(None, before.close)
        for viewer in self.viewers:
            viewer.look_at(None, viewer.columns, full=False)
            viewer.history_interval_s = 0.0
            viewer.tell_text("about", self._about())
        self._ask_now.set()

    async def follow_next(self, directory: Path) -> None:
        """Show the run in this directory as soon as it can be asked."""
        deadline_s = time.monotonic() + 30.0
        while True:
            try:
                self.switch_to(await asyncio.to_thread(LiveRun, str(directory)))
            except RunUnreachable:
                with suppress(MimocorbError):
                    self.switch_to(await asyncio.to_thread(EndedRun, directory))
                    return
                if time.monotonic() > deadline_s:
                    raise
                await asyncio.sleep(0.2)
            else:
                return

    def _about(self) -> str:
        if not self._about_text:
            self._about_text = _message("about", self.shown.about())
        return self._about_text

    # --- viewers

    async def serve(self, socket: WebSocket) -> None:
        """Serve one page until it is closed."""
        if len(self.viewers) >= MOST_VIEWERS:
            await socket.close(1013, f"there are {MOST_VIEWERS} viewers already")
            return
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        viewer = Viewer(socket, socket.state.right)
        viewer.tell_text("about", self._about())
        if self.picture:
            viewer.tell("picture", self.picture)
            viewer.tell("log", self.log)
            self._tell_history(viewer)
        self.viewers.add(viewer)
        self._ask_now.set()
        sender = asyncio.create_task(viewer.send_all())
        try:
            while (message := await viewer.hear()) is not None:
                await self._take(viewer, message)
        finally:
            self.viewers.discard(viewer)
            self._last_viewer_s = time.monotonic()
            sender.cancel()
            self._adjust_watches()

    async def _take(self, viewer: Viewer, message: dict[str, Any]) -> None:
        if "drawn" in message:
            viewer.drawn()
            return
        buffer = message.get("watch")
        columns = message.get("columns")
        columns = min(MOST_COLUMNS, columns) if isinstance(columns, int) and columns > 0 else 500
        known = self.shown.record.setup.get("Buffers", {})
        name = buffer if isinstance(buffer, str) and buffer in known else None
        viewer.look_at(name, columns, full=message.get("full") is True)
        await self._begin_watch(viewer)
        self._adjust_watches()

    async def _begin_watch(self, viewer: Viewer) -> None:
        """Have the buffer watched; of a run that is over, show the last event that was recorded."""
        name, shown = viewer.buffer, self.shown
        if name is None:
            return
        try:
            if name not in self._watched:
                watch = await asyncio.to_thread(shown.watch, name)
                if watch is not None and shown is self.shown:
                    self._watched[name] = watch
            event = await asyncio.to_thread(shown.event, name, None)
        except (MimocorbError, RuntimeError) as error:
            viewer.tell("trouble", {"buffer": name, "text": str(error)})
            return
        if viewer.buffer == name:
            viewer.show(encoded(event, 0 if viewer.full else viewer.columns))

    def _adjust_watches(self) -> None:
        for name, watch in self._watched.items():
            looking = [viewer for viewer in self.viewers if viewer.buffer == name]
            if looking:
                columns = max(viewer.columns for viewer in looking)
                watch.want(columns, full=any(viewer.full for viewer in looking))
            else:
                watch.rest()

    def _publish(self, event: SeenEvent, reduced: bytes, full: bytes | None) -> None:
        """Take a frame from the thread of a watch."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the gateway ends
                self._loop.call_soon_threadsafe(self._show, event.buffer, reduced, full)

    def _show(self, buffer: str, reduced: bytes, full: bytes | None) -> None:
        for viewer in self.viewers:
            if viewer.buffer == buffer:
                viewer.show(full if viewer.full and full is not None else reduced)
                self.frames_sent += 1


def _message(kind: str, content: Any) -> str:
    return to_json({"type": kind, "content": content}, default=str)
