"""The socket: the state, then every event after it, for as long as the client reads.

A client is told nothing twice and misses nothing: what it has is a number, and it goes on behind it. Nobody waits for
a client that does not read: it is cut, and can resume.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from api.errors import Problem
from api.frames import pieces
from api.security.client import Client
from api.security.sockets import AWAY, BAD, LATER, SLOW, UNPROVED, Ended
from api.site import Site, site
from api.subscription import Subscription
from api.wire import Plain, frame
from domain.errors import ArgusError
from domain.events import TYPES
from domain.limits import TokenBucket

router = APIRouter()

LOOK = 2.0
"""Seconds between two looks whether the session still holds."""
SYMBOLS = 2000


class Auth(msgspec.Struct, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """Proves a role, as the first message, where there is no session. With ``resume`` no snapshot is sent."""

    token: str
    resume: int | None = None
    run_id: str | None = None


class Resume(msgspec.Struct, tag_field="type", tag="resume", forbid_unknown_fields=True):
    """Go on behind ``seq``."""

    seq: int
    run_id: str | None = None


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe", forbid_unknown_fields=True):
    """From now on only these; None is all."""

    types: list[str] | None = None
    symbols: list[str] | None = None


class Ping(msgspec.Struct, tag_field="type", tag="ping", forbid_unknown_fields=True):
    """Answered with pong and the last number that was sent."""


Message = Auth | Resume | Subscribe | Ping
_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_JSON = msgspec.json.Encoder()


@router.websocket("/ws")
async def ws(socket: WebSocket) -> None:
    """The door has looked at Host, Origin and session; the rest is ``Conversation``."""
    here = site(socket)
    await socket.accept()
    wire = socket.scope["state"].get("wire") or Plain(socket)
    try:
        client, first = await _proved(socket, here)
        with here.security.sockets.admitted(client):
            await Conversation(socket, wire, here, client).serve(first)
    except Ended as ended:
        here.security.sockets.dropped += ended.code == SLOW
        wire.drop(ended.code, ended.reason)
    except ArgusError:
        wire.drop(LATER, "the database is away")
    except (WebSocketDisconnect, ClientDisconnected):
        return


async def _proved(socket: WebSocket, here: Site) -> tuple[Client, Auth | None]:
    """Who it is, by session, header or first message. Raises Ended."""
    client: Client | None = socket.scope["state"]["client"]
    if client is not None:
        return client, None
    limits = here.security.limits
    with here.security.sockets.proving():
        try:
            async with asyncio.timeout(limits.proof_within):
                said = _read(await _text(socket))
        except TimeoutError:
            raise Ended(UNPROVED, "nobody said who it is") from None
    if not isinstance(said, Auth):
        raise Ended(UNPROVED, "the first message is auth")
    address = socket.client.host if socket.client else "unknown"
    try:
        return here.security.proved(said.token, address), said
    except Problem as problem:
        raise Ended(UNPROVED, problem.message) from None


class Conversation:
    """One client that has proved its role."""

    def __init__(self, socket: WebSocket, wire: Any, here: Site, client: Client) -> None:
        self._socket, self._wire, self._here, self._client = socket, wire, here, client
        self._limits = here.security.limits
        self._messages = TokenBucket(self._limits.messages.rate, self._limits.messages.burst)
        self._seq = 0
        self._types: Sequence[str] | None = None
        self._symbols: Sequence[str] | None = None
        self._events: Subscription | None = None
        self._sending: asyncio.Task[None] | None = None

    async def serve(self, first: Auth | None) -> None:
        """To its end. Raises Ended, WebSocketDisconnect or ClientDisconnected."""
        if first is not None and first.resume is not None:
            await self._resume(Resume(first.resume, first.run_id))
        else:
            await self._begin()
        hearing = asyncio.create_task(_text(self._socket))
        try:
            while True:
                waiting = {hearing, self._sending} if self._sending is not None else {hearing}
                await asyncio.wait(waiting, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                self._still_holds()
                if self._sending is not None and self._sending.done():
                    self._sending.result()
                    raise Ended(AWAY, "the stream has ended")
                if hearing.done():
                    await self._obey(_read(hearing.result()))
                    hearing = asyncio.create_task(_text(self._socket))
        finally:
            hearing.cancel()
            await self._quiet()
            await asyncio.gather(hearing, return_exceptions=True)

    # -- what it says ----------------------------------------------------------------------------

    async def _obey(self, said: Message) -> None:
        if self._messages.take(time.monotonic()):
            raise Ended(BAD, "too many messages")
        match said:
            case Ping():
                await self._put(frame(_JSON.encode({"type": "pong", "seq": self._seq})))
            case Resume():
                await self._resume(said)
            case Subscribe():
                await self._subscribe(said)
            case _:
                raise Ended(BAD, "auth is the first message, and only that")

    async def _subscribe(self, said: Subscribe) -> None:
        unknown = sorted(set(said.types or ()) - set(TYPES))
        if unknown:
            raise Ended(BAD, f"unknown event type {unknown[0]!r}"[:100])
        if len(said.symbols or ()) > SYMBOLS:
            raise Ended(BAD, f"more than {SYMBOLS} symbols")
        await self._quiet()
        self._types, self._symbols = said.types, said.symbols
        answer = {"type": "SUBSCRIBED", "seq": self._seq, "types": self._types, "symbols": self._symbols}
        await self._put(frame(_JSON.encode(answer)))
        self._listen()

    async def _resume(self, said: Resume) -> None:
        """Go on behind a number that this database has told; else begin anew."""
        await self._quiet()
        if await anyio.to_thread.run_sync(self._knows, said):
            self._seq = said.seq
            await self._put(frame(_JSON.encode({"type": "RESUMED", "seq": said.seq, "run_id": said.run_id})))
            self._listen()
        else:
            await self._begin()

    def _knows(self, said: Resume) -> bool:
        if not 0 <= said.seq <= self._here.hub.newest():
            return False
        if said.run_id is None:
            return True
        from journal import views

        with self._here.read() as connection:
            return len(said.run_id) <= 64 and views.run(connection, said.run_id) is not None

    # -- what it is told -------------------------------------------------------------------------

    async def _begin(self) -> None:
        self._seq, snapshot = await self._here.snapshots.get()
        await self._put(snapshot)
        self._listen()

    def _listen(self) -> None:
        """Events of every run, so that one that begins is seen."""
        self._events = self._here.hub.subscribe(None, self._seq, self._types, self._symbols)
        self._sending = asyncio.create_task(self._send(self._events))

    async def _send(self, events: Subscription) -> None:
        """Until the stream ends. Raises Ended for a client that is too slow, ClientDisconnected if it is gone."""
        while batch := await events.batch():
            for piece in pieces(batch):
                await self._put(self._here.joined.get(piece))
                self._seq = piece[-1]["seq"]
        if events.lost:
            raise Ended(SLOW, "too slow: resume from the last seq")

    async def _put(self, frames: bytes) -> None:
        try:
            async with asyncio.timeout(self._limits.slow):
                await self._wire.put(frames)
        except TimeoutError:
            raise Ended(SLOW, "too slow: resume from the last seq") from None

    async def _quiet(self) -> None:
        """Nothing more of the stream so far. What was not written yet is not counted as told."""
        if self._events is not None:
            self._events.close()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        self._events = self._sending = None

    def _still_holds(self) -> None:
        session = self._client.session
        if session is not None and not self._here.security.sessions.alive(session):
            raise Ended(UNPROVED, "the session is over: log in again")


async def _text(socket: WebSocket) -> str:
    """The next message as text. Raises WebSocketDisconnect, Ended for one that is none."""
    said = await socket.receive()
    if said["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(said.get("code", 1005))
    text = said.get("text")
    if text is None:
        raise Ended(BAD, "messages are JSON text")
    return str(text)


def _read(text: str) -> Message:
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError):
        raise Ended(BAD, "not a message of this socket") from None
