"""K agents in one process: one call per cycle, one compiled loop over their states, one report per symbol."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from actors.base import Failure, Health, guarded, health_of
from actors.pair_agent import PairAgent, Report, Spoken, bar_facts
from actors.snapshot import GateSnapshot
from actors.specs import HostSpec
from domain.candidate import CODE, HAS_TEXT, REPORT, HostReport
from domain.instrument import unlisted
from domain.market import BarBatch, Bars
from risk.exits.base import NO_READING, policies, reads_indicators
from risk.exits.base import Facts as BarFacts
from strategies.base import resolve
from strategies.files import strategy_named
from strategies.runner import FAILED, Rows, Steps

if TYPE_CHECKING:
    from risk.exits.readings import Readings

Rowed = NDArray[np.int64]


class AgentHost:
    """Holds its symbols' states. It answers only for the cycle that follows the one it has seen;
    after a restart it says that it is behind and is loaded from the anchor, which makes it bit-equal
    to a host that never died."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec
        strategy = strategy_named(spec.strategy, spec.own)
        self._policies = policies(spec.exits)
        self._agents = [PairAgent(symbol, spec.strategy, spec.timeframe_ns, self._policies) for symbol in spec.symbols]
        self._strategy, self._params = strategy, resolve(strategy, spec.parameters)
        self._instruments = spec.instruments or tuple(unlisted(symbol, "", 9) for symbol in spec.symbols)
        self._rows = self._no_rows()
        self._readings = self._no_readings()
        self._index = {symbol: row for row, symbol in enumerate(spec.symbols)}
        self._local = np.full(spec.width, -1, np.int64)
        self._local[list(spec.rows)] = np.arange(len(spec.rows))
        self._closes = np.full(len(spec.symbols), np.nan)
        self._at = -1
        self._cycle = 0
        self._last: HostReport | None = None

    def load(self, after: int, batch: BarBatch) -> int:
        """History in the order of its closes, from the anchor on. ``after`` is -1 for the first part.

        Returns the close reached; a part that does not follow what is held is ignored.
        """
        if after == -1:
            self._rows = self._no_rows()
            self._readings = self._no_readings()
            self._closes[:] = np.nan
            self._at, self._last, self._cycle = -1, None, 0
        if after == self._at:
            bars, local = self._mine(batch.rows)
            if len(bars):
                self._rows.load(bars, local)
                if self._readings is not None:
                    self._readings.step(bars, local)
                self._closes[local] = bars["close"]
            self._at = batch.at
        return self._at

    def scan(self, cycle: int, after: int, batch: BarBatch, snapshot: GateSnapshot | None) -> HostReport:
        """One cycle: step the new closed bars, say what follows. The same cycle again gets the same answer.

        Without a snapshot nothing is stepped: the gate had to settle first, and the question comes again.
        """
        if self._last is not None and cycle == self._cycle:
            return self._last
        if after != self._at or snapshot is None:
            return HostReport(at=self._at, rows=b"", behind=True)
        bars, local = self._mine(batch.rows)
        self._last = self._report(batch.at, bars, local, snapshot)
        self._at = max(batch.at, self._at)
        self._cycle = cycle
        return self._last

    def health(self) -> Health:
        return health_of(self.spec.name, symbols=len(self.spec.symbols), at=self._at)

    def _no_rows(self) -> Rows:
        """Rows that have seen no bar; the asset classes say where each symbol's day begins."""
        classes = [one.asset_class for one in self._instruments]
        return Rows(self._strategy, self._params, len(self.spec.symbols), classes)

    def _no_readings(self) -> Readings | None:
        """Rows that have seen no bar; None if nobody asks for indicators."""
        if not (self.spec.regimes or reads_indicators(self._policies)):
            return None
        from risk.exits.readings import Readings

        return Readings(self.spec.exits, len(self.spec.symbols))

    def _mine(self, bars: Bars) -> tuple[Bars, Rowed]:
        local = self._local[bars["row"]]
        if (local >= 0).all():
            return bars, local
        return bars[local >= 0], local[local >= 0]

    def _report(self, at: int, bars: Bars, local: Rowed, snapshot: GateSnapshot) -> HostReport:
        rows = np.zeros(len(self._agents), REPORT)
        rows["code"] = CODE["NO_NEW_BAR"]
        self._closes[local] = bars["close"]
        rows["close"] = self._closes
        said, raised = self._step(bars, local)
        rows["stance"][local] = said.stances
        changes, failures, warming = said.changed, said.failed, said.warming
        rows["code"][local] = np.where(warming, CODE["WARMING_UP"], CODE["NO_SIGNAL"])
        holding = self._holding(snapshot)[local]
        speaking = changes | failures | (holding if self._policies else holding & ~warming)
        reports: list[Report] = []
        texts: dict[str, str] = {}
        for index in np.flatnonzero(speaking):
            row = int(local[index])
            agent = self._agents[row]
            failed = raised.get(row) or ("its step is not sound" if failures[index] else "")
            spoken = Spoken(
                at,
                int(said.stances[index]),
                bool(changes[index]),
                bool(warming[index]),
                failed,
                float(self._closes[row]),
                partial(self._bar_facts, row, at, bars[index]),
                partial(self._rows.facts, row),
                self._readings.regime(row) if changes[index] and self._readings is not None else "",
            )
            report, wrong = agent.speak(spoken, snapshot.held.get(agent.symbol))
            rows["code"][row] = report.code
            if wrong:
                rows["code"][row] = CODE["ERROR"]
                rows["flags"][row] |= HAS_TEXT
                texts[self.spec.symbols[row]] = f"ERROR: {wrong}"
            reports.append(report)
        return HostReport(
            at=at,
            rows=rows.tobytes(),
            candidates=tuple(one.candidate for one in reports if one.candidate is not None),
            exits=tuple(one.exit for one in reports if one.exit is not None),
            amends=tuple(one.amend for one in reports if one.amend is not None),
            texts=texts,
        )

    def _step(self, bars: Bars, local: Rowed) -> tuple[Steps, dict[int, str]]:
        """All rows in one compiled loop; plain Python row by row, so that what one raises stays its own."""
        if self._readings is not None:
            self._readings.step(bars, local)
        if self._strategy.compiled:
            return self._rows.step(bars, local), {}
        said = Steps(np.zeros(len(bars), np.int8), np.full(len(bars), FAILED, np.uint8))
        raised: dict[int, str] = {}
        for index in range(len(bars)):
            one = guarded(self._rows.step, bars[index : index + 1], local[index : index + 1])
            if isinstance(one, Failure):
                raised[int(local[index])] = one.what
            else:
                said.stances[index], said.codes[index] = one.stances[0], one.codes[0]
        return said, raised

    def _bar_facts(self, row: int, at: int, bar: np.void) -> BarFacts:
        reading = NO_READING if self._readings is None else self._readings.of(row)
        return bar_facts(bar.item(), at, self.spec.timeframe_ns, self._instruments[row], reading)

    def _holding(self, snapshot: GateSnapshot) -> NDArray[np.bool_]:
        held = np.zeros(len(self._agents), np.bool_)
        for symbol in snapshot.held:
            if symbol in self._index:
                held[self._index[symbol]] = True
        return held
