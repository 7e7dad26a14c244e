"""Hostile texts, small and large windows, keys, colours and a thousand symbols, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.page_desk import PARTS, VIEWS, Tab, story_of
from tests.api.page_server import PageServer
from tests.api.page_world import HOSTILE, World


def test_texts_from_outside_stay_texts(chromium: Any) -> None:
    server = PageServer(World(12, hostile=True)).start()
    tab = Tab(chromium, server)
    try:
        tab.open()
        tab.live()
        page = tab.page
        for place in (*VIEWS, *PARTS, f"setup?preset={quote(HOSTILE[1])}"):
            tab.view(place)
            tab.shown()
            page.wait_for_timeout(200)
            for kind in (
                "script:not([src])",
                "img:not([src='./icon.svg'])",
                "iframe",
                "[onerror]",
                "a[href^='javascript']",
            ):
                assert page.query_selector(f"#root {kind}") is None, f"{kind} in {place}"
        tab.view("symbols")
        shown = page.inner_text(".virtual")
        assert "<script>alert(1)</script>" in shown
        assert "<img src=x onerror=alert(1)>" in shown
        assert "⟨U+202E⟩gnp.exe" in shown
        assert "A⟨U+0000⟩B⟨U+200B⟩C" in shown
        for n in range(1, 13):
            page.click(f".virtual .rows [role=row][aria-rowindex='{n}']")
            page.wait_for_selector(".chart canvas")
            tab.view("symbols")
        tab.page.click("#halt")
        page.fill("dialog input:not([type])", "<script>alert(2)</script>")
        page.click("dialog button.halt")
        page.wait_for_selector("#halt-progress[data-phase=verified]")
        assert "<script>alert(2)</script>" in page.inner_text("dialog")
        page.keyboard.press("Escape")
        found = next(one for one in reversed(server.world.events) if one["type"] == "CANDIDATE")
        tab.view(f"events/{found['id']}")
        page.wait_for_selector("li[data-type=CANDIDATE]")
        assert "characters)" in page.inner_text("li[data-type=CANDIDATE]")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (tab.wrong, tab.elsewhere) == ([], [])
    finally:
        tab.close()
        server.stop()


@pytest.mark.parametrize("width", [360, 768, 3840])
def test_no_view_is_wider_than_its_window(tabs: Callable[..., Tab], width: int) -> None:
    tab = tabs(viewport={"width": width, "height": 740})
    tab.open()
    tab.live()
    for place in (*VIEWS, *PARTS, "symbols/EURUSD", f"events/{story_of(tab)}", "setup?preset=balanced"):
        tab.view(place)
        tab.shown()
        tab.page.wait_for_timeout(150)
        wide = tab.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{place} is {wide} wide"
        assert tab.page.locator("#halt").is_visible()
    tab.page.click("#halt")
    box = tab.page.locator("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_a_thousand_symbols_are_a_few_rows(chromium: Any) -> None:
    server = PageServer(World(1000), every=1.0).start()
    tab = Tab(chromium, server)
    try:
        tab.open()
        tab.live()
        tab.view("symbols")
        rows = tab.page.locator(".virtual .rows [role=row]")
        tab.page.wait_for_selector(".virtual .rows [role=row]")
        assert rows.count() < 40
        assert tab.page.get_attribute(".virtual", "aria-rowcount") == "1000"
        tab.page.evaluate("document.querySelector('.virtual').scrollTop = 20000")
        tab.page.wait_for_selector("[role=row][aria-rowindex='505']")
        assert rows.count() < 40
        tab.page.fill("[data-filter]", "SYM0777")
        tab.page.wait_for_selector(".virtual[aria-rowcount='1']")
        assert (tab.wrong, tab.elsewhere) == ([], [])
    finally:
        tab.close()
        server.stop()


def test_a_thousand_symbols_change_and_the_rows_stay(chromium: Any) -> None:
    """A cycle changes what is drawn of the rows in sight: no row is made anew, and nothing is drawn beside them."""
    server = PageServer(World(1000), every=0.5).start()
    tab = Tab(chromium, server)
    try:
        tab.open()
        tab.live()
        tab.view("symbols")
        tab.page.wait_for_selector(".virtual .rows [role=row]")
        tab.page.evaluate(WATCHED)
        tab.until(lambda: int(tab.page.evaluate("watched.changed")) > 20, "prices do not move")
        watched = tab.page.evaluate("watched")
        assert watched["made"] == 0, "rows are drawn anew"
        assert watched["rows"] <= 40
        assert (tab.wrong, tab.elsewhere) == ([], [])
    finally:
        tab.close()
        server.stop()


WATCHED = """() => {
  const rows = new Set();
  window.watched = {changed: 0, made: 0, rows: 0};
  new MutationObserver(found => found.forEach(one => {
    const element = one.target.nodeType === 1 ? one.target : one.target.parentElement;
    const row = element && element.closest('.virtual [role=row]');
    if (row) { watched.changed += 1; rows.add(row); watched.rows = rows.size; }
    watched.made += [...one.addedNodes].filter(node => node.nodeType === 1 && node.matches('[role=row]')).length;
  })).observe(document.querySelector('main'), {subtree: true, childList: true, characterData: true, attributes: true});
}"""


def test_everything_is_reached_by_keys(tab: Tab) -> None:
    page = tab.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    for n, place in enumerate(VIEWS, 1):
        page.keyboard.press(str(n % 10))
        page.wait_for_selector(f"main[data-view={place}]")
    page.keyboard.press("2")
    page.wait_for_selector(".virtual .row")
    page.keyboard.press("/")
    page.keyboard.type("usd")
    page.keyboard.press("Tab")
    for _ in range(12):
        if page.evaluate("document.activeElement.className") == "virtual":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    name = page.inner_text(".row.active b")
    ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert ring == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector(f"h1:has-text('{name}')")
    page.keyboard.press("?")
    assert "halt (asks first)" in page.inner_text("dialog")
    page.keyboard.press("3")
    assert page.query_selector("main[data-view=orders]") is None, "keys do nothing behind a window"
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+H")
    page.keyboard.type("H is a letter here")
    assert page.input_value("dialog input:not([type])") == "H is a letter here"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert tab.server.asked == []


def test_every_control_has_a_name(tab: Tab) -> None:
    for place in (*VIEWS, *PARTS, "symbols/EURUSD", "setup?preset=balanced"):
        tab.view(place)
        tab.shown()
        tab.page.wait_for_timeout(100)
        bare = tab.page.evaluate(
            """() => [...document.querySelectorAll('button, a, input, select')].filter(one => {
                 const labels = one.labels ? [...one.labels].map(label => label.innerText).join('') : '';
                 const names = ['aria-label', 'title'].map(name => one.getAttribute(name) || '').join('');
                 return !(one.innerText + labels + names).trim();
               }).map(one => one.outerHTML)"""
        )
        assert bare == [], place


def test_colours_follow_the_system_or_the_switch(tabs: Callable[..., Tab]) -> None:
    tab = tabs(color_scheme="dark")
    tab.open()
    tab.live()
    paper = "getComputedStyle(document.body).backgroundColor"
    assert tab.page.evaluate(paper) == "rgb(20, 23, 27)"
    tab.page.keyboard.press("t")
    assert tab.page.evaluate(paper) == "rgb(255, 255, 255)"
    tab.page.reload()
    tab.live()
    assert tab.page.evaluate(paper) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(tabs: Callable[..., Tab], scheme: str) -> None:
    """A contrast of 4.5 to 1 at least (WCAG 2.2 AA) for every text that is seen."""
    tab = tabs(color_scheme=scheme)
    tab.open()
    tab.live()
    for place in (*VIEWS, *PARTS, "symbols/EURUSD", "setup?preset=balanced"):
        tab.view(place)
        tab.shown()
        tab.page.wait_for_timeout(150)
        faint = tab.page.evaluate(CONTRAST)
        assert faint == [], place


CONTRAST = """() => {
  const parsed = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = one => { for (; one; one = one.parentElement) {
    const paper = parsed(getComputedStyle(one).backgroundColor);
    if (paper.length === 3 || paper[3] > 0.5) return paper; }
    return [255, 255, 255]; };
  return [...document.querySelectorAll('#root *')].filter(one =>
      one.getClientRects().length && !one.closest('svg, .hidden, .skip, :disabled, canvas') &&
      [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
    .map(one => { const [a, b] = [light(parsed(getComputedStyle(one).color)), light(behind(one))];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.className, one.textContent.slice(0, 40)]; })
    .filter(([ratio]) => ratio < 4.5).slice(0, 5);
}"""
