"""Research asked outside of a run: a symbol judged now, and one small question that shows whether an endpoint works.

Nothing is traded, and nothing is written but what every question writes: its answer to the cache, its cost to the
budget of the day.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from domain.candidate import Candidate
from domain.errors import ConfigError
from domain.market import Bars, FeedInfo
from domain.money import from_float, to_float
from domain.order import SIDE_NAME
from domain.ports import Feed
from domain.research import ADVISORY, ANALYST, OFF, ROLES, RULES, Fact, Headline, Judged, Reading, View
from domain.timeframe import iso, length
from journal.address import data_folder
from orchestration.clock import WallClock
from orchestration.plan import Market, market_and_feed
from orchestration.settings import Settings
from research import prompting, secrets
from research.asking import About, Asked, Desk
from research.config import RECORDED, RULES_ONLY, ResearchConfig
from research.headlines import Headlines, sources
from research.inputs import ViewInput
from research.judging import Judging, Scene, Sight
from research.past import Pasts
from research.port import Answer, Model
from research.prices import Price, load
from research.providers import Provided, provided, provider
from research.reader import Reader
from research.windows import LOOKBACK, Windows
from risk.news import Calendar

RUN = "asked"
"""The run of a case that belongs to none."""
PATIENCE = 60.0
"""Seconds for a person's question, where ``research.deadline`` is shorter."""


class Opinion(NamedTuple):
    """A symbol as it was judged: one case for each side, the views, every question; ``simulated`` is its market."""

    judged: list[Judged]
    views: list[View]
    asked: list[Asked]
    simulated: bool


def opinion(settings: Settings, symbol: str, sides: Sequence[int], score: float, at: int | None) -> Opinion:
    """Judge an entry into ``symbol`` on each of ``sides`` (1, -1) at ``at`` (ns; None for the last bar there is).

    Raises ConfigError for data or a key that cannot be used, and where there is no closed bar.
    """
    config = advising(settings.research)
    found, feed = market_and_feed(settings)
    until = _until(found.info, at)
    windows = _windows(found, feed, until)
    bars = windows.of(found.info.symbols.index(symbol))
    if not len(bars):
        raise ConfigError(f"{symbol} has no closed bar by {iso(until)}: name another time, or more data")
    timeframe = length(found.info.timeframe)
    moment = int(bars["ts"][-1]) + timeframe
    asked = [_candidate(settings, symbol, one, moment, float(bars["close"][-1]), score, timeframe) for one in sides]
    answers = provided(config, _folder(config), os.environ, WallClock().now)
    return asyncio.run(_judged(config, found, windows, asked, answers))


def advising(config: ResearchConfig) -> ResearchConfig:
    """The roles that give an opinion, on."""
    roles = {name: ADVISORY for name in ("analyst", "researcher") if getattr(config, name) == OFF}
    return msgspec.structs.replace(config, **roles)


def _until(info: FeedInfo, at: int | None) -> int:
    last = max(one for one in (info.end_at, info.warmed_until, 0) if one is not None)
    return last if at is None else min(at, last)


def _windows(found: Market, feed: Feed, until: int) -> Windows:
    """The last bars of every symbol."""
    info = found.info
    windows = Windows(len(info.symbols))
    most = max(1, 200_000 // len(info.symbols))
    after = max(-1, until - 20 * LOOKBACK * length(info.timeframe))
    while after < until:
        part = feed.history(after, until, most)
        windows.take(part.rows)
        after = max(part.at, after + 1)
    return windows


def _candidate(
    settings: Settings, symbol: str, side: int, at: int, close: float, score: float, timeframe: int
) -> Candidate:
    return Candidate(
        symbol=symbol,
        strategy=settings.strategy.name,
        direction=side,
        at=at,
        price=from_float(close),
        stop=0,
        target=0,
        score=score,
        probability=0.5,
        expires_at=at + timeframe,
    )


async def _judged(
    config: ResearchConfig, found: Market, windows: Windows, asked: Sequence[Candidate], answers: Provided
) -> Opinion:
    info, at = found.info, asked[0].at
    rows = {symbol: row for row, symbol in enumerate(info.symbols)}
    requests = partial(prompting.request, names=info.symbols)
    scene = Scene(
        run_id=RUN,
        scope=RUN,
        timeframe=length(info.timeframe),
        instruments=found.instruments,
        model=answers.name,
        prompts={role: prompting.prompt(role).name for role in ROLES},
    )

    def bars(symbol: str) -> Bars:
        return windows.of(rows[symbol])

    try:
        news, read = await _news(config, answers, requests, at)
        sight = Sight(at, bars, {}, Pasts().of, found.calendar or Calendar(), news)
        judging = Judging(config, scene, answers.model, answers.rules, requests)
        heard = await judging.assess(0, asked, sight, max(config.deadline, PATIENCE))
    finally:
        await answers.model.close()
    return Opinion(heard.judged, heard.views, [*read, *heard.asked], info.simulated)


async def _news(
    config: ResearchConfig, answers: Provided, requests: Any, at: int
) -> tuple[tuple[tuple[Headline, Reading], ...], tuple[Asked, ...]]:
    if not config.news:
        return (), ()
    headlines = Headlines(sources(config.news), config.news_hours)
    problems = (await asyncio.to_thread(headlines.read, WallClock().now())).problems
    if problems:
        raise ConfigError(problems)
    found = headlines.at(at).headlines
    read = await Reader(answers.model, answers.rules, config, requests).read(found, at, PATIENCE, RUN)
    return tuple(zip(found, read.readings, strict=True)), read.asked


# -- does it work ----------------------------------------------------------------------------------


class Checked(NamedTuple):
    """What one small question came to: ``answer``, or ``outcome`` (NO_KEY, OFF) and ``why`` where nobody was asked.
    ``key`` says where the key is from, never what it is."""

    provider: str
    endpoint: str
    model: str
    key: str
    price: Price | None
    answer: Answer | None
    outcome: str = ""
    why: str = ""


def checked(config: ResearchConfig, environ: Mapping[str, str]) -> Checked:
    """Ask the analyst's question about an empty book, past the cache and inside the budget. Raises ConfigError for a
    key or prices that cannot be used."""
    who, prices = provider(config, environ), load(config.prices)
    key = secrets.find(environ, config.key_file, config.base_url) if who != RULES else None
    now = WallClock().now()
    price = prices.of(config.model, iso(now)[:10]) if who != RULES else None
    said = Checked(who, config.endpoint, config.model, key.origin if key else "", price, None)
    if nobody := _nobody(config, who, key is not None):
        return said._replace(outcome=nobody[0], why=nobody[1])
    from research.budget import Budgeted
    from research.guarded import Guarded
    from research.openai_model import OpenAIModel

    model = Budgeted(Guarded(OpenAIModel(config, key), config), config, prices, _folder(config), WallClock().now)
    return said._replace(answer=asyncio.run(_small(config, model, now)))


def _nobody(config: ResearchConfig, who: str, has_key: bool) -> tuple[str, str] | None:
    """Why nobody is asked, and what to do."""
    if who == RULES and (config.arm == RULES_ONLY or config.provider == RULES):
        return "OFF", "research answers by rules, as it is configured: nobody is asked"
    if config.answers == RECORDED:
        return "OFF", "research.answers is recorded: nobody is asked"
    if who == RULES or not (has_key or config.base_url is not None):
        return "NO_KEY", (
            f"no key for a language model: set {secrets.VARIABLE} or {secrets.PACKAGE}, or research.key_file to a file "
            "that only you can read, or research.base_url to an endpoint that needs none (Ollama, vLLM). Until then "
            "research answers by rules"
        )
    return None


async def _small(config: ResearchConfig, model: Model, now: int) -> Answer:
    given = ViewInput(symbol="", at=now, facts=(Fact("E1", "held", "no open positions", 0.0),))
    desk = Desk(model, model, config, partial(prompting.request, names=()))
    try:
        found = await desk.ask(model, ANALYST, given, About("check", now), max(config.deadline, PATIENCE))
    finally:
        await model.close()
    return found.answer


def _folder(config: ResearchConfig) -> Path:
    return Path(config.folder) if config.folder else data_folder() / "research"


# -- as it is told ---------------------------------------------------------------------------------


def case(one: Judged) -> dict[str, Any]:
    """A case in the words of ``journal.research_views.case``."""
    asked, said = one.case, one.verdict
    return {
        "run_id": asked.run_id,
        "id": asked.id,
        "cycle": asked.cycle,
        "at": iso(asked.at),
        "symbol": asked.symbol,
        "strategy": asked.strategy,
        "direction": SIDE_NAME[asked.direction],
        **{name: to_float(getattr(asked, name)) for name in ("price", "stop", "target")},
        "horizon": asked.horizon,
        "score": asked.score,
        "regime": asked.regime,
        **{name: getattr(one, name) for name in ("mode", "arm", "model", "effect", "factor", "contaminated", "masked")},
        **msgspec.to_builtins(said),
        "facts": msgspec.to_builtins(asked.facts),
        "arguments": msgspec.to_builtins(one.arguments),
    }


def call(one: Asked) -> dict[str, Any]:
    """A question in the words of ``journal.research_views.call``, as far as it has a record."""
    task, answer = one.task, one.answer
    names = ("outcome", "detail", "source", "mode", "repaired", "tries", "latency", "fingerprint", "parsed")
    return {
        "id": task.request.key,
        "key": task.request.key,
        "case_id": task.case_id,
        "subject": task.subject,
        "role": task.role,
        "at": iso(task.at),
        "prompt": task.request.prompt,
        "endpoint": task.request.endpoint,
        "model": task.request.model,
        "request": msgspec.to_builtins(task.request),
        "answer": answer.text,
        **{name: getattr(answer, name) for name in names},
        "usage": None if answer.usage is None else msgspec.to_builtins(answer.usage),
        "cost_usd": None if answer.cost is None else to_float(answer.cost),
    }
