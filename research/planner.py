"""The planner: what closed trades suggest of their strategy's parameters, inside bounds, for somebody to decide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from domain.candidate import identity
from domain.order import STOP, TARGET
from domain.research import PLANNER, Change, Closed, Fact, Proposal
from research.answers import PlanAnswer, checking
from research.asking import About, Asked, Desk, Requests
from research.config import ResearchConfig
from research.inputs import Knob, PlannerInput, Results
from research.port import Model

if TYPE_CHECKING:
    from strategies.base import Strategy  # which brings numba along
    from strategies.parameters import Parameter

STEP = 0.1
"""Share of its value by which a parameter may move in one proposal; whole numbers by 1 at least."""

PROPOSED, ACCEPTED, REJECTED, APPLIED = "PROPOSED", "ACCEPTED", "REJECTED", "APPLIED"
NEXT = {PROPOSED: (ACCEPTED, REJECTED), ACCEPTED: (APPLIED, REJECTED), REJECTED: (), APPLIED: ()}


class Proposed(NamedTuple):
    """A proposal, None where nothing is to be changed, and the questions that were put."""

    proposal: Proposal | None
    asked: tuple[Asked, ...]


class Planner:
    def __init__(self, model: Model, rules: Model, config: ResearchConfig, requests: Requests) -> None:
        self._desk = Desk(model, rules, config, requests)

    async def propose(
        self,
        run_id: str,
        at: int,
        strategy: Strategy,
        values: Mapping[str, Any],
        closed: Iterable[Closed],
        within: float,
    ) -> Proposed:
        """A proposal at ``at`` (ns) for a strategy whose parameters are ``values`` (as people write them), by the
        trades that were known by then."""
        made = results(one for one in closed if one.known_at <= at and one.strategy == strategy.name)
        given = PlannerInput(
            strategy=strategy.name,
            at=at,
            parameters=knobs(strategy.parameters, values),
            results=made,
            facts=facts(made),
        )
        whole = checking(PLANNER, given)

        def check(parsed: Any) -> PlanAnswer:
            answer: PlanAnswer = whole(parsed)
            wrong = problems(strategy, values, {one.key: one.proposed for one in answer.changes})
            if wrong:
                raise ValueError(f"changes: {wrong[0]}")
            return answer

        about = About(strategy.name, at, run_id=run_id)
        said = await self._desk.ask_or_rules(PLANNER, given, about, within, check=check)
        answer: PlanAnswer | None = said.value
        if answer is None or not answer.changes:
            return Proposed(None, said.asked)
        proposal = Proposal(
            id=identity("proposal", run_id, strategy.name, at),
            run_id=run_id,
            at=at,
            strategy=strategy.name,
            changes=_changes(answer, given.parameters),
            reason=answer.reason,
            facts=given.facts,
            source=said.source,
            code=said.code,
        )
        return Proposed(proposal, said.asked)


def _changes(answer: PlanAnswer, parameters: Sequence[Knob]) -> tuple[Change, ...]:
    knobs = {one.key: one for one in parameters}
    return tuple(
        Change(one.key, knobs[one.key].now, one.proposed, knobs[one.key].low, knobs[one.key].high, one.evidence)
        for one in answer.changes
    )


def knobs(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> tuple[Knob, ...]:
    """What may be turned: numbers above 0, by one step, and never to 0, which may mean "none". Values that are not
    given are the defaults."""
    found = []
    for one in parameters:
        now = values.get(one.name, one.default)
        if one.type == "choice" or isinstance(now, bool) or not isinstance(now, int | float) or not now > 0:
            continue
        whole = one.type == "int"
        step = max(1.0, float(round(STEP * now))) if whole else STEP * now
        low = max(float(one.low or 0), now - step, 1.0 if whole else 0.0)
        high = min(float(one.high if one.high is not None else now), now + step)
        found.append(
            Knob(
                key=one.name,
                type=one.type,
                now=float(now),
                low=min(float(now), round(low, 6)),
                high=max(float(now), round(high, 6)),
                unit=one.unit,
                doc=one.doc,
            )
        )
    return tuple(found)


def results(closed: Iterable[Closed]) -> Results:
    """Of the trades that were taken and whose R is known; all 0 without one."""
    taken = [(one, one.r) for one in closed if one.taken and one.r is not None and math.isfinite(one.r)]
    losing = [one.best for one, r in taken if r < 0.0 and one.best is not None]
    back = [one.best - r for one, r in taken if one.best is not None]
    return Results(
        trades=len(taken),
        win_rate=_mean([float(r > 0.0) for _, r in taken]),
        mean_r=_mean([r for _, r in taken]),
        stopped=_mean([float(one.exit_reason == STOP and r < 0.0) for one, r in taken]),
        reached=_mean([float(one.exit_reason == TARGET) for one, _ in taken]),
        best_of_losers=_mean(losing),
        given_back=_mean(back),
    )


def _mean(numbers: Sequence[float]) -> float:
    return round(math.fsum(numbers) / len(numbers), 4) if numbers else 0.0


def facts(of: Results) -> tuple[Fact, ...]:
    """The results as numbered facts."""
    told = (
        ("trades", f"{of.trades} closed trades", float(of.trades)),
        ("result", f"{100 * of.win_rate:.0f} % won, mean result {of.mean_r:+.2f} R", of.mean_r),
        ("stopped", f"{100 * of.stopped:.0f} % closed by their stop at a loss", of.stopped),
        ("reached", f"{100 * of.reached:.0f} % closed by their target", of.reached),
        ("losers", f"losing trades had been {of.best_of_losers:.2f} R ahead on average", of.best_of_losers),
        ("given_back", f"{of.given_back:.2f} R between the best and the result on average", of.given_back),
    )
    return tuple(Fact(f"E{number}", *one) for number, one in enumerate(told, 1))


def problems(strategy: Strategy, values: Mapping[str, Any], changed: Mapping[str, float]) -> list[str]:
    """What is wrong with a strategy's parameters once ``changed`` are in their place."""
    from strategies.base import parameters_problems

    return parameters_problems(strategy, changed_values(strategy.parameters, values, changed))


def changed_values(
    parameters: Sequence[Parameter], values: Mapping[str, Any], changed: Mapping[str, float]
) -> dict[str, Any]:
    """All given values with the changed ones in their place, whole numbers as such."""
    whole = {one.name for one in parameters if one.type == "int"}
    return {**values, **{key: int(value) if key in whole else value for key, value in changed.items()}}


def decided(proposal: Proposal, state: str, who: str) -> Proposal:
    """The proposal in another state. Raises ValueError where there is no such step."""
    if state not in NEXT.get(proposal.state, ()):
        raise ValueError(f"proposal {proposal.id} is {proposal.state} and cannot become {state}")
    return msgspec.structs.replace(proposal, state=state, who=who)


def applied(proposal: Proposal, strategy: Strategy, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with an accepted proposal in them. Raises ValueError where it was not accepted, is of another
    strategy, no longer starts from the values it was made for, leaves its bounds, or is not allowed."""
    if proposal.state != ACCEPTED or proposal.strategy != strategy.name:
        raise ValueError(f"proposal {proposal.id} of {proposal.strategy} is {proposal.state}, not accepted here")
    defaults = {one.name: one.default for one in strategy.parameters}
    for one in proposal.changes:
        now = values.get(one.key, defaults.get(one.key))
        if now != one.now:
            raise ValueError(f"{one.key} is {now} and no longer {one.now:g}: the proposal is out of date")
        if not one.low <= one.proposed <= one.high:
            raise ValueError(f"{one.key} = {one.proposed:g} is outside {one.low:g} to {one.high:g}")
    changed = {one.key: one.proposed for one in proposal.changes}
    wrong = problems(strategy, values, changed)
    if wrong:
        raise ValueError(wrong[0])
    return changed_values(strategy.parameters, values, changed)
