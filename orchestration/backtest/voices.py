"""What every symbol's strategy says over all its bars, and the agent that makes of it what a run's agent would."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from actors.base import Failure, guarded
from actors.pair_agent import PairAgent, Report, Spoken, bar_facts
from domain.candidate import Held
from domain.instrument import Instrument
from orchestration.backtest.grid import Series
from risk.config import ExitConfig
from risk.exits.base import NO_READING, Facts, Policy, decide
from strategies.base import Strategy
from strategies.runner import CHANGED, FAILED, WARMING, Rows, Steps
from strategies.runner import Facts as StanceFacts

UNSOUND = "its step is not sound"


class Change(NamedTuple):
    """A bar (its place in the series) at which the stance became another one, and the facts behind it."""

    bar: int
    stance: int
    facts: StanceFacts


class Voice:
    """One symbol. ``stances`` and ``codes`` are by bar (``strategies.runner``), ``changes`` in order.

    ``errors`` tells what went wrong, by bar. ``readings`` are the lines that policies and regimes are made of, where
    somebody asks for them.
    """

    def __init__(
        self,
        agent: PairAgent,
        series: Series,
        strategy: Strategy,
        params: object,
        instrument: Instrument,
        exits: ExitConfig,
        reads: bool,
    ) -> None:
        self.agent, self.series, self.instrument = agent, series, instrument
        self.errors: dict[int, str] = {}
        rows = Rows(strategy, params, 1, (instrument.asset_class,))
        said, self.changes = self._compiled(rows, strategy) if strategy.compiled else self._plain(rows)
        self.stances: list[int] = said.stances.tolist()
        self.codes: bytes = said.codes.tobytes()
        failed = np.flatnonzero(said.codes == FAILED).tolist()
        self.errors = {bar: self.errors.get(bar, UNSOUND) for bar in failed}
        self._change = {one.bar: one for one in self.changes}
        self.readings: NDArray[np.float64] | None = None
        if reads:
            from risk.exits.readings import Readings

            self.readings = Readings(exits, 1).series(series.bars)

    def _compiled(self, rows: Rows, strategy: Strategy) -> tuple[Steps, list[Change]]:
        said, changes = rows.series(self.series.bars)
        names = ("bar", "stance", "score", "probability", "stop", "target", "reason")
        columns = (changes[name].tolist() for name in names)
        words = strategy.words
        return said, [
            Change(bar, stance, StanceFacts(score, probability, stop, target, (words[reason],)))
            for bar, stance, score, probability, stop, target, reason in zip(*columns, strict=True)
        ]

    def _plain(self, rows: Rows) -> tuple[Steps, list[Change]]:
        """Bar by bar, so that what one raises stays its own."""
        bars, local = self.series.bars, np.zeros(1, np.int64)
        said = Steps(np.zeros(len(bars), np.int8), np.full(len(bars), FAILED, np.uint8))
        changes: list[Change] = []
        for bar in range(len(bars)):
            one = guarded(rows.step, bars[bar : bar + 1], local)
            if isinstance(one, Failure):
                self.errors[bar] = one.what
                continue
            said.stances[bar], said.codes[bar] = one.stances[0], one.codes[0]
            if one.codes[0] == CHANGED:
                changes.append(Change(bar, int(one.stances[0]), rows.facts(0)))
        return said, changes

    # -- at a bar --------------------------------------------------------------------------------

    def speak(self, bar: int, at: int, timeframe: int, held: Held | None) -> Report:
        """What the agent says of a bar that closed at ``at`` (ns)."""
        change = self._change.get(bar)
        failed = self.errors.get(bar, "")
        regime = ""
        if change is not None and self.readings is not None:
            from risk.exits.readings import reading

            regime = reading(self.readings[bar]).regime
        spoken = Spoken(
            at,
            self.stances[bar],
            change is not None,
            self.codes[bar] == WARMING,
            failed,
            self.series.close.item(bar),
            partial(self.facts, bar, at, timeframe),
            lambda: change.facts if change is not None else StanceFacts(0.0, 0.0, 0.0, 0.0, ()),
            regime,
        )
        report, wrong = self.agent.speak(spoken, held)
        if wrong:
            self.errors[bar] = wrong
        return report

    def facts(self, bar: int, at: int, timeframe: int) -> Facts:
        """What policies look at."""
        found = NO_READING
        if self.readings is not None:
            from risk.exits.readings import reading

            found = reading(self.readings[bar])
        return bar_facts(self.series.bars[bar].item(), at, timeframe, self.instrument, found)

    def quiet(self, held: Held, bar: int, at: int, timeframe: int, policies: tuple[Policy, ...]) -> bool:
        """Whether no policy has anything to say at a bar."""
        return guarded(decide, held, self.facts(bar, at, timeframe), policies) is None

    def restless(self, bar: int, quantity: int, closing: int) -> bool:
        """Whether the position is still to be closed because the stance has left its side."""
        return self.stances[bar] * quantity <= 0 and abs(quantity) > closing
