"""Results of backtests that never ran, with one thing each that a test is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np

from domain.book import Closed
from domain.instrument import Instrument
from domain.market import Bars, FeedInfo
from domain.money import NANO
from domain.order import FINANCING, Fill
from domain.timeframe import DAY, HOUR
from orchestration.backtest.result import Floats, Result, Times
from orchestration.settings import Overrides, Settings, load
from risk.statistics import Part
from tests.factories import EURUSD, MONDAY, a_fill, bars, nano

NOON = MONDAY + 12 * HOUR


@cache
def settings(*sets: str) -> Settings:
    return load(Overrides(symbols=("EURUSD,BTC",), sets=sets), {})


def some_days(values: Sequence[float] | Floats, start: int = NOON) -> tuple[Times, Floats]:
    """Equity at noon of weekday after weekday."""
    days = np.arange(len(values) * 2 + 7)
    days = days[(days + (start // DAY + 3)) % 7 < 5][: len(values)]
    return start + days * DAY, np.asarray(values, dtype=float)


def a_result(moments: Times | Sequence[int], equity: Floats | Sequence[float], **changed: Any) -> Result:
    """Of EURUSD on H1 with nothing traded; 100,000 at the start."""
    at, values = np.asarray(moments, np.int64), np.asarray(equity, float)
    instruments: dict[str, Instrument] = changed.pop("instruments", {"EURUSD": EURUSD})
    prices: dict[str, Bars] = changed.pop("prices", {symbol: bars(1.1, 1.1, step=HOUR) for symbol in instruments})
    info = FeedInfo(
        name="recorded",
        live=False,
        simulated=False,
        symbols=tuple(instruments),
        timeframe=changed.pop("timeframe", "H1"),
        decimals=dict.fromkeys(instruments, 5),
        start_at=int(at[0]) if len(at) else 0,
        warmed_until=changed.pop("warmed_until", int(at[0]) - 1 if len(at) else -1),
        inputs={},
    )
    last = float(values[-1]) if len(values) and np.isfinite(values[-1]) else 100_000.0
    usual: dict[str, Any] = {
        "settings": settings(),
        "bars": len(at),
        "exposure": np.zeros(len(at)),
        "equity_final": nano(repr(last)),
        "fills": (),
        "orders": (),
        "closes": (),
        "refusals": (),
        "decisions": (),
    }
    return Result(info=info, instruments=instruments, prices=prices, moments=at, equity=values, **usual | changed)


def a_close(net: float, at: int, *, number: int = 0, **changed: Any) -> tuple[Closed, Part]:
    """A whole position of 10,000 EURUSD, opened an hour before ``at``, that came to ``net`` after 2 of commission."""
    usual: dict[str, Any] = {
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "side": 1,
        "quantity": 10_000 * NANO,
        "opened_at": at - HOUR,
        "closed_at": at,
        "r": None,
        "reason": "STOP",
    }
    told = usual | {name: changed.pop(name) for name in tuple(changed) if name in usual}
    closed = Closed(
        entry=nano("1.1"),
        exit=nano("1.1"),
        pnl=round((net + 2) * NANO),
        commission=2 * NANO,
        correlation_id="",
        fill_id=f"fill-{number}",
        **told,
    )
    return closed, Part(fill_id=closed.fill_id, net=closed.pnl - closed.commission, **told, **changed)


def closed(nets: Iterable[float], **changed: Any) -> tuple[tuple[Closed, Part], ...]:
    """Whole positions one after the other, every two hours."""
    return tuple(a_close(net, NOON + 2 * n * HOUR, number=n, **changed) for n, net in enumerate(nets))


def financing(amount: float, **changed: Any) -> Fill:
    return a_fill(quantity=0, commission=round(amount * NANO), reason=FINANCING, **{"id": "night", **changed})


def with_account(result: Result, **changed: Any) -> Result:
    account = msgspec.structs.replace(result.settings.account, **changed)
    return msgspec.structs.replace(result, settings=msgspec.structs.replace(result.settings, account=account))
