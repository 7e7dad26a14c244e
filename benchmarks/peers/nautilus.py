"""nautilus_trader on plain bars: a market order fills at once at the close that signals; money in cents at each fill.

One engine and one account for all symbols, netting, its own averages, its risk engine on. Bars carry a volume so large
that no order slips through the size of a level. A run is ``BacktestEngine.run`` and the reading of the result.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd
from nautilus_trader.backtest.config import BacktestEngineConfig  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.backtest.engine import BacktestEngine  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.config import LoggingConfig, StrategyConfig  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.indicators import ExponentialMovingAverage  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.model.currencies import EUR, USD  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.model.data import BarType  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.model.instruments import CurrencyPair  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.model.objects import Money, Price, Quantity  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.persistence.wranglers import BarDataWrangler  # type: ignore[import-not-found,unused-ignore]
from nautilus_trader.trading.strategy import Strategy  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.job import Job, Outcome, Table, answer

SIM = Venue("SIM")
DECIMALS = 5
STEP = {60: "1-MINUTE", 300: "5-MINUTE", 900: "15-MINUTE", 3600: "1-HOUR", 14_400: "4-HOUR"}


class Cross(Strategy):  # type: ignore[misc,unused-ignore]
    """Long above, short below; a flip is one order."""

    def __init__(self, instrument: CurrencyPair, bars: BarType, job: Job) -> None:
        name = str(instrument.id.symbol)
        super().__init__(StrategyConfig(strategy_id=f"cross-{name}", order_id_tag=name))
        self.instrument, self.bars, self.job = instrument, bars, job
        self.quick, self.late = ExponentialMovingAverage(job.fast), ExponentialMovingAverage(job.slow)
        self.seen = self.held = 0

    def on_start(self) -> None:
        self.register_indicator_for_bars(self.bars, self.quick)
        self.register_indicator_for_bars(self.bars, self.late)
        self.subscribe_bars(self.bars)

    def on_bar(self, bar: Any) -> None:
        self.seen += 1
        quick, late = self.quick.value, self.late.value
        if self.seen <= self.job.slow or quick == late:
            return
        target = self.job.units if quick > late else -self.job.units
        change = target - self.held
        if change:
            self.held = target
            side = OrderSide.BUY if change > 0 else OrderSide.SELL
            self.submit_order(self.order_factory.market(self.instrument.id, side, Quantity.from_int(abs(change))))


class Loaded(NamedTuple):
    engine: BacktestEngine
    lasts: dict[InstrumentId, float]


def load(job: Job, tables: list[Table]) -> Loaded:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    cash = [Money(job.cash, USD)]
    terms = {"base_currency": USD, "default_leverage": Decimal(1000)}
    engine.add_venue(SIM, OmsType.NETTING, AccountType.MARGIN, cash, **terms)
    lasts = {}
    for place, table in enumerate(tables):
        instrument = _instrument(f"S{place:02d}", Decimal(str(job.commission)))
        bars = BarType.from_str(f"{instrument.id}-{STEP[job.seconds]}-LAST-EXTERNAL")
        engine.add_instrument(instrument)
        last_one = place == len(tables) - 1  # sorting all of it once is enough
        engine.add_data(BarDataWrangler(bars, instrument).process(_frame(table, job.seconds)), sort=last_one)
        engine.add_strategy(Cross(instrument, bars, job))
        lasts[instrument.id] = float(table.close[-1])
    return Loaded(engine, lasts)


def _instrument(name: str, fee: Decimal) -> CurrencyPair:
    """A pair against the dollar whose margin is nothing."""
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol(name), SIM),
        raw_symbol=Symbol(name),
        base_currency=EUR,
        quote_currency=USD,
        price_precision=DECIMALS,
        size_precision=0,
        price_increment=Price(10**-DECIMALS, DECIMALS),
        size_increment=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal(0),
        margin_maint=Decimal(0),
        maker_fee=fee,
        taker_fee=fee,
    )


def _frame(table: Table, seconds: int) -> pd.DataFrame:
    """Stamped with the close."""
    closed = pd.DatetimeIndex(table.ts, tz="UTC") + pd.Timedelta(seconds=seconds)
    columns = {"open": table.open, "high": table.high, "low": table.low, "close": table.close, "volume": 1e9}
    return pd.DataFrame(columns, index=closed).rename_axis("timestamp")


def run(loaded: Loaded) -> Outcome:
    loaded.engine.run()
    cache = loaded.engine.cache
    equity = cache.account_for_venue(SIM).balance_total(USD).as_double()
    for position in cache.positions_open():
        last = Price(loaded.lasts[position.instrument_id], DECIMALS)
        equity += position.unrealized_pnl(last).as_double()
    return Outcome(sum(1 for order in cache.orders() if order.filled_qty > 0), equity)


if __name__ == "__main__":
    answer("nautilus", "nautilus_trader", load, run)
