"""Orders, trades, candidates, denials and locks, page by page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import queries
from api.errors import Problem
from api.read import plain
from api.read.answering import (
    Here,
    Id,
    Listed,
    Listing,
    OfRun,
    OfSymbol,
    Plain,
    answered,
    cursor,
    page,
    read_cursor,
    runs,
)
from api.read.shapes import Candidate, Denials, Locks, Order, OrderStory, Page, Trade
from domain.events import ORDER_STEPS
from domain.order import DENIED
from domain.timeframe import iso
from journal import views
from orchestration.terminal import state

router = APIRouter(prefix="/api", tags=["trading"])

STATUSES = ("WORKING", "INTENT", "DENIED", *ORDER_STEPS)

Status = Annotated[
    str | None,
    Query(
        max_length=200,
        description=f"Only these, with commas: {', '.join(STATUSES)}. WORKING are those that may still fill.",
        examples=["WORKING"],
    ),
]
Code = Annotated[str | None, Query(max_length=64, pattern=r"^[A-Z0-9_:]*$", description="Only those with this code.")]
NOTHING = page([], None)


def statuses(text: str | None) -> tuple[str, ...]:
    """Raises Problem 422 for one that does not exist."""
    found = tuple(dict.fromkeys(one.strip().upper() for one in (text or "").split(",") if one.strip()))
    wrong = [one for one in found if one not in STATUSES]
    if wrong:
        raise Problem(422, "INVALID", f"status: {', '.join(wrong)[:100]} is none of {', '.join(STATUSES)}")
    return found


def with_fills(c: Connection, rows: list[Plain]) -> list[Plain]:
    ids = [one["id"] for one in rows]
    fills, last = queries.filled(c, ids), queries.last_steps(c, ids)
    return [plain.order(one, fills.get(one["id"], ()), last.get(one["id"])) for one in rows]


def _orders(c: Connection, run_id: str, listed: Listing, **which: Any) -> Plain:
    place = read_cursor(listed.after, int, int, str)
    rows = queries.orders(c, run_id, after=place, **listed.rows, **which)
    last = rows[-1] if len(rows) == listed.limit else None
    return page(with_fills(c, rows), cursor(last["at"], last["rank"], last["id"]) if last else None)


@router.get("/orders", response_model=Page[Order])
def orders(
    request: Request,
    here: Here,
    listed: Listed,
    status: Status = None,
    symbol: OfSymbol = None,
    code: Code = None,
) -> Response:
    """Orders that the gate answered, approved and denied, the newest first, each with its last status and its fills."""
    wanted = statuses(status)
    with here.read() as c:
        found = runs(here).of(c, listed.run)
        if found is None:
            return answered(request, NOTHING)
        told = _orders(c, found.run_id, listed, symbol=symbol, statuses=wanted, code=code)
    return answered(request, told)


@router.get("/orders/{id}", response_model=OrderStory)
def order(request: Request, here: Here, id: Id) -> Response:
    """One order with every step and fill."""
    with here.read() as c:
        row = queries.order(c, id)
        if row is None:
            raise Problem(404, "UNKNOWN_ORDER", "there is no order with this id")
        (told,) = with_fills(c, [row])
        steps, fills = queries.steps(c, id), queries.filled(c, [id]).get(id, [])
    names = ("seq", "status", "at", "code", "text", "fill_id")
    story = [one | {"at": iso(one["at"])} for one in plain.clean(steps, *names)]
    return answered(request, {"order": told, "steps": story, "fills": [plain.fill(one) for one in fills]})


@router.get("/denials", response_model=Denials)
def denials(request: Request, here: Here, listed: Listed, symbol: OfSymbol = None, code: Code = None) -> Response:
    """Wishes to enter that the gate denied, the newest first, with the code, what was found and what is allowed."""
    with here.read() as c:
        found = runs(here).of(c, listed.run)
        if found is None:
            return answered(request, NOTHING | {"by_code": {}})
        told = _orders(c, found.run_id, listed, answer=DENIED, symbol=symbol, code=code)
        counted = queries.denials_by_code(c, found.run_id)
    return answered(request, told | {"by_code": counted})


@router.get("/trades", response_model=Page[Trade])
def trades(request: Request, here: Here, listed: Listed, symbol: OfSymbol = None) -> Response:
    """Closes of a run, the newest first; a position that was closed in parts is one for each."""
    place = read_cursor(listed.after, int, str)
    with here.read() as c:
        found = runs(here).of(c, listed.run)
        if found is None:
            return answered(request, NOTHING)
        rows = queries.trades(c, found.account, run_id=found.run_id, after=place, symbol=symbol, **listed.rows)
    last = rows[-1] if len(rows) == listed.limit else None
    told = [plain.trade(one) for one in rows]
    return answered(request, page(told, cursor(last["place"], last["fill_id"]) if last else None))


@router.get("/candidates", response_model=Page[Candidate])
def candidates(request: Request, here: Here, listed: Listed, symbol: OfSymbol = None) -> Response:
    """Wishes to enter, the newest first, each with the gate's answer and what its order came to."""
    with here.read() as c:
        found = runs(here).of(c, listed.run)
        if found is None:
            return answered(request, NOTHING)
        told, on = judged(c, found.run_id, listed, symbol)
    return answered(request, page(told, on))


def judged(c: Connection, run_id: str, listed: Listing, symbol: str | None) -> tuple[list[Plain], str | None]:
    """CANDIDATE events with what became of them, and where the next ones begin."""
    place = read_cursor(listed.after, int)
    rows = queries.candidates(c, run_id, before=place[0] if place else None, symbol=symbol, **listed.rows)
    return _fates(c, rows), cursor(rows[-1]["seq"]) if len(rows) == listed.limit else None


def _fates(c: Connection, rows: list[Plain]) -> list[Plain]:
    ids = [one["correlation_id"] for one in rows if one["correlation_id"]]
    decided, fills = queries.orders_by_id(c, ids), queries.filled(c, ids)
    return [
        plain.candidate(queries.read(one), decided.get(one["correlation_id"]), fills.get(one["correlation_id"], ()))
        for one in rows
    ]


@router.get("/locks", response_model=Locks)
def locks(
    request: Request,
    here: Here,
    run: OfRun = None,
    symbol: OfSymbol = None,
    ended: Annotated[bool, Query(description="Also those that are over or were removed.")] = False,
) -> Response:
    """What may not enter on the account of a run, and until when."""
    with here.read() as c:
        found = runs(here).of(c, run)
        if found is None:
            return answered(request, NOTHING)
        at = state.moment_of(c, found.run_id, False)
        rows = views.locks(c, found.account, at, ended)
    return answered(request, page([one for one in rows if symbol in (None, one["symbol"])], None))
