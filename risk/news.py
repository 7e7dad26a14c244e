"""Calendars of economic news, and what of them is near."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class NewsEvent(msgspec.Struct, frozen=True):
    """``at`` in UTC ns; ``impact`` is high, medium or low."""

    at: int
    currency: str
    impact: str
    title: str


class Calendar(msgspec.Struct, frozen=True):
    """Events in the order of their time. ``until`` (UTC ns) is how far the calendar knows; ``static`` counts the
    announcements that follow a rule."""

    events: tuple[NewsEvent, ...] = ()
    until: int = 0
    static: bool = False


def sources(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(texts)
