"""What a policy sees of an open position, what it may propose, and which proposal counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.candidate import Held
from domain.money import from_decimal
from domain.registry import load
from risk.config import ExitConfig
from risk.exits import EXITS

NORMAL, HIGH, IMMEDIATE = 1, 2, 3
"""How urgent a proposal is."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """The indicators after a closed bar, in price units where they are prices; NaN while they warm up.

    ``macd_bars`` counts the latest MACD histogram bars on one side of zero, negative below it. ``trend`` is 1 rising,
    -1 falling, 0 without one; ``regime`` is "" while it is not known.
    """

    atr: float = math.nan
    rsi: float = math.nan
    macd_bars: float = math.nan
    sma: float = math.nan
    highest: float = math.nan
    lowest: float = math.nan
    trend: int = 0
    regime: str = ""


NO_READING = Reading()


class Facts(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The closed bar at which positions are managed: BID prices and ``spread`` (0 unknown) in 1e-9.

    ``at`` is its close (T, ns), ``timeframe`` its length (ns). Of the instrument: ``tick``, the ``least`` quantity of
    an order (1e-9), ``asset_class``.
    """

    at: int
    timeframe: int
    open: int
    high: int
    low: int
    close: int
    spread: int = 0
    tick: int = 1
    least: int = 1
    asset_class: str = "other"
    reading: Reading = NO_READING


class Close(msgspec.Struct, frozen=True, gc=False):
    """Close a ``fraction`` of what was held first, all that is left with 1. ``reason`` is the order's purpose."""

    reason: str
    fraction: float = 1.0
    urgency: int = NORMAL


class Tighten(msgspec.Struct, frozen=True, gc=False):
    """Move the stop to a price (1e-9, not yet on the tick). ``flag`` is kept once the venue has confirmed."""

    reason: str
    stop: int
    urgency: int = NORMAL
    flag: str = ""


Proposal = Close | Tighten


class Policy(Protocol):
    """One way to manage a position: a pure function of the position and the closed bar.

    ``keys`` are the settings that turn it on; ``indicators`` says whether it looks at the reading.
    """

    keys: tuple[str, ...]
    indicators: bool

    def propose(self, held: Held, facts: Facts) -> Proposal | None: ...


def policies(config: ExitConfig) -> tuple[Policy, ...]:
    """The policies that the configuration turns on, in the order of evaluation."""
    built = (load(reference).build(config) for reference in EXITS.values())
    return tuple(one for one in built if one is not None)


def reads_indicators(policies: Sequence[Policy]) -> bool:
    return any(one.indicators for one in policies)


def decide(held: Held, facts: Facts, policies: Sequence[Policy]) -> Proposal | None:
    """The most urgent proposal, of those the most protective, of those the first.

    A full close protects more than a part, a larger part more than a smaller one, any close more than a stop, a
    tighter stop more than a looser one. Nothing is proposed for what is already on its way out. While a change of the
    stop is not confirmed, ``held.stop`` is the one that was asked for, so that only a tighter one follows it.
    """
    if abs(held.quantity) <= held.closing:
        return None
    chosen: Proposal | None = None
    for policy in policies:
        proposal = policy.propose(held, facts)
        if proposal is None or not _possible(proposal, held, facts):
            continue
        if chosen is None or _rank(proposal, held) > _rank(chosen, held):
            chosen = proposal
    return chosen


def _possible(proposal: Proposal, held: Held, facts: Facts) -> bool:
    """Parts only while nothing is on its way out; stops only tighter and short of the price, by a tick at least."""
    if isinstance(proposal, Close):
        return proposal.fraction >= 1 or held.closing == 0
    towards = side(held)
    short_of_price = (price(held, facts) - proposal.stop) * towards
    tightens = (proposal.stop - held.stop) * towards if held.stop else facts.tick
    return proposal.stop > 0 and short_of_price >= facts.tick and tightens >= facts.tick


def _rank(proposal: Proposal, held: Held) -> tuple[int, int, float]:
    if isinstance(proposal, Tighten):
        return proposal.urgency, 0, proposal.stop * side(held)
    return proposal.urgency, 1, proposal.fraction


def side(held: Held) -> int:
    return 1 if held.quantity > 0 else -1


def price(held: Held, facts: Facts) -> int:
    """What it could be closed at: the bid, for a short the ask."""
    return facts.close if held.quantity > 0 else facts.close + facts.spread


def profit(held: Held, facts: Facts) -> int:
    """Of one unit, in price (1e-9)."""
    return (price(held, facts) - held.entry) * side(held)


def best(held: Held, facts: Facts) -> int:
    """The best price it could have been closed at since the entry, as far as bars tell."""
    found = held.best or held.entry
    return found if held.quantity > 0 else found + facts.spread


def age(held: Held, facts: Facts) -> int:
    """How long it has been open, in ns; -1 if that is not known."""
    return facts.at - held.opened_at if held.opened_at > 0 else -1


def exact(number: float) -> int:
    """A configured number in 1e-9 (seconds: in ns), exactly as written."""
    return from_decimal(str(number))
