"""Decisions of recorded runs, explained as they were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from domain.errors import ConfigError
from domain.money import to_float
from domain.timeframe import HOUR
from journal import schema as s
from journal.engines import open_engine
from orchestration import asking, frozen
from orchestration.replay.explained import Past, explained
from risk.news import Calendar, NewsEvent
from risk.view import View
from tests.flow.replaying import COINS, LATER, QUICK, WAVES, Growing, Stopped, followed, resumed, telling
from tests.flow.system import Story, System, path

LIMITS = ("risk.max_trades_per_day=6", "risk.max_open_positions=1", "risk.score_factors={'0.02': 0.5}")


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    """A system on either kind of database."""
    return System(tmp_path, QUICK, "" if request.param == "sqlite" else request.getfixturevalue("postgres_url"))


def past(system: System, beginning: str) -> Past:
    return explained(system.url, beginning, lambda done, total: None)


def entries(story: Story) -> list[dict[str, Any]]:
    """What was answered to candidates, in order."""
    kinds = ("RISK_DENIED", "RISK_APPROVED")
    return [one for one in story.events if one["type"] in kinds and one["data"].get("purpose", "ENTRY") == "ENTRY"]


def tells(system: System, event: dict[str, Any]) -> None:
    """The ladder of an event leads to what the event says."""
    found = past(system, event["id"])
    assert found.difference is None
    assert found.ladder is not None
    answer, data = found.ladder.answer, event["data"]
    candidate = found.ladder.candidate
    assert (candidate.at, candidate.symbol) == (found.decided.at, event["symbol"])
    first = next((one for one in found.ladder.checks if one.code), None)
    if event["type"] == "RISK_APPROVED":
        assert first is None
        assert answer.denial is None
        assert answer.order is not None
        assert to_float(answer.order.quantity) == data["quantity"]
        assert found.ladder.size is not None
        assert found.ladder.size.quantity == answer.size
    else:
        assert answer.denial is not None
        assert (answer.denial.code, answer.denial.value) == (data["code"], data["value"])
        assert first is None or first.code == data["code"]


def test_every_decision_of_a_run_is_explained_as_it_was_made(either: System) -> None:
    story = either.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", sets=LIMITS)
    events = entries(story)
    kinds = {one["type"] for one in events}

    assert kinds == {"RISK_DENIED", "RISK_APPROVED"}
    assert len({one["data"].get("code") for one in events}) > 2
    for event in [*events[:2], *events[len(events) // 2 :: 4]]:
        tells(either, event)


def test_a_decision_of_a_simulated_run(system: System) -> None:
    story = system.run(preset="balanced", symbols=("EURUSD", "BTC"), speed="max", cycles=80, sets=("feed.warm_up=50",))

    tells(system, entries(story)[-1])
    assert past(system, entries(story)[-1]["data"]["order_id"]).simulated


def test_only_the_cycles_up_to_the_decision_are_played(system: System) -> None:
    story = system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced")
    event = entries(story)[2]
    seen: list[tuple[int, int]] = []

    found = explained(system.url, event["id"], lambda done, total: seen.append((done, total)))

    assert found.cycle < story.summary.cycles
    assert {total for _, total in seen} == {found.cycle}


def test_a_decision_under_an_operators_halt(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    story = system.run({"EURUSD": WAVES}, during=telling(system, (25, "halt", {}), (70, "reset-kill-switch", {})))
    denied = story.of("RISK_DENIED")

    assert {one["data"]["code"] for one in denied} == {"KILL_SWITCH"}
    tells(system, denied[-1])


def test_a_decision_after_a_crash(system: System) -> None:
    def dies(actor: str, method: str) -> None:
        seen.append(method)
        if seen.count("reserve") == 4 and method == "submit":
            raise Stopped

    seen: list[str] = []
    with pytest.raises(Stopped):
        system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", fault=dies)
    resumed(system, "run-0")
    engine = open_engine(system.url)
    with engine.begin() as c:
        of = s.orders.c
        ids = list(c.execute(sa.select(of.id).where(of.purpose == "ENTRY").order_by(of.at, of.rank)).scalars())
    engine.dispose()

    for one in (ids[3], ids[-1]):
        found = past(system, one)
        assert found.difference is None
        assert found.ladder is not None
        assert found.ladder.answer.id == one


def test_a_decision_of_a_live_run_and_the_gate_after_it(either: System) -> None:
    files = Growing(either.folder, EURUSD=WAVES, BTC=COINS)
    story = followed(either, files, 40)
    for symbol in ("EURUSD", "BTC"):
        files.path(symbol).unlink()

    tells(either, entries(story)[-1])

    found = frozen.run_of(either.url)
    settings = frozen.settings_of(found.config)
    with asking.of_run(either.url, found, settings, "") as standing:
        view = standing.view(False)
        assert standing.gate.price("EURUSD") > 0
        assert standing.now >= standing.at
        assert to_float(view.equity) == pytest.approx(story.summary.equity)
        assert len(view.book.positions) == len(story.summary.positions)


def test_the_gate_that_is_asked_stands_where_the_run_has_left_it(system: System) -> None:
    story = system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced", sets=(*LIMITS, "risk.max_var=0.9"))
    found = frozen.run_of(system.url)

    with asking.of_run(system.url, found, frozen.settings_of(found.config), "") as standing:
        view, gate = standing.view(False), story.runtime.object("RiskManager")
        mine = gate._lookout.view
        assert standing.now == gate._now
        assert (view.equity, view.peak) == (gate.book.equity(), gate._peak)
        assert (view.day_equity, view.trades_today) == (gate._day_equity, gate._trades_today)
        assert (view.state, view.first_cash, view.locks) == (gate._switch.state, mine.first_cash, mine.locks)
        assert list(view.entries) == [at for at in mine.entries if at > standing.now - HOUR]
        assert view.book.positions == gate.book.positions
        assert view.returns is not None
        for symbol in ("EURUSD", "BTC"):
            assert view.returns.volatility(symbol) == mine.returns.volatility(symbol)
            assert standing.gate.price(symbol) == gate._prices.price(symbol)
            tally = mine.statistics.tally(symbol=symbol, strategy="ema_cross")
            assert view.statistics.tally(symbol=symbol, strategy="ema_cross") == tally


def asked(system: System, news: tuple[str, ...] = ()) -> View:
    """What the gate of the newest run sees now; with other calendars."""
    found = frozen.run_of(system.url)
    settings = frozen.settings_of(found.config)
    if news:
        settings = replace(settings, risk=replace(settings.risk, news=news))
    with asking.of_run(system.url, found, settings, "") as standing:
        return standing.view(False)


def test_a_lock_that_somebody_took_away_does_not_come_back(system: System) -> None:
    falling = path((15, -0.0001), (8, 0.0004), (30, -0.0020))
    limits = ("risk.drawdown_guard=0.0005", "strategy.side=long", "risk.units=100000", "risk.drawdown_guard_lock=86400")
    system.run({"EURUSD": falling}, sets=limits)
    locked = asked(system)
    engine = open_engine(system.url)
    with engine.begin() as c:
        removed = {"removed_at": locked.now, "removed_why": "ann: looked"}
        c.execute(sa.update(s.locks).values(removed))
    engine.dispose()

    assert [one.code for one in locked.locks] == ["DRAWDOWN_GUARD"]
    assert asked(system).locks == []


def test_the_calendar_that_was_read_last_is_the_one_that_holds(system: System) -> None:
    system.run({"EURUSD": WAVES}, sets=("risk.news=[static]",))
    before = asked(system).calendar
    new = Calendar(events=(NewsEvent(at=LATER, currency="EUR", impact="high", title="ECB"),))
    engine = open_engine(system.url)
    with engine.begin() as c:
        arguments = msgspec.json.encode({"calendar": new}).decode()
        row = {"at": LATER, "verb": "calendar", "arguments": arguments, "who": "news", "why": "read again"}
        done = {"state": "DONE", "answered_at": LATER, "run_id": "run-0", "cycle": 5, "step": "open"}
        c.execute(sa.insert(s.commands).values(row | done))
    engine.dispose()

    assert before is not None
    assert before.events != new.events
    assert asked(system).calendar == new
    assert asked(system, ("static", "static")).calendar == before
    system.run({"EURUSD": WAVES})
    assert asked(system).calendar is None
    assert asked(system, ("static",)).calendar == before


def test_a_replay_that_differs_before_the_decision_is_told(system: System) -> None:
    story = system.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced")
    events = entries(story)
    engine = open_engine(system.url)
    with engine.begin() as c:
        row = c.execute(sa.select(s.decisions).order_by(s.decisions.c.at, s.decisions.c.rank)).first()
        assert row is not None
        mine = (s.decisions.c.at == row.at) & (s.decisions.c.rank == row.rank)
        changed = bytes(row.body).replace(b'"quantity":"', b'"quantity":"9')
        c.execute(sa.update(s.decisions).where(mine).values(body=changed))
    engine.dispose()

    found = past(system, events[-1]["id"])

    assert found.ladder is not None
    assert found.difference is not None
    assert (found.difference.kind, found.difference.at) == ("decision", row.at)


def test_bars_that_have_changed_since_are_told_if_the_decision_used_them(system: System) -> None:
    story = system.run({"EURUSD": WAVES})
    events = entries(story)
    early, late = events[0], events[-1]
    place = 60
    file = system.folder / "EURUSD_M1.csv"
    lines = file.read_text().splitlines()
    ts, opened, high, low, close = lines[place].split(",")
    lines[place] = ",".join((ts, opened, str(float(high) + 1e-6), low, close))
    file.write_text("\n".join(lines) + "\n")

    before, after = past(system, early["id"]), past(system, late["id"])

    assert before.difference is None
    assert before.ladder is not None
    assert after.difference is not None
    assert (after.difference.kind, after.ladder) == ("bars", None)


def test_a_wish_that_the_replay_never_has_is_told(system: System) -> None:
    story = system.run({"EURUSD": WAVES})
    order = entries(story)[0]["data"]["order_id"]
    engine = open_engine(system.url)
    with engine.begin() as c:
        row = c.execute(sa.select(s.orders).where(s.orders.c.id == order)).mappings().one()
        c.execute(sa.insert(s.orders).values(dict(row) | {"id": "ffff0000", "strategy": "other"}))
    engine.dispose()

    found = past(system, "ffff")

    assert (found.ladder, found.difference) == (None, None)
    assert replace(found, ladder=None) == found
    with pytest.raises(ConfigError, match="no event or order begins with"):
        past(system, "none of these")
