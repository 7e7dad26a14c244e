"""The analyst: a view of each symbol and of the book, asked for when the last one has run out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from domain.research import ANALYST, NEUTRAL, OK, Fact, View
from research.answers import ViewAnswer
from research.asking import About, Asked, Desk, Requests
from research.config import ResearchConfig
from research.inputs import ViewInput
from research.port import Model

BOOK = ""
"""The symbol of the view of the whole book."""


class Viewed(NamedTuple):
    """A view, and the questions that were put for it: none if it was still good."""

    view: View
    asked: tuple[Asked, ...] = ()


class Analyst:
    """Keeps the newest view of each symbol; ``views`` are those of an earlier start."""

    def __init__(
        self, model: Model, rules: Model, config: ResearchConfig, requests: Requests, views: Iterable[View] = ()
    ) -> None:
        self._desk = Desk(model, rules, config, requests)
        self._bars = config.view_bars
        self._views = {one.symbol: one for one in views}
        self._asking: dict[str, asyncio.Lock] = {}

    def held(self, symbol: str, at: int) -> View | None:
        """The view that is good at ``at`` (ns): not from later, not run out."""
        view = self._views.get(symbol)
        return view if view is not None and view.at <= at < view.valid_until else None

    async def view(
        self, symbol: str, at: int, facts: tuple[Fact, ...], timeframe: int, within: float, run_id: str = ""
    ) -> Viewed:
        """The view at ``at`` (ns). A new one holds for ``view_bars`` bars of ``timeframe`` (ns), the rules' in place of
        a model that failed for one bar. Without facts it is NEUTRAL, and asked for again. Nobody asks twice at once."""
        async with self._asking.setdefault(symbol, asyncio.Lock()):
            held = self.held(symbol, at)
            return Viewed(held) if held is not None else await self._new(symbol, at, facts, timeframe, within, run_id)

    async def _new(
        self, symbol: str, at: int, facts: tuple[Fact, ...], timeframe: int, within: float, run_id: str
    ) -> Viewed:
        if not facts:
            return Viewed(View(symbol=symbol, at=at, valid_until=at, regime="", bias=NEUTRAL, code="NO_FACTS"))
        given = ViewInput(symbol=symbol, at=at, facts=facts)
        said = await self._desk.ask_or_rules(ANALYST, given, About(symbol, at, run_id=run_id), within)
        answer: ViewAnswer = said.value
        view = View(
            symbol=symbol,
            at=at,
            valid_until=at + timeframe * (self._bars if said.code == OK else 1),
            regime=answer.regime,
            bias=answer.bias,
            risks=answer.risks,
            evidence=answer.evidence,
            source=said.source,
            code=said.code,
        )
        self._views[symbol] = view
        return Viewed(view, said.asked)
