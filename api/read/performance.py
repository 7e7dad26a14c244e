"""What a run has earned: its equity, its figures, its days, and what its reasons were worth."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from api import performance, queries
from api.performance import SAMPLED, Course, Courses
from api.read.answering import (
    After,
    From,
    Here,
    Limit,
    Listing,
    OfRun,
    OfSymbol,
    Plain,
    To,
    answered,
    cursor,
    kept,
    listing,
    page,
    read_cursor,
    runs,
)
from api.read.shapes import Page, Trade
from api.read.shapes_risk import Confluence, Days, Equity, Metrics, RDistribution
from api.read.trading import judged
from api.read.trading import trades as journal_trades
from api.runs import Run
from journal import schema as s

router = APIRouter(prefix="/api", tags=["performance"])

Points = Annotated[int, Query(ge=2, le=5_000, description="Points of the answer, at most.")]
Width = Annotated[float, Query(ge=0.05, le=10, description="Width of a bin in R.")]


def course(here: Here, c: Connection, run: Run) -> Course:
    found = kept(here, Courses).of(run)
    found.read(c)
    return found


def _account(c: Connection, run: Run) -> tuple[str | None, float | None]:
    of = s.accounts.c
    row = c.execute(select(of.currency, of.started_cash).where(of.account == run.account)).one_or_none()
    return (None, None) if row is None else (row.currency, float(row.started_cash))


@router.get("/performance/equity", response_model=Equity)
def equity(
    request: Request,
    here: Here,
    run: OfRun = None,
    since: From = None,
    until: To = None,
    points: Points = 500,
) -> Response:
    """Equity, balance and fall from the peak over a run."""
    with here.read() as c:
        found = runs(here).of(c, run)
        if found is None:
            nothing: Plain = {"run_id": None, "currency": None, "started_cash": None, "points": [], "cycles": 0}
            return answered(request, nothing)
        told = course(here, c, found)
        first = 1 if since is None else queries.cycle_at(c, found.run_id, since, after=True) or 1
        last = None if until is None else queries.cycle_at(c, found.run_id, until, after=False)
        standings = told.thinned(c, points, first, last)
        currency, cash = _account(c, found)
    answer = {"run_id": found.run_id, "currency": currency, "started_cash": cash, "cycles": told.cycles}
    return answered(request, answer | {"points": performance.points(standings)})


@router.get("/performance/metrics", response_model=Metrics)
def metrics(request: Request, here: Here, run: OfRun = None) -> Response:
    """Return, volatility, Sharpe, drawdown and the others, and what the round trips came to in all and by kind."""
    with here.read() as c:
        found = runs(here).of(c, run)
        if found is None:
            nothing: Plain = {
                "run_id": None,
                "currency": None,
                "figures": {},
                "trades": {},
                "by": {},
                "conventions": {},
            }
            return answered(request, nothing)
        told = course(here, c, found)
        ends, sampled = told.ends(c), told.thinned(c, SAMPLED)
        currency, cash = _account(c, found)
    both = {one.at: one for one in (*sampled, *ends.values())}
    figures = performance.metrics(found, cash or 0.0, ends, [both[at] for at in sorted(both)])
    trades, by = performance.trips(told.trips())
    answer = {"run_id": found.run_id, "currency": currency, "figures": figures, "trades": trades, "by": by}
    return answered(request, answer | {"conventions": performance.told_conventions(found)})


@router.get("/performance/r-distribution", response_model=RDistribution)
def r_distribution(request: Request, here: Here, run: OfRun = None, width: Width = 0.5) -> Response:
    """Round trips by their result in units of the risk at entry."""
    with here.read() as c:
        found = runs(here).of(c, run)
        trips = course(here, c, found).trips() if found is not None else []
    told = performance.distribution(trips, width)
    return answered(request, {"run_id": found.run_id if found is not None else None} | told)


@router.get("/journal/daily", response_model=Days, tags=["journal"])
def daily(request: Request, here: Here, run: OfRun = None, limit: Limit = 100, after: After = None) -> Response:
    """Round trips and equity by UTC day, the newest first."""
    place = read_cursor(after, str)
    with here.read() as c:
        found = runs(here).of(c, run)
        if found is None:
            return answered(request, page([], None))
        told = course(here, c, found)
        rows = performance.days(told, told.ends(c))
    rows = [one for one in rows if place is None or one["date"] < place[0]]
    on = cursor(rows[limit - 1]["date"]) if len(rows) > limit else None
    return answered(request, page(rows[:limit], on))


@router.get("/journal/confluence", response_model=Confluence, tags=["journal"])
def confluence(
    request: Request, here: Here, listed: Annotated[Listing, Depends(listing(200))], symbol: OfSymbol = None
) -> Response:
    """Candidates with their reasons, scores and fates, the newest first, and what round trips came to by reason."""
    with here.read() as c:
        found = runs(here).of(c, listed.run)
        if found is None:
            return answered(request, page([], None, factors={}))
        told, on = judged(c, found.run_id, listed, symbol)
        trips = course(here, c, found).trips()
    _, by = performance.trips(trips)
    return answered(request, page(told, on, factors=by.get("factor", {})))


router.add_api_route(
    "/journal/trades",
    journal_trades,
    methods=["GET"],
    response_model=Page[Trade],
    tags=["journal"],
    operation_id="journal_trades",
    summary="Trades of the journal",
)
