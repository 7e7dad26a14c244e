"""The top of a report: what was tested, what must be known before believing it, and the headline numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from domain.money import to_float
from orchestration.backtest.reports.report_text import bullets, lasting, moment, number, safe, share, signed, times
from orchestration.backtest.reports.writing import denials
from orchestration.backtest.result import Result
from orchestration.terminal.figures import NOTHING
from risk.state import ACTIVE

FEW = 30
"""Trades below which a report says that they are few."""

Numbers = Mapping[str, Any]
Tile = tuple[str, str, str, str]
"""Name in result.json, title, value and convention."""


def head(result: Result) -> str:
    settings, info = result.settings, result.info
    symbols = ", ".join(info.symbols[:8]) + (f" and {len(info.symbols) - 8} more" if len(info.symbols) > 8 else "")
    at = result.moments
    span = f"{moment(int(at[0]))} to {moment(int(at[-1]))} UTC" if len(at) else "no bar"
    of = f"{number(result.bars, 0)} bars of {len(info.symbols)} symbol{'' if len(info.symbols) == 1 else 's'}"
    return (
        f"<h1>Backtest: {safe(settings.strategy.name)} on {safe(symbols)}, {safe(info.timeframe)}</h1>\n"
        f'<p class="faint">{span} \N{MIDDLE DOT} {of} \N{MIDDLE DOT} preset {safe(settings.preset)}</p>'
    )


def banners(result: Result, metrics: Numbers) -> str:
    """What must be known before any number is believed."""
    told = []
    if result.info.simulated:
        told.append("SIMULATED: a generator made these prices, no market did.")
    if result.partial:
        end = f" The last bar closed {moment(int(result.moments[-1]))} UTC." if len(result.moments) else ""
        told.append(f"PARTIAL: it was stopped before the end of the data.{end}")
    if result.errors:
        told.append(f"ERRORS: {len(result.errors)} while it ran.{bullets(result.errors)}")
    if result.states and result.states[-1][1].name != ACTIVE:
        at, state = result.states[-1]
        told.append(f"{safe(state.name)} to the end, since {moment(at)} UTC: {safe(state.code or 'no code')}.")
    if not result.closes:
        told.append(_no_trades(result))
    elif (count := metrics.get("trades", len(result.closes))) < FEW:
        told.append(f"{count} closed trade{' is' if count == 1 else 's are'} few: most numbers below are luck.")
    return "\n".join(f'<div class="banner">{one}</div>' for one in told)


def _no_trades(result: Result) -> str:
    """Nothing was closed: what became of the entries."""
    if result.positions:
        return f"No trade was closed. Open at the end: {len(result.positions)}."
    if result.fills:
        return "No trade was closed."
    refused = denials(result)
    why = []
    if refused:
        codes = ", ".join(f"{safe(code)} {number(count, 0)}" for code, count in list(refused.items())[:8])
        why.append(f"the gate denied {number(len(result.refusals), 0)}: {codes}")
    if result.orders:
        ended = Counter(f"{one.status} {one.code}".strip() for one in result.orders)
        told = ", ".join(f"{safe(one)} {number(count, 0)}" for one, count in ended.most_common(8))
        why.append(f"{number(len(result.orders), 0)} orders never filled: {told}")
    return f"No trade: {'; '.join(why) or 'the strategy proposed nothing in this time'}."


def tiles(result: Result, metrics: Numbers) -> str:
    """The headline numbers, each with how it is counted."""
    shown = [one for one in _tiles(result, metrics) if one[2] != NOTHING]
    return (
        '<dl class="tiles">\n'
        + "\n".join(
            f'<div><dt>{title}</dt><dd data-fact="{name}">{value}<small>{how}</small></dd></div>'
            for name, title, value, how in shown
        )
        + "\n</dl>"
    )


def _tiles(result: Result, metrics: Numbers) -> list[Tile]:
    currency = safe(result.settings.account.currency)
    final, told = to_float(result.equity_final), metrics.get("conventions") or {}
    gained = final - result.cash
    period = metrics.get("period", "day")
    drawdown = (metrics.get("drawdown") or {}).get("bars") or {}
    costs = metrics.get("costs") or {}
    longest = f"longest {lasting(drawdown['longest_s'] * 1e9)}, " if drawdown.get("longest_s") else ""

    def of(key: str) -> str:
        return safe(told.get(key, ""))

    def shared(key: str, *, sign: bool = False) -> str:
        return share(metrics.get(key), sign=sign)

    expectancy = metrics.get("expectancy_r")
    in_r = f"{number(expectancy, 3, sign=True)} R; " if expectancy is not None else ""
    return [
        ("equity_final", "Final equity", number(final), f"{currency}; began with {number(result.cash)}"),
        (
            "net",
            "Result",
            signed(gained, number(gained, sign=True)),
            f"{share(gained / result.cash if result.cash else None, sign=True)}, open positions at their last price",
        ),
        (
            "cagr",
            "Return a year",
            signed(metrics.get("cagr"), shared("cagr", sign=True)),
            f"CAGR: {of('cagr').partition(';')[0]}",
        ),
        ("max_drawdown", "Max drawdown", shared("max_drawdown"), f"{longest}{of('drawdown').partition(';')[0]}"),
        ("sharpe", "Sharpe", number(metrics.get("sharpe")), f"{of('sharpe')}; {of('annualisation')}"),
        ("sortino", "Sortino", number(metrics.get("sortino")), of("sortino")),
        ("calmar", "Calmar", number(metrics.get("calmar")), of("calmar").partition(";")[0]),
        ("volatility", "Volatility a year", shared("volatility"), f"of the {safe(period)}s' returns, ddof 1"),
        ("trades", "Trades", number(metrics.get("trades"), 0), "round trips, flat to flat"),
        ("profit_factor", "Profit factor", number(metrics.get("profit_factor")), "won over lost, after costs"),
        ("win_rate", "Win rate", shared("win_rate"), "of the trades that won or lost"),
        (
            "expectancy",
            "Expectancy",
            signed(metrics.get("expectancy"), number(metrics.get("expectancy"), sign=True)),
            f"{in_r}mean net of a trade, {currency}",
        ),
        ("exposure", "Exposure", shared("exposure"), of("exposure")),
        ("turnover", "Turnover", times(costs.get("turnover")), of("turnover")),
        ("costs", "Costs", number(costs.get("total")), f"{currency}: commission, financing, spread, slippage"),
        (
            "probabilistic_sharpe",
            "Sharpe above 0",
            shared("probabilistic_sharpe"),
            f"probability; {_deflated(metrics)}",
        ),
    ]


def _deflated(metrics: Numbers) -> str:
    trials = metrics.get("trials") or 1
    if trials < 2:
        return "of one backtest: if it is the best of many, it is less"
    return f"above the luck of the best of {number(trials, 0)}: {share(metrics.get('deflated_sharpe'))} (deflated)"
