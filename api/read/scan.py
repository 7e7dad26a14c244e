"""The last scan, and the whole state at once."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import queries
from api.pages import Runs as EnvelopeRuns
from api.read import live, plain
from api.read.account import Standing, no_account
from api.read.answering import Here, OfRun, OfSymbol, Plain, answered, encoded, kept, runs
from api.read.shapes_engine import Scan, Snapshot
from api.runs import Run
from api.working import Shared
from domain.events import ACCOUNT_UPDATE, HEARTBEAT, POSITION_UPDATE, SCAN_START, SCAN_SUMMARY
from domain.timeframe import iso
from journal import codec
from orchestration.terminal.place import now

router = APIRouter(prefix="/api", tags=["state"])

TRADES, EVENTS, HISTORY, TIMES = 50, 200, 100, 120
"""So many of the newest are told."""
FRESH = 0.25
"""Seconds for which a state is good for others who ask."""
SCORES = 500
"""Candidates that are looked through for the last score of a symbol."""
NO_NEW_BAR = "NO_NEW_BAR"
QUIET = (SCAN_START, SCAN_SUMMARY, ACCOUNT_UPDATE, POSITION_UPDATE, HEARTBEAT)
"""Events of every cycle: a snapshot has what they say elsewhere."""
_HEAD = ("equity", "balance", "day_equity", "state", "last_cycle_ms", "scan_ms", "working")


def no_scan(run_id: str | None) -> Plain:
    nothing: dict[str, Any] = dict.fromkeys(("cycle", "at", *_HEAD))
    return nothing | {"run_id": run_id, "count": 0, "candidates": 0, "symbols": {}}


def scan_of(c: Connection, standing: Standing, alive: bool) -> Plain:
    """The last scan with prices, scores and positions."""
    run, found = standing.run, standing.scan
    if found is None:
        return no_scan(run.run_id)
    told = codec.unpack_scan(found["body"], run.symbols, run.codes)
    held = {one["symbol"]: one["quantity"] for one in standing.positions}
    scores = queries.scores(c, run.run_id, SCORES)
    age = _age(run, found["at"], alive)
    rows = {
        symbol: {
            "reason": reason,
            "price": told["prices"][symbol],
            "score": scores.get(symbol),
            "position": held.get(symbol),
            "age_s": None if reason == NO_NEW_BAR else age,
        }
        for symbol, reason in told["symbols"].items()
    }
    head = {name: told.get(name) for name in _HEAD}
    known = {"run_id": run.run_id, "cycle": told["cycle"], "at": iso(found["at"])}
    return known | head | {"count": told["count"], "candidates": told["candidates"], "symbols": rows}


def _age(run: Run, at: int, alive: bool) -> float | None:
    """Seconds since T by the clock; a run that lives by T is as old as its last scan."""
    if not alive:
        return None
    return float(round(max(0, now() - at) / 1e9)) if run.live else 0.0


@router.get("/scan", response_model=Scan)
def scan(request: Request, here: Here, run: OfRun = None, symbol: OfSymbol = None) -> Response:
    """Every symbol and why nothing, or something, was done about it in the last cycle."""
    with here.read() as c:
        found = runs(here).of(c, run)
        if found is None:
            return answered(request, no_scan(None))
        told = scan_of(c, Standing(c, found), live.Engine(c, found).lease is not None)
    if symbol is not None:
        told["symbols"] = {name: one for name, one in told["symbols"].items() if name == symbol}
    return answered(request, told)


@router.get("/state", response_model=Snapshot)
def state(request: Request, here: Here, run: OfRun = None) -> Response:
    """Account, positions, scan, the last trades and events, and the engine, in one consistent view: what the socket
    sends first as STATE_SNAPSHOT. Go on from ``seq``."""

    def made() -> bytes:
        with here.read() as c:
            told = body(c, runs(here).of(c, run), kept(here, EnvelopeRuns), here.beside)
        return encoded(told)

    return answered(request, kept(here, Shared).get(run, made, FRESH))


def body(c: Connection, run: Run | None, envelopes: EnvelopeRuns, beside: bool) -> Plain:
    """The state of a run; empty before the first one."""
    engine = live.Engine(c, run, HISTORY)
    times = live.cycle_times(c, run, TIMES) if run is not None else []
    told: Plain = {"seq": queries.last_seq(c), "engine": engine.facts(beside, times)}
    if run is None:
        nothing: Plain = {"account": no_account(), "positions": [], "scan": no_scan(None), "trades": [], "events": []}
        return told | nothing | {"run": None, "simulated": False}
    standing = Standing(c, run)
    rows = queries.trades(c, run.account, run_id=run.run_id, limit=TRADES)
    last = queries.events(c, run.run_id, limit=EVENTS, before=2**63 - 1, without=QUIET)
    return told | {
        "account": standing.account(),
        "positions": standing.positions,
        "scan": scan_of(c, standing, engine.lease is not None),
        "trades": [plain.trade(one) for one in rows][::-1],
        "events": envelopes.told(c, last),
        "run": run_facts(run, engine.cycle),
        "simulated": run.simulated,
    }


def run_facts(run: Run, cycle: Plain | None) -> Plain:
    timeframe = run.config.get("timeframe") or run.inputs.arguments.get("timeframe")
    return {
        "run_id": run.run_id,
        "epoch": run.epoch,
        "account": run.account,
        "live": run.live,
        "simulated": run.simulated,
        "started_at": iso(run.started_at),
        "ended_at": plain.moment(run.ended_at),
        "exit_reason": run.exit_reason,
        "strategy": run.strategy,
        "preset": run.preset,
        "timeframe": timeframe,
        "currency": run.setting("account", "currency"),
        "symbols": list(run.symbols),
        "cycle": None if cycle is None else cycle["n"],
        "cycle_at": None if cycle is None else iso(cycle["at"]),
    }
