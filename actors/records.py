"""What the gate asks of whoever keeps its records: a database, or the memory of a backtest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from actors.snapshot import GateSnapshot
from domain.book import Book, Closed
from domain.candidate import Amend, Candidate, Exit
from domain.events import Draft
from domain.order import Denied, Fill, Order, StopChange
from risk.gate import Answer
from risk.news import Calendar
from risk.state import TradingState
from risk.statistics import Part
from risk.view import Lock

Said = dict[tuple[str, str, int, str], list[Order | Denied]]


class Memory(msgspec.Struct):
    """What a rebuilt gate knows."""

    book: Book
    cursor: int
    answered: Said
    answered_until: int
    latch: TradingState | None
    snapshot: GateSnapshot | None
    locks: list[Lock]
    foreign: dict[str, int]
    first_cash: int
    entries: list[tuple[str, int]]
    parts: list[Part]
    calendar: Calendar | None
    equities: list[tuple[int, int]]


class Step(msgspec.Struct, frozen=True):
    """One order event of the executor, with its fill, and the order if the venue itself made it."""

    seq: int
    order_id: str
    status: str
    fill: Fill | None
    order: Order | None


class Records(Protocol):
    """One act of the gate is one call, all of it or nothing. ``accepted``: a person has reset a limit from which
    equity counts anew; taken back by who obeys. ``tells``: events are
    wanted."""

    accepted: bool
    tells: bool

    def load(self, entries_for: int = 0) -> Memory: ...

    def trades_since(self, day: int) -> int: ...

    def attempts(self, exit: Exit) -> int: ...

    def steps_after(self, cursor: int) -> Sequence[Step]: ...

    def settled(
        self,
        book: Book,
        touched: Iterable[str],
        ended: Sequence[str],
        closed: Sequence[tuple[Closed, Part, int]],
        made_there: Sequence[Order],
        cursor: int,
        drafts: Sequence[Draft],
        locks: Sequence[Lock] = (),
    ) -> None: ...

    def locked(self, locks: Sequence[Lock]) -> None: ...

    def unlocked(self, lock_id: str, at: int, why: str, who: str) -> bool: ...

    def reasons(self, order_id: str) -> tuple[str, ...]: ...

    def stops(self, ids: Sequence[str]) -> dict[str, str]: ...

    def answered(
        self,
        answered: Sequence[tuple[Candidate | Exit, Answer, int]],
        changes: Sequence[tuple[Amend, StopChange]],
        book: Book,
        now: int,
    ) -> None: ...

    def emit(self, drafts: Sequence[Draft]) -> None: ...

    def latch(self) -> TradingState | None: ...

    def latched(self, state: TradingState, now: int, draft: Draft) -> None: ...
