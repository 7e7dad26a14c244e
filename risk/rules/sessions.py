"""Entries only within the sessions of ``risk.sessions``, for the asset classes that keep them."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.sessions import Overlap, Window, session_of, windows
from risk.view import Denial, Figures, View, Wish


class Sessions:
    stage = 2
    keys = ("sessions",)

    def __init__(self, windows: tuple[Window | Overlap, ...], classes: frozenset[str]) -> None:
        self.windows, self.classes = windows, classes
        self.names = ", ".join(one.text for one in windows)

    @classmethod
    def build(cls, config: RiskConfig) -> Sessions | None:
        if config.sessions is None:
            return None
        return cls(windows(config.sessions), frozenset(config.sessions_for))

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", wish.symbol)
        if view.instrument.asset_class not in self.classes:
            return None
        for one in self.windows:
            if one.holds(view.now):
                return None
        return Denial("OUT_OF_SESSION", *self.figures(wish, view))

    def figures(self, wish: Wish, view: View) -> Figures:
        """The session of the moment and those that are allowed."""
        return Figures(session_of(view.now), self.names)
