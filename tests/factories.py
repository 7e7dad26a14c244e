"""Valid objects for tests, one thing changed: prices, quantities and money as text or number, turned into 1e-9."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import numpy as np

from domain.book import Book
from domain.candidate import Candidate, Exit
from domain.instrument import Instrument
from domain.market import BAR, Bars
from domain.money import NANO, from_decimal
from domain.order import BUY, ENTRY, SIGNAL, Fill, Order
from domain.timeframe import MINUTE
from risk.config import RiskConfig
from risk.view import View

MONDAY = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
T = MONDAY + 36 * 60 * MINUTE  # Tuesday noon: the close of the bar that speaks
CASH = 100_000 * NANO

EURUSD = Instrument(
    symbol="EURUSD",
    asset_class="forex",
    base="EUR",
    quote="USD",
    tick=from_decimal("0.00001"),
    contract=100_000 * NANO,
    lot_step=1_000 * NANO,
    min_quantity=1_000 * NANO,
    max_quantity=50_000_000 * NANO,
    spread=from_decimal("0.00008"),
)
BTC = Instrument(
    symbol="BTC",
    asset_class="crypto",
    base="BTC",
    quote="USD",
    tick=from_decimal("0.01"),
    contract=NANO,
    lot_step=from_decimal("0.00001"),
    min_quantity=from_decimal("0.00001"),
    max_quantity=100_000 * NANO,
)
LISTED = {one.symbol: one for one in (EURUSD, BTC)}
PRICE = {"EURUSD": from_decimal("1.1"), "BTC": 40_000 * NANO}
UNITS = {"EURUSD": 10_000 * NANO, "BTC": NANO // 2}


def nano(number: str | int | Decimal) -> int:
    """Exact 1e-9."""
    return from_decimal(number)


def price_of(symbol: str) -> int:
    return PRICE.get(symbol, PRICE["EURUSD"])


def an_instrument(symbol: str = "EURUSD", **changed: Any) -> Instrument:
    return msgspec.structs.replace(LISTED[symbol], **changed)


def an_order(symbol: str = "EURUSD", **changed: Any) -> Order:
    """A market entry: buy 10,000 (half a BTC)."""
    usual: dict[str, Any] = {
        "id": "order-1",
        "account": "paper:test",
        "venue": "paper",
        "strategy": "ema_cross",
        "purpose": ENTRY,
        "side": BUY,
        "quantity": UNITS.get(symbol, 10_000 * NANO),
        "entry": price_of(symbol),
        "at": T,
    }
    return Order(symbol=symbol, **usual | changed)


def a_fill(symbol: str = "EURUSD", **changed: Any) -> Fill:
    """The whole of ``an_order`` at its price, without commission."""
    usual: dict[str, Any] = {
        "id": "fill-1",
        "order_id": "order-1",
        "account": "paper:test",
        "side": BUY,
        "quantity": UNITS.get(symbol, 10_000 * NANO),
        "price": price_of(symbol),
        "commission": 0,
        "at": T,
        "reason": ENTRY,
        "strategy": "ema_cross",
    }
    return Fill(symbol=symbol, **usual | changed)


def a_candidate(symbol: str = "EURUSD", **changed: Any) -> Candidate:
    """Long at 1.1, stop 0.002 and target 0.003 away (BTC: 40,000, 500 and 750), good for one minute."""
    usual: dict[str, Any] = {
        "strategy": "ema_cross",
        "direction": 1,
        "at": T,
        "price": price_of(symbol),
        "stop": nano(500 if symbol == "BTC" else "0.002"),
        "target": nano(750 if symbol == "BTC" else "0.003"),
        "score": 0.5,
        "probability": 0.5,
        "expires_at": T + MINUTE,
    }
    return Candidate(symbol=symbol, **usual | changed)


def an_exit(symbol: str = "EURUSD", **changed: Any) -> Exit:
    usual: dict[str, Any] = {"strategy": "ema_cross", "purpose": SIGNAL, "at": T, "price": price_of(symbol)}
    return Exit(symbol=symbol, **usual | changed)


def bars(*closes: float, start: int = MONDAY, step: int = MINUTE, row: int = 0) -> Bars:
    """One bar per close, each opening where the last one closed; volume and spread unknown."""
    made = np.zeros(len(closes), BAR)
    made["row"] = row
    made["ts"] = start + step * np.arange(len(closes))
    made["close"] = closes
    made["open"] = (closes[0], *closes[:-1]) if closes else ()
    made["high"] = np.maximum(made["open"], made["close"])
    made["low"] = np.minimum(made["open"], made["close"])
    made["spread"] = np.nan
    return made


def a_config(**changed: Any) -> RiskConfig:
    """No limit at all but the ones that are given."""
    return RiskConfig(**changed)


EVERY_LIMIT: dict[str, Any] = {
    "sessions": ("london", "new_york"),
    "holidays": ("forex",),
    "news": ("static",),
    "cooldown": 60.0,
    "cooldown_after_close": 60.0,
    "stoploss_guard_trades": 3,
    "drawdown_guard": 0.5,
    "low_profit_guard": -0.5,
    "losses_in_a_row": 9,
    "max_symbol_loss": 50_000 * NANO,
    "max_trades_per_day": 10_000,
    "max_trades_per_hour": 10_000,
    "max_daily_loss": 20_000 * NANO,
    "max_daily_loss_share": 0.2,
    "max_drawdown_soft": 0.3,
    "max_drawdown": 0.4,
    "max_total_loss": 0.5,
    "max_payoff_ratio": 5.0,
    "max_spread_bps": {"default": 50.0},
    "max_cost_ratio": 0.9,
    "min_reward_to_risk": 0.5,
    "max_open_positions": 10_000,
    "max_positions_per_symbol": 5,
    "max_orders_in_flight": 10_000,
    "max_order_notional": 10**7 * NANO,
    "max_correlation": 0.99,
    "max_currency_exposure": 900.0,
    "max_symbol_exposure": 500.0,
    "max_class_exposure": {"default": 900.0},
    "max_venue_exposure": 900.0,
    "max_exposure": 10**9 * NANO,
    "max_leverage": 900.0,
    "margin_rate": {"default": 0.001},
    "max_margin": 0.9,
    "min_free_balance": 1_000 * NANO,
    "max_var": 0.9,
    "max_cvar": 0.95,
    "max_stress_loss": 0.99,
    "stress": {"shock": {"default": -0.0001}},
    "near_limit": 0.9,
    "score_factors": {"0.5": 1.0},
    "max_risk": 0.02,
    "max_risk_money": {"default": 5_000 * NANO},
    "max_depth": 0.5,
    "max_orders_per_minute": 10_000,
}
"""Every rule is on, wide enough for an ordinary entry."""


def full_config(**changed: Any) -> RiskConfig:
    """All of ``EVERY_LIMIT``, and what is changed of it."""
    return RiskConfig(**EVERY_LIMIT | changed)


def a_view(config: RiskConfig | None = None, book: Book | None = None, **changed: Any) -> View:
    """EURUSD at noon with a fresh bar, an empty book of 100,000 and nothing lost."""
    view = View(config or a_config(), book or Book(CASH))
    usual: dict[str, Any] = {
        "instrument": EURUSD,
        "rate": (1, 1),
        "price": nano("1.1"),
        "now": T,
        "bar_at": T,
        "age_limit": 3 * MINUTE,
        "equity": CASH,
        "peak": CASH,
        "day_equity": CASH,
    }
    for name, value in (usual | changed).items():
        setattr(view, name, value)
    return view
