"""How the actors and this machine are."""

from __future__ import annotations

import socket
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import queries
from api.read import live
from api.read.answering import Here, OfRun, answered, kept, runs
from api.read.shapes_engine import Actors, Resources
from api.working import Workshop
from domain.timeframe import iso
from journal.address import data_folder
from orchestration.heartbeat import FILE
from orchestration.heartbeat import read as heartbeat
from orchestration.resources import sample
from orchestration.terminal.place import now

router = APIRouter(prefix="/api/health", tags=["health"])

WITHIN = 3.0
"""Seconds to wait for the first look at the machine."""
LOOKED_AT = 2_000
"""Newest HEALTH events among which each actor's last one is."""


@router.get("/actors", response_model=Actors)
def actors(request: Request, here: Here, run: OfRun = None) -> Response:
    """The last sign of every actor of a run, of the process that holds the database, and of its heartbeat file."""
    with here.read() as c:
        found = runs(here).of(c, run)
        engine = live.Engine(c, found)
        events = queries.health(c, found.run_id, LOOKED_AT) if found is not None else []
    told = engine.facts(here.beside, [])
    items: dict[str, Any] = {}
    for one in events:
        data = one["data"]
        actor = str(data.get("actor") or data.get("name") or "")
        if actor and actor not in items:
            age = max(0.0, (now() - one["at"]) / 1e9) if engine.alive else None
            items[actor] = {"actor": actor, "at": iso(one["at"]), "age_s": age and round(age, 1), "data": data}
    beat = heartbeat(data_folder() / FILE)
    sign = None if beat is None else {name: getattr(beat, name) for name in ("pid", "run_id", "cycle", "at", "state")}
    rows = [items[name] for name in sorted(items)]
    answer = {"items": rows, "next": None, "heartbeat": sign, "process": told["process"]}
    return answered(request, answer)


def workshop() -> Workshop:
    return Workshop("resources")


@router.get("/resources", response_model=Resources)
def resources(request: Request, here: Here) -> Response:
    """What the run's processes take of this machine, else this server's own: processor, memory, files, disk, and how
    large the database is. CPU is 0 at the first look."""
    with here.read() as c:
        held = live.holder(c)
    pid = held.pid if held is not None and held.host == socket.gethostname() else None
    made = kept(here, workshop).get(pid, lambda: sample(here.url, pid), WITHIN)
    told = {name: made.value[name] for name in ("values", "processes", "disk_free_mb")}
    return answered(request, told | {"of_run": pid is not None, "age_s": round(made.age, 1)})
