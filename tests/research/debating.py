"""Cases to judge, and models that say what they are told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from domain.money import NANO
from domain.research import LLM, Case, Closed, Fact
from domain.timeframe import MINUTE
from research.config import ResearchConfig
from research.port import Answer, Task, UnknownEvidence
from research.rules import answered

T = 1_704_200_400_000_000_000

FACTS = (
    Fact("E1", "trend", "the close is 1.20 ATR above EMA 20", 1.2, 1.0, 0.8),
    Fact("E2", "regime", "regime TRENDING", None),
    Fact("E3", "rsi", "RSI 14 is 74.0", 74.0, 0.5, 0.4),
    Fact("E4", "resistance", "the nearest swing high is 0.20 ATR above", 0.2, -0.9, 0.3),
)
"""Bull: (0.8 x 1 + 0.4 x 0.5) / 1.5 = 0.6667; bear: 0.3 x 0.9 / 1.5 = 0.18."""


def a_case(**changed: Any) -> Case:
    usual: dict[str, Any] = {
        "id": "case-1",
        "run_id": "run-1",
        "cycle": 7,
        "at": T,
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "direction": 1,
        "price": NANO,
        "stop": NANO // 1000,
        "target": 2 * NANO // 1000,
        "score": 0.5,
        "probability": 0.5,
        "regime": "TRENDING",
        "timeframe": 5 * MINUTE,
        "horizon": 20,
        "facts": FACTS,
    }
    return Case(**{**usual, **changed})


def a_trade(**changed: Any) -> Closed:
    usual: dict[str, Any] = {
        "id": "trade-1",
        "case_id": "case-1",
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "direction": 1,
        "taken": True,
        "opened_at": T,
        "known_at": T + 60 * MINUTE,
        "r": 2.0,
        "pnl": 200.0,
        "best": 2.1,
        "worst": -0.4,
        "bars": 12,
        "exit_reason": "TARGET",
        "verdict": "GO",
        "p_win": 0.6,
    }
    return Closed(**{**usual, **changed})


def a_config(**changed: Any) -> ResearchConfig:
    return ResearchConfig(**{"researcher": "veto", "analyst": "veto", **changed})


Saying = Answer | Mapping[str, Any] | Callable[[Task], Any]


class Scripted:
    """Answers by role: a ready answer, JSON values that pass the task's check, or a function of the task. What is not
    scripted is answered with the rules' words, as a model's. ``seen`` are the tasks in their order."""

    def __init__(self, says: Mapping[str, Saying] | None = None, seconds: Mapping[str, float] | None = None) -> None:
        self.says = dict(says or {})
        self.seconds = dict(seconds or {})
        self.seen: list[Task] = []
        self.given: list[float] = []
        self.at_once = 0
        self.most_at_once = 0

    async def answer(self, task: Task, within: float) -> Answer:
        self.seen.append(task)
        self.given.append(within)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.seconds.get(task.role, 0.0))
        finally:
            self.at_once -= 1
        said = self.says.get(task.role)
        made = said(task) if callable(said) else said
        if isinstance(made, Answer):
            return made
        parsed = answered(task.role, task.given) if made is None else made
        try:
            return Answer(value=task.check(parsed), source=LLM, parsed=parsed)
        except UnknownEvidence as wrong:
            return Answer(outcome="UNKNOWN_EVIDENCE", detail=str(wrong))
        except ValueError as wrong:
            return Answer(outcome="INVALID", detail=str(wrong))

    async def close(self) -> None:
        """Nothing is open."""


def failing(outcome: str) -> Answer:
    return Answer(outcome=outcome, detail="as scripted")


def weighed(*leans: tuple[float, float]) -> tuple[Fact, ...]:
    """Facts of so many (lean, weight)."""
    return tuple(Fact(f"E{n}", "trend", f"fact {n}", lean, lean, weight) for n, (lean, weight) in enumerate(leans, 1))


replaced = msgspec.structs.replace
