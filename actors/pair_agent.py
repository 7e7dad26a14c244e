"""One symbol's agent: a changed stance becomes a candidate, a stance that leaves a position closes it."""

from __future__ import annotations

import msgspec

from domain.candidate import CODE, FLAT, Candidate, Exit, Held
from domain.money import from_float
from domain.order import SIGNAL
from strategies.runner import Facts


class Report(msgspec.Struct, frozen=True, gc=False):
    """What an agent says of one closed bar: always a reason, at most one candidate, at most one exit."""

    code: int
    candidate: Candidate | None = None
    exit: Exit | None = None


class PairAgent:
    """Watches one symbol. It knows neither money nor size; its state lives in its host's row."""

    def __init__(self, symbol: str, strategy: str, timeframe_ns: int) -> None:
        self.symbol, self.strategy, self.timeframe_ns = symbol, strategy, timeframe_ns

    def report(
        self, at: int, stance: int, changed: bool, close: float, facts: Facts | None, held: Held | None
    ) -> Report:
        """One closed bar: ``at`` is its close (ns), ``close`` its price, ``held`` the symbol's position if any."""
        price = from_float(close)
        if changed and stance != FLAT and facts is not None:
            candidate = Candidate(
                symbol=self.symbol,
                strategy=self.strategy,
                direction=stance,
                at=at,
                price=price,
                stop=from_float(facts.stop),
                target=from_float(facts.target),
                score=facts.score,
                probability=facts.probability,
                expires_at=at + self.timeframe_ns,
                reasons=facts.reasons,
            )
            return Report(CODE["CANDIDATE"], candidate)
        if held is not None and held.quantity * stance <= 0:
            if abs(held.quantity) > held.closing:
                return Report(CODE["EXIT"], None, Exit(self.symbol, self.strategy, SIGNAL, at, price))
            return Report(CODE["HOLDING"])
        return Report(CODE["HOLDING"] if held is not None else CODE["NO_SIGNAL"])
