"""The charts of a report that show single trades: results as points, and prices with entries and exits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain.book import Closed
from domain.market import Bars
from domain.money import to_float
from domain.order import BUY, SELL, Fill
from domain.timeframe import DAY, iso
from orchestration.backtest.reports.report_figures import COLOURS, Plain, Variant, milliseconds, rounded
from orchestration.backtest.reports.report_text import lasting, moment, number, safe
from orchestration.backtest.reports.thinning import candles, evenly
from orchestration.backtest.result import Floats, Result
from risk.statistics import Part

TRADE_POINTS = 1_500
CANDLES, NEAR, FAR, LEAST = 20_000, 300, 1_000, 100
"""At most so many candles in all, around the last trades, for the whole time, and for either of many symbols."""
MARKS, MARKS_EACH, MARKS_LEAST = 6_000, 300, 30
"""At most so many fills in all, in one drawing, and in one of many symbols."""
BREAKS, GAP = 30, 6
"""Times without bars that take no room: at most so many, of more than so many bars."""
AFTER = 20
"""Bars shown after the last fill."""
SHAPES = ("circle", "square", "diamond", "cross", "x", "star", "hexagon", "circle-open")


def results(result: Result) -> list[Variant]:
    """Every close as a point, by symbol: what it brought against when it ended, and against how long it was held."""
    lines = result.closes
    if not lines:
        return []
    money = np.array([to_float(part.net) for _, part in lines])
    r = np.array([np.nan if part.r is None else part.r for _, part in lines])
    opened = np.array([closed.opened_at for closed, _ in lines], np.int64)
    ended = np.array([closed.closed_at for closed, _ in lines], np.int64)
    kept, note = _kept(money)
    symbols = [closed.symbol for closed, _ in lines]
    often = [symbol for symbol, _ in sorted(Counter(symbols).items(), key=lambda one: (-one[1], one[0]))]
    names = [*often[: len(COLOURS)], *(["others"] if len(often) > len(COLOURS) else [])]
    group = {symbol: min(place, len(COLOURS)) for place, symbol in enumerate(often)}
    members = [[at for at in kept if group[symbols[at]] == place] for place in range(len(names))]
    texts = {at: _told(*lines[at]) for at in kept}
    across = (
        ("by time", milliseconds(ended), {"type": "date"}),
        ("by days held", rounded((ended - opened) / DAY, 4), {"title": {"text": "days held"}}),
    )
    found = [("Net", money, f"net, {safe(result.settings.account.currency)}", 2)]
    if not np.isnan(r).all():
        found.insert(0, ("R", r, "R: gross over the risk at entry", 3))
    variants = []
    for what, values, title, decimals in found:
        for how, x, axis in across:
            data = []
            for place, (name, own) in enumerate(zip(names, members, strict=True)):
                told = [texts[at] for at in own]
                data.append(_points(place, name, [x[at] for at in own], rounded(values[own], decimals), told))
            variants.append(Variant(f"{what} {how}", note, data, {"xaxis": axis, "yaxis": {"title": {"text": title}}}))
    return variants


def _points(place: int, name: str, x: Sequence[Any], y: Sequence[Any], texts: Sequence[str]) -> Plain:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": safe(name),
        "showlegend": True,
        "x": x,
        "y": y,
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": (*COLOURS, "--rest")[place], "symbol": SHAPES[place], "size": 7, "opacity": 0.75},
    }


def _kept(money: Floats) -> tuple[list[int], str]:
    count = len(money)
    if count <= TRADE_POINTS:
        return list(range(count)), f"{number(count, 0)} close{'' if count == 1 else 's'}."
    largest = set(np.argsort(-np.abs(money), kind="stable")[: TRADE_POINTS // 3].tolist())
    others = [place for place in range(count) if place not in largest]
    some = [others[place] for place in evenly(len(others), TRADE_POINTS - len(largest))]
    return sorted({*largest, *some}), (
        f"Drawn: {number(TRADE_POINTS, 0)} of {number(count, 0)} closes: the {number(len(largest), 0)} largest "
        "results, and of the others one in so many, evenly over time."
    )


def _told(closed: Closed, part: Part) -> str:
    held = "long" if closed.side > 0 else "short"
    r = "" if part.r is None else f", {number(part.r, 2, sign=True)} R"
    return (
        f"{safe(closed.symbol)} {held}: {number(to_float(part.net), 2, sign=True)}{r}<br>{moment(closed.opened_at)} to "
        f"{moment(closed.closed_at)}<br>held {lasting(closed.closed_at - closed.opened_at)}, "
        f"closed by {safe(closed.reason)}"
    )


# -- prices ----------------------------------------------------------------------------------------


def prices(result: Result) -> list[Variant]:
    """For each symbol the bars around its last trades as they were, and the whole time in fewer candles."""
    fills: dict[str, list[Fill]] = {symbol: [] for symbol in result.prices}
    for fill in result.fills:
        if fill.quantity and fill.symbol in fills:
            fills[fill.symbol].append(fill)
    shown = sorted((one for one in fills if len(result.prices[one])), key=lambda one: (-len(fills[one]), one))
    shown = shown[: CANDLES // (2 * LEAST)]
    fair = max(LEAST, CANDLES // max(1, 2 * len(shown)))
    near, far = min(NEAR, fair), min(FAR, fair)
    marks = min(MARKS_EACH, max(MARKS_LEAST, MARKS // max(1, 2 * len(shown))))
    stops = _stops(result)
    made = []
    for symbol in shown:
        bars, own = result.prices[symbol], fills[symbol]
        if len(bars) > near:
            end = _end(bars, own)
            made.append(
                _drawn(result, symbol, bars[max(0, end - near) : end], own, stops, (near, marks), "last trades")
            )
        made.append(_drawn(result, symbol, bars, own, stops, (far, marks), "whole time"))
    return made


def _end(bars: Bars, fills: Sequence[Fill]) -> int:
    """The bar after the last fill and a few more; the end where there is none."""
    last = max((_at(one) for one in fills), default=int(bars["ts"][-1]))
    return min(len(bars), int(np.searchsorted(bars["ts"], last, "right")) + AFTER)


def _at(fill: Fill) -> int:
    """The bar inside which it happened, where that is known."""
    return fill.bar_ts or fill.at


def _stops(result: Result) -> dict[str, list[tuple[Closed, int]]]:
    """By symbol the closes, each with the stop that the fill which opened it brought (0 for none)."""
    opening = {(one.symbol, one.at): one.stop for one in result.fills if one.quantity and one.stop}
    found: dict[str, list[tuple[Closed, int]]] = {}
    for closed, _ in result.closes:
        found.setdefault(closed.symbol, []).append((closed, opening.get((closed.symbol, closed.opened_at), 0)))
    return found


def _drawn(
    result: Result,
    symbol: str,
    bars: Bars,
    fills: Sequence[Fill],
    stops: dict[str, list[tuple[Closed, int]]],
    most: tuple[int, int],
    what: str,
) -> Variant:
    """``most``: candles and fills."""
    decimals = result.info.decimals.get(symbol, 9)
    drawn = candles(bars, most[0])
    first, end = int(bars["ts"][0]), int(bars["ts"][-1]) + _length(bars)
    inside = [one for one in fills if first <= _at(one) <= end]
    marked = [inside[place] for place in evenly(len(inside), most[1])] if drawn.per > 1 else inside[-most[1] :]
    data: list[Plain] = [
        {
            "type": "candlestick",
            "name": safe(symbol),
            "x": milliseconds(drawn.ts),
            **{name: rounded(getattr(drawn, name), decimals) for name in ("open", "high", "low", "close")},
            "increasing": {"line": {"color": "--candle", "width": 1}, "fillcolor": "rgba(0,0,0,0)"},
            "decreasing": {"line": {"color": "--candle", "width": 1}, "fillcolor": "--candle"},
            "showlegend": False,
        }
    ]
    if drawn.per == 1 and marked:
        since = _at(marked[0])
        held = [one for one in stops.get(symbol, ()) if one[0].opened_at >= since and first <= one[0].closed_at]
        data += _ways([one for one in held if one[0].opened_at <= end][-most[1] :])
    for side, name, colour, shape in ((BUY, "buy", "--up", "triangle-up"), (SELL, "sell", "--down", "triangle-down")):
        some = [one for one in marked if one.side == side]
        if some:
            data.append(_marks(name, colour, shape, some))
    breaks = _breaks(bars) if drawn.per == 1 else []
    layout = {
        "xaxis": {"type": "date", "rangeslider": {"visible": False}, "rangebreaks": breaks},
        "yaxis": {"tickformat": f",.{min(decimals, 5)}~f", "title": {"text": safe(symbol)}},
    }
    return Variant(f"{symbol}: {what}", _note(drawn.per, len(bars), inside, marked), data, layout)


def _breaks(bars: Bars) -> list[Plain]:
    """Times without bars, the longest ones: they take no room."""
    steps, usual = np.diff(bars["ts"]), _length(bars)
    gaps = [place for place in np.argsort(-steps, kind="stable")[:BREAKS] if steps[place] > GAP * usual]
    return [{"bounds": [iso(int(bars["ts"][at]) + usual), iso(int(bars["ts"][at + 1]))]} for at in sorted(gaps)]


def _length(bars: Bars) -> int:
    return int(np.diff(bars["ts"]).min()) if len(bars) > 1 else 0


def _note(per: int, count: int, inside: Sequence[Fill], marked: Sequence[Fill]) -> str:
    each = "Every bar is a candle" if per == 1 else f"A candle is {number(per, 0)} bars"
    told = f"{each} ({number(count, 0)} bars); filled candles fell."
    if not inside:
        return f"{told} No fill in this time."
    if per == 1:
        told += (
            " Longer times without bars take no room. Dotted: from entry to exit. Dashed: the stop at entry, while the "
            "position was held."
        )
    if len(marked) < len(inside):
        which = "evenly chosen" if per > 1 else "the last ones"
        told += f" Marked: {number(len(marked), 0)} of {number(len(inside), 0)} fills, {which}."
    return told


def _ways(held: Sequence[tuple[Closed, int]]) -> list[Plain]:
    """From each entry to its exit, in the colour of what it brought, and its first stop."""
    lines: dict[str, tuple[list[Any], list[Any]]] = {"won": ([], []), "lost": ([], []), "stop": ([], [])}
    for closed, stop in held:
        x, y = lines["won" if closed.pnl - closed.commission > 0 else "lost"]
        at = [closed.opened_at // 1_000_000, closed.closed_at // 1_000_000, None]
        x += at
        y += [to_float(closed.entry), to_float(closed.exit), None]
        if stop:
            lines["stop"][0].extend(at)
            lines["stop"][1].extend([to_float(stop), to_float(stop), None])
    styles = {"won": ("--up", "dot"), "lost": ("--down", "dot"), "stop": ("--fourth", "dash")}
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": x,
            "y": y,
            "hoverinfo": "skip",
            "line": {"color": styles[name][0], "dash": styles[name][1], "width": 1.5},
        }
        for name, (x, y) in lines.items()
        if x
    ]


def _marks(name: str, colour: str, shape: str, fills: Sequence[Fill]) -> Plain:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [_at(one) // 1_000_000 for one in fills],
        "y": [to_float(one.price) for one in fills],
        "text": [
            f"{moment(one.at)}<br>{name} {number(to_float(one.quantity), 9).rstrip('0').rstrip('.')} at "
            f"{to_float(one.price):g}, {safe(one.reason)}"
            for one in fills
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": colour, "symbol": shape, "size": 11, "line": {"color": "--page", "width": 1}},
    }
