"""The page in a real browser, under the policy of the real server, against a server that does what it is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from tests.api.page_server import CODE, PageServer

VIEWS = ("overview", "symbols", "orders", "risk", "events", "engine", "backtests", "performance", "setup", "research")
"""In the order of their keys."""
PARTS = (
    *(f"performance/{name}" for name in ("days", "reasons", "trades")),
    *(f"setup/{name}" for name in ("configuration", "strategies", "rules")),
    *(f"research/{name}" for name in ("calibration", "cost", "notes", "proposals", "case?id=00000006case")),
)
"""What some of them are divided into besides their first part."""
SECOND = 1000


class Tab:
    """A page and everything that went wrong in it. ``missing`` are refusals that the test asked for."""

    def __init__(self, browser: Any, server: PageServer, **options: Any) -> None:
        self.server = server
        self._context = browser.new_context(
            locale="en-US", timezone_id="Europe/Berlin", **{"viewport": {"width": 1280, "height": 800}} | options
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(15 * SECOND)
        self.wrong: list[str] = []
        self.elsewhere: list[str] = []
        self.told: list[int] = []
        """Numbers of events in the order in which sockets brought them."""
        self.page.on(
            "console", lambda said: self.wrong.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda one: (self.wrong.append(f"dialog: {one.message}"), one.dismiss()))
        self.page.on("request", self._asked)
        self.page.on("websocket", lambda one: one.on("framereceived", self._frame))

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.server.address, "data:")):
            self.elsewhere.append(request.url)

    def _frame(self, text: Any) -> None:
        said = json.loads(text)
        if "id" in said:
            self.told.append(said["seq"])

    def open(self, fragment: str = f"code={CODE}") -> None:
        self.page.goto(f"{self.server.address}/#{fragment}")

    def live(self) -> None:
        self.page.wait_for_selector("#link[data-state=open]")

    def view(self, place: str) -> None:
        self.page.evaluate("place => { location.hash = place }", f"#/{place}")
        self.page.wait_for_selector(f"main[data-view={place.split('/')[0].split('?')[0]}]")

    def shown(self) -> None:
        """Wait until nothing of the view is awaited any more."""
        waiting = "[...document.querySelectorAll('main .empty')].some(one => one.textContent === 'Loading…')"
        self.until(lambda: not self.page.evaluate(waiting), "it does not come")

    def number(self, name: str) -> int:
        return int(self.page.get_attribute("#link", f"data-{name}") or 0)

    def until(self, holds: Callable[[], bool], what: str, within: float = 15.0) -> None:
        end = time.monotonic() + within
        while not holds():
            assert time.monotonic() < end, what
            self.page.wait_for_timeout(50)

    def close(self) -> None:
        self._context.close()


def asked(tab: Tab, path: str) -> list[dict[str, str]]:
    """Listens for what the page asks of a path: the queries so far and from now on."""
    found: list[dict[str, str]] = []

    def one(request: Any) -> None:
        address, _, query = request.url.removeprefix(tab.server.address).partition("?")
        if address == path:
            found.append({name: values[0] for name, values in parse_qs(query).items()})

    tab.page.on("request", one)
    return found


def cells(tab: Tab, table: str, column: int) -> list[str]:
    return tab.page.locator(f"[role=region][aria-label='{table}'] tbody td:nth-child({column})").all_inner_texts()


def story_of(tab: Tab) -> str:
    """A fill, of which everything from the scan on is known."""
    found = (one["id"] for one in reversed(tab.server.world.events) if one["type"] == "TRADE_EXECUTION")
    return str(next(found))


def forgive(tab: Tab, status: int) -> None:
    """The browser tells of every refusal by itself: the ones that were meant are taken out."""
    kept = [one for one in tab.wrong if f"status of {status}" not in one]
    assert len(kept) < len(tab.wrong)
    tab.wrong[:] = kept
