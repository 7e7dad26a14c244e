"""One symbol: its bars, the levels its strategy sees, its candidates, and why the last one was answered as it was."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import msgspec
import psutil
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import queries
from api.errors import Problem, scrubbed
from api.market import MOST, Markets
from api.read.answering import (
    Here,
    Listed,
    OfRun,
    Plain,
    Symbol,
    answered,
    kept,
    page,
    runs,
)
from api.read.scan import run_facts
from api.read.shapes_risk import Ladder, Levels, Signals, SymbolBars
from api.read.trading import judged
from api.runs import Run
from api.site import Site
from api.working import Workshop
from domain.timeframe import iso

router = APIRouter(prefix="/api/symbols", tags=["symbols"])

PATIENCE = 300.0
"""Seconds for a recorded run to be played again up to a decision."""
WITHIN = 8.0
"""Seconds to wait for it in a request."""
NICE = 15
"""How little it may disturb the trading."""

Bars = Annotated[int, Query(ge=1, le=MOST, description="The last so many bars.")]


def workshop() -> Workshop:
    return Workshop("ladders")


def of(here: Site, run: str | None, symbol: str) -> Run:
    """The run that trades it. Raises Problem 404."""
    with here.read() as c:
        found = runs(here).one(c, run)
    if symbol not in found.symbols and symbol not in found.inputs.subscribed:
        raise Problem(404, "UNKNOWN_SYMBOL", "this run does not watch this symbol; /api/scan lists them")
    return found


@router.get("/{symbol:path}/bars", response_model=SymbolBars)
def bars(request: Request, here: Here, symbol: Symbol, run: OfRun = None, limit: Bars = 500) -> Response:
    """The last closed bars as the run has seen them."""
    found = of(here, run, symbol)
    rows = kept(here, Markets).bars(here, found, symbol, limit)
    told = [[int(one["ts"]) // 1_000_000, *(float(one[name]) for name in _PRICES)] for one in rows]
    timeframe = run_facts(found, None)["timeframe"]
    return answered(request, {"symbol": symbol, "run_id": found.run_id, "timeframe": timeframe, "bars": told})


_PRICES = ("open", "high", "low", "close", "volume")


@router.get("/{symbol:path}/levels", response_model=Levels)
def levels(request: Request, here: Here, symbol: Symbol, run: OfRun = None) -> Response:
    """The levels that the symbol's strategy knows, the strongest first: those of breakout, the break that bos waits
    for, the lines of grid."""
    found = of(here, run, symbol)
    items, count = kept(here, Markets).levels(here, found, symbol)
    told = {"symbol": symbol, "run_id": found.run_id, "strategy": found.strategy, "bars": count, "items": items}
    return answered(request, told)


@router.get("/{symbol:path}/signals", response_model=Signals)
def signals(request: Request, here: Here, symbol: Symbol, listed: Listed) -> Response:
    """The symbol's candidates, the newest first, each with the gate's answer and what its order came to."""
    found = of(here, listed.run, symbol)
    with here.read() as c:
        told, on = judged(c, found.run_id, listed, symbol)
    return answered(request, page(told, on, symbol=symbol))


@router.get("/{symbol:path}/ladder", response_model=Ladder)
def ladder(request: Request, here: Here, symbol: Symbol, run: OfRun = None) -> Response:
    """Why the gate answered the symbol's last candidate as it did: the recorded run is played again up to it, in a
    process of its own with a low priority. 503 with Retry-After while that takes."""
    found = of(here, run, symbol)
    with here.read() as c:
        last = queries.entries_of(c, found.run_id, symbol, 1)
    if not last:
        raise Problem(404, "NO_CANDIDATE", "nothing was decided on this symbol in this run")
    id = last[0]["id"]
    made = kept(here, workshop).get(id, lambda: explained(here.url, id), WITHIN, for_ever=True)
    return answered(request, {"symbol": symbol, "order_id": id, "at": iso(last[0]["at"]), "explained": made.value})


def explained(url: str, id: str) -> Plain:
    """``risk explain ID --json``. Raises Problem."""
    program = find_spec("cli")
    if program is None or program.origin is None:
        raise Problem(503, "UNAVAILABLE", "the command line is not part of this installation")
    asked = [sys.executable, program.origin, "risk", "explain", id, "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_API")}
    process = subprocess.Popen(
        asked,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"ARGUS__DATABASE__URL": url, "TERM": "dumb"},
    )
    _after_all_others(process.pid)
    try:
        out, errors = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Problem(503, "TOO_LONG", "the run is too long to be played again here: risk explain does it") from None
    lines = [one for one in out.decode("utf-8", "replace").splitlines() if one.startswith("{")]
    if not lines:
        said = [one.strip() for one in errors.decode("utf-8", "replace").splitlines() if one.strip()]
        raise Problem(409, "NOT_EXPLAINED", scrubbed(said[-1])[:500] if said else "it cannot be explained")
    told: Plain = msgspec.json.decode(lines[-1])
    return told


def _after_all_others(pid: int) -> None:
    """It gets what processor time nobody else wants, where the system allows that to be said."""
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process(pid).nice(0x4000 if os.name == "nt" else NICE)  # below normal
