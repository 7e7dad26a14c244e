"""The charts of a report, as plain values that plotly draws. Times are milliseconds UTC, colours names of the page's.

Text that comes from elsewhere is escaped by ``safe``: plotly reads markup in labels as a browser does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestration.backtest.measures.ratios import sharpe
from orchestration.backtest.measures.returns import Calendar, calendar_of, closes, counted, returns_of
from orchestration.backtest.reports.report_text import number, safe
from orchestration.backtest.reports.thinning import extremes
from orchestration.backtest.result import Result
from risk.state import ACTIVE

LINE_POINTS = 3_000
HALTS = 40
COLOURS = ("--up", "--down", "--third", "--fourth", "--fifth", "--sixth", "--seventh")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WINDOWS = (63, 21)

Plain = dict[str, Any]


class Variant(NamedTuple):
    """One drawing of a chart, and what must be known to read it."""

    label: str
    note: str
    data: list[Plain]
    layout: Plain


def milliseconds(at: NDArray[np.int64]) -> list[int]:
    return [int(one) for one in at // 1_000_000]


def rounded(values: Iterable[float], decimals: int) -> list[float | None]:
    return [round(float(one), decimals) if np.isfinite(one) else None for one in values]


def _thinned(kept: int, count: int, what: str = "each stretch keeps its lowest and highest") -> str:
    return "" if kept == count else f" Drawn: {number(kept, 0)} of {number(count, 0)} points; {what}."


def equity(result: Result) -> Variant | None:
    """Equity, and below it the fall from the highest so far; halts are marked."""
    moments, values, _ = counted(result)
    if not len(values):
        return None
    peaks = np.maximum(np.maximum.accumulate(values), result.cash)
    falls = np.where(peaks > 0, values / np.where(peaks > 0, peaks, 1.0) - 1, np.nan)
    kept = np.union1d(extremes(values, LINE_POINTS // 2), extremes(falls, LINE_POINTS // 2))
    x, hover = milliseconds(moments[kept]), "%{x|%Y-%m-%d %H:%M} UTC<br>"
    currency = safe(result.settings.account.currency)
    shapes, labels, untold = _halts(result, int(moments[-1]))
    data: list[Plain] = [
        {
            "x": x,
            "y": rounded(values[kept], 2),
            "name": "equity",
            "line": {"color": "--up", "width": 1.5},
            "hovertemplate": hover + f"%{{y:,.2f}} {currency}<extra></extra>",
        },
        {
            "x": x,
            "y": rounded(falls[kept], 6),
            "name": "drawdown",
            "yaxis": "y2",
            "fill": "tozeroy",
            "line": {"color": "--down", "width": 1},
            "hovertemplate": hover + "%{y:.2%} from the peak<extra></extra>",
        },
    ]
    layout = {
        "showlegend": False,
        "xaxis": {"type": "date", "anchor": "y2"},
        "yaxis": {"domain": [0.36, 1], "title": {"text": f"equity, {currency}"}, "tickformat": ",.6~f"},
        "yaxis2": {"domain": [0, 0.3], "title": {"text": "drawdown"}, "tickformat": ".3~p"},
        "shapes": shapes,
        "annotations": labels,
    }
    note = "At the close of every bar, open positions at their last price. Times are UTC."
    if shapes:
        note += " Shaded: the trading state did not allow all entries."
    return Variant("", note + untold + _thinned(len(kept), len(values)), data, layout)


def _halts(result: Result, end: int) -> tuple[list[Plain], list[Plain], str]:
    """What shades the time of each state that is not ACTIVE, its label, and a word on those left out."""
    spans, since = [], None
    for at, state in (*result.states, (end, None)):
        if since is not None:
            spans.append((since[0], at, since[1]))
        since = (at, state) if state is not None and state.name != ACTIVE else None
    shapes, labels = [], []
    for start, until, state in spans[:HALTS]:
        x0, x1 = start // 1_000_000, max(until, start) // 1_000_000
        line = {"color": "--halt", "width": 1}
        fill = {"fillcolor": "--halt", "opacity": 0.14, "layer": "below"}
        shapes.append({"type": "rect", "x0": x0, "x1": x1, "y0": 0, "y1": 1, "yref": "paper", "line": line, **fill})
        text = safe(" ".join(filter(None, (state.name, state.code))))
        place = {"x": x0, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left", "showarrow": False}
        labels.append({**place, "text": text, "textangle": 90, "font": {"color": "--halt"}})
    more = len(spans) - HALTS
    return shapes, labels, f" {more} more such times are not drawn." if more > 0 else ""


def monthly(result: Result) -> Variant | None:
    """Return of each month and year (UTC), from its first to its last equity."""
    moments, values, _ = counted(result)
    months = ((moments - 1) // 1_000_000).astype("datetime64[ms]").astype("datetime64[M]")
    if not len(months) or result.cash <= 0:
        return None
    last = np.append(np.flatnonzero(months[1:] != months[:-1]), len(months) - 1)
    count = months[last].astype(np.int64) + 1970 * 12
    ends = {int(month): float(value) for month, value in zip(count, values[last], strict=True)}
    years = sorted({month // 12 for month in ends})
    table: list[list[float | None]] = [[None] * 13 for _ in years]
    before = opened = result.cash
    for month in sorted(ends):
        table[years.index(month // 12)][month % 12] = ends[month] / before - 1 if before > 0 else None
        before = ends[month]
    for year, row in zip(years, table, strict=True):
        ended = next(ends[month] for month in sorted(ends, reverse=True) if month // 12 == year)
        row[12] = ended / opened - 1 if opened > 0 else None
        opened = ended
    found = [abs(one) for row in table for one in row if one is not None]
    limit = max([*found, 0.001])
    text = [["" if one is None else number(one * 100, 1, sign=True) for one in row] for row in table]
    data = [
        {
            "type": "heatmap",
            "x": [*MONTHS, "Year"],
            "y": [str(one) for one in years],
            "z": [rounded([np.nan if one is None else one for one in row], 6) for row in table],
            "text": text,
            "texttemplate": "%{text}",
            "hovertemplate": "%{y} %{x}: %{z:+.2%}<extra></extra>",
            "zmin": -limit,
            "zmax": limit,
            "colorscale": [[0, "--down"], [0.5, "--zero"], [1, "--up"]],
            "showscale": False,
            "xgap": 2,
            "ygap": 2,
        }
    ]
    layout = {
        "dragmode": False,
        "xaxis": {"side": "top", "showgrid": False, "fixedrange": True},
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False, "fixedrange": True},
    }
    note = "Per cent of the equity at the month's beginning; months are UTC, the first and the last may be parts."
    return Variant("", note, data, layout)


def rolling_sharpe(result: Result) -> Variant | None:
    """Sharpe ratio of the last so many returns; None where there are too few for any window."""
    calendar = calendar_of(result)
    moments, values, _ = counted(result)
    found = closes(moments, values, calendar)
    returns = returns_of(result.cash, found.equity)
    window = next((one for one in WINDOWS if returns is not None and len(returns) >= 2 * one), None)
    if returns is None or window is None:
        return None
    told = [sharpe(returns[end - window : end], calendar.per_year) for end in range(window, len(returns) + 1)]
    at, ratios = found.at[window - 1 :], np.array([np.nan if one is None else one for one in told])
    kept = extremes(ratios, LINE_POINTS // 2)
    data = [
        {
            "x": milliseconds(at[kept]),
            "y": rounded(ratios[kept], 4),
            "line": {"color": "--up", "width": 1.5},
            "hovertemplate": "%{x|%Y-%m-%d}<br>%{y:.2f}<extra></extra>",
        }
    ]
    note = _sharpe_note(window, calendar) + _thinned(len(kept), len(ratios))
    return Variant("", note, data, {"xaxis": {"type": "date"}})


def _sharpe_note(window: int, calendar: Calendar) -> str:
    unit = f"{calendar.period}s"
    return (
        f"Over the last {window} {unit}: mean over standard deviation (ddof 1) of their returns, times the root of "
        f"{calendar.per_year} ({calendar.why}), no risk-free rate; none where all of them are the same."
    )


def exposure(result: Result) -> Variant | None:
    """Gross notional over equity."""
    moments, values, held = counted(result)
    if not len(values):
        return None
    multiple = np.where(values > 0, held / np.where(values > 0, values, 1.0), np.nan)
    kept = extremes(multiple, LINE_POINTS)
    data = [
        {
            "x": milliseconds(moments[kept]),
            "y": rounded(multiple[kept], 4),
            "line": {"color": "--third", "width": 1, "shape": "hv"},
            "fill": "tozeroy",
            "hovertemplate": "%{x|%Y-%m-%d %H:%M} UTC<br>%{y:.2f} times equity<extra></extra>",
        }
    ]
    layout = {"xaxis": {"type": "date"}, "yaxis": {"rangemode": "tozero", "ticksuffix": "\N{MULTIPLICATION SIGN}"}}
    note = "Value of everything held, long and short added up, in multiples of equity."
    return Variant("", note + _thinned(len(kept), len(multiple)), data, layout)


def denials(counts: dict[str, int]) -> Variant | None:
    """How often the gate denied, by code, the most frequent on top."""
    if not counts:
        return None
    shown = list(counts.items())[:30]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [count for _, count in shown],
            "y": [safe(code) for code, _ in shown],
            "text": [number(count, 0) for _, count in shown],
            "textposition": "auto",
            "marker": {"color": "--up"},
            "hovertemplate": "%{y}: %{x:,}<extra></extra>",
        }
    ]
    axis = {"type": "category", "autorange": "reversed", "fixedrange": True}
    layout = {"dragmode": False, "xaxis": {"fixedrange": True}, "yaxis": axis, "bargap": 0.25}
    total = sum(counts.values())
    what = "entry was" if total == 1 else "entries were"
    note = f"{number(total, 0)} {what} denied, each by the first rule that said no."
    return Variant("", note, data, layout)
