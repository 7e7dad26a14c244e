"""Positions are managed to their end: stops that follow, parts that are closed, time that runs out; and whoever dies
meanwhile, the run decides the same."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from domain.errors import ActorLost
from domain.timeframe import MINUTE
from journal import database
from journal import schema as s
from journal.engines import open_engine
from orchestration.local import LocalRuntime
from tests.flow.replaying import again, identical
from tests.flow.system import START, Story, System, path, write_bars
from tests.flow.test_resume import Engine, Lives, lives

__all__ = ["lives"]

FOREX = path(*[(8, -0.0004), (14, 0.0006), (4, -0.0003), (30, 0.00002), (10, 0.0005)] * 3)
COINS = path(*[(7, 60.0), (11, -50.0), (3, 20.0)] * 6, start=40_000.0)
BARS = {"EURUSD": FOREX, "BTC": COINS}
STRATEGY = ("strategy.fast=2", "strategy.slow=5", "strategy.stop_atr=3")
MANAGED = (
    *STRATEGY,
    "risk.require_stop=true",
    "risk.cooldown_after_close=120",
    "exits.atr_bars=5",
    "exits.breakeven_at=0.3",
    "exits.trail_from=2",
    "exits.trail_to=4",
    'exits.targets=[{"at": 0.7, "fraction": 0.3}, {"at": 1.5, "fraction": 0.3}]',
    "exits.max_hold=1200",
)
SHORT = {symbol: closes[:32] for symbol, closes in BARS.items()}
KNOWN = ("symbol", "side", "quantity", "price", "at", "reason")
STOPS = ("symbol", "purpose", "stop", "target", "at", "state")
TRADES = ("symbol", "quantity", "entry", "exit", "pnl", "r", "reason", "flat", "session")


class Left(NamedTuple):
    """What a run leaves behind, but for ids and machine time."""

    hash: str
    fills: list[Any]
    stops: list[Any]
    trades: list[Any]
    locks: list[Any]
    positions: list[Any]


def left(url: str, decided: str) -> Left:
    engine = open_engine(url)

    def told(table: sa.Table, names: tuple[str, ...], *order: str) -> list[Any]:
        query = sa.select(*(table.c[one] for one in names)).order_by(*(table.c[one] for one in order or names))
        return [tuple(one) for one in c.execute(query)]

    with engine.connect() as c:
        found = Left(
            decided,
            told(s.fills, KNOWN, "at", "symbol", "side"),
            told(s.stop_changes, STOPS, "at", "symbol"),
            told(s.trades, TRADES, "closed_at", "symbol", "exit"),
            told(s.locks, ("symbol", "code", "from_at", "until_at", "reason"), "from_at", "symbol"),
            told(s.positions, ("symbol", "quantity", "stop", "target", "risk", "flags"), "symbol"),
        )
    engine.dispose()
    return found


def result(story: Story) -> Left:
    return left(story.url, story.summary.decisions_hash)


def tightens(story: Story) -> int:
    """Counts the stops that were moved; none of them went away from the price."""
    stops: dict[str, tuple[int, float]] = {}
    moved = 0
    for one in story.events:
        data, symbol = one["data"], one["symbol"]
        if one["type"] == "POSITION_OPENED":
            stops[symbol] = (1 if data["side"] == "BUY" else -1, data["stop"])
        if one["type"] == "POSITION_UPDATE" and symbol is not None:
            side, before = stops[symbol]
            assert (data["stop"] - before) * side > 0
            stops[symbol] = (side, data["stop"])
            moved += 1
    return moved


def test_every_way_to_manage_a_position_ends_in_books_that_agree(tmp_path: Path) -> None:
    system = System(tmp_path, [*MANAGED])

    story = system.run(BARS)

    reasons = Counter(one["data"]["reason"] for one in story.of("TRADE_EXECUTION"))
    moves = Counter(one["data"]["purpose"] for one in story.of("POSITION_UPDATE") if one["symbol"] is not None)
    assert set(reasons) >= {"ENTRY", "STOP", "TP1", "TP2", "MAX_HOLD"}
    assert set(moves) == {"BREAKEVEN", "TRAILING"}
    assert tightens(story) == moves.total() > 20
    assert result(story).locks
    assert database.check(story.url)["ok"]
    identical(again(system), story)


def test_a_target_is_taken_once_and_is_a_part_of_what_was_held_first(tmp_path: Path) -> None:
    story = System(tmp_path, [*MANAGED]).run({"EURUSD": FOREX})

    taken: list[tuple[str, float]] = []
    for one in story.of("TRADE_EXECUTION"):
        reason, units = one["data"]["reason"], one["data"]["quantity"]
        taken = [] if reason == "ENTRY" else taken
        assert reason not in [before for before, _ in taken] or reason == "STOP"
        taken.append((reason, units))
        assert units == {"TP1": 3_000, "TP2": 3_000}.get(reason, units)


def test_nothing_is_held_over_the_weekend(tmp_path: Path) -> None:
    friday = START + 4 * 24 * 60 * MINUTE + 20 * 60 * MINUTE + 30 * MINUTE  # 2024-01-05T20:30Z
    rising = path((15, -0.0002), (90, 0.0003))
    file = write_bars(tmp_path / "EURUSD_M1.csv", rising, friday)
    system = System(tmp_path, [*STRATEGY, "exits.before_weekend=3600"])

    story = system.run(symbols=("EURUSD",), data=(f"EURUSD={file}",))

    closed = [one for one in story.of("TRADE_EXECUTION") if one["data"]["reason"] == "WEEKEND"]
    assert [one["ts"][:16] for one in closed] == ["2024-01-05T21:01"]
    assert story.summary.positions == []
    identical(again(system), story)


# -- who dies ----------------------------------------------------------------------------------------

CALLS = [
    ("PairAgent:EURUSD", "scan"),
    ("RiskManager", "snapshot"),
    ("RiskManager", "reserve"),
    ("Executor", "record"),
    ("Executor", "amend"),
    ("Executor", "submit"),
    ("VenueGateway:paper", "advance"),
    ("VenueGateway:paper", "modify"),
    ("VenueGateway:paper", "submit"),
]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Left:
    return result(System(tmp_path_factory.mktemp("calm"), [*MANAGED]).run(BARS))


@pytest.mark.parametrize("heard", [True, False], ids=["and its caller hears of it", "and is back before it is missed"])
@pytest.mark.parametrize(("name", "method"), CALLS)
def test_an_actor_that_dies_before_a_call_changes_no_decision(
    tmp_path: Path, calm: Left, name: str, method: str, heard: bool
) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    runtimes: list[LocalRuntime] = []

    def die(actor: str, call: str) -> None:
        seen[actor, call] += 1
        if (actor, call) == (name, method) and seen[actor, call] in (1, 9):
            runtimes[0].lose(name)
            if heard:
                raise ActorLost(name, "killed by the test")

    async def remember(runtime: LocalRuntime) -> None:
        runtimes.append(runtime)

    story = System(tmp_path, [*MANAGED]).run(BARS, fault=die, during=remember)

    assert seen[name, method] >= 9
    assert result(story) == calm
    assert database.check(story.url)["ok"]


def test_a_kill_after_any_commit_changes_nothing(tmp_path: Path, lives: Lives) -> None:
    given: dict[str, Any] = {"preset": "yardstick", "sets": MANAGED}
    quiet = Engine(tmp_path / "calm", lives, SHORT, **given)
    ended = quiet.to_the_end()
    calm = left(quiet.url, ended.decisions_hash)
    assert {one[1] for one in calm.stops} == {"BREAKEVEN", "TRAILING"}
    assert {"TP1", "STOP"} <= {one[-1] for one in calm.fills}
    engine = Engine(tmp_path / "loud", lives, SHORT, **given)
    engine.live(until=3)
    kept = shutil.copy(engine.database, tmp_path / "kept.db")
    until = 0
    while True:
        until += 3
        shutil.copy(kept, engine.database)
        engine.live(until)
        if engine.complete():
            break
        decided = engine.to_the_end().decisions_hash
        assert left(engine.url, decided) == calm, f"killed after commit {until}"
        engine.sound()

    assert until > 100
