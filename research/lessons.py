"""Lessons of earlier reviews: what may be recalled at a moment. They are data, whoever wrote them.

A lesson may be recalled only after its outcome was known; what looks like an instruction is left out, and a lesson as a
fact leans nowhere and weighs nothing, so that the rules never follow one.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.research import Fact, Review
from research.answers import LESSON
from research.outside import cleaned, folded
from research.suspicion import suspicious

MOST = 5
"""Lessons that are recalled at once."""


def usable(reviews: Iterable[Review], at: int, symbol: str, strategy: str, most: int = MOST) -> tuple[Review, ...]:
    """What may be recalled at ``at`` (ns) for a setup: of the strategy on the symbol first, then of the strategy, then
    of the symbol; the newest first, each lesson once."""
    near = [
        one
        for one in reviews
        if one.known_at < at
        and (one.strategy == strategy or one.symbol == symbol)
        and folded(one.lesson)
        and not suspicious(one.lesson)
    ]
    near.sort(key=lambda one: (one.strategy != strategy, one.symbol != symbol, -one.known_at, one.id))
    found: dict[str, Review] = {}
    for one in near:
        found.setdefault(folded(one.lesson), one)
    return tuple(found.values())[:most]


def texts(reviews: Iterable[Review]) -> tuple[str, ...]:
    """The lessons themselves, cleaned and cut."""
    return tuple(cleaned(one.lesson, LESSON) for one in reviews)


def facts(reviews: Iterable[Review], after: int) -> tuple[Fact, ...]:
    """The lessons as facts that follow number ``after``."""
    return tuple(
        Fact(f"E{number}", "lesson", f'noted after an earlier trade: "{text}"')
        for number, text in enumerate(texts(reviews), after + 1)
    )
