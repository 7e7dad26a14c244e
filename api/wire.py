"""The connections of the server below HTTP: how many, how long they may say nothing, and events in whole frames.

uvicorn itself takes any number of connections, waits for a request as long as it takes, and cannot cut one whose
client does not read.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from starlette.websockets import WebSocket, WebSocketState
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

HEAD_WITHIN = 10.0
"""Seconds for the head of a request to arrive."""
HEAD = 32 * 1024
"""Bytes of a head."""
IGNORED = 1024 * 1024
"""Bytes of a body that may still come when its request was answered already."""
LINGER = 2.0
"""Seconds in which a closed connection may still take what was sent."""

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n"
    b'Content-Length: 79\r\n\r\n{"error":{"code":"TOO_MANY_CONNECTIONS","message":"too many connections here"}}'
)


def most_connections() -> int:
    """How many connections the server takes: the run beside it needs files of its own."""
    if sys.platform == "win32":
        return 512
    import resource

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1024 if allowed == resource.RLIM_INFINITY else max(64, min(1024, allowed // 2))


class Http(HttpToolsProtocol):
    """HTTP/1.1 with a limit on connections, on the size of a head, and on the time it takes."""

    most = 512

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._waiting: asyncio.TimerHandle | None = None
        self._head = 0
        self._ignored = self._unread = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self.most:
            self.transport, self._refused = transport, True
            transport.write(_FULL)
            transport.close()
            return
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        if not self._refused:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._head += len(data)
        super().data_received(data)
        if self._waiting is not None and self._head > HEAD:
            self._waiting.cancel()
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._ignored = 0
        self._wait()

    def on_headers_complete(self) -> None:
        self._arrived()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle is not None and self.cycle.response_complete:
            self._ignored += len(body)
            if self._ignored > IGNORED:
                self.transport.abort()
        super().on_body(body)

    def timeout_keep_alive_handler(self) -> None:
        """Nothing was asked for a while: end it, but not while its client still takes what it was answered."""
        left = self.transport.get_write_buffer_size()
        if left and left != self._unread:
            self._unread = left
            again = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = again
        elif left:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _wait(self) -> None:
        if self._waiting is None:
            self._head = 0
            self._waiting = self.loop.call_later(HEAD_WITHIN, self.transport.abort)

    def _arrived(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class Frames(WebSocketsSansIOProtocol):
    """A WebSocket that takes frames as they are, and that can be ended while its client does not read."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "wire": self}

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # refused, and answered: nothing is missing

    async def put(self, frames: bytes) -> None:
        """Whole frames as ``frame`` makes them; waits while the client's side is full. Raises ClientDisconnected."""
        await self.writable.wait()
        if self.disconnected or self.close_sent or self.transport.is_closing():
            raise ClientDisconnected
        self.transport.write(frames)

    def drop(self, code: int, reason: str) -> None:
        """End it, also if nothing can be sent any more."""
        if not (self.disconnected or self.close_sent or self.transport.is_closing()):
            self.stop_keepalive()
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.writable.set()
            if self.read_paused:
                self.read_paused = False
                self.transport.resume_reading()
            self.close_timer = self.loop.call_later(LINGER, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(LINGER, self.transport.abort)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(self.close_timeout + LINGER, self.transport.abort)

    def shutdown(self) -> None:
        if self.handshake_complete and not self.close_sent:
            self.drop(1001, "the server goes away")
        else:
            super().shutdown()


def frame(text: bytes) -> bytes:
    """A text message of a server as one frame (RFC 6455): the same bytes for every client."""
    size = len(text)
    if size < 126:
        return bytes((0x81, size)) + text
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text


class Plain:
    """The same over any other server: one message at a time."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._ended: asyncio.Task[None] | None = None

    async def put(self, frames: bytes) -> None:
        for text in texts(frames):
            await self._socket.send_text(text.decode())

    def drop(self, code: int, reason: str) -> None:
        if self._socket.application_state == WebSocketState.CONNECTED and self._ended is None:
            self._ended = asyncio.create_task(self._socket.close(code, reason))


def texts(frames: bytes) -> list[bytes]:
    """The messages in frames that ``frame`` made."""
    found, at = [], 0
    while at < len(frames):
        size, start = frames[at + 1], at + 2
        if size >= 126:
            more = 2 if size == 126 else 8
            size, start = int.from_bytes(frames[start : start + more], "big"), start + more
        found.append(frames[start : start + size])
        at = start + size
    return found
