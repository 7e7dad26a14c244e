"""Research in a real browser: cases, one of them whole, calibration, cost, lessons, and an operator's word."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter
from starlette.requests import Request

from tests.api.page_desk import Tab, asked, cells, forgive
from tests.api.page_reads import reads
from tests.api.page_server import READER, PageServer
from tests.api.page_world import HOSTILE, World
from tests.api.routes_desk import model_of

CASE = "00000006case"
PARTS = ("cases", "calls", "views", "reviews", "proposals", "headlines", "costs", "calibration")
ANSWERS = ("/api/research", "/api/research/cases/{id}", *(f"/api/research/{name}" for name in PARTS))
WORDS = {"GO": "Go", "NO_GO": "No go", "ABSTAIN": "Abstain"}
CAME = {"TARGET": "target first", "STOP": "stop first", "": "open"}


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("path", ANSWERS)
def test_the_invented_research_answers_as_the_api_is_described(path: str, hostile: bool) -> None:
    world = World(12, hostile=hostile)
    request = Request({"type": "http", "query_string": b"", "headers": [], "path_params": {"id": CASE}})
    told = json.loads(json.dumps(reads(world, lambda: 0)[path](request)))

    assert told
    TypeAdapter(model_of(path.replace("{id}", CASE))).validate_python(told, strict=True)


# -- cases -------------------------------------------------------------------------------------------


def test_every_case_says_its_verdict_and_what_came_of_it(tab: Tab) -> None:
    told = tab.server.world.research.cases[::-1]
    tab.view("research")
    tab.page.wait_for_selector("[role=region][aria-label=Cases] tbody tr")

    assert cells(tab, "Cases", 2) == [one["symbol"] for one in told]
    assert [one.split(" ", 1)[1].removesuffix(" Timeout") for one in cells(tab, "Cases", 4)] == [
        WORDS[one["verdict"]] for one in told
    ]
    assert cells(tab, "Cases", 5) == ["\u2013" if one["p_win"] is None else f"{one['p_win']:.1%}" for one in told]
    effects = {"NONE": "○ none", "VETO": "▲ refused", "SHRINK": "◆ 0.5 \u00d7 size"}
    assert cells(tab, "Cases", 6) == [effects[one["effect"]] for one in told]
    assert cells(tab, "Cases", 7) == [one["reason"] for one in told]
    sources = {"llm": "model", "cache": "recorded", "rules": "rules"}
    assert cells(tab, "Cases", 8) == [sources[one["source"]] for one in told]
    assert [one.split(" ", 1)[1] for one in cells(tab, "Cases", 9)] == [CAME[one["touched"]] for one in told]
    tiles = tab.page.inner_text("[data-figures=research]").split("\n")
    assert tiles[tiles.index("Researcher") + 1] == "◆ veto"
    assert tiles[tiles.index("Cases") + 1] == str(len(told))
    vetoes, shrunk = (sum(one["effect"] == effect for one in told) for effect in ("VETO", "SHRINK"))
    assert tiles[tiles.index("Refused, shrunk") + 1] == f"{vetoes}, {shrunk}"


def test_cases_are_filtered_by_the_server(tab: Tab) -> None:
    page, told = tab.page, tab.server.world.research.cases[::-1]
    queries = asked(tab, "/api/research/cases")
    tab.view("research")
    rows = page.locator("[role=region][aria-label=Cases] tbody tr")
    for name, field, value in (("Verdict", "verdict", "NO_GO"), ("Effect", "effect", "SHRINK")):
        page.select_option(f"select[aria-label={name}]", value)
        wanted = sum(one[field] == value for one in told)
        tab.until(lambda wanted=wanted: rows.count() == wanted, f"{name} does nothing")  # type: ignore[misc]
        assert queries[-1][field] == value
        page.select_option(f"select[aria-label={name}]", "")
    page.keyboard.press("Escape")
    page.fill("[data-filter]", "eurusd")
    page.keyboard.press("Enter")
    tab.until(lambda: set(cells(tab, "Cases", 2)) == {"EURUSD"}, "the symbol does nothing")
    assert queries[-1]["symbol"] == "EURUSD"


def patient(tabs: Callable[..., Tab]) -> Tab:
    """One in which nothing is asked for again only because time has passed."""
    tab = tabs()
    tab.page.add_init_script(
        "const real = setInterval; window.setInterval = (f, ms, ...more) => ms >= 5000 ? 0 : real(f, ms, ...more)"
    )
    tab.open()
    tab.live()
    return tab


@pytest.mark.parametrize("kind", ["RESEARCH_RESULT", "CRITIC_REVIEW"])
def test_a_word_of_research_is_shown_when_it_comes(tabs: Callable[..., Tab], kind: str) -> None:
    tab = patient(tabs)
    research = tab.server.world.research
    tab.view("research")
    rows = tab.page.locator("[role=region][aria-label=Cases] tbody tr")
    tab.until(lambda: rows.count() == len(research.cases), "there is no list")
    if kind == "RESEARCH_RESULT":
        made = research.judge("BTC", reason="the trend is over")
    else:
        made = research.cases[-1]
        made["touched"] = "STOP"
        tab.server.world.emit(kind, {"score": 5.0, "lesson": "wait"}, made["symbol"], made["id"])
    first = f"{made['symbol']} {CAME[made['touched']]} {made['reason']}"
    tab.until(lambda: all(one in rows.first.inner_text() for one in first.split(" ")), "it is not shown")
    assert rows.count() == len(research.cases)


# -- one case ----------------------------------------------------------------------------------------


def test_a_case_is_opened_with_both_sides_and_every_question(tab: Tab) -> None:
    page = tab.page
    told = tab.server.world.research.case(CASE)
    assert told is not None
    tab.view("research")
    page.click(f"[data-case='{CASE}']")
    page.wait_for_selector(f"[data-verdict={told['verdict']}]")
    assert cells(tab, "Facts", 1) == [one["id"] for one in told["facts"]]
    assert cells(tab, "Facts", 2) == [one["text"] for one in told["facts"]]
    cited = [one["id"] for one in told["facts"] if one["id"] in told["evidence"]]
    shown = zip(cells(tab, "Facts", 1), cells(tab, "Facts", 5), strict=True)
    assert [id for id, mark in shown if mark] == cited
    boxes = [page.locator(f"[data-sides] .card >> nth={n}").bounding_box() for n in (0, 1)]
    assert boxes[0] is not None and boxes[1] is not None  # noqa: PT018
    assert boxes[0]["y"] == boxes[1]["y"], "side by side"
    for n, one in enumerate(told["arguments"]):
        side = page.inner_text(f"[data-sides] .card >> nth={n}")
        assert f"Strength {one['strength']:.1%}" in side
        assert all(claim["says"] in side for claim in one["claims"])
    for one in told["calls"]:
        head = page.locator(f"[data-role={one['role']}] summary")
        assert f"{one['latency']:.0f} ms" in head.inner_text()
        assert "0.00027 US$" in head.inner_text()
        assert not page.locator(f"[data-role={one['role']}] .said").first.is_visible()
    page.focus("[data-role=judge] summary")
    page.keyboard.press("Enter")
    said = page.locator("[data-role=judge] .said")
    said.first.wait_for()
    assert said.all_inner_texts() == [*(one["content"] for one in told["calls"][2]["request"]["messages"]),
                                      told["calls"][2]["answer"]]  # fmt: skip
    assert "6.5 of 10" in page.inner_text("main")
    page.click("text=All cases")
    page.wait_for_selector("[role=region][aria-label=Cases]")


def test_on_a_phone_the_sides_stand_below_each_other(tabs: Callable[..., Tab]) -> None:
    tab = tabs(viewport={"width": 360, "height": 740})
    tab.open()
    tab.live()
    tab.view(f"research/case?id={CASE}")
    tab.page.wait_for_selector("[data-sides] .card")
    first, second = (tab.page.locator(f"[data-sides] .card >> nth={n}").bounding_box() for n in (0, 1))
    assert first is not None
    assert second is not None
    assert second["y"] >= first["y"] + first["height"]


def test_a_case_that_is_not_there_says_so(tab: Tab) -> None:
    tab.view("research/case?id=nothing")
    tab.page.wait_for_selector(".failed:has-text('there is nothing like that')")
    forgive(tab, 404)


def test_words_of_models_and_news_are_texts(chromium: Any) -> None:
    server = PageServer(World(12, hostile=True)).start()
    tab = Tab(chromium, server)
    try:
        tab.open()
        tab.live()
        page = tab.page
        reason = f"{HOSTILE[1]}{HOSTILE[0]}\u202eyub"
        made = server.world.research.judge(HOSTILE[0], reason=reason)
        for place in ("research", f"research/case?id={made['id']}"):
            tab.view(place)
            page.wait_for_selector("text=<img src=x onerror=alert(1)><script>alert(1)</script>⟨U+202E⟩yub")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert page.locator(".said").first.is_visible()
        assert "characters)" in page.inner_text("[role=region][aria-label=Facts]"), "a long one is cut"
        tab.view("research/notes")
        headlines = page.locator("[role=region][aria-label=Headlines]")
        headlines.wait_for()
        assert f"{HOSTILE[0]} · {HOSTILE[1]}" in headlines.inner_text()
        for place in ("research", f"research/case?id={made['id']}", "research/notes", "research/proposals"):
            tab.view(place)
            tab.shown()
            assert page.query_selector("#root script, #root img:not([src='./icon.svg']), #root [onerror]") is None
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (tab.wrong, tab.elsewhere) == ([], [])
    finally:
        tab.close()
        server.stop()


# -- figures -----------------------------------------------------------------------------------------


def test_reliability_is_drawn_and_told_in_numbers(tab: Tab) -> None:
    told = tab.server.world.research.calibration()
    bins = [one for one in told["bins"] if one["cases"]]
    tab.view("research/calibration")
    tab.page.wait_for_selector("figure.reliability circle")

    drawn = tab.page.eval_on_selector_all(
        "figure.reliability circle", "all => all.map(one => [one.cx, one.cy].map(at => at.baseVal.value))"
    )
    assert drawn == [pytest.approx([100 * one["said"], 100 - 100 * one["share"]], abs=0.01) for one in bins]
    sizes = tab.page.eval_on_selector_all("figure.reliability circle", "all => all.map(one => one.r.baseVal.value)")
    cases = [one["cases"] for one in bins]
    assert sizes.index(max(sizes)) == cases.index(max(cases))
    assert cells(tab, "Reliability", 2) == [str(one["cases"]) for one in bins]
    assert cells(tab, "Reliability", 4) == [_percent(one["share"]) for one in bins]
    label = tab.page.get_attribute("figure.reliability svg", "aria-label")
    assert label is not None
    assert label.startswith(f"Reliability of {told['all']['cases']} cases: ")
    tiles = tab.page.inner_text("[data-figures=calibration]").split("\n")
    assert tiles[tiles.index("Brier score") + 1] == f"{told['all']['brier']:.4f}".rstrip("0")
    assert tiles[tiles.index("ECE") + 1] == f"{told['all']['ece']:.4f}".rstrip("0")
    assert f"{told['contaminated']['cases']} more are left out" in tab.page.inner_text("main")
    assert set(cells(tab, "Judges", 4)) == {"○ not yet"}
    tab.page.click("[aria-label='By what'] button:text-is('Regime')")
    tab.page.wait_for_selector("[role=region][aria-label='By regime']")
    assert cells(tab, "By regime", 1) == [one["name"] for one in told["by"]["regime"]]


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.1 else f"{share:.2%}"


def test_cost_is_added_up_as_one_likes(tab: Tab) -> None:
    queries = asked(tab, "/api/research/costs")
    tab.view("research/cost")
    tab.page.wait_for_selector("[role=region][aria-label='Cost by model'] tbody tr")
    tab.page.click("[aria-label='By what'] button:text-is('Role')")
    tab.page.wait_for_selector("[role=region][aria-label='Cost by role'] tbody tr")

    assert queries[-1] == {"by": "role"}
    assert cells(tab, "Cost by role", 1) == ["bull", "bear", "judge"]
    assert cells(tab, "Cost by role", 2) == ["0.0162"] * 3
    tab.page.click("[role=region][aria-label=Questions] a >> nth=0")
    tab.page.wait_for_selector("[data-verdict]")


def test_views_and_lessons_are_listed(tab: Tab) -> None:
    research = tab.server.world.research
    tab.view("research/notes")
    for name in ("Views", "Lessons", "Headlines"):
        tab.page.wait_for_selector(f"[role=region][aria-label={name}] tbody tr")
    assert cells(tab, "Views", 2) == [one["symbol"] or "the book" for one in research.views()]
    assert cells(tab, "Views", 3)[:3] == ["▲ Bullish", "Neutral", "▼ Bearish"]
    assert cells(tab, "Lessons", 6) == [one["lesson"] for one in research.reviews()]


# -- an operator's word ------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "state"), [("Accept", "ACCEPTED"), ("Reject", "REJECTED")])
def test_a_proposal_is_decided_with_a_reason(tabs: Callable[..., Tab], word: str, state: str) -> None:
    tab = patient(tabs)
    page, server = tab.page, tab.server
    plan = server.world.research.plans[0]
    tab.view("research/proposals")
    page.wait_for_selector(f"[data-proposal='{plan['id']}'][data-state=PROPOSED]")
    page.click(f".card:has([data-proposal='{plan['id']}']) button:has-text('{word}')")
    assert "fast: 9 → 10" in page.inner_text("dialog")
    assert page.locator(f"dialog button:text-is('{word}')").is_disabled(), "without a reason"
    page.keyboard.type("calmer")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog [role=status]:has-text('Done.')")
    tab.until(lambda: bool(page.evaluate("document.activeElement.innerText === 'Close'")), "Enter does not close it")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")
    page.wait_for_selector(f"[data-proposal='{plan['id']}'][data-state={state}]")
    ((path, key, body),) = server.asked
    assert (path, body) == (f"/api/research/proposals/{plan['id']}/{word.lower()}", {"reason": "calmer"})
    assert key
    assert "api:operator: calmer" in page.inner_text("main")


def test_a_proposal_that_somebody_else_has_decided_is_refused(tabs: Callable[..., Tab]) -> None:
    tab = patient(tabs)
    page, research = tab.page, tab.server.world.research
    tab.view("research/proposals")
    page.click("button:has-text('Accept') >> nth=0")
    research.decide(research.plans[0]["id"], "reject", "no")
    page.keyboard.type("yes")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog [role=alert]:has-text('the proposal is decided')")
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-state=REJECTED]")
    forgive(tab, 409)


def test_a_reader_sees_proposals_and_decides_nothing(tabs: Callable[..., Tab]) -> None:
    tab = tabs()
    tab.open("")
    tab.page.fill("#token", READER)
    tab.page.keyboard.press("Enter")
    tab.live()
    tab.view("research/proposals")
    tab.page.wait_for_selector("[data-state=PROPOSED]")
    assert tab.page.locator("main button").count() == 0
