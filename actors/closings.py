"""What a close leaves behind: a line of the journal, a round trip in the statistics, and the locks of protections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from domain.book import Applied, Closed
from risk.config import RiskConfig
from risk.protections.equity import EquityWindow
from risk.protections.guards import Protections
from risk.sessions import session_of
from risk.statistics import Folding, Part, Statistics, Trade
from risk.view import Lock, View


class Closings:
    """Every close reaches the statistics exactly once: they are made of what the journal has."""

    def __init__(
        self,
        config: RiskConfig,
        scope: str,
        view: View,
        parts: Iterable[Part],
        equities: Iterable[tuple[int, int]],
    ) -> None:
        self._protections = Protections(config, scope)
        self._view, self._folding = view, Folding()
        self._window = EquityWindow(self._protections.window, equities)
        self._news: list[tuple[Closed, Part, int]] = []
        self._locks: list[Lock] = []
        view.statistics = Statistics(config)
        for part in parts:
            trade = self._folding.add(part)
            if trade is not None:
                view.statistics.add(trade)

    def closed(self, applied: Applied, seq: int, reasons: Callable[[str], tuple[str, ...]]) -> None:
        """A fill that closed something, told by the order event ``seq``. ``reasons`` finds what spoke for the order
        that opened it."""
        closed = applied.closed
        if closed is None:
            return
        flat = applied.flat or applied.opened
        part = Part(
            fill_id=closed.fill_id,
            symbol=closed.symbol,
            strategy=closed.strategy,
            side=closed.side,
            opened_at=closed.opened_at,
            closed_at=closed.closed_at,
            quantity=closed.quantity,
            net=closed.pnl - closed.commission,
            r=closed.r,
            reason=closed.reason,
            flat=flat,
            session=session_of(closed.opened_at),
            factors=reasons(closed.correlation_id),
        )
        self._news.append((closed, part, seq))
        trade = self._folding.add(part)
        if trade is not None:
            self._view.statistics.add(trade)
            self._locks += self._protect(trade.closed_at, trade)

    def news(self) -> tuple[list[tuple[Closed, Part, int]], list[Lock]]:
        """The closes since the last time, for the journal, and the locks that they leave behind."""
        news, locks = self._news, self._locks
        self._news, self._locks = [], []
        return news, locks

    @property
    def equities(self) -> tuple[tuple[int, int], ...]:
        """What must be known again after a restart."""
        samples = self._window.samples
        if self._protections.watches_equity:
            return samples
        return samples[-1:] if self._protections.reads_equity else ()

    def restart(self, at: int, equity: int) -> None:
        """A person accepts what equity has lost: its fall counts from here."""
        self._window = EquityWindow(self._protections.window, [(at, equity)])

    def sampled(self, at: int, equity: int) -> None:
        """The account at one T, for whoever asks later."""
        if self._protections.watches_equity or self._protections.reads_equity:
            self._window.add(at, equity)

    def valued(self, at: int, equity: int, write: Callable[[Sequence[Lock]], None]) -> None:
        """The account at one T: what has fallen locks, too. Locks that are over are forgotten."""
        if self._view.locks:
            self._view.locks[:] = [one for one in self._view.locks if one.until_at > at]
        self.sampled(at, equity)
        if not self._protections.watches_equity:
            return
        locks = self._protect(at, None)
        if locks:
            write(locks)

    def _protect(self, at: int, closed: Trade | None) -> list[Lock]:
        view = self._view
        locks = self._protections.protect(view.statistics, self._window, at, closed, view.locks)
        view.locks += locks
        return locks
