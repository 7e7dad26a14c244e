"""A client that never reads, while events pour in: what waits for it is bounded, it is dropped, and nobody else is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api import hub, wire
from api.frames import PIECE
from api.hub import Hub
from api.security.limits import Limits
from api.subscription import MOST, Subscription
from domain.events import ALERT
from tests.api import serving_desk, stream_desk
from tests.api.raw_socket import Follower, RawSocket
from tests.api.stream_desk import soon

EVENTS = 4_000
LARGE = 4_000
"""Bytes of one: all of them are far more than what the system keeps for a connection that is not read."""
WRITTEN_AT_ONCE = 100


class Measured:
    """The most that was kept for one subscriber and for one connection, at any time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events = self.bytes = self.handed_over = self.unsent = 0
        offer, batch, put = Subscription.offer, Subscription.batch, wire.Frames.put

        def offered(one: Subscription, *given: Any) -> bool:
            room = offer(one, *given)
            self.events = max(self.events, one.waiting)
            self.bytes = max(self.bytes, one.weight)
            return room

        async def taken(one: Subscription, *given: Any) -> Any:
            found = await batch(one, *given)
            self.handed_over = max(self.handed_over, len(found))
            return found

        async def written(one: wire.Frames, frames: bytes) -> None:
            await put(one, frames)
            self.unsent = max(self.unsent, one.transport.get_write_buffer_size())

        monkeypatch.setattr(Subscription, "offer", offered)
        monkeypatch.setattr(Subscription, "batch", taken)
        monkeypatch.setattr(wire.Frames, "put", written)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    return Measured(monkeypatch)


def flooded(desk: serving_desk.Desk) -> None:
    """Another client has every event, while they are written as fast as it goes; the silent one listens already."""
    soon(lambda: desk.server.site.hub.listeners == 1)
    with closing(stream_desk.Desk(desk.database, "run")) as writing, Follower(desk.url, desk.reader) as follower:
        had = follower.had
        for written in range(WRITTEN_AT_ONCE, EVENTS + 1, WRITTEN_AT_ONCE):
            writing.write("run", WRITTEN_AT_ONCE, ALERT, "EURUSD", LARGE)
            soon(lambda written=written: len(had) > written - 300 or follower.trouble, within=60)  # type: ignore[misc]
        soon(lambda: len(had) == EVENTS or follower.trouble, within=60)
        assert follower.trouble == ""
    assert [seq for seq, _ in had] == list(range(1, EVENTS + 1))


def bounded(measured: Measured, behind: int) -> None:
    """``behind``: the least that must have waited, so that a bound was needed."""
    assert behind < measured.events <= hub.SIZE
    assert measured.bytes <= hub.WAITING_BYTES
    assert measured.handed_over <= MOST
    assert PIECE / 2 < measured.unsent < 2 * PIECE + LARGE


@pytest.fixture(params=["it still hears why", "it is cut"])
def lingers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    long = bool(request.param == "it still hears why")
    monkeypatch.setattr(wire, "LINGER", 60.0 if long else 0.2)
    return long


def test_a_client_that_never_reads_costs_little_and_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured, lingers: bool
) -> None:
    with serving_desk.serving(tmp_path, monkeypatch, limits=Limits(slow=1.0)) as desk:
        with RawSocket(desk.url, desk.operator, buffer=4096).opened() as silent:
            count = desk.server.security.sockets
            flooded(desk)
            soon(lambda: count.dropped == 1, within=30)
            soon(lambda: not count.open and not desk.server.site.hub.listeners, within=30)
            if not lingers:
                soon(lambda: not desk.server._server.server_state.connections, within=30)
            bounded(measured, 0)
            while silent.read():
                pass
            told = silent.messages()
        assert [one["type"] for one in told[:1]] == ["STATE_SNAPSHOT"]
        assert [one["seq"] for one in told[1:]] == list(range(1, len(told)))
        assert len(told) < EVENTS
        assert silent.closed == ((4408, "too slow: resume from the last seq") if lingers else None)
        assert desk.told == []


def test_what_waits_is_bounded_however_long_it_is_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    """Where the server has all patience the queue itself is the limit: too many events and too many bytes."""
    lost: list[Subscription] = []
    leave = Hub.leave

    def left(here: Hub, one: Subscription) -> None:
        lost.extend([one] if one.lost else [])
        leave(here, one)

    monkeypatch.setattr(Hub, "leave", left)
    monkeypatch.setattr(wire, "LINGER", 0.2)
    with serving_desk.serving(tmp_path, monkeypatch, limits=Limits(slow=600.0)) as desk:
        with RawSocket(desk.url, desk.operator, buffer=4096).opened():
            flooded(desk)
            soon(lambda: desk.server.security.sockets.open == 1)
            bounded(measured, hub.WAITING_BYTES // (LARGE + 1_000) - WRITTEN_AT_ONCE)
            soon(lambda: not desk.server.site.hub.listeners)
        soon(lambda: not desk.server.security.sockets.open)
    assert [(one.lost, one.waiting) for one in lost] == [(True, 0)]
