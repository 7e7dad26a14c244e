"""A client that is killed again and again, at any point of its stream, and in the end has exactly the events."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from api.hub import EVERY, PAGE
from tests.api import serving_desk, stream_desk
from tests.api.raw_socket import Follower, RawSocket
from tests.api.stream_desk import KINDS, SYMBOLS, soon

KILLS = 100
BACKLOG = 3_000
AHEAD = 4_000
"""Events by which the writers may be ahead of the reader."""

CATCHING_UP = ("at once", "some", "some", "many", "bytes", "bytes")
EVERYWHERE = (*CATCHING_UP, "at the tail")
"""How it lives; it is behind for the first half of its lives."""

Had = tuple[int, str]


class Writers:
    """Two threads that add events to two runs, a few at once, as long as the reader is not too far behind."""

    def __init__(self, desk: stream_desk.Desk, seed: int) -> None:
        self.read = 0
        """The number that the reader has come to."""
        self._desk = desk
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(seed + one,)) for one in range(2)]

    def __enter__(self) -> Writers:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._threads:
            one.join()

    def _write(self, seed: int) -> None:
        dice, written = random.Random(seed), 0
        while not self._over.is_set():
            if written < self.read + AHEAD:
                count, size = dice.randint(1, 9), dice.choice((0, 0, 0, 5_000))
                kind, symbol = dice.choice(KINDS), dice.choice(SYMBOLS)
                written = self._desk.write(dice.choice(("run", "other")), count, kind, symbol, size)
            time.sleep(dice.random() * 0.006)


class Reader:
    """Has what it has been told, and goes on behind it in its next life."""

    def __init__(self, url: str, token: str, dice: random.Random) -> None:
        self._url, self._token, self._dice = url, token, dice
        self.had: list[Had] = []
        self.lives: Counter[str] = Counter()

    @property
    def seq(self) -> int:
        return self.had[-1][0] if self.had else 0

    def connect(self) -> RawSocket:
        """As a program does, or as the page does, which is sent the state and events first, and leaves those out."""
        as_page = self._dice.random() < 0.5
        self.lives["as page" if as_page else "as program"] += 1
        if as_page:
            made = RawSocket(self._url, self._token).opened()
            made.say(type="resume", seq=self.seq)
        else:
            made = RawSocket(self._url).opened()
            made.say(type="auth", token=self._token, resume=self.seq)
        return made

    def resumed(self, one: RawSocket) -> None:
        while (told := one.next()) is not None and told["type"] != "RESUMED":
            pass
        assert told is not None, "the server has ended it"
        assert told["seq"] == self.seq

    def take(self, one: RawSocket) -> None:
        told = one.next()
        assert told is not None, "the server has ended it"
        self.had.append((told["seq"], told["id"]))

    def live(self, hows: Sequence[str], newest: int) -> None:
        """Once, in one of these ways, until it is killed; ``newest`` is what the database has."""
        how = self._dice.choice(hows)
        with self.connect() as one:
            if how != "at once":
                self.resumed(one)
            self._listen(one, how, newest)
        self.lives["in a message" if one.half_read else how] += 1
        self.lives["behind"] += self.seq < newest - 500

    def _listen(self, one: RawSocket, how: str, newest: int) -> None:
        match how:
            case "some":
                for _ in range(self._dice.randint(0, 40)):
                    self.take(one)
            case "many":
                for _ in range(self._dice.randint(40, 400)):
                    self.take(one)
            case "bytes":
                for _ in range(self._dice.randint(1, 20)):
                    one.read(self._dice.randint(1, 3_000))
                self.had += [(told["seq"], told["id"]) for told in one.messages()]
            case "at the tail":
                until = newest + self._dice.randint(1, 20)
                while self.seq < until:
                    self.take(one)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[serving_desk.Desk]:
    with serving_desk.serving(tmp_path, monkeypatch) as made:
        yield made


@pytest.mark.parametrize(("seed", "every", "page_size"), [(1, EVERY, PAGE), (2, 0.001, 40)])
def test_a_client_killed_and_resumed_a_hundred_times_has_exactly_the_events(
    desk: serving_desk.Desk, seed: int, every: float, page_size: int, tmp_path: Path
) -> None:
    hub = desk.server.site.hub
    hub.every, hub.page_size = every, page_size
    writing = stream_desk.Desk(desk.database, "run", "other")
    for _ in range(BACKLOG // 100):
        writing.write("run", 100)
    reader = Reader(desk.url, desk.operator, random.Random(seed))
    with closing(writing), Follower(desk.url, desk.reader) as follower:
        with Writers(writing, seed) as writers:
            for number in range(KILLS):
                hows = CATCHING_UP if number < KILLS / 2 else EVERYWHERE
                reader.live(hows, hub.newest())
                writers.read = reader.seq
        with closing(sqlite3.connect(tmp_path / "argus.db")) as database:
            events: list[Had] = database.execute("SELECT seq, id FROM events ORDER BY seq").fetchall()
        with reader.connect() as last:
            reader.resumed(last)
            while reader.seq < events[-1][0]:
                reader.take(last)
            last.say(type="ping")
            assert last.next() == {"type": "pong", "seq": reader.seq}
        soon(lambda: len(follower.had) >= len(events) or follower.trouble, within=60)
        assert follower.trouble == ""

    assert reader.had == events
    assert follower.had == events  # who was never killed, and kept the server's tail going
    assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
    assert min(reader.lives[one] for one in ("as page", "as program", "behind")) > 20
    assert min(reader.lives[one] for one in ("some", "many", "in a message", "at the tail")) > 3
    left = desk.server.security.sockets
    soon(lambda: not left.open and not hub.listeners, within=30)
    assert (left.dropped, desk.told) == (0, [])
