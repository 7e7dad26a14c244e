"""What each role is given: typed values, from which prompts are rendered and which the rules read."""

from __future__ import annotations

import msgspec

from domain.research import (
    ANALYST,
    BEAR,
    BULL,
    CRITIC,
    JUDGE,
    PLANNER,
    READER,
    REBUTTAL,
    SINGLE,
    Argument,
    Case,
    Closed,
    Fact,
    Headline,
)


class ViewInput(msgspec.Struct, frozen=True, kw_only=True):
    """For the analyst: a symbol ("" for the book) and its numbered facts. ``at`` in ns; no fact is later."""

    symbol: str
    at: int
    facts: tuple[Fact, ...]


class SideInput(msgspec.Struct, frozen=True, kw_only=True):
    """For bull or bear (``side``): the bull argues that the price rises, the bear that it falls. Neither sees the
    other's argument."""

    case: Case
    side: str


class RebuttalInput(msgspec.Struct, frozen=True, kw_only=True):
    """For ``side`` once more: its ``own`` argument and the ``other`` side's."""

    case: Case
    side: str
    own: Argument
    other: Argument


class JudgeInput(msgspec.Struct, frozen=True, kw_only=True):
    """For the judge: both arguments, and what each said of the other's (none, or bull's and bear's).

    ``bull_first`` is the order in which the sides are shown, rebuttals included; ``threshold`` is the p_win below which
    there is no GO.
    """

    case: Case
    bull: Argument
    bear: Argument
    rebuttals: tuple[Argument, ...] = ()
    threshold: float = 0.5
    bull_first: bool = True


class SingleInput(msgspec.Struct, frozen=True, kw_only=True):
    """For a verdict in one call, without a debate."""

    case: Case
    threshold: float = 0.5


class ReaderInput(msgspec.Struct, frozen=True, kw_only=True):
    """For the reader: texts from outside, the only role that sees any. It answers for their ``id``."""

    headlines: tuple[Headline, ...]


class CriticInput(msgspec.Struct, frozen=True, kw_only=True):
    """For the critic: a trade that is over or a refused candidate, the case it came from (None: not known), numbered
    facts of the process, and earlier lessons that were known when it was opened (texts: data)."""

    closed: Closed
    case: Case | None = None
    facts: tuple[Fact, ...] = ()
    lessons: tuple[str, ...] = ()


class Knob(msgspec.Struct, frozen=True, kw_only=True):
    """A numeric parameter that may be turned: its value now, the bounds of one proposal (both allowed, inside the
    strategy's own), and what it means. ``type`` is int or float."""

    key: str
    type: str
    now: float
    low: float
    high: float
    unit: str = ""
    doc: str = ""


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """What the closed trades of a strategy say together. R is the result over the first stop's distance.

    ``stopped``: share closed by their stop at a loss; ``reached``: share closed by their target; ``best_of_losers``:
    the mean of the most that losing trades had gained, in R; ``given_back``: the mean of best minus result, in R.
    """

    trades: int
    win_rate: float
    mean_r: float
    stopped: float
    reached: float
    best_of_losers: float
    given_back: float


class PlannerInput(msgspec.Struct, frozen=True, kw_only=True):
    """For the planner: what may be turned, what came of it as it is, and the same as numbered facts."""

    strategy: str
    at: int
    parameters: tuple[Knob, ...]
    results: Results
    facts: tuple[Fact, ...]


Input = ViewInput | SideInput | RebuttalInput | JudgeInput | SingleInput | ReaderInput | CriticInput | PlannerInput

GIVEN: dict[str, type] = {
    ANALYST: ViewInput,
    BULL: SideInput,
    BEAR: SideInput,
    REBUTTAL: RebuttalInput,
    JUDGE: JudgeInput,
    SINGLE: SingleInput,
    READER: ReaderInput,
    CRITIC: CriticInput,
    PLANNER: PlannerInput,
}
"""The input of each role."""
