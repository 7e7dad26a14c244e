"""A walk-forward as one page: its windows, and the out-of-sample time as one backtest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from orchestration.backtest.reports import report_figures, report_head
from orchestration.backtest.reports.report_page import page, plotly_source
from orchestration.backtest.reports.report_text import number, safe, share, table
from orchestration.backtest.reports.writing import write_bytes
from orchestration.backtest.result import Result
from orchestration.backtest.searches.space import written

Plain = Mapping[str, Any]


def write_walk(result: Result, measured: Plain, told: Plain, path: Path) -> None:
    """Errors as ``writing.write_json``."""
    write_bytes(walk_page(result, measured, told).encode("utf-8", "backslashreplace"), path, "--report")


def walk_page(result: Result, measured: Plain, told: Plain) -> str:
    drawn = {"equity": report_figures.equity(result), "months": report_figures.monthly(result)}
    charts = {name: [one._asdict()] for name, one in drawn.items() if one is not None}
    body = "\n".join(
        [
            "<main>",
            report_head.head(result).replace("Backtest:", "Walk forward, out of sample:"),
            report_head.banners(result, measured),
            report_head.tiles(result, measured),
            f"<p>Return a year: {share(told['return_a_year_in_sample'])} in sample, "
            f"{share(told['return_a_year_out_of_sample'])} out of sample; efficiency {number(told['efficiency'])}; "
            f"{told['windows_won']} of {len(told['windows'])} windows won.</p>",
            *(_chart(name, title) for name, title in (("equity", "Equity out of sample"), ("months", "Months"))
              if name in charts),
            "<h2>Windows</h2>",
            _windows(told),
            *(f"<p class='note'>{safe(one)}.</p>" for one in told["conventions"].values()),
            "</main>",
        ]
    )  # fmt: skip
    title = f"Walk forward: {result.settings.strategy.name} on {', '.join(result.info.symbols[:3])}"
    return page(safe(title), body, msgspec.json.encode(charts).decode(), plotly_source())


def _chart(name: str, title: str) -> str:
    return (
        f'<h2>{title}</h2><div class="wide"><div class="chart" id="{name}"></div></div>'
        f'<p class="note" id="{name}-note"></p>'
    )


def _windows(told: Plain) -> str:
    keys = list(dict.fromkeys(key for one in told["windows"] for key in one["values"]))
    heads = ["in sample after", "out of sample after", "to", "parameters", "in sample", "Sharpe", "out of sample"]
    heads += ["Sharpe", "trades", "trials", *map(safe, keys)]
    rows = []
    for one in told["windows"]:
        inside, outside = one["metrics_in_sample"], one["metrics_out_of_sample"]
        rows.append(
            [
                one["in_sample"]["from"][:10],
                one["out_of_sample"]["from"][:10],
                one["out_of_sample"]["to"][:10],
                one["values_are"],
                share(inside["total_return"]),
                number(inside["sharpe"]),
                share(outside["total_return"]),
                number(outside["sharpe"]),
                number(outside["trades"], 0),
                number(one["trials"], 0),
                *(safe(written(one["values"].get(key, "-"))) for key in keys),
            ]
        )
    return table("windows", heads, rows, left=0)
