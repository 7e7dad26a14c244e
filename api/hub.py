"""The tail of the event table, read once for everybody who listens in this process."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from actors.base import Failure, guarded
from api.pages import Page, Runs, Told, Wish, complete, newest, page, wish
from api.snapshot import Snapshots
from api.subscription import Subscription, wake_all
from journal.engines import BRIEF
from journal.store import Store

EVERY = 0.02
"""Seconds between two looks while somebody listens."""
AGAIN = 0.25
"""Seconds until a database that was away is asked again."""
PAGE = 1_000
"""Events read at once."""
PAGE_BYTES = 64 * 1024
"""They weigh at most this much, if they are more than one: scans of many symbols are large, and everybody who is
behind has a page of its own. In memory it is up to ten times that."""
SIZE = 1_000
"""Events that may wait for one subscriber; one more and it is dropped."""
WAITING_BYTES = 4 * 1024 * 1024
"""They weigh at most this much. Those who are up to date share them."""


class Hub:
    """Follows the events of a database and passes them on; a subscriber that is too slow is dropped and marked.

    A subscriber reads pages of the database until it has come to where the tail is, and is passed what the tail
    reads from then on: without a gap, and nothing twice. Nobody waits for anybody. While the database is away
    (``away`` says why) the hub waits and goes on. Several hubs may follow one database.
    """

    def __init__(
        self,
        url: str,
        every: float = EVERY,
        again: float = AGAIN,
        page_size: int = PAGE,
        page_bytes: int = PAGE_BYTES,
        waiting_bytes: int = WAITING_BYTES,
    ) -> None:
        self.url, self.every, self.again = url, every, again
        self.page_size, self.page_bytes, self.waiting_bytes = page_size, page_bytes, waiting_bytes
        self.away = ""
        self._readers = ThreadPoolExecutor(2, "event-pages")
        self._store = Store(url, 0, patience=BRIEF)
        self._runs = Runs()
        self._snapshots = Snapshots(self._runs)
        self._state = threading.Condition()
        self._live: list[Subscription] = []
        self._all: set[Subscription] = set()
        self._position = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    # -- for everybody ---------------------------------------------------------------------------

    def subscribe(
        self,
        run_id: str | None = None,
        after_seq: int = 0,
        types: Iterable[str] | None = None,
        symbols: Iterable[str] | None = None,
        size: int = SIZE,
    ) -> Subscription:
        """Events with a greater number than ``after_seq``, of this run (None: of every run), these types and symbols.

        A number that the database has not come to yet counts as its newest. At most ``size`` events wait for it, and
        no more than ``waiting_bytes`` of the hub.
        """
        one = Subscription(self, wish(run_id, types, symbols), after_seq, size, self.waiting_bytes)
        with self._state:
            if self._over.is_set():
                one.closed = True
            else:
                self._all.add(one)
        return one

    def snapshot(self, run_id: str | None = None, beside: bool = False) -> dict[str, Any]:
        """STATE_SNAPSHOT of a run (None: the newest): the state after the event ``seq``, from which to subscribe.

        ``beside``: it is told by the server of a run, which starts none. Raises DatabaseAway or DatabaseBroken.
        """
        with self._store.read() as c:
            return self._snapshots.take(c, run_id, beside)

    def newest(self) -> int:
        """The number of the last event. Raises DatabaseAway or DatabaseBroken."""
        with self._store.read() as c:
            return newest(c)

    def close(self) -> None:
        """End every subscription and the tail."""
        with self._state:
            self._over.set()
            everybody = list(self._all)
            self._state.notify_all()
        for one in everybody:
            one.close()
        if self._thread is not None:
            self._thread.join(5.0)
        self._readers.shutdown(wait=True, cancel_futures=True)
        self._store.close()

    @property
    def listeners(self) -> int:
        """How many subscriptions are open."""
        return len(self._all)

    # -- what a subscription asks for ------------------------------------------------------------

    def fill(self, one: Subscription) -> bool:
        """Give it the next page, or let it join the tail where there is no more; False while the database is away.

        Who was told to read no longer may leave one that is still under way: it is waited for, and not repeated.
        """
        with one.filling:
            return one.live or one.ended or one.waiting > 0 or self._fill(one)

    def _fill(self, one: Subscription) -> bool:
        limit = max(1, min(self.page_size, one.size))
        found = self._read(one.wanted, one.position, limit)
        if found is None:
            return False
        if found.until < one.position:
            one.back_to(found.until)
        one.offer(self._completed(one.wanted, found.found), found.until)
        if found.more or len(found.found) > one.size // 2:
            return True  # first what is here, then the tail: it would have little room
        with self._state:
            if not self._live:
                self._position = one.position
            if one.position >= self._position and not one.ended:
                one.live = True
                self._live.append(one)
                self._begin()
        return True

    def leave(self, one: Subscription) -> None:
        with self._state:
            self._all.discard(one)
            if one in self._live:
                self._live.remove(one)
            one.live = False

    async def filled(self, one: Subscription) -> bool:
        """As ``fill``, beside the loop that asks."""
        try:
            reading = asyncio.get_running_loop().run_in_executor(self._readers, self.fill, one)
        except RuntimeError:
            if self._over.is_set():
                return True  # closed in this moment: its stream has ended
            raise
        return await reading

    # -- the tail --------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._state.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._tail, name="event-hub", daemon=True)
            self._thread.start()

    def _tail(self) -> None:
        while not self._over.is_set():
            with self._state:
                while not self._live and not self._over.is_set():
                    self._state.wait()
                after = self._position
            found = self._read(Wish(), after, self.page_size)
            if found is None:
                self._over.wait(self.again)
                continue
            self._tell(after, found)
            if not found.more:
                self._over.wait(self.every)

    def _read(self, wanted: Wish, after: int, limit: int) -> Page | None:
        """What comes after a number; None while the database is away."""
        found = guarded(self._page, wanted, after, limit)
        self.away = found.what if isinstance(found, Failure) else ""
        return None if isinstance(found, Failure) else found

    def _page(self, wanted: Wish, after: int, limit: int) -> Page:
        with self._store.read() as c:
            return page(c, self._runs, wanted, after, limit, self.page_bytes)

    def _tell(self, after: int, found: Page) -> None:
        """Pass it on; nothing if the tail was set elsewhere meanwhile."""
        waiting: dict[Any, list[Subscription]] = defaultdict(list)
        chosen: dict[Wish, list[Told]] = {}
        with self._state:
            if self._position != after or not found.found:
                return
            self._position = found.until
            for one in list(self._live):
                if one.wanted not in chosen:
                    mine = [event for event in found.found if one.wanted.takes(event)]
                    chosen[one.wanted] = self._completed(one.wanted, mine)
                if not one.offer(chosen[one.wanted], found.until):
                    self._live.remove(one)
                    self._all.discard(one)
                if chosen[one.wanted]:
                    waiting[one.loop].append(one)
        for loop, several in waiting.items():
            if loop is None:
                for one in several:
                    one.wake()
            else:
                wake_all(loop, several)

    @staticmethod
    def _completed(wanted: Wish, found: list[Told]) -> list[Told]:
        """With a marker between events whose numbers do not follow each other, for who follows every number."""
        return complete(found, 0, wanted.run_id) if wanted.whole and found else found
