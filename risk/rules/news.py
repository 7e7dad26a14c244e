"""No entry around economic news of the symbol's currencies, nor where the calendar does not reach.

A symbol whose quote is no currency of the calendar is denied like any other where the calendar has ended.
"""

from __future__ import annotations

from domain.instrument import Instrument
from domain.money import from_decimal
from domain.timeframe import iso
from risk.config import RiskConfig
from risk.news import IMPACTS, NewsEvent, currencies_of
from risk.view import Denial, Figures, View, Wish


class News:
    stage = 2
    keys = ("news",)

    def __init__(self, impact: str, before: float, after: float) -> None:
        self.impacts = frozenset(IMPACTS[IMPACTS.index(impact) :])
        self.before, self.after = from_decimal(str(before)), from_decimal(str(after))  # seconds to ns
        self._currencies: dict[tuple[str, str, str], frozenset[str]] = {}

    @classmethod
    def build(cls, config: RiskConfig) -> News | None:
        return cls(config.news_impact, config.news_before, config.news_after) if config.news else None

    def check(self, wish: Wish, view: View) -> Denial | None:
        calendar, now = view.calendar, view.now
        if view.instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", wish.symbol)
        if calendar is None or calendar.empty:
            return Denial("NEWS_CALENDAR_EMPTY", "no events" if calendar is not None else "no calendar")
        if now >= calendar.until:
            return Denial("NEWS_CALENDAR_LATE", iso(now), iso(calendar.until))
        if now < calendar.since:
            return Denial("NEWS_CALENDAR_EARLY", iso(now), iso(calendar.since))
        near = self._near(view.instrument, view)
        return None if near is None else Denial("NEWS_BLACKOUT", *_figures(*near))

    def figures(self, wish: Wish, view: View) -> Figures:
        """The event in whose window this is, and when that ends."""
        near = None if view.instrument is None else self._near(view.instrument, view)
        return Figures("none") if near is None else _figures(*near)

    def _near(self, instrument: Instrument, view: View) -> tuple[NewsEvent, int] | None:
        if view.calendar is None:
            return None
        key = (instrument.asset_class, instrument.base, instrument.quote)
        currencies = self._currencies.get(key)
        if currencies is None:
            currencies = self._currencies[key] = currencies_of(instrument)
        return view.calendar.near(view.now, currencies, self.impacts, self.before, self.after)


def _figures(event: NewsEvent, end: int) -> Figures:
    return Figures(f"{event.currency} {event.title} {iso(event.at)}", iso(end))
