"""What a person reads after a backtest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from domain.timeframe import iso
from orchestration.terminal.output import aligned
from risk.state import ACTIVE

if TYPE_CHECKING:
    from orchestration.backtest.result import Result

CODES_SHOWN = 5
NONE = "-"
STATE_KEYS = {
    "MAX_DRAWDOWN_SOFT": "max_drawdown_soft",
    "MAX_DRAWDOWN": "max_drawdown",
    "MAX_TOTAL_LOSS": "max_total_loss",
}
"""What makes a trading state, by its code."""


def lines(result: Result, measured: dict[str, Any]) -> Iterator[str]:
    """Headline figures, then what was refused and what went wrong."""
    settings, info = result.settings, result.info
    currency = settings.account.currency
    if info.simulated:
        yield "SIMULATED MARKET: these prices never were"
    if result.partial:
        yield "STOPPED EARLY: the figures end where it was stopped"
    yield (
        f"{settings.strategy.name} on {', '.join(settings.symbols)} {info.timeframe}, preset {settings.preset}, "
        f"{measured['first'] or NONE} to {measured['last'] or NONE}"
    )
    rows = [
        ("equity", f"{_money(measured['equity_final'])} {currency}", "from", _money(measured["cash"])),
        ("return", _percent(measured["total_return"]), "a year (CAGR)", _percent(measured["cagr"])),
        ("drawdown", _percent(measured["max_drawdown"]), f"on {measured['period']}s",
         _percent(measured["max_drawdown_periods"])),
        ("Sharpe", _number(measured["sharpe"]), "Sortino", _number(measured["sortino"])),
        ("P(Sharpe > 0)", _percent(measured["probabilistic_sharpe"]), "Calmar", _number(measured["calmar"])),
        ("trades", f"{measured['trades']:,}", "won", _percent(measured["win_rate"])),
        ("profit factor", _number(measured["profit_factor"]), "expectancy", _money(measured["expectancy"])),
        ("fills", f"{measured['fills']:,}", "commission", _money(measured["costs"].get("commission"))),
        ("in the market", _percent(measured["exposure"]), "open at the end", f"{measured['positions_open']:,}"),
    ]  # fmt: skip
    yield from aligned([list(one) for one in rows], [False, True, False, True])
    yield from _refused(measured)
    yield from _stuck(result)
    for one in result.errors:
        yield f"ERROR {one}"
    speed = f"{result.bars:,} bars in {result.elapsed_s:.2f} s ({result.bars_per_s:,.0f} a second)"
    yield f"{speed}; data {result.load_s:.2f} s, kernels {result.compile_s:.2f} s"
    yield f"decisions {result.decisions_hash}"


def _refused(measured: dict[str, Any]) -> Iterator[str]:
    codes = measured["denials_by_code"]
    if not measured["denials"]:
        return
    shown = [f"{code} {count:,}" for code, count in list(codes.items())[:CODES_SHOWN]]
    more = f", and {len(codes) - CODES_SHOWN} more codes" if len(codes) > CODES_SHOWN else ""
    yield f"denied {measured['denials']:,} candidates: {', '.join(shown)}{more}"


def _stuck(result: Result) -> Iterator[str]:
    """A state that no backtest leaves: a flat account cannot recover, and nobody resets its kill switch."""
    at, state = result.states[-1] if result.states else (0, None)
    if state is None or state.name == ACTIVE or result.positions:
        return
    keys = {
        "MAX_DRAWDOWN_SOFT": "max_drawdown_soft",
        "MAX_DRAWDOWN": "max_drawdown",
        "MAX_TOTAL_LOSS": "max_total_loss",
    }
    key = keys.get(state.code)
    way = f"; to see what would have followed: --set risk.{key}=null" if key else ""
    yield f"{state.name} by {state.code} since {iso(at)}: no entry was allowed from then on{way}"


def _money(value: float | None) -> str:
    return NONE if value is None else f"{value:,.2f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
