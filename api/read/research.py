"""What research was asked, what it said, what that did and cost, and whether it was worth anything."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.errors import Problem
from api.read import plain
from api.read.answering import (
    Here,
    Id,
    Listed,
    Listing,
    OfRun,
    OfSymbol,
    Plain,
    answered,
    cursor,
    kept,
    page,
    read_cursor,
    runs,
)
from api.read.shapes import Page
from api.read.shapes_research import (
    Calibrated,
    Call,
    Case,
    Costs,
    Headlines,
    Proposal,
    Research,
    Review,
    View,
    WholeCall,
    WholeCase,
)
from api.runs import Run
from api.site import Site
from api.working import Workshop
from domain.research import ABSTAIN, OFF, OUTCOMES, ROLES, VERDICTS
from domain.timeframe import DAY
from journal import research_pages, research_views, views
from journal.research_pages import go_share
from orchestration.terminal.place import now
from research.config import ResearchConfig
from research.planner import NEXT, PROPOSED
from research.watching import GoRate

router = APIRouter(prefix="/api", tags=["research"])

WITHIN = 5.0
"""Seconds to wait for figures that are being made."""
DEFAULTS = ResearchConfig()
TASKS = ("analyst", "researcher", "critic", "planner")
SET = ("arm", "provider", "model", "answers", "on_abstain")
BY = ("model", "role", "symbol", "day", "outcome", "source", "prompt")
NOTHING = page([], None)

Verdict = Annotated[
    str | None, Query(pattern=f"^({'|'.join(VERDICTS)})$", description=f"Only {', '.join(VERDICTS)}.", examples=["GO"])
]
Effect = Annotated[
    str | None, Query(pattern="^(NONE|VETO|SHRINK)$", description="Only NONE, VETO or SHRINK.", examples=["VETO"])
]
Role = Annotated[str | None, Query(pattern=f"^({'|'.join(ROLES)})$", description=f"Only of {', '.join(ROLES)}.")]
Outcome = Annotated[
    str | None, Query(pattern=f"^({'|'.join(OUTCOMES)})$", description="Only with this outcome: OK, or why not.")
]
State = Annotated[str | None, Query(pattern=f"^({'|'.join(NEXT)})$", description=f"Only {', '.join(NEXT)}.")]
By = Annotated[Literal[BY], Query(description="What it is added up by.")]  # type: ignore[valid-type]
Simulated = Annotated[
    bool | None,
    Query(description="Of all runs over a simulated market, or over a real one. As the newest run's else."),
]


def purse() -> Workshop:
    return Workshop("research-costs")


def scales() -> Workshop:
    return Workshop("calibration")


# -- the whole -------------------------------------------------------------------------------------


@router.get("/research", response_model=Research)
def research(request: Request, here: Here, run: OfRun = None) -> Response:
    """How research is set in a run, what it said so far, what that cost, and how many proposals wait for a decision.
    Costs are some seconds old at most."""
    with here.read() as c:
        found = runs(here).of(c, run)
        told = _settings(found) | {"proposals": research_pages.open_proposals(c, PROPOSED)}
        if found is not None:
            counted = research_pages.counted(c, found.run_id)
            told |= {f"{name}s": counted[name] for name in research_pages.COUNTED}
            told |= {"cases": sum(counted["verdict"].values()), "go_rate": _go_rate(c, found)}
    run_id = None if found is None else found.run_id
    spent = kept(here, purse).get(run_id, lambda: _spent(here, run_id), WITHIN)
    return answered(request, told | spent.value)


def _settings(run: Run | None) -> Plain:
    def set_to(name: str) -> Any:
        return None if run is None else run.setting("research", name, getattr(DEFAULTS, name))

    return {
        "run_id": None if run is None else run.run_id,
        "simulated": run is not None and run.simulated,
        "roles": {name: set_to(name) or OFF for name in TASKS},
        **{name: set_to(name) for name in SET},
        "masked": bool(set_to("masked")),
        "cases": 0,
        **{f"{name}s": {} for name in research_pages.COUNTED},
        "go_rate": None,
    }


def _go_rate(c: Connection, run: Run) -> Plain:
    names = ("go_rate_cases", "go_rate_low", "go_rate_high")
    most, low, high = (run.setting("research", name, getattr(DEFAULTS, name)) for name in names)
    verdicts = research_pages.verdicts(c, run.run_id, most)
    watch = GoRate(most, low, high)
    alarms = [watch.saw(one) for one in verdicts]
    judging, share = go_share(verdicts, ABSTAIN)
    told = {"cases": len(verdicts), "watched": most, "judging": judging, "share": share, "low": low, "high": high}
    return told | {"alarm": alarms[-1] if alarms else ""}


def _spent(here: Site, run_id: str | None) -> Plain:
    with here.read() as c:
        today = research_views.costs(c, by="day", since=now() // DAY * DAY)
        models = [] if run_id is None else research_views.costs(c, run_id, "model")
    return {"today": _cost(today[0], "day") if today else _NO_COST, "by_model": [_cost(one, "model") for one in models]}


def _cost(one: Plain, by: str) -> Plain:
    return {"name": one[by], **{name: value for name, value in one.items() if name != by}}


_COUNTS = ("questions", "sent", "failed", "unpriced", "estimated")
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens")
_NO_COST = {"name": "", **dict.fromkeys((*_COUNTS, *_TOKENS), 0), "usd": 0.0, "seconds": 0.0}


# -- lists -----------------------------------------------------------------------------------------


def _listed(here: Site, listed: Listing, kind: str, every: bool = False, **only: Any) -> Plain:
    """``every``: of all runs where none is named."""
    place = read_cursor(listed.after, int, str)
    with here.read() as c:
        found = runs(here).of(c, listed.run)
        if found is None:
            return NOTHING
        run_id = None if every and listed.run is None else found.run_id
        rows, end = research_pages.rows(c, kind, run_id, after=place, **listed.rows, **only)
    return page(rows, None if end is None else cursor(*end))


@router.get("/research/cases", response_model=Page[Case])
def cases(
    request: Request,
    here: Here,
    listed: Listed,
    symbol: OfSymbol = None,
    verdict: Verdict = None,
    effect: Effect = None,
) -> Response:
    """Candidates that were judged, the newest first, each with what it did to the trade and what the market then
    did."""
    told = _listed(here, listed, "cases", symbol=symbol, verdict=verdict, effect=effect)
    told = told | {"items": [_case(one) for one in told["items"]]}
    return answered(request, told)


def _case(one: Plain) -> Plain:
    return one | {"won": None if one["won"] is None else bool(one["won"])}


@router.get("/research/cases/{id}", response_model=WholeCase)
def case(request: Request, here: Here, id: Id, run: OfRun = None) -> Response:
    """One case whole: the numbered facts, both arguments, the verdict and what it did, every question with its
    messages and answer, the orders and trades that came of it, the critic's review, and what the market then did."""
    with here.read() as c:
        named = None if run is None else runs(here).one(c, run).run_id
        run_id = research_pages.one(c, "cases", id, named)
        told = None if run_id is None else research_views.case(c, run_id, id)
    if told is None:
        raise Problem(404, "UNKNOWN_CASE", "there is no case with this id; /api/research/cases lists them")
    return answered(request, _case(told) | {"trades": [_trade(one) for one in told["trades"]]})


def _trade(one: Plain) -> Plain:
    kept = {name: value for name, value in one.items() if name != "seq"}
    return kept | {"net": one["pnl"] - one["commission"], "factors": plain.value(one["factors"]) or []}


@router.get("/research/calls", response_model=Page[Call])
def calls(request: Request, here: Here, listed: Listed, role: Role = None, outcome: Outcome = None) -> Response:
    """Questions to models and to the rules, the newest first, with outcome, cost and latency."""
    return answered(request, _listed(here, listed, "calls", role=role, outcome=outcome))


@router.get("/research/calls/{id}", response_model=WholeCall)
def call(request: Request, here: Here, id: Id, run: OfRun = None) -> Response:
    """One question with its messages and its answer."""
    with here.read() as c:
        named = None if run is None else runs(here).one(c, run).run_id
        run_id = research_pages.one(c, "calls", id, named)
        told = None if run_id is None else research_views.call(c, run_id, id)
    if told is None:
        raise Problem(404, "UNKNOWN_CALL", "there is no question with this id; /api/research/calls lists them")
    return answered(request, told)


@router.get("/research/views", response_model=Page[View])
def analyst_views(request: Request, here: Here, listed: Listed, symbol: OfSymbol = None) -> Response:
    """What the analyst thought of symbols and of the book, the newest first."""
    return answered(request, _listed(here, listed, "views", symbol=symbol))


@router.get("/research/reviews", response_model=Page[Review])
def reviews(request: Request, here: Here, listed: Listed, symbol: OfSymbol = None) -> Response:
    """Reviews and lessons of closed trades and refused candidates, the newest first by when their outcome was known."""
    return answered(request, _listed(here, listed, "reviews", symbol=symbol))


@router.get("/research/proposals", response_model=Page[Proposal])
def proposals(request: Request, here: Here, listed: Listed, state: State = None) -> Response:
    """What the planner suggests, the newest first, and what was decided. Of all runs unless one is named: a proposal
    is for the run that comes."""
    return answered(request, _listed(here, listed, "proposals", every=True, state=state))


@router.get("/research/headlines", response_model=Headlines)
def headlines(request: Request, here: Here, listed: Listed) -> Response:
    """Texts from outside and what the reader made of them, the newest first by when they were published."""
    return answered(request, _listed(here, listed, "headlines"))


# -- figures ---------------------------------------------------------------------------------------


@router.get("/research/costs", response_model=Costs)
def costs(request: Request, here: Here, run: OfRun = None, by: By = "model") -> Response:
    """Questions, tokens and money of a run, added up, the dearest first."""
    with here.read() as c:
        found = runs(here).of(c, run)
        rows = [] if found is None else research_views.costs(c, found.run_id, by)
    run_id = None if found is None else found.run_id
    return answered(request, {"run_id": run_id, "by": by, "items": [_cost(one, by) for one in rows]})


@router.get("/research/calibration", response_model=Calibrated)
def calibration(request: Request, here: Here, run: OfRun = None, simulated: Simulated = None) -> Response:
    """Whether what was said came true: figures, the reliability table, groups, judges, and arms against each other. Of
    one run where it is named, else of all runs over such a market."""
    with here.read() as c:
        newest = views.latest_run(c)
        found = None if run is None else runs(here).one(c, run)
    if found is not None:
        over: bool | None = None
        which: tuple[str | None, bool] = found.run_id, found.simulated
    else:
        over = simulated if simulated is not None else bool((newest or {}).get("simulated"))
        which = None, over
    after = (
        DEFAULTS.calibrated_after
        if found is None
        else found.setting("research", "calibrated_after", DEFAULTS.calibrated_after)
    )
    key = (which, after)
    told = kept(here, scales).get(key, lambda: _calibrated(here, which[0], over, after), WITHIN).value
    return answered(request, {"run_id": which[0], "simulated": which[1]} | told)


def _calibrated(here: Site, run_id: str | None, simulated: bool | None, after: int) -> Plain:
    from orchestration.research.figures import GROUPS, document

    with here.read() as c:
        rows = research_views.finished(c, run_id, simulated)
    told = document(rows, after)
    by = {name: told.pop(f"by_{name}") for name in GROUPS}
    groups = {name: [_cost(one, name) for one in found] for name, found in by.items()}
    return told | {"by": groups}
