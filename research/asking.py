"""One question to one role: the task is made, asked within its time, and kept with its answer for the record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from domain.research import OK
from research.answers import checking
from research.config import ResearchConfig
from research.port import Answer, Check, Model, Request, Task

Requests = Callable[[str, Any, ResearchConfig, int], Request]
"""Renders a role's input as a request: (role, given, config, sample), ``research.prompting.request``."""

RULES_WITHIN = 5.0
"""Seconds for the rules, which wait for nothing."""

GRACE = 0.05
"""Seconds before the end of its time at which a model should give up by itself."""


class Asked(NamedTuple):
    """A question and what came of it."""

    task: Task
    answer: Answer


class Said(NamedTuple):
    """A value of the role's shape (None: not even the rules had one), whose it is, and OK or why the model had none."""

    value: Any
    source: str
    code: str
    asked: tuple[Asked, ...]


class About(NamedTuple):
    """What a question is about: for the record. ``at`` is market time (ns)."""

    subject: str
    at: int
    case_id: str = ""
    run_id: str = ""


class Desk:
    """Where questions are put: a model, and the rules where it has no answer."""

    def __init__(self, model: Model, rules: Model, config: ResearchConfig, requests: Requests) -> None:
        self.model = model
        self.rules = rules
        self.config = config
        self._requests = requests

    async def ask(
        self,
        model: Model,
        role: str,
        given: Any,
        about: About,
        within: float,
        *,
        sample: int = 0,
        check: Check | None = None,
    ) -> Asked:
        """Ask ``model``. When the time (seconds) is over the outcome is DEADLINE, whatever the model does; it is told a
        little less, so that it can say itself what it was waiting for."""
        task = Task(
            role=role,
            subject=about.subject,
            at=about.at,
            given=given,
            request=self._requests(role, given, self.config, sample),
            check=check or checking(role, given),
            case_id=about.case_id,
            run_id=about.run_id,
        )
        if within <= 0.0:
            return Asked(task, Answer(outcome="DEADLINE", detail="no time was left to ask"))
        try:
            async with asyncio.timeout(within):
                return Asked(task, await model.answer(task, within - min(GRACE, within / 10.0)))
        except TimeoutError:
            return Asked(task, Answer(outcome="DEADLINE", detail=f"no answer within {within:.1f} s"))

    async def ask_or_rules(
        self, role: str, given: Any, about: About, within: float, *, check: Check | None = None
    ) -> Said:
        """Ask the model, and the rules if it has no answer: for roles whose word stops nothing."""
        first = await self.ask(self.model, role, given, about, within, check=check)
        if first.answer.outcome == OK:
            return Said(first.answer.value, first.answer.source, OK, (first,))
        second = await self.ask(self.rules, role, given, about, RULES_WITHIN, check=check)
        return Said(second.answer.value, second.answer.source, first.answer.outcome, (first, second))
