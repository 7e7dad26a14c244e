"""The market is open: forex and metals close from Friday to Sunday 17:00 New York, metals for an hour every day.

The close of a bar of four hours or more falls on 17:00 New York, so the daily hour does not count there: what is
decided then is done when metals open again.
"""

from __future__ import annotations

from domain.timeframe import HOUR, iso
from risk.config import RiskConfig
from risk.sessions import OPEN, market_opens_at, market_state
from risk.view import Denial, Figures, View, Wish


class MarketHours:
    stage = 2
    keys = ("market_hours",)

    @classmethod
    def build(cls, config: RiskConfig) -> MarketHours | None:
        return cls() if config.market_hours else None

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", wish.symbol)
        if market_state(view.instrument.asset_class, view.now, view.timeframe < 4 * HOUR) == OPEN:
            return None
        return Denial("MARKET_CLOSED", *self.figures(wish, view))

    def figures(self, wish: Wish, view: View) -> Figures:
        """OPEN, or why it is closed and when it opens."""
        if view.instrument is None:
            return Figures()
        kind, breaks = view.instrument.asset_class, view.timeframe < 4 * HOUR
        state = market_state(kind, view.now, breaks)
        return Figures(state, OPEN if state == OPEN else iso(market_opens_at(kind, view.now, breaks)))
