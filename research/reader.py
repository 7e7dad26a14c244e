"""The reader: headlines as enums and scores. It is the only role that is shown texts from outside, and has no tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.research import READER, Headline, Reading
from research.answers import ReadingAnswer
from research.asking import About, Asked, Desk, Requests
from research.config import ResearchConfig
from research.inputs import ReaderInput
from research.port import Model

TOGETHER = 10
"""Headlines of one question."""
KEPT = 1_000
"""Readings that are kept, so that no headline is read twice."""


class Readings(NamedTuple):
    """A reading of each headline, in their order, and the questions that were put."""

    readings: tuple[Reading, ...]
    asked: tuple[Asked, ...]


class Reader:
    def __init__(self, model: Model, rules: Model, config: ResearchConfig, requests: Requests) -> None:
        self._desk = Desk(model, rules, config, requests)
        self._known: dict[str, Reading] = {}

    async def read(self, headlines: Sequence[Headline], at: int, within: float, run_id: str = "") -> Readings:
        """Read what is new, ``within`` seconds for each question of ten; where the model has no answer the rules read,
        and their readings carry its outcome as ``code``."""
        new = list({one.id: one for one in headlines if one.id not in self._known}.values())
        asked: list[Asked] = []
        for start in range(0, len(new), TOGETHER):
            given = ReaderInput(headlines=tuple(new[start : start + TOGETHER]))
            said = await self._desk.ask_or_rules(READER, given, About("news", at, run_id=run_id), within)
            asked += said.asked
            answers: Sequence[ReadingAnswer] = said.value.readings
            for one in answers:
                self._known[one.headline] = Reading(
                    headline=one.headline,
                    sentiment=one.sentiment,
                    relevance=one.relevance,
                    category=one.category,
                    currencies=one.currencies,
                    source=said.source,
                    code=said.code,
                )
        found = tuple(self._known[one.id] for one in headlines)
        for old in list(self._known)[:-KEPT]:
            del self._known[old]
        return Readings(found, tuple(asked))
