"""What a backtest leaves behind, as values: everything that reports, files and searches are made of."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.book import Closed
from domain.candidate import Candidate
from domain.decision import decisions_hash
from domain.instrument import Instrument
from domain.market import Bars, FeedInfo
from domain.money import to_float
from domain.order import Denied, Fill, Order
from domain.research import Case, Judged
from orchestration.settings import Settings
from research.shadow import Outcome
from risk.state import TradingState
from risk.statistics import Part
from risk.view import Lock

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class Sent(msgspec.Struct, kw_only=True):
    """An approved order and what became of it. Quantity in 1e-9 units, ``ended_at`` the T of its last step (ns)."""

    order: Order
    status: str
    filled: int = 0
    ended_at: int = 0
    code: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """A candidate that the gate denied."""

    candidate: Candidate
    denied: Denied


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A position at the end: numbers in units, prices and account currency."""

    symbol: str
    side: str
    quantity: float
    entry: float
    price: float
    profit: float
    stop: float | None
    target: float | None


class Weighted(NamedTuple):
    """What research said: every case with its verdict, what the market then did, and how many questions had no recorded
    answer."""

    judged: tuple[Judged, ...] = ()
    outcomes: tuple[tuple[Case, Outcome], ...] = ()
    missing: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One backtest.

    ``moments`` are all T at which a bar closed (ns, ascending); ``equity`` and ``exposure`` (gross notional of what is
    held) are the account's at each, in account currency; ``equity_final`` is exact (1e-9). ``bars`` are those of
    the traded symbols, ``prices`` their arrays (dtype ``BAR``). ``fills`` are in the order in which they happened,
    financing among them (quantity 0, reason FINANCING). ``closes`` has a line per close and the same as statistics
    count it. ``states`` are the changes of the trading state with their T. ``partial``: it was stopped before the
    end of the data. Seconds: ``load_s`` reading the data, ``compile_s`` the kernels, ``elapsed_s`` the engine alone.
    """

    settings: Settings
    info: FeedInfo
    instruments: dict[str, Instrument]
    bars: int
    prices: dict[str, Bars]
    moments: Times
    equity: Floats
    exposure: Floats
    equity_final: int
    fills: tuple[Fill, ...]
    orders: tuple[Sent, ...]
    closes: tuple[tuple[Closed, Part], ...]
    refusals: tuple[Refusal, ...]
    decisions: tuple[bytes, ...]
    positions: tuple[Open, ...] = ()
    states: tuple[tuple[int, TradingState], ...] = ()
    locks: tuple[Lock, ...] = ()
    errors: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    research: Weighted | None = None
    partial: bool = False
    load_s: float = 0.0
    compile_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def cash(self) -> float:
        """What the account began with."""
        return to_float(self.settings.account.cash)

    @property
    def bars_per_s(self) -> float:
        return self.bars / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def decisions_hash(self) -> str:
        return decisions_hash(self.decisions)
