"""One viewer at the other end of a socket: gets the newest of everything, and nothing twice.

For each kind of message there is one place. What has not been sent when the next one comes is
replaced by it. Of frames the browser says when it has drawn one; two may be on their way. So a slow
network, a slow browser, or a page in the background gets fewer frames, never late ones.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from mimocorb._json import to_json
from mimocorb.web.tokens import Right

__all__ = ["Viewer"]

MOST_ON_THE_WAY = 2
LONGEST_MESSAGE = 2000


class Viewer:
    """A page that is open.

    Attributes
    ----------
    buffer
        What it looks at; None: no buffer.
    columns
        Width of its picture.
    full
        Whether it wants every sample.
    history_s
        Up to when it has the history of the run.
    """

    def __init__(self, socket: WebSocket, right: Right) -> None:
        self.right = right
        self.buffer: str | None = None
        self.columns = 500
        self.full = False
        self.history_s = 0.0
        self.history_interval_s = 0.0
        self._socket = socket
        self._texts: dict[str, str] = {}
        self._frame: bytes | None = None
        self._on_the_way = 0
        self._awake = asyncio.Event()

    def tell(self, kind: str, content: dict[str, Any] | list[Any]) -> None:
        """Put a message into its place."""
        self.tell_text(kind, to_json({"type": kind, "content": content}, default=str))

    def tell_text(self, kind: str, text: str) -> None:
        """Put a message that has been written for all into its place."""
        self._texts[kind] = text
        self._awake.set()

    def show(self, frame: bytes) -> None:
        """Put a frame into its place."""
        self._frame = frame
        self._awake.set()

    def look_at(self, buffer: str | None, columns: int, *, full: bool) -> None:
        """Choose what to look at."""
        if buffer != self.buffer:
            self._frame = None
            self._on_the_way = 0
        self.buffer, self.columns, self.full = buffer, columns, full

    def drawn(self) -> None:
        """Note that the browser has drawn a frame."""
        self._on_the_way = max(0, self._on_the_way - 1)
        self._awake.set()

    async def send_all(self) -> None:
        """Send whatever there is, until the page is closed."""
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                while self._texts:
                    kind = next(iter(self._texts))
                    await self._socket.send_text(self._texts.pop(kind))
                if self._frame is not None and self._on_the_way < MOST_ON_THE_WAY:
                    frame, self._frame = self._frame, None
                    self._on_the_way += 1
                    await self._socket.send_bytes(frame)
        except (WebSocketDisconnect, RuntimeError):  # it was closed while something was sent
            return

    async def hear(self) -> dict[str, Any] | None:
        """Return the next message of the page; None if it is closed, or sent something else."""
        try:
            text = await self._socket.receive_text()
            if len(text) > LONGEST_MESSAGE:
                return None
            content = json.loads(text)
        except (WebSocketDisconnect, KeyError, ValueError, RuntimeError):
            return None
        return content if isinstance(content, dict) else None
