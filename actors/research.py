"""The research actor: holds the market's past, asks who judges, and writes down every question and answer.

It stops no cycle: what it does for the driver has a deadline, and what looks back runs beside.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from actors.base import Health, health_of
from actors.looking_back import VERSIONS, LookingBack
from actors.newsroom import Newsroom
from actors.research_memory import ResearchMemory
from actors.specs import ResearchSpec
from domain.candidate import Candidate, identity
from domain.errors import ActorLost, DeadlineMissed
from domain.market import BarBatch, Bars, empty_bars
from domain.money import to_float
from domain.ports import Clock, Meter, Peers
from domain.research import OK, Call, Judged
from indicators.measures import measure
from journal.store import Store
from research import prompting
from research.asking import Asked
from research.judging import Heard, Judging, Scene, Sight
from research.past import Pasts
from research.providers import Provided, provided
from research.windows import Windows
from risk.news import Calendar

FEED = "MarketFeed"
CHUNK = 200_000
"""Bars of history that travel at once, at most."""
PATIENCE = 30.0
"""Seconds that the feed may take for a part of it."""


class Research:
    def __init__(self, spec: ResearchSpec, store: Store, peers: Peers, clock: Clock, meter: Meter) -> None:
        self.spec, self.run, self.config = spec, spec.run, spec.config
        self._peers, self._clock, self._meter = peers, clock, meter
        self._memory = ResearchMemory(store, spec)
        self._calendar = spec.calendar or Calendar()
        self._row = {symbol: row for row, symbol in enumerate(spec.run.rows)}
        self._windows = Windows(len(spec.run.rows))
        self._reached = -1
        self._pasts, self._settled = Pasts(), 0
        self._following = asyncio.Lock()
        self._provided: Provided = provided(spec.config, Path(spec.cache), os.environ, clock.now)
        requests = partial(prompting.request, names=spec.run.rows)
        scene = Scene(
            run_id=spec.run.run_id,
            scope=spec.run.scope,
            timeframe=spec.run.timeframe_ns,
            instruments=spec.run.instruments,
            model=self._provided.name,
            prompts=VERSIONS,
        )
        views = self._memory.views(0)
        self._judging = Judging(spec.config, scene, self._provided.model, self._provided.rules, requests, views)
        self._newsroom = Newsroom(spec, self._memory, self._provided, requests, clock, self.calls)
        self._back = LookingBack(spec, self._memory, self._provided, requests, self._bars, self.calls)
        self._beside: asyncio.Task[None] | None = None
        self._asked = 0

    # -- what the driver asks ----------------------------------------------------------------------

    async def load(self, until: int) -> None:
        """The market's past up to ``until``, and what was left open before a restart."""
        measure(empty_bars())  # loads its kernels before anybody waits for them
        await self._newsroom.open()
        await self._follow(until)
        self._back.load(until)

    async def assess(
        self, n: int, at: int, now: int, candidates: Sequence[Candidate], held: Mapping[str, int]
    ) -> list[Judged]:
        """One case for each candidate, in their order, within the step's deadline."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.config.deadline
        await self._follow(at)
        heard = await self._judging.assess(n, candidates, await self._sight(at, held), until - loop.time())
        self._note(heard, at)
        self._back.watch([one.case for one in heard.judged])
        for one in heard.judged:
            self._meter.count("argus_research_verdicts", 1, verdict=one.verdict.verdict, effect=one.effect)
        alarm = self._back.rate(heard.judged)
        if alarm:
            self._memory.alert("RESEARCH_GO_RATE", alarm, at)
        return heard.judged

    async def tick(self, n: int, at: int) -> None:
        """Look back on what has ended, beside everything else."""
        self._newsroom.tick(at)
        if self._beside is None or self._beside.done():
            self._beside = asyncio.create_task(self._look_back(at))
        if self._provided.model is self._provided.rules:
            await self._beside

    async def finish(self, n: int, at: int) -> None:
        """The last look back, before the run's last word."""
        if self._beside is not None and not self._beside.done():
            await asyncio.wait({self._beside}, timeout=self.config.deadline)
            self._beside.cancel()
        await self._look_back(at)
        self._newsroom.close()
        await self._provided.model.close()

    async def calendar(self, calendar: Calendar) -> None:
        """The news as they are known from now on."""
        self._calendar = calendar

    async def health(self) -> Health:
        return health_of("Research", asked=self._asked, reached=self._reached)

    # -- what it knows -----------------------------------------------------------------------------

    async def _follow(self, until: int) -> None:
        """Every closed bar up to ``until``, and every trade that has been closed."""
        async with self._following:
            most = max(1, CHUNK // len(self.run.rows))
            while self._reached < until:
                parts = self._peers.ask(FEED, "history", self._reached, until, most, parts=2)
                reached = await self._peers.get(FEED, parts[0], PATIENCE)
                batch: BarBatch = await self._peers.get(FEED, parts[1], PATIENCE)
                self._windows.take(batch.rows)
                self._back.take(batch.rows)
                self._reached = max(int(reached), self._reached + 1)
            closes, self._settled = self._memory.closes(self._settled)
            for one in closes:
                self._pasts.add(one)

    def _bars(self, symbol: str) -> Bars:
        row = self._row.get(symbol)
        return empty_bars() if row is None else self._windows.of(row)

    async def _sight(self, at: int, held: Mapping[str, int]) -> Sight:
        news = await self._newsroom.known(at)
        return Sight(at, self._bars, held, self._pasts.of, self._calendar, news, self._back.calibrated)

    # -- looking back ------------------------------------------------------------------------------

    async def _look_back(self, at: int) -> None:
        try:
            await self._follow(at)
            await self._back.look(at)
        except (ActorLost, DeadlineMissed):
            return  # the feed is away: the next look sees it all

    # -- the record --------------------------------------------------------------------------------

    def _note(self, heard: Heard, at: int) -> None:
        self._asked += len(heard.asked)
        self._memory.heard(self.calls(heard.asked), heard.views)

    def calls(self, asked: Sequence[Asked]) -> list[Call]:
        """Questions as they are recorded."""
        made_at = self._clock.now()
        for one in asked:
            self._meter.count("argus_research_calls", 1, source=one.answer.source, outcome=one.answer.outcome)
            if one.answer.cost:
                self._meter.count("argus_research_usd", to_float(one.answer.cost))
            if one.answer.outcome == OK:
                self._meter.observe("argus_research_ms", one.answer.latency)
        return [call_of(one, made_at, self.run.run_id) for one in asked]


def call_of(one: Asked, made_at: int, run_id: str) -> Call:
    task, answer = one.task, one.answer
    request = task.request
    return Call(
        id=identity("call", run_id, task.case_id, task.role, task.subject, task.at, request.key, answer.source),
        run_id=run_id,
        case_id=task.case_id,
        subject=task.subject,
        role=task.role,
        at=task.at,
        made_at=made_at,
        key=request.key,
        prompt=request.prompt,
        endpoint=request.endpoint,
        model=request.model,
        source=answer.source,
        outcome=answer.outcome,
        detail=answer.detail,
        request=request,
        answer=answer.text,
        parsed=answer.parsed,
        mode=answer.mode,
        repaired=answer.repaired,
        tries=answer.tries,
        usage=answer.usage,
        cost=answer.cost,
        latency=answer.latency,
        fingerprint=answer.fingerprint,
        sample=request.sample,
    )
