"""Headlines of a run: fetched beside it from their sources, and read once each by the reader into enums and scores."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from actors.research_memory import ResearchMemory
from actors.specs import ResearchSpec
from domain.ports import Clock
from domain.research import Call, Headline, Reading
from domain.timeframe import MINUTE
from research.asking import Asked, Requests
from research.headlines import Headlines, sources
from research.providers import Provided
from research.reader import Reader

WITHIN = 20.0
"""Seconds for a question to the reader."""

Pairs = tuple[tuple[Headline, Reading], ...]


class Newsroom:
    """Under recorded and simulated bars only files are read, once: what they date by T is known at T."""

    def __init__(
        self,
        spec: ResearchSpec,
        memory: ResearchMemory,
        answers: Provided,
        requests: Requests,
        clock: Clock,
        calls: Callable[[Sequence[Asked]], list[Call]],
    ) -> None:
        self.run, self.config = spec.run, spec.config
        self._memory, self._clock, self._calls = memory, clock, calls
        found = sources(spec.config.news)
        self._sources = tuple(one for one in found if spec.run.live or not one.web)
        self._headlines = Headlines(self._sources, spec.config.news_hours)
        self._reader = Reader(answers.model, answers.rules, spec.config, requests)
        self._readings: dict[str, Reading] = {}
        self._at_once = answers.model is answers.rules
        self._due = 0
        self._beside: asyncio.Task[None] | None = None
        self._troubled: tuple[str, ...] = ()

    async def open(self) -> None:
        """Every source once, before the first cycle."""
        if self._sources:
            await self._fetch()

    def tick(self, at: int) -> None:
        """Fetch what is due, and read what is new, beside everything else."""
        if self._sources and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(self._renew(at))

    async def known(self, at: int) -> Pairs:
        """What had been published and read at ``at`` (ns)."""
        if not self._sources:
            return ()
        if self._at_once:
            await self._read(at)
        found = self._headlines.at(at).headlines
        return tuple((one, self._readings[one.id]) for one in found if one.id in self._readings)

    def close(self) -> None:
        if self._beside is not None:
            self._beside.cancel()

    async def _renew(self, at: int) -> None:
        if self.run.live and self._clock.now() >= self._due:
            await self._fetch()
        await self._read(at)

    async def _fetch(self) -> None:
        now = self._clock.now()
        self._due = now + round(self.config.news_minutes * MINUTE)
        found = await asyncio.to_thread(self._headlines.read, now)
        if found.problems and found.problems != self._troubled:
            self._memory.alert("NEWS_SOURCE", "; ".join(found.problems)[:500], now)
        self._troubled = found.problems

    async def _read(self, at: int) -> None:
        new = [one for one in self._headlines.at(at).headlines if one.id not in self._readings]
        if not new:
            return
        read = await self._reader.read(new, at, WITHIN, self.run.run_id)
        for headline, reading in zip(new, read.readings, strict=True):
            self._readings[headline.id] = reading
        self._memory.headlines(list(zip(new, read.readings, strict=True)), self._calls(read.asked))
