"""What the screens say of a run at the top."""

from __future__ import annotations

from typing import Any

import msgspec


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A run as a person sees it. ``cash`` in the account currency; ``start`` and ``end`` in UTC nanoseconds.

    ``dashboard_url`` is Ray's, ``page_url`` this program's with a one-time code, each empty without one. ``quotes`` is
    the quote currency of every symbol (one that is missing counts as the account's), ``held`` what the account holds
    at the start, as ``journal.views.positions`` gives it.
    """

    run_id: str
    symbols: tuple[str, ...]
    codes: tuple[str, ...]
    simulated: bool
    live: bool
    strategy: str
    preset: str
    timeframe: str
    feed: str
    account: str
    currency: str
    cash: float
    dashboard_url: str
    page_url: str = ""
    database: str
    cycles: int | None
    start: int | None
    end: int | None
    quotes: dict[str, str] = {}
    held: tuple[dict[str, Any], ...] = ()
