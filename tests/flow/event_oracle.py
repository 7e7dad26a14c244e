"""What a run's events alone prove: replayed one after the other, without asking the gate or its book anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]

NEW_YORK = ZoneInfo("America/New_York")
ENDED = ("ORDER_FILLED", "ORDER_CANCELLED", "ORDER_EXPIRED", "ORDER_REJECTED")


class Account:
    """Follows one account's events: what is held by fills and by position events, and which entries are on their way.

    ``held`` is units by symbol as fills tell them, ``open`` the symbols as POSITION_OPENED and POSITION_CLOSED do, and
    ``working`` what each approved entry that has not ended may still open.
    """

    def __init__(self) -> None:
        self.held: dict[str, float] = {}
        self.open: set[str] = set()
        self.working: dict[str, tuple[str, float]] = {}
        self._filled: set[str] = set()

    def take(self, event: Event) -> None:
        kind, symbol, data = event["type"], event["symbol"], event["data"]
        if kind == "RISK_APPROVED" and data["quantity"] > data["reduces"]:
            side = 1 if data["side"] == "BUY" else -1
            self.working[data["order_id"]] = symbol, side * (data["quantity"] - data["reduces"])
        elif kind == "ORDER_FILLED":
            self._filled.add(data["order_id"])  # until its fill is told, which comes next
        elif kind in ENDED:
            self.working.pop(data["order_id"], None)
        elif kind == "TRADE_EXECUTION":
            units = data["quantity"] if data["side"] == "BUY" else -data["quantity"]
            left = round(self.held.pop(symbol, 0.0) + units, 9)
            if left:
                self.held[symbol] = left
            if data["order_id"] in self._filled:
                self.working.pop(data["order_id"], None)
        elif kind == "POSITION_OPENED":
            self.open.add(symbol)
        elif kind == "POSITION_CLOSED":
            self.open.discard(symbol)

    @property
    def exposed(self) -> set[str]:
        return set(self.held) | {symbol for symbol, _ in self.working.values()}


def after_each(events: Sequence[Event]) -> Iterator[tuple[Event, Account]]:
    """Every event with the account after it."""
    account = Account()
    for event in events:
        account.take(event)
        yield event, account


def most_at_once(events: Sequence[Event]) -> tuple[int, int]:
    """The most symbols exposed at once by fills and orders, and the most open at once by position events."""
    exposed = opened = 0
    for _, account in after_each(events):
        exposed, opened = max(exposed, len(account.exposed)), max(opened, len(account.open))
    return exposed, opened


def entries(events: Sequence[Event]) -> list[Event]:
    """Approvals that may open something."""
    return [
        one for one in events if one["type"] == "RISK_APPROVED" and one["data"]["quantity"] > one["data"]["reduces"]
    ]


def denials(events: Sequence[Event], code: str = "") -> list[Event]:
    return [one for one in events if one["type"] == "RISK_DENIED" and code in ("", one["data"]["code"])]


def at(event: Event) -> datetime:
    return datetime.fromisoformat(event["ts"])


def risk_day(moment: datetime) -> date:
    """The day that ends at 17:00 New York."""
    return (moment.astimezone(NEW_YORK).replace(tzinfo=None) + timedelta(hours=7)).date()


def by_day(events: Sequence[Event]) -> Counter[date]:
    return Counter(risk_day(at(one)) for one in events)


def between(events: Sequence[Event], start: Callable[[Event], bool], end: Callable[[Event], bool]) -> list[Event]:
    """The events after the first ``start`` and before the next ``end``."""
    found: list[Event] | None = None
    for one in events:
        if found is None:
            found = [] if start(one) else None
        elif end(one):
            return found
        else:
            found.append(one)
    return found or []


def becomes(state: str) -> Callable[[Event], bool]:
    """An ALERT that trading is in that state now."""
    return lambda event: event["type"] == "ALERT" and event["data"].get("to") == state


def net(closed: Event) -> float:
    """What a POSITION_CLOSED brought after its commission."""
    return float(closed["data"]["pnl"] - closed["data"]["commission"])
