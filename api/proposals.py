"""What an operator may say to a proposal of the planner: yes or no, on the record as every command."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from sqlalchemy import Connection, select
from starlette.responses import Response

from actors.engine_records import command_alert
from api import asking
from api.asking import Asked, Refuse, aside
from api.commands import LATER, Command, Key, Why, said
from api.errors import Problem
from api.read import live
from api.read.answering import Here, Id
from api.site import Site, client
from journal import research_views
from journal import schema as s
from journal.commands import DONE
from journal.store import emitting
from orchestration.research.deciding import decide
from orchestration.terminal.place import now
from research.planner import ACCEPTED, NEXT, REJECTED

router = APIRouter(prefix="/api", tags=["commands"])

VERBS = {"accept-proposal": ACCEPTED, "reject-proposal": REJECTED}


@router.post("/research/proposals/{id}/accept", response_model=Command, responses=LATER)
async def accept(request: Request, here: Here, id: Id, body: Why, key: Key = None) -> Response:
    """Say yes to a proposal. A running engine keeps its parameters: the next run takes them, by the file or the options
    that ``research accept`` writes, or by research.planner_apply=next_run."""
    asked = Asked(verb="accept-proposal", arguments={"id": id}, who=client(request).who, why=body.reason, key=key)
    return await _decided(request, here, asked)


@router.post("/research/proposals/{id}/reject", response_model=Command, responses=LATER)
async def reject(request: Request, here: Here, id: Id, body: Why, key: Key = None) -> Response:
    """Say no to a proposal, also to one that was accepted and not yet applied."""
    asked = Asked(verb="reject-proposal", arguments={"id": id}, who=client(request).who, why=body.reason, key=key)
    return await _decided(request, here, asked)


async def _decided(request: Request, here: Site, asked: Asked) -> Response:
    running: list[str] = []

    def check(c: Connection, engine: live.Engine) -> None:
        found = research_views.proposal(c, asked.arguments["id"])
        if found is None:
            raise Problem(
                404, "UNKNOWN_PROPOSAL", "there is no proposal with this id; /api/research/proposals lists them"
            )
        if VERBS[asked.verb] not in NEXT[found["state"]]:
            raise Refuse(f"the proposal is {found['state']}", engine.legal(here.beside), "PROPOSAL_DECIDED")
        if engine.lease is not None and engine.run is not None:
            running.append(engine.run.run_id)

    number = await aside(lambda: asking.write(here, asked, check, _deciding(asked, running)))
    return said(request, await asking.answer(here, number))


def _deciding(asked: Asked, running: list[str]) -> Callable[[Connection], int]:
    """Decides and answers at once, and tells the engine's run of it where one lives."""

    def write(c: Connection) -> int:
        at = now()
        found = decide(c, asked.arguments["id"], VERBS[asked.verb], f"{asked.who}: {asked.why}", at)
        number = asking.answered_row(asked, {"proposal": found.id, "state": found.state})(c)
        for run_id in running:
            row = c.execute(select(s.commands).where(s.commands.c.id == number)).one()
            with emitting(c) as tx:
                tx.emit(run_id, [command_alert(row, DONE, {}, at)])
        return number

    return write
