"""The socket over real connections: who may listen, what is told, and clients that do not behave."""

from __future__ import annotations

import json
import random
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from api import wire
from api.frames import PIECE
from api.security import sockets as counting
from api.security.limits import Limits, Rate
from api.wire import frame, texts
from tests.api.serving_desk import Desk, events, heard, say, serving


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with serving(tmp_path, monkeypatch) as made:
        yield made


def ended(socket: ClientConnection, within: float = 10.0) -> tuple[int, str]:
    """The code and the reason with which it is closed, whatever is told before."""
    ends = time.monotonic() + within
    while True:
        try:
            socket.recv(max(0.1, ends - time.monotonic()))
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (-1, "cut without a word")


def cookie_of(page: Any) -> dict[str, str]:
    return {"Cookie": f"argus_session={page.cookies['argus_session']}"}


def until(holds: Callable[[], bool], what: str, within: float = 30.0) -> None:
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends, f"not yet: {what}"
        time.sleep(0.02)


def until_idle(desk: Desk) -> None:
    left = desk.server.security.sockets
    until(lambda: not left.open and not desk.server.site.hub.listeners, "no socket is left")


# -- who may listen ----------------------------------------------------------------------------------


def test_a_token_in_the_first_message_opens_it(desk: Desk) -> None:
    for token in (desk.operator, desk.reader):
        with desk.socket(token) as socket:
            first = heard(socket)
            assert (first["type"], first["v"], first["seq"]) == ("STATE_SNAPSHOT", 1, 0)
            assert {"account", "positions", "scan", "trades", "events", "engine", "run", "simulated"} <= set(
                first["data"]
            )


def test_so_does_a_header_and_a_session_of_our_own_page(desk: Desk) -> None:
    page, _ = desk.session()

    with desk.socket(additional_headers={"Authorization": f"Bearer {desk.reader}"}) as socket:
        assert heard(socket)["type"] == "STATE_SNAPSHOT"
    with desk.socket(additional_headers=cookie_of(page), origin=desk.url) as socket:
        assert heard(socket)["type"] == "STATE_SNAPSHOT"


@pytest.mark.parametrize(
    ("headers", "origin", "status", "code"),
    [
        ({}, "http://evil.example", 403, "ORIGIN_NOT_ALLOWED"),
        ({}, "null", 403, "ORIGIN_NOT_ALLOWED"),
        ({"Authorization": "Bearer wrong"}, None, 401, "WRONG_TOKEN"),
        ({"Cookie": "argus_session=a.b"}, None, 401, "UNAUTHENTICATED"),
    ],
)
def test_a_handshake_that_is_refused(
    desk: Desk, headers: dict[str, str], origin: str | None, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, desk.socket(additional_headers=headers, origin=origin):  # type: ignore[arg-type]
        pass

    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == code


def test_a_handshake_under_another_name_is_refused(desk: Desk) -> None:
    with sockets.create_connection(("127.0.0.1", desk.server.bound.port), 5) as one:
        one.sendall(
            f"GET /ws HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode()
        )
        said = one.recv(4096)
    assert said.startswith(b"HTTP/1.1 403")
    assert b"HOST_NOT_ALLOWED" in said
    assert desk.told == []


def test_a_session_without_an_origin_or_from_another_page_is_refused(desk: Desk) -> None:
    page, _ = desk.session()
    for origin in (None, "http://localhost:1", "http://evil.example"):
        with pytest.raises(InvalidStatus) as refused, desk.socket(additional_headers=cookie_of(page), origin=origin):  # type: ignore[arg-type]
            pass
        assert refused.value.response.status_code == 403


def test_a_token_in_its_address_is_refused(desk: Desk) -> None:
    from websockets.sync.client import connect

    for query in (f"token={desk.operator}", f"x={desk.reader}"):
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(f"ws{desk.url.removeprefix('http')}/ws?{query}", proxy=None),
        ):
            pass
        assert refused.value.response.status_code == 400


@pytest.mark.parametrize(
    "first",
    [
        {"type": "auth", "token": "wrong" * 10},
        {"type": "auth", "token": ""},
        {"type": "ping"},
        {"type": "resume", "seq": 1},
        {"type": "subscribe"},
    ],
)
def test_without_a_proof_it_is_closed(desk: Desk, first: dict[str, Any]) -> None:
    with desk.socket() as socket:
        say(socket, **first)
        assert ended(socket)[0] == 4401


def test_who_says_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, monkeypatch, limits=Limits(proof_within=0.3)) as desk, desk.socket() as socket:
        assert ended(socket) == (4401, "nobody said who it is")


def test_a_session_that_ends_closes_its_sockets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.socket.LOOK", 0.1)
    page, csrf = desk.session()
    with desk.socket(additional_headers=cookie_of(page), origin=desk.url) as socket, desk.socket(desk.reader) as other:
        heard(socket), heard(other)
        page.post("/logout", headers={"X-CSRF-Token": csrf})
        assert ended(socket)[0] == 4401
        say(other, type="ping")
        assert heard(other)["type"] == "pong"


# -- what is told ------------------------------------------------------------------------------------


def test_events_follow_the_snapshot_without_gap_or_repeat(desk: Desk) -> None:
    desk.emit("a", "b", "c")
    stop = threading.Event()
    count = 0

    def write() -> None:
        nonlocal count
        while not stop.is_set() and count < 500:
            desk.emit(f"w{count}")
            count += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with desk.socket(desk.reader) as socket:
            first = heard(socket)["seq"]
            assert events(socket, 60) == list(range(first + 1, first + 61))
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("beside", [False, True])
def test_the_snapshot_tells_of_a_start_only_where_one_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    with serving(tmp_path, monkeypatch, beside=beside) as desk, desk.socket(desk.reader) as socket:
        assert ("start" in heard(socket)["data"]["engine"]["legal"]) is not beside


def test_an_event_is_the_envelope_of_the_database(desk: Desk) -> None:
    with desk.socket(desk.operator) as socket:
        heard(socket)
        desk.emit("k", kind="ALERT", symbol="EURUSD")
        found = heard(socket)

    assert list(found) == ["v", "seq", "id", "type", "ts", "run_id", "symbol", "correlation_id", "causation_id", "data"]
    assert (found["seq"], found["type"], found["symbol"], found["data"]) == (1, "ALERT", "EURUSD", {"cycle": 1})


def test_resume_goes_on_behind_what_is_known(desk: Desk) -> None:
    desk.emit(*"abcdefgh")
    with desk.socket() as socket:
        say(socket, type="auth", token=desk.reader, resume=3)
        assert heard(socket) == {"type": "RESUMED", "seq": 3, "run_id": None}
        assert events(socket, 5) == [4, 5, 6, 7, 8]
        say(socket, type="resume", seq=6)
        assert heard(socket)["type"] == "RESUMED"
        assert events(socket, 2) == [7, 8]
        desk.emit("i")
        assert events(socket, 1) == [9]


@pytest.mark.parametrize("said", [{"seq": 99}, {"seq": -1}, {"seq": 1, "run_id": "nobody"}, {"seq": 2**62}])
def test_resume_of_what_this_database_never_told_begins_anew(desk: Desk, said: dict[str, Any]) -> None:
    desk.emit("a", "b")
    with desk.socket(desk.reader) as socket:
        heard(socket)
        say(socket, type="resume", **said)
        again = heard(socket)
        assert (again["type"], again["seq"]) == ("STATE_SNAPSHOT", 2)
        desk.emit("c")
        assert events(socket, 1) == [3]


def test_a_subscription_chooses_types_and_symbols(desk: Desk) -> None:
    with desk.socket(desk.reader) as socket:
        heard(socket)
        say(socket, type="subscribe", types=["ALERT"], symbols=None)
        assert heard(socket)["type"] == "SUBSCRIBED"
        desk.emit("a")
        desk.emit("b", kind="ALERT", symbol="X")
        assert heard(socket)["seq"] == 2
        say(socket, type="subscribe", types=None, symbols=["Y"])
        heard(socket)
        desk.emit("c", kind="ALERT", symbol="X")
        desk.emit("d", symbol="Y")
        assert heard(socket)["seq"] == 4
        say(socket, type="subscribe")
        heard(socket)
        desk.emit("e")
        assert heard(socket)["seq"] == 5
        say(socket, type="ping")
        assert heard(socket) == {"type": "pong", "seq": 5}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"type": "fly"}',
        '{"type": "resume"}',
        '{"type": "resume", "seq": "1"}',
        '{"type": "resume", "seq": 1.5}',
        '{"type": "ping", "more": 1}',
        '{"type": "subscribe", "types": ["NOBODY"]}',
        '{"type": "subscribe", "types": "ALERT"}',
        '{"type": "auth", "token": "x"}',
        "[" * 10_000,
        '{"type": "resume", "seq": NaN}',
        b"bytes",
    ],
)
def test_a_message_that_is_none_closes_it(desk: Desk, text: str | bytes) -> None:
    with desk.socket(desk.reader) as socket:
        heard(socket)
        socket.send(text)
        assert ended(socket)[0] == 4400


def test_a_message_that_is_too_large_closes_it(desk: Desk) -> None:
    with desk.socket(desk.reader) as socket:
        heard(socket)
        socket.send("x" * 20_000)
        assert ended(socket)[0] == 1009


def test_a_flood_of_messages_closes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        serving(tmp_path, monkeypatch, limits=Limits(messages=Rate(0.1, 5))) as desk,
        desk.socket(desk.reader) as socket,
    ):
        heard(socket)
        for _ in range(6):
            say(socket, type="ping")
        assert ended(socket) == (4400, "too many messages")


# -- clients that do not behave ----------------------------------------------------------------------


def test_a_client_killed_and_resumed_a_hundred_times_has_exactly_the_events(desk: Desk) -> None:
    chance = random.Random(7)
    desk.emit(*(f"before-{one}" for one in range(1000)))
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            desk.emit(*(f"{number}-{one}" for one in range(chance.randint(1, 5))))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    found: list[int] = []
    try:
        for _ in range(100):
            with desk.socket() as socket:
                say(socket, type="auth", token=desk.operator, resume=found[-1] if found else 0)
                assert heard(socket)["type"] == "RESUMED"
                found += events(socket, chance.randint(0, 20))
                if chance.random() < 0.5:
                    socket.socket.shutdown(sockets.SHUT_RDWR)  # as if it had been killed
    finally:
        stop.set()
        writer.join()

    assert len(found) > 500
    assert found == list(range(1, len(found) + 1))
    until_idle(desk)


def test_a_client_that_never_reads_is_dropped_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "LINGER", 0.3)
    with serving(tmp_path, monkeypatch, limits=Limits(slow=1.0)) as desk, desk.socket(desk.reader) as good:
        heard(good)
        place = ("127.0.0.1", desk.server.bound.port)
        with sockets.socket() as bad:
            bad.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            bad.connect(place)
            bad.sendall(
                f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{place[1]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
                f"Authorization: Bearer {desk.operator}\r\n\r\n".encode()
            )
            received: list[int] = []
            reading = threading.Thread(target=lambda: received.extend(events(good, 3_000)))
            reading.start()
            for number in range(30):
                desk.emit(*(f"{number}-{one}" for one in range(100)), symbol="S" * 5000)
            reading.join(60)
            assert received == list(range(1, 3_001))
            until(lambda: desk.server.security.sockets.open == 1, "it holds its place no more")
            assert desk.server.security.sockets.dropped == 1
            until(lambda: len(desk.server._server.server_state.connections) == 1, "its connection is gone", within=8)
        say(good, type="ping")
        assert heard(good) == {"type": "pong", "seq": 3_000}


def test_a_slow_client_hears_why_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LINGER", 60.0)
    with serving(tmp_path, monkeypatch, limits=Limits(slow=0.5)) as desk:
        with desk.socket(desk.reader, max_queue=1, ping_interval=None) as slow:
            first = heard(slow)["seq"]
            for number in range(30):
                desk.emit(*(f"{number}-{one}" for one in range(100)), symbol="S" * 5000)
            until(lambda: desk.server.security.sockets.dropped == 1, "it is dropped")
            found, code = list[int](), 0
            while not code:
                try:
                    found.append(heard(slow)["seq"])
                except ConnectionClosed as closed:
                    code = closed.rcvd.code if closed.rcvd else -1
        assert code == 4408
        assert found == list(range(first + 1, first + 1 + len(found)))
        assert 0 < len(found) < 3_000
        with desk.socket() as again:
            say(again, type="auth", token=desk.reader, resume=found[-1])
            heard(again)
            assert events(again, 3_000 - len(found)) == list(range(len(found) + 1, 3_001))


def test_sockets_are_counted_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Limits(sockets=4, sockets_of_one=3, sockets_unproved=2)
    with serving(tmp_path, monkeypatch, limits=few) as desk:
        opened = [desk.socket(desk.reader) for _ in range(3)]
        held = [one.__enter__() for one in opened]
        for one in held:
            heard(one)
        with desk.socket(desk.reader) as fourth:
            assert ended(fourth) == (counting.LATER, "too many sockets")
        with desk.socket(desk.operator) as other:
            heard(other)
            assert desk.server.security.sockets.open == 4
        for one in opened:
            one.__exit__(None, None, None)
        until_idle(desk)
        silent = [desk.socket() for _ in range(2)]
        for one in silent:
            one.__enter__()
        time.sleep(0.1)
        with desk.socket() as third:
            assert ended(third)[0] == counting.LATER
        for one in silent:
            one.__exit__(None, None, None)


def test_a_storm_of_reconnects_leaves_nothing_behind(desk: Desk) -> None:
    desk.emit("a")

    def storm() -> None:
        for _ in range(15):
            try:
                with desk.socket(desk.reader) as socket:
                    heard(socket)
                    socket.socket.shutdown(sockets.SHUT_RDWR)
            except (ConnectionClosed, InvalidStatus, OSError, EOFError, TimeoutError):
                continue

    threads = [threading.Thread(target=storm) for _ in range(10)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    until_idle(desk)
    with desk.socket(desk.reader) as socket:
        assert heard(socket)["seq"] == 1
    assert desk.client().get("/ping").status_code == 200


def test_a_flood_of_handshakes_is_refused_with_when_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, monkeypatch, limits=Limits(handshakes=Rate(0.01, 3))) as desk:
        for _ in range(3):
            with desk.socket(desk.reader) as socket:
                heard(socket)
        with pytest.raises(InvalidStatus) as refused, desk.socket():
            pass
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["retry-after"]) > 0


def test_a_database_that_is_away_closes_it_for_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from domain.errors import DatabaseAway

    def away(beside: bool) -> Any:
        raise DatabaseAway("locked")

    monkeypatch.setattr(desk.server.site.hub, "snapshot", away)
    with desk.socket(desk.reader) as socket:
        assert ended(socket)[0] == 1013


def test_a_server_that_ends_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, monkeypatch) as desk, desk.socket(desk.reader) as socket:
        heard(socket)
        began = time.monotonic()
        desk.server.stop()
        assert ended(socket)[0] == 1001
        assert not desk.server.alive
        assert time.monotonic() - began < 8


def test_what_waits_in_one_connection_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client far behind gets its events in pieces, each written when the one before it was taken."""
    given: list[int] = []
    real = wire.Frames.put

    async def counted(self: wire.Frames, frames: bytes) -> None:
        given.append(len(frames))
        await real(self, frames)

    monkeypatch.setattr(wire.Frames, "put", counted)
    desk.emit(*(str(one) for one in range(300)), symbol="S" * 5000)
    with desk.socket() as socket:
        say(socket, type="auth", token=desk.reader, resume=0)
        heard(socket)
        assert events(socket, 300) == list(range(1, 301))
    assert max(given) < 2 * PIECE
    assert sum(given) > 1_500_000


# -- frames ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_frame_is_what_a_client_reads(size: int) -> None:
    text = b"x" * size

    assert texts(frame(text) + frame(b"next")) == [text, b"next"]
