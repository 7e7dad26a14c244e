"""A verdict on a case: by one call, or by bull and bear on the same facts, at most one rebuttal each, and a judge.

Bull and bear are asked in parallel and see nothing of each other; facts are numbered once and shown to all alike. Any
part that fails makes the whole an ABSTAIN with that part's outcome: there is no verdict on half a debate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from domain.candidate import identity
from domain.research import (
    ABSTAIN,
    BEAR,
    BULL,
    JUDGE,
    OK,
    REBUTTAL,
    SINGLE,
    Argument,
    Case,
    Claim,
    Verdict,
)
from research.answers import ArgumentAnswer, VerdictAnswer
from research.asking import About, Asked, Desk, Requests
from research.config import RULES_ONLY, SINGLE_CALL, ResearchConfig
from research.inputs import JudgeInput, RebuttalInput, SideInput, SingleInput
from research.port import Answer, Model
from research.rules import disagreement, opinion


class Debated(msgspec.Struct, frozen=True, kw_only=True):
    """A case's verdict, and what the rules alone say of it. ``arguments``: bull's, bear's, then their rebuttals.
    ``asked`` holds every question in the order in which they were put."""

    case: Case
    verdict: Verdict
    rules: Verdict
    arguments: tuple[Argument, ...] = ()
    asked: tuple[Asked, ...] = ()


class Debate:
    """Judges cases: a model is asked, or the rules alone where ``config.arm`` says so."""

    def __init__(self, model: Model, rules: Model, config: ResearchConfig, requests: Requests) -> None:
        self._desk = Desk(model, rules, config, requests)
        self._model = rules if config.arm == RULES_ONLY else model
        self._config = config

    async def decide(self, case: Case, within: float, *, sample: int = 0, swapped: bool = False) -> Debated:
        """The verdict within so many seconds. ``swapped`` shows the judge bull and bear in the other order. Where only
        recorded answers are allowed and one is missing, the rules decide if ``config.missing`` says so."""
        config = self._config
        by_rules = opinion(case, config.threshold, config.rebuttal and config.arm != SINGLE_CALL)
        round_ = _Round(self._desk, self._model, case, asyncio.get_running_loop().time() + within, sample)
        if not case.facts:
            verdict = Verdict(verdict=ABSTAIN, code="NO_FACTS")
        elif config.arm == SINGLE_CALL:
            verdict = await round_.single()
        else:
            verdict = await round_.debate(bull_first(case) is not swapped)
        if verdict.code == "NOT_RECORDED" and config.missing == "rules":
            verdict = by_rules
        return Debated(
            case=case,
            verdict=verdict,
            rules=by_rules,
            arguments=tuple(round_.arguments),
            asked=tuple(round_.asked),
        )


def bull_first(case: Case) -> bool:
    """Whether the judge is shown the bull first: for one half of all cases, the same for the same candidate in every
    run, so that an answer is found again."""
    return int(identity("order", case.symbol, case.strategy, case.at), 16) % 2 == 0


class _Round:
    """One case on its way. ``until`` is when its time is over (seconds of the loop's clock)."""

    def __init__(self, desk: Desk, model: Model, case: Case, until: float, sample: int) -> None:
        self._desk, self._model, self._case, self._until, self._sample = desk, model, case, until, sample
        self.arguments: list[Argument] = []
        self.asked: list[Asked] = []

    async def single(self) -> Verdict:
        given = SingleInput(case=self._case, threshold=self._desk.config.threshold)
        (answer,) = await self._ask((SINGLE, given))
        return _verdict(answer, None)

    async def debate(self, bull_shown_first: bool) -> Verdict:
        case, config = self._case, self._desk.config
        bull, bear = await self._argue(
            (BULL, BULL, SideInput(case=case, side=BULL)), (BEAR, BEAR, SideInput(case=case, side=BEAR))
        )
        if failed := _failed(bull, bear):
            return failed
        rebuttals: tuple[Argument, ...] = ()
        if config.rebuttal:
            rebuttals = await self._argue(
                (REBUTTAL, BULL, RebuttalInput(case=case, side=BULL, own=bull, other=bear)),
                (REBUTTAL, BEAR, RebuttalInput(case=case, side=BEAR, own=bear, other=bull)),
            )
            if failed := _failed(*rebuttals):
                return failed
        apart = disagreement(*(one.strength for one in rebuttals or (bull, bear)))
        given = JudgeInput(
            case=case,
            bull=bull,
            bear=bear,
            rebuttals=rebuttals,
            threshold=config.threshold,
            bull_first=bull_shown_first,
        )
        (answer,) = await self._ask((JUDGE, given))
        return _verdict(answer, apart)

    async def _argue(self, *questions: tuple[str, str, Any]) -> tuple[Argument, ...]:
        """(role, side, input) each; the arguments in the same order, failed ones with their outcome."""
        answers = await self._ask(*((role, given) for role, _, given in questions))
        made = tuple(_argument(side, answer) for (_, side, _), answer in zip(questions, answers, strict=True))
        self.arguments += made
        return made

    async def _ask(self, *questions: tuple[str, Any]) -> Sequence[Answer]:
        """All at once, in the time that is left."""
        case = self._case
        about = About(case.symbol, case.at, case.id, case.run_id)
        left = self._until - asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            going = [
                group.create_task(self._desk.ask(self._model, role, given, about, left, sample=self._sample))
                for role, given in questions
            ]
        asked = [one.result() for one in going]
        self.asked += asked
        return [one.answer for one in asked]


def _argument(side: str, answer: Answer) -> Argument:
    if answer.outcome != OK:
        return Argument(side, 0.0, (), answer.source, answer.outcome)
    said: ArgumentAnswer = answer.value
    claims = tuple(Claim(one.evidence, one.says) for one in said.claims)
    return Argument(side, said.strength, claims, answer.source)


def _failed(*arguments: Argument) -> Verdict | None:
    """The ABSTAIN that follows from the first argument that is none."""
    for one in arguments:
        if one.code != OK:
            return Verdict(verdict=ABSTAIN, code=one.code, source=one.source, reason=f"no argument of the {one.side}")
    return None


def _verdict(answer: Answer, apart: float | None) -> Verdict:
    if answer.outcome != OK:
        return Verdict(
            verdict=ABSTAIN, code=answer.outcome, source=answer.source, reason="no verdict", disagreement=apart
        )
    said: VerdictAnswer = answer.value
    return Verdict(
        verdict=said.verdict,
        p_win=None if said.verdict == ABSTAIN else said.p_win,
        size_factor=said.size_factor,
        evidence=said.evidence,
        reason=said.reason,
        source=answer.source,
        disagreement=apart,
    )
