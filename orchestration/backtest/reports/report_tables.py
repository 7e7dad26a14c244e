"""The tables of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.money import to_float
from orchestration.backtest.reports.report_text import (
    bullets,
    coded,
    lasting,
    moment,
    number,
    safe,
    share,
    signed,
    table,
)
from orchestration.backtest.reports.writing import inputs
from orchestration.backtest.result import Result
from orchestration.terminal.figures import NOTHING, plain, price, quantity, seconds

TRADES = 200
SHARES = frozenset(
    {
        *("total_return", "cagr", "cagr_calendar", "volatility", "var_95", "var_99", "cvar_95", "cvar_99", "return"),
        *("win_rate", "win_rate_periods", "kelly", "kelly_periods", "max_drawdown", "max_drawdown_periods", "depth"),
        *("exposure", "probabilistic_sharpe", "deflated_sharpe"),
    }
)
"""Numbers that are fractions and are shown in per cent."""

Numbers = Mapping[str, Any]


def tallies(kinds: Mapping[str, Mapping[str, Numbers]]) -> str:
    """Round trips by each kind of thing (a symbol, a side), the largest result first."""
    heads = ("By", "Trades", "Win rate", "Net", "Profit factor", "Expectancy", "R", "Average win", "Average loss")
    groups = {kind: [_tally(*one) for one in _ranked(by)] for kind, by in kinds.items() if by}
    return table("by", heads, groups) if groups else ""


def _ranked(by: Mapping[str, Numbers]) -> list[tuple[str, Numbers]]:
    return sorted(by.items(), key=lambda one: -(one[1].get("net_profit") or 0.0))


def _tally(name: str, told: Numbers) -> tuple[str, ...]:
    return (
        safe(name) or NOTHING,
        number(told.get("trades"), 0),
        share(told.get("win_rate"), 1),
        signed(told.get("net_profit"), number(told.get("net_profit"), sign=True)),
        number(told.get("profit_factor")),
        number(told.get("expectancy"), sign=True),
        number(told.get("expectancy_r"), 3, sign=True),
        number(told.get("average_win")),
        number(told.get("average_loss")),
    )


def trades(result: Result) -> str:
    lines = result.closes[:TRADES]
    if not lines:
        return "<p>No position was closed.</p>"
    more = ""
    if len(result.closes) > len(lines):
        more = (
            f'<p class="note">The first {number(len(lines), 0)} of {number(len(result.closes), 0)}; all of them are in '
            "result.json and trades.parquet.</p>"
        )
    heads = (
        "Symbol",
        "Side",
        "Opened, UTC",
        "Closed, UTC",
        "By",
        "Quantity",
        "Entry",
        "Exit",
        "Gross",
        "Costs",
        "Net",
        "R",
    )
    rows = [
        (
            safe(closed.symbol),
            "long" if closed.side > 0 else "short",
            moment(closed.opened_at),
            moment(closed.closed_at),
            safe(closed.reason),
            quantity(to_float(closed.quantity)),
            price(to_float(closed.entry)),
            price(to_float(closed.exit)),
            number(to_float(closed.pnl), sign=True),
            number(to_float(closed.commission)),
            signed(part.net, number(to_float(part.net), sign=True)),
            number(part.r, 2, sign=True),
        )
        for closed, part in lines
    ]
    return more + table("trades", heads, rows, left=5)


def positions(result: Result) -> str:
    if not result.positions:
        return ""
    heads = ("Symbol", "Side", "Quantity", "Entry", "Price", "Profit", "Stop", "Target")
    rows = [
        (
            safe(one.symbol),
            safe(one.side),
            quantity(one.quantity),
            price(one.entry),
            price(one.price),
            signed(one.profit, number(one.profit, sign=True)),
            price(one.stop),
            price(one.target),
        )
        for one in result.positions
    ]
    return "<h2>Open at the end</h2>" + table("positions", heads, rows, left=2)


def numbers(metrics: Numbers) -> str:
    """Every number under its name in result.json, and how they are counted."""
    flat = [
        (key, value)
        for key, value in _flat(metrics)
        if key.partition(".")[0] not in ("conventions", "by") and not isinstance(value, Mapping | list | tuple)
    ]
    told = metrics.get("conventions") or {}
    made = table("numbers", ("Number", "Value"), [(coded(key), _number(key, value)) for key, value in flat])
    if told:
        made += table(
            "conventions", ("Convention", "What it says"), [(coded(key), safe(told[key])) for key in told], left=2
        )
    return made


def _flat(metrics: Numbers, before: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _number(key: str, value: Any) -> str:
    name = key.rpartition(".")[2]
    if value is None or isinstance(value, str | bool):
        return safe(plain(value))
    if name in SHARES:
        return share(float(value))
    if name.endswith("_s"):
        return lasting(float(value) * 1e9)
    return number(value, 0) if isinstance(value, int) else number(float(value), 4)


def origins(result: Result) -> str:
    """Bars and their fingerprints, what was set, what was noticed, how long it took."""
    given = [
        (coded(key), safe(plain(one.value)), safe(one.source))
        for key, one in sorted(result.settings.written.items())
        if one.source != "default" and not one.source.startswith("preset ")
    ]
    data = [
        (safe(name), "<br>".join(f"{safe(key)} {coded(value)}" for key, value in told.items()))
        for name, told in inputs(result).items()
    ]
    made = ["<h2>Bars</h2>", _long(table("inputs", ("Symbol", "What they are"), data, left=2))]
    made += ["<h2>What was set</h2>", f"<p>Over the preset {safe(result.settings.preset)} and the defaults:</p>"]
    made.append(_long(table("given", ("Key", "Value", "From"), given, left=3)) if given else "<p>Nothing.</p>")
    if result.settings.strategy.file:
        own = result.settings.strategy
        made.append(f"<p>Strategy file {coded(own.file)}, sha256 {coded(own.sha256)}</p>")
    if result.notices:
        made += ["<h2>Notices</h2>", bullets(result.notices, 50)]
    speed = f", {number(result.bars_per_s, 0)} bars/s" if result.elapsed_s > 0 else ""
    made.append(
        f'<p class="note">decisions_hash {coded(result.decisions_hash)} of {number(len(result.decisions), 0)} '
        f"decisions. Reading {seconds(result.load_s)}, compiling {seconds(result.compile_s)}, "
        f"running {result.elapsed_s:.3g} s{speed}.</p>"
    )
    return "\n".join(made)


def _long(made: str) -> str:
    return f'<div class="long">{made}</div>'
