"""Calibration as one HTML file that needs nothing else: what was said against what came, and how much that is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from orchestration.backtest.reports.report_page import page, plotly_source
from orchestration.backtest.reports.report_text import number, safe, share, table
from orchestration.backtest.reports.writing import check_target, write_bytes

Plain = Mapping[str, Any]

NOTE = (
    "A judge that means what it says lies on the diagonal: of the cases it gave 60 %, 60 % touch their target before "
    "their stop. Whiskers: 95 % interval of the share (Wilson). Below the diagonal it promises too much."
)


def check_report(path: Path, option: str = "--report") -> None:
    """Raises ConfigError if no report could be written there: asked before the work."""
    check_target(path, option)
    plotly_source()


def write_report(told: Plain, where: str, path: Path, option: str = "--report") -> None:
    """The report of a document of ``orchestration.research.figures``; ``where`` says of which cases. Raises
    ConfigError or ArgusError."""
    write_bytes(html(told, where).encode("utf-8", "backslashreplace"), path, option)


def html(told: Plain, where: str) -> str:
    charts = {"reliability": [reliability(told["bins"])], "counts": [counts(told["bins"])]}
    return page("Calibration", _body(told, where), msgspec.json.encode(charts).decode(), plotly_source())


def reliability(bins: Sequence[Plain]) -> Plain:
    """The plot: mean p_win of each bin against the share that won."""
    seen = [one for one in bins if one["cases"]]
    label = "%{x:.0%} said, %{y:.0%} came, %{customdata} cases<extra></extra>"
    return {
        "label": "",
        "note": NOTE,
        "data": [
            {
                "x": [0, 1],
                "y": [0, 1],
                "mode": "lines",
                "name": "as said",
                "line": {"color": "--rest", "dash": "dot", "width": 1},
                "hoverinfo": "skip",
            },
            {
                "x": [one["said"] for one in seen],
                "y": [one["share"] for one in seen],
                "customdata": [one["cases"] for one in seen],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [one["share_high"] - one["share"] for one in seen],
                    "arrayminus": [one["share"] - one["share_low"] for one in seen],
                    "color": "--up",
                    "thickness": 1,
                },
                "mode": "lines+markers",
                "name": "as it came",
                "line": {"color": "--up", "width": 1.5},
                "hovertemplate": label,
            },
        ],
        "layout": {
            "xaxis": {"title": {"text": "said (mean p_win)"}, "range": [0, 1], "tickformat": ".0%"},
            "yaxis": {"title": {"text": "target before stop"}, "range": [0, 1.02], "tickformat": ".0%"},
            "dragmode": False,
        },
    }


def counts(bins: Sequence[Plain]) -> Plain:
    """How many cases each bin has."""
    return {
        "label": "",
        "note": "Cases by what was said: a judge that always says the same tells nothing.",
        "data": [
            {
                "type": "bar",
                "x": [f"{one['low']:.0%} to {one['high']:.0%}" for one in bins],
                "y": [one["cases"] for one in bins],
                "marker": {"color": "--up"},
                "hovertemplate": "%{x}: %{y} cases<extra></extra>",
            }
        ],
        "layout": {"dragmode": False, "yaxis": {"title": {"text": "cases"}}},
    }


def _body(told: Plain, where: str) -> str:
    total = told["all"]
    parts = [
        "<main>",
        "<h1>Calibration of research</h1>",
        f'<p class="faint">{safe(where)}</p>',
        *_banners(told),
        _tiles(total),
        "<noscript><p>The charts need JavaScript; the tables do not.</p></noscript>",
        _chart("Said and come true", "reliability", NOTE),
        _chart("Cases", "counts", "", "low"),
        "<h2>Bins</h2>",
        table("bins", ("said", "cases", "mean said", "won", "95 % from", "to"), [_bin(one) for one in told["bins"]]),
        *(_groups(told, name) for name in ("model", "prompts", "regime", "arm")),
        "<h2>Arms on the same candidates</h2>",
        _arms(told["arms"]) if told["arms"] else "<p>No candidate was judged with a known end.</p>",
        '<p class="note">R: what is left of the trade, times its result, costs left out; p by flipping the signs of '
        "blocks of neighbours; right and wrong by McNemar's exact test.</p>",
        "</main>",
    ]
    return "\n".join(parts)


def _banners(told: Plain) -> list[str]:
    said = []
    if told["all"]["few"]:
        said.append(f"Only {told['all']['cases']} cases: fewer than {told['conventions']['few']} say little.")
    if told["contaminated"]:
        said.append(
            f"{told['contaminated']['cases']} more cases are left out: they are dated before the model's training had "
            "ended, so that it may know what came."
        )
    return [f'<p class="banner">{safe(one)}</p>' for one in said]


def _tiles(of: Plain) -> str:
    interval = "" if of["skill_low"] is None else f"{number(of['skill_low'])} to {number(of['skill_high'])}"
    tiles = [
        ("Cases", number(of["cases"], 0), f"{number(of['won'], 0)} won"),
        ("Brier score", number(of["brier"], 4), f"base rate alone {number(of['reference'], 4)}"),
        ("Skill over the base rate", number(of["skill"], 3, sign=True), f"95 %: {interval}" if interval else ""),
        ("Calibration error (ECE)", number(of["ece"], 4), "10 bins of the same width"),
        ("Log loss", number(of["log_loss"], 4), "natural logarithm"),
        ("Mean said", share(of["said"], 1), f"came {share(of['base'], 1)}"),
    ]
    return (
        '<dl class="tiles">'
        + "".join(f"<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>" for name, value, more in tiles)
        + "</dl>"
    )


def _chart(title: str, name: str, note: str, kind: str = "") -> str:
    return (
        f'<section><h2>{title}</h2><div class="wide"><div class="chart {kind}" id="{name}" role="img" '
        f'aria-label="{title}"></div></div><p class="note" id="{name}-note">{safe(note)}</p></section>'
    )


def _bin(one: Plain) -> tuple[str, ...]:
    name = f"{share(one['low'], 0)} to {share(one['high'], 0)}"
    rest = (share(one[key], 1) for key in ("said", "share", "share_low", "share_high"))
    return (name, number(one["cases"], 0), *rest)


def _groups(told: Plain, name: str) -> str:
    heads = (name, "cases", "won", "said", "Brier", "skill", "95 % from", "to", "ECE", "log loss")
    rows = [
        (
            safe(one[name]),
            number(one["cases"], 0),
            share(one["base"], 1),
            share(one["said"], 1),
            number(one["brier"], 4),
            number(one["skill"], 3, sign=True),
            number(one["skill_low"], 3, sign=True),
            number(one["skill_high"], 3, sign=True),
            number(one["ece"], 4),
            number(one["log_loss"], 4),
        )
        for one in told[f"by_{name}"]
    ]
    return f"<h2>By {name}</h2>\n{table(f'by-{name}', heads, rows)}"


def _arms(arms: Sequence[Plain]) -> str:
    heads = ("arm", "against", "pairs", "agree", "R", "against", "difference", "p", "right alone", "wrong alone", "p")
    rows = [
        (
            safe(one["second"]),
            safe(one["first"]),
            number(one["pairs"], 0),
            number(one["agree"], 0),
            number(one["second_r"], 3, sign=True),
            number(one["first_r"], 3, sign=True),
            number(one["difference"], 3, sign=True),
            number(one["p_difference"], 3),
            number(one["only_second"], 0),
            number(one["only_first"], 0),
            number(one["p_right"], 3),
        )
        for one in arms
    ]
    return table("arms", heads, rows, left=2)
