"""What the gate says at the start of a cycle: the positions agents see, and what the cycle row records."""

from __future__ import annotations

import msgspec

from domain.candidate import Held
from domain.order import StopChange
from risk.state import TradingState


class GateSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The gate at one T. Money in 1e-9 of the account currency.

    ``marks`` are the last prices (1e-9) of held symbols and of conversion pairs, so that a rebuilt gate
    values the book as the one before it; ``cancels`` are working entries that must go (HALTED),
    ``changes`` stops that the venue has not answered for. ``equities`` are those of the past that a protection
    still asks for (T, equity).
    """

    at: int
    state: TradingState
    held: dict[str, Held]
    equity: int
    balance: int
    peak: int
    day: int
    day_equity: int
    marks: dict[str, int]
    cancels: tuple[str, ...] = ()
    working: int = 0
    changes: tuple[StopChange, ...] = ()
    equities: tuple[tuple[int, int], ...] = ()


def encode(snapshot: GateSnapshot) -> bytes:
    return msgspec.msgpack.encode(snapshot)


def decode(body: bytes) -> GateSnapshot:
    return msgspec.msgpack.decode(body, type=GateSnapshot)
