"""The verb ``montecarlo``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.options import AsJson
from orchestration.terminal.output import Column, print_facts, print_json, print_table, say

EXAMPLES = "Example: python cli.py montecarlo r.json --method blocks --paths 5000 --report mc.html"


class Method(StrEnum):
    """What is drawn."""

    trades = "trades"
    shuffle = "shuffle"
    blocks = "blocks"


Document = Annotated[Path, typer.Argument(metavar="RESULT", help="What backtest --out wrote.", show_default=False)]
Way = Annotated[
    Method,
    typer.Option(
        "--method",
        help="trades draws the closed trades again, with replacement; shuffle takes each once in another order; blocks"
        " draws days in blocks.",
    ),
]
Number = Annotated[int, typer.Option("--paths", "-n", help="How many paths, 100,000 at most.")]
Block = Annotated[
    int | None,
    typer.Option(
        "--block", help="Mean length of a block in days, for blocks.", show_default="by the data: Politis and White"
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed, the same paths.")]
Limit = Annotated[float, typer.Option("--limit", help="A drawdown, as a fraction, whose probability is told.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Write the numbers to this file, as JSON.", show_default=False)
]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write a page with the bands of equity, for a browser.", show_default=False),
]


@guarded
def montecarlo(
    document: Document,
    method: Way = Method.trades,
    paths: Number = 1000,
    block: Block = None,
    seed: Seed = 7,
    limit: Limit = 0.2,
    out: Out = None,
    report: Report = None,
    as_json: AsJson = False,
) -> int:
    """Show what else could have come of a backtest, from its trades or its days drawn again.

    Told are the quantiles of the equity at the end and of the deepest drawdown over all paths, beside what the backtest
    itself had, and how likely a loss and a drawdown are. A file that is no result of a backtest, or one with too few
    trades or days, is refused (exit code 4).
    """
    from domain.errors import ConfigError
    from orchestration.backtest.measures import history
    from orchestration.backtest.measures import montecarlo as simulation
    from orchestration.backtest.reports import writing
    from orchestration.settings.problems import UsageError

    try:
        asked = simulation.Asked(method=method.value, paths=paths, block=block, seed=seed, limit=limit)
    except ConfigError as error:
        raise UsageError(error.problems) from error
    for target, option in ((out, "--out"), (report, "--report")):
        if target is not None:
            writing.check_target(target, option)
    plotly = ""
    if report is not None:
        from orchestration.backtest.reports.report_page import plotly_source

        plotly = plotly_source()
    told = simulation.montecarlo(history.read(document.expanduser()), asked)
    if out is not None:
        writing.write_json(told, out)
    if report is not None:
        from orchestration.backtest.measures.montecarlo_report import montecarlo_page

        writing.write_bytes(montecarlo_page(told, plotly).encode(), report, "--report")
    if as_json:
        print_json(told)
    else:
        _show(told)
        say(*(f"wrote {one}" for one in (out, report) if one is not None))
    return DONE


def _show(told: dict[str, Any]) -> None:
    from orchestration.terminal.figures import money

    def percent(value: float | None) -> str:
        return "-" if value is None else f"{value:.2%}"

    blocks = "" if told["block"] is None else f", blocks of {told['block']:.1f} days on average ({told['block_by']})"
    say(f"{told['paths']:,} paths of {told['steps']:,} {told['unit']}{blocks}, seed {told['seed']}")
    say(*(f"note: {one}" for one in told["notes"]), "")
    names = ("p5", "p25", "p50", "p75", "p95", "mean")
    titles = ("5 %", "25 %", "median", "75 %", "95 %", "mean")
    rows = [
        {"name": "equity at the end", "as it was": money(told["observed"]["equity_final"])}
        | {one: money(told["equity_final"][one]) for one in names},
        {"name": "deepest drawdown", "as it was": percent(told["observed"]["max_drawdown"])}
        | {one: percent(told["max_drawdown"][one]) for one in names},
    ]
    columns = [Column("", lambda row: row["name"])]
    columns += [_column(one, title) for one, title in zip(names, titles, strict=True)]
    print_table([*columns, _column("as it was", "as it was")], rows, "")
    say("")
    chances = [
        ("a loss", told["probability_of_loss"]),
        (f"a drawdown of {told['drawdown_limit'] * 100:g} % or more", told["probability_of_drawdown"]),
        ("nothing left", told["probability_of_ruin"]),
    ]
    print_facts([(name, f"{percent(chance)} of the paths") for name, chance in chances])


def _column(key: str, title: str) -> Column:
    return Column(title, lambda row: row[key], True)
