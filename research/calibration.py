"""Whether "60 %" comes true in 60 of 100 cases: what was said of cases against what the market then did.

Brier score = mean of (p - won)^2 (G. W. Brier, Monthly Weather Review 78, 1950), from 0 to 1, less is better; skill =
1 - Brier / Brier of always saying the base rate, above 0 is better than knowing nothing; log loss = mean of
-ln(what was said of that which came); ECE = mean over the BINS, weighted by their cases, of |mean p - share won|
(M. P. Naeini and others, AAAI 2015). ``p`` is the probability that the target is touched before the stop within the
horizon, so an end by time counts as not won.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from domain.research import BEAR, BULL, JUDGE, REBUTTAL, RULES, SINGLE
from research.config import DEBATE, RULES_ONLY, SINGLE_CALL

BINS = 10
"""Bins of the same width from 0 to 1: [0, 0.1), [0.1, 0.2), … [0.9, 1]."""
FEW = 30
"""Cases below which figures are shown, and said to be too few."""
SAMPLES, SEED = 2000, 7
"""Resamples of the bootstrap, and their seed: the same cases give the same interval."""
LEVEL = 0.95
CLIP = 1e-6
"""Log loss takes p no nearer to 0 and 1 than this: one word too sure would else make it infinite."""
Z = 1.959963984540054
"""Standard normal quantile of the two-sided LEVEL."""

SHAPES = {SINGLE_CALL: (SINGLE,), DEBATE: (BULL, BEAR, REBUTTAL, JUDGE), RULES_ONLY: ()}
"""The prompts that shape p_win in each arm: another version of one of them is another judge."""


class Scored(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A case with a probability and its end. ``model`` is "rules" where the rules spoke; ``prompts`` the versions that
    shaped p_win ("bear@1 bull@1 …"). ``at`` and ``known_at`` in ns; ``r`` is what the market then did in R."""

    p_win: float
    won: bool
    model: str
    prompts: str = ""
    regime: str = ""
    source: str = RULES
    contaminated: bool = False
    arm: str = ""
    r: float | None = None
    verdict: str = ""
    effect: str = ""
    symbol: str = ""
    strategy: str = ""
    direction: int = 0
    at: int = 0
    known_at: int = 0


class Bin(msgspec.Struct, frozen=True):
    """A row of the reliability table: what was said and what came, None without a case; ``share_low`` and
    ``share_high`` are Wilson's interval of the share that won."""

    low: float
    high: float
    cases: int
    said: float | None
    share: float | None
    share_low: float | None
    share_high: float | None


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """``skill`` is None where the base rate is 0 or 1 (there is nothing to be better than); its interval also where
    there are too few cases. ``few``: fewer than FEW."""

    cases: int
    won: int
    base: float | None
    said: float | None
    brier: float | None
    reference: float | None
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    log_loss: float | None
    ece: float | None
    few: bool
    bins: tuple[Bin, ...]


def scored(rows: Iterable[Any]) -> list[Scored]:
    """Cases that can be counted, in the order of their time: with a probability and a known end.

    The same candidate judged by the same judge counts once, however many runs have seen it (the first that was
    written): a recording that is played ten times is no more evidence than once.
    """
    found: dict[tuple[Any, ...], Scored] = {}
    for row in rows:
        one = _scored(row)
        if one is not None:
            found.setdefault((one.symbol, one.strategy, one.direction, one.at, *judge(one)), one)
    return sorted(found.values(), key=lambda one: (one.at, one.symbol, one.strategy, one.direction))


def _scored(row: Any) -> Scored | None:
    said = row.p_win
    if said is None or not 0.0 <= said <= 1.0 or row.won is None or not row.touched:
        return None
    rules = row.source == RULES
    return Scored(
        p_win=float(said),
        won=bool(row.won),
        model=RULES if rules else row.model,
        prompts="" if rules else shaping(row.prompts, row.arm),
        regime=row.regime,
        source=row.source,
        contaminated=bool(row.contaminated),
        arm=row.arm,
        r=row.r,
        verdict=row.verdict,
        effect=row.effect,
        symbol=row.symbol,
        strategy=row.strategy,
        direction=row.direction,
        at=row.at,
        known_at=row.known_at or 0,
    )


def shaping(prompts: str | Mapping[str, str], arm: str) -> str:
    """The versions of the prompts that shape p_win in an arm; ``prompts`` by role, also as JSON."""
    named: Mapping[str, str]
    if isinstance(prompts, str):
        try:
            named = msgspec.json.decode(prompts or "{}", type=dict[str, str])
        except (msgspec.DecodeError, msgspec.ValidationError):
            return prompts  # unreadable: never taken for a version that is known
    else:
        named = prompts
    return " ".join(sorted(named[role] for role in SHAPES.get(arm, tuple(named)) if role in named))


def judge(one: Scored) -> tuple[str, str, str]:
    """Who has said it: model, arm and the prompts that shaped it."""
    return one.model, one.arm, one.prompts


def earned(
    cases: Sequence[Scored],
    after: int,
    *,
    model: str | None = None,
    arm: str | None = None,
    prompts: str | Mapping[str, str] | None = None,
) -> bool:
    """Whether p_win of this model, arm and prompts may have a say in the size: at least ``after`` clean cases, and a
    skill whose interval lies above 0. None stands for what the newest case has."""
    clean = [one for one in cases if not one.contaminated]
    if not clean:
        return False
    newest = max(clean, key=lambda one: one.at)
    model = newest.model if model is None else model
    arm = newest.arm if arm is None else arm
    versions = newest.prompts if prompts is None else "" if model == RULES else shaping(prompts, arm)
    own = [one for one in clean if judge(one) == (model, arm, versions)]
    if len(own) < max(after, 2):
        return False
    low = measured(own).skill_low
    return low is not None and low > 0.0


def measured(cases: Sequence[Scored]) -> Calibration:
    """Every figure of the cases; None where there is none."""
    ordered = sorted(cases, key=lambda one: one.at)
    said = np.array([one.p_win for one in ordered], dtype=np.float64)
    won = np.array([one.won for one in ordered], dtype=np.float64)
    score = brier(said, won)
    reference = None if score is None else float(won.mean() * (1.0 - won.mean()))
    low, high = skill_interval(said, won)
    rows = reliability(said, won)
    return Calibration(
        cases=len(ordered),
        won=int(won.sum()),
        base=float(won.mean()) if len(ordered) else None,
        said=float(said.mean()) if len(ordered) else None,
        brier=score,
        reference=reference,
        skill=skill(said, won),
        skill_low=low,
        skill_high=high,
        log_loss=log_loss(said, won),
        ece=ece(rows),
        few=len(ordered) < FEW,
        bins=rows,
    )


def by(cases: Iterable[Scored], group: Callable[[Scored], str]) -> dict[str, Calibration]:
    """Figures of each group, in the order of their names."""
    groups: dict[str, list[Scored]] = {}
    for one in cases:
        groups.setdefault(group(one), []).append(one)
    return {name: measured(groups[name]) for name in sorted(groups)}


# -- the figures -----------------------------------------------------------------------------------

Numbers = np.ndarray[Any, np.dtype[np.float64]]


def brier(said: Numbers, won: Numbers) -> float | None:
    return float(np.mean((said - won) ** 2)) if len(said) else None


def log_loss(said: Numbers, won: Numbers) -> float | None:
    """Natural logarithm."""
    if not len(said):
        return None
    kept = np.clip(said, CLIP, 1.0 - CLIP)
    return float(-np.mean(won * np.log(kept) + (1.0 - won) * np.log(1.0 - kept)))


def skill(said: Numbers, won: Numbers) -> float | None:
    """Over the base rate of these very cases, the best that a constant can say of them."""
    if not len(said):
        return None
    base = float(won.mean())
    reference = base * (1.0 - base)
    return 1.0 - float(np.mean((said - won) ** 2)) / reference if reference > 0.0 else None


def skill_interval(said: Numbers, won: Numbers) -> tuple[float | None, float | None]:
    """The percentile interval of the skill by the circular block bootstrap (D. N. Politis and J. P. Romano, 1992):
    blocks of sqrt(n) cases that follow each other in time, for neighbours share their market. A resample without both
    outcomes has skill 0. (None, None) with fewer than FEW cases or one outcome only."""
    count = len(said)
    if count < FEW or skill(said, won) is None:
        return None, None
    length = round(math.sqrt(count))
    draws = np.random.default_rng(SEED)
    starts = draws.integers(0, count, size=(SAMPLES, -(-count // length)))
    picked = ((starts[:, :, None] + np.arange(length)) % count).reshape(SAMPLES, -1)[:, :count]
    base = won[picked].mean(axis=1)
    reference = base * (1.0 - base)
    error = ((said - won) ** 2)[picked].mean(axis=1)
    known = reference > 0.0
    found = np.where(known, 1.0 - error / np.where(known, reference, 1.0), 0.0)
    low, high = np.quantile(found, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return float(low), float(high)


def reliability(said: Numbers, won: Numbers) -> tuple[Bin, ...]:
    """What was said and what came, bin by bin."""
    number = np.minimum((said * BINS + 1e-9).astype(np.int64), BINS - 1)
    rows = []
    for one in range(BINS):
        mine = number == one
        cases, wins = int(mine.sum()), int(won[mine].sum())
        low, high = wilson(wins, cases)
        rows.append(
            Bin(
                low=one / BINS,
                high=(one + 1) / BINS,
                cases=cases,
                said=float(said[mine].mean()) if cases else None,
                share=wins / cases if cases else None,
                share_low=low,
                share_high=high,
            )
        )
    return tuple(rows)


def ece(rows: Sequence[Bin]) -> float | None:
    total = sum(one.cases for one in rows)
    if not total:
        return None
    gaps = (one.cases * abs(one.said - one.share) for one in rows if one.said is not None and one.share is not None)
    return math.fsum(gaps) / total


def wilson(wins: int, cases: int) -> tuple[float | None, float | None]:
    """Interval of a share (E. B. Wilson, 1927); (None, None) without a case."""
    if not cases:
        return None, None
    share, spread = wins / cases, Z * Z / cases
    middle = share + spread / 2.0
    half = Z * math.sqrt(share * (1.0 - share) / cases + spread / (4.0 * cases))
    return max(0.0, (middle - half) / (1.0 + spread)), min(1.0, (middle + half) / (1.0 + spread))
