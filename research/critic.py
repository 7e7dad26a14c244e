"""The critic: how well a trade, or a refusal, was done, apart from what came of it, and one lesson.

Code computes the facts of the process, each with a lean from -1 (bad) to 1 (good) and a weight; they decide the rules'
score. The result in money has no part in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from domain.candidate import identity
from domain.order import STOP
from domain.research import ABSTAIN, CRITIC, GO, NO_GO, Case, Closed, Fact, Review
from research.answers import ReviewAnswer
from research.asking import About, Asked, Desk, Requests
from research.config import ResearchConfig
from research.inputs import CriticInput
from research.lessons import texts
from research.port import Model
from research.rules import strengths

SLIPPED = -1.1
"""R below which a stop was not honoured: a tenth of it may be lost to slippage."""
WORTHWHILE = 1.5
"""Planned reward over risk that is good; below 1 it is bad."""
CLEAR = 0.3
"""Net strength of the evidence at which an entry is wholly with it, or against it."""
AHEAD = 1.0
"""R of gain from which something can have been given back."""


class Reviewed(NamedTuple):
    review: Review
    asked: tuple[Asked, ...]


class Critic:
    def __init__(self, model: Model, rules: Model, config: ResearchConfig, requests: Requests) -> None:
        self._desk = Desk(model, rules, config, requests)

    async def review(
        self, closed: Closed, case: Case | None, earlier: Iterable[Review], within: float, run_id: str = ""
    ) -> Reviewed:
        """The review of a trade or refusal. ``earlier`` are reviews that were usable when it was opened. Where the
        model has no answer it is the rules' with the model's outcome as ``code``."""
        given = CriticInput(closed=closed, case=case, facts=facts(closed, case), lessons=texts(earlier))
        about = About(closed.id, closed.known_at, closed.case_id, run_id)
        said = await self._desk.ask_or_rules(CRITIC, given, about, within)
        answer: ReviewAnswer = said.value
        review = Review(
            id=identity("review", closed.id),
            case_id=closed.case_id,
            symbol=closed.symbol,
            strategy=closed.strategy,
            taken=closed.taken,
            score=answer.score,
            lesson=answer.lesson,
            analysis=answer.analysis,
            known_at=closed.known_at,
            r=closed.r,
            source=said.source,
            code=said.code,
        )
        return Reviewed(review, said.asked)


def facts(closed: Closed, case: Case | None) -> tuple[Fact, ...]:
    """What is known of the process, numbered; what is not known is left out.

    - stop (3): closed by its stop no worse than -1.1 R; otherwise never further against it than that.
    - plan (2): target over stop 1.5 and more good, below 1 bad.
    - capture (1): once a whole R ahead, at least half of the best kept good, less than a quarter bad.
    - entry (2): the net strength of the case's facts for its direction, wholly at 0.3; for a refusal the other way
      round.
    - regime (1): bad in a volatile one; in a trend by the trend's own facts.
    - horizon (1): over within the case's horizon.
    - verdict (2): taken after GO, or refused after NO_GO, good; taken after NO_GO bad.
    """
    drafts = [_result(closed)]
    if closed.taken:
        drafts += [_stop(closed), _capture(closed)]
    if case is not None:
        drafts += [_plan(case), _entry(closed, case), _regime(closed, case)]
        if closed.taken:
            held = f"held {closed.bars} bars of a horizon of {case.horizon}"
            drafts.append(
                Fact("", "horizon", held, float(closed.bars), 1.0 if closed.bars <= case.horizon else -1.0, 1)
            )
    drafts.append(_verdict(closed))
    known = [one for one in drafts if one is not None]
    return tuple(msgspec.structs.replace(one, id=f"E{number}") for number, one in enumerate(known, 1))


def _result(closed: Closed) -> Fact | None:
    """Told, and without weight."""
    if closed.r is None:
        return None
    end = f"closed by {closed.exit_reason}" if closed.taken else "refused; it would have ended"
    return Fact("", "result", f"{end} at {closed.r:+.2f} R", round(closed.r, 2))


def _stop(closed: Closed) -> Fact | None:
    by_stop = closed.exit_reason == STOP
    farthest = closed.r if by_stop else closed.worst
    if farthest is None:
        return None
    honoured = farthest >= SLIPPED
    text = f"{'closed by the stop at' if by_stop else 'never closed by the stop; at worst'} {farthest:+.2f} R"
    return Fact("", "stop", text, round(farthest, 2), 1.0 if honoured else -1.0, 3.0)


def _capture(closed: Closed) -> Fact | None:
    if closed.r is None or closed.best is None or closed.best < AHEAD:
        return None
    kept = closed.r / closed.best
    lean = 1.0 if kept >= 0.5 else 0.0 if kept >= 0.25 else -1.0
    return Fact(
        "", "capture", f"{closed.best:.2f} R ahead at best, {100 * kept:.0f} % of it kept", round(kept, 2), lean, 1
    )


def _plan(case: Case) -> Fact | None:
    if case.stop <= 0 or case.target <= 0:
        return None
    ratio = case.target / case.stop
    lean = 1.0 if ratio >= WORTHWHILE else 0.0 if ratio >= 1.0 else -1.0
    return Fact("", "plan", f"planned to gain {ratio:.2f} times the risk", round(ratio, 2), lean, 2.0)


def _entry(closed: Closed, case: Case) -> Fact | None:
    bull, bear = strengths(case.facts)
    if not max(bull, bear) > 0.0:
        return None
    net = (bull - bear) * case.direction
    fitting = net if closed.taken else -net
    text = f"the evidence spoke {'for' if net > 0.0 else 'against'} the entry by {abs(net):.2f}"
    return Fact("", "entry", text, round(net, 2), max(-1.0, min(1.0, fitting / CLEAR)), 2.0)


def _regime(closed: Closed, case: Case) -> Fact | None:
    trend = [one for one in case.facts if one.kind in ("trend", "adx")]
    if case.regime == "VOLATILE":
        lean = -1.0
    else:
        going = math.fsum(one.weight * one.lean for one in trend) if case.regime == "TRENDING" else 0.0
        if going == 0.0:
            return None
        lean = math.copysign(1.0, case.direction * going)
    text = f"the regime was {case.regime}, {'with' if lean > 0.0 else 'against'} the entry"
    return Fact("", "regime", text, None, lean if closed.taken else -lean, 1.0)


def _verdict(closed: Closed) -> Fact | None:
    if closed.verdict not in (GO, NO_GO, ABSTAIN):
        return None
    if closed.taken:
        lean = {GO: 1.0, NO_GO: -1.0}.get(closed.verdict, 0.0)
    else:
        lean = 1.0 if closed.verdict == NO_GO else 0.0
    text = f"research said {closed.verdict}, and it was {'taken' if closed.taken else 'refused'}"
    return Fact("", "verdict", text, None, lean, 2.0)
