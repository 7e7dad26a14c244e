"""One account's connection to its venue: it may hang and be killed, and it refuses an older engine."""

from __future__ import annotations

from actors.base import Health, health_of
from domain.errors import StaleEpoch
from domain.market import BarBatch
from domain.order import Fill, Order, OrderStep
from domain.ports import Venue
from domain.venue import VenueAccount, VenueOrder, VenuePosition


class VenueGateway:
    """Passes messages of the present epoch to the venue, one at a time."""

    def __init__(self, name: str, epoch: int, venue: Venue) -> None:
        self._name, self._epoch, self._venue = name, epoch, venue

    def advance(self, epoch: int, batch: BarBatch) -> list[OrderStep]:
        self._fence(epoch)
        return self._venue.advance(batch)

    def submit(self, epoch: int, order: Order) -> list[OrderStep]:
        self._fence(epoch)
        return self._venue.submit(order)

    def cancel(self, epoch: int, order_id: str, at: int) -> list[OrderStep]:
        self._fence(epoch)
        return self._venue.cancel(order_id, at)

    def modify(self, epoch: int, symbol: str, stop: int, target: int, at: int) -> VenuePosition:
        self._fence(epoch)
        return self._venue.modify(symbol, stop, target, at)

    def lookup(self, order_id: str) -> VenueOrder | None:
        return self._venue.lookup(order_id)

    def orders(self) -> list[VenueOrder]:
        return self._venue.orders()

    def fills(self, after: int) -> list[tuple[int, Fill]]:
        return self._venue.fills(after)

    def positions(self) -> list[VenuePosition]:
        return self._venue.positions()

    def account(self) -> VenueAccount:
        return self._venue.account()

    def capabilities(self) -> dict[str, bool]:
        return self._venue.capabilities()

    def health(self) -> Health:
        return health_of(self._name, at=self._venue.account().at)

    def _fence(self, epoch: int) -> None:
        if epoch < self._epoch:
            raise StaleEpoch(f"{self._name}: a sender of epoch {epoch} after epoch {self._epoch} has started")
