"""The step of a cycle: candidates in, cases with their verdicts out, within one deadline.

The same for a run and a backtest: who holds the bars, the book and the past gives them in (``Sight``).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from domain.candidate import Candidate, Veto
from domain.instrument import Instrument
from domain.market import Bars
from domain.order import ENTRY, order_id
from domain.research import ABSTAIN, OFF, VETO, Argument, Case, Fact, Headline, Judged, Reading, Verdict, View
from research import evidence, policy
from research.analyst import BOOK, Analyst
from research.asking import Asked, Requests
from research.config import ResearchConfig
from research.contamination import contaminated
from research.debate import Debate, Debated
from research.evidence import Context, HeldSymbol, Past
from research.policy import RESEARCH_NO_GO, Effect
from research.port import Model
from risk.news import Calendar

VIEWS_TAKE = 0.4
"""Share of the step's time that a view may take; the debate has the rest."""


class Sight(NamedTuple):
    """What is known at one moment ``at`` (ns): closed bars by symbol, signed positions, calendar, closed trades by
    (strategy, symbol), and headlines with their readings. ``calibrated``: p_win has earned a say in the size."""

    at: int
    bars: Callable[[str], Bars]
    held: Mapping[str, int]
    past: Callable[[str, str], Past | None]
    calendar: Calendar = Calendar()
    news: tuple[tuple[Headline, Reading], ...] = ()
    calibrated: bool = False


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change in a run. ``scope`` is what order ids are computed from; ``timeframe`` in ns."""

    run_id: str
    scope: str
    timeframe: int
    instruments: Mapping[str, Instrument]
    model: str
    prompts: dict[str, str] = {}


class Heard(NamedTuple):
    """What came of one step, in the order of the candidates; the new views; every question that was put."""

    judged: list[Judged]
    views: list[View]
    asked: list[Asked]


class Judging:
    """Looks at candidates as far as its roles are on."""

    def __init__(
        self,
        config: ResearchConfig,
        scene: Scene,
        model: Model,
        rules: Model,
        requests: Requests,
        views: Sequence[View] = (),
    ) -> None:
        self.config, self.scene = config, scene
        self._debate = Debate(model, rules, config, requests)
        self._analyst = Analyst(model, rules, config, requests, views)

    async def assess(self, n: int, candidates: Sequence[Candidate], sight: Sight, within: float) -> Heard:
        """Every candidate, in parallel, within so many seconds. Raises ConfigError where an answer is not recorded that
        must be."""
        until = asyncio.get_running_loop().time() + within
        at_once = asyncio.Semaphore(self.config.parallel)
        views: list[View] = []
        asked: list[Asked] = []
        if self.config.analyst != OFF:
            await self._view(
                BOOK, evidence.book_facts(self._context(None, sight)), sight, within * VIEWS_TAKE, views, asked
            )

        async def one(candidate: Candidate) -> Judged:
            async with at_once:
                return await self._one(n, candidate, sight, until, views, asked)

        async with asyncio.TaskGroup() as group:
            going = [group.create_task(one(candidate)) for candidate in candidates]
        for question in asked:
            if question.answer.error is not None:
                raise question.answer.error
        return Heard([task.result() for task in going], views, asked)

    async def _one(
        self, n: int, candidate: Candidate, sight: Sight, until: float, views: list[View], asked: list[Asked]
    ) -> Judged:
        clock = asyncio.get_running_loop().time
        view: View | None = None
        bars = sight.bars(candidate.symbol)
        context = self._context(candidate.symbol, sight)
        if self.config.analyst != OFF:
            seen = evidence.facts(None, bars, context)
            view = await self._view(candidate.symbol, seen, sight, (until - clock()) * VIEWS_TAKE, views, asked)
        context = msgspec.structs.replace(context, view=view, past=sight.past(candidate.strategy, candidate.symbol))
        case = self._case(n, candidate, bars, context)
        if self.config.researcher == OFF:
            assert view is not None
            return self._judged(case, None, view, sight)
        debated = await self._debate.decide(case, until - clock())
        asked += debated.asked
        return self._judged(case, debated, view, sight)

    async def _view(
        self,
        symbol: str,
        facts: tuple[Fact, ...],
        sight: Sight,
        within: float,
        views: list[View],
        asked: list[Asked],
    ) -> View:
        viewed = await self._analyst.view(symbol, sight.at, facts, self.scene.timeframe, within, self.scene.run_id)
        if viewed.asked:
            views.append(viewed.view)
            asked += viewed.asked
        return viewed.view

    # -- what is known -----------------------------------------------------------------------------

    def _context(self, symbol: str | None, sight: Sight) -> Context:
        held = tuple(
            HeldSymbol(one, 1 if quantity > 0 else -1, sight.bars(one))
            for one, quantity in sorted(sight.held.items())
            if one != symbol and quantity
        )
        return Context(
            at=sight.at,
            timeframe=self.scene.timeframe,
            instrument=self.scene.instruments.get(symbol) if symbol else None,
            held=held,
            calendar=sight.calendar,
            news=sight.news,
            news_for=round(self.config.news_hours * 3600e9),
        )

    def _case(self, n: int, one: Candidate, bars: Bars, context: Context) -> Case:
        stop, target = evidence.barriers(one, bars)
        facts = evidence.facts(one, bars, context)
        return Case(
            id=order_id(self.scene.scope, one.strategy, one.symbol, one.at, ENTRY, 0),
            run_id=self.scene.run_id,
            cycle=n,
            at=one.at,
            symbol=one.symbol,
            strategy=one.strategy,
            direction=one.direction,
            price=one.price,
            stop=stop,
            target=target,
            score=one.score if math.isfinite(one.score) else 0.0,
            probability=one.probability if math.isfinite(one.probability) else 0.5,
            regime=one.regime or next((fact.text.split()[-1] for fact in facts if fact.kind == "regime"), ""),
            timeframe=self.scene.timeframe,
            horizon=self.config.horizon,
            facts=facts,
        )

    # -- what it does --------------------------------------------------------------------------------

    def _judged(self, case: Case, debated: Debated | None, view: View | None, sight: Sight) -> Judged:
        config = self.config
        effects: list[Effect] = []
        veto: Veto | None = None
        said = Verdict(verdict=ABSTAIN, code="OFF")
        arguments: tuple[Argument, ...] = ()
        if view is not None:
            of_view = policy.of_view(view, case.direction, case.at)
            effects.append(policy.effect(of_view, config.analyst, "rules"))
            if effects[0].veto:
                veto = Veto("RESEARCH_VIEW", view.bias, view.regime or None)
            said = of_view
        if debated is not None:
            said, arguments = debated.verdict, debated.arguments
            found = policy.effect(
                said,
                config.researcher,
                config.on_abstain,
                debated.rules,
                threshold=config.threshold,
                calibrated=sight.calibrated,
            )
            effects.append(found)
            if found.veto:
                word = said if said.verdict != ABSTAIN else debated.rules
                known = word.p_win if found.veto == RESEARCH_NO_GO else said.code
                veto = Veto(found.veto, known, config.threshold if found.veto == RESEARCH_NO_GO else None)
        done = policy.combined(*effects)
        return Judged(
            case=case,
            verdict=said,
            veto=veto if done.veto else None,
            factor=1.0 if done.veto else done.factor,
            arguments=arguments,
            mode=VETO if VETO in (config.researcher, config.analyst) else config.researcher,
            arm=config.arm,
            model=self.scene.model,
            prompts=self.scene.prompts,
            contaminated=contaminated(case.at, said.source, config.cutoff, config.cutoff_margin),
            masked=config.masked,
        )
