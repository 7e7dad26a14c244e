"""A Monte Carlo as one page: the bands of equity, and the numbers as a table."""

from __future__ import annotations

from typing import Any

import msgspec

from orchestration.backtest.reports.report_page import page
from orchestration.backtest.reports.report_text import number, safe, share, table

Plain = dict[str, Any]


def montecarlo_page(told: Plain, plotly: str) -> str:
    """The document, with everything in it that it needs."""
    title = f"Monte Carlo of {told['result']}"
    block = "" if told["block"] is None else f", blocks of {number(told['block'], 1)} days on average"
    head = f"{number(told['paths'], 0)} paths of {number(told['steps'], 0)} {told['unit']}{block}, seed {told['seed']}"
    body = "\n".join(
        [
            f"<main><h1>{safe(title)}</h1>",
            f"<p>Method <code>{safe(told['method'])}</code>: {safe(head)}.</p>",
            *(f'<p class="note">{safe(one[:1].upper() + one[1:])}.</p>' for one in told["notes"]),
            '<h2>Equity</h2><div class="chart" id="fan"></div><p class="note" id="fan-note"></p>',
            "<h2>Where the paths end</h2>",
            _quantiles(told),
            "<h2>How likely</h2>",
            _chances(told),
            "</main>",
        ]
    )
    charts = msgspec.json.encode({"fan": [fan(told)]}).decode()
    return page(safe(title), body, charts, plotly)


def fan(told: Plain) -> Plain:
    """The bands, widest first, the median and what happened."""
    bands = told["bands"]
    x = bands["step"]

    def edge(name: str) -> Plain:
        return {
            "x": x,
            "y": bands[name],
            "mode": "lines",
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
        }

    def filled(name: str, label: str, opacity: float) -> Plain:
        colour = f"rgba(86,160,211,{opacity})"
        own = {"fill": "tonexty", "fillcolor": colour, "name": label, "showlegend": True}
        return edge(name) | own

    def line(name: str, label: str, colour: str, dash: str) -> Plain:
        shown = {"color": colour, "width": 2, "dash": dash}
        hover = f"{label}<br>%{{x:,}} {told['unit']}<br>%{{y:,.2f}}<extra></extra>"
        return {"x": x, "y": bands[name], "mode": "lines", "line": shown, "name": label, "hovertemplate": hover}

    return {
        "note": "Bands hold the middle 90 % and 50 % of the paths at each step, not whole paths.",
        "data": [
            edge("p5"),
            filled("p95", "5 to 95 %", 0.25),
            edge("p25"),
            filled("p75", "25 to 75 %", 0.35),
            line("p50", "median", "--up", "dot"),
            line("observed", "as it was", "--down", "solid"),
        ],
        "layout": {
            "xaxis": {"title": {"text": told["unit"]}},
            "yaxis": {"title": {"text": f"equity, {safe(told['currency'])}"}, "tickformat": ",.0f"},
        },
    }


def _quantiles(told: Plain) -> str:
    names = ("p5", "p25", "p50", "p75", "p95", "mean")
    seen, final, depth = told["observed"], told["equity_final"], told["max_drawdown"]
    return table(
        "quantiles",
        ["", "5 %", "25 %", "median", "75 %", "95 %", "mean", "as it was"],
        [
            ["equity at the end", *(number(final[one]) for one in names), number(seen["equity_final"])],
            ["deepest drawdown", *(share(depth[one]) for one in names), share(seen["max_drawdown"])],
        ],
    )


def _chances(told: Plain) -> str:
    seen = told["observed"]
    return table(
        "chances",
        ["", "share of the paths"],
        [
            ["end below the starting cash", share(told["probability_of_loss"])],
            [f"fall by {share(told['drawdown_limit'], 1)} or more", share(told["probability_of_drawdown"])],
            ["reach 0", share(told["probability_of_ruin"])],
            ["end lower than it was", share(seen["paths_with_lower_final"])],
            ["fall deeper than it was", share(seen["paths_with_deeper_drawdown"])],
        ],
    )
