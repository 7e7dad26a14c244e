"""Where the account stands against its limits: as the gate would see it now, asked beside the engine."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.exc import NoResultFound
from starlette.responses import Response

from api.errors import Problem, scrubbed
from api.kernels import prepared
from api.read import live
from api.read.answering import Here, OfRun, Plain, answered, kept, runs
from api.read.shapes_risk import Risk
from api.runs import Run
from api.site import Site
from api.working import Made, Workshop
from domain.errors import ArgusError
from journal import views
from orchestration.terminal import state
from orchestration.terminal.place import halt_file

router = APIRouter(prefix="/api", tags=["risk"])

WITHIN = 5.0
"""Seconds to wait for the first figures."""
_FIGURES = ("state", "code", "paused", "equity", "balance", "peak", "day_equity", "trades_today", "positions")
NO_CYCLE = "the run has not begun its first cycle"
_KEPT = ("portfolio", "var_level", "var_horizon", "at")


def workshop() -> Workshop:
    return Workshop("risk")


@router.get("/risk", response_model=Risk)
def risk(request: Request, here: Here, run: OfRun = None) -> Response:
    """Every limit on the account as used and allowed, what the book risks, latches and locks."""
    with here.read() as c:
        found = runs(here).of(c, run)
        engine = live.Engine(c, found)
        rows = views.locks(c, found.account, state.moment_of(c, found.run_id, False)) if found is not None else []
    made, why = _figures(here, found, engine) if found is not None else (None, "there is no run yet")
    told = made.value if made is not None else {}
    limits = [
        {"name": one["key"], "used": one["used"], "allowed": one["threshold"]}
        | {name: one[name] for name in ("share", "unit")}
        for one in told.get("limits", ())
    ]
    known: dict[str, Any] = {name: told.get(name) for name in (*_FIGURES, *_KEPT)}
    answer = known | {
        "run_id": found.run_id if found else None,
        "account": found.account if found else None,
        "currency": found.setting("account", "currency") if found else None,
        "preset": found.preset if found else None,
        "simulated": found.simulated if found else False,
        "paused": engine.state == "paused",
        "limits": limits,
        "latches": [live.latch(one) for one in engine.latches],
        "locks": rows,
        "age_s": None if made is None else round(made.age, 1),
        "computed": made is not None,
        "why": why,
    }
    return answered(request, answer)


def _figures(here: Site, run: Run, engine: live.Engine) -> tuple[Made | None, str | None]:
    """The figures, a few seconds old at most where making them is quick, or why there are none."""
    try:
        return _made(here, run.run_id, engine.state == "paused"), None
    except NoResultFound:
        return None, NO_CYCLE
    except ArgusError as error:
        return None, scrubbed(str(error))


def figures(here: Site, run_id: str) -> Plain:
    """As ``risk status`` has them. Raises Problem."""
    with here.read() as c:
        found = runs(here).one(c, run_id)
        paused = live.Engine(c, found).state == "paused"
    try:
        told: Plain = _made(here, run_id, paused).value
    except NoResultFound:
        raise Problem(409, "NO_CYCLE", NO_CYCLE) from None
    return told


def _made(here: Site, run_id: str, paused: bool) -> Made:
    return kept(here, workshop).get((run_id, paused), lambda: asked(here.url, run_id, paused), WITHIN)


def asked(url: str, run_id: str, paused: bool) -> Plain:
    """The gate of a run, rebuilt in a database of its own that is thrown away, and what it says of the account."""
    prepared()
    from orchestration import asking, frozen
    from orchestration.terminal.verbs_risk_status import facts

    found = frozen.run_of(url, run_id)
    settings = frozen.settings_of(found.config)
    with asking.of_run(url, found, settings, str(halt_file()), remembers=True) as standing:
        return facts(standing, paused)
