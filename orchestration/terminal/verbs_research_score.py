"""The verb ``research calibration``: whether what was said came true, and whether it was worth anything."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.terminal.exits import CODES, DONE, guarded
from orchestration.terminal.figures import NOTHING
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import Column, Plain, print_facts, print_json, print_table, say

EXAMPLES = f"""Examples:

  python cli.py research calibration

  python cli.py research calibration --run 2024 --report calibration.html

  python cli.py research calibration --simulated --json

{CODES}"""

Simulated = Annotated[
    bool | None,
    typer.Option(
        "--simulated/--real",
        help="Of every run over a simulated market, or over a real one.",
        show_default="as the newest run's",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write an HTML page with the reliability plot.", metavar="FILE", show_default=False),
]
After = Annotated[
    int,
    typer.Option("--after", min=20, help="Cases before a probability may have a say: research.calibrated_after."),
]


@guarded
def calibration(
    run: Annotated[
        str | None,
        typer.Option("--run", help="Of this run; its beginning is enough.", show_default="all runs over such a market"),
    ] = None,
    simulated: Simulated = None,
    after: After = 100,
    report: Report = None,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Compare what was said of candidates with what the market then did, taken or not.

    p_win is the probability that the target is touched before the stop within the horizon. Brier score: mean squared
    error, less is better; skill: how much better than always saying the base rate, with its 95 % interval; ECE: mean
    distance between said and come, in ten bins. Cases dated before the model's training had ended are left out.
    The same candidate judged by the same model, arm and prompts counts once.

    A judge has earned a say in the size once it has enough cases and the interval of its skill lies above 0. Arms
    are compared on the candidates that both have judged, and with no research at all.
    """
    from orchestration.research.figures import document
    from orchestration.research.report_page import check_report, write_report

    if report is not None:
        check_report(report)
    rows, where = _rows(db_url, run, simulated)
    told = document(rows, after)
    if report is not None:
        write_report(told, where, report)
    if as_json:
        print_json(told | {"of": where})
        return DONE
    say(where, "")
    if not told["scored"]:
        say("no case with a probability whose end is known yet: it is known when target, stop or horizon is reached")
        return DONE
    _say(told)
    if report is not None:
        say("", f"written: {report}")
    return DONE


def _rows(db_url: str | None, run: str | None, simulated: bool | None) -> tuple[Any, str]:
    """Rows of finished cases, and which they are."""
    from journal import research_views, views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.state import run_of

    with reading(database_url(db_url)) as connection:
        if run is not None:
            named = run_of(connection, run, False)
            return research_views.finished(connection, named), f"cases of run {named}"
        if simulated is None:
            simulated = bool((views.latest_run(connection) or {}).get("simulated"))
        market = "SIMULATED markets" if simulated else "real markets, recorded and live"
        return research_views.finished(connection, simulated=simulated), f"cases of all runs over {market}"


def _say(told: Plain) -> None:
    total = told["all"]
    if total["cases"]:
        print_facts(_head(told))
        say("")
        print_table(_BINS, [one for one in told["bins"] if one["cases"]], "")
        for name in ("model", "prompts", "regime"):
            say("")
            print_table([Column(name, itemgetter(name)), *_GROUP], told[f"by_{name}"], "")
    if told["contaminated"]:
        out = told["contaminated"]
        say("", f"left out: {out['cases']} cases that the model may know by heart (Brier {_n(out['brier'], 4)})")
    say("", *(_earned(one, told["conventions"]["calibrated_after"]) for one in told["judges"]))
    if told["arms"]:
        say("", "each arm against no research and the others, on the candidates of both (mean R for each candidate):")
        print_table(_ARMS, told["arms"], "")


def _head(told: Plain) -> list[tuple[str, str]]:
    of = told["all"]
    interval = "" if of["skill_low"] is None else f" ({_n(of['skill_low'], 3)} to {_n(of['skill_high'], 3)})"
    few = f": fewer than {told['conventions']['few']} say little" if of["few"] else ""
    return [
        ("cases", f"{of['cases']}, {of['won']} won ({_p(of['base'])}), said {_p(of['said'])}{few}"),
        ("Brier score", f"{_n(of['brier'], 4)}, base rate alone {_n(of['reference'], 4)}"),
        ("skill", f"{_n(of['skill'], 3)}{interval}"),
        ("ECE", _n(of["ece"], 4)),
        ("log loss", _n(of["log_loss"], 4)),
    ]


def _earned(one: Plain, after: int) -> str:
    who = " ".join(part for part in (one["model"], one["arm"] if one["model"] != one["arm"] else "") if part)
    versions = f" ({one['prompts']})" if one["prompts"] else ""
    if one["earned"]:
        return f"{who}{versions}: has earned a say in the size"
    why = f"{one['cases']} of {after} cases" if one["cases"] < after else "its skill is not above 0 for sure"
    return f"{who}{versions}: no say in the size yet, {why}"


def _n(value: float | None, decimals: int) -> str:
    return NOTHING if value is None else f"{value:.{decimals}f}"


def _p(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"


_BINS = [
    Column("said", lambda row: f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %", True),
    Column("cases", lambda row: str(row["cases"]), True),
    Column("mean said", lambda row: _p(row["said"]), True),
    Column("won", lambda row: _p(row["share"]), True),
    Column("95 % interval", lambda row: f"{_p(row['share_low'])} to {_p(row['share_high'])}", True),
]
_GROUP = [
    Column("cases", lambda row: str(row["cases"]), True),
    Column("won", lambda row: _p(row["base"]), True),
    Column("said", lambda row: _p(row["said"]), True),
    Column("Brier", lambda row: _n(row["brier"], 4), True),
    Column("skill", lambda row: _n(row["skill"], 3), True),
    Column("from", lambda row: _n(row["skill_low"], 3), True),
    Column("to", lambda row: _n(row["skill_high"], 3), True),
    Column("ECE", lambda row: _n(row["ece"], 4), True),
    Column("", lambda row: "few" if row["few"] else ""),
]
_ARMS = [
    Column("arm", lambda row: row["second"]),
    Column("against", lambda row: row["first"]),
    Column("pairs", lambda row: str(row["pairs"]), True),
    Column("R", lambda row: _n(row["second_r"], 3), True),
    Column("against", lambda row: _n(row["first_r"], 3), True),
    Column("difference", lambda row: _n(row["difference"], 3), True),
    Column("p", lambda row: _n(row["p_difference"], 3), True),
    Column("right alone", lambda row: str(row["only_second"]), True),
    Column("wrong alone", lambda row: str(row["only_first"]), True),
    Column("p", lambda row: _n(row["p_right"], 3), True),
]
