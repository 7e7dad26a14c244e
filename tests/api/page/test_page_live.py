"""The page of a real run: what moves it, what it steers, and that the death of its server costs it no event."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lives import kill_tree
from domain.order import EMERGENCY
from tests.api.live_desk import Beside, Live, Sockets, shown_events
from tests.api.page_desk import VIEWS, Tab, forgive
from tests.run.place import Place

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
]

PATIENCE = 60.0
BREAKS_OUT = """<img src=x onerror="window.owned=1;alert(1);fetch('http://192.0.2.1/')"><b id=owned>"""
RUNS = """</td><script>window.owned = 2; alert(2)</script><iframe srcdoc="<script>parent.owned = 3</script>">"""


@pytest.fixture(scope="module")
def live(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    place = Place(tmp_path_factory.mktemp("live"))
    try:
        made = Live(place)
        yield made
        made.end()
    finally:
        place.close()


@pytest.fixture
def server(live: Live) -> Live:
    """The tabs of this module are of the run's own server."""
    return live


@pytest.fixture
def tab(tabs: Callable[..., Tab], live: Live) -> Tab:
    made = tabs()
    made.open(f"code={live.another_code()}")
    made.live()
    return made


@pytest.fixture
def beside(live: Live, tmp_path: Path) -> Iterator[Beside]:
    place = Place(tmp_path)
    made = Beside(live, place)
    try:
        made.start()
        yield made
    finally:
        place.close()


def tile(tab: Tab, name: str) -> str:
    found = tab.page.locator(f"dl.tiles dt:has-text('{name}') + dd")
    return str(found.evaluate("told => told.firstChild.textContent"))


def asked(tab: Tab, command: str, reason: str) -> None:
    """A command of the engine view, until it is done."""
    tab.view("engine")
    tab.page.click(f"[data-command={command}]:not(:disabled)")
    tab.page.fill("dialog input:not([type])", reason)
    tab.page.click("dialog button[type=submit]")
    tab.page.wait_for_selector("dialog [role=status]", timeout=PATIENCE * 1000)
    assert "Done." in tab.page.inner_text("dialog [role=status]")
    tab.page.keyboard.press("Escape")


def harmless(tab: Tab) -> None:
    """Nothing that came as text has become a part of the page, or has run."""
    found = "document.querySelectorAll('#owned, img[src=x], iframe, body script, [onerror]').length"
    assert tab.page.evaluate(found) == 0
    assert tab.page.evaluate("'owned' in window") is False


def lost(tab: Tab) -> None:
    """The end of a tab whose browser complains of a server that is gone, which is what was wanted."""
    tab.close()
    tab.wrong[:] = [one for one in tab.wrong if "ERR_CONNECTION" not in one and "WebSocket connection" not in one]


def followed(tab: Tab, sockets: Sockets, live: Live) -> None:
    """The page has every event of the database since its snapshot, each once, whatever it was connected to."""
    newest = live.newest()
    tab.until(lambda: tab.number("seq") > newest, "it does not go on", PATIENCE)
    began = sockets.taken()[0][1]
    had = [seq for seq in shown_events(tab) if seq > began]
    assert had == live.numbers(began + 1, had[-1])
    assert [tab.number(name) for name in ("gaps", "repeats", "skipped")] == [0, 0, 0]
    assert tab.page.query_selector("#gap, #repeated") is None
    before = 0
    for how, begun, told in sockets.taken():
        assert how == ("RESUMED" if before else "STATE_SNAPSHOT")
        assert begun >= before  # later where the API was asked meanwhile
        before = told[-1] if told else begun
        assert told == live.numbers(begun + 1, before)
    assert before >= had[-1] > newest


def test_the_printed_address_opens_it_once_and_the_run_moves_it(tabs: Callable[..., Tab], live: Live) -> None:
    tab, other = tabs(), tabs()
    tab.open(f"code={live.code}")
    tab.live()
    assert tab.page.evaluate("location.href") == f"{live.address}/"
    assert tab.page.inner_text("#simulated").startswith("SIMULATED")
    tab.page.evaluate("window.loaded = 'once'")
    cycle, equity = int(tile(tab, "Cycle")), tile(tab, "Equity")
    tab.until(lambda: int(tile(tab, "Cycle")) > cycle + 3, "the cycle stands still", PATIENCE)
    tab.until(lambda: tile(tab, "Equity") != equity, "equity stands still", PATIENCE)
    tab.until(lambda: live.cycles() >= int(tile(tab, "Cycle")), "it is ahead of the run")
    equity = tile(tab, "Equity")
    tab.until(
        lambda: equity in [f"{one['equity']:,.2f}" for one in live.told("SCAN_SUMMARY")],
        f"no cycle ended with {equity}",
    )
    assert tab.page.evaluate("window.loaded") == "once"
    other.open(f"code={live.code}")
    assert "used up or wrong" in other.page.inner_text("[role=alert]")
    forgive(other, 401)


def test_a_wrong_token_is_refused(tabs: Callable[..., Tab], live: Live) -> None:
    tab = tabs()
    tab.open("")
    tab.page.fill("#token", "wrong-" * 7)
    tab.page.keyboard.press("Enter")
    assert tab.page.inner_text("[role=alert]") == "✕ Wrong token."
    forgive(tab, 401)
    assert tab.page.query_selector("#halt") is None
    assert tab.page.context.cookies() == []
    tab.page.fill("#token", (live.place.home / "api-token").read_text().strip())
    tab.page.keyboard.press("Enter")
    tab.live()


def test_candles_and_a_new_fill_appear(tab: Tab, live: Live) -> None:
    def candle() -> str:
        """How many there are, and where the last one closed."""
        return tab.page.get_attribute(".chart[role=img]", "aria-label") or ""

    tab.view("symbols/EURUSD")
    tab.page.wait_for_selector(".chart canvas")
    before, known = candle(), live.fills("EURUSD")
    tab.until(lambda: len(live.fills("EURUSD")) > len(known), "no fill of EURUSD", PATIENCE)
    side, quantity, price = live.fills("EURUSD")[len(known)]
    told = (("Buy", "Sell")[side < 0], f"{float(quantity):,.0f}", f"{float(price):.5f}")

    def there() -> bool:
        return any(
            all(part in row for part in told)
            for row in tab.page.locator("section[aria-label=Fills] tbody tr").all_inner_texts()
        )

    tab.until(there, f"the fill {told} is not shown")
    tab.until(lambda: candle() != before, "no candle was added", PATIENCE)
    last = float(candle().rpartition("last ")[2])
    assert last in [round(one["prices"]["EURUSD"], 5) for one in live.told("SCAN_SUMMARY")]


def test_a_reason_is_a_text_wherever_it_is_shown(tab: Tab, live: Live) -> None:
    for command, state, reason in (("pause", "paused", BREAKS_OUT), ("resume", "running", RUNS)):
        asked(tab, command, reason)
        tab.page.wait_for_selector(f"[data-engine={state}]")
        harmless(tab)
    told = live.rows("SELECT verb, why, who, state FROM commands ORDER BY id DESC LIMIT 2")[::-1]
    by = "api:operator@127.0.0.1"
    assert told == [("pause", BREAKS_OUT, by, "DONE"), ("resume", RUNS, by, "DONE")]
    tab.view("events?types=ENGINE")
    for reason in (BREAKS_OUT, RUNS):
        tab.page.fill("[data-filter]", reason[:40])
        tab.page.wait_for_selector(".event")
        assert reason in " ".join(tab.page.locator(".event .said").all_inner_texts())
        harmless(tab)
    tab.page.click(".event")
    tab.page.wait_for_selector("ol.way")
    assert RUNS in tab.page.inner_text("ol.way")
    for place in VIEWS:
        tab.view(place)
        tab.page.wait_for_timeout(100)
        harmless(tab)


def test_a_server_that_is_killed_and_started_again_costs_no_event(
    tabs: Callable[..., Tab], live: Live, beside: Beside
) -> None:
    tab = tabs()
    tab.server, sockets = beside, Sockets(tab)
    tab.open(f"code={beside.code}")
    tab.live()
    begun, port = tab.number("seq"), beside.port
    tab.until(lambda: tab.number("seq") > begun + 30, "the run does not move it", PATIENCE)
    beside.kill()
    tab.page.wait_for_selector("#offline")
    had, cycle = tab.number("seq"), live.cycles()
    tab.until(lambda: live.newest() > had + 30 and live.cycles() > cycle + 3, "the run stands still", PATIENCE)
    beside.start(port)
    tab.live()
    followed(tab, sockets, live)
    assert len(sockets.taken()) > 1
    assert tab.number("reconnects") > 0
    assert tab.page.query_selector("#token") is None
    lost(tab)


def test_halt_reaches_the_venue(tab: Tab, live: Live) -> None:
    tab.until(lambda: bool(live.held()), "nothing is held", PATIENCE)
    page = tab.page
    page.click("#halt")
    page.check("dialog input[type=checkbox]")
    page.fill("dialog input:not([type])", RUNS)
    held = [symbol for symbol, _ in live.held()]
    page.click("dialog button.halt")
    page.wait_for_selector("#halt-progress[data-phase=verified]", timeout=PATIENCE * 1000)
    harmless(tab)
    assert "Verified: no entry is left at the venue" in page.inner_text("dialog")
    tab.until(lambda: not live.held(), "the venue still holds something", PATIENCE)
    assert live.working() == []
    [told] = live.rows("SELECT why, who, state FROM commands WHERE verb = 'halt'")
    assert told == (RUNS, "api:operator@127.0.0.1", "DONE")
    [found] = [one for one in live.told("ALERT") if one["alert"] == "EMERGENCY"]
    assert (found["verified"], found["left"]) == (True, [])
    assert set(held) <= set(found["closing"])
    closed = live.rows("SELECT DISTINCT symbol FROM fills WHERE reason = ? ORDER BY symbol", EMERGENCY)
    assert closed == sorted(found["closing"])
    fills, cycle = live.fills(), live.cycles()
    tab.until(lambda: live.cycles() > cycle + 20, "the run stands still", PATIENCE)
    assert (live.held(), live.working(), live.fills()) == ([], [], fills)
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-engine=emergency]")
    tab.view("orders")
    assert page.query_selector("[data-close]") is None
    asked(tab, "reset-kill-switch", "seen")
    page.wait_for_selector("[data-engine=running]")
    tab.until(lambda: bool(live.held()), "it does not trade again", PATIENCE)


def test_a_run_that_is_killed_and_resumed_costs_no_event(tabs: Callable[..., Tab], live: Live) -> None:
    tab = tabs()
    sockets = Sockets(tab)
    tab.open(f"code={live.another_code()}")
    tab.live()
    begun = tab.number("seq")
    tab.until(lambda: tab.number("seq") > begun + 30, "the run does not move it", PATIENCE)
    cycle = live.cycles()
    assert kill_tree(live.engine.pid) > 5
    live.engine.wait()
    tab.page.wait_for_selector("#offline")
    live.again()
    tab.page.wait_for_selector("#link[data-state=open]", timeout=PATIENCE * 1000)
    tab.until(lambda: live.cycles() > cycle + 3, "the run stands still", PATIENCE)
    followed(tab, sockets, live)
    assert len(sockets.taken()) > 1
    lost(tab)
