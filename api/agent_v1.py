"""The routes of system 000 under their old names: thin, over the same commands and figures. Keys are never taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, func, select
from starlette.responses import Response

from api import commands, performance
from api.asking import Asked, aside, halted
from api.commands import Start, started, stopped
from api.engine_process import Wanted
from api.errors import Problem
from api.performance import Courses
from api.read import live
from api.read.account import Standing
from api.read.answering import Here, Plain, answered, kept, runs
from api.read.shapes import Shape
from api.runs import Run
from api.site import Site, client
from api.working import Workshop
from domain.order import REJECTED
from domain.timeframe import length
from journal import schema as s
from journal.commands import REFUSED
from orchestration.terminal.place import now

router = APIRouter(prefix="/api/v1/agent", tags=["agent (system 000)"])

STATUS = {"running": "Running", "paused": "Active", "initializing": "Active", "error": "Error", "emergency": "Error"}
UNSAID = "asked over /api/v1/agent"
SECRETS = (
    "apikey",
    "secret",
    "privatekey",
    "password",
    "passphrase",
    "mnemonic",
    "keypair",
    "accesstoken",
    "seedphrase",
)


class Given(BaseModel):
    """What was sent. Names that Argus has no use for are told back, and never kept."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    reason: str = Field(default=UNSAID, min_length=1, max_length=500, pattern=commands.PRINTABLE)


class AgentStrategy(BaseModel):
    """A strategy by name; sizes and slippage are set by the preset."""

    model_config = ConfigDict(extra="allow")

    strategy_type: str = Field(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", examples=["ema_cross"])


class AgentStart(Given):
    """The run to start. Keys of models and wallets come from the environment of the server, never from here."""

    token_pairs: list[str] = Field(default_factory=list, max_length=2000, examples=[["EURUSD", "BTC"]])
    strategies: list[AgentStrategy] = Field(default_factory=list, max_length=1)
    data_fetch_interval_ms: int | None = Field(default=None, ge=1, le=86_400_000)
    """Time between two bars (sim) or cycles (live)."""
    preset: str | None = Field(default=None, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    mode: str = Field(default="paper", pattern=r"^(paper|live)$")
    i_understand_live: bool = False


class AgentStop(Given):
    """Halt everything."""

    flatten: bool = True


class AgentChange(Given):
    """Another strategy."""

    strategy: str | None = Field(default=None, max_length=64)


class AgentStatus(Shape):
    """As system 000 answers."""

    status: str
    """Inactive, Active, Running or Error."""
    is_running: bool
    stats: dict[str, Any] | None
    """data_fetcher, planner, executor, observer, performance, active_positions, current_strategy, uptime_seconds."""
    message: str


class AgentState(Shape):
    """Where the engine is, and what it holds."""

    status: str
    is_running: bool
    state: str
    run_id: str | None
    cycle: int | None
    current_strategy: str | None
    active_positions: int
    positions: list[dict[str, Any]]
    balance: float | None
    equity: float | None
    legal: list[str]


# -- looking ---------------------------------------------------------------------------------------


@router.get("/status", response_model=AgentStatus)
def status(request: Request, here: Here) -> Response:
    """Whether it runs, and its figures."""
    return answered(request, told(here, ""))


@router.get("/state", response_model=AgentState)
def state(request: Request, here: Here) -> Response:
    """State, strategy, positions and equity."""
    with here.read() as c:
        found = runs(here).newest(c)
        engine = live.Engine(c, found)
        standing = Standing(c, found) if found is not None else None
    positions = standing.positions if standing is not None else []
    account = standing.account() if standing is not None else {}
    answer = {
        "status": _status(engine),
        "is_running": engine.alive,
        "state": engine.state,
        "run_id": found.run_id if found is not None else None,
        "cycle": engine.cycle["n"] if engine.cycle is not None else None,
        "current_strategy": found.strategy if found is not None else None,
        "active_positions": len(positions),
        "positions": positions,
        "balance": account.get("balance"),
        "equity": account.get("equity"),
        "legal": list(engine.legal(here.beside)),
    }
    return answered(request, answer)


def told(here: Site, message: str) -> Plain:
    with here.read() as c:
        found = runs(here).newest(c)
        engine = live.Engine(c, found)
    said = message or (engine.last or {}).get("reason") or ("no run yet" if found is None else "")
    stats = kept(here, _workshop).get(found.run_id, lambda: _stats(here, found), 5.0).value if found else None
    if stats is not None and engine.lease is not None:
        stats = stats | {"uptime_seconds": max(0, now() - engine.lease.started_at) // 10**9}
    return {"status": _status(engine), "is_running": engine.alive, "stats": stats, "message": said}


def _workshop() -> Workshop:
    return Workshop("agent-figures")


def _status(engine: live.Engine) -> str:
    return STATUS.get(engine.state, "Inactive")


def _stats(here: Site, run: Run) -> Plain:
    with here.read() as c:
        standing = Standing(c, run)
        course = kept(here, Courses).of(run)
        course.read(c)
        ends, sampled = course.ends(c), course.thinned(c, 500)
        counted = _counted(c, run)
    account = standing.account()
    figures = performance.metrics(run, account["started_cash"] or 0.0, ends, sampled)
    trades, _ = performance.trips(course.trips())
    prices = [one for one in run.symbols if standing.price(one) is not None]
    done = counted["filled"] + counted["rejected"]
    return {
        "data_fetcher": {
            "cached_quotes": len(prices),
            "cached_prices": len(prices),
            "configured_pairs": len(run.symbols),
            "fetch_interval_ms": _interval(run),
        },
        "planner": {"plans": counted["candidates"], "denied": counted["denied"]},
        "executor": {
            "total": counted["approved"],
            "successful": counted["filled"],
            "failed": counted["rejected"],
            "success_rate": counted["filled"] / done if done else None,
        },
        "observer": {"cycles": course.cycles},
        "performance": {
            "total_trades": trades["trades"],
            "successful_trades": trades["wins"],
            "total_pnl": trades["net_profit"],
            "win_rate": trades["win_rate"],
            "avg_slippage_bps": None,
            "avg_execution_time_ms": None,
            "max_drawdown": figures["max_drawdown"],
            "sharpe_ratio": figures["sharpe"],
        },
        "active_positions": len(standing.positions),
        "current_strategy": run.strategy,
        "uptime_seconds": 0,
    }


def _counted(c: Connection, run: Run) -> dict[str, int]:
    order, step, fill = s.orders.c, s.order_events.c, s.fills.c
    answers = select(order.answer, func.count()).where(order.run_id == run.run_id).group_by(order.answer)
    by_answer = {answer: int(count) for answer, count in c.execute(answers)}
    rejected = select(func.count()).where(step.account == run.account, step.status == REJECTED)
    filled = select(func.count(fill.order_id.distinct())).where(fill.account == run.account, fill.run_id == run.run_id)
    approved, denied = by_answer.get("APPROVED", 0), by_answer.get("DENIED", 0)
    return {
        "approved": approved,
        "denied": denied,
        "candidates": approved + denied,
        "rejected": int(c.execute(rejected).scalar() or 0),
        "filled": int(c.execute(filled).scalar() or 0),
    }


def _interval(run: Run) -> int | None:
    seconds = run.setting("cycle", "interval")
    if seconds is not None:
        return int(seconds * 1000)
    timeframe = run.config.get("timeframe") or run.inputs.arguments.get("timeframe")
    return None if timeframe is None else min(60_000, length(timeframe) // 10**6)


# -- asking ----------------------------------------------------------------------------------------


@router.post("/start", response_model=AgentStatus)
async def start(request: Request, here: Here, body: AgentStart, key: commands.Key = None) -> Response:
    """Start a run; what system 000 configured here and Argus does not is named in ``message``."""
    _without_keys(body)
    wanted = Wanted(
        symbols=body.token_pairs,
        strategy=body.strategies[0].strategy_type if body.strategies else None,
        preset=body.preset,
        mode="live" if body.mode == "live" else "paper",
        interval=None if body.data_fetch_interval_ms is None else body.data_fetch_interval_ms / 1000,
        i_understand_live=body.i_understand_live,
    )
    found = Start(**wanted.model_dump(), reason=body.reason)
    await aside(lambda: started(here, found, client(request).who, key))
    unused = sorted({name for name, _ in _extras(body)})
    message = "starting" + (f"; not used: {', '.join(unused)[:300]}" if unused else "")
    return answered(request, await aside(lambda: told(here, message)))


@router.post("/stop", response_model=AgentStatus)
async def stop(request: Request, here: Here, body: Given | None = None, key: commands.Key = None) -> Response:
    """End the run in order."""
    asked = Asked(verb="stop", arguments={}, who=client(request).who, why=_why(body), key=key)
    found = await stopped(here, asked)
    return answered(request, await aside(lambda: told(here, _outcome(found))))


@router.post("/emergency-stop", response_model=AgentStatus)
async def emergency_stop(
    request: Request, here: Here, body: AgentStop | None = None, key: commands.Key = None
) -> Response:
    """Latch the kill switch and close every position."""
    flatten = body.flatten if body is not None else True
    asked = Asked(verb="halt", arguments={"flatten": flatten}, who=client(request).who, why=_why(body), key=key)
    found = await halted(here, asked)
    if found["command_id"] is None:  # without the database there are no figures either
        nothing = {"status": "Error", "is_running": False, "stats": None}
        return answered(request, nothing | {"message": _outcome(found)})
    return answered(request, await aside(lambda: told(here, _outcome(found))))


@router.post("/strategy", response_model=AgentStatus)
def strategy(request: Request, here: Here, body: AgentChange) -> Response:
    """Refused: a run keeps the strategy that it was started with, so that it can be replayed."""
    _without_keys(body)
    raise _refused(here, "NOT_WHILE_RUNNING", "a run keeps its strategy: stop it, and start one with another")


@router.post("/rebalance", response_model=AgentStatus)
def rebalance(request: Request, here: Here, body: Given | None = None) -> Response:
    """Refused: positions follow the strategy and the gate; there is nothing to rebalance to."""
    _why(body)
    raise _refused(here, "NOT_SUPPORTED", "nothing is rebalanced here: close a position, or start another strategy")


def _refused(here: Site, code: str, message: str) -> Problem:
    with here.read() as c:
        engine = live.Engine(c, runs(here).newest(c))
    return Problem(409, code, message, engine.legal(here.beside))


def _outcome(found: Plain) -> str:
    answer = found["answer"] or {}
    said = str(answer.get("reason") or answer.get("note") or "")
    if found["state"] == REFUSED:
        return f"refused: {said}"
    return said or f"{found['verb']} {found['state'].lower()}"


def _why(body: Given | None) -> str:
    if body is None:
        return UNSAID
    _without_keys(body)
    return body.reason.strip() or UNSAID


def _without_keys(body: BaseModel) -> None:
    """Raises Problem 422 where a secret was sent; it is not told back."""
    for name, _ in _extras(body):
        plain = name.lower().replace("_", "").replace("-", "")
        if any(one in plain for one in SECRETS):
            raise Problem(
                422,
                "KEY_IN_BODY",
                f"{name[:60]}: keys do not belong into a request: set them in the environment of the server, and "
                "change this one if it was real",
            )


def _extras(value: Any) -> Iterator[tuple[str, Any]]:
    """Names that the models do not know, with their values, at every depth."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name))
        yield from _extras(value.model_extra or {})
    elif isinstance(value, dict):
        for name, one in value.items():
            yield name, one
            yield from _extras(one)
    elif isinstance(value, list):
        for one in value:
            yield from _extras(one)
