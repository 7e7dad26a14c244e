"""How a position is managed, as the gate keeps it: its extremes, what has been done, and a stop on its way.

Of a position's ``flags``: ``done`` are the names of what the venue has confirmed, ``change`` is the change of its stop
that it has not answered yet, ``changed_at`` the T of the newest one.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.book import Book, Position
from domain.candidate import Held
from domain.market import Bars
from domain.money import from_float
from domain.order import PARTIAL_TARGET, STOP_SET, StopChange


def pending(position: Position) -> StopChange | None:
    """The change of its stop that the venue has not answered."""
    found = position.flags.get("change")
    return None if found is None else msgspec.convert(found, StopChange)


def note(position: Position, change: StopChange) -> bool:
    """Remember a change that shall be made. Returns whether it is news."""
    if position.flags.get("changed_at", -1) >= change.at:
        return False
    position.flags = {**position.flags, "change": msgspec.to_builtins(change), "changed_at": change.at}
    return True


def changed_at(position: Position) -> int:
    """The T of the newest change of its stop; -1 if there was none."""
    return int(position.flags.get("changed_at", -1))


def answered(position: Position, change: StopChange, state: str) -> None:
    """The venue has set the stop, or refused it."""
    position.flags = {name: one for name, one in position.flags.items() if name != "change"}
    if state == STOP_SET:
        position.stop, position.target = change.stop, change.target
        _done(position, change.flag)


def took(position: Position, purpose: str) -> None:
    """A part of it was closed for this purpose."""
    if purpose.startswith(PARTIAL_TARGET):
        _done(position, purpose)


def _done(position: Position, flag: str) -> None:
    done = position.flags.get("done", [])
    if flag and flag not in done:
        position.flags = {**position.flags, "done": [*done, flag]}


class Extremes:
    """The best and the worst price of every position since its entry, by its entry order."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, int, int]] = {}

    def restore(self, held: Mapping[str, Held], book: Book) -> None:
        """From the newest snapshot, what is not known, for positions that are still the same."""
        for symbol, one in held.items():
            position = book.positions.get(symbol)
            if symbol not in self._found and position is not None and position.opened_at == one.opened_at and one.best:
                self._found[symbol] = (position.entry_order, one.best, one.worst)

    def take(self, book: Book, bars: Bars, rows: Mapping[str, int]) -> None:
        """The bars of one T."""
        if not book.positions or not len(bars):
            self._found = {symbol: one for symbol, one in self._found.items() if symbol in book.positions}
            return
        place: NDArray[np.int64] = np.full(len(rows), -1, np.int64)
        place[bars["row"]] = np.arange(len(bars))
        for symbol, position in book.positions.items():
            index = int(place[rows[symbol]]) if symbol in rows else -1
            best, worst = self.of(symbol, position)
            if index >= 0:
                high, low = from_float(float(bars["high"][index])), from_float(float(bars["low"][index]))
                up, down = (high, low) if position.quantity > 0 else (low, high)
                side = 1 if position.quantity > 0 else -1
                best = up if (up - best) * side > 0 else best
                worst = down if (down - worst) * side < 0 else worst
            self._found[symbol] = (position.entry_order, best, worst)
        self._found = {symbol: one for symbol, one in self._found.items() if symbol in book.positions}

    def of(self, symbol: str, position: Position) -> tuple[int, int]:
        """(best, worst), the entry's price before its first bar."""
        entry, best, worst = self._found.get(symbol, ("", 0, 0))
        return (best, worst) if entry == position.entry_order else (position.price, position.price)


def held(symbol: str, position: Position, book: Book, extremes: Extremes) -> Held:
    """What an agent is told of it."""
    best, worst = extremes.of(symbol, position)
    change = pending(position)
    return Held(
        quantity=position.quantity,
        closing=book.closing(symbol),
        entry=position.price,
        stop=position.stop if change is None else change.stop,
        target=position.target,
        distance=position.distance,
        first=position.first,
        opened_at=position.opened_at,
        best=best,
        worst=worst,
        flags=tuple(position.flags.get("done", ())),
        amending=change is not None,
        entry_order=position.entry_order,
    )
