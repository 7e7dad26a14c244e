"""The same book, candidates and clock get the same answers: on either database, and from a gate that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from actors.gate_view import GateView
from actors.risk_manager import RiskManager
from actors.specs import GateSpec
from domain.book import Book
from domain.candidate import Candidate
from domain.market import BarBatch
from risk.exposure import Exposure
from risk.gate import Answer, Gate, decision_of
from risk.returns import Returns
from risk.statistics import Statistics, Trade
from risk.view import View
from tests.flow.hours import walked
from tests.flow.replaying import again, identical
from tests.flow.system import Story, System

ALL = (
    "strategy.fast=3",
    "strategy.slow=8",
    "risk.sizing=kelly",
    "risk.kelly_trades=5",
    "risk.sessions=[london, new_york]",
    "risk.news=[static]",
    "risk.holidays=[forex]",
    "risk.cooldown=7200",
    "risk.cooldown_after_close=3600",
    "risk.stoploss_guard_trades=3",
    "risk.drawdown_guard=0.02",
    "risk.low_profit_guard=-0.02",
    "risk.losses_in_a_row=3",
    "risk.max_symbol_loss=2000",
    "risk.max_trades_per_day=6",
    "risk.max_trades_per_hour=2",
    "risk.max_daily_loss=null",
    "risk.max_daily_loss_share=0.02",
    "risk.max_drawdown_soft=null",
    "risk.max_total_loss=0.5",
    "risk.max_payoff_ratio=4",
    "risk.max_cost_ratio=0.6",
    "risk.min_reward_to_risk=1.2",
    "risk.max_symbol_exposure=2",
    "risk.max_class_exposure={default: 3}",
    "risk.max_venue_exposure=4",
    "risk.max_exposure=500000",
    "risk.margin_rate={default: 0.1}",
    "risk.max_margin=0.5",
    "risk.min_free_balance=1000",
    "risk.max_var=0.02",
    "risk.max_cvar=0.03",
    "risk.max_stress_loss=0.2",
    "risk.score_factors={'0.5': 1.2}",
    "risk.regime_factors={TRENDING: 1.5, VOLATILE: 0.5}",
    "risk.near_limit=0.5",
    "risk.max_risk_money={default: 900}",
    "risk.max_orders_per_minute=3",
)
"""Nearly every rule is on, and protections leave locks behind."""


def run(folder: Path, database: str = "", sets: Sequence[str] = ALL, bars: int = 420) -> tuple[System, Story]:
    folder.mkdir()
    system = System(folder, database=database)
    return system, system.run(preset="balanced", sets=sets, **walked(folder, bars).overrides)


def test_postgresql_answers_as_sqlite_does_with_every_rule_on(tmp_path: Path, postgres_url: str) -> None:
    _, here = run(tmp_path / "sqlite")
    there_system, there = run(tmp_path / "postgresql", postgres_url)

    codes = {one["data"]["code"] for one in here.of("RISK_DENIED")}
    assert len(codes) > 6, codes
    assert here.summary == there.summary
    assert [one["data"] for one in here.of("RISK_DENIED")] == [one["data"] for one in there.of("RISK_DENIED")]
    identical(again(there_system), there)


def test_the_same_run_twice_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = (run(tmp_path / name)[1] for name in ("first", "second"))

    assert first.summary.decisions_hash == second.summary.decisions_hash
    assert first.summary == second.summary


class Alone:
    """A gate of its own, given nothing but values: beside each answer of a run it is asked the same."""

    def __init__(self, spec: GateSpec) -> None:
        self.spec, self.gate = spec, Gate(spec.risk, spec.run.scope, spec.run.account)
        self.batches: list[BarBatch] = []
        self.trades: list[Trade] = []
        self.said: list[tuple[bytes, bytes]] = []

    def book(self, seen: Book) -> Book:
        """The book anew, from its balance, positions, marks and orders on their way."""
        book = Book(seen.balance)
        book.positions = deepcopy(seen.positions)
        for working in seen.working.values():
            book.reserve(working.order)
            if working.filled:
                book.filled(working.order.id, working.filled)
            book.working[working.order.id].status = working.status
        for symbol in seen.positions:
            book.mark(symbol, seen.marks[symbol], self.prices.rate(symbol) or (1, 1))
        return book

    def view(self, seen: View) -> View:
        self.prices = (look := GateView(self.spec)).prices
        for batch in self.batches:
            self.prices.take(batch)
        book = self.book(seen.book)
        view = View(self.spec.risk, book)
        for name in ("now", "state", "engine_paused", "peak", "day_equity", "first_cash", "trades_today", "calendar"):
            setattr(view, name, getattr(seen, name))
        for name in ("instruments", "costs", "venue", "timeframe", "age_limit"):
            setattr(view, name, getattr(look.view, name))
        view.locks, view.unresolved = list(seen.locks), set(seen.unresolved)
        view.entries, view.last_entry = tuple(seen.entries), dict(seen.last_entry)
        view.equity = book.equity()
        view.exposure = Exposure(
            book, self.prices.price, self.prices.rate, view.instruments, self.spec.risk.margin_rate
        )
        view.statistics = Statistics(self.spec.risk)
        for trade in self.trades:
            view.statistics.add(trade)
        view.returns = Returns(self.spec.run.rows, self.spec.risk.returns_window)
        for batch in self.batches:
            view.returns.push(batch.at, np.asarray(batch.rows["row"], np.int64), batch.rows["close"])
        return view

    def look(self, view: View, symbol: str) -> None:
        view.instrument = self.spec.run.instruments.get(symbol)
        view.rate, view.price = self.prices.rate(symbol), self.prices.price(symbol)
        view.bar_at, view.volume = self.prices.bar_at(symbol), self.prices.volume(symbol)


def test_a_gate_that_stands_alone_answers_as_the_run_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Alone] = []
    began, enter, take, added = RiskManager.__init__, Gate.enter, GateView.take, Statistics.add

    def begin(self: RiskManager, spec: GateSpec, *args: Any, **more: Any) -> None:
        began(self, spec, *args, **more)
        asked.append(Alone(spec))

    def ask(self: Gate, candidate: Candidate, view: View, venue: str, rank: int, spread: int) -> Answer:
        if not asked or self is asked[0].gate:
            return enter(self, candidate, view, venue, rank, spread)
        alone = asked[0]
        fresh = alone.view(view)
        alone.look(fresh, candidate.symbol)
        answer = enter(self, candidate, view, venue, rank, spread)
        again = alone.gate.enter(msgspec.structs.replace(candidate), fresh, venue, rank, spread)
        alone.said.append((decision_of(candidate, answer), decision_of(candidate, again)))
        return answer

    def bars(self: GateView, batch: BarBatch) -> None:
        take(self, batch)
        if asked and self is not None and not any(one.at == batch.at for one in asked[0].batches):
            asked[0].batches.append(BarBatch(at=batch.at, bars=batch.rows.copy()))

    def add(self: Statistics, trade: Trade) -> None:
        added(self, trade)
        if asked and trade not in asked[0].trades:
            asked[0].trades.append(trade)

    monkeypatch.setattr(RiskManager, "__init__", begin)
    monkeypatch.setattr(Gate, "enter", ask)
    monkeypatch.setattr(GateView, "take", bars)
    monkeypatch.setattr(Statistics, "add", add)
    _, story = run(tmp_path / "run", bars=300)

    (alone,) = asked
    assert len(alone.said) > 80
    assert len([one for one, _ in alone.said if b'"APPROVED"' in one]) > 10
    for here, there in alone.said:
        assert here == there
    assert len({one["data"]["code"] for one in story.of("RISK_DENIED")}) > 5
