"""No entry on a day that is a holiday for the asset class (``risk.holidays``), nor where holidays are not known."""

from __future__ import annotations

from domain.timeframe import iso
from risk.config import RiskConfig
from risk.holidays import Days, closed
from risk.view import Denial, Figures, View, Wish


class Holidays:
    stage = 2
    keys = ("holidays",)

    def __init__(self, closed: tuple[Days, ...]) -> None:
        self.closed = closed
        self._free: dict[str, tuple[int, int]] = {}  # asset class -> from, until: looked at already, no holiday

    @classmethod
    def build(cls, config: RiskConfig) -> Holidays | None:
        return cls(closed(config.holidays, config.sessions_for)) if config.holidays else None

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", wish.symbol)
        kind, now = view.instrument.asset_class, view.now
        start, end = self._free.get(kind, (0, 0))
        if start <= now < end:
            return None
        for one in self._of(kind):
            if one.day(now) in one.days:
                return Denial("HOLIDAY", *_figures(one, now))
            first, last = one.known
            if not first <= one.date(now).year <= last:
                return Denial("HOLIDAYS_UNKNOWN", one.date(now).isoformat(), f"{one.name} {first}-{last}")
        self._free[kind] = now, min((one.end(now) for one in self._of(kind)), default=now)
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """Whose holiday it is and when it ends."""
        kind = view.instrument.asset_class if view.instrument is not None else ""
        found = (one for one in self._of(kind) if one.day(view.now) in one.days)
        holiday = next(found, None)
        return Figures("none") if holiday is None else _figures(holiday, view.now)

    def _of(self, asset_class: str) -> list[Days]:
        return [one for one in self.closed if one.classes is None or asset_class in one.classes]


def _figures(holiday: Days, at: int) -> Figures:
    return Figures(f"{holiday.name} {holiday.date(at).isoformat()}", iso(holiday.end(at)))
