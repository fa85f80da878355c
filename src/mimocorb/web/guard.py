"""The door of the gateway: who comes, from where, with which right, is asked here and only here.

Every request and every socket passes it before a route is looked for, so a new route is guarded
without being told of. What is asked:

* **Host**: a name of this machine, or one that was given with ``--host-name``. A page of another
  site that lets its name point to this machine (DNS rebinding) is refused.
* **Origin**: if a browser sends it, it must be the page itself.
* **Token**: looking needs the viewer's or the operator's, everything that is no GET the operator's.
  It comes in a header, or for a socket as a subprotocol: a browser never sends it by itself, so no
  other site can use it, and it stands in no address and no log.

The empty page and its scripts hold nothing of the run, and are given to all from a right host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from mimocorb.web.tokens import Right, Tokens

__all__ = ["OPEN_PATHS", "SUBPROTOCOL", "Guard"]

OPEN_PATHS = ("/", "/static/")
"""The empty page and, below, its scripts and styles."""

SUBPROTOCOL = "mimocorb"
TOKEN_PROTOCOL = "token."
LOOKING = ("GET", "HEAD")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Guard:
    """Lets in who may come in.

    Parameters
    ----------
    app
        What is guarded.
    tokens
        Of the run.
    host_names
        Names besides those of this machine under which the page is called, as by a proxy.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        tokens: Tokens,
        host_names: Iterable[str] = (),
    ) -> None:
        self.app = app
        self._tokens = tokens
        self._names = {name.lower() for name in host_names} | {"localhost"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1][:120]})
        else:
            await _refuse(_with_headers(send), *refused)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return why this is refused; None if it is not. Notes in `scope` what may be done."""
        headers = _headers(scope)
        host = headers.get(b"host", "")
        if not self._is_ours(host):
            return 421, f"this page is not called {host!r}; allow it with --host-name"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "a page of another site asks"
        right = self._tokens.right_of(_token(scope, headers))
        scope.setdefault("state", {})["right"] = right
        if scope["type"] == "http":
            path, method = scope["path"], scope["method"]
            if method in LOOKING and (path == OPEN_PATHS[0] or path.startswith(OPEN_PATHS[1])):
                return None
            if method not in LOOKING and right is Right.LOOK:
                return 403, "this token is for looking only"
        if right is Right.NOTHING:
            return 401, "a token is needed: use the link that mimocorb web has printed"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if not name or "@" in host or "/" in host:
            return False
        try:
            return ipaddress.ip_address(name).is_loopback or name in self._names
        except ValueError:
            return name in self._names


def _headers(scope: Scope) -> dict[bytes, str]:
    """Return the headers; of one that comes twice nothing, as it cannot be trusted."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        key = name.lower()
        found[key] = "" if key in found else value.decode("latin-1")
    return found


def _token(scope: Scope, headers: dict[bytes, str]) -> str:
    if scope["type"] == "websocket":
        for name in scope.get("subprotocols", ()):
            if name.startswith(TOKEN_PROTOCOL):
                return str(name[len(TOKEN_PROTOCOL) :])
    kind, _, token = headers.get(b"authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sender


async def _refuse(send: Send, status: int, why: str) -> None:
    from starlette.responses import JSONResponse

    answer = JSONResponse({"error": why}, status)
    if status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    await send({"type": "http.response.start", "status": status, "headers": answer.raw_headers})
    await send({"type": "http.response.body", "body": answer.body})
