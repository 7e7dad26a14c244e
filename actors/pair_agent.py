"""One symbol's agent: a changed stance becomes a candidate, a stance that leaves a position closes it, and an open
position is managed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.candidate import CODE, FLAT, Amend, Candidate, Exit, Held
from domain.money import from_float
from domain.order import SIGNAL
from risk.exits.base import Close, Policy, decide
from risk.exits.base import Facts as BarFacts
from strategies.runner import Facts


class Report(msgspec.Struct, frozen=True, gc=False):
    """What an agent says of one closed bar: always a reason, at most one candidate, one exit or one new stop."""

    code: int
    candidate: Candidate | None = None
    exit: Exit | None = None
    amend: Amend | None = None


class PairAgent:
    """Watches one symbol. It knows neither money nor size; its state lives in its host's row."""

    def __init__(self, symbol: str, strategy: str, timeframe_ns: int, policies: Sequence[Policy] = ()) -> None:
        self.symbol, self.strategy, self.timeframe_ns = symbol, strategy, timeframe_ns
        self.policies = policies

    def report(
        self,
        at: int,
        stance: int,
        changed: bool,
        close: float,
        facts: Facts | None,
        held: Held | None,
        regime: str = "",
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
                reasons=(*facts.reasons, regime) if regime else facts.reasons,
                regime=regime,
            )
            return Report(CODE["CANDIDATE"], candidate)
        if held is not None and held.quantity * stance <= 0:
            if abs(held.quantity) > held.closing:
                return Report(CODE["EXIT"], None, Exit(self.symbol, self.strategy, SIGNAL, at, price))
            return Report(CODE["HOLDING"])
        return Report(CODE["HOLDING"] if held is not None else CODE["NO_SIGNAL"])

    def managed(self, report: Report, held: Held, facts: BarFacts) -> Report:
        """The same report with what the policies propose for the position.

        A stance that has left its side closes it anyway, and so does a candidate for the other side; a candidate
        for the same side is dropped when the position shall be closed.
        """
        candidate = report.candidate
        if report.exit is not None or (candidate is not None and candidate.direction * held.quantity < 0):
            return report
        proposal = decide(held, facts, self.policies)
        if proposal is None:
            return report
        who = (self.symbol, self.strategy, proposal.reason, facts.at, facts.close)
        if not isinstance(proposal, Close):
            amend = Amend(*who, proposal.stop, proposal.flag, held.entry_order)
            return Report(report.code, candidate, amend=amend)
        kept = candidate if proposal.fraction < 1 else None
        code = CODE["EXIT"] if kept is None else report.code
        return Report(code, kept, Exit(*who, proposal.fraction))
