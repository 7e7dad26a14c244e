"""What the parts ask of each other. Boxes on one layer meet here and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from domain.market import BarBatch, FeedInfo
from domain.order import Fill, Order, OrderStep
from domain.venue import VenueAccount, VenueBook, VenueChange, VenueOrder, VenuePosition


class Feed(Protocol):
    """Closed bars in the order of their close. Twice the same question gives the same answer."""

    def info(self) -> FeedInfo: ...

    def next(self, after: int) -> BarBatch | None:
        """The bars of the first T later than ``after``; None if none has closed yet (live); ``final`` at the end."""
        ...

    def history(self, after: int, until: int, most: int) -> BarBatch:
        """Bars with after < close <= until, by close then row, of at most ``most`` moments; ``at`` is the
        close reached (``until`` when that was all)."""
        ...


class Venue(Protocol):
    """Where orders go. Raises Unavailable, Refused, Unknown or Halted, and nothing else."""

    name: str

    def submit(self, order: Order) -> list[OrderStep]:
        """Send it. The same id again returns what the venue knows of it and sends nothing."""
        ...

    def cancel(self, order_id: str, at: int) -> list[OrderStep]: ...

    def modify(self, symbol: str, side: int, stop: int, target: int, at: int, entry_order: str = "") -> VenuePosition:
        """Set the stop and target prices (0 for none) of the position on that side, which ``entry_order`` has opened
        if it is given and the venue keeps it. Raises Refused if there is none."""
        ...

    def advance(self, batch: BarBatch) -> list[OrderStep]:
        """Price-driven venues only: match what is due in these bars. Twice the same T changes nothing."""
        ...

    def lookup(self, order_id: str) -> VenueOrder | None: ...

    def orders(self) -> list[VenueOrder]: ...

    def fills(self, after: int) -> list[tuple[int, Fill]]:
        """Fills with a cursor greater than ``after``, each with its cursor."""
        ...

    def positions(self) -> list[VenuePosition]: ...

    def account(self) -> VenueAccount: ...

    def capabilities(self) -> dict[str, bool]: ...


class VenueBooks(Protocol):
    """Where the paper venue keeps its account."""

    def load(self, account: str) -> VenueBook | None: ...

    def commit(self, change: VenueChange) -> None:
        """One transaction. Raises StaleEpoch when another engine has started."""
        ...

    def order(self, account: str, order_id: str) -> VenueOrder | None: ...

    def fills(self, account: str, after: int) -> list[tuple[int, Fill]]: ...


class Peers(Protocol):
    """The other actors, by name. What is awaited here was sent at once."""

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        """Send a message; the answer is a reference (``parts`` of them for methods that return that many)
        that can be an argument of the next message or be awaited with ``get``."""
        ...

    def get(self, name: str, reference: Any, within: float) -> Awaitable[Any]:
        """The value. Raises DeadlineMissed, ActorLost, or what the method raised."""
        ...

    def get_all(self, references: Sequence[tuple[str, Any]], within: float) -> Awaitable[list[Any]]:
        """Several answers at once, each under its actor's name: a value, or the error as a value."""
        ...

    def restart(self, name: str) -> Awaitable[None]:
        """Kill it; it comes back with its constructor run again."""
        ...

    def names(self, prefix: str) -> Sequence[str]: ...


class Clock(Protocol):
    """UTC nanoseconds. Live parts are given one; recorded and simulated runs live by T."""

    def now(self) -> int: ...


class Meter(Protocol):
    """Where numbers for watching go."""

    def count(self, name: str, by: float = 1, **tags: str) -> None: ...

    def gauge(self, name: str, value: float) -> None: ...

    def observe(self, name: str, value: float) -> None: ...
