"""Whether one way of judging is better than another: the same candidates, judged by both, and what the market then did.

What an arm makes of a candidate is its share of the result in R: size_factor of a GO, nothing of a NO_GO, all of an
ABSTAIN (whoever says nothing changes nothing), as if it had been allowed to. Compared pair by pair: the difference in
R and in Brier score by a sign-flip test over blocks of pairs that follow each other in time, right against wrong by
McNemar's exact test. Neighbours in time share their market; McNemar's test does not know that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import msgspec
import numpy as np

from domain.research import GO, NO_GO, RULES

ALL = "no research"
"""The arm that takes everything: what any other has to be better than."""
EXACT = 12
"""Blocks up to which every way of flipping is counted; above, FLIPS of them are drawn with SEED."""
FLIPS, SEED = 10_000, 7

Candidate = tuple[str, str, int, int]
"""Symbol, strategy, direction and time (ns): what makes two cases the same question."""


class Tried(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one arm said of one candidate, and what the market did: ``share`` 0 to 1 of the trade that is left, ``r``
    the result of the whole trade in R, ``won`` whether the target came first."""

    candidate: Candidate
    arm: str
    verdict: str
    share: float
    p_win: float | None
    r: float
    won: bool
    contaminated: bool = False

    @property
    def right(self) -> bool | None:
        """NO_GO to what lost or GO to what did not; None where nothing was said."""
        return None if self.verdict not in (GO, NO_GO) else (self.verdict == GO) == (self.r > 0.0)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Two arms on the candidates that both have judged. ``first_r`` and ``second_r`` are means in R per candidate,
    ``difference`` the second less the first; p-values are two-sided, None where there is nothing to test.
    ``only_first`` counts candidates on which the first alone was right. ``contaminated`` pairs are left out."""

    first: str
    second: str
    pairs: int
    contaminated: int
    agree: int
    first_r: float | None
    second_r: float | None
    difference: float | None
    p_difference: float | None
    only_first: int
    only_second: int
    p_right: float | None
    first_brier: float | None
    second_brier: float | None
    p_brier: float | None


def tried(rows: Iterable[Any], name: Callable[[Any], str] | None = None) -> list[Tried]:
    """Cases whose end is known, of rows like ``research.calibration.scored``, each candidate once for each arm: the
    first that was written. ``name`` says which arm a row is of."""
    named = arm_of if name is None else name
    found: dict[tuple[str, Candidate], Tried] = {}
    for row in rows:
        if not row.touched or row.won is None or row.r is None:
            continue
        candidate = (row.symbol, row.strategy, row.direction, row.at)
        arm = named(row)
        one = Tried(
            candidate=candidate,
            arm=arm,
            verdict=row.verdict,
            share=row.size_factor if row.verdict == GO else 0.0 if row.verdict == NO_GO else 1.0,
            p_win=row.p_win,
            r=row.r,
            won=bool(row.won),
            contaminated=bool(row.contaminated),
        )
        found.setdefault((arm, candidate), one)
    return list(found.values())


def arm_of(row: Any) -> str:
    """The arm with its model: "debate gpt-4o-mini", "rules"."""
    return RULES if row.model == RULES else f"{row.arm} {row.model}".strip()


def everything(cases: Iterable[Tried]) -> list[Tried]:
    """The same candidates with nobody judging."""
    found = {one.candidate: one for one in cases}
    asked = {"arm": ALL, "verdict": "", "share": 1.0, "p_win": None, "contaminated": False}
    return [msgspec.structs.replace(one, **asked) for one in found.values()]


def all_compared(cases: Sequence[Tried]) -> list[Compared]:
    """Every arm against no research at all, then every two of them."""
    of: dict[str, list[Tried]] = {}
    for one in cases:
        of.setdefault(one.arm, []).append(one)
    alone = [compared(everything(of[name]), of[name]) for name in sorted(of)]
    return alone + [compared(of[first], of[second]) for first, second in combinations(sorted(of), 2)]


def compared(first: Sequence[Tried], second: Sequence[Tried]) -> Compared:
    """The second arm against the first, on the candidates of both; neither may be empty."""
    mine: Mapping[Candidate, Tried] = {one.candidate: one for one in first}
    both = [(mine[one.candidate], one) for one in second if one.candidate in mine]
    clean = [(a, b) for a, b in both if not (a.contaminated or b.contaminated)]
    clean.sort(key=lambda pair: (pair[0].candidate[3], pair[0].candidate))
    gained = [b.share * b.r - a.share * a.r for a, b in clean]
    judged = [(a.right, b.right) for a, b in clean if a.right is not None and b.right is not None]
    only_first = sum(a and not b for a, b in judged)
    only_second = sum(b and not a for a, b in judged)
    said = [(a.p_win, b.p_win, float(b.won)) for a, b in clean if a.p_win is not None and b.p_win is not None]
    errors = [((p - won) ** 2, (q - won) ** 2) for p, q, won in said]
    return Compared(
        first=first[0].arm,
        second=second[0].arm,
        pairs=len(clean),
        contaminated=len(both) - len(clean),
        agree=sum(a.verdict == b.verdict for a, b in clean),
        first_r=_mean([a.share * a.r for a, _ in clean]),
        second_r=_mean([b.share * b.r for _, b in clean]),
        difference=_mean(gained),
        p_difference=sign_flip(gained),
        only_first=only_first,
        only_second=only_second,
        p_right=mcnemar(only_first, only_second) if judged else None,
        first_brier=_mean([a for a, _ in errors]),
        second_brier=_mean([b for _, b in errors]),
        p_brier=sign_flip([b - a for a, b in errors]),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that both are right equally often (Q. McNemar, Psychometrika 12, 1947): binomial with
    1/2 over the cases on which they differ; 1 without any."""
    differ = only_first + only_second
    tail = sum(math.comb(differ, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2.0 * tail / 2.0**differ) if differ < 1000 else _normal(only_first, only_second)


def _normal(only_first: int, only_second: int) -> float:
    """The same for large numbers, with the continuity correction."""
    z = max(0.0, abs(only_first - only_second) - 1.0) / math.sqrt(only_first + only_second)
    return math.erfc(z / math.sqrt(2.0))


def sign_flip(gained: Sequence[float]) -> float | None:
    """Two-sided p-value that paired differences, in the order of their time, have mean 0: the share of ways to flip
    the signs of whole blocks (of sqrt(n) pairs) whose mean is as far from 0. None without a pair."""
    if not gained:
        return None
    length = max(1, round(math.sqrt(len(gained))))
    blocks = np.array([math.fsum(gained[one : one + length]) for one in range(0, len(gained), length)])
    seen = abs(math.fsum(blocks)) - 1e-12
    if len(blocks) <= EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=len(blocks))))
        return float(np.mean(np.abs(signs @ blocks) >= seen))
    signs = np.random.default_rng(SEED).choice((1.0, -1.0), size=(FLIPS, len(blocks)))
    return float((1 + np.sum(np.abs(signs @ blocks) >= seen)) / (1 + FLIPS))


def _mean(numbers: Sequence[float]) -> float | None:
    return math.fsum(numbers) / len(numbers) if numbers else None
