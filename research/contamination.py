"""Which decisions a model may have judged by memory: those dated before its training ended."""

from __future__ import annotations

from datetime import UTC, date, datetime

from domain.research import RULES
from domain.timeframe import DAY, nanos


def contaminated(at: int, source: str, cutoff: str | None, margin: int) -> bool:
    """Whether a decision at ``at`` (ns) is dated before ``cutoff`` (ISO date, that day included) and ``margin`` days
    more. The rules remember nothing; without a cutoff nothing is known, and nothing is said."""
    if source == RULES or cutoff is None:
        return False
    last = datetime.combine(date.fromisoformat(cutoff), datetime.min.time(), UTC)
    return at < nanos(last) + (1 + margin) * DAY
