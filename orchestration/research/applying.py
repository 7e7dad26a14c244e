"""Proposals of the planner that the next run takes over by itself, where it is configured so."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from domain.research import Change, Fact, Proposal
from journal import schema as s
from journal.engines import open_engine
from orchestration.settings import Settings, own_file, strategy_parameters
from orchestration.settings.tree import Written
from research.config import NEXT_RUN
from research.planner import ACCEPTED, APPLIED, PROPOSED, applied, decided

POLICY = "research.planner_apply"
"""Who has accepted a proposal that nobody looked at."""

_NEWEST = (
    sa.select(s.research_proposals)
    .where(
        s.research_proposals.c.strategy == sa.bindparam("strategy"),
        s.research_proposals.c.state.in_((PROPOSED, ACCEPTED)),
    )
    .order_by(s.research_proposals.c.at.desc(), s.research_proposals.c.id)
    .limit(1)
)


def taken_over(settings: Settings, url: str, now: int) -> tuple[Settings, str]:
    """The settings with the newest open proposal for their strategy in them, and what a person is told of it; the
    settings as they are, and "", where there is none or nobody wants it. ``now`` in ns."""
    if settings.research.planner_apply != NEXT_RUN:
        return settings, ""
    from strategies.files import strategy_named

    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            row = connection.execute(_NEWEST, {"strategy": settings.strategy.name}).first()
            if row is None:
                return settings, ""
            proposal = proposal_of(row)
            try:
                if proposal.state == PROPOSED:
                    proposal = decided(proposal, ACCEPTED, POLICY)
                strategy = strategy_named(settings.strategy.name, own_file(settings.strategy))
                values = applied(proposal, strategy, strategy_parameters(settings))
            except ValueError as error:
                return settings, f"proposal {proposal.id[:12]} is not taken over: {error}"
            done = decided(proposal, APPLIED, proposal.who or POLICY)
            mine = s.research_proposals.c.id == done.id
            told = {"state": done.state, "who": done.who, "decided_at": now}
            connection.execute(sa.update(s.research_proposals).where(mine).values(told))
    finally:
        engine.dispose()
    return _changed(settings, proposal, values), _told(proposal)


def proposal_of(row: Any) -> Proposal:
    """A row of the proposals."""
    names = ("id", "run_id", "at", "strategy", "reason", "source", "code", "state", "who")
    return Proposal(
        **{name: getattr(row, name) for name in names},
        changes=msgspec.json.decode(row.changes, type=tuple[Change, ...]),
        facts=msgspec.json.decode(row.facts, type=tuple[Fact, ...]),
    )


def _changed(settings: Settings, proposal: Proposal, values: dict[str, Any]) -> Settings:
    replace = msgspec.structs.replace
    changed = {one.key: values[one.key] for one in proposal.changes}
    strategy = replace(settings.strategy, parameters=settings.strategy.parameters | changed)
    source = f"proposal {proposal.id[:12]}"
    written = {f"strategy.{key}": Written(value, source) for key, value in changed.items()}
    return replace(settings, strategy=strategy, written=dict(sorted((settings.written | written).items())))


def _told(proposal: Proposal) -> str:
    changes = ", ".join(f"{one.key} {one.now:g} -> {one.proposed:g}" for one in proposal.changes)
    return f"proposal {proposal.id[:12]} is taken over (research.planner_apply): {changes}; {proposal.reason}"
