"""Whether the server lives, whether what it shows is alive, and its figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import PlainTextResponse

from api.errors import Problem
from api.site import Site, site
from domain.errors import ArgusError
from orchestration.terminal.place import living

router = APIRouter(tags=["health"])

PATHS = ("/ping", "/health/live")
"""Open to everybody."""


class Alive(BaseModel):
    """The server answers."""

    status: str = "ok"


class Ready(BaseModel):
    """The database can be read; ``engine`` says whether one lives on it."""

    status: str = "ok"
    engine: bool


@router.get("/ping")
async def ping() -> Alive:
    """Somebody is there."""
    return Alive()


@router.get("/health/live")
async def live() -> Alive:
    """The server's own loop turns."""
    return Alive()


@router.get("/health/ready")
def ready(request: Request) -> Ready:
    """What it shows can be read: 503 if not, and in a run also while the engine does not beat."""
    here = site(request)
    here.probe()
    alive = living(here.url) is not None
    if here.beside and not alive:
        raise Problem(503, "ENGINE_AWAY", "the engine of this run does not beat", headers={"Retry-After": "1"})
    return Ready(engine=alive)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> PlainTextResponse:
    """Figures of the database and of the server, and Ray's own of the run where they can be had, as Prometheus reads
    them."""
    here = site(request)
    text = "".join(_told(_server(here))) + "".join(_told(_stored(here))) + _rays(here.metrics)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


Figure = tuple[str, str, str, float]
"""Name, kind, help, value."""


def _server(here: Site) -> Iterable[Figure]:
    yield "argus_api_up", "gauge", "the server answers", 1
    yield "argus_api_sockets", "gauge", "open WebSockets", here.security.sockets.open
    yield "argus_api_sockets_dropped_total", "counter", "clients that were too slow", here.security.sockets.dropped
    yield "argus_api_refused_total", "counter", "requests that were refused at the door", here.security.refused


def _stored(here: Site) -> Iterable[Figure]:
    from orchestration.terminal.state import of

    try:
        here.probe()
        found = of(here.url)
    except ArgusError:
        yield "argus_database_up", "gauge", "the database can be read", 0
        return
    account, cycle = found["account"] or {}, found["cycle"] or {}
    yield "argus_database_up", "gauge", "the database can be read", 1
    yield "argus_engine_up", "gauge", "an engine lives on the database", found["alive"]
    yield "argus_halted", "gauge", "a kill switch is latched", found["halted"]
    yield "argus_positions", "gauge", "open positions of the newest run's account", found["positions"]
    yield "argus_orders_open", "gauge", "working orders of the newest run's account", found["open_orders"]
    if cycle:
        yield "argus_cycle", "gauge", "the newest run's last cycle", cycle["n"]
    if account.get("balance") is not None:
        yield "argus_balance", "gauge", "balance in the account currency", account["balance"]
    if account.get("equity") is not None:
        yield "argus_account_equity", "gauge", "equity in the account currency", account["equity"]
    beat = (found["engine"] or {}).get("beat_age")
    if beat is not None:
        yield "argus_engine_beat_age_seconds", "gauge", "seconds since the engine's last sign of life", beat


def _told(figures: Iterable[Figure]) -> Iterable[str]:
    for name, kind, what, value in figures:
        yield f"# HELP {name} {what}\n# TYPE {name} {kind}\n{name} {float(value):g}\n"


def _rays(address: str) -> str:
    """What Ray's exporter says of the run, by the names it gives (``ray_argus_…``)."""
    if not address:
        return ""
    import httpx

    try:
        answer = httpx.get(address, timeout=2.0, trust_env=False)
    except httpx.HTTPError:
        return ""
    lines = answer.text.splitlines() if answer.is_success else []
    return "".join(f"{line}\n" for line in lines if _ours(line))


def _ours(line: str) -> bool:
    words: list[Any] = line.split(None, 3)
    return line.startswith("ray_argus_") or (len(words) > 2 and words[0] == "#" and words[2].startswith("ray_argus_"))
