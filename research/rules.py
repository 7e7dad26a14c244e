"""The rules: every role answered from its typed input by stated formulas, so that the whole path runs without a model.

They answer in the shapes of ``research.answers`` and pass the same checks. All numbers are rounded to four digits.

- **Bull, bear**: strength = sum of weight x |lean| of the facts on that side over the sum of the weights of all facts
  that lean (0 without one); claims are the facts that count most on that side.
- **Rebuttal**: own strength x (1 - other's strength / 2).
- **Disagreement**: the weaker strength over the stronger one, 0 where neither side has any.
- **Judge**: edge = strength of the trade's side - strength of the other; p_win = probability + 0.25 x edge +
  0.05 x (2 x score - 1), between 0.05 and 0.95, with the candidate's own probability and score (0.5 where they are
  none). GO from the threshold on if anything speaks for the trade, else NO_GO; size_factor = 1 - disagreement / 2 while
  the trade's side is the stronger one, then disagreement / 2: the more is against it, the less is left. ABSTAIN where
  neither side has any strength. With rebuttals their strengths count.
- **Analyst**: net = bull - bear; bias from 0.15 on either side, the regime of the fact that names it, and risks by the
  limits of ``_risks``.
- **Critic, planner**: ``research.hindsight``. **Reader**: lists of words, ``research.keywords``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from domain.research import (
    ABSTAIN,
    ANALYST,
    BEAR,
    BEARISH,
    BULL,
    BULLISH,
    CRITIC,
    GO,
    JUDGE,
    NEUTRAL,
    NO_GO,
    PLANNER,
    READER,
    REBUTTAL,
    RULES,
    SINGLE,
    Argument,
    Case,
    Claim,
    Fact,
    Usage,
    Verdict,
)
from research.hindsight import plan, review
from research.inputs import JudgeInput, ReaderInput, RebuttalInput, SideInput, SingleInput, ViewInput
from research.keywords import read
from research.port import Answer, Task, UnknownEvidence

CLAIMS = 4
"""Claims of one side, at most."""
CITED = 3
"""Facts of each side that a verdict cites, at most."""
EDGE, SCORE = 0.25, 0.05
"""What the whole edge, and the best score, add to the probability."""
SURE = 0.95
LEAST = 0.0001
"""The smallest share of the size that is still a GO."""
BIAS = 0.15
"""Net strength from which the analyst takes a side."""

Answers = dict[str, Any]


class RulesModel:
    """The rules as a model: the same question always has the same answer, at once and for nothing."""

    async def answer(self, task: Task, within: float) -> Answer:
        parsed = answered(task.role, task.given)
        text = msgspec.json.encode(parsed).decode()
        facts = Answer(source=RULES, text=text, parsed=parsed, mode=RULES, tries=1, usage=Usage(0, 0), cost=0)
        try:
            return msgspec.structs.replace(facts, value=task.check(parsed))
        except UnknownEvidence as wrong:
            return msgspec.structs.replace(facts, outcome="UNKNOWN_EVIDENCE", detail=str(wrong))
        except ValueError as wrong:
            return msgspec.structs.replace(facts, outcome="INVALID", detail=str(wrong))

    async def close(self) -> None:
        """Nothing is open."""


def answered(role: str, given: Any) -> Answers:
    """A role's answer as JSON values."""
    return _ROLES[role](given)


def opinion(case: Case, threshold: float, rebuttal: bool = False) -> Verdict:
    """The rules' whole debate in one step: what it comes to when every role is the rules."""
    if not case.facts:
        return Verdict(verdict=ABSTAIN, code="NO_FACTS")
    bull, bear = _sides(case)
    if rebuttal:
        bull, bear = _after(bull, bear), _after(bear, bull)
    said = _verdict(case, bull, bear, threshold)
    return Verdict(
        verdict=said["verdict"],
        p_win=None if said["verdict"] == ABSTAIN else said["p_win"],
        size_factor=said["size_factor"],
        evidence=tuple(said["evidence"]),
        reason=said["reason"],
        disagreement=disagreement(bull.strength, bear.strength),
    )


def strengths(facts: Iterable[Fact]) -> tuple[float, float]:
    """(bull's, bear's) share of the weight of all facts that lean."""
    leaning = [one for one in facts if one.weight > 0.0 and one.lean != 0.0]
    total = math.fsum(one.weight for one in leaning)
    if not total > 0.0:
        return 0.0, 0.0
    rising = math.fsum(one.weight * one.lean for one in leaning if one.lean > 0.0) / total
    falling = math.fsum(-one.weight * one.lean for one in leaning if one.lean < 0.0) / total
    return min(1.0, round(rising, 4)), min(1.0, round(falling, 4))


def disagreement(bull: float, bear: float) -> float:
    """0: one side has nothing to say; 1: both say as much."""
    most = max(bull, bear)
    return round(min(bull, bear) / most, 4) if most > 0.0 else 0.0


def _sides(case: Case) -> tuple[Argument, Argument]:
    bull, bear = strengths(case.facts)
    return (
        Argument(BULL, bull, _claims(case.facts, 1) if bull else (), RULES),
        Argument(BEAR, bear, _claims(case.facts, -1) if bear else (), RULES),
    )


def _claims(facts: Iterable[Fact], sign: int) -> tuple[Claim, ...]:
    mine = [one for one in facts if one.weight > 0.0 and one.lean * sign > 0.0]
    mine.sort(key=lambda one: -one.weight * abs(one.lean))  # stable: equal ones in the order of the facts
    return tuple(Claim(one.id, one.text) for one in mine[:CLAIMS])


def _after(own: Argument, other: Argument) -> Argument:
    return msgspec.structs.replace(own, strength=round(own.strength * (1.0 - other.strength / 2.0), 4))


def _argument(one: Argument) -> Answers:
    claims = [{"evidence": claim.evidence, "says": claim.says} for claim in one.claims]
    return {"claims": claims, "strength": one.strength}


def _side(given: SideInput) -> Answers:
    bull, bear = _sides(given.case)
    return _argument(bull if given.side == BULL else bear)


def _rebuttal(given: RebuttalInput) -> Answers:
    return _argument(_after(given.own, given.other))


def _judge(given: JudgeInput) -> Answers:
    last = {one.side: one for one in (given.bull, given.bear, *given.rebuttals)}
    return _verdict(given.case, last[BULL], last[BEAR], given.threshold)


def _single(given: SingleInput) -> Answers:
    return _verdict(given.case, *_sides(given.case), given.threshold)


def _verdict(case: Case, bull: Argument, bear: Argument, threshold: float) -> Answers:
    ours, theirs = (bull, bear) if case.direction > 0 else (bear, bull)
    edge = ours.strength - theirs.strength
    raw = _share(case.probability) + EDGE * edge + SCORE * (2.0 * _share(case.score) - 1.0)
    p_win = round(min(SURE, max(1.0 - SURE, raw)), 4)
    apart = disagreement(bull.strength, bear.strength)
    cited = [claim.evidence for side in (ours, theirs) for claim in side.claims[:CITED]]
    reason = f"bull {bull.strength:.2f}, bear {bear.strength:.2f}, p_win {p_win:.2f} against {threshold:.2f}"
    if not cited or not max(bull.strength, bear.strength) > 0.0:
        verdict, reason = ABSTAIN, "no fact leans either way"
    else:
        verdict = GO if p_win >= threshold and ours.strength > 0.0 else NO_GO
    left = 1.0 - apart / 2.0 if edge >= 0.0 else apart / 2.0
    return {
        "evidence": list(dict.fromkeys(cited)),
        "reason": reason,
        "p_win": p_win,
        "size_factor": max(LEAST, round(left, 4)) if verdict == GO else 0.0,
        "verdict": verdict,
    }


def _share(number: float) -> float:
    """A share of the candidate's; 0.5 where it has none."""
    return min(1.0, number) if math.isfinite(number) and number > 0.0 else 0.5


def _view(given: ViewInput) -> Answers:
    own = [one for one in given.facts if one.kind != "view"]  # its own last word is no evidence
    bull, bear = strengths(own)
    net = bull - bear
    deciding = _claims(own, 1 if net > 0.0 else -1)
    regime = next((one for one in own if one.kind == "regime"), None)
    named = regime.text.split()[-1] if regime else ""
    cited = [claim.evidence for claim in deciding] + ([regime.id] if regime else [])
    return {
        "evidence": cited,
        "regime": named if named in ("TRENDING", "RANGING", "VOLATILE") else "NORMAL",
        "bias": BULLISH if net >= BIAS else BEARISH if net <= -BIAS else NEUTRAL,
        "risks": _risks(own, named),
    }


def _risks(facts: Sequence[Fact], regime: str) -> list[str]:
    """What is told by the numbers of the facts, in the order of the list of risks."""

    def some(kind: str, holds: Callable[[float], bool]) -> bool:
        return any(one.kind == kind and one.value is not None and holds(one.value) for one in facts)

    trend = next((one.lean for one in facts if one.kind == "trend"), 0.0)
    moves = [one.lean for one in facts if one.kind == "momentum"]
    held = some("held", lambda positions: positions >= 2.0)
    found = {
        "NEWS": some("calendar", lambda minutes: minutes <= 60.0),
        "VOLATILITY": regime == "VOLATILE",
        "LIQUIDITY": some("volume", lambda ratio: ratio < 0.5),
        "CORRELATION": some("correlation", lambda rho: abs(rho) >= 0.7),
        "GAP": any(one.kind == "session" and "weekend" in one.text for one in facts),
        "OVEREXTENDED": some("rsi", lambda rsi: not 30.0 < rsi < 70.0)
        or some("bands", lambda place: not 0.0 <= place <= 1.0),
        "COUNTER_TREND": any(trend * move < 0.0 and min(abs(trend), abs(move)) >= 0.25 for move in moves),
        "CONCENTRATION": held and some("correlation", lambda rho: rho >= 0.7),
    }
    return [name for name, there in found.items() if there]


def _readings(given: ReaderInput) -> Answers:
    return {"readings": [read(one) for one in given.headlines]}


_ROLES: dict[str, Callable[[Any], Answers]] = {
    ANALYST: _view,
    BULL: _side,
    BEAR: _side,
    REBUTTAL: _rebuttal,
    JUDGE: _judge,
    SINGLE: _single,
    READER: _readings,
    CRITIC: review,
    PLANNER: plan,
}
