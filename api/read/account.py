"""Account and positions as they are at the last cycle."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from actors.snapshot import GateSnapshot
from api import queries, valuing
from api.read.answering import Here, OfRun, OfSymbol, Plain, answered, page, runs
from api.read.shapes import Account, Page, Position
from api.runs import Run
from domain.money import to_float
from domain.timeframe import iso
from journal import codec
from journal import schema as s

router = APIRouter(prefix="/api", tags=["account"])

NOTHING_HELD = {"by_currency": {}, "by_venue": {}, "by_class": {}, "gross": 0.0, "missing": []}


class Standing:
    """What account, positions and scan share: the run's last scan, its last snapshot, and what is held."""

    def __init__(self, c: Connection, run: Run) -> None:
        self.run = run
        found = queries.scans(c, run.run_id, 1)
        self.scan: Plain | None = found[0] if found else None
        self.snapshot: GateSnapshot | None = queries.snapshot(c, run.run_id)
        self.cycle = queries.last_cycle(c, run.run_id)
        account = s.accounts.c.account == run.account
        self._account = c.execute(select(s.accounts).where(account)).mappings().one_or_none()
        held = s.positions.c
        rows = c.execute(select(s.positions).where(held.account == run.account).order_by(held.symbol)).mappings()
        self._held = [dict(row) for row in rows]
        entries = [one["entry_order"] for one in self._held]
        self._venues = _venues(c, entries)

    @cached_property
    def values(self) -> valuing.Values:
        marks = self.snapshot.marks if self.snapshot else {}
        return valuing.values(self.run, self.scan["body"] if self.scan else None, marks)

    def price(self, symbol: str) -> float | None:
        return self.values.price(symbol)

    @cached_property
    def positions(self) -> list[Plain]:
        return [self.values.position(one, self._venues.get(one["entry_order"], "")) for one in self._held]

    def account(self) -> Plain:
        """Equity is that of the last scan, else that of the last snapshot; money of positions at the same closes."""
        head = codec.facts(self.scan["body"]) if self.scan else {}
        gate = self.snapshot
        balance = None if self._account is None else float(self._account["balance"])
        equity = head.get("equity", to_float(gate.equity) if gate else balance)
        opening = head.get("day_equity", to_float(gate.day_equity) if gate else None)
        peak = max(to_float(gate.peak), equity) if gate and equity is not None else equity
        return {
            "account": self.run.account,
            "currency": None if self._account is None else self._account["currency"],
            "balance": balance,
            "equity": equity,
            "profit": None if equity is None or balance is None else equity - head.get("balance", balance),
            "day_pl": None if equity is None or opening is None else equity - opening,
            "drawdown": 1 - equity / peak if equity is not None and peak else None,
            "peak": peak,
            "started_cash": None if self._account is None else float(self._account["started_cash"]),
            "exposure": self.values.exposure(self.positions),
            "simulated": self.run.simulated,
            "run_id": self.run.run_id,
            "at": iso(gate.at) if gate else None,
        }


def _venues(c: Connection, orders: list[str]) -> dict[str, str]:
    of = s.orders.c
    found: dict[str, str] = {}
    for start in range(0, len(orders), 500):
        query = select(of.id, of.venue).where(of.id.in_(orders[start : start + 500]))
        found |= {id: venue for id, venue in c.execute(query)}
    return found


def no_account() -> Plain:
    unknown = ("account", "currency", "balance", "equity", "profit", "day_pl", "drawdown", "peak", "started_cash")
    nothing: dict[str, Any] = dict.fromkeys((*unknown, "run_id", "at"))
    return nothing | {"exposure": NOTHING_HELD, "simulated": False}


@router.get("/account", response_model=Account)
def account(request: Request, here: Here, run: OfRun = None) -> Response:
    """The account of a run: equity, the day, the fall from the peak, and what is held by currency and venue."""
    with here.read() as c:
        found = runs(here).of(c, run)
        standing = Standing(c, found) if found else None
    return answered(request, standing.account() if standing else no_account())


@router.get("/positions", response_model=Page[Position])
def positions(request: Request, here: Here, run: OfRun = None, symbol: OfSymbol = None) -> Response:
    """What is held on the account of a run, valued at the last closes."""
    with here.read() as c:
        found = runs(here).of(c, run)
        standing = Standing(c, found) if found else None
    rows = standing.positions if standing else []
    return answered(request, page([one for one in rows if symbol in (None, one["symbol"])], None))
