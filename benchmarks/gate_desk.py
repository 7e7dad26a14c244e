"""What ``benchmarks.gate`` judges: an account with open positions and the market's past, and candidates."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from actors.gate_rows import position_row
from actors.risk_manager import RiskManager
from actors.specs import GateSpec, RunSpec
from domain.book import Position
from domain.candidate import Candidate
from domain.instrument import Instrument
from domain.market import BAR, BarBatch
from domain.money import NANO, from_decimal, from_float
from domain.timeframe import MINUTE
from journal import database
from journal import schema as s
from journal.store import Store
from marketdata import news
from risk.config import RiskConfig
from risk.costs import Costs

NOON = 1_704_204_000_000_000_000
"""2024-01-02T14:00Z: London and New York are open."""
CASH = 1_000_000 * NANO
PRICE = 1.1
CURRENCIES = ("EUR", "GBP", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "PLN", "SGD", "MXN", "ZAR", "TRY", "CZK")
"""Bases and quotes of the made-up pairs; a quote other than USD is converted by its pair with USD."""

ALL_RULES = RiskConfig(
    sessions=("london", "new_york"),
    holidays=("forex",),
    news=("static",),
    cooldown=1.0,
    cooldown_after_close=60.0,
    stoploss_guard_trades=50,
    drawdown_guard=0.5,
    low_profit_guard=-0.5,
    losses_in_a_row=50,
    max_symbol_loss=500_000 * NANO,
    max_trades_per_day=10**9,
    max_trades_per_hour=10**9,
    max_daily_loss=500_000 * NANO,
    max_daily_loss_share=0.4,
    max_drawdown_soft=0.5,
    max_drawdown=0.6,
    max_total_loss=0.6,
    max_payoff_ratio=10.0,
    max_spread_bps={"default": 50.0},
    max_cost_ratio=0.9,
    min_reward_to_risk=0.5,
    max_open_positions=10**6,
    max_positions_per_symbol=5,
    max_orders_in_flight=10**6,
    max_order_notional=10**8 * NANO,
    max_correlation=0.99,
    max_currency_exposure=900.0,
    max_symbol_exposure=500.0,
    max_class_exposure={"default": 900.0},
    max_venue_exposure=900.0,
    max_exposure=10**11 * NANO,
    max_leverage=900.0,
    margin_rate={"default": 0.001},
    max_margin=0.9,
    min_free_balance=1_000 * NANO,
    max_var=0.9,
    max_cvar=0.95,
    max_stress_loss=0.99,
    stress={"up": {"default": 0.0001}, "down": {"default": -0.0001}},
    near_limit=0.9,
    score_factors={"0.5": 1.0},
    risk_fraction=0.0001,
    max_risk=0.01,
    max_risk_money={"default": 5_000 * NANO},
    max_depth=0.5,
    max_orders_per_minute=10**6,
)
"""Every rule, wide enough that everything passes: what passes costs most."""


def pairs(count: int) -> tuple[str, ...]:
    """So many pairs of currencies, each currency as often as the others."""
    crossed = (a + b for a, b in itertools.permutations(CURRENCIES, 2))
    return tuple(itertools.islice(itertools.chain((one + "USD" for one in CURRENCIES), crossed), count))


def instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        asset_class="forex",
        base=symbol[:3],
        quote=symbol[3:],
        tick=from_decimal("0.00001"),
        contract=100_000 * NANO,
        lot_step=1_000 * NANO,
        min_quantity=1_000 * NANO,
        max_quantity=50_000_000 * NANO,
        spread=from_decimal("0.00008"),
    )


def spec(url: str, count: int, epoch: int = 1) -> GateSpec:
    """The gate of a run over ``count`` pairs, all rules on."""
    symbols = pairs(count)
    run = RunSpec(
        run_id="gate",
        epoch=epoch,
        db_url=url,
        account="paper:gate",
        scope="gate",
        currency="USD",
        cash=CASH,
        live=False,
        simulated=True,
        symbols=symbols,
        timeframe="M1",
        timeframe_ns=MINUTE,
        instruments={one: instrument(one) for one in symbols},
    )
    return GateSpec(
        run=run,
        risk=ALL_RULES,
        day_start="00:00 UTC",
        costs={one: Costs(100_000, 50_000) for one in symbols},
        calendar=news.load(("static",)),
        remembers=True,
    )


def store(url: str, gate: GateSpec, held: int) -> Store:
    """A database in which the first ``held`` pairs are held, half of them short."""
    database.prepare(url)
    found = Store(url, 0)
    with found.transaction() as tx:
        tx.insert(s.positions, [position_row(gate.run.account, _position(one, n)) for n, one in _held(gate, held)])
    return found


def _held(gate: GateSpec, held: int) -> list[tuple[int, str]]:
    return list(enumerate(gate.run.symbols[:held]))


def _position(symbol: str, number: int) -> Position:
    side = 1 if number % 2 else -1
    quantity = 10_000 * NANO
    return Position(
        symbol=symbol,
        quantity=side * quantity,
        cost=side * 11_000 * NANO,
        opened_at=NOON - 60 * MINUTE,
        strategy="ema_cross",
        entry_order=f"o{number}",
        stop=from_decimal("1.05" if side > 0 else "1.15"),
        risk=500 * NANO,
        distance=from_decimal("0.05"),
        first=quantity,
        orders=(f"o{number}",),
    )


class Past:
    """The last 101 bars of every pair, a seeded walk, and those that follow."""

    def __init__(self, gate: GateSpec, window: int = 101) -> None:
        self._random, self._count = np.random.default_rng(7), len(gate.run.rows)
        self._closes = np.full(self._count, PRICE)
        self.parts = [self.bars(NOON - (window - n) * MINUTE) for n in range(window)]

    def bars(self, at: int) -> BarBatch:
        self._closes = self._closes * np.exp(self._random.normal(0, 0.0002, self._count))
        rows = np.zeros(self._count, BAR)
        rows["row"], rows["ts"] = np.arange(self._count), at - MINUTE
        rows["open"] = rows["high"] = rows["low"] = rows["close"] = self._closes
        rows["volume"], rows["spread"] = 1e9, 0.00008
        return BarBatch(at=at, bars=rows)

    def closes(self) -> Any:
        return self._closes


def ready(manager: RiskManager, past: Past) -> None:
    """The gate as it stands before its first candidate."""
    after = -1
    for part in past.parts:
        after = manager.load(after, part)
    manager.remembered()


def candidates(gate: GateSpec, past: Past, first: int, count: int, at: int) -> list[Candidate]:
    """Long in as many pairs that are not held, at their last close."""
    return [
        Candidate(
            symbol=symbol,
            strategy="ema_cross",
            direction=1 if number % 2 else -1,
            at=at,
            price=from_float(float(past.closes()[first + number])),
            stop=from_decimal("0.002"),
            target=from_decimal("0.004"),
            score=0.6,
            probability=0.5,
            expires_at=at + MINUTE,
        )
        for number, symbol in enumerate(gate.run.symbols[first : first + count])
    ]


def with_store(folder: Path, held: int, most: int) -> tuple[GateSpec, Store]:
    """A gate's spec and its database in a folder."""
    url = f"sqlite:///{folder / 'argus.db'}"
    gate = spec(url, held + most)
    made = store(url, gate, held)
    return msgspec.structs.replace(gate, run=msgspec.structs.replace(gate.run, epoch=0)), made
