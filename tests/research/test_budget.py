"""No call is made that could cost more than is left, by however many processes and whatever becomes of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.research import OK, Usage
from domain.timeframe import DAY, HOUR
from research import budget
from research.budget import NOTHING, Budgeted, Day, Limits, Spent, worst
from research.cache import Recorded
from research.config import ResearchConfig
from research.guarded import Guarded
from research.openai_model import OpenAIModel
from research.port import Answer, Message, Request
from research.prices import Price, Prices
from research.usage import prompt_estimate
from tests.research.ledger_desk import (
    ACTUAL,
    DEAR,
    GIVEN,
    MODEL,
    MONEY,
    NOON,
    TOKENS,
    Scripted,
    a_budget,
    a_task,
    answer_of,
    heard,
    ledger_of,
    outcomes,
)
from tests.research.wire import a_wire

DOLLARS = MONEY / 1e9


# -- set aside, then settled ---------------------------------------------------------------------------


def test_the_worst_case_is_set_aside_during_the_call_and_what_it_was_is_settled_after(tmp_path: Path) -> None:
    during: list[Day] = []

    async def look() -> None:
        during.append(await other.day(20.0))

    async def asking() -> tuple[Answer, Day]:
        said = await model.answer(a_task(), 20.0)
        after = await model.day(20.0)
        await model.close()
        await other.close()
        return said, after

    model, other = a_budget(tmp_path, Scripted(meanwhile=look)), a_budget(tmp_path, Scripted())
    said, after = asyncio.run(asking())

    assert (during[0].spent, during[0].holding()) == (NOTHING, Spent(MONEY, TOKENS))
    assert during[0].holding("EURUSD") == Spent(MONEY, TOKENS)
    assert during[0].holding("GBPUSD") == NOTHING
    assert after == Day(ACTUAL)
    assert said.cost == ACTUAL.money == 580_000


def test_the_ledger_outlives_its_process_and_counts_on(tmp_path: Path) -> None:
    for _ in range(3):
        heard(a_budget(tmp_path, Scripted()), a_task())

    assert ledger_of(tmp_path).spent == Spent(3 * ACTUAL.money, 3 * ACTUAL.tokens)


def test_an_answer_without_a_usage_has_cost_nothing(tmp_path: Path) -> None:
    said = heard(a_budget(tmp_path, Scripted(Answer(outcome="RATE_LIMITED", tries=2))), a_task())[0]

    assert (said.outcome, said.cost) == ("RATE_LIMITED", 0)
    assert ledger_of(tmp_path) == Day()


def test_an_answer_that_cannot_be_used_is_paid_for(tmp_path: Path) -> None:
    said = heard(a_budget(tmp_path, Scripted(Answer(outcome="INVALID", usage=GIVEN, tries=2))), a_task())[0]

    assert said.cost == ACTUAL.money
    assert ledger_of(tmp_path).spent == ACTUAL


def test_the_model_has_less_than_its_time_so_that_the_cost_can_be_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "WRITING", 1.5)
    model = Scripted()
    heard(a_budget(tmp_path, model), a_task(), within=20.0)

    assert 0 < model.within[0] <= 18.5


# -- limits --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["call", "symbol", "day"])
@pytest.mark.parametrize(
    ("kind", "fits", "lacks"), [("budget", DOLLARS, DOLLARS - 1e-9), ("tokens", TOKENS, TOKENS - 1)]
)
def test_what_just_fits_is_asked_and_what_does_not_is_not(
    tmp_path: Path, which: str, kind: str, fits: float, lacks: float
) -> None:
    key = f"{kind}_{which}"
    model = Scripted()
    short = heard(a_budget(tmp_path, model, **{key: lacks}), a_task())[0]

    assert (short.outcome, short.value, short.cost, model.asked) == ("BUDGET", None, 0, [])
    assert short.detail.startswith(f"research.{key} = ")
    assert ledger_of(tmp_path) == Day()
    assert heard(a_budget(tmp_path, model, **{key: fits}), a_task())[0].outcome == OK


@pytest.mark.parametrize(("more", "said"), [(0, [OK, OK]), (-1, ["BUDGET", OK])])
def test_what_was_spent_and_what_is_set_aside_both_count(tmp_path: Path, more: int, said: list[str]) -> None:
    limit = {"tokens_day": ACTUAL.tokens + 2 * TOKENS + more}
    heard(a_budget(tmp_path, Scripted(), **limit), a_task())
    model = Scripted(meanwhile=lambda: asyncio.sleep(0.2))
    answers = heard(a_budget(tmp_path, model, **limit), a_task(), a_task())

    assert sorted(outcomes(answers)) == said
    figures = f"{ACTUAL.tokens} spent, {TOKENS} set aside, at most {TOKENS} for this call"
    assert all(figures in one.detail for one in answers if one.outcome == "BUDGET")


def test_at_once_no_more_are_asked_than_there_is_room_for(tmp_path: Path) -> None:
    model = Scripted(meanwhile=lambda: asyncio.sleep(0.2))
    said = heard(a_budget(tmp_path, model, budget_day=4 * DOLLARS), *(a_task(f"{n}") for n in range(10)))

    assert sorted(outcomes(said)) == ["BUDGET"] * 6 + [OK] * 4
    assert len(model.asked) == 4


def test_each_symbol_has_its_own_and_the_day_is_for_all(tmp_path: Path) -> None:
    model = a_budget(tmp_path, Scripted(), tokens_symbol=TOKENS, tokens_day=2 * ACTUAL.tokens + TOKENS)

    async def asking() -> list[str]:
        subjects = ("EURUSD", "EURUSD", "", "GBPUSD", "USDJPY")
        found = [(await model.answer(a_task(subject=one), 20.0)) for one in subjects]
        await model.close()
        return [one.detail.partition(" ")[0] or one.outcome for one in found]

    assert asyncio.run(asking()) == [OK, "research.tokens_symbol", OK, OK, "research.tokens_day"]


def test_another_day_begins_with_nothing_spent(tmp_path: Path) -> None:
    limit = {"tokens_day": TOKENS}
    assert outcomes(heard(a_budget(tmp_path, Scripted(), **limit), a_task())) == [OK]
    assert outcomes(heard(a_budget(tmp_path, Scripted(), NOON + 11 * HOUR, **limit), a_task())) == ["BUDGET"]
    assert outcomes(heard(a_budget(tmp_path, Scripted(), NOON + DAY, **limit), a_task())) == [OK]


def test_a_call_over_midnight_is_settled_on_the_day_it_was_made(tmp_path: Path) -> None:
    times = iter([NOON])
    heard(a_budget(tmp_path, Scripted(), lambda: next(times, NOON + DAY)), a_task())

    assert ledger_of(tmp_path).spent == ACTUAL
    assert ledger_of(tmp_path, NOON + DAY) == Day()


def test_the_day_is_the_machine_s_and_not_the_market_s(tmp_path: Path) -> None:
    limit = {"tokens_day": TOKENS}
    years = [msgspec.structs.replace(a_task(), at=NOON + n * 365 * DAY) for n in range(3)]
    said = [heard(a_budget(tmp_path, Scripted(), **limit), one)[0].outcome for one in years]

    assert said == [OK, "BUDGET", "BUDGET"]


# -- prices --------------------------------------------------------------------------------------------


def test_an_unknown_price_is_an_unknown_cost_and_its_tokens_count(tmp_path: Path) -> None:
    model = a_budget(tmp_path, Scripted(), prices=Prices({}), budget_day=0.0, tokens_day=10 * TOKENS)
    said = heard(model, a_task())[0]

    assert (said.outcome, said.cost) == (OK, None)
    assert ledger_of(tmp_path).spent == Spent(0, ACTUAL.tokens)


@pytest.mark.parametrize("limit", ["budget_call", "budget_symbol", "budget_day"])
def test_money_cannot_be_limited_where_nothing_is_known_of_price_and_tokens(tmp_path: Path, limit: str) -> None:
    model = Scripted()
    said = heard(a_budget(tmp_path, model, prices=Prices({}), **{limit: 5.0}), a_task())[0]

    assert (said.outcome, model.asked) == ("BUDGET", [])
    assert "no price is known for test-model" in said.detail


def test_without_any_limit_an_unknown_price_is_no_reason(tmp_path: Path) -> None:
    assert heard(a_budget(tmp_path, Scripted(), prices=Prices({})), a_task())[0].outcome == OK


def test_a_call_is_priced_as_of_its_day(tmp_path: Path) -> None:
    rising = Prices(
        {
            MODEL: tuple(
                Price(MODEL, since, n * 10**9, 0, 0, "a test", since)
                for n, since in ((1, "2026-01-01"), (3, "2026-01-02"))
            )
        }
    )
    usage = Usage(prompt=1000, completion=5)
    costs = [
        heard(a_budget(tmp_path, Scripted(answer_of_usage(usage)), now, rising), a_task())[0].cost
        for now in (NOON - DAY, NOON, NOON + DAY)
    ]

    assert costs == [None, 1_000_000, 3_000_000]


def answer_of_usage(usage: Usage) -> Answer:
    return Answer(value=7, parsed={"n": 7}, tries=1, usage=usage)


# -- the worst case ------------------------------------------------------------------------------------


def a_request(*texts: str) -> Request:
    return a_task(messages=tuple(Message("user", one) for one in texts)).request


@given(st.lists(st.text(), max_size=4))
def test_the_worst_case_is_never_less_than_what_a_lost_answer_is_counted_at(texts: list[str]) -> None:
    request = a_request(*texts)

    assert worst(request, 0).prompt >= prompt_estimate(request.messages) + request.max_tokens
    assert worst(request, 0).completion >= request.max_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("1.10345 " * 100, 500), ("0x1F9 é ü ß 漢字 😀" * 50, 900), ("The price rose. " * 100, 400)],
    ids=["numbers", "signs", "words"],
)
def test_the_worst_case_holds_for_what_models_count_most_for(text: str, tokens: int) -> None:
    """Tokens: more than a tokenizer of 200,000 words makes of them (a Chinese sign 1, an emoji 2, three digits 1)."""
    counted = worst(a_request(text), 0).prompt - worst(a_request(""), 0).prompt

    assert counted / 2 >= tokens


def test_a_question_that_may_be_sent_again_is_set_aside_as_often() -> None:
    once, twice = worst(a_task().request, 0), worst(a_task().request, 1)

    assert twice.completion - once.completion == 100
    assert once.completion == 200  # the answer, and that of the repair


def test_limits_are_exact() -> None:
    assert Limits.of(ResearchConfig(budget_call=0.05, budget_symbol=None, budget_day=0.1 + 0.2)).call[0] == 50_000_000
    assert Limits.of(ResearchConfig(budget_day=5)).day[0] == 5_000_000_000
    assert not Limits.of(ResearchConfig(budget_call=None, budget_symbol=None, budget_day=None)).money


# -- the whole stack -----------------------------------------------------------------------------------


def test_the_stack_asks_an_endpoint_once_and_pays_once(tmp_path: Path) -> None:
    with a_wire(lambda asked: {"n": 7}) as wire:
        config = ResearchConfig(base_url=wire.url, model=MODEL, rate_per_minute=None)

        def stack() -> Recorded:
            asked = Guarded(OpenAIModel(config, None), config)
            return Recorded(Budgeted(asked, config, DEAR, tmp_path, lambda: NOON), tmp_path)

        task = a_task(endpoint=wire.url)
        first, again = heard(stack(), task)[0], heard(stack(), task)[0]
        hits = wire.hits

    assert (first.outcome, first.value, again.value, hits) == (OK, 7, 7, 1)
    assert first.usage is not None
    assert first.cost == first.usage.prompt * 2000 + first.usage.completion * 8000
    assert again.cost == 0
    assert ledger_of(tmp_path).spent == Spent(first.cost, first.usage.prompt + first.usage.completion)
    assert answer_of(task).value == again.value
