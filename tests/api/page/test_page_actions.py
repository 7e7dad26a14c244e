"""Who comes in, what moves, and what an operator does, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.page_desk import PARTS, VIEWS, Tab, forgive
from tests.api.page_server import OPERATOR, READER


def test_a_code_lets_in_once_and_leaves_the_address(tab: Tab, tabs: Callable[..., Tab]) -> None:
    assert tab.page.evaluate("location.href") == f"{tab.server.address}/"
    assert tab.page.inner_text("header.top .state") == "● running"
    other = tabs()
    other.open()
    assert "used up or wrong" in other.page.inner_text("[role=alert]")
    forgive(other, 401)


def test_a_wrong_token_is_refused_and_the_right_one_is_not(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    tab.open("")
    page = tab.page
    assert tab.wrong == [], "nothing is asked that would be refused"
    page.fill("#token", "a-wrong-token")
    page.click("button[type=submit]")
    assert page.inner_text("[role=alert]") == "✕ Wrong token."
    forgive(tab, 401)
    assert page.query_selector("#halt") is None
    page.fill("#token", OPERATOR)
    page.keyboard.press("Enter")
    tab.live()
    page.reload()
    tab.live()
    page.click("text=Log out")
    page.wait_for_selector("#token")
    assert page.context.cookies() == []


def test_a_reader_sees_everything_and_may_do_nothing(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    tab.open("")
    tab.page.fill("#token", READER)
    tab.page.keyboard.press("Enter")
    tab.live()
    assert tab.page.inner_text(".role") == "read only"
    for place in (*VIEWS, *PARTS, "symbols/EURUSD", "setup?preset=balanced"):
        tab.view(place)
        tab.shown()
        tab.page.wait_for_timeout(100)
        words = " ".join(tab.page.locator("button").all_inner_texts()).lower()
        for word in ("halt", "close…", "cancel", "remove", "reset", "pause", "stop…"):
            assert word not in words, f"{word} in {place}"
    tab.page.keyboard.press("Shift+H")
    assert tab.page.query_selector("dialog") is None


def test_a_session_that_ends_leads_back_to_the_login(tab: Tab) -> None:
    tab.page.context.clear_cookies()
    tab.server.drop(4401)
    tab.page.wait_for_selector("#token")
    assert "session has ended" in tab.page.inner_text("[role=alert]")
    tab.page.wait_for_timeout(300)
    forgive(tab, 401)


def test_prices_and_equity_move(tab: Tab) -> None:
    equity = tab.page.inner_text(".equity b")
    tab.until(lambda: tab.page.inner_text(".equity b") != equity, "equity stands still")
    tab.view("symbols")
    cell = f"[data-symbol={'EURUSD'}] >> xpath=ancestor::div[contains(@class,'symbol')][1] >> [data-price]"
    price = tab.page.get_attribute(cell, "data-price")
    tab.until(lambda: tab.page.get_attribute(cell, "data-price") != price, "the price stands still")
    told = float(tab.page.get_attribute(cell, "data-price") or 0)
    assert abs(told / tab.server.world.prices["EURUSD"] - 1) < 0.02


def test_a_candle_a_fill_and_its_way_are_shown(tab: Tab) -> None:
    world = tab.server.world
    fill = next(one for one in reversed(world.events) if one["type"] == "TRADE_EXECUTION")
    tab.view(f"symbols/{fill['symbol']}")
    tab.page.wait_for_selector(".chart canvas")
    bars = tab.page.get_attribute(".chart[role=img]", "aria-label")
    assert bars is not None
    assert "500 bars" in bars
    tab.page.wait_for_selector("section[aria-label=Fills] tbody tr")
    tab.page.wait_for_selector("section[aria-label='Risk ladder of the last candidate'] tbody tr")
    tab.view(f"events/{fill['id']}")
    tab.page.wait_for_selector("li[data-type=SCAN_START]")
    steps = tab.page.eval_on_selector_all(".way > li", "all => all.map(one => one.dataset.type)")
    assert steps[:7] == [
        "SCAN_START",
        "CANDIDATE",
        "RISK_APPROVED",
        "ORDER_SUBMITTED",
        "ORDER_ACCEPTED",
        "ORDER_FILLED",
        "TRADE_EXECUTION",
    ]


def test_times_are_local_and_utc_is_behind_them(tab: Tab) -> None:
    tab.view("events")
    shown = tab.page.locator(".event time").first
    iso, title = shown.get_attribute("datetime"), shown.get_attribute("title")
    assert iso is not None
    assert title is not None
    assert title.startswith(iso[:10])
    assert title.endswith("UTC")
    hour = (int(iso[11:13]) + 1) % 24, (int(iso[11:13]) + 2) % 24
    assert int(shown.inner_text().rpartition(" ")[2][:2]) in hour  # Berlin


def test_a_simulated_run_says_so(tab: Tab) -> None:
    assert tab.page.inner_text("#simulated").startswith("SIMULATED")


def test_halt_is_confirmed_and_followed_to_the_venue(tab: Tab) -> None:
    page, server = tab.page, tab.server
    server.halts_after = 1.5
    for place in (*VIEWS, "symbols/EURUSD"):
        tab.view(place)
        assert page.locator("#halt").is_visible(), place
    page.click("#halt")
    assert page.locator("dialog button.halt").is_disabled(), "a reason is needed"
    page.fill("dialog input:not([type])", "prices look wrong")
    page.click("dialog button.halt")
    page.wait_for_selector("#halt-progress[data-phase=waiting]")
    assert server.world.state_name == "running"
    page.wait_for_selector("#halt-progress[data-phase=verified]")
    assert "Verified: no entry is left at the venue" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-engine=emergency]")
    keys = {key for path, key, _ in server.asked if path == "/api/engine/emergency-stop"}
    assert len(keys) == 1, "asked again with the same key only"
    assert server.asked[0][2] == {"reason": "prices look wrong", "flatten": False}
    tab.view("risk")
    page.click("text=Reset…")
    page.fill("dialog input:not([type])", "looked at them")
    page.click("dialog button[type=submit]")
    page.wait_for_selector("[data-engine=running]")


def test_a_halt_that_the_venue_does_not_confirm_is_no_success(tab: Tab) -> None:
    tab.server.verified = False
    tab.page.keyboard.press("Shift+H")
    tab.page.check("dialog input[type=checkbox]")
    tab.page.fill("dialog input:not([type])", "x")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#halt-progress[data-phase=unverified]")
    assert "Not verified: entries are left at the venue: 00ff00ff00ff" in tab.page.inner_text("dialog")
    assert tab.server.asked[0][2]["flatten"] is True


def test_a_halt_whose_answer_is_lost_is_asked_again_with_its_key(tab: Tab) -> None:
    lost: list[int] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(1)
            route.fetch()
            route.abort()

    tab.page.route("**/api/engine/emergency-stop", lose)
    tab.page.click("#halt")
    tab.page.fill("dialog input:not([type])", "x")
    tab.page.keyboard.press("Enter")
    tab.page.wait_for_selector("#halt-progress[data-phase=verified]")
    assert lost == [1]
    assert len({key for _, key, _ in tab.server.asked}) == 1
    alerts = [one for one in tab.server.world.events if one["data"].get("alert") == "EMERGENCY"]
    assert len(alerts) == 1
    tab.wrong[:] = [one for one in tab.wrong if "ERR_FAILED" not in one]


def test_a_part_of_a_position_is_closed(tab: Tab) -> None:
    page, world = tab.page, tab.server.world
    tab.view("orders")
    name = page.get_attribute("[data-close]", "data-close")
    assert name is not None
    page.click(f"[data-close='{name}']")
    page.check("dialog input[type=radio] >> nth=1")
    page.fill("dialog input:not([type])", "half is enough")
    page.click("dialog button[type=submit]")
    assert "Done." in page.inner_text("dialog [role=status]")
    assert tab.server.asked[-1][0] == f"/api/positions/{name}/close"
    assert tab.server.asked[-1][2] == {"reason": "half is enough", "fraction": 0.5}
    assert any(one["symbol"] == name and one["reason"] == "OPERATOR" for one in world.trades)


def test_an_order_is_cancelled_and_a_lock_removed(tab: Tab) -> None:
    page, world = tab.page, tab.server.world
    tab.view("orders")
    page.click("section[aria-label=Orders] td button")
    page.fill("dialog input:not([type])", "too old")
    page.click("dialog button[type=submit]")
    assert "Done." in page.inner_text("dialog [role=status]")
    order = tab.server.asked[-1][0].split("/")[3]
    assert world.orders[order]["status"] == "CANCELLED"
    page.keyboard.press("Escape")
    page.wait_for_selector(f"[data-order='{order}']", state="detached")
    tab.view("risk")
    page.click("[data-lock]")
    page.fill("dialog input:not([type])", "was a data error")
    page.click("dialog button[type=submit]")
    page.wait_for_selector("text=Nothing is locked.")
    assert world.locks == {}


def test_a_command_that_is_not_possible_tells_what_is(tab: Tab) -> None:
    tab.view("engine")
    page = tab.page
    page.click("[data-command=pause]:not(:disabled)")
    assert page.locator("[data-command=resume]").is_disabled()
    page.fill("dialog input:not([type])", "lunch")
    tab.server.world.move("stopped", "meanwhile")
    page.click("dialog button[type=submit]")
    assert "Possible now: start" in page.inner_text("dialog [role=alert]")
    forgive(tab, 409)
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-command=pause]:disabled")
    assert page.get_attribute(".diagram svg", "data-state") == "stopped"


def test_nothing_but_halt_can_be_pressed_while_it_is_not_known_what_may_be(tab: Tab) -> None:
    page = tab.page
    waiting: list[Any] = []
    known = False
    page.route("**/api/engine", lambda route: route.continue_() if known else waiting.append(route))
    tab.view("engine")
    tab.until(lambda: waiting != [], "nothing is asked")
    commands = page.locator("[data-command]")
    assert commands.count() == 6
    assert [one.is_disabled() for one in commands.all()] == [True] * 6
    assert page.locator(".commands button.halt").is_enabled()
    assert page.locator("#halt").is_enabled()
    known = True
    for one in waiting:
        one.continue_()
    page.wait_for_selector("[data-command=pause]:not(:disabled)")
    assert page.locator("[data-command=resume]").is_disabled()


def test_a_slow_server_is_waited_for_and_asked_once(tab: Tab) -> None:
    tab.view("engine")
    tab.page.click("[data-command=pause]")
    tab.server.slow = 1.0
    tab.page.fill("dialog input:not([type])", "lunch")
    tab.page.dblclick("dialog button[type=submit]")
    assert tab.page.inner_text("dialog button[type=submit]") == "Sending…"
    assert "Done." in tab.page.inner_text("dialog [role=status]")
    assert len(tab.server.asked) == 1


def test_a_run_is_started_with_what_was_chosen(tab: Tab) -> None:
    page = tab.page
    tab.server.world.move("stopped", "meanwhile")
    tab.view("engine")
    page.click("[data-command=start]:not(:disabled)")
    page.fill("dialog input >> nth=0", "EURUSD, BTC")
    page.select_option("dialog select >> nth=0", "conservative")
    page.select_option("dialog select >> nth=2", "live")
    page.fill("dialog p.field:has-text('Reason') input", "the session opens")
    assert page.locator("dialog button[type=submit]").is_disabled(), "live needs its consent"
    page.check("dialog input[type=checkbox]")
    page.click("dialog button[type=submit]")
    page.wait_for_selector("[data-engine=running]")
    wanted = {
        "symbols": ["EURUSD", "BTC"],
        "preset": "conservative",
        "strategy": None,
        "mode": "live",
        "i_understand_live": True,
    }
    assert tab.server.asked[0][2] == wanted | {"reason": "the session opens"}


def test_a_report_is_shown_in_a_frame_that_is_nobody(tab: Tab) -> None:
    tab.view("backtests")
    tab.page.click("[data-report]")
    frame = tab.page.frame_locator("iframe.report")
    assert frame.locator("body").inner_text().split() == ["A", "report", "null"]
    assert tab.page.get_attribute("iframe.report", "sandbox") == "allow-scripts"
