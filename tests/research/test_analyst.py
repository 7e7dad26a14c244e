"""Views: asked for when the last one has run out, and never used outside their time."""

from __future__ import annotations

import asyncio
from typing import Any

from domain.research import ANALYST, LLM, NEUTRAL, RULES, View
from research.analyst import BOOK, Analyst
from research.prompting import request
from research.rules import RulesModel
from tests.research.debating import FACTS, Scripted, T, a_config, failing

BAR = 300 * 10**9


def an_analyst(model: Any, *views: View) -> Analyst:
    return Analyst(model, RulesModel(), a_config(view_bars=3), request, views)


def seen(analyst: Analyst, at: int = T, symbol: str = "EURUSD", facts: Any = FACTS) -> Any:
    return asyncio.run(analyst.view(symbol, at, facts, BAR, 1.0, "run-1"))


def test_a_view_holds_for_its_bars() -> None:
    model = Scripted()
    analyst = an_analyst(model)
    view, asked = seen(analyst)
    assert (view.bias, view.source, view.at, view.valid_until) == ("BULLISH", LLM, T, T + 3 * BAR)
    assert [(one.task.role, one.task.subject, one.task.run_id) for one in asked] == [(ANALYST, "EURUSD", "run-1")]
    assert seen(analyst, T + 3 * BAR - 1) == (view, ())
    assert seen(analyst, T + 3 * BAR).asked
    assert len(model.seen) == 2


def test_each_symbol_and_the_book_have_their_own() -> None:
    analyst = an_analyst(Scripted())
    for symbol in ("EURUSD", "GBPUSD", BOOK):
        assert seen(analyst, symbol=symbol).view.symbol == symbol
    assert analyst.held(BOOK, T) is not None
    assert analyst.held("USDJPY", T) is None


def test_the_rules_view_of_a_failed_model_holds_for_one_bar() -> None:
    view, asked = seen(an_analyst(Scripted({ANALYST: failing("SERVER_ERROR")})))
    assert (view.source, view.code, view.bias, view.valid_until) == (RULES, "SERVER_ERROR", "BULLISH", T + BAR)
    assert [one.answer.outcome for one in asked] == ["SERVER_ERROR", "OK"]


def test_views_of_an_earlier_start_are_used_and_those_of_later_are_not() -> None:
    earlier = View(symbol="EURUSD", at=T, valid_until=T + BAR, regime="RANGING", bias="BEARISH")
    model = Scripted()
    assert seen(an_analyst(model, earlier)).view is earlier
    assert model.seen == []
    assert seen(an_analyst(model, earlier), T - 1).view.at == T - 1


def test_without_facts_there_is_no_view() -> None:
    model = Scripted()
    analyst = an_analyst(model)
    view, asked = seen(analyst, facts=())
    assert (view.bias, view.code, asked) == (NEUTRAL, "NO_FACTS", ())
    assert analyst.held("EURUSD", T) is None
    assert model.seen == []


def test_two_strategies_of_a_symbol_ask_once() -> None:
    model = Scripted(seconds={ANALYST: 0.02})

    async def both() -> list[Any]:
        analyst = an_analyst(model)
        return list(await asyncio.gather(*(analyst.view("EURUSD", T, FACTS, BAR, 1.0) for _ in range(2))))

    one, other = asyncio.run(both())
    assert one.view == other.view
    assert len(model.seen) == 1
