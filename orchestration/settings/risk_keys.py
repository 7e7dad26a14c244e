"""The keys of the sections ``risk`` and ``exits``: type, default, and what each means with its unit."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from orchestration.settings.key import Bps, Fraction, Key, Money, Seconds, Whole

Class = Literal["forex", "metal", "crypto", "other"]
Share = Annotated[float, Gt(0), Le(1)]
Times = Annotated[float, Gt(0), Le(1000)]
Long = Annotated[float, Gt(0), Le(31_622_400)]
Wait = Annotated[float, Ge(0), Le(604_800)]
Rs = Annotated[float, Gt(0), Le(100)]
Factor = Annotated[float, Ge(0), Le(3)]
Bars = Annotated[int, Ge(2), Le(5_000)]

RISK_KEYS: dict[str, Key] = {
    # 2: when
    "risk.market_hours": Key(bool, True, "no entry while forex and metals are closed (17:00 New York, Friday-Sunday)"),
    "risk.sessions": Key(
        list[str] | None,
        None,
        "only in these: london, new_york, tokyo, sydney, overlap, or '08:00-16:30 Europe/London'",
        parse="sessions",
    ),
    "risk.sessions_for": Key(
        list[Class], ["forex", "metal", "other"], "asset classes that keep sessions and exchange holidays"
    ),
    "risk.holidays": Key(list[str], [], "days without entries: forex, an exchange (XNYS), or dates", parse="holidays"),
    "risk.news": Key(
        list[str], [], "calendars of economic news: static, a file (JSON, CSV), or an https address", parse="news"
    ),
    "risk.news_impact": Key(Literal["high", "medium", "low"], "high", "news of this impact or a higher one"),
    "risk.news_before": Key(Wait, 900.0, "seconds without entries before news of a symbol's currencies"),
    "risk.news_after": Key(Wait, 900.0, "seconds without entries after it"),
    # 3, 4: data and repeats
    "risk.max_data_age": Key(Whole, 3, "bars after which a price is stale"),
    "risk.cooldown": Key(Long | None, None, "seconds between two entries in a symbol"),
    # 5: protections, which leave locks behind
    "risk.cooldown_after_close": Key(Long | None, None, "seconds a symbol is locked after a close"),
    "risk.stoploss_guard_trades": Key(Whole | None, None, "closes by a stop at a loss that lock"),
    "risk.stoploss_guard_lookback": Key(Long, 86_400.0, "seconds in which they are counted"),
    "risk.stoploss_guard_lock": Key(Long, 14_400.0, "seconds of the lock"),
    "risk.stoploss_guard_per_symbol": Key(bool, False, "count and lock each symbol by itself"),
    "risk.drawdown_guard": Key(Share | None, None, "fall of equity within the look-back that locks everything"),
    "risk.drawdown_guard_lookback": Key(Long, 86_400.0, "seconds of the look-back"),
    "risk.drawdown_guard_lock": Key(Long, 14_400.0, "seconds of the lock"),
    "risk.low_profit_guard": Key(
        Annotated[float, Ge(-1), Le(1)] | None, None, "a symbol that earned less (of equity) is locked"
    ),
    "risk.low_profit_guard_trades": Key(Whole, 5, "trades it takes at least"),
    "risk.low_profit_guard_lookback": Key(Long, 604_800.0, "seconds in which they are counted"),
    "risk.low_profit_guard_lock": Key(Long, 86_400.0, "seconds of the lock"),
    "risk.losses_in_a_row": Key(Whole | None, None, "losing trades in a row that lock their symbol"),
    "risk.losses_in_a_row_lock": Key(Long, 14_400.0, "seconds of the lock"),
    "risk.max_symbol_loss": Key(Money | None, None, "net loss of a symbol's last trades that locks it, money"),
    "risk.max_symbol_loss_trades": Key(Whole, 15, "how many last trades are added up"),
    "risk.max_symbol_loss_least": Key(Whole, 10, "trades it takes at least"),
    "risk.max_symbol_loss_days": Key(Annotated[float, Gt(0), Le(366)], 30.0, "days in which they are counted"),
    "risk.max_symbol_loss_lock": Key(Long, 604_800.0, "seconds of the lock"),
    # 6: the day and the account
    "risk.max_trades_per_day": Key(Whole | None, None, "entries in one risk day"),
    "risk.max_trades_per_hour": Key(Whole | None, None, "entries in the last 60 minutes"),
    "risk.max_daily_loss": Key(Money | None, None, "day-start equity minus equity, account currency"),
    "risk.max_daily_loss_share": Key(Share | None, None, "the same as a share of the day-start equity"),
    "risk.max_drawdown_soft": Key(Fraction | None, None, "of the equity peak: from here only exits"),
    "risk.max_drawdown": Key(Fraction | None, None, "of the equity peak: from here the kill switch"),
    "risk.max_total_loss": Key(Share | None, None, "of the first cash: from here the kill switch"),
    "risk.max_payoff_ratio": Key(Times | None, None, "average loss over average win, by symbol"),
    "risk.max_payoff_ratio_trades": Key(Whole, 20, "closed trades it takes at least"),
    "risk.max_payoff_ratio_days": Key(Annotated[float, Gt(0), Le(366)], 30.0, "days in which they are counted"),
    # 7: what it costs
    "risk.require_stop": Key(bool, True, "entries without a stop are denied"),
    "risk.max_spread_bps": Key(dict[str, Bps], {}, "widest spread, 1/10,000 of the price, by asset class", sub="class"),
    "risk.max_cost_ratio": Key(
        Share | None, None, "spread, commission, slippage and a night's financing over the target's distance"
    ),
    "risk.min_reward_to_risk": Key(Rs | None, None, "target's distance over the stop's, after the spread"),
    # 8: rooms
    "risk.count_foreign": Key(bool, True, "positions at the venue that are not ours count as exposure"),
    "risk.max_open_positions": Key(Whole | None, None, "symbols that may hold a position"),
    "risk.max_positions_per_symbol": Key(Whole | None, None, "entries a symbol may hold"),
    "risk.max_orders_in_flight": Key(Whole | None, None, "orders being sent at once, and entries sent and not ended"),
    "risk.max_order_notional": Key(Money | None, None, "value of one order, account currency"),
    "risk.max_correlation": Key(
        Share | None, None, "of returns with what is held: the same side of what moves together, either sign"
    ),
    "risk.correlation_groups": Key(
        dict[str, list[str]],
        {},
        "name: symbols that move together (-SYMBOL: against), while returns are too few",
        sub="name",
    ),
    "risk.max_currency_exposure": Key(Times | None, None, "net value in one currency, x equity, if it would grow"),
    "risk.max_symbol_exposure": Key(Times | None, None, "value held in one symbol, x equity"),
    "risk.max_class_exposure": Key(dict[str, Times], {}, "value held, x equity, by asset class", sub="class"),
    "risk.max_venue_exposure": Key(Times | None, None, "value held at one venue, x equity"),
    "risk.max_exposure": Key(Money | None, None, "value of everything held, account currency"),
    "risk.max_leverage": Key(Times | None, None, "value of everything held, x equity"),
    "risk.margin_rate": Key(dict[str, Share], {}, "margin per value, by asset class, else 1", sub="class"),
    "risk.max_margin": Key(Share | None, None, "margin of everything held, of equity"),
    "risk.min_free_balance": Key(Money | None, None, "equity minus margin, account currency"),
    "risk.returns_window": Key(Bars, 100, "bars of returns for correlation, volatility and value at risk"),
    "risk.var_level": Key(Annotated[float, Ge(0.5), Le(0.9999)], 0.99, "confidence of the value at risk"),
    "risk.var_horizon": Key(Whole, 1, "bars ahead, by the square root of time"),
    "risk.max_var": Key(Share | None, None, "value at risk of everything held, of equity"),
    "risk.max_cvar": Key(Share | None, None, "mean loss beyond it, of equity"),
    "risk.max_stress_loss": Key(Share | None, None, "loss in the worst of the shocks, of equity"),
    "risk.stress": Key(
        dict[str, dict[Literal["forex", "metal", "crypto", "other", "default"], Annotated[float, Ge(-1), Le(10)]]],
        {},
        "name: {asset class: change of the price}, shocks of everything held; none: all prices fall or rise together",
        sub="name",
    ),
    # 9: size
    "risk.sizing": Key(str, "fixed_fraction", "how many units an entry asks for", names="risk.sizing:SIZING"),
    "risk.units": Key(Annotated[float, Gt(0), Le(1e12)], 10_000.0, "units of the base, for fixed_units"),
    "risk.risk_fraction": Key(Fraction, 0.005, "of equity at risk, for fixed_fraction, and kelly at first"),
    "risk.kelly_share": Key(Share, 0.25, "of the Kelly fraction, for kelly (at most max_risk, else 2 % of equity)"),
    "risk.kelly_trades": Key(Whole, 20, "closed trades of strategy and symbol that kelly needs"),
    "risk.target_volatility": Key(Times, 0.10, "a year's volatility of a position, of equity (volatility_target)"),
    "risk.score_factors": Key(
        dict[str, Factor],
        {},
        "score from which: factor of the size, as {'0.8': 1.5}",
        parse="score_factors",
        sub="name",
    ),
    "risk.regime_factors": Key(
        dict[Literal["TRENDING", "RANGING", "VOLATILE", "NORMAL"], Factor], {}, "regime: factor of the size"
    ),
    "risk.near_limit": Key(Share | None, None, "of a limit on daily loss, drawdown or total loss: half the size"),
    "risk.max_risk": Key(Share | None, None, "planned loss at the stop, of equity"),
    "risk.max_risk_money": Key(dict[str, Money], {}, "planned loss at the stop in money, by asset class", sub="class"),
    "risk.max_depth": Key(Share | None, None, "of the last bar's volume, where it is known"),
    # 10: how often
    "risk.max_orders_per_minute": Key(Whole | None, None, "entries in 60 seconds of market time"),
    "risk.day_start": Key(str | None, None, "start of the risk day, null by asset class", parse="day_start"),
    "risk.rules": Key(list[str] | None, None, "rules in their order, null for all", names="risk.rules:RULES"),
    "risk.stages_off": Key(list[Literal[2, 5, 6, 7, 8, 10]], [], "stages of the gate without explicit keys"),
}

EXIT_KEYS: dict[str, Key] = {
    "exits.atr_bars": Key(Bars, 14, "bars of the average true range (atr) of the exits"),
    "exits.breakeven_at": Key(Rs | None, None, "profit in r (the risk at entry) from which the stop goes to the entry"),
    "exits.breakeven_lock": Key(Annotated[float, Ge(0), Le(10)], 0.0, "and so many r beyond it"),
    "exits.targets": Key(
        list[dict[Literal["at", "fraction"], Rs]],
        [],
        "partial closes: {at: profit in r, fraction: of the first size}",
        parse="targets",
    ),
    "exits.trail_from": Key(Rs | None, None, "profit in atr from which the stop follows the best price"),
    "exits.trail_to": Key(Rs, 3.0, "profit in atr at which it follows most closely"),
    "exits.trail_wide": Key(Rs, 1.0, "distance in atr at first"),
    "exits.trail_tight": Key(Rs, 0.4, "distance in atr at last"),
    "exits.chandelier_atr": Key(Rs | None, None, "stop so many atr from the highest high (short: lowest low)"),
    "exits.chandelier_bars": Key(Bars, 22, "of so many bars"),
    "exits.max_hold": Key(Long | None, None, "seconds after which a position is closed"),
    "exits.time_stop": Key(Long | None, None, "seconds after which it is closed unless it is in profit"),
    "exits.no_progress": Key(Long | None, None, "seconds after which it is closed below no_progress_r"),
    "exits.no_progress_r": Key(Rs, 0.3, "profit in r"),
    "exits.regime_flip": Key(bool, False, "close a long in a falling trend, a short in a rising one"),
    "exits.early_cut": Key(
        Rs | None, None, "loss in atr beyond which two of three (RSI, MACD, average of 20) against it close it"
    ),
    "exits.before_weekend": Key(Seconds | None, None, "seconds before the market's weekend to be flat (not crypto)"),
    "exits.session_close": Key(str | None, None, "when to be flat, as '16:55 America/New_York'", parse="time_of_day"),
}
