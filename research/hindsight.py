"""The rules that look back: what a closed trade teaches, and what the results of many suggest.

- **Critic**: each fact of the process (``research.critic.facts``) leans from -1 (bad) to 1 (good); score = 10 x
  weighted mean of (lean + 1) / 2, 5 without any; the lesson is of the worst one.
- **Planner**: at most one parameter, by one step: the first of ``PLANS`` that holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from research.inputs import CriticInput, PlannerInput, Results

ENOUGH = 20
"""Closed trades without which nothing is proposed."""

LESSONS = {
    "stop": ("Keep the stop where the plan put it.", "The stop was honoured; keep that."),
    "plan": ("Take no trade whose target is nearer than its stop.", "The plan paid more than it risked; keep that."),
    "capture": ("Protect a gain of a whole R before it goes.", "A good part of the best gain was kept; keep that."),
    "entry": ("Enter with the evidence, not against it.", "The entry went with the evidence; keep that."),
    "regime": ("Check the regime before an entry.", "The entry fitted the regime; keep that."),
    "horizon": ("Close what has not worked within its horizon.", "The trade ended within its horizon; keep that."),
    "verdict": ("Listen to the verdict.", "Verdict and action agreed; keep that."),
}
"""What is said of each kind of fact of the process: when it was bad, and when it was good."""


def review(given: CriticInput) -> dict[str, Any]:
    """The critic's rules: an answer in the shape of ``research.answers.ReviewAnswer``."""
    judged = [one for one in given.facts if one.weight > 0.0]
    total = math.fsum(one.weight for one in judged)
    mean = math.fsum(one.weight * (one.lean + 1.0) / 2.0 for one in judged) / total if total > 0.0 else 0.5
    worst = min(judged, key=lambda one: (one.lean, -one.weight), default=None)
    lesson = "Too little is known of this trade to learn from it."
    if worst is not None:
        lesson = LESSONS[worst.kind][worst.lean > 0.0]
    return {
        "evidence": [one.id for one in judged],
        "analysis": "; ".join(one.text for one in given.facts),
        "lesson": lesson,
        "score": round(10.0 * mean, 1),
    }


class Plan(msgspec.Struct, frozen=True):
    """When something is proposed, for which parameters (the first that is there), whether up or down, why, and by which
    facts."""

    when: Callable[[Results], bool]
    keys: tuple[str, ...]
    up: bool
    why: str
    kinds: tuple[str, ...]


STOPS, TARGETS = ("stop_atr", "retest_stop_atr"), ("target_atr", "target_r")
CHOOSY = ("enter", "strength", "range_atr", "width")
PLANS = (
    Plan(
        lambda of: of.mean_r < 0.0 and of.stopped >= 0.6 and of.best_of_losers >= 0.5,
        STOPS,
        True,
        "most trades are stopped out, though the losing ones had been well ahead: a wider stop",
        ("stopped", "losers"),
    ),
    Plan(
        lambda of: of.mean_r < 0.0 and of.reached < 0.2 and of.given_back >= 0.75,
        TARGETS,
        False,
        "the target is seldom reached and much is given back: a nearer target",
        ("reached", "given_back"),
    ),
    Plan(
        lambda of: of.mean_r < 0.0,
        CHOOSY,
        True,
        "the trades lose on the whole: a stricter entry",
        ("result",),
    ),
    Plan(
        lambda of: of.mean_r > 0.0 and of.reached >= 0.5,
        TARGETS,
        True,
        "the target is reached in most trades: a farther target",
        ("reached", "result"),
    ),
)
"""What the planner's rules know, first come first served."""


def plan(given: PlannerInput) -> dict[str, Any]:
    """The planner's rules: an answer in the shape of ``research.answers.PlanAnswer``."""
    knobs = {one.key: one for one in given.parameters}
    if given.results.trades < ENOUGH:
        return {"reason": f"{given.results.trades} closed trades are too few, {ENOUGH} are needed", "changes": []}
    for one in PLANS:
        knob = next((knobs[key] for key in one.keys if key in knobs), None)
        cited = [fact.id for fact in given.facts if fact.kind in one.kinds]
        if knob is None or not cited or not one.when(given.results):
            continue
        proposed = knob.high if one.up else knob.low
        if proposed != knob.now:
            change = {"key": knob.key, "proposed": proposed, "evidence": cited}
            return {"reason": one.why, "changes": [change]}
    return {"reason": "nothing in the results asks for a change", "changes": []}
