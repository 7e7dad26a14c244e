"""A real run with its server, the page on it, and what its database says without asking either."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import httpx

from api import pages
from domain.order import DONE
from journal.store import Store
from tests.api.page_desk import Tab
from tests.run.place import Place

SETS = ("strategy.fast=3", "strategy.slow=8", "strategy.stop_atr=20")
SIM = ("run", "--symbols", "EURUSD,GBPUSD", "--seed", "3", "--preset", "yardstick", "--speed", "6")
RUN = (*SIM, *(part for one in SETS for part in ("--set", one)))


class Live:
    """A run that goes on, as ``python cli.py run`` starts it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine = place.start(*RUN, "--port", "0")
        self.address, self.code = place.page(self.engine)

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]

    def again(self) -> None:
        """The same run in new processes, at the same address."""
        self.engine = self.place.start("run", "--resume", "--port", self.port)
        self.address, self.code = self.place.page(self.engine)

    def another_code(self) -> str:
        """As ``python cli.py page`` asks for it."""
        token = (self.place.home / "api-token").read_text().strip()
        said = {"Authorization": f"Bearer {token}"}
        answer = httpx.post(f"{self.address}/api/session/code", headers=said, trust_env=False, timeout=30)
        return str(answer.json()["code"])

    def end(self) -> None:
        self.engine.send_signal(signal.SIGINT)
        assert self.engine.wait(60) == 0, self.place.err()
        self.place.nothing_left()

    # -- its database ----------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the tables hold; single columns as they are."""
        with closing(sqlite3.connect(f"file:{self.place.database}?mode=ro", uri=True, timeout=30)) as connection:
            found = connection.execute(query, values).fetchall()
        return [one[0] if len(one) == 1 else one for one in found]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What the last events of one type say."""
        store = Store(self.place.url, 0)
        try:
            with store.read() as c:
                found = pages.last(c, pages.Runs(), pages.wish(None, [kind], None), 200)
        finally:
            store.close()
        return [one["data"] for one in found]

    def newest(self) -> int:
        return int(self.rows("SELECT max(seq) FROM events")[0])

    def numbers(self, first: int, last: int) -> list[int]:
        """The events of the run from one number to another."""
        own = "run_id = (SELECT run_id FROM runs ORDER BY epoch DESC LIMIT 1)"
        return self.rows(f"SELECT seq FROM events WHERE {own} AND seq BETWEEN ? AND ? ORDER BY seq", first, last)

    def cycles(self) -> int:
        return int(self.rows("SELECT coalesce(max(n), 0) FROM cycles WHERE closed")[0])

    def held(self) -> list[Any]:
        """What the venue holds for us."""
        return self.rows("SELECT symbol, quantity FROM paper_positions WHERE CAST(quantity AS REAL) != 0")

    def working(self) -> list[Any]:
        """What may still be filled, at the venue and in our own books."""
        ended = ", ".join(f"'{one}'" for one in sorted(DONE))
        last = "SELECT order_id, status, max(seq) FROM order_events GROUP BY order_id"
        return [
            *self.rows(f"SELECT id, status FROM paper_orders WHERE status NOT IN ({ended})"),
            *self.rows(f"SELECT order_id, status FROM ({last}) WHERE status NOT IN ({ended})"),
        ]

    def fills(self, symbol: str = "%") -> list[Any]:
        """Side, quantity and price of each, in their order."""
        return self.rows("SELECT side, quantity, price FROM fills WHERE symbol LIKE ? ORDER BY seq", symbol)


class Beside:
    """``serve`` over the data folder of a run: a process that the run does not need."""

    def __init__(self, live: Live, place: Place) -> None:
        self._live, self._place = live, place
        self._process: subprocess.Popen[str] | None = None
        self.address = ""
        self.code = ""

    def start(self, port: str = "0") -> None:
        home = str(self._live.place.home)
        self._process = self._place.start("serve", "--port", port, "--json", ARGUS_HOME=home)
        ended = self._process.poll
        self._place.wait(lambda: self._place.out().endswith("\n") or ended() is not None, "the server's address")
        assert ended() is None, self._place.err()
        said = json.loads(self._place.out())
        assert said["pid"] == self._process.pid
        self.address, _, self.code = said["page_url"].partition("/#code=")

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()


class Sockets:
    """What each socket of a page has brought, in order. Made before the page is opened."""

    def __init__(self, tab: Tab) -> None:
        self.all: list[list[dict[str, Any]]] = []
        tab.page.on("websocket", self._opened)

    def _opened(self, socket: Any) -> None:
        frames: list[dict[str, Any]] = []
        self.all.append(frames)
        socket.on("framereceived", lambda text: frames.append(json.loads(text)))

    def taken(self) -> list[tuple[str, int, list[int]]]:
        """Of each: how it began, behind which number, and the numbers of the events from there on.

        What comes between a socket's snapshot and its RESUMED comes once more behind that.
        """
        found = []
        for frames in self.all:
            how, begun, told = "", 0, list[int]()
            for one in frames:
                if one["type"] in ("STATE_SNAPSHOT", "RESUMED"):
                    how, begun, told = one["type"], one["seq"], []
                elif "id" in one:
                    told.append(one["seq"])
            if how:
                found.append((how, begun, told))
        return found


_ROWS = """box => [box.getAttribute('aria-rowcount'), box.clientHeight, box.scrollHeight,
    [...box.querySelectorAll('[role=row]')].map(row => [row.ariaRowIndex, row.querySelector('.event').dataset.seq])]"""


def shown_events(tab: Tab) -> list[int]:
    """The numbers in the events view from its first row to its last, as one sees them who scrolls through."""
    page = tab.page
    tab.view("events")
    page.click("text=Freeze")
    rows: dict[int, int] = {}

    def whole() -> bool:
        count, step, height, _ = page.eval_on_selector(".virtual", _ROWS)
        for top in range(0, height, max(1, step // 2)):
            page.eval_on_selector(".virtual", "(box, top) => { box.scrollTop = top }", top)
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            seen = page.eval_on_selector(".virtual", _ROWS)[3]
            rows.update((int(index), int(seq)) for index, seq in seen)
        return len(rows) == int(count)

    tab.until(whole, "not every row is shown", 30)
    page.click("text=Frozen")
    return [rows[index] for index in sorted(rows)]
