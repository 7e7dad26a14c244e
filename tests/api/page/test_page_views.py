"""Performance with its journal, and setup with its presets, in a real browser; and the way to them on a phone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter
from starlette.requests import Request

from tests.api.page_desk import VIEWS, Tab, asked, cells
from tests.api.page_reads import reads
from tests.api.page_server import READER
from tests.api.page_world import World, chosen
from tests.api.page_world.results import EARLIER
from tests.api.routes_desk import model_of

ANSWERS = (
    *(f"/api/performance/{name}" for name in ("equity", "metrics", "r-distribution")),
    *(f"/api/journal/{name}" for name in ("daily", "confluence", "trades")),
    *(f"/api/{name}" for name in ("runs", "presets", "config", "strategies", "rules")),
)


@pytest.mark.parametrize("path", ANSWERS)
def test_the_invented_market_answers_as_the_api_is_described(path: str) -> None:
    world = World(12)
    request = Request({"type": "http", "query_string": b"", "headers": []})
    told = json.loads(json.dumps(reads(world, lambda: 0)[path](request)))

    assert told
    TypeAdapter(model_of(path)).validate_python(told, strict=True)


# -- performance -------------------------------------------------------------------------------------


def test_figures_are_those_of_the_api(tab: Tab) -> None:
    page = tab.page
    tab.server.world.state_name = "stopped"  # nothing more is closed
    told = tab.server.world.metrics(None)
    tab.view("performance")
    page.wait_for_selector("[data-figures=trips] dd")
    page.wait_for_selector(".chart canvas")
    tiles = page.inner_text("[data-figures=return]").split("\n")
    assert tiles[tiles.index("Sharpe") + 1] == "1.62"
    assert tiles[tiles.index("Deepest fall") + 1] == "-3.12%"
    assert tiles[tiles.index("Calmar") + 1] == "\u2013", "what is not defined is not 0"
    trips = page.inner_text("[data-figures=trips]").split("\n")
    assert trips[trips.index("Round trips") + 1] == f"{told['trades']['trades']:,}"
    assert trips[trips.index("Won") + 1] == f"{told['trades']['win_rate']:.1%}"
    for kind in ("side", "reason"):
        page.click(f"[aria-label='By what'] button:has-text('{kind}')")
        page.wait_for_selector(f"[role=region][aria-label='By {kind}']")
        rows = dict(zip(cells(tab, f"By {kind}", 1), cells(tab, f"By {kind}", 2), strict=True))
        assert rows == {name: str(sums["trades"]) for name, sums in told["by"][kind].items()}


def test_results_in_r_are_columns_and_losses_look_different(tab: Tab) -> None:
    page, world = tab.page, tab.server.world
    world.state_name = "stopped"
    tab.view("performance")
    for width, pressed in ((0.5, "0.5 R"), (1.0, "1 R")):
        page.click(f"[aria-label='Width of a column'] button:text-is('{pressed}')")
        bins = world.r_distribution(None, width)["bins"]
        page.wait_for_selector(f"figure.plot[data-bins='{len(bins)}']")
        told = page.eval_on_selector_all(
            "figure.plot[data-bins] .box",
            "all => all.map(one => [+one.dataset.count, one.classList.contains('short')])",
        )
        assert told == [[one["count"], one["low"] < 0] for one in bins]
        heights = page.eval_on_selector_all(
            "figure.plot[data-bins] .box", "all => all.map(one => one.getBoundingClientRect().height)"
        )
        tallest = max(one["count"] for one in bins)
        wanted = [one["count"] / tallest * max(heights) for one in bins]
        assert heights == pytest.approx(wanted, abs=1.0)
    patterns = {
        page.eval_on_selector(f"figure.plot .box.{kind}", "one => getComputedStyle(one).backgroundImage")
        for kind in ("short", "long")
    }
    assert len(patterns) == 2, "also without colours"
    label = page.get_attribute("figure.plot[data-bins] [role=img]", "aria-label")
    total = world.r_distribution(None, 1.0)["count"]
    assert label is not None
    assert label.startswith(f"Round trips by their result in R: {total}, of them ")


def test_an_earlier_run_is_looked_at_in_every_part(tab: Tab) -> None:
    page = tab.page
    queries = {name: asked(tab, f"/api/journal/{name}") for name in ("daily", "confluence", "trades")}
    metrics = asked(tab, "/api/performance/metrics")
    tab.view("performance")
    page.select_option(".runchoice select", EARLIER)
    tab.until(lambda: {"run": EARLIER} in metrics, "the figures of the run are not asked for")
    for part, name in (("Days", "daily"), ("Reasons", "confluence"), ("Trades", "trades")):
        page.click(f"nav.tabs a:text-is('{part}')")
        tab.until(lambda name=name: queries[name] != [], f"{part}: nothing is asked")  # type: ignore[misc]
        assert {one["run"] for one in queries[name]} == {EARLIER}
        assert page.input_value(".runchoice select") == EARLIER
    assert page.inner_text("nav.tabs [aria-current=page]") == "Trades"
    page.select_option(".runchoice select", "")
    tab.until(lambda: "run" not in queries["trades"][-1], "the newest is not asked for again")


def test_days_are_listed_and_drawn(tab: Tab) -> None:
    tab.server.world.state_name = "stopped"
    days = tab.server.world.days(None, 100, None)["items"]
    tab.view("performance/days")
    tab.page.wait_for_selector("[role=region][aria-label=Days] tbody tr")
    assert cells(tab, "Days", 1) == [one["date"] for one in days]
    assert cells(tab, "Days", 3) == [str(one["wins"]) for one in days]
    drawn = tab.page.eval_on_selector_all(
        ".signed .box",
        "all => all.map(one => [one.classList.contains('short'), one.getBoundingClientRect().top])",
    )
    level = tab.page.eval_on_selector(".signed .level", "one => one.getBoundingClientRect().top")
    assert [short for short, _ in drawn] == [one["net"] < 0 for one in reversed(days)]
    assert all((top >= level - 1) is short for short, top in drawn if abs(top - level) > 1)


def test_a_reason_leads_to_the_story_of_its_candidate(tab: Tab) -> None:
    page, world = tab.page, tab.server.world
    factors = world.confluence(None, None, 1, None)["factors"]
    tab.view("performance/reasons")
    page.wait_for_selector("[role=region][aria-label=Candidates] tbody tr")
    assert set(cells(tab, "By reason", 1)) == set(factors)
    assert any("denied MAX_OPEN_POSITIONS 6 of 6" in one for one in cells(tab, "Candidates", 8))
    page.click("[role=region][aria-label=Candidates] a:text-is('story') >> nth=0")
    page.wait_for_selector("li[data-type=CANDIDATE]")


def test_closes_come_in_pages_and_of_one_symbol(tab: Tab) -> None:
    page, world = tab.page, tab.server.world
    world.state_name = "stopped"
    every = world.journal(None, None, 1000, None)["items"]
    assert len(every) > 100
    queries = asked(tab, "/api/journal/trades")
    tab.view("performance/trades")
    rows = page.locator("[role=region][aria-label=Closes] tbody tr")
    tab.until(lambda: rows.count() == 100, "the first page is not there")
    assert page.locator("text=← Newer").is_disabled()
    page.click("text=Older →")
    tab.until(lambda: rows.count() == len(every) - 100, "the last page is not there")
    assert queries[-1]["after"] == "100"
    assert page.locator("text=Older →").is_disabled()
    assert cells(tab, "Closes", 2) == [one["symbol"] for one in every[100:]]
    name = every[0]["symbol"]
    page.keyboard.press("/")
    page.keyboard.type(name.lower())
    page.keyboard.press("Enter")
    mine = [one for one in every if one["symbol"] == name]
    tab.until(lambda: set(cells(tab, "Closes", 2)) == {name}, "others are shown as well")
    assert rows.count() == len(mine)
    assert queries[-1] == {"symbol": name, "limit": "100"}, "from the first page on"


# -- setup -------------------------------------------------------------------------------------------


def test_a_changed_preset_is_checked_and_nothing_else_happens(tab: Tab) -> None:
    page, server = tab.page, tab.server
    tab.view("setup")
    page.wait_for_selector("tr:has([data-preset=balanced]):has-text('in use')")
    page.click("[data-preset=balanced]")
    drawdown = "[data-key='risk.max_drawdown'] input"
    assert page.input_value(drawdown) == "0.15"
    assert page.input_value("[data-key='venues.paper.spread'] input") == "data"
    page.fill(drawdown, "1.5")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict[data-ok=false]")
    assert "risk.max_drawdown = 1.5: allowed: a number > 0 and <= 1" in page.inner_text(".verdict")
    page.fill(drawdown, "0.2")
    assert page.query_selector(".verdict") is None, "of something else"
    page.fill("label:text-is('Another key') + span input", "risk.max_var")
    page.keyboard.press("Enter")
    page.fill("[data-key='risk.max_var'] input", "0.02")
    page.select_option("form select", "breakout")
    page.click("form button:text-is('Check')")
    page.wait_for_selector(".verdict[data-ok=true]")
    values = {"risk.max_drawdown": 0.2, "risk.max_var": 0.02}
    assert server.asked[-1] == (
        "/api/presets/validate",
        "",
        {"preset": "balanced", "values": values, "strategy": "breakout"},
    )
    assert {path for path, _, _ in server.asked} == {"/api/presets/validate"}
    assert page.inner_text("code.whole") == (
        "python cli.py run --preset balanced --strategy breakout --set risk.max_drawdown=0.2 --set risk.max_var=0.02"
    )
    page.click("nav.tabs a:text-is('Rules')")
    page.wait_for_selector("[data-rule=max_drawdown]")
    page.go_back()
    assert page.input_value(drawdown) == "0.2", "what was typed stays"
    page.click("[data-key='risk.max_drawdown'] button")
    page.click("[data-key='risk.max_var'] button")
    assert page.input_value(drawdown) == "0.15"
    assert page.query_selector("[data-key='risk.max_var']") is None
    page.click("text=Undo all")
    assert page.query_selector("code.whole") is None


def test_a_check_that_fails_says_so(tab: Tab) -> None:
    tab.view("setup?preset=balanced")
    tab.page.route(
        "**/api/presets/validate", lambda route: route.fulfill(status=503, json={"error": {"message": "busy"}})
    )
    tab.page.click("form button:text-is('Check')")
    assert tab.page.inner_text("form [role=alert]") == "✕ busy"
    assert tab.page.query_selector(".verdict") is None
    tab.wrong[:] = [one for one in tab.wrong if "status of 503" not in one]


def test_a_reader_may_check_a_preset_as_well(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    tab.open("")
    tab.page.fill("#token", READER)
    tab.page.keyboard.press("Enter")
    tab.live()
    tab.view("setup?preset=balanced")
    tab.page.click("form button:text-is('Check')")
    tab.page.wait_for_selector(".verdict[data-ok=true]")


def test_every_key_says_where_its_value_comes_from(tab: Tab) -> None:
    page = tab.page
    told = {one["key"]: one for one in chosen.told("config", False)["items"]}
    tab.view("setup/configuration")
    page.wait_for_selector("[data-key]")
    shown = page.eval_on_selector_all(
        "[data-key]", "all => all.map(one => [one.dataset.key, one.querySelector('.source').innerText.slice(2)])"
    )
    assert dict(shown) == {key: one["source"] for key, one in told.items()}
    assert page.inner_text("[data-key='risk.max_daily_loss'] .value") == "2500"
    assert page.inner_text("[data-key='risk.max_daily_loss'] .source") == "◆ --set risk.max_daily_loss"
    page.click("text=Not as by default")
    given = {key for key, one in told.items() if one["source"] != "default"}
    tab.until(lambda: page.locator("[data-key]").count() == len(given), "the others are still there")
    page.fill("[data-filter]", "DAILY_loss")
    tab.until(lambda: page.locator("[data-key]").count() == 1, "the filter does nothing")


def test_strategies_are_told_with_their_bounds(tab: Tab) -> None:
    page = tab.page
    told = chosen.told("strategies", False)["items"]
    tab.view("setup/strategies")
    page.wait_for_selector("[data-strategy]")
    assert page.locator("[data-strategy]").count() == len(told)
    one = next(each for each in told if each["name"] == "ema_cross")
    page.wait_for_selector("[data-strategy=ema_cross] summary:has-text('in use')")
    assert page.locator("summary:has-text('in use')").count() == 1
    page.focus("[data-strategy=ema_cross] summary")
    page.keyboard.press("Enter")
    rows = page.locator("[data-strategy=ema_cross] tbody tr")
    rows.first.wait_for()
    found = [row.locator("td").all_inner_texts() for row in rows.all()]
    assert [row[0] for row in found] == [each["name"] for each in one["parameters"]]
    fast = next(row for row in found if row[0] == "fast")
    parameter = next(each for each in one["parameters"] if each["name"] == "fast")
    assert fast[3] == f"{parameter['low']:g} to {parameter['high']:,g}"
    assert fast[1] == fast[2] == str(parameter["default"])


def test_rules_are_told_in_their_order_with_their_keys(tab: Tab) -> None:
    told = chosen.told("rules", False)["items"]
    tab.view("setup/rules")
    tab.page.wait_for_selector("[data-rule]")
    names = tab.page.eval_on_selector_all("[data-rule]", "all => all.map(one => one.dataset.rule)")
    assert names == [one["name"] for one in told]
    assert "● always" in tab.page.inner_text("[data-rule=trading_state]")
    keys = tab.page.locator("[data-rule=max_daily_loss] .keys")
    keys.get_by_text("2500").wait_for()
    assert keys.inner_text() == "risk.max_daily_loss 2500"


# -- the way there -----------------------------------------------------------------------------------


def test_on_a_phone_every_view_is_below_the_thumb(tabs: Callable[..., Tab]) -> None:
    tab = tabs(viewport={"width": 360, "height": 740})
    tab.open()
    tab.live()
    page = tab.page
    assert page.locator("nav.views a").count() == 4
    for n, place in enumerate(VIEWS):
        if n >= 4:
            page.click("#more")
        page.click(f"nav.views a[href='#/{place}']")
        page.wait_for_selector(f"main[data-view={place}]")
        assert page.locator(".rest").count() == 0, "it closes behind one"
        current = page.locator("nav.views [aria-current=page]")
        assert current.count() == 1
        box = page.eval_on_selector("nav.views", "one => [one.scrollWidth, one.clientWidth]")
        assert box[0] <= box[1] == 360, f"{place}: something of the navigation is not seen"
    assert page.inner_text("#more").startswith("Research")
    page.focus("#more")
    page.keyboard.press("Enter")
    page.wait_for_selector(".rest a")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == f"#/{VIEWS[4]}"
    page.keyboard.press("Escape")
    page.wait_for_selector(".rest", state="detached")
    assert page.evaluate("document.activeElement.id") == "more"
    page.click("#more")
    page.wait_for_selector(".rest a")
    page.click("header.top .state")
    page.wait_for_selector(".rest", state="detached")


def test_the_page_comes_packed(tab: Tab) -> None:
    sizes = tab.page.evaluate(
        "performance.getEntriesByType('resource').filter(one => one.name.includes('/assets/'))"
        ".map(one => [one.encodedBodySize, one.decodedBodySize])"
    )
    assert len(sizes) >= 2
    assert all(0 < sent < whole / 2 for sent, whole in sizes), sizes
