"""Who is let in: every route and every socket, with every wrong key, from every wrong place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from running import run
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from web_runs import short

from mimocorb.web.app import new_app
from mimocorb.web.endpoints import ENDPOINTS
from mimocorb.web.gateway import Gateway
from mimocorb.web.shown_run import EndedRun
from mimocorb.web.tokens import Right, Tokens, tokens_of

TOKENS = Tokens("o" * 32, "v" * 32)
HOST = "127.0.0.1:8765"
WRONG_HOSTS = ("evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "user@127.0.0.1")
WRONG_ORIGINS = ("http://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1", "null")


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    """A run that has ended."""
    place = tmp_path_factory.mktemp("guarded")
    finished = run(short(place))
    assert finished.code == 0, finished.text
    return finished.directory


@pytest.fixture(scope="module")
def refused() -> Iterator[list[tuple[str, ...]]]:
    """What has been refused: route, and what was wrong; ``pytest -s`` prints how many these are."""
    combinations: list[tuple[str, ...]] = []
    yield combinations
    print(f"\n{len(set(combinations))} combinations of a route and wrong keys or places refused")


@pytest.fixture
def app(directory):
    with ThreadPoolExecutor(1) as launcher:
        gateway = Gateway(EndedRun(directory), TOKENS, launcher)
        yield new_app(gateway, ["lab.example"])
        gateway.shown.close()


def all_routes(app) -> list[tuple[str, str]]:
    """Return method and path of everything that the app answers, sockets as method SOCKET."""
    found: list[tuple[str, str]] = []

    def add(routes: list[BaseRoute], before: str = "") -> None:
        for route in routes:
            if isinstance(route, Route):
                found.extend((method, before + route.path) for method in sorted(route.methods))
            elif isinstance(route, WebSocketRoute):
                found.append(("SOCKET", before + route.path))
            elif isinstance(route, Mount) and route.routes:
                add(route.routes, before + route.path)
            elif isinstance(route, Mount):
                found.extend(
                    (method, f"{before}{route.path}/main.js") for method in ("GET", "HEAD")
                )
            else:
                raise AssertionError(f"a kind of route that nobody has thought of: {route}")

    add(app.routes)
    return [(method, _filled(path)) for method, path in found]


def _filled(path: str) -> str:
    for name, value in (
        ("{buffer}", "RB_2"),
        ("{name}", "h"),
        ("{first:int}", "1"),
        ("{second:int}", "1"),
    ):
        path = path.replace(name, value)
    assert "{" not in path, f"tell this test what to put into {path}"
    return path


def is_open(method: str, path: str) -> bool:
    """Whether this is the empty page, or a script or style of it."""
    return method in ("GET", "HEAD") and (path == "/" or path.startswith("/static/"))


def answer(client: TestClient, method: str, path: str, token: str, **headers: str) -> int:
    """Return the status; of a socket 101 if it was let in and 403 if not."""
    if method == "SOCKET":
        protocols = ["mimocorb", f"token.{token}"] if token else ["mimocorb"]
        try:
            given = {"host": HOST} | headers
            with client.websocket_connect(path, protocols, headers=given) as socket:
                socket.receive_text()
                return 101
        except WebSocketDisconnect:
            return 403
    given = headers | ({"authorization": f"Bearer {token}"} if token else {})
    return client.request(method, path, headers=given).status_code


KEYS = {
    "no": "",
    "the viewer's": TOKENS.viewer,
    "a wrong": "w" * 32,
    "the operator's": TOKENS.operator,
}


def expected(method: str, path: str, token: str) -> Right:
    """Return what is needed for this."""
    if is_open(method, path):
        return Right.NOTHING
    return Right.LOOK if method in ("GET", "HEAD", "SOCKET") else Right.STEER


def test_every_route_asks_for_the_right_token(app, refused):
    before = len(refused)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for method, path in all_routes(app):
            for name, token in KEYS.items():
                status = answer(client, method, path, token)
                may = TOKENS.right_of(token) >= expected(method, path, token)
                if may:
                    assert status not in (401, 403, 421), (method, path, name, status)
                else:
                    assert status in (401, 403), (method, path, name, status)
                    refused.append((method, path, name))
    assert len(refused) - before > 50


@pytest.mark.parametrize("host", WRONG_HOSTS)
def test_no_route_answers_to_a_wrong_host(app, host, refused):
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for method, path in all_routes(app):
            for name, token in KEYS.items():
                status = answer(client, method, path, token, host=host)
                assert status in (421, 403), (method, path, status)
                refused.append((method, path, name, f"host {host}"))


@pytest.mark.parametrize("origin", WRONG_ORIGINS)
def test_no_route_answers_to_a_page_of_another_origin(app, origin, refused):
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for method, path in all_routes(app):
            for name, token in KEYS.items():
                assert answer(client, method, path, token, origin=origin) == 403, (method, path)
                refused.append((method, path, name, f"origin {origin}"))


def test_the_list_of_routes_is_complete(app):
    routes = all_routes(app)
    assert {("SOCKET", "/socket"), ("GET", "/"), ("GET", "/static/main.js")} <= set(routes)
    assert {(each.method, _filled(each.path)) for each in ENDPOINTS} <= set(routes)
    assert all(method != "GET" or ("HEAD", path) in routes for method, path in routes)


def test_changes_are_made_by_post_only(app):
    changing = {path for method, path in all_routes(app) if method == "POST"}
    assert {"/api/pause", "/api/stop", "/api/end", "/api/note", "/api/next-run"} <= changing
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for path in changing - {"/api/next-run"}:
            assert answer(client, "GET", path, TOKENS.operator) == 405
        for path in changing:
            assert answer(client, "PUT", path, TOKENS.operator) == 405


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9000", "[::1]:8765", "lab.example"])
def test_right_hosts_and_their_own_origin_are_let_in(app, host):
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for method, path in (("GET", "/"), ("GET", "/api/me"), ("SOCKET", "/socket")):
            headers = {"host": host, "origin": f"http://{host}"}
            status = answer(client, method, path, TOKENS.viewer, **headers)
            assert status in (200, 101), (method, path, status)


def test_a_host_or_token_that_comes_twice_is_none(app):
    with TestClient(app, base_url=f"http://{HOST}") as client:
        twice = [("host", HOST), ("host", "evil.example")]
        assert client.get("/api/me", headers=httpx.Headers(twice)).status_code == 421


def test_every_answer_has_the_strict_policy(app):
    with TestClient(app, base_url=f"http://{HOST}") as client:
        for path, token in (
            ("/", ""),
            ("/api/me", ""),
            ("/api/me", TOKENS.viewer),
            ("/nothing", ""),
        ):
            headers = client.get(path, headers={"authorization": f"Bearer {token}"}).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"


def test_texts_become_nodes_of_text_only():
    static = Path(__file__).parents[2] / "src/mimocorb/web/static"
    for script in static.glob("*.js"):
        text = script.read_text()
        for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert way not in text, f"{script.name} uses {way}"
    assert "http" not in (static / "index.html").read_text().replace("http-equiv", "")


def test_tokens_are_the_same_again_differ_by_run_and_role_and_are_in_no_file_of_the_run(directory):
    first, again = tokens_of(directory), tokens_of(directory)
    other = tokens_of(directory.parent)
    assert first == again
    assert len({first.operator, first.viewer, other.operator, other.viewer}) == 4
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert first.operator.encode() not in content
            assert first.viewer.encode() not in content


def test_the_key_of_a_user_is_for_this_user_only(places, directory):
    tokens_of(directory)
    (key,) = [file for place in places for file in place.rglob("web.key")]
    assert key.stat().st_mode & 0o077 == 0
    assert key.parent.stat().st_mode & 0o077 == 0


def test_unguarded_routes_would_be_found(app):
    """The test above looks at what the app has: a route that is added without a word is seen."""

    async def surprise(_request):
        raise AssertionError("nobody may come here without a token")

    app.router.routes.append(Route("/surprise", surprise))
    assert ("GET", "/surprise") in all_routes(app)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        assert client.get("/surprise").status_code == 401
