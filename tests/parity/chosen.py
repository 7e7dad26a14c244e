"""Settings by a seed: presets, strategies, exits, rules and costs in every mixture that an engine may meet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.parity.made import STYLES, Made, made

QUICK: dict[str, dict[str, Sequence[Any]]] = {
    "ema_cross": {
        "fast": (2, 3, 5),
        "slow": (6, 9, 15),
        "stop_atr": (0.5, 1.5, 3),
        "target_atr": (0, 0.7, 2, 5),
        "side": ("both", "both", "long", "short"),
        "atr": (5,),
    },
    "confluence": {
        "middle": (2,),
        "high": (4,),
        "trend": (3, 5),
        "sweep": (4, 8),
        "adx": (4,),
        "enter": (0.3, 0.4),
        "leave": (0.1, 0.2),
        "atr": (5,),
        "stop_atr": (1, 2.5),
        "target_atr": (1, 3),
        "probability": ("no", "yes"),
    },
    "bos": {
        "lookback": (3, 5, 8),
        "atr": (5,),
        "range_atr": (0.2, 0.8),
        "body": (0.1, 0.4),
        "expanding": ("no", "yes"),
        "sweep": (0, 10),
        "confirm": ("at_once", "hold", "pullback"),
        "target_r": (0, 1, 2.5),
        "longest": (5, 40),
    },
    "mean_reversion": {
        "bands": (5, 8),
        "width": (0.8, 1.5),
        "rsi": (4,),
        "divergence": ("no", "no", "yes"),
        "lookback": (5,),
        "atr": (5,),
        "target_r": (0, 1, 2),
        "leave": ("target", "mean"),
        "longest": (5, 30),
    },
    "breakout": {
        "swing": (1, 2),
        "channel": (0, 8),
        "touches": (1, 2),
        "strength": (0, 0.2),
        "volume": (0, 0.8),
        "body": (0, 0.3),
        "after": (1, 3),
        "within": (20,),
        "recent": (4,),
        "atr": (5,),
        "stop_atr": (0.6, 1.2),
        "target_r": (0, 1, 2),
        "longest": (5, 30),
    },
    "momentum": {
        "length": (4, 8),
        "decay": (0.9,),
        "enter": (0.5, 1),
        "leave": (0.1, 0.25),
        "side": ("both", "both", "short"),
        "adx": (0, 10),
        "atr": (5,),
        "stop_atr": (0.8, 2),
        "target_atr": (0, 1, 4),
    },
    "grid": {"levels": (2, 4), "spacing": (0.5, 1), "side": ("both",), "adx": (40, 90), "renew": (15, 60), "atr": (5,)},
    "dca": {"every": (3, 7.5, 24), "dip": (1, 3), "atr": (5,), "stop_atr": (0.7, 3), "target_atr": (0.7, 2),
            "longest": (6, 60)},
}  # fmt: skip
"""Parameters with which each strategy speaks often on short series."""

EXITS: dict[str, Sequence[Any]] = {
    "breakeven_at": (0.2, 0.5, 1),
    "breakeven_lock": (0, 0.1),
    "targets": (
        [{"at": 0.3, "fraction": 0.4}],
        [{"at": 0.4, "fraction": 0.3}, {"at": 1, "fraction": 0.3}],
        [{"at": 0.5, "fraction": 0.5}, {"at": 0.6, "fraction": 0.5}],
    ),
    "trail_from": (0.3, 1),
    "trail_to": (2, 3),
    "chandelier_atr": (1, 2),
    "chandelier_bars": (3, 10),
    "max_hold": (7200, 36_000, 200_000),
    "time_stop": (7200, 50_000),
    "no_progress": (7200, 30_000),
    "regime_flip": (True,),
    "early_cut": (0.1, 0.5),
    "before_weekend": (60, 3600, 10_000),
    "session_close": ("16:55 America/New_York", "12:00 UTC"),
    "atr_bars": (3, 7),
}
RISK: dict[str, Sequence[Any]] = {
    "sizing": ("fixed_fraction", "fixed_units", "kelly", "volatility_target"),
    "units": (3000,),
    "risk_fraction": (0.002, 0.01, 0.03),
    "kelly_trades": (3,),
    "sessions": (["london"], ["new_york", "tokyo"]),
    "holidays": (["forex"],),
    "news": (["static"],),
    "cooldown": (7200,),
    "cooldown_after_close": (3600, 20_000),
    "stoploss_guard_trades": (1, 2),
    "drawdown_guard": (0.005, 0.02),
    "drawdown_guard_lookback": (20_000, 86_400),
    "low_profit_guard": (-0.001, 0.0, 0.001),
    "low_profit_guard_trades": (1, 2),
    "losses_in_a_row": (1, 2),
    "losses_in_a_row_lock": (10_000,),
    "max_symbol_loss": (100, 500),
    "max_symbol_loss_least": (1, 3),
    "max_symbol_loss_lock": (50_000,),
    "max_trades_per_day": (2, 6),
    "max_trades_per_hour": (1, 2),
    "max_daily_loss": (100, 1000),
    "max_daily_loss_share": (0.005, 0.05),
    "max_drawdown_soft": (0.01, 0.03),
    "max_drawdown": (0.02, 0.05, 0.12),
    "max_total_loss": (0.02, 0.05, 0.3),
    "max_payoff_ratio": (0.5, 1.5),
    "max_payoff_ratio_trades": (2,),
    "max_cost_ratio": (0.3,),
    "min_reward_to_risk": (0.5, 1.2),
    "max_open_positions": (1, 2),
    "max_positions_per_symbol": (1, 2),
    "max_order_notional": (20_000, 300_000),
    "max_correlation": (0.2, 0.7),
    "returns_window": (5, 20),
    "max_currency_exposure": (0.5, 3),
    "max_symbol_exposure": (0.3, 2),
    "max_exposure": (50_000, 500_000),
    "max_leverage": (0.5, 5),
    "margin_rate": ({"default": 0.1},),
    "max_margin": (0.1, 0.5),
    "min_free_balance": (50_000,),
    "max_var": (0.002, 0.01),
    "max_cvar": (0.003, 0.02),
    "max_stress_loss": (0.05, 0.2),
    "near_limit": (0.3,),
    "score_factors": ({"0.3": 1.3},),
    "regime_factors": ({"TRENDING": 1.5, "VOLATILE": 0.5},),
    "max_risk": (0.01,),
    "max_depth": (0.05, 0.5),
    "day_start": ("00:00 UTC", "17:00 America/New_York", "09:30 Europe/London"),
}
"""Of some of these a mixture is drawn; many of them deny only now and then."""

SYMBOLS = (
    (("EURUSD",), ()),
    (("BTC",), ()),
    (("EURJPY",), ("USDJPY",)),
    (("EURUSD", "GBPUSD", "BTC"), ()),
    (("EURUSD", "USDJPY", "EURJPY"), ()),
    (("EURJPY", "BTC", "XAUUSD"), ("USDJPY",)),
)


@dataclass(frozen=True)
class Chosen:
    """A market, and the fields of ``Overrides`` for it."""

    market: Made
    given: dict[str, Any]


def chosen(folder: Path, seed: int, strategy: str | None = None, bars: int = 400) -> Chosen:
    """The market and the settings of a seed, the market written to ``folder``."""
    random = np.random.Generator(np.random.PCG64(seed))

    def one(values: Sequence[Any]) -> Any:
        return values[int(random.integers(0, len(values)))]

    def maybe(share: float) -> bool:
        return bool(random.random() < share)

    symbols, pairs = one(SYMBOLS)
    market = made(
        folder,
        symbols,
        one(("M15", "H1", "H1", "H4")),
        bars=int(bars * random.uniform(0.6, 1.4)),
        seed=seed,
        style=one(STYLES),
        volatility=one((0.0003, 0.0015, 0.006)),
        missing=one((0.0, 0.03, 0.2)),
        uneven=maybe(0.7),
        converted_by=pairs,
    )
    name = strategy or one(tuple(QUICK))
    sets = [_set("strategy", key, one(values)) for key, values in QUICK[name].items()]
    few = one((0.0, 0.1, 0.3))
    sets += [_set("exits", key, one(values)) for key, values in EXITS.items() if maybe(one((0.0, 0.15, 0.5)))]
    sets += [_set("risk", key, one(values)) for key, values in RISK.items() if maybe(few)]
    if maybe(0.5):
        sets.append("risk.require_stop=false")
    sets += ["venues.paper." + text for text in _costs(one, maybe)]
    preset = one(("yardstick", "yardstick", "balanced", "aggressive", "crypto", "swing", "scalping", "prop-firm"))
    if maybe(0.25):
        preset, sets = "yardstick", [text for text in sets if not text.startswith("risk.")] + _heavy(one, symbols)
    return Chosen(market, {**market.given, "strategy": name, "preset": preset, "sets": tuple(sets)})


def _heavy(one: Any, symbols: Sequence[str]) -> list[str]:
    """Far too much of everything, so that limits on equity are crossed between trades."""
    units = {"EURUSD": 300_000, "EURJPY": 300_000, "BTC": 4}[symbols[0]]
    found = [("units", one((units, 5 * units))), ("max_drawdown", one((0.01, 0.03, 0.1, None)))]
    found += [("max_drawdown_soft", one((0.005, 0.009))), ("max_total_loss", one((0.009, 0.05, 0.2, None)))]
    found += [("max_daily_loss", one((300, 2000, None)))]
    return [_set("risk", key, value) for key, value in found if value is not None]


def _costs(one: Any, maybe: Any) -> list[str]:
    found = [f"fill_on={one(('next_open', 'next_open', 'same_close'))}"]
    if maybe(0.4):
        found.append(f"participation={one((0.001, 0.01, 0.2))}")
    if maybe(0.4):
        found.append('financing_bps={"forex": {"long": 0.7, "short": -0.2}, "default": {"long": 2, "short": 3}}')
    if maybe(0.5):
        found.append(f"slippage_bps={one((0, 0.7))}")
    if maybe(0.5):
        found.append(f"spread={one(('data', 'none'))}")
    if maybe(0.5):
        found.append(f"commission_bps={one((0, 1.3))}")
    return found


def _set(section: str, key: str, value: Any) -> str:
    return f"{section}.{key}={json.dumps(value)}"
