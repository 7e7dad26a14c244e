"""What the command line asks of a server: the same rows that it reads of a database itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.exc import NoResultFound

from api.errors import Problem, scrubbed
from api.site import site
from domain.errors import ArgusError
from journal import commands, views
from orchestration import frozen
from orchestration.terminal import results as tallies
from orchestration.terminal import state, verbs_events, verbs_locks
from orchestration.terminal.place import living
from risk.statistics import KINDS

router = APIRouter(prefix="/api/terminal", tags=["terminal"])

_CLEAN = r"^[^\x00-\x1f\x7f]*$"
Run = Annotated[str | None, Query(max_length=64, pattern=_CLEAN, description="The beginning of a run's id.")]
Every = Annotated[bool, Query(alias="all", description="Of every run and account.")]
Limit = Annotated[int, Query(ge=1, le=100_000, description="The newest so many.")]

Rows = dict[str, list[dict[str, Any]]]


@router.get("/status")
def status(request: Request) -> dict[str, Any]:
    """As ``status --json`` says it, without paths of the server's machine."""
    here = site(request)
    here.probe()
    found = state.of(here.url)
    return found | {"database": scrubbed(found["database"]), "halt_file": "HALT" if found["halt_file"] else None}


@router.get("/positions")
def positions(request: Request, run: Run = None, every: Every = False) -> Rows:
    """Open positions with the last price and the P&L against it."""
    with site(request).read() as connection:
        account = state.account_of(connection, run, every)
        return {"items": state.valued(connection, views.positions(connection, account))}


@router.get("/orders")
def orders(request: Request, run: Run = None, every: Every = False, limit: Limit = 100) -> Rows:
    """The newest orders, oldest of them first."""
    with site(request).read() as connection:
        return {"items": views.orders(connection, state.run_of(connection, run, every), limit=limit)}


@router.get("/trades")
def trades(request: Request, run: Run = None, every: Every = False, limit: Limit = 100) -> Rows:
    """The newest closed trades, oldest of them first."""
    with site(request).read() as connection:
        return {"items": views.trades(connection, state.run_of(connection, run, every), limit=limit)}


@router.get("/results/{kind}")
def results(
    request: Request,
    kind: Annotated[str, Path(pattern=f"^({'|'.join(KINDS)})$", description=f"One of {', '.join(KINDS)}.")],
    run: Run = None,
    every: Every = False,
) -> Rows:
    """What round trips came to, each account's by name and all together (name null)."""
    with site(request).read() as connection:
        return {"items": list(tallies.results(connection, kind, state.run_of(connection, run, every)))}


@router.get("/locks")
def locks(
    request: Request,
    run: Run = None,
    every: Every = False,
    ended: Annotated[bool, Query(description="Also those that are over or were removed.")] = False,
) -> Rows:
    """What may not enter, and until when."""
    with site(request).read() as connection:
        return {"items": verbs_locks.standing(connection, run, every, ended)}


@router.get("/risk")
def risk(request: Request, run: Run = None) -> dict[str, Any]:
    """As ``risk status --json`` says it."""
    from api.read import risk as limits  # which brings numba along

    here = site(request)
    here.probe()
    try:
        found = frozen.run_of(here.url, run).run_id
    except NoResultFound:
        raise Problem(409, "NO_CYCLE", limits.NO_CYCLE) from None
    return limits.figures(here, found)


@router.get("/events")
def events(
    request: Request,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only those with a greater seq.")] = 0,
    run: Run = None,
    types: Annotated[str | None, Query(max_length=2000, pattern=_CLEAN, description="With commas.")] = None,
    symbol: Annotated[str | None, Query(max_length=200, pattern=_CLEAN)] = None,
) -> Rows:
    """Envelopes in the order of seq, of every run if none is named."""
    wanted = verbs_events.types_of([types] if types else [])
    with site(request).read() as connection:
        run_id = state.run_of(connection, run, every=run is None)
        known: dict[str, dict[str, Any]] = {}
        rows = verbs_events.batch(connection, run_id, after, wanted, symbol)
        return {"items": [verbs_events.envelope_of(connection, row, known) for row in rows]}


@router.get("/order/{beginning}")
def order(request: Request, beginning: Annotated[str, Path(max_length=200, pattern=_CLEAN)]) -> dict[str, str]:
    """The whole id of the one order whose id begins so."""
    from orchestration.terminal.verbs_operate import order_of

    here = site(request)
    here.probe()
    try:
        return {"id": order_of(here.url, beginning)}
    except ArgusError as error:
        raise Problem(404, "UNKNOWN_ORDER", scrubbed(str(error))) from error


@router.get("/lock/{beginning}")
def lock(request: Request, beginning: Annotated[str, Path(max_length=200, pattern=_CLEAN)]) -> dict[str, str | None]:
    """The one lock whose id begins so, if it still holds."""
    here = site(request)
    here.probe()
    try:
        found = verbs_locks.lock_of(here.url, beginning)
    except ArgusError as error:
        raise Problem(404, "UNKNOWN_LOCK", scrubbed(str(error))) from error
    return {"id": found.id, "code": found.code, "symbol": found.symbol}


@router.get("/commands/{id}")
def command(request: Request, id: int) -> dict[str, Any]:
    """A command as it stands, and whether an engine lives that may answer it."""
    here = site(request)
    if not 0 <= id < 2**63:
        raise Problem(404, "UNKNOWN_COMMAND", "there is no command with this id")
    with here.read() as connection:
        found = commands.get(connection, id)
    if found is None:
        raise Problem(404, "UNKNOWN_COMMAND", "there is no command with this id")
    held = living(here.url)
    engine = None if held is None else f"pid {held.pid} on {held.host}"
    names = ("id", "verb", "arguments", "state", "answer", "cycle", "step")
    return {name: found[name] for name in names} | {"engine": engine}
