"""Attacks on the server, each answered correctly, over real connections."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from api import static, wire
from api.security import ended
from api.security.door import HEADERS
from api.security.limits import Limits, Rate
from api.security.sessions import LIFE
from journal import engines
from orchestration.serving import Serving
from tests.api import certificates, serving_desk
from tests.api.serving_desk import WHOLE, Desk, serving


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    plenty = Rate(1e6, 10**6)
    generous = Limits(strangers=plenty, failures=plenty, requests=plenty, commands=plenty, body_within=0.5)
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(tmp_path_factory.mktemp("home"), patch, limits=generous) as made,
    ):
        yield made


def code_of(answer: httpx.Response) -> str:
    """The one form of every refusal."""
    found = answer.json()
    assert set(found) == {"error"}
    assert set(found["error"]) <= {"code", "message", "legal", "details"}
    assert found["error"]["message"]
    assert answer.headers["content-type"] == "application/json"
    return str(found["error"]["code"])


def told(desk: Desk, text: bytes) -> bytes:
    """What is answered to bytes as they are."""
    with socket.create_connection(("127.0.0.1", desk.server.bound.port), 5) as one:
        one.sendall(text)
        one.settimeout(5)
        found = b""
        try:
            while part := one.recv(65536):
                found += part
        except TimeoutError:
            pass
        return found


def cut(one: socket.socket, parts: Iterable[bytes], pause: float = 0.0) -> bool:
    """Whether the connection ends before everything was sent."""
    try:
        for part in parts:
            one.sendall(part)
            time.sleep(pause)
    except OSError:
        return True
    return False


# -- tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer wrong",
        "Bearer",
        "Basic b3BlcmF0b3I6eA==",
        "bearer{token}",
        "Token {token}",
        "Bearer {token}x",
        "Bearer x{token}",
        "Bearer {upper}",
        "",
    ],
)
def test_without_the_right_token_nothing_is_told(desk: Desk, header: str | None) -> None:
    said = (header or "").format(token=desk.operator, upper=desk.operator.swapcase())
    answer = desk.client().get("/metrics", headers={} if header is None else {"Authorization": said})

    assert answer.status_code == 401
    assert code_of(answer) in ("UNAUTHENTICATED", "WRONG_TOKEN")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_token_is_refused_also_beside_a_good_session(desk: Desk) -> None:
    page, _ = desk.session()

    assert page.get("/api/session").status_code == 200
    assert page.get("/api/session", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize(
    "name", ["token", "access_token", "Token", "api-key", "authorization", "argus_session", "csrf"]
)
def test_a_secret_in_the_query_is_refused_and_told(desk: Desk, name: str) -> None:
    client = desk.client(desk.operator)

    assert code_of(client.get("/metrics", params={name: "x"})) == "TOKEN_IN_QUERY"


def test_a_real_token_in_a_query_is_refused_by_any_name(desk: Desk) -> None:
    answer = desk.client(desk.operator).get("/ping", params={"symbol": desk.reader})

    assert answer.status_code == 400
    assert code_of(answer) == "TOKEN_IN_QUERY"
    assert desk.reader not in answer.text


def test_two_of_a_header_that_decides_are_refused(desk: Desk) -> None:
    host = f"Host: 127.0.0.1:{desk.server.bound.port}\r\n"
    for twice in (host, f"Authorization: Bearer {desk.operator}\r\n", f"Origin: {desk.url}\r\n"):
        said = told(desk, f"GET /metrics HTTP/1.1\r\n{host}{twice}{twice}Connection: close\r\n\r\n".encode())
        assert b" 400 " in said.split(b"\r\n")[0], twice


# -- host and origin ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost.:{port}", "2130706433"]
)
def test_another_host_is_refused_also_for_what_is_public(desk: Desk, host: str) -> None:
    client = desk.client(desk.operator, Host=host.format(port=desk.server.bound.port))

    for path in ("/", "/ping", "/metrics"):
        answer = client.get(path)
        assert (answer.status_code, code_of(answer)) == (403, "HOST_NOT_ALLOWED"), path


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST", "[::1]:{port}", "127.0.0.1"])
def test_the_names_of_this_machine_are_not(desk: Desk, host: str) -> None:
    client = desk.client(desk.operator, Host=host.format(port=desk.server.bound.port))

    assert client.get("/api/session").status_code == 200


@pytest.mark.parametrize("head", ["GET /ping HTTP/1.0\r\n\r\n", "GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n"])
def test_no_host_or_none_that_is_one(desk: Desk, head: str) -> None:
    assert told(desk, head.encode()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://localhost:{port}.evil",
        "file://",
        "http://[::1]:{port}",
    ],
)
def test_another_origin_is_refused_whatever_it_has(desk: Desk, origin: str) -> None:
    page, csrf = desk.session()
    said = {"Origin": origin.format(port=desk.server.bound.port), "X-CSRF-Token": csrf}

    for answer in (
        page.post("/logout", headers=said),
        page.get("/api/session", headers=said),
        desk.client(desk.operator).get("/metrics", headers=said),
        desk.client().post("/login", json={"token": desk.operator}, headers=said),
    ):
        assert (answer.status_code, code_of(answer)) == (403, "ORIGIN_NOT_ALLOWED")


def test_no_other_site_is_ever_allowed_to_read(desk: Desk) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = desk.client().options("/login", headers=asked)

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


# -- sessions ----------------------------------------------------------------------------------------


def test_a_code_begins_one_session(desk: Desk) -> None:
    address = desk.server.page_url
    before, _, code = address.partition("/#code=")
    page = desk.client()
    answer = page.post("/login", json={"code": code})

    assert before == desk.url
    assert answer.status_code == 200
    assert set(answer.json()) == {"role", "csrf", "expires_at", "version"}
    assert answer.json()["role"] == "operator"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("argus_session=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert "; Path=/" in cookie
    assert "Secure" not in cookie  # not over http: a browser would not keep it
    assert page.get("/api/session").json()["csrf"] == answer.json()["csrf"]
    again = desk.client().post("/login", json={"code": code})
    assert (again.status_code, code_of(again)) == (401, "WRONG_CODE")


@pytest.mark.parametrize("role", ["operator", "read-only"])
def test_a_token_begins_a_session_of_its_role(desk: Desk, role: str) -> None:
    token = desk.operator if role == "operator" else desk.reader

    assert desk.client().post("/login", json={"token": token}).json()["role"] == role


@pytest.mark.parametrize(
    "body", [{}, {"code": "x" * 20, "token": "y" * 20}, {"code": "short"}, {"code": 5}, {"code": None}, [], {"x": 1}]
)
def test_a_login_that_is_none(desk: Desk, body: Any) -> None:
    answer = desk.client().post("/login", json=body)

    assert answer.status_code == 422
    assert code_of(answer) == "INVALID"


def test_what_changes_something_needs_the_csrf_header(desk: Desk) -> None:
    page, csrf = desk.session()

    for said in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * len(csrf)}, {"X-CSRF-Token": csrf[:-1]}):
        answer = page.post("/api/session/code", headers=said)
        assert (answer.status_code, code_of(answer)) == (403, "CSRF")
    other, others = desk.session()
    assert page.post("/api/session/code", headers={"X-CSRF-Token": others}).status_code == 403
    assert other.post("/api/session/code", headers={"X-CSRF-Token": others}).status_code == 200
    assert page.post("/api/session/code", headers={"X-CSRF-Token": csrf}).status_code == 200


def test_a_form_of_another_site_brings_nothing(desk: Desk) -> None:
    """What a page may send without asking: a form, with the cookie that SameSite would not even send."""
    page, _ = desk.session()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = page.post("/login", content=b'{"token": "x"}', headers={"Content-Type": kind})
        assert (answer.status_code, code_of(answer)) == (415, "NOT_JSON")


def test_after_a_restart_a_session_goes_on_unless_it_was_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, monkeypatch) as desk:
        (gone, csrf), (stays, _) = desk.session(), desk.session()
        cookies = [one.cookies["argus_session"] for one in (gone, stays)]
        assert gone.post("/logout", headers={"X-CSRF-Token": csrf}).json() == {"ended": True}
    with serving(tmp_path, monkeypatch) as desk:
        answers = [desk.client(Cookie=f"argus_session={one}").get("/api/session") for one in cookies]

    assert [one.status_code for one in answers] == [401, 200]
    assert code_of(answers[0]) == "SESSION_EXPIRED"


def test_a_logout_that_cannot_be_kept_says_so_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, monkeypatch) as desk:
        page, csrf = desk.session()
        cookie = page.cookies["argus_session"]
        (tmp_path / ended.FILE).mkdir()
        answer = page.post("/logout", headers={"X-CSRF-Token": csrf})
        again = desk.client(Cookie=f"argus_session={cookie}").get("/api/session")

    assert (answer.status_code, code_of(answer), again.status_code) == (503, "NOT_KEPT", 401)
    assert "argus_session=;" in answer.headers["set-cookie"]
    assert str(tmp_path) not in answer.text


def test_logout_ends_the_session_for_whoever_has_its_cookie(desk: Desk) -> None:
    page, csrf = desk.session()
    stolen = page.cookies["argus_session"]

    answer = page.post("/logout", headers={"X-CSRF-Token": csrf})

    assert answer.status_code == 200
    assert "Max-Age=0" in answer.headers["set-cookie"]
    after = desk.client(Cookie=f"argus_session={stolen}").get("/api/session")
    assert (after.status_code, code_of(after)) == (401, "SESSION_EXPIRED")


def test_an_expired_session_is_told_apart_and_an_active_one_is_renewed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, _ = desk.session()
    sessions = desk.server.security.sessions
    real = sessions._seconds
    assert "set-cookie" not in page.get("/api/session").headers

    monkeypatch.setattr(sessions, "_seconds", lambda: real() + LIFE * 2 // 3)
    renewed = page.get("/api/session")
    assert renewed.headers["set-cookie"].startswith("argus_session=")
    monkeypatch.setattr(sessions, "_seconds", lambda: real() + LIFE + 60)
    assert page.get("/api/session").status_code == 200
    monkeypatch.setattr(sessions, "_seconds", lambda: real() + 3 * LIFE)
    answer = page.get("/api/session")
    assert (answer.status_code, code_of(answer)) == (401, "SESSION_EXPIRED")
    assert page.get("/ping").status_code == 200  # what is public stays so


def test_cookies_that_are_none(desk: Desk) -> None:
    for cookie in ("argus_session=x", "argus_session=a.b", "argus_session=; other=1", "argus_session"):
        assert desk.client(Cookie=cookie).get("/api/session").status_code == 401
    answer = desk.client(Cookie="argus_session=a; argus_session=b").get("/api/session")
    assert answer.status_code == 400


# -- roles -------------------------------------------------------------------------------------------


def test_who_may_only_look_changes_nothing(desk: Desk) -> None:
    reader = desk.client(desk.reader)

    assert reader.get("/api/session").json()["role"] == "read-only"
    for method, path in (("POST", "/api/engine/pause"), ("DELETE", "/x"), ("PUT", "/metrics"), ("PATCH", "/")):
        answer = reader.request(method, path, json={})
        assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN"), path
    made = reader.post("/api/session/code").json()["code"]
    assert desk.client().post("/login", json={"code": made}).json()["role"] == "read-only"


# -- bodies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"x" * (256 * 1024 + 1), 413, "TOO_LARGE"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 400, "TOO_DEEP"),
        (b"[" * 100_000, 400, "TOO_DEEP"),
        (b"{", 400, "BAD_JSON"),
        (b"{'code': 1}", 400, "BAD_JSON"),
        (b'{"code": NaN}', 400, "BAD_JSON"),
        (b'{"code": Infinity}', 400, "BAD_JSON"),
        (b'{"code": "\\ud800"}', 400, "BAD_JSON"),
        (b'{"code": "\xff\xfe"}', 400, "BAD_JSON"),
        ('{"code": "x"}'.encode("utf-16"), 400, "BAD_JSON"),
        ('{"code": "x"}'.encode("utf-16-le"), 400, "BAD_JSON"),
        (b'{"code": 1' + b"0" * 5000 + b"}", None, None),
        (b"", 422, "INVALID"),
        (b"null", 422, "INVALID"),
        (b'"text"', 422, "INVALID"),
    ],
)
def test_a_body_that_will_not_do(desk: Desk, body: bytes, status: int | None, code: str | None) -> None:
    answer = desk.client().post("/login", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == (status or answer.status_code)
    assert code_of(answer) == (code or code_of(answer))
    assert 400 <= answer.status_code < 500


def test_a_body_in_one_piece_up_to_the_limit_is_read(desk: Desk) -> None:
    body = b'{"token": "' + b"x" * 255_000 + b'"}'
    answer = desk.client().post("/login", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, code_of(answer)) == (422, "INVALID")
    assert "x" * 100 not in answer.text


def test_a_body_without_an_end_is_cut(desk: Desk) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"code": "'
        for _ in range(5000):
            yield b"x" * 1000

    try:
        answer = desk.client().post("/login", content=endless(), headers={"Content-Type": "application/json"})
    except (httpx.WriteError, httpx.ReadError):
        return  # it was cut while more was being sent
    assert (answer.status_code, code_of(answer)) == (413, "TOO_LARGE")


def test_who_is_refused_and_goes_on_sending_is_cut(desk: Desk) -> None:
    host = f"127.0.0.1:{desk.server.bound.port}"
    with socket.create_connection(("127.0.0.1", desk.server.bound.port), 5) as one:
        head = f"POST /api/engine/pause HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        one.sendall(head.encode())
        assert b"401" in one.recv(4096)
        assert cut(one, (b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(2000)))


def test_a_body_that_does_not_arrive(desk: Desk) -> None:
    said = told(desk, _post(desk, b'{"cod', 100))

    assert said.startswith(b"HTTP/1.1 408")
    assert b"TOO_SLOW" in said


def test_a_length_that_lies(desk: Desk) -> None:
    for length in ("-1", "1e3", "99999999999999999999", "0x10", ""):
        said = told(desk, _post(desk, b"{}", length))
        assert said.split(b" ")[1] in (b"400", b"413"), (length, said)


def _post(desk: Desk, body: bytes, length: int | str) -> bytes:
    host = f"127.0.0.1:{desk.server.bound.port}"
    head = f"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


# -- addresses and heads -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/../api-token",
        "/assets/../../api-token",
        "/assets/%2e%2e/%2e%2e/api-token",
        "/assets/..%2f..%2fapi-token",
        "/assets/....//api-token",
        "//etc/passwd",
        "/assets/\\..\\api-token",
        "/assets/index-1a2b.js/..",
        "/assets/",
        "/api-token",
        "/index.html/../../api-token",
        "/file:///etc/passwd",
    ],
)
def test_no_file_but_the_page_is_ever_told(desk: Desk, path: str) -> None:
    host = f"127.0.0.1:{desk.server.bound.port}"
    for token in ("", f"Authorization: Bearer {desk.operator}\r\n"):
        said = told(desk, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}Connection: close\r\n\r\n".encode())
        assert said.split(b" ")[1] in (b"400", b"401", b"404"), said
        assert desk.operator.encode() not in said
        assert b"root:" not in said


@pytest.mark.parametrize("path", ["/ping?x=%00", "/%00", "/ping%0a", "/api/%0d%0aSet-Cookie:x", "/ping?%1f=1"])
def test_control_characters_are_refused(desk: Desk, path: str) -> None:
    answer = desk.client(desk.operator).get(path)

    assert (answer.status_code, code_of(answer)) == (400, "BAD_REQUEST")


def test_the_page_is_told_with_its_kind_and_not_twice(desk: Desk) -> None:
    page = desk.client().get("/")
    script = desk.client().get("/assets/index-1a2b.js")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    again = desk.client().get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_answer_has_the_headers_of_a_careful_server(desk: Desk) -> None:
    client, page = desk.client(desk.operator), desk.client()
    answers = [
        page.get("/"),
        page.get("/ping"),
        page.get("/metrics"),
        client.get("/metrics"),
        client.get("/none"),
        client.delete("/ping"),
        page.post("/login", content=b"x"),
        client.get("/", headers={"Host": "evil.example"}),
    ]

    assert [one.status_code for one in answers] == [200, 200, 401, 200, 404, 405, 415, 403]
    for answer in answers:
        said = answer.headers
        policy = said["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert said["x-content-type-options"] == "nosniff"
        assert "server" not in said
        assert {name.decode() for name, _ in HEADERS} <= set(said)
    assert {one.headers["cache-control"] for one in answers[1:]} == {"no-store"}


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request(desk: Desk, text: bytes) -> None:
    assert told(desk, text).split(b" ")[1:2] in ([b"400"], [])
    assert desk.client().get("/ping").status_code == 200


def test_a_head_without_an_end_is_cut(desk: Desk) -> None:
    with socket.create_connection(("127.0.0.1", desk.server.bound.port), 5) as one:
        one.sendall(f"GET /ping HTTP/1.1\r\nHost: 127.0.0.1:{desk.server.bound.port}\r\n".encode())
        assert cut(one, (b"X-Long: " + b"x" * 1000 + b"\r\n" for _ in range(20_000)))
    assert desk.client().get("/ping").status_code == 200


def test_errors_tell_nothing_of_the_machine(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError(f"at {desk.database} with {desk.operator}")

    monkeypatch.setattr(desk.server.site, "read", broken)
    answer = desk.client(desk.operator).get("/health/ready")

    assert answer.status_code == 500
    assert code_of(answer) == "FAILED"
    for secret in (desk.operator, "argus.db", "Traceback", "/"):
        assert secret not in answer.json()["error"]["message"]
    assert set(dict(answer.headers)) >= {"content-security-policy", "x-content-type-options"}
    assert any("ZeroDivisionError" in one for one in desk.told)
    assert not any("argus.db" in one for one in desk.told)


# -- floods ------------------------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A server whose limits are soon met."""
    limits = Limits(
        requests=Rate(0.01, 5),
        commands=Rate(0.01, 3),
        urgent=Rate(0.01, 2),
        strangers=Rate(0.01, 4),
        failures=Rate(0.01, 3),
    )
    with serving(tmp_path, monkeypatch, limits=limits) as made:
        yield made


def test_a_flood_is_answered_and_leaves_room_to_stop(strict: Desk) -> None:
    client = strict.client(strict.operator)

    reads = [client.get("/api/session").status_code for _ in range(8)]
    commands = [client.post("/api/engine/pause", json={}).status_code for _ in range(5)]
    stops = [client.post("/api/engine/emergency-stop", json={}).status_code for _ in range(3)]

    assert reads == [200] * 5 + [429] * 3
    assert commands == [404] * 3 + [429] * 2
    assert stops == [404, 404, 429]
    late = client.get("/api/session")
    assert code_of(late) == "TOO_MANY_REQUESTS"
    assert int(late.headers["retry-after"]) > 0
    assert strict.client(strict.reader).get("/api/session").status_code == 200  # another client is not held back


def test_a_flood_of_strangers_does_not_hold_back_who_has_a_token(strict: Desk) -> None:
    stranger = strict.client()

    assert [stranger.get("/ping").status_code for _ in range(6)] == [200] * 4 + [429] * 2
    assert [stranger.get("/metrics").status_code for _ in range(2)] == [429] * 2
    assert strict.client(strict.operator).get("/api/session").status_code == 200


def test_guessing_is_slowed_down_and_a_right_token_still_counts(strict: Desk) -> None:
    guesses = [strict.client("wrong" * 10).get("/api/session").status_code for _ in range(5)]

    assert guesses == [401] * 3 + [429] * 2
    assert strict.client().post("/login", json={"code": "wrong" * 6}).status_code == 429
    assert strict.client(strict.operator).get("/api/session").status_code == 200


def test_connections_are_bounded_and_silent_ones_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD_WITHIN", 1.0)
    monkeypatch.setattr("api.server.most_connections", lambda: 8)
    with serving(tmp_path, monkeypatch) as desk:
        place = ("127.0.0.1", desk.server.bound.port)
        silent = [socket.create_connection(place, 5) for _ in range(8)]
        time.sleep(0.2)
        with socket.create_connection(place, 5) as one:
            one.settimeout(5)
            assert b"TOO_MANY_CONNECTIONS" in one.recv(4096)
        for one in silent:
            one.settimeout(5)
            assert one.recv(1) == b""
            one.close()
        assert desk.client().get("/ping").status_code == 200


def test_who_does_not_read_an_answer_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.server.KEEP_ALIVE", 1)
    big = static._file("/assets/big.js", ".js", b"x" * 30_000_000)
    monkeypatch.setattr(serving_desk, "PAGE", [*serving_desk.PAGE, big])
    with serving(tmp_path, monkeypatch) as desk, socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", desk.server.bound.port))
        one.sendall(f"GET /assets/big.js HTTP/1.1\r\nHost: 127.0.0.1:{desk.server.bound.port}\r\n\r\n".encode())
        open_ones = desk.server._server.server_state.connections
        ends = time.monotonic() + 20
        while not open_ones:
            time.sleep(0.01)
        while open_ones:
            assert time.monotonic() < ends, "it is still there"
            time.sleep(0.05)
        slow = desk.client().get("/assets/big.js")
        assert len(slow.content) == 30_000_000


def test_a_drop_at_a_time_does_not_keep_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD_WITHIN", 0.5)
    with serving(tmp_path, monkeypatch) as desk, socket.create_connection(("127.0.0.1", desk.server.bound.port)) as one:
        assert cut(one, (bytes([one]) for one in b"GET /ping HTTP/1.1\r\nX: " + b"y" * 100), pause=0.05)
        assert desk.client().get("/ping").status_code == 200


# -- TLS and the database ----------------------------------------------------------------------------


def test_over_tls_the_cookie_is_secure_and_plain_http_is_no_way_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = certificates.make(tmp_path)
    with serving(tmp_path, monkeypatch, where=Serving(port=0, tls_cert=cert, tls_key=key)) as desk:
        page, csrf = desk.session()

        assert desk.url.startswith("https://")
        assert page.post("/api/session/code", headers={"X-CSRF-Token": csrf}).status_code == 200
        assert "; Secure" in desk.client().post("/login", json={"token": desk.operator}).headers["set-cookie"]
        with pytest.raises(httpx.HTTPError):
            httpx.get(desk.url.replace("https", "http") + "/ping", trust_env=False)


def test_a_locked_database_is_503_and_what_does_not_need_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, monkeypatch) as desk:
        client = desk.client(desk.operator)
        assert client.get("/health/ready").status_code == 200
        desk.server.site._reader.dispose()
        with closing(sqlite3.connect(tmp_path / "argus.db", isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            with ThreadPoolExecutor(20) as several:
                stuck = [several.submit(client.get, "/health/ready") for _ in range(20)]
                free = [desk.client().get(path) for path in ("/ping", "/health/live", "/")]
                assert not any(one.done() for one in stuck)
                answers = [one.result() for one in stuck]
            assert [one.status_code for one in free] == [200] * 3
            assert {(one.status_code, code_of(one), one.headers["retry-after"]) for one in answers} == {
                (503, "DATABASE_AWAY", "1")
            }
            assert client.get("/metrics").text.count("argus_database_up 0") == 1
            other.execute("ROLLBACK")
        assert client.get("/health/ready").status_code == 200


def test_a_request_does_not_wait_as_long_as_a_writer_for_a_locked_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "PATIENCE", 3600.0)
    with (
        serving(tmp_path, monkeypatch, parts=WHOLE) as desk,
        closing(sqlite3.connect(tmp_path / "argus.db", isolation_level=None)) as other,
    ):
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        client = desk.client(desk.operator)
        asked = [client.get("/api/account"), client.post("/api/engine/pause", json={"reason": "x"})]
        with desk.socket(desk.operator) as page, pytest.raises(ConnectionClosed) as closed:
            page.recv(20)
        other.execute("ROLLBACK")

    assert [(one.status_code, code_of(one), one.headers["retry-after"]) for one in asked] == [
        (503, "DATABASE_AWAY", "1")
    ] * 2
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1013


def test_a_database_that_is_gone_is_503_without_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, monkeypatch) as desk:
        desk.server.site._reader.dispose()
        (tmp_path / "argus.db").rename(tmp_path / "away.db")
        answer = desk.client(desk.operator).get("/health/ready")

        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text
        assert json.loads(answer.text)["error"]["code"].startswith("DATABASE_")
        (tmp_path / "away.db").rename(tmp_path / "argus.db")
        desk.server.site._reader.dispose()
        assert desk.client(desk.operator).get("/health/ready").status_code == 200
