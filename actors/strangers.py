"""What a venue tells of our account and the book does not have: kept, told once for each state of it, never touched."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from actors.specs import RunSpec
from domain.events import ALERT, Draft
from domain.money import from_text, to_float, to_text
from journal import schema as s
from journal.store import Store, Tx

ORDER, FILL, POSITION = "ORDER", "FILL", "POSITION"
EXPLAINED, BAD_FILL = "EXPLAINED", "BAD_FILL"
"""What a venue tells and the book does not have: not ours; a fill that one of ours, inferred, stands for; a fill
without units or price."""


class Strangers:
    """The table of one account at one venue, and alerts that are told once."""

    def __init__(self, store: Store, run: RunSpec, venue: str) -> None:
        self.store, self.run, self.venue = store, run, venue

    def alert(self, alert: str, key: str, at: int, symbol: str | None = None, **data: Any) -> None:
        """Tell a person, once: ``key`` says which one it is among the alerts of its kind."""
        draft = Draft(ALERT, at, f"{alert}:{key}", {"alert": alert} | data, symbol)
        with self.store.transaction() as tx:
            if not self._told(tx, draft):
                tx.emit(self.run.run_id, [draft])

    def known(self, kind: str) -> dict[str, tuple[str, int]]:
        """What was last known of this kind, by key: (symbol, signed units)."""
        of_kind = sa.select(s.foreign_holdings).where(self._of(kind))
        with self.store.read() as c:
            return {row.key: (row.symbol, from_text(row.quantity)) for row in c.execute(of_kind)}

    def keep(self, kind: str, found: dict[str, tuple[str, int]], at: int) -> int:
        """What the venue holds of this kind that is not ours, by key: (symbol, signed units). Tells of what is new
        or has changed, forgets what is gone. Returns how much that was."""
        before = self.known(kind)
        gone = [key for key in before if key not in found]
        news = {key: one for key, one in found.items() if before.get(key) != one}
        if not gone and not news:
            return 0
        with self.store.transaction() as tx:
            drafts = [
                draft
                for key, (symbol, quantity) in news.items()
                for draft in self.tell(tx, kind, key, symbol, quantity, at)
            ]
            if gone:
                left = sa.delete(s.foreign_holdings).where(self._of(kind), s.foreign_holdings.c.key.in_(gone))
                tx.connection.execute(left)
            tx.emit(self.run.run_id, drafts)
        return len(gone) + len(news)

    def tell(self, tx: Tx, kind: str, key: str, symbol: str, quantity: int, at: int) -> list[Draft]:
        """Keep what is not ours, and the draft that tells of it, once for each state of it."""
        row = {"account": self.run.account, "venue": self.venue, "kind": kind, "key": key, "symbol": symbol}
        state = sa.select(s.foreign_holdings.c.quantity).where(self._of(kind), s.foreign_holdings.c.key == key)
        was = tx.connection.execute(state).scalar()
        if was == to_text(quantity):
            return []
        tx.upsert(s.foreign_holdings, [row | {"quantity": to_text(quantity), "at": at}])
        alert = kind if kind in (EXPLAINED, BAD_FILL) else f"FOREIGN_{kind}"
        data = {"alert": alert, "venue": self.venue, "key": key, "quantity": to_float(quantity)}
        draft = Draft(ALERT, at, f"{alert}:{key}:{to_text(quantity)}:{at}", data, symbol)
        return [] if self._told(tx, draft) else [draft]

    def _of(self, kind: str) -> sa.ColumnElement[bool]:
        table = s.foreign_holdings
        mine = (table.c.account == self.run.account) & (table.c.venue == self.venue)
        return mine & (table.c.kind == kind)

    def _told(self, tx: Tx, draft: Draft) -> bool:
        there = sa.select(s.events.c.seq).where(s.events.c.id == draft.id(self.run.run_id))
        return tx.connection.execute(there).first() is not None
