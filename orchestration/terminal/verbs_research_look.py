"""Verbs that look at what research was asked: show, calls, cost, lessons, proposals."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.figures import NOTHING, moment
from orchestration.terminal.options import AsJson, DatabaseUrl
from orchestration.terminal.output import Column, Plain, print_json, print_table, say
from orchestration.terminal.research_text import changed, lines, share, times_r, usd
from orchestration.terminal.verbs_look import Every, Limit, RunId
from orchestration.terminal.verbs_look import show as show_rows

Symbol = Annotated[str | None, typer.Option("--symbol", "-s", help="Only of this one.", show_default="all")]


@guarded
def show(
    beginning: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A case, an order, a trade's review, a question, a proposal or an event; its beginning is enough.",
            show_default="the newest cases of the run",
        ),
    ] = None,
    run: RunId = None,
    every: Every = False,
    limit: Limit = 20,
    symbol: Symbol = None,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Show everything of one case: facts, both arguments, verdict and effect, every question with its messages, answer,
    tokens, cost and latency, the orders that came of it, and what the market then did.

    Without an ID the newest cases, one a line.
    """
    from journal import research_views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.research_one import TELL, found_by
    from orchestration.terminal.state import run_of

    with reading(database_url(db_url)) as connection:
        if beginning is None:
            found = research_views.cases(connection, run_of(connection, run, every), limit, symbol)
            return show_rows(found, _CASES, as_json, "no cases")
        named = None if run is None else run_of(connection, run, False)
        kind, told = found_by(connection, beginning, named)
    if as_json:
        print_json({"kind": kind} | told)
        return DONE
    TELL[kind](told)
    return DONE


# -- lists -----------------------------------------------------------------------------------------


@guarded
def calls(
    run: RunId = None,
    every: Every = False,
    limit: Limit = 100,
    role: Annotated[
        str | None, typer.Option("--role", help="Only of this role, like judge.", show_default="all")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option("--outcome", help="Only with this outcome, like TIMEOUT.", show_default="all")
    ] = None,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Show questions: to whom, what came of it, tokens, cost and latency. research show ID has their texts.

    Source is llm (asked now), cache (a recorded answer) or rules. A cost of - is not known.
    """
    from domain.registry import unknown
    from domain.research import OUTCOMES, ROLES
    from journal import research_views
    from orchestration.settings import UsageError
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.state import run_of

    for what, named, allowed in (("role", role, ROLES), ("outcome", outcome, OUTCOMES)):
        if named is not None and named not in allowed:
            raise UsageError(unknown(what, named, list(allowed)))
    with reading(database_url(db_url)) as connection:
        found = research_views.calls(connection, run_of(connection, run, every), limit, role, outcome)
    return show_rows(found, _CALLS, as_json, "no questions")


@guarded
def cost(
    run: RunId = None,
    every: Every = False,
    by: Annotated[
        str, typer.Option("--by", help="Add up by model, role, symbol, day, outcome, source or prompt.")
    ] = "model",
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Add up questions, tokens and US dollars, and what a decision has cost.

    Recorded answers and rules cost nothing. Questions whose price is not known are counted, not priced.
    """
    from domain.registry import unknown
    from journal import research_views
    from orchestration.settings import UsageError
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.state import run_of

    if by not in research_views.BY:
        raise UsageError(unknown("--by", by, list(research_views.BY)))
    with reading(database_url(db_url)) as connection:
        named = run_of(connection, run, every)
        found = research_views.costs(connection, named, by)
        judged = research_views.judged(connection, named)
    usd_all = sum(one["usd"] for one in found)
    told = {
        "by": found,
        "usd": usd_all,
        "cases": judged,
        "usd_per_case": usd_all / judged if judged else None,
        "unpriced": sum(one["unpriced"] for one in found),
    }
    if as_json:
        print_json(told)
        return DONE
    print_table([Column(by, lambda row: row[by]), *_COSTS], found, "no questions")
    if found:
        unknown_ = f", {told['unpriced']} questions without a known price not among them" if told["unpriced"] else ""
        each = f", {usd(told['usd_per_case'])} for each of {judged:,} cases" if judged else ""
        say("", f"{usd(usd_all)} US dollars{each}{unknown_}")
    return DONE


@guarded
def lessons(
    run: RunId = None,
    every: Every = False,
    limit: Limit = 50,
    symbol: Symbol = None,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Show the critic's reviews: the process from 0 to 10 apart from the result, and the lesson.

    A lesson is used for decisions after it was known, never before.
    """
    from journal import research_views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.state import run_of

    with reading(database_url(db_url)) as connection:
        found = research_views.reviews(connection, run_of(connection, run, every), limit, symbol)
    return show_rows(found, _LESSONS, as_json, "no reviews")


@guarded
def proposals(
    run: RunId = None,
    every: Every = False,
    limit: Limit = 50,
    db_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> int:
    """Show what the planner proposes: parameters inside their bounds, each with its evidence.

    Nothing is changed until somebody says research accept ID, or research.planner_apply is next_run.
    """
    from journal import research_views
    from orchestration.terminal.place import database_url, reading
    from orchestration.terminal.state import run_of

    with reading(database_url(db_url)) as connection:
        found = research_views.proposals(connection, run_of(connection, run, every), limit)
    return show_rows(found, _PROPOSALS, as_json, "no proposals")


def _outcome(row: Plain) -> str:
    return f"{row['touched']} {times_r(row['r'])} R" if row["touched"] else "open"


def _tokens(row: Plain) -> str:
    usage = row["usage"] or {}
    if row["source"] == "rules" or not usage:
        return NOTHING
    total = usage.get("prompt", 0) + usage.get("completion", 0)
    return f"{'~' if usage.get('estimated') else ''}{total:,}"


_CASES = [
    Column("time (UTC)", lambda row: moment(row["at"])),
    Column("id", lambda row: row["id"][:16]),
    Column("symbol", lambda row: row["symbol"]),
    Column("side", lambda row: row["direction"]),
    Column("verdict", lambda row: row["verdict"] + ("" if row["code"] == "OK" else f" ({row['code']})")),
    Column("p_win", lambda row: share(row["p_win"]), True),
    Column("apart", lambda row: share(row["disagreement"]), True),
    Column("by", lambda row: row["source"]),
    Column(
        "effect", lambda row: row["effect"].lower() + (f" {row['factor']:.2f}" if row["effect"] == "SHRINK" else "")
    ),
    Column("market", _outcome),
    Column("reason", lambda row: row["reason"]),
]
_CALLS = [
    Column("time (UTC)", lambda row: moment(row["at"])),
    Column("id", lambda row: row["id"][:16]),
    Column("about", lambda row: row["subject"] or "the book"),
    Column("role", lambda row: row["role"]),
    Column("source", lambda row: row["source"]),
    Column("outcome", lambda row: row["outcome"]),
    Column("tries", lambda row: str(row["tries"]), True),
    Column("tokens", _tokens, True),
    Column("US dollars", lambda row: "" if row["source"] == "rules" else usd(row["cost_usd"]), True),
    Column("ms", lambda row: f"{row['latency']:.0f}", True),
    Column("detail", lambda row: (lines(row["detail"], "") or [""])[0]),
]
_COSTS = [
    Column("questions", lambda row: f"{row['questions']:,}", True),
    Column("sent", lambda row: f"{row['sent']:,}", True),
    Column("failed", lambda row: f"{row['failed']:,}", True),
    Column("tokens in", lambda row: f"{row['prompt_tokens']:,}", True),
    Column("cached", lambda row: f"{row['cached_tokens']:,}", True),
    Column("out", lambda row: f"{row['completion_tokens']:,}", True),
    Column("US dollars", lambda row: usd(row["usd"]), True),
    Column("unpriced", lambda row: f"{row['unpriced']:,}", True),
    Column("seconds", lambda row: f"{row['seconds']:.1f}", True),
]
_LESSONS = [
    Column("known (UTC)", lambda row: moment(row["known_at"])),
    Column("id", lambda row: row["id"][:16]),
    Column("symbol", lambda row: row["symbol"]),
    Column("strategy", lambda row: row["strategy"]),
    Column("was", lambda row: "taken" if row["taken"] else "refused"),
    Column("process", lambda row: f"{row['score']:.1f}", True),
    Column("R", lambda row: times_r(row["r"]), True),
    Column("by", lambda row: row["source"]),
    Column("lesson", lambda row: row["lesson"]),
]
_PROPOSALS = [
    Column("time (UTC)", lambda row: moment(row["at"])),
    Column("id", lambda row: row["id"][:16]),
    Column("strategy", lambda row: row["strategy"]),
    Column("state", lambda row: row["state"].lower()),
    Column("changes", lambda row: ", ".join(f"{one['key']} {changed(one)}" for one in row["changes"])),
    Column("by", lambda row: row["source"]),
    Column("reason", lambda row: row["reason"]),
    Column("decided by", lambda row: row["who"]),
]
