"""The HTTP interface: every endpoint is described once, and routes and OpenAPI come from that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from mimocorb._json import to_json
from mimocorb.errors import CommandRefused, CommandTimeout, MimocorbError, RunUnreachable
from mimocorb.run.record.catalogue import KnownRun, catalogue, find_run
from mimocorb.run.record.comparison import compare
from mimocorb.run.record.notes import LONGEST_NOTE, NoteKind
from mimocorb.web import metrics, next_run, picture
from mimocorb.web.frames import MOST_COLUMNS, columns_of, encoded, plain_values
from mimocorb.web.gateway import Gateway
from mimocorb.web.tokens import Right

__all__ = ["ENDPOINTS", "Endpoint", "NextRun", "NoteBody"]

Handler = Callable[[Request, Gateway], Awaitable[Response]]
COMMANDS: Mapping[str, str] = {
    "pause": "Pause data taking",
    "resume": "Go on after a pause",
    "stop": "Take no more data, process what has been taken, and end",
    "end": "End at once: what has been taken and not processed is lost, and counted",
    "acknowledge": "Say that somebody knows of the alarms that there are",
}
LARGEST_BODY = 64 << 10


class NoteBody(BaseModel):
    """A note to be kept with the run."""

    model_config = ConfigDict(extra="forbid")

    kind: NoteKind = Field("comment", description="a comment, or a judgement of the data")
    text: str = Field("", max_length=LONGEST_NOTE, description="the note")


class NextRun(BaseModel):
    """What the next run does otherwise."""

    model_config = ConfigDict(extra="forbid")

    changes: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="worker, parameter, value as a set-up has it"
    )
    comment: str = Field("", max_length=LONGEST_NOTE, description="kept in the record")
    runtime_s: float | None = Field(None, gt=0, description="end after so many seconds")
    events: int | None = Field(None, gt=0, description="end after so many events")


@dataclass(frozen=True)
class Endpoint:
    """One path and method.

    Parameters
    ----------
    method, path
        Where it is.
    summary
        What it does.
    handler
        Answers.
    query
        Names of what can be asked, and what that means.
    body
        What is to be sent.
    answer
        Type of what comes back.
    """

    method: Literal["GET", "POST"]
    path: str
    summary: str
    handler: Handler
    query: Mapping[str, tuple[type, str]] = field(default_factory=dict)
    body: type[BaseModel] | None = None
    answer: str = "application/json"

    async def __call__(self, request: Request) -> Response:
        """Answer a request; what is wrong is one sentence."""
        gateway: Gateway = request.app.state.gateway
        try:
            return await self.handler(request, gateway)
        except CommandRefused as error:
            return trouble(409, error)
        except CommandTimeout as error:
            return trouble(504, error)
        except RunUnreachable as error:
            return trouble(503, error)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            return trouble(422, f"{place}: {first['msg']}" if place else first["msg"])
        except (MimocorbError, ValueError) as error:
            return trouble(422, error)


def trouble(status: int, error: object) -> Response:
    """Return an answer that says what is wrong."""
    return JSONResponse({"error": str(error)}, status)


def plain(value: object) -> Response:
    """Return a value as JSON."""
    return Response(to_json(value, default=str), media_type="application/json")


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST_BODY:
            raise ValueError(f"at most {LARGEST_BODY} bytes are taken")
    return bytes(data) or b"{}"


# --- looking


async def _me(request: Request, gateway: Gateway) -> Response:
    right = request.state.right
    shared = {"viewer_token": gateway.tokens.viewer} if right is Right.STEER else {}
    return plain({"may_steer": right is Right.STEER, **shared})


async def _status(_request: Request, gateway: Gateway) -> Response:
    await gateway.ask()
    return plain(gateway.picture)


async def _about(_request: Request, gateway: Gateway) -> Response:
    return plain(await asyncio.to_thread(gateway.shown.about))


async def _log(_request: Request, gateway: Gateway) -> Response:
    return plain(gateway.log)


async def _history(_request: Request, gateway: Gateway) -> Response:
    return plain(gateway.history.since(0.0))


def _whole(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise ValueError(f"{name} is a whole number, found {text[:40]!r}")
    return int(text)


async def _event(request: Request, gateway: Gateway) -> Response:
    name = request.path_params["buffer"]
    event = await asyncio.to_thread(gateway.shown.event, name, _whole(request, "counter"))
    values = plain_values(event.data)
    return plain(event.head() | {"channels": list(columns_of(event.data)), "values": values})


async def _frame(request: Request, gateway: Gateway) -> Response:
    name = request.path_params["buffer"]
    columns = min(MOST_COLUMNS, _whole(request, "columns") or 0)
    event = await asyncio.to_thread(gateway.shown.event, name, _whole(request, "counter"))
    return Response(encoded(event, columns), media_type="application/octet-stream")


async def _histograms(_request: Request, gateway: Gateway) -> Response:
    found = await asyncio.to_thread(gateway.shown.histograms)
    return plain(
        [
            {
                "name": one.name,
                "title": one.title or one.name,
                "entries": one.entries,
                "sequence": one.sequence,
            }
            for one in found.values()
        ]
    )


async def _histogram(request: Request, gateway: Gateway) -> Response:
    name = request.path_params["name"]
    found = await asyncio.to_thread(gateway.shown.histograms)
    if name not in found:
        known = ", ".join(found) or "none"
        raise CommandRefused(f"there is no histogram {name[:80]!r}: this run has {known}")
    return plain(found[name].as_plain())


async def _metrics(_request: Request, gateway: Gateway) -> Response:
    await gateway.ask()
    return PlainTextResponse(metrics.exported(gateway.picture), media_type=metrics.CONTENT_TYPE)


async def _openapi(request: Request, _gateway: Gateway) -> Response:
    return plain(request.app.state.openapi)


# --- runs


def _row(run: KnownRun) -> dict[str, Any]:
    record = run.record
    shown = picture.of_record(record, run.state, run.directory)
    keys = ("number", "title", "started_utc", "active_s", "events", "results", "quality", "notes")
    return {key: shown[key] for key in keys} | {
        "state": run.state,
        "directory": run.directory.name,
        "operator": record.operator,
        "comment": record.comment,
    }


def _runs_beside(gateway: Gateway) -> Path:
    return gateway.shown.directory.parent


async def _runs(_request: Request, gateway: Gateway) -> Response:
    found = await asyncio.to_thread(catalogue, _runs_beside(gateway))
    return plain({"runs": [_row(run) for run in found.runs], "problems": found.problems})


async def _two_runs(request: Request, gateway: Gateway) -> Response:
    numbers = (request.path_params["first"], request.path_params["second"])
    parent = _runs_beside(gateway)
    first, second = [await asyncio.to_thread(find_run, parent, number) for number in numbers]
    differences = compare(first.record, second.record).as_dict()
    sides = [picture.of_record(r.record, r.state, r.directory) for r in (first, second)]
    return plain({"runs": sides, **differences})


async def _form(_request: Request, gateway: Gateway) -> Response:
    shown = gateway.shown
    return plain(await asyncio.to_thread(next_run.form_of, shown.directory, shown.record))


# --- steering


def _command(name: str) -> Handler:
    async def handler(_request: Request, gateway: Gateway) -> Response:
        await asyncio.to_thread(gateway.shown.steer, name)
        await gateway.ask()
        return plain({"state": gateway.picture["state"]})

    return handler


async def _note(request: Request, gateway: Gateway) -> Response:
    note = NoteBody.model_validate_json(await _body(request))
    await asyncio.to_thread(gateway.shown.steer, "note", text=note.text, kind=note.kind)
    gateway.ask_soon()
    return plain({"kept": note.model_dump()})


async def _start_next(request: Request, gateway: Gateway) -> Response:
    wanted = NextRun.model_validate_json(await _body(request))
    shown = gateway.shown
    if not gateway.picture.get("ended", False):
        raise CommandRefused("the run goes on: stop it before the next one is started")

    def start() -> Path:
        return next_run.start(
            shown.directory,
            shown.record,
            wanted.changes,
            comment=wanted.comment,
            runtime_s=wanted.runtime_s,
            events=wanted.events,
        )

    directory = await asyncio.get_running_loop().run_in_executor(gateway.launcher, start)
    await gateway.follow_next(directory)
    await gateway.ask()
    return plain({"directory": directory.name, "number": gateway.shown.record.number})


_COUNTER = {"counter": (int, "counter of the event; without it the newest one")}
_COLUMNS = {"columns": (int, "reduce to least and greatest of so many columns; 0: every sample")}

ENDPOINTS = (
    Endpoint("GET", "/api/me", "What the bearer of this token may do", _me),
    Endpoint("GET", "/api/status", "The run at this moment: state, statistics, results", _status),
    Endpoint("GET", "/api/about", "Data flow of the run, and axes of its buffers", _about),
    Endpoint("GET", "/api/log", "The newest lines of its log", _log),
    Endpoint("GET", "/api/history", "Rates, dead time and fill against time", _history),
    Endpoint("GET", "/api/buffers/{buffer}/event", "An event as JSON", _event, _COUNTER),
    Endpoint(
        "GET",
        "/api/buffers/{buffer}/frame",
        "An event as the page gets it: a head in JSON, and float32",
        _frame,
        _COUNTER | _COLUMNS,
        answer="application/octet-stream",
    ),
    Endpoint("GET", "/api/histograms", "Names and entries of the histograms", _histograms),
    Endpoint("GET", "/api/histograms/{name}", "A histogram, with the fits to it", _histogram),
    Endpoint("GET", "/api/runs", "The runs in the same directory, with their results", _runs),
    Endpoint("GET", "/api/runs/{first:int}/{second:int}", "Two runs, and what differs", _two_runs),
    Endpoint("GET", "/api/next-run", "What can be changed for the next run", _form),
    Endpoint("POST", "/api/next-run", "Start the next run", _start_next, body=NextRun),
    *(Endpoint("POST", f"/api/{name}", does, _command(name)) for name, does in COMMANDS.items()),
    Endpoint("POST", "/api/note", "Keep a note with the run", _note, body=NoteBody),
    Endpoint("GET", "/api/openapi.json", "This description", _openapi),
    Endpoint("GET", "/metrics", "Counters for Prometheus", _metrics, answer="text/plain"),
)
