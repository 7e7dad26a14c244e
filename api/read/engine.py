"""The engine, the runs, and the events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import queries
from api.errors import Problem
from api.pages import Runs as EnvelopeRuns
from api.pages import complete
from api.read import live, plain
from api.read.answering import (
    After,
    From,
    Here,
    Id,
    Limit,
    OfRun,
    OfSymbol,
    Plain,
    To,
    answered,
    cursor,
    kept,
    page,
    read_cursor,
    runs,
)
from api.read.scan import HISTORY, TIMES, run_facts
from api.read.shapes_engine import Engine, Events, RunFacts, Runs, Story
from domain.events import CANDIDATE, SCAN_START, TYPES, event_id
from domain.timeframe import iso

router = APIRouter(prefix="/api", tags=["engine"])

Seq = Annotated[int | None, Query(ge=0, le=2**63 - 1)]
Types = Annotated[
    str | None,
    Query(max_length=1000, description="Only these types, with commas.", examples=["TRADE_EXECUTION,RISK_DENIED"]),
]


@router.get("/engine", response_model=Engine)
def engine(request: Request, here: Here, run: OfRun = None) -> Response:
    """State, the last hundred moves, the commands that are legal now, and how long the newest cycles took."""
    with here.read() as c:
        found = runs(here).of(c, run)
        told = live.Engine(c, found, HISTORY)
        times = live.cycle_times(c, found, TIMES) if found is not None else []
    return answered(request, told.facts(here.beside, times))


@router.get("/runs", response_model=Runs)
def every_run(request: Request, here: Here, limit: Limit = 100, after: After = None) -> Response:
    """Every run of the database, the newest first."""
    place = read_cursor(after, int, int, str)
    with here.read() as c:
        rows = runs(here).page(c, place, limit)
    last = rows[-1] if len(rows) == limit else None
    told = [one | {name: plain.moment(one[name]) for name in ("started_at", "ended_at")} for one in rows]
    told = [one | {"started_at": iso(row["started_at"])} for one, row in zip(told, rows, strict=True)]
    return answered(request, page(told, cursor(last["epoch"], last["started_at"], last["run_id"]) if last else None))


@router.get("/runs/{run_id}", response_model=RunFacts)
def one_run(request: Request, here: Here, run_id: Id) -> Response:
    """One run by the beginning of its id: its account, strategy, symbols, and how far it is."""
    with here.read() as c:
        found = runs(here).one(c, run_id)
        cycle = queries.last_cycle(c, found.run_id)
    return answered(request, run_facts(found, cycle))


@router.get("/events", response_model=Events)
def events(
    request: Request,
    here: Here,
    run: OfRun = None,
    after: Seq = None,
    before: Seq = None,
    types: Types = None,
    symbol: OfSymbol = None,
    since: From = None,
    until: To = None,
    limit: Limit = 100,
) -> Response:
    """Events of a run in the order of ``seq``: the first ones after a number, or the last ones before one.

    Whoever asks again with ``next`` as ``after`` gets every event once. Without a filter a COMPACTED stands in place of
    numbers that are another run's, or whose events are older than they are kept for.
    """
    wanted = tuple(dict.fromkeys(one.strip().upper() for one in (types or "").split(",") if one.strip()))
    wrong = [one for one in wanted if one not in TYPES]
    if wrong:
        raise Problem(422, "INVALID", f"types: {', '.join(wrong)[:100]} is none of {', '.join(TYPES)}")
    with here.read() as c:
        found = runs(here).of(c, run)
        last = queries.last_seq(c)
        if found is None:
            return answered(request, {"items": [], "next": None, "last_seq": last})
        rows = queries.events(
            c,
            found.run_id,
            limit=limit,
            after=after,
            before=before,
            types=wanted,
            symbol=symbol,
            since=since,
            until=until,
        )
        told = kept(here, EnvelopeRuns).told(c, rows)
    if after and not (wanted or symbol is not None or since is not None or until is not None):
        told = complete(told, after, found.run_id)
    on = rows[-1]["seq"] if len(rows) == limit else None
    return answered(request, {"items": told, "next": on, "last_seq": last})


@router.get("/events/{id}/correlation", response_model=Story)
def correlation(request: Request, here: Here, id: Id) -> Response:
    """Everything that belongs to an event, or to the candidate or order with this correlation id: the scan that found
    it, the gate's answer, each step of its orders, fills, and the close."""
    with here.read() as c:
        asked = queries.event(c, id)
        story = asked["correlation_id"] if asked is not None else id
        run_id = asked["run_id"] if asked is not None else None
        if run_id is None:
            order = queries.order(c, id)
            if order is None:
                raise Problem(404, "UNKNOWN_EVENT", "there is no event and no order with this id")
            run_id, story = order["run_id"], order["correlation_id"]
        if story is None:
            raise Problem(404, "NO_CORRELATION", "this event belongs to no candidate")
        first, scan = _begin(c, run_id, story)
        rows = queries.of_one_story(c, run_id, story, first)
        if not rows:
            raise Problem(404, "UNKNOWN_EVENT", "the events of this story are not kept any more")
        told = kept(here, EnvelopeRuns).told(c, [*scan, *rows])
    cycle = told[0]["data"].get("cycle") if scan else None
    symbol = next((one["symbol"] for one in rows if one["symbol"]), None)
    return answered(request, {"correlation_id": story, "symbol": symbol, "cycle": cycle, "items": told})


def _begin(c: Connection, run_id: str, story: str) -> tuple[int, list[Plain]]:
    """From which number on its events are, and the scan that found it."""
    candidate = queries.event(c, event_id(run_id, CANDIDATE, story))
    if candidate is None:
        return 0, []
    scan = queries.newest(c, run_id, SCAN_START, 1, before=candidate["seq"])
    return (scan[0]["seq"] if scan else candidate["seq"]), scan
