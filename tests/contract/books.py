"""A durable book in memory: it outlives the venue objects that use it, and can be made to fail."""

from __future__ import annotations

from domain.order import DONE, Fill
from domain.venue import VenueBook, VenueChange, VenueOrder, VenuePosition


class Crash(Exception):
    """The process dies here."""


class MemoryBooks:
    """``VenueBooks`` over dictionaries. ``crash`` = before or after makes the next commit raise."""

    def __init__(self) -> None:
        self.accounts: dict[str, VenueChange] = {}
        self.positions: dict[tuple[str, str], VenuePosition] = {}
        self.kept: dict[tuple[str, str], VenueOrder] = {}
        self.traded: list[Fill] = []
        self.commits = 0
        self.crash = ""

    def load(self, account: str) -> VenueBook | None:
        if account not in self.accounts:
            return None
        return VenueBook(
            account=self.accounts[account].account,
            positions=tuple(one for (name, _), one in self.positions.items() if name == account),
            orders=tuple(one for (name, _), one in self.kept.items() if name == account and one.status not in DONE),
        )

    def commit(self, change: VenueChange) -> None:
        crash, self.crash = self.crash, ""
        if crash == "before":
            raise Crash("before the commit")
        name = change.account.account
        self.accounts[name] = change
        for position in change.positions:
            self.positions.pop((name, position.symbol), None)
            if position.quantity:
                self.positions[name, position.symbol] = position
        for order in change.orders:
            self.kept[name, order.order.id] = order
        self.traded += change.fills
        self.commits += 1
        if crash == "after":
            raise Crash("after the commit, before the answer")

    def order(self, account: str, order_id: str) -> VenueOrder | None:
        return self.kept.get((account, order_id))

    def fills(self, account: str, after: int) -> list[tuple[int, Fill]]:
        return [
            (cursor, fill)
            for cursor, fill in enumerate(self.traded, start=1)
            if cursor > after and fill.account == account
        ]
