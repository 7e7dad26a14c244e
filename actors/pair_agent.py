"""One symbol's agent: a changed stance becomes a candidate, a stance that leaves a position closes it, and an open
position is managed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from actors.base import Failure, guarded
from domain.candidate import CODE, FLAT, Amend, Candidate, Exit, Held
from domain.instrument import Instrument
from domain.money import from_float
from domain.order import SIGNAL
from risk.exits.base import Close, Policy, Reading, decide
from risk.exits.base import Facts as BarFacts
from strategies.runner import Facts


class Report(msgspec.Struct, frozen=True, gc=False):
    """What an agent says of one closed bar: always a reason, at most one candidate, one exit or one new stop."""

    code: int
    candidate: Candidate | None = None
    exit: Exit | None = None
    amend: Amend | None = None


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """What a strategy said of one closed bar: ``at`` is its close (ns), ``failed`` what was wrong with the step,
    ``facts`` and ``regime`` belong to a stance that has changed. ``bar`` makes what policies look at."""

    at: int
    stance: int
    changed: bool
    warming: bool
    failed: str
    close: float
    bar: Callable[[], BarFacts]
    facts: Callable[[], Facts]
    regime: str = ""


class PairAgent:
    """Watches one symbol. It knows neither money nor size; its state lives in its host's row."""

    def __init__(self, symbol: str, strategy: str, timeframe_ns: int, policies: Sequence[Policy] = ()) -> None:
        self.symbol, self.strategy, self.timeframe_ns = symbol, strategy, timeframe_ns
        self.policies = policies

    def speak(self, said: Spoken, held: Held | None) -> tuple[Report, str]:
        """What follows from a bar, with what went wrong ("" for nothing): a fault stays this symbol's own. A position
        is managed whatever the strategy says."""
        report, wrong = Report(CODE["ERROR"]), said.failed
        if said.warming and not wrong:
            report = Report(CODE["WARMING_UP"])
        elif not wrong:
            answer = guarded(self._heard, said, held)
            if isinstance(answer, Failure):
                wrong = answer.what
            else:
                report = answer
        if self.policies and held is not None:
            managed = guarded(self._managed, report, held, said)
            if isinstance(managed, Failure):
                wrong = managed.what
            else:
                report = managed
        return report, wrong

    def _heard(self, said: Spoken, held: Held | None) -> Report:
        facts = said.facts() if said.changed else None
        return self.report(said.at, said.stance, said.changed, said.close, facts, held, said.regime)

    def _managed(self, report: Report, held: Held, said: Spoken) -> Report:
        return self.managed(report, held, said.bar())

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


def bar_facts(
    bar: Any,
    at: int,
    timeframe: int,
    instrument: Instrument,
    reading: Reading,
) -> BarFacts:
    """What policies look at, of a row of ``domain.market.BAR`` (as ``.item()`` gives it) that closed at ``at``."""
    _, _, _, opened, high, low, close, _, spread = bar
    return BarFacts(
        at=at,
        timeframe=timeframe,
        open=from_float(opened),
        high=from_float(high),
        low=from_float(low),
        close=from_float(close),
        spread=instrument.spread if math.isnan(spread) else from_float(spread),
        tick=instrument.tick,
        least=-(-instrument.min_quantity // instrument.lot_step) * instrument.lot_step,
        asset_class=instrument.asset_class,
        reading=reading,
    )
