"""A search as one page: what was found, and how it got there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orchestration.backtest.reports.report_page import page
from orchestration.backtest.reports.report_text import number, safe, share, table
from orchestration.backtest.searches.optimise_told import COMPARED
from orchestration.backtest.searches.space import Dimension, written
from orchestration.backtest.searches.trials import COMPLETE, INFEASIBLE, PRUNED, Trial

Plain = dict[str, Any]

SHARES = ("cagr", "total_return", "volatility", "max_drawdown", "win_rate", "exposure")
MOST_LINES = 500
"""Trials that are drawn as lines; the best ones."""


def optimise_page(told: Mapping[str, Any], trials: Sequence[Trial], space: Sequence[Dimension], plotly: str) -> str:
    """The document; ``told`` is that of ``optimise.json``, ``plotly`` the library's source."""
    title = f"{told['strategy']} on {', '.join(told['symbols'][:3])}: search by {told['objective']}"
    charts: dict[str, list[Plain]] = {}
    for name, made in (("history", _history(trials)), ("lines", _lines(trials, space, told["objective"]))):
        if made is not None:
            charts[name] = [made]
    body = "\n".join(
        ["<main>", f"<h1>{safe(title)}</h1>", _head(told), _warned(told), *_found(told, charts), "</main>"]
    )
    return page(safe(title), body, msgspec.json.encode(charts).decode(), plotly)


def _head(told: Mapping[str, Any]) -> str:
    states = ", ".join(f"{number(count, 0)} {safe(state)}" for state, count in told["trials"].items())
    prints = told["fingerprints"]
    parts = [
        f"{name.replace('_', ' ')}: after {safe(one['from'])} to {safe(one['to'])}, {number(one['bars'], 0)} bars, "
        f"sha256 <code>{one['sha256']}</code>"
        for name, one in prints.items()
    ]
    asked = f"space {', '.join(told['space'])}; algorithm {told['algorithm']}, seed {told['seed']}"
    if told["constraints"]:
        asked += f"; only with {', '.join(told['constraints'])}"
    return f"<p>Trials: {states}.</p><p class='note'>{safe(asked)}<br>{'<br>'.join(parts)}</p>"


def _warned(told: Mapping[str, Any]) -> str:
    texts = [f"<div class='banner'>{safe(one[:1].upper() + one[1:])}.</div>" for one in told["warnings"]]
    if told["stopped"]:
        texts.insert(0, "<div class='banner'>Stopped before its end; nothing out of sample was looked at.</div>")
    return "".join(texts)


def _found(told: Mapping[str, Any], charts: Mapping[str, Any]) -> list[str]:
    if told["best"] is None:
        return ["<p>No trial keeps the constraints.</p>", *_charts(charts)]
    values = ", ".join(f"{safe(key)} = {safe(written(value))}" for key, value in told["best"]["values"].items())
    made = [f"<h2>Best</h2><p>Trial {told['best']['number']}: <code>{values}</code></p>"]
    outside = told["out_of_sample"]
    rows = [
        [safe(name), _metric(name, told["in_sample"].get(name)), _metric(name, outside.get(name)) if outside else "-"]
        for name in COMPARED
    ]
    luck = told["in_sample"]
    rows += [["deflated Sharpe (probability of skill)", share(luck.get("deflated_sharpe")), "-"]]
    made += [table("compared", ["", "in sample", "out of sample"], rows)]
    if told["neighbourhood"]:
        around = told["neighbourhood"]
        made.append(
            f"<p>The {around['trials']} nearest trials reach {number(around['mean'], 4)} on average, the lowest "
            f"{number(around['lowest'], 4)}; the best {number(told['best']['objective'], 4)}.</p>"
        )
    return [*made, *_charts(charts), "<h2>Top</h2>", _top(told)]


def _charts(charts: Mapping[str, Any]) -> list[str]:
    titles = {"history": "How it got there", "lines": "Values of the trials"}
    return [
        f'<h2>{titles[name]}</h2><div class="wide"><div class="chart" id="{name}"></div></div>'
        f'<p class="note" id="{name}-note"></p>'
        for name in charts
    ]


def _metric(name: str, value: Any) -> str:
    if name in SHARES:
        return share(value)
    return number(value, 0 if name == "trades" else 3)


def _top(told: Mapping[str, Any]) -> str:
    keys = list(told["best"]["values"])
    heads = ["trial", told["objective"], "a year", "drawdown", "trades", *keys]
    rows = [
        [
            str(one["number"]),
            number(one["objective"], 4),
            share(one["cagr"]),
            share(one["max_drawdown"]),
            number(one["trades"], 0),
            *(safe(written(one["values"][key])) for key in keys),
        ]
        for one in told["top"]
    ]
    return table("top", [safe(one) for one in heads], rows)


def _history(trials: Sequence[Trial]) -> Plain | None:
    """The objective of every trial, and the best so far."""
    kinds = {COMPLETE: ("tried to the end", "--up"), INFEASIBLE: ("misses a constraint", "--rest")}
    kinds[PRUNED] = ("stopped early", "--down")
    data: list[Plain] = []
    for state, (name, colour) in kinds.items():
        found = [(one.number, one.rungs[-1]) for one in trials if one.state == state and one.rungs]
        if found:
            data.append(
                {
                    "x": [at for at, _ in found],
                    "y": [value for _, value in found],
                    "name": name,
                    "mode": "markers",
                    "type": "scatter",
                    "marker": {"color": colour, "size": 6},
                }
            )
    so_far, best = [], None
    for one in trials:
        if one.state == COMPLETE and one.objective is not None:
            best = one.objective if best is None else max(best, one.objective)
            so_far.append((one.number, best))
    if not data or not so_far:
        return None
    data.append(
        {
            "x": [at for at, _ in so_far],
            "y": [value for _, value in so_far],
            "name": "best so far",
            "mode": "lines",
            "line": {"color": "--third", "shape": "hv", "width": 2},
        }
    )
    axes = {"xaxis": {"title": {"text": "trial"}}, "yaxis": {"title": {"text": "objective"}}}
    return {"data": data, "layout": axes, "note": "Of those that were stopped early: on the part that they came to."}


def _lines(trials: Sequence[Trial], space: Sequence[Dimension], objective: str) -> Plain | None:
    """Parallel coordinates of the trials that were tried to the end, the best on top."""
    ended = sorted((one for one in trials if one.made and one.objective is not None), key=_value)[-MOST_LINES:]
    if len(ended) < 2:
        return None
    names = [*(safe(one.key) for one in space), safe(objective)]
    lowest, highest = _value(ended[0]), _value(ended[-1])
    data: list[Plain] = []
    groups = _groups(ended)
    for name, (group, colour, width) in groups.items():
        x: list[str | None] = []
        y: list[float | None] = []
        texts: list[str | None] = []
        for one in group:
            height = (_value(one) - lowest) / (highest - lowest) if highest > lowest else 0.5
            told = f"trial {one.number}: " + ", ".join(f"{key} = {written(value)}" for key, value in one.values.items())
            x += [*names, None]
            y += [*(by.place(one.values[by.key]) for by in space), height, None]
            texts += [*[safe(f"{told}; {objective} {_value(one):.4g}")] * len(names), None]
        line = {"color": colour, "width": width}
        drawn = {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "text": texts, "line": line}
        data.append({**drawn, "hoverinfo": "text"})
    ends = [*(_ends(one) for one in space), (f"{lowest:.4g}", f"{highest:.4g}")]
    labels = [
        {"x": name, "y": height, "text": safe(text), "showarrow": False, "yshift": shift}
        for name, (low, high) in zip(names, ends, strict=True)
        for height, text, shift in ((0, low, -12), (1, high, 12))
    ]
    hidden = {"showticklabels": False, "showgrid": False, "zeroline": False, "range": [-0.1, 1.1]}
    layout = {"yaxis": hidden, "xaxis": {"type": "category"}, "annotations": labels}
    return {"data": data, "layout": layout, "note": f"A line per trial that was tried to the end ({len(ended):,})."}


def _groups(ended: Sequence[Trial]) -> dict[str, tuple[Sequence[Trial], str, float]]:
    """By rank, the lowest first: name to trials, colour and width."""
    half, most = len(ended) // 2, len(ended) - max(len(ended) // 10, 1)
    made = {
        "lower half": (ended[:half], "--line", 1.0),
        "upper half": (ended[half:most], "--sixth", 1.0),
        "best tenth": (ended[most:], "--down", 2.0),
    }
    return {name: one for name, one in made.items() if one[0]}


def _value(trial: Trial) -> float:
    return trial.objective or 0.0


def _ends(one: Dimension) -> tuple[str, str]:
    if one.choices:
        return written(one.choices[0]), written(one.choices[-1])
    return f"{one.low:g}", f"{one.high:g}"
