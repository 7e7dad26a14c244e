"""What research was asked, read back from either database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from actors import research_rows as rows
from domain.timeframe import MINUTE
from journal import research_views as views
from journal import schema
from journal.store import Store
from tests.orchestration.terminal.research_story import CASE, REFUSED, a_call, a_judged, write_research
from tests.orchestration.terminal.story import RUN, T


@pytest.fixture
def told(store: Store) -> Store:
    write_research(store)
    return store


def test_an_order_a_review_and_a_case_lead_to_the_case_and_wildcards_to_nothing(told: Store) -> None:
    with told.read() as c:
        assert views.identified(c, "aaaa1") == [("case", RUN, CASE)]
        assert views.identified(c, "9e1") == [("case", RUN, REFUSED)]
        assert views.identified(c, "q2") == [("call", RUN, "q2")]
        assert [views.identified(c, one) for one in ("", "%", "_", "q_")] == [[], [], [], []]


def test_a_case_has_its_own_calls_orders_trades_and_review(told: Store) -> None:
    with told.read() as c:
        case, refused = views.case(c, RUN, CASE), views.case(c, RUN, REFUSED)
        assert views.case(c, "another", CASE) is None

    assert case is not None
    assert refused is not None
    assert [len(case[name]) for name in ("calls", "orders", "trades")] == [2, 2, 1]
    assert [len(refused[name]) for name in ("calls", "orders", "trades")] == [1, 0, 0]
    assert (case["review"], refused["review"]["score"]) == (None, 7.5)
    assert case["calls"][1]["usage"]["prompt"] == 1200


def test_lists_are_the_newest_oldest_first_and_without_long_texts(told: Store) -> None:
    with told.transaction() as tx:
        made = [a_call(f"r{n}", made_at=T + (9 + n) * MINUTE) for n in range(5)]
        tx.insert(schema.research_calls, [rows.call_row(one) for one in made])
    with told.read() as c:
        found = views.calls(c, RUN, limit=3)
        assert views.calls(c, "another") == []

    assert [one["id"] for one in found] == ["r2", "r3", "r4"]
    assert not {"request", "answer", "parsed"} & set(found[0])


def test_lessons_of_later_are_not_known_before(told: Store) -> None:
    known = T + 9 * MINUTE
    with told.read() as c:
        assert views.reviews(c, before=known) == []
        assert len(views.reviews(c, before=known + 1)) == 1


def test_finished_cases_are_those_with_an_end_by_market_and_by_when_it_was_known(told: Store) -> None:
    with told.read() as c:
        assert [one.id for one in views.finished(c)] == [REFUSED]
        assert [one.id for one in views.finished(c, simulated=False)] == [REFUSED]
        assert views.finished(c, simulated=True) == []
        assert views.finished(c, until=T + 9 * MINUTE - 1) == []


def test_costs_leave_out_what_was_not_sent(told: Store) -> None:
    with told.transaction() as tx:
        recorded = a_call("cached", source="cache", tries=0, cost=500_000)
        free = a_call("free", model="local", cost=0)
        tx.insert(schema.research_calls, [rows.call_row(one) for one in (recorded, free)])
    with told.read() as c:
        found = {one["model"]: one for one in views.costs(c, RUN)}

    assert (found["gpt-x"]["usd"], found["gpt-x"]["unpriced"]) == (0.00027, 1)
    assert (found["local"]["usd"], found["local"]["unpriced"], found["local"]["sent"]) == (0.0, 0, 1)


def test_a_proposal_is_decided_once(told: Store) -> None:
    with told.transaction() as tx:
        assert views.decide(tx.connection, "b0b1", "PROPOSED", "ACCEPTED", "me", T)
        assert not views.decide(tx.connection, "b0b1", "PROPOSED", "REJECTED", "you", T)
    with told.read() as c:
        one = views.proposal(c, "b0b1")
        said = c.execute(sa.select(schema.research_proposals.c.state)).scalar()

    assert one is not None
    assert (one["state"], one["who"], said) == ("ACCEPTED", "me", "ACCEPTED")


def test_the_same_case_of_two_runs_is_told_apart(told: Store) -> None:
    again = rows.case_row(a_judged(), T) | {"run_id": "another"}
    with told.transaction() as tx:
        tx.insert(schema.research_cases, [again])
    with told.read() as c:
        assert sorted(views.identified(c, CASE)) == [("case", RUN, CASE), ("case", "another", CASE)]
