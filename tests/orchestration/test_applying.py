"""A proposal that the next run takes over by itself, where it is configured so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from actors.research_rows import proposal_row
from domain.research import Change, Proposal
from journal import database
from journal import schema as s
from journal.engines import open_engine
from orchestration.research.applying import POLICY, taken_over
from orchestration.settings import Overrides, Settings, load, strategy_parameters
from research.planner import ACCEPTED, APPLIED, PROPOSED, REJECTED

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(found)
    return found


def settings(*sets: str, apply: str = "next_run") -> Settings:
    sets = (
        "research.planner=advisory",
        f"research.planner_apply={apply}",
        "strategy.fast=10",
        "strategy.slow=30",
        *sets,
    )
    return load(Overrides(symbols=("EURUSD",), preset="yardstick", sets=sets), {})


def proposed(url: str, state: str = PROPOSED, key: str = "slow", now: float = 30, to: float = 33, **more: Any) -> None:
    given: dict[str, Any] = {
        "id": "proposal-1",
        "run_id": "run-1",
        "at": NOW,
        "strategy": "ema_cross",
        "changes": (Change(key, now, to, 27, 33, ("E1",)),),
        "reason": "the trades lose on the whole",
        "facts": (),
        "state": state,
    }
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.insert(s.research_proposals), [proposal_row(Proposal(**given | more))])
    engine.dispose()


def row(url: str, id: str = "proposal-1") -> Any:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.execute(sa.select(s.research_proposals).where(s.research_proposals.c.id == id)).one()
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("state", "who", "by"), [(PROPOSED, "", POLICY), (ACCEPTED, "me@here: looks right", "me@here: looks right")]
)
def test_it_is_taken_over_once_and_says_where_from(url: str, state: str, who: str, by: str) -> None:
    proposed(url, state, who=who)
    found, told = taken_over(settings(), url, NOW + 1)

    assert strategy_parameters(found)["slow"] == 33
    assert strategy_parameters(found)["fast"] == 10
    assert found.written["strategy.slow"].value == 33
    assert found.written["strategy.slow"].source == "proposal proposal-1"
    assert "slow 30 -> 33" in told
    assert (row(url).state, row(url).who, row(url).decided_at) == (APPLIED, by, NOW + 1)
    again, told = taken_over(settings(), url, NOW + 2)
    assert (strategy_parameters(again)["slow"], told) == (30, "")


@pytest.mark.parametrize(
    ("more", "given"),
    [
        ({"state": REJECTED}, {}),
        ({"state": APPLIED}, {}),
        ({"strategy": "momentum"}, {}),
        ({}, {"apply": "operator"}),
    ],
)
def test_what_nobody_wants_changes_nothing(url: str, more: dict[str, Any], given: dict[str, Any]) -> None:
    proposed(url, **more)
    before = row(url)
    found, told = taken_over(settings(**given), url, NOW)

    assert (strategy_parameters(found)["slow"], told) == (30, "")
    assert row(url) == before


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"now": 40, "to": 44}, "no longer"),
        ({"to": 99}, "outside"),
        ({"key": "nothing", "now": 1, "to": 1.1}, "out of date"),
    ],
)
def test_what_no_longer_fits_is_told_and_left(url: str, more: dict[str, Any], why: str) -> None:
    proposed(url, **more)
    found, told = taken_over(settings(), url, NOW)

    assert strategy_parameters(found)["slow"] == 30
    assert "is not taken over" in told
    assert row(url).state == PROPOSED


def test_the_newest_one_counts(url: str) -> None:
    proposed(url, id="older", at=NOW - 5, to=27)
    proposed(url)
    found, _ = taken_over(settings(), url, NOW)

    assert strategy_parameters(found)["slow"] == 33
    assert row(url, "older").state == PROPOSED
