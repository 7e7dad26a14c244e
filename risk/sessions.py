"""When markets are open: windows of the day with their time zones, and the weekend of forex and metals."""

from __future__ import annotations

from collections.abc import Sequence


def windows(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(texts)


def time_of_day(text: str) -> str:
    return text
