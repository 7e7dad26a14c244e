"""A WebSocket client whose connection is in the hands of the test: it reads as little as it likes, and can be cut."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

PATIENCE = 30.0
CHUNK = 64 * 1024


class RawSocket:
    """One connection. ``buffer`` is the size of what the system receives for it."""

    def __init__(self, url: str, token: str | None = None, *, buffer: int | None = None) -> None:
        address = parse_uri(f"ws{url.removeprefix('http')}/ws")
        self._protocol = ClientProtocol(address, max_size=None)
        self._waiting: deque[dict[str, Any]] = deque()
        self.half_read = 0
        """Bytes of a message of which the rest has not been read."""
        self.closed: tuple[int, str] | None = None
        self._socket = socket.socket()
        if buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(PATIENCE)
        self._socket.connect((address.host, address.port))
        request = self._protocol.connect()
        if token is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        self._protocol.send_request(request)
        self._flush()

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def opened(self) -> RawSocket:
        """When it has been admitted."""
        while self._protocol.state is State.CONNECTING:
            self.read()
        if self._protocol.handshake_exc is not None:
            raise self._protocol.handshake_exc
        return self

    def say(self, **message: Any) -> None:
        self._protocol.send_text(json.dumps(message).encode())
        self._flush()

    def read(self, most: int = CHUNK) -> bool:
        """At most so many bytes; False when the connection has ended."""
        try:
            data = self._socket.recv(most)
        except ConnectionResetError:
            return False
        if not data:
            return False
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            opcode = getattr(frame, "opcode", None)
            if opcode is Opcode.TEXT:
                self._waiting.append(json.loads(frame.data))  # type: ignore[union-attr]
            elif opcode is Opcode.CLOSE and (said := self._protocol.close_rcvd) is not None:
                self.closed = said.code, said.reason
        self.half_read = len(self._protocol.reader.buffer)
        self._flush()
        return True

    def messages(self) -> list[dict[str, Any]]:
        """Those that were read in whole and not been taken yet."""
        found = list(self._waiting)
        self._waiting.clear()
        return found

    def next(self) -> dict[str, Any] | None:
        """The next message; None when the connection has ended."""
        while not self._waiting:
            if not self.read():
                return None
        return self._waiting.popleft()

    def interrupt(self) -> None:
        """Whoever waits for a message in another thread gets none."""
        with contextlib.suppress(OSError):  # the server was faster
            self._socket.shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """As if the process had been killed in the middle of a word: unread bytes are thrown away, nothing is said."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                try:
                    self._socket.sendall(data)
                except (BrokenPipeError, ConnectionResetError):
                    return


class Follower(threading.Thread):
    """Reads whatever comes, from the beginning on, until it leaves."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(daemon=True)
        self.had: list[tuple[int, str]] = []
        """Number and id of every event."""
        self.trouble = ""
        self._socket = RawSocket(url).opened()
        self._socket.say(type="auth", token=token, resume=0)
        first = self._socket.next()
        assert first is not None
        assert first["type"] == "RESUMED"

    def __enter__(self) -> Follower:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.interrupt()
        self.join(PATIENCE)
        self._socket.abort()

    def run(self) -> None:
        while (told := self._socket.next()) is not None:
            self.had.append((told["seq"], told["id"]))
        self.trouble = f"it was ended: {self._socket.closed}"
