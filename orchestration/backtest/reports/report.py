"""A backtest as one HTML file for a trader: nothing is loaded from anywhere, and nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from orchestration.backtest.reports import report_figures as figures
from orchestration.backtest.reports import report_head, report_trades
from orchestration.backtest.reports import report_tables as tables
from orchestration.backtest.reports.report_figures import Variant
from orchestration.backtest.reports.report_page import page, plotly_source
from orchestration.backtest.reports.report_text import safe
from orchestration.backtest.reports.writing import check_target, denials, write_bytes
from orchestration.backtest.result import Result

KINDS = {"symbol": "Symbol", "strategy": "Strategy", "side": "Side", "reason": "Closed by", "session": "Session"}
MANY = 30
"""Symbols in the table of symbols; the best and the worst stay."""


def check_report(path: Path, option: str = "--report") -> None:
    """Raises ConfigError if no report could be written there: asked before hours of work."""
    check_target(path, option)
    plotly_source()


def write_report(result: Result, metrics: Mapping[str, Any], path: Path, option: str = "--report") -> None:
    """The report of a backtest and its ``metrics``. Errors as ``writing.write_json``."""
    write_bytes(html(result, metrics).encode("utf-8", "backslashreplace"), path, option)


def html(result: Result, metrics: Mapping[str, Any]) -> str:
    plotly = plotly_source()
    charts = _charts(result)
    drawn = {name: [one._asdict() for one in variants] for name, variants in charts.items()}
    names = ", ".join(result.info.symbols[:3])
    title = safe(f"{result.settings.strategy.name} on {names}{' SIMULATED' if result.info.simulated else ''}")
    return page(title, _body(result, metrics, charts), msgspec.json.encode(drawn).decode(), plotly)


def _charts(result: Result) -> dict[str, list[Variant]]:
    """Name to the drawings one can choose from; without those that have nothing to show."""
    single = {
        "equity": figures.equity(result),
        "months": figures.monthly(result),
        "sharpe": figures.rolling_sharpe(result),
        "exposure": figures.exposure(result),
        "denials": figures.denials(denials(result)),
    }
    made = {name: [one] for name, one in single.items() if one is not None}
    several = {"results": report_trades.results(result), "prices": report_trades.prices(result)}
    return made | {name: variants for name, variants in several.items() if variants}


def _body(result: Result, metrics: Mapping[str, Any], charts: dict[str, list[Variant]]) -> str:
    by = metrics.get("by") or {}
    months = len(charts["months"][0].data[0]["y"]) if "months" in charts else 0
    bars = len(charts["denials"][0].data[0]["y"]) if "denials" in charts else 0
    parts = [
        "<main>",
        report_head.head(result),
        report_head.banners(result, metrics),
        report_head.tiles(result, metrics),
        "<noscript><p>The charts need JavaScript; the tables do not.</p></noscript>",
        _section("Equity and drawdown", "equity", charts),
        _section("Returns by month, %", "months", charts, kind="scrolled", height=f"{4 + 2.2 * months:.1f}rem"),
        '<div class="pair">',
        _section("Rolling Sharpe", "sharpe", charts, kind="low", without="Too few days for a window."),
        _section("Exposure", "exposure", charts, kind="low"),
        "</div>",
        _section("Results of the trades", "results", charts, without="No position was closed."),
        _tables(by),
        _section("Denied by the gate", "denials", charts, height=f"{5 + 2 * bars}rem", without="Nothing was denied."),
        _section("Prices, entries and exits", "prices", charts),
        tables.positions(result),
        f"<h2>Trades</h2>{tables.trades(result)}",
        "<h2>All numbers</h2><details><summary>Every number and its convention</summary>",
        tables.numbers(metrics),
        "</details>",
        tables.origins(result),
        "</main>",
    ]
    return "\n".join(one for one in parts if one)


def _tables(by: Mapping[str, Any]) -> str:
    symbols = dict(by.get("symbol") or {})
    note = ""
    if len(symbols) > MANY:
        ranked = sorted(symbols, key=lambda one: -(symbols[one].get("net_profit") or 0.0))
        note = f'<p class="note">The best and the worst {MANY // 2} of {len(symbols)} symbols.</p>'
        symbols = {one: symbols[one] for one in (*ranked[: MANY // 2], *ranked[-MANY // 2 :])}
    told = tables.tallies({name: symbols if kind == "symbol" else by.get(kind) or {} for kind, name in KINDS.items()})
    return f"<h2>Where it came from</h2>\n{told}{note}" if told else ""


def _section(
    title: str, name: str, charts: dict[str, list[Variant]], *, kind: str = "", height: str = "", without: str = ""
) -> str:
    """A chart with its choice and its note; without the chart what is said instead, or nothing."""
    variants = charts.get(name)
    if variants is None:
        return f"<section><h2>{title}</h2><p>{without}</p></section>" if without else ""
    choice = ""
    if len(variants) > 1:
        options = "".join(f"<option>{safe(one.label)}</option>" for one in variants)
        choice = f'<label>Show <select id="{name}-choice">{options}</select></label>'
    style = f' style="height:{height}"' if height else ""
    note = f'<p class="note" id="{name}-note">{safe(variants[0].note)}</p>'
    return (
        f'<section><h2>{title}</h2>{choice}<div class="wide"><div class="chart {kind}" id="{name}" role="img" '
        f'aria-label="{title}"{style}></div></div>{note}</section>'
    )
