"""One account's connection to its venue: it may hang and be killed, and it refuses an older engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from actors.base import Failure, Health, guarded, health_of
from actors.guard import OFF, Guard
from domain.errors import Refused, StaleEpoch, Unavailable, Unknown, VenueError
from domain.market import BarBatch
from domain.order import Fill, Order, OrderStep
from domain.ports import Venue
from domain.venue import VenueAccount, VenueOrder, VenuePosition

Value = TypeVar("Value")


class VenueGateway:
    """Passes messages of the present epoch to the venue, one at a time, within the service's limits.

    ``newest`` reads the epoch that the database has now: right before anything is sent, so that an engine that
    was frozen meanwhile sends nothing. ``now`` is the clock by which plans expire (None where T decides): an order
    that waited here for longer than its plan lives is not sent either. Orders that only reduce, cancels and
    questions about one order are urgent (see ``Guard``). Whatever a venue raises that is no VenueError becomes
    one: Unknown when something may have been sent, Unavailable when it was a question.
    """

    def __init__(
        self,
        name: str,
        epoch: int,
        venue: Venue,
        newest: Callable[[], int],
        guard: Guard | None = None,
        now: Callable[[], int] | None = None,
    ) -> None:
        self._name, self._epoch, self._venue = name, epoch, venue
        self._newest, self._guard, self._now = newest, guard, now
        self._at = 0
        self._moved: dict[str, int] = {}

    def advance(self, epoch: int, batch: BarBatch) -> list[OrderStep]:
        self._fence(epoch)
        steps = self._venue.advance(batch)
        self._at = max(self._at, batch.at)
        return steps

    def submit(self, epoch: int, order: Order) -> list[OrderStep]:
        expires = order.expires_at if order.opens else 0
        return self._send(epoch, order.opens == 0, partial(self._venue.submit, order), expires)

    def cancel(self, epoch: int, order_id: str, at: int) -> list[OrderStep]:
        return self._send(epoch, True, partial(self._venue.cancel, order_id, at))

    def modify(
        self, epoch: int, symbol: str, side: int, stop: int, target: int, at: int, entry_order: str = ""
    ) -> VenuePosition:
        """A change that names its position is refused after a newer one of its symbol, by ``at``: it comes late."""
        if entry_order:
            if at < self._moved.get(symbol, 0):
                raise Refused(f"{symbol}: a newer change of the stop was here before", "OVERTAKEN")
            self._moved[symbol] = at
        act = partial(self._venue.modify, symbol, side, stop, target, at, entry_order)
        return self._send(epoch, False, act)

    def lookup(self, order_id: str) -> VenueOrder | None:
        return self._ask(partial(self._venue.lookup, order_id), urgent=True)

    def orders(self) -> list[VenueOrder]:
        return self._ask(self._venue.orders)

    def fills(self, after: int) -> list[tuple[int, Fill]]:
        return self._ask(partial(self._venue.fills, after))

    def positions(self) -> list[VenuePosition]:
        return self._ask(self._venue.positions)

    def account(self) -> VenueAccount:
        return self._ask(self._venue.account)

    def capabilities(self) -> dict[str, bool]:
        return self._venue.capabilities()

    def health(self) -> Health:
        """``at``: the last T the venue was advanced to; the breaker's state, and how often it has opened."""
        state, opens = self._guard.state() if self._guard else (OFF, 0)
        return health_of(self._name, at=self._at, breaker=state, opens=opens)

    # -- to the venue ----------------------------------------------------------------------------

    def _send(self, epoch: int, urgent: bool, work: Callable[[], Value], expires: int = 0) -> Value:
        first = partial(self._present, epoch, expires)
        if self._guard is None:
            return self._answer(Unknown, partial(_checked, first, work))
        return self._answer(Unknown, partial(self._guard.call, work, urgent=urgent, first=first))

    def _ask(self, work: Callable[[], Value], urgent: bool = False) -> Value:
        if self._guard is None:
            return self._answer(Unavailable, work)
        return self._answer(Unavailable, partial(self._guard.call, work, urgent=urgent))

    def _answer(self, lost: type[VenueError], work: Callable[[], Value]) -> Value:
        answer: Value | VenueError | StaleEpoch | Failure = guarded(_told, work)
        if isinstance(answer, Failure):
            raise lost(f"{self._name}: {answer.what}", "UNEXPECTED")
        if isinstance(answer, VenueError | StaleEpoch):
            raise answer
        return answer

    # -- the fence -------------------------------------------------------------------------------

    def _fence(self, epoch: int) -> None:
        if epoch < self._epoch:
            raise StaleEpoch(f"{self._name}: a sender of epoch {epoch} after epoch {self._epoch} has started")

    def _present(self, epoch: int, expires: int) -> None:
        """Raises StaleEpoch if another engine has started, Unavailable if nobody can say or the plan has expired:
        nothing is sent then."""
        self._fence(epoch)
        newest = guarded(self._newest)
        if isinstance(newest, Failure):
            raise Unavailable(f"{self._name}: the present epoch cannot be read: {newest.what}", "EPOCH_UNREADABLE")
        if newest > self._epoch:
            raise StaleEpoch(
                f"{self._name} is of epoch {self._epoch}, the database at {newest}: another engine has started, "
                "and nothing is sent for this one"
            )
        if self._now is not None and 0 < expires < self._now():
            raise Unavailable(f"{self._name}: the plan expired while its order waited", "EXPIRED")


def _checked(first: Callable[[], None], work: Callable[[], Value]) -> Value:
    first()
    return work()


def _told(work: Callable[[], Value]) -> Value | VenueError | StaleEpoch:
    """The answer, or as a value an error that the callers know."""
    try:
        return work()
    except (VenueError, StaleEpoch) as error:
        return error
