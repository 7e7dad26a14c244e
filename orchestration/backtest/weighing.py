"""Research in a backtest: the step of ``actors.weighing`` over arrays, where a role may veto; what would only be
recorded is left out. Nobody is asked: rules, or recorded answers."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import msgspec

from actors.account_gate import AccountGate
from actors.specs import ResearchSpec
from actors.weighing import Weighed, taken
from domain.candidate import Candidate, Veto
from domain.market import Bars, empty_bars
from domain.order import ENTRY, order_id
from domain.research import ROLES, Headline, Judged, Reading
from orchestration.backtest.grid import Grid
from orchestration.backtest.records import MemoryRecords
from orchestration.backtest.result import Weighted
from research import prompting
from research.asking import Asked
from research.config import RECORDED
from research.headlines import Headlines, sources
from research.judging import Judging, Scene, Sight
from research.past import Pasts
from research.providers import provided, provider
from research.reader import Reader
from research.shadow import Shadows
from research.windows import LOOKBACK
from risk.news import Calendar

WITHIN = 3600.0
"""Seconds that a step may take: a backtest has no deadlines to keep."""


class BacktestWeighing:
    """Raises ConfigError where an answer is not recorded that must be (``research.missing: error``)."""

    def __init__(self, spec: ResearchSpec, grid: Grid, records: MemoryRecords) -> None:
        run = spec.run
        config = spec.config
        if provider(config, os.environ) != "rules":
            config = msgspec.structs.replace(config, answers=RECORDED)
        self.config, self._run, self._grid, self._records = config, run, grid, records
        self._calendar = spec.calendar or Calendar()
        self._row = {symbol: row for row, symbol in enumerate(run.rows)}
        answers = provided(config, Path(spec.cache), os.environ, lambda: 0)
        requests = partial(prompting.request, names=run.rows)
        scene = Scene(
            run_id=run.run_id,
            scope=run.scope,
            timeframe=run.timeframe_ns,
            instruments=run.instruments,
            model=answers.name,
            prompts={role: prompting.prompt(role).name for role in ROLES},
        )
        self._model = answers.model
        self._judging = Judging(config, scene, answers.model, answers.rules, requests)
        self._reader = Reader(answers.model, answers.rules, config, requests)
        self._headlines = Headlines([one for one in sources(config.news) if not one.web], config.news_hours)
        if config.news:
            self._headlines.read(0)
        self._runner = asyncio.Runner()
        self._pasts, self._counted = Pasts(), 0
        self._judged: list[Judged] = []
        self._asked: list[Asked] = []

    def before(self, moment: int, at: int, candidates: list[Candidate], gate: AccountGate) -> list[Candidate]:
        """The candidates as the gate shall take them."""
        stopped = {one.order_id: Veto(one.code, one.value, one.threshold) for one in gate.precheck(candidates, at)}
        passing = [one for one in candidates if self._id(one) not in stopped][: self.config.top_k]
        if not passing:
            return candidates
        n = moment - self._grid.begin + 1
        held = {symbol: one.quantity for symbol, one in gate.book.positions.items()}
        heard = self._runner.run(self._assess(n, moment, at, passing, held))
        self._judged += heard
        words = [
            Weighed(one.symbol, one.strategy, veto=stopped[self._id(one)])
            for one in candidates
            if self._id(one) in stopped
        ]
        words += [Weighed(one.case.symbol, one.case.strategy, one.factor, one.veto) for one in heard]
        return taken(candidates, words)

    def close(self) -> None:
        """Nobody is asked any more."""
        self._runner.run(self._model.close())
        self._runner.close()

    def heard(self, end: int) -> Weighted:
        """Everything that was said, and what the market did up to moment ``end``."""
        shadows = Shadows(self._row, self._run.timeframe_ns)
        for one in self._judged:
            shadows.add(one.case)
        part = self._grid.merged[self._grid.bounds[self._grid.begin] : self._grid.bounds[end]]
        outcomes = shadows.take(part)
        missing = sum(one.answer.outcome == "NOT_RECORDED" for one in self._asked)
        return Weighted(tuple(self._judged), tuple(outcomes), missing)

    async def _assess(
        self, n: int, moment: int, at: int, candidates: list[Candidate], held: dict[str, int]
    ) -> list[Judged]:
        for _, part in self._records.closes[self._counted :]:
            self._pasts.add(part)
        self._counted = len(self._records.closes)
        sight = Sight(at, partial(self._bars, moment), held, self._pasts.of, self._calendar, await self._news(at))
        heard = await self._judging.assess(n, candidates, sight, WITHIN)
        self._asked += heard.asked
        return heard.judged

    async def _news(self, at: int) -> tuple[tuple[Headline, Reading], ...]:
        if not self.config.news:
            return ()
        found = self._headlines.at(at).headlines
        read = await self._reader.read(found, at, WITHIN, self._run.run_id)
        self._asked += read.asked
        return tuple(zip(found, read.readings, strict=True))

    def _bars(self, moment: int, symbol: str) -> Bars:
        row = self._row.get(symbol)
        if row is None:
            return empty_bars()
        series = self._grid.series[row]
        end = int(series.at.searchsorted(moment, "right"))
        return series.bars[max(0, end - LOOKBACK) : end]

    def _id(self, one: Candidate) -> str:
        return order_id(self._run.scope, one.strategy, one.symbol, one.at, ENTRY, 0)
