"""The gate's shell: what it is rebuilt from, and what it writes before it answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors import gate_rows
from actors.risk_manager import RiskManager
from actors.specs import GateSpec
from domain.book import Position
from domain.market import BarBatch, empty_bars
from domain.money import NANO
from domain.order import Denied, Order
from domain.timeframe import MINUTE
from journal import database
from journal import schema as s
from journal.store import Store
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from tests.factories import a_candidate
from tests.flow.system import START, path, write_bars


class Clock:
    """Moves on by a nanosecond whenever it is looked at."""

    def __init__(self) -> None:
        self._at = START

    def now(self) -> int:
        self._at += 1
        return self._at


def spec(folder: Path, **more: Any) -> GateSpec:
    """The gate of a run over EURUSD, on the account ``paper``."""
    bars = write_bars(folder / "EURUSD_M1.csv", path((50, 0.0001)))
    url = f"sqlite:///{folder / 'argus.db'}"
    settings = load(Overrides(symbols=("EURUSD",), data=(f"EURUSD={bars}",), db_url=url, **more), {})
    database.prepare(url)
    specs = actor_specs(settings, market(settings), Identity("run", 0, url, 0, ""))
    gate: GateSpec = next(one.spec for one in specs if one.name == "RiskManager")
    return msgspec.structs.replace(gate, run=msgspec.structs.replace(gate.run, account="paper", scope="paper"))


@pytest.fixture
def gate(tmp_path: Path) -> GateSpec:
    return spec(tmp_path)


@pytest.fixture
def store(gate: GateSpec) -> Iterator[Store]:
    store = Store(gate.run.db_url, 0)
    yield store
    store.close()


def bar(at: int, close: float) -> BarBatch:
    rows = empty_bars()
    rows.resize(1)
    rows["open"] = rows["high"] = rows["low"] = rows["close"] = close
    rows["ts"], rows["spread"] = at - MINUTE, 0.0
    return BarBatch(at=at, bars=rows)


def entry(at: int) -> Any:
    return a_candidate(symbol="EURUSD", at=at, price=1_100_000_000, stop=2_000_000, target=0, expires_at=at + MINUTE)


def test_a_position_that_this_run_does_not_watch_is_valued_at_its_price(gate: GateSpec, store: Store) -> None:
    RiskManager(gate, store, Clock())
    held = Position(symbol="BTC", quantity=NANO, cost=40_000 * NANO, opened_at=START, orders=("o",))
    with store.transaction() as tx:
        tx.insert(s.positions, [gate_rows.position_row("paper", held)])

    rebuilt = RiskManager(gate, store, Clock())
    snapshot = rebuilt.snapshot(bar(START, 1.1))

    assert snapshot.equity == 100_000 * NANO
    assert snapshot.marks["BTC"] == 40_000 * NANO


def test_an_answer_is_in_the_database_before_it_is_given(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))

    answer = manager.reserve([], [entry(START)], START)

    with store.read() as c:
        (row,) = c.execute(sa.select(s.orders)).all()
        assert c.execute(sa.select(s.reservations.c.order_id)).scalars().all() == [answer.orders[0].id]
    assert gate_rows.order_of(row) == answer.orders[0]


def test_a_wish_that_was_answered_gets_the_same_answer_also_after_a_restart(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))
    first = manager.reserve([], [entry(START)], START)

    again = manager.reserve([], [entry(START)], START)
    rebuilt = RiskManager(gate, store, Clock()).reserve([], [entry(START)], START)

    assert first.orders == again.orders == rebuilt.orders
    with store.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(s.decisions)).scalar() == 1


def test_two_bars_before_the_first_fill_do_not_buy_twice(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))
    manager.reserve([], [entry(START)], START)

    manager.snapshot(bar(START + MINUTE, 1.1))
    second = manager.reserve([], [entry(START + MINUTE)], START + MINUTE)

    assert second.orders == ()
    assert [one.code for one in second.denied] == ["IN_FLIGHT"]


def test_precheck_denies_and_never_reserves(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))

    assert manager.precheck([entry(START)], START) == []
    denied = manager.precheck([entry(START)], START, paused=True)

    assert [one.code for one in denied] == ["ENGINE_PAUSED"]
    assert manager.book.working == {}
    assert isinstance(manager.reserve([], [entry(START)], START).denied[0], Denied)


def test_a_commit_that_fails_leaves_no_room_taken(gate: GateSpec, store: Store, monkeypatch: Any) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))

    def full(*args: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(manager._records, "answered", full)
        with pytest.raises(OSError, match="disk full"):
            manager.reserve([], [entry(START)], START)

    assert manager.settle() == 0
    assert manager.book.working == {}
    assert isinstance(manager.reserve([], [entry(START)], START).orders[0], Order)


def test_an_alert_told_again_by_a_gate_that_died_before_its_cycle_was_written_down(tmp_path: Path) -> None:
    gate = spec(tmp_path, sets=("risk.max_drawdown_soft=0.0001", "risk.max_drawdown=0.9"))
    store, clock = Store(gate.run.db_url, 0), Clock()
    RiskManager(gate, store, clock)
    held = Position(
        symbol="EURUSD", quantity=100_000 * NANO, cost=110_000 * NANO, opened_at=START, orders=("o",), stop=NANO
    )
    with store.transaction() as tx:
        tx.insert(s.positions, [gate_rows.position_row("paper", held)])

    for _ in range(2):  # the second one knows nothing of the first
        manager = RiskManager(gate, store, clock)
        manager.snapshot(bar(START, 1.1))
        snapshot = manager.snapshot(bar(START + MINUTE, 1.0))
        assert snapshot is not None
        assert snapshot.state.code == "MAX_DRAWDOWN_SOFT"
    store.close()
