"""The picture of a run for a terminal of a given size: header, progress, numbers, symbols, happenings."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from domain.timeframe import iso
from orchestration.terminal.closing import denials
from orchestration.terminal.figures import moment, money, percent, price, quantity, reason, sparkline
from orchestration.terminal.tally import Tally

HOW_TO_STOP = "Ctrl-C ends; python cli.py halt stops all trading, pause only new entries"
LEAST_WIDTH_FOR_STOPS = 76
_FIXED = 7
"""Lines beside symbols and happenings: header 2, progress, equity, counts, the table's head, one for the cursor."""


def panels(tally: Tally, width: int, height: int) -> RenderableType:
    """Everything in at most ``height`` lines; the symbols get what the happenings leave."""
    happenings = list(tally.happenings)[-max(1, min(8, (height - _FIXED) // 2)) :]
    rows = max(1, height - _FIXED - max(1, len(happenings)))
    return Group(
        *_header(tally),
        _progress(tally, width),
        _equity(tally, width),
        _counts(tally),
        _symbols(tally, width, rows),
        *[_line(one, _style(one)) for one in happenings],
    )


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _header(tally: Tally) -> list[RenderableType]:
    info = tally.info
    first = Text(no_wrap=True, overflow="ellipsis")
    if info.simulated:
        first.append(" SIMULATED ", style="black on yellow")
        first.append(" ")
    first.append(f"{info.strategy} {info.preset} {info.feed} {info.timeframe}", style="bold")
    first.append(f"  run {info.run_id}  {tally.engine}", style="dim")
    state = str(tally.scan.get("state", ""))
    if state not in ("", "ACTIVE"):
        first.append(f"  {state}", style="bold red")
    ray = f"ray {info.dashboard_url}" if info.page_url and info.dashboard_url else info.dashboard_url
    second = "  ".join(filter(None, (info.page_url, HOW_TO_STOP, ray) if info.page_url else (ray, HOW_TO_STOP)))
    return [first, _line(second, "dim")]


def _progress(tally: Tally, width: int) -> RenderableType:
    when = moment(iso(tally.at)) if tally.at else ""
    found = tally.progress
    label = f"cycle {int(tally.scan.get('cycle', 0)):,}  {when}"
    if found is None:
        return _line(label)
    done, total = found
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        _line(label),
        ProgressBar(total=total, completed=min(done, total), width=max(10, width - len(label) - 8)),
        _line(f"{min(done / total, 1):4.0%}"),
    )
    return grid


def _equity(tally: Tally, width: int) -> Text:
    text = Text(no_wrap=True, overflow="crop")
    text.append(f"equity {money(tally.equity)} {tally.info.currency} ", style="bold")
    text.append(f"({percent(tally.equity, tally.started_with or tally.info.cash)})")
    text.append(f"  balance {money(tally.scan.get('balance'))}  day ")
    day = tally.day_profit
    text.append(money(day, sign=True), style=_gain(day))
    room = width - len(text) - 2
    if room > 3:
        text.append("  " + sparkline(tally.equities, min(room, 60)), style="cyan")
    return text


def _counts(tally: Tally) -> Text:
    took = tally.scan.get("last_cycle_ms")
    return _line(
        (f"{took:.1f} ms a cycle  " if took else "")
        + f"{tally.candidates:,} candidates  {tally.orders:,} orders  {tally.fills:,} fills  denied {denials(tally, 2)}"
    )


def _symbols(tally: Tally, width: int, rows: int) -> RenderableType:
    """One line a symbol; where not all fit, those with positions and the latest to act."""
    stops = width >= LEAST_WIDTH_FOR_STOPS
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=True, header_style="bold")
    table.add_column("symbol", no_wrap=True, max_width=12, overflow="ellipsis")
    table.add_column("last", justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column("position", no_wrap=True)
    for title in ("entry", "P&L", *(("stop", "target") if stops else ())):
        table.add_column(title, justify="right", no_wrap=True)
    shown = _chosen(tally, rows)
    for symbol in shown:
        table.add_row(*_cells(tally, symbol, stops))
    more = len(tally.info.symbols) - len(shown)
    return Group(table, _line(f"and {more:,} more", "dim")) if more else table


def _chosen(tally: Tally, rows: int) -> Sequence[str]:
    symbols = tally.info.symbols
    if len(symbols) <= rows:
        return symbols
    room = max(1, rows - 1)
    active = {**dict.fromkeys(tally.activity, 0), **dict.fromkeys(tally.positions, 0)}
    chosen = nlargest(room, active, key=lambda one: (one in tally.positions, tally.activity.get(one, 0)))
    for symbol in symbols:
        if len(chosen) >= room:
            break
        if symbol not in active:
            chosen.append(symbol)
    return chosen


def _cells(tally: Tally, symbol: str, stops: bool) -> list[str | Text]:
    last = tally.prices.get(symbol)
    why = reason(tally.scan.get("symbols", {}).get(symbol, ""))
    cells: list[str | Text] = [Text(symbol), price(last), Text(why, style=_reason_style(why))]
    holding = tally.positions.get(symbol)
    if holding is None:
        return [*cells, *[""] * (5 if stops else 3)]
    profit = holding.profit(last)
    quote = tally.info.quotes.get(symbol, tally.info.currency)
    unit = "" if quote == tally.info.currency else f" {quote}"
    side = "long" if holding.quantity > 0 else "short"
    cells += [
        Text(f"{side} {quantity(abs(holding.units))}", style="green" if side == "long" else "magenta"),
        price(holding.entry),
        Text(money(profit, sign=True) + unit, style=_gain(profit)),
    ]
    return [*cells, price(holding.stop), price(holding.target)] if stops else cells


def _gain(value: float | None) -> str:
    return "" if not value else "green" if value > 0 else "red"


def _reason_style(word: str) -> str:
    if word.startswith(("DENIED", "REJECTED", "HOST_DOWN", "ERROR", "UNKNOWN", "BAD_PRINT")):
        return "red"
    return "green" if word in ("CANDIDATE", "APPROVED", "SUBMITTED", "FILLED") else "dim"


def _style(happening: str) -> str:
    word = happening.partition("  ")[2].partition(" ")[0]
    return {"fill": "green", "denied": "yellow", "engine": "dim"}.get(word, "red")
