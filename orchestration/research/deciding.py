"""An operator's word on a proposal of the planner."""

from __future__ import annotations

from sqlalchemy import Connection

from domain.research import Proposal
from journal import research_views
from orchestration.research.applying import proposal_of
from research.planner import decided


class Unknown(LookupError):
    """No proposal has this id, or more than one begins so."""


def decide(c: Connection, beginning: str, state: str, who: str, at: int) -> Proposal:
    """The proposal whose id begins so, in its new state (ACCEPTED or REJECTED), written.

    Raises Unknown, and ValueError where there is no such step from its state. ``at`` in ns of the clock.
    """
    rows = research_views.proposal_rows(c, beginning)
    if len(rows) != 1:
        what = "more than one proposal's id begins" if rows else "no proposal's id begins"
        raise Unknown(f"{what} with {beginning!r}")
    before = proposal_of(rows[0])
    found = decided(before, state, who)
    if not research_views.decide(c, found.id, before.state, state, found.who, at):
        raise ValueError(f"proposal {found.id} was decided by somebody else at this moment")
    return found
