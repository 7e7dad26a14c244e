"""What an operator may ask: rows of the command table, as the command line writes them, each with who and why."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, select
from starlette.responses import Response

from api import asking, queries
from api.asking import Asked, Refuse, aside
from api.engine_process import Wanted
from api.errors import Problem, scrubbed
from api.read import live
from api.read.answering import After, Here, Id, Limit, Plain, Symbol, answered, cursor, page, read_cursor, runs
from api.read.shapes import Moment, Page, Shape
from api.runs import settings_of
from api.site import Site, client
from domain.errors import ConfigError
from domain.order import DENIED, DONE
from journal import commands as table
from journal import locks as locked
from journal import schema as s
from orchestration.terminal.place import halt_file

router = APIRouter(prefix="/api", tags=["commands"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same command is the same command: it is done once, and answered again.",
    ),
]
PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("say why")
    return reason.strip()


Reason = Annotated[
    str,
    Field(min_length=1, max_length=500, pattern=PRINTABLE, examples=["news in five minutes"]),
    AfterValidator(_said),
]


class Why(BaseModel):
    """Why it is asked for: kept with the command, and told as an event with who has asked."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    reason: Reason


class Stop(Why):
    """Halt everything: no new risk until reset-kill-switch."""

    flatten: bool = True
    """Close every position as well."""


class Close(Why):
    """Close a position at the market in the next cycle."""

    fraction: float = Field(default=1.0, gt=0, le=1)
    """How much of it."""


class Start(Wanted):
    """The run to start, and why."""

    reason: Reason


class Command(Shape):
    """A command as it stands. PENDING has no answer yet: GET /api/commands/{id} tells it later."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "command_id": 7,
                    "state": "DONE",
                    "answer": {"closing": ["EURUSD"]},
                    "verb": "close",
                    "arguments": {"symbol": "EURUSD", "fraction": 1.0},
                    "who": "api:operator@127.0.0.1",
                    "why": "news in five minutes",
                    "at": "2024-01-02T14:30:00Z",
                    "answered_at": "2024-01-02T14:30:01Z",
                    "run_id": "20240102T000000-abcd",
                    "cycle": 120,
                    "step": "open",
                }
            ]
        }
    )

    command_id: int | None
    """null where the database could not be written and the HALT file was made instead."""
    state: Literal["PENDING", "DONE", "REFUSED"]
    answer: dict[str, Any] | None
    """What was done; of a refused one ``reason``. Of a halt: verified, cancelled, closing, left, positions."""
    verb: str
    arguments: dict[str, Any]
    who: str
    why: str
    at: Moment
    answered_at: Moment | None
    run_id: str | None
    cycle: int | None
    """At which cycle it took effect."""
    step: str | None


class Commands(Page[Command]):
    """Commands, the newest first."""


LATER: dict[int | str, dict[str, Any]] = {202: {"model": Command, "description": "Not answered yet."}}


def said(request: Request, told: Plain) -> Response:
    """200 with what came of it, 202 while nothing has."""
    waiting = told["state"] == table.PENDING
    headers = {"Location": f"/api/commands/{told['command_id']}"} if waiting and told["command_id"] else {}
    return answered(request, told, 202 if waiting else 200, headers)


def legal(here: Site, name: str, *codes: str) -> asking.Check:
    """Refuses with 409 what may not be asked in the engine's state."""

    def check(c: Connection, engine: live.Engine) -> None:
        allowed = engine.legal(here.beside)
        if name not in allowed:
            where = engine.state if engine.alive else f"{engine.state}, no engine lives"
            raise Refuse(f"{name} is not possible now ({where})", allowed)

    return check


async def ask(here: Site, asked: Asked, check: asking.Check) -> Plain:
    number = await aside(lambda: asking.write(here, asked, check))
    return await asking.answer(here, number)


# -- the engine ------------------------------------------------------------------------------------


@router.post("/engine/pause", response_model=Command, responses=LATER)
async def pause(request: Request, here: Here, body: Why, key: Key = None) -> Response:
    """Deny new entries until resume; exits and stops go on."""
    asked = Asked(verb="pause", arguments={}, who=client(request).who, why=body.reason, key=key)
    return said(request, await ask(here, asked, legal(here, live.PAUSE)))


@router.post("/engine/resume", response_model=Command, responses=LATER)
async def resume(request: Request, here: Here, body: Why, key: Key = None) -> Response:
    """Take entries again after a pause. A latched kill switch needs reset-kill-switch instead."""
    asked = Asked(verb="resume", arguments={}, who=client(request).who, why=body.reason, key=key)
    return said(request, await ask(here, asked, legal(here, live.RESUME)))


@router.post("/engine/stop", response_model=Command, responses=LATER)
async def stop(request: Request, here: Here, body: Why, key: Key = None) -> Response:
    """End the run in order, after the cycle that is under way; positions stay with their stops. A run beside this
    server takes the server with it."""
    asked = Asked(verb="stop", arguments={}, who=client(request).who, why=body.reason, key=key)
    return said(request, await stopped(here, asked))


async def stopped(here: Site, asked: Asked) -> Plain:
    """An engine of this server's own that does not answer is told by a signal too."""
    told = await ask(here, asked, legal(here, live.STOP))
    if told["state"] == table.PENDING:
        await aside(here.process.stop)
    return told


@router.post("/engine/reload", response_model=Command, responses=LATER)
async def reload(request: Request, here: Here, body: Why, key: Key = None) -> Response:
    """Read the news calendars of the run's configuration again. Nothing else of a run can change while it goes on:
    limits, strategy and symbols need a new run."""
    asked = await aside(lambda: reloading(here, client(request).who, body.reason, key))
    return said(request, await ask(here, asked, legal(here, live.RELOAD)))


def reloading(here: Site, who: str, why: str, key: str | None) -> Asked:
    """Raises Problem 409 for a run without calendars, 422 for one that cannot be read."""
    from marketdata.news import load
    from risk.news import STATIC

    with here.read() as c:
        run = runs(here).newest(c)
        engine = live.Engine(c, run)
    if run is None or not engine.alive:
        raise Refuse("reload needs a running engine", engine.legal(here.beside))
    sources = settings_of(run).risk.news
    if not run.live or not set(sources) - {STATIC}:
        raise Refuse(
            "nothing of this run can be read again: only news calendars of a live run can change while it goes on; "
            "for other limits, strategies or symbols stop it and start a new one",
            engine.legal(here.beside),
            "NOTHING_TO_RELOAD",
        )
    try:
        calendar = msgspec.to_builtins(load(sources))
    except ConfigError as error:
        details = [scrubbed(one) for one in error.problems]
        raise Problem(422, "INVALID", "; ".join(details), details=details) from error
    return Asked(verb="calendar", arguments={"calendar": calendar}, who=who, why=why, key=key)


@router.post("/engine/emergency-stop", response_model=Command, responses=LATER)
async def emergency_stop(request: Request, here: Here, body: Stop, key: Key = None) -> Response:
    """Latch the kill switch: working entries are cancelled, positions closed if asked, and nothing new is risked on
    any account until reset-kill-switch. Works in every state, without an engine, and without the database."""
    arguments = {"flatten": body.flatten}
    asked = Asked(verb="halt", arguments=arguments, who=client(request).who, why=body.reason, key=key)
    return said(request, await asking.halted(here, asked))


@router.post("/engine/reset-kill-switch", response_model=Command, responses=LATER)
async def reset_kill_switch(request: Request, here: Here, body: Why, key: Key = None) -> Response:
    """Release what latches the kill switch; trading goes on as after resume. A file HALT is removed by hand first."""
    asked = Asked(verb="reset-kill-switch", arguments={}, who=client(request).who, why=body.reason, key=key)
    return said(request, await ask(here, asked, _resettable(here)))


def _resettable(here: Site) -> asking.Check:
    def check(c: Connection, engine: live.Engine) -> None:
        if halt_file().exists():
            allowed = tuple(one for one in engine.legal(here.beside) if one != live.RESET)
            raise Refuse("the file HALT in the data folder halts every engine: remove it first", allowed, "HALT_FILE")
        legal(here, live.RESET)(c, engine)

    return check


@router.post("/engine/start", response_model=Command, responses=LATER)
async def start(request: Request, here: Here, body: Start, key: Key = None) -> Response:
    """Start a run by preset, symbols and mode; live needs ``i_understand_live`` here as well. DONE means that it is
    being started: /api/engine tells how far it is."""
    return said(request, await aside(lambda: started(here, body, client(request).who, key)))


def started(here: Site, body: Start, who: str, key: str | None) -> Plain:
    wanted = Wanted(**body.model_dump(exclude={"reason"}))
    asked = Asked(verb="start", arguments=wanted.model_dump(), who=who, why=body.reason, key=key)
    written: list[int] = []

    def row(c: Connection) -> int:
        written.append(asking.answered_row(asked, {"starting": True})(c))
        return written[0]

    number = asking.write(here, asked, legal(here, live.START), row)
    if written:
        try:
            running = here.process.start(wanted)
        except (Problem, ConfigError) as error:
            asking.tell(here, number, table.REFUSED, {"reason": scrubbed(str(error))})
            raise
        asking.tell(here, number, table.DONE, {"starting": True, "pid": running.pid})
    with here.read() as c:
        return asking.command(c, number)


# -- orders, positions, locks ------------------------------------------------------------------------


@router.post("/orders/{id}/cancel", response_model=Command, responses=LATER)
async def cancel(request: Request, here: Here, id: Id, body: Why, key: Key = None) -> Response:
    """Cancel a working order at its venue. REFUSED if it filled or ended before."""
    asked = Asked(verb="cancel", arguments={"order_id": id}, who=client(request).who, why=body.reason, key=key)

    def check(c: Connection, engine: live.Engine) -> None:
        order = queries.order(c, id)
        if order is None:
            raise Problem(404, "UNKNOWN_ORDER", "there is no order with this id")
        if order["status"] in (*DONE, DENIED):
            raise Refuse(f"the order has ended: {order['status']}", engine.legal(here.beside), "ORDER_ENDED")
        legal(here, live.CANCEL)(c, engine)

    return said(request, await ask(here, asked, check))


@router.post("/positions/{symbol:path}/close", response_model=Command, responses=LATER)
async def close(request: Request, here: Here, symbol: Symbol, body: Close, key: Key = None) -> Response:
    """Close a position, or a part of it, at the market in the next cycle."""
    arguments = {"symbol": symbol, "fraction": body.fraction}
    asked = Asked(verb="close", arguments=arguments, who=client(request).who, why=body.reason, key=key)

    def check(c: Connection, engine: live.Engine) -> None:
        account = engine.run.account if engine.run is not None else ""
        held = (s.positions.c.account == account) & (s.positions.c.symbol == symbol)
        if c.execute(select(s.positions.c.symbol).where(held)).first() is None:
            raise Problem(404, "UNKNOWN_POSITION", "nothing is held in this symbol")
        legal(here, live.CLOSE)(c, engine)

    return said(request, await ask(here, asked, check))


@router.post("/locks/{id}/remove", response_model=Command, responses=LATER)
async def remove_lock(request: Request, here: Here, id: Id, body: Why, key: Key = None) -> Response:
    """Take a lock away: what it covered may enter again, until a protection locks it anew. Works without an engine."""
    asked = Asked(verb=locked.REMOVE, arguments={"id": id}, who=client(request).who, why=body.reason, key=key)

    def check(c: Connection, engine: live.Engine) -> None:
        lock = c.execute(select(s.locks).where(s.locks.c.id == id)).first()
        if lock is None:
            raise Problem(404, "UNKNOWN_LOCK", "there is no lock with this id; /api/locks lists them")
        over = locked.against(lock, asking.account_time(c, id))
        if over is not None:
            raise Refuse(over, engine.legal(here.beside), "LOCK_OVER")
        legal(here, live.REMOVE_LOCK)(c, engine)

    number = await aside(lambda: asking.write(here, asked, check, asking.unlocking(asked)))
    return said(request, await asking.answer(here, number))


# -- what was asked --------------------------------------------------------------------------------


@router.get("/commands", response_model=Commands)
def commands(request: Request, here: Here, limit: Limit = 100, after: After = None) -> Response:
    """What was asked of this database's engines, from here and from the command line, the newest first."""
    place = read_cursor(after, int)
    query = select(s.commands.c.id).order_by(s.commands.c.id.desc()).limit(limit)
    with here.read() as c:
        ids = list(c.execute(query if place is None else query.where(s.commands.c.id < place[0])).scalars())
        rows = asking.commands(c, ids)
    return answered(request, page(rows, cursor(ids[-1]) if len(ids) == limit else None))


@router.get("/commands/{id}", response_model=Command)
def command(request: Request, here: Here, id: Annotated[int, Path(ge=0, le=2**63 - 1)]) -> Response:
    """One command as it stands."""
    with here.read() as c:
        told = asking.command(c, id)
    return answered(request, told)
