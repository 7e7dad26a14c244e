"""Every route there is, one by one: closed to strangers, and closed to readers where something changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Match, WebSocketRoute

from api.app import STATUSES
from api.security.limits import Limits, Rate
from tests.api.serving_desk import PAGE, WHOLE, Desk, serving

OPEN = {("GET", "/ping"), ("GET", "/health/live"), ("POST", "/login")}
"""What anybody may ask, beside the page; nothing may be added without a reason."""

WANTED = [
    *("/metrics", "/health/ready", "/api/openapi.json", "/api/session", "/api/v1/agent/status"),
    *("/api/account", "/api/positions", "/api/orders", "/api/trades", "/api/scan", "/api/state", "/api/candidates"),
    *("/api/denials", "/api/locks", "/api/risk", "/api/events", "/api/engine", "/api/runs", "/api/backtests"),
    *("/api/journal/daily", "/api/journal/confluence", "/api/journal/trades", "/api/performance/equity"),
    *("/api/performance/metrics", "/api/performance/r-distribution", "/api/presets", "/api/config"),
    *("/api/strategies", "/api/rules", "/api/health/actors", "/api/health/resources"),
    *(f"/api/research{part}" for part in ("", "/cases", "/calls", "/views", "/reviews", "/proposals", "/headlines")),
    *("/api/research/cases/{id}", "/api/research/calls/{id}", "/api/research/costs", "/api/research/calibration"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    plenty = Rate(1e6, 10**6)
    generous = Limits(
        strangers=plenty, failures=plenty, requests=plenty, commands=plenty, urgent=plenty, handshakes=plenty
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(tmp_path_factory.mktemp("home"), patch, limits=generous, parts=WHOLE) as made,
    ):
        yield made


def routes(app: Any) -> Iterator[BaseRoute]:
    """Every route, also of the routers inside."""
    for one in getattr(app, "routes", ()):
        inside = list(routes(getattr(one, "original_router", None) or getattr(one, "router", None) or one))
        yield from inside or [one]


def table(app: FastAPI) -> set[tuple[str, str]]:
    """(method, path) of everything that answers."""
    found = {(method.upper(), path) for path, operations in app.openapi()["paths"].items() for method in operations}
    for one in routes(app):
        for method in getattr(one, "methods", None) or ():
            found.add((method, str(getattr(one, "path", ""))))
    return {(method, path) for method, path in found if path and method != "HEAD"}


def concrete(path: str) -> str:
    """A path that fits, with something in place of its parameters."""
    for part in path.split("{")[1:]:
        path = path.replace("{" + part.partition("}")[0] + "}", "1")
    return path


def app_of(desk: Desk) -> FastAPI:
    return desk.server._server.config.app  # type: ignore[return-value]


def test_the_table_holds_what_the_interface_promises(desk: Desk) -> None:
    found = table(app_of(desk))

    assert [one for one in WANTED if ("GET", one) not in found] == []
    for command in ("start", "stop", "pause", "resume", "reload", "emergency-stop", "reset-kill-switch"):
        assert ("POST", f"/api/engine/{command}") in found
    for word in ("accept", "reject"):
        assert ("POST", f"/api/research/proposals/{{id}}/{word}") in found
    assert len(found) > 60


def test_every_route_but_the_public_ones_refuses_a_stranger(desk: Desk) -> None:
    stranger = desk.client()
    public = OPEN | {("GET", one.path) for one in PAGE}
    told: dict[tuple[str, str], int] = {}
    for method, path in sorted(table(app_of(desk))):
        for headers in ({}, {"Authorization": "Bearer " + "x" * 43}, {"Cookie": "argus_session=a.b"}):
            answer = stranger.request(method, concrete(path), headers=headers, json={} if method == "POST" else None)
            if (method, path) not in public:
                told[method, path] = answer.status_code
                assert answer.status_code == 401, (method, path, answer.text)
                assert set(answer.json()) == {"error"}

    assert len(told) > 60
    assert stranger.get("/ping").status_code == stranger.get("/").status_code == 200


def test_every_other_method_of_every_path_is_closed_too(desk: Desk) -> None:
    stranger = desk.client()
    paths = {concrete(path) for _, path in table(app_of(desk))} | {"/nowhere", "/api", "/api/nowhere", "/docs"}
    for path in sorted(paths):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            assert stranger.request(method, path).status_code == 401, (method, path)


def test_a_reader_changes_nothing_by_any_route(desk: Desk) -> None:
    reader = desk.client(desk.reader)
    changing = [(method, path) for method, path in sorted(table(app_of(desk))) if method not in ("GET", "HEAD")]
    allowed = {"/login", "/logout", "/api/session/code", "/api/presets/validate"}
    for method, path in changing:
        answer = reader.request(method, concrete(path), json={})
        assert (answer.status_code == 403) is (path not in allowed), (method, path, answer.text)

    assert len(changing) > 15


def test_a_sessions_page_without_the_header_changes_nothing_by_any_route(desk: Desk) -> None:
    page, _ = desk.session()
    for method, path in sorted(table(app_of(desk))):
        if method != "GET" and path != "/login":
            answer = page.request(method, concrete(path), json={})
            assert answer.status_code == 403, (method, path)
            assert answer.json()["error"]["code"] == "CSRF"


def test_every_get_answers_an_operator_on_an_empty_database(desk: Desk) -> None:
    client = desk.client(desk.operator)
    for method, path in sorted(table(app_of(desk))):
        if method == "GET":
            answer = client.get(concrete(path))
            assert answer.status_code in (200, 404, 409, 422), (path, answer.text)
            assert "content-security-policy" in answer.headers


def test_there_is_one_socket_and_no_other_opens(desk: Desk) -> None:
    sockets = [
        one for one in routes(app_of(desk)) if isinstance(one, WebSocketRoute) or "WebSocket" in type(one).__name__
    ]
    assert [getattr(one, "path", "") for one in sockets] == ["/ws"]
    for path in ("/", "/api/events", "/ws/", "/nowhere"):
        key = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        answer = httpx.get(
            desk.url + path,
            headers=key | {"Sec-WebSocket-Key": "A" * 22 + "==", "Authorization": f"Bearer {desk.operator}"},
            trust_env=False,
        )
        assert answer.status_code == 404, path


def test_the_description_says_how_a_role_is_proved_and_what_is_refused(desk: Desk) -> None:
    schema = desk.client(desk.reader).get("/api/openapi.json").json()

    assert set(schema["components"]["securitySchemes"]) == {"token", "session"}
    assert schema["security"] == [{"token": []}, {"session": []}]
    operations = [(method.upper(), path, one) for path, of in schema["paths"].items() for method, one in of.items()]
    assert {(method, path) for method, path, one in operations if one.get("security") == []} == OPEN
    for _, _, one in operations:
        assert {str(status) for status in STATUSES} <= set(one["responses"])
        assert one.get("summary")


def test_nothing_matches_twice(desk: Desk) -> None:
    """A route that another one hides would never answer."""
    app = app_of(desk)
    for method, path in sorted(table(app)):
        scope = {"type": "http", "method": method, "path": concrete(path), "headers": [], "root_path": ""}
        full = [one for one in app.routes if one.matches(dict(scope))[0] == Match.FULL]
        assert len(full) >= 1, (method, path)
