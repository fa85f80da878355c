"""The gateway as a web application: routes, guarded as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from mimocorb.web.endpoints import ENDPOINTS
from mimocorb.web.gateway import Gateway
from mimocorb.web.guard import Guard
from mimocorb.web.openapi import description

__all__ = ["STATIC", "new_app"]

STATIC = Path(__file__).with_name("static")


def new_app(gateway: Gateway, host_names: Iterable[str] = ()) -> Starlette:
    """Return the application.

    Parameters
    ----------
    gateway
        Knows the run.
    host_names
        Names, besides those of this machine, under which it may be called.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(gateway.follow_run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(gateway.shown.close)

    async def page(_request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def socket(socket: WebSocket) -> None:
        await gateway.serve(socket)

    routes: list[BaseRoute] = [
        Route("/", page),
        Mount("/static", StaticFiles(directory=STATIC)),
        WebSocketRoute("/socket", socket),
        *(Route(each.path, each.__call__, methods=[each.method]) for each in ENDPOINTS),
    ]
    guard = Middleware(Guard, tokens=gateway.tokens, host_names=host_names)
    app = Starlette(routes=routes, middleware=[guard], lifespan=lifespan)
    app.state.gateway = gateway
    app.state.openapi = description(ENDPOINTS)
    return app
