"""Events of a decision and what came of it: from the candidate to the fill, the position and the account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.events.base import Data, Figure, Moment, Part, Side


class CandidateFound(Data):
    """A strategy wants to enter; it says what and why, never how much."""

    direction: Side
    strategy: str
    score: float
    probability: float
    price: float
    """The close of the bar on which it was decided."""
    limit: float | None
    """The price of a limit order; null for a market order."""
    stop_distance: float
    target_distance: float
    """0: no target."""
    reasons: list[str]


class RiskDenied(Data):
    """The gate said no."""

    code: str
    """See docs/risk.md."""
    value: Figure
    """What was found."""
    threshold: Figure
    """What is allowed."""
    order_id: str
    direction: Side
    strategy: str


class RiskApproved(Data):
    """The gate said yes, and reserved what the order may need."""

    order_id: str
    purpose: str
    """ENTRY, or why it is left: SIGNAL, TP1, OPERATOR:…, EMERGENCY …"""
    side: Side
    direction: Side
    """The same as ``side``."""
    quantity: float
    reduces: float
    """So much of the quantity closes; the rest opens."""
    entry: float
    """The price it is meant for."""
    stop: float | None
    target: float | None


class OrderStep(Data):
    """An order has come one step further."""

    order_id: str
    side: Side | None = None
    """Left out, with quantity and purpose, where the order is not known."""
    quantity: float | None = None
    """What was ordered."""
    purpose: str | None = None
    code: str | None = None
    """Where the venue, or who decided this step, gave one."""
    text: str | None = None
    surprising: bool = False
    """True for a step that the order's last state does not lead to: real, taken, and marked."""


class TradeExecution(Data):
    """A fill at the venue: exactly one event for each."""

    side: Side
    direction: Side
    """The same as ``side``."""
    quantity: float
    lot: float | None
    """The quantity in lots; null where the instrument is not known."""
    price: float
    commission: float
    order_id: str
    fill_id: str
    reason: str
    """The purpose of the order; STOP and TARGET where the venue made the order by itself."""
    bar_ts: Moment | None
    """The bar in which it filled; null where the venue does not say."""


class PositionOpened(Data):
    """There is a position where there was none; on a reversal it follows POSITION_CLOSED."""

    side: Side
    quantity: float
    entry: float
    stop: float | None
    target: float | None
    order_id: str


class PositionClosed(Data):
    """There is no position any more, or one on the other side."""

    side: Side
    """Which side was held."""
    quantity: float
    entry: float
    exit: float
    pnl: float
    """In the account's currency, before commission."""
    commission: float
    r: float | None
    """Profit as a multiple of what the stop risked at first; null without a stop."""
    reason: str


class HeldPosition(Part):
    """A position, as system 002 names its fields. Money in the account's currency."""

    ticket: str
    """The order that opened it."""
    symbol: str
    type: Literal[0, 1]
    """0 bought, 1 sold."""
    direction: Side
    volume: float | None
    """In lots; null where the instrument is not known."""
    quantity: float
    """In units."""
    entry_price: float
    price_current: float
    """The last close."""
    sl_price: float | None
    tp_price: float | None
    profit: float
    """Unrealised."""
    strategy: str


class PositionUpdate(Data):
    """Of one symbol: the venue has moved a stop or a target, or has charged or paid financing for a night. Of none:
    something was filled, and ``positions`` is all that is held now."""

    positions: Annotated[list[HeldPosition], Field(max_length=200)] | None = None
    """All of the account; left out with a symbol. While more than 200 are held there is no such event."""
    purpose: str | None = None
    """Who wanted the stop moved: BREAKEVEN, TRAILING, …"""
    stop: float | None = None
    target: float | None = None
    flag: str | None = None
    """What the position has reached with it."""
    financing: float | None = None
    """In the account's currency, positive is paid; only this and ``fill_id`` are there for a charge."""
    fill_id: str | None = None


class Account(Part):
    """An account in its own currency."""

    balance: float
    equity: float
    profit: float
    """Unrealised."""
    currency: Annotated[str, Field(min_length=3)]
    leverage: float | None
    """null where the venue does not say."""
    day_pl: float
    """Equity now against that at the beginning of the risk day."""


class AccountUpdate(Data):
    """Balance or positions have changed."""

    account: Account
    name: str


class ResearchStart(Data):
    """Research is asked about a candidate."""

    direction: Side
    score: float


class ResearchResult(Data):
    """What research said: it may veto or shrink, never enlarge."""

    action: Literal["BUY", "SELL", "HOLD"]
    """The direction if it said GO, else HOLD."""
    verdict: Literal["GO", "NO_GO", "ABSTAIN"]
    confidence: Annotated[float, Field(ge=0, le=1)] | None
    """The probability that the target is touched before the stop within the horizon; null where nobody said one."""
    reason: str
    source: Literal["llm", "cache", "rules"]
    code: str
    """OK, or why there is no verdict."""
    size_factor: Annotated[float, Field(ge=0, le=1)]
    effect: Literal["NONE", "VETO", "SHRINK"]
    mode: Literal["off", "advisory", "veto"]
    factor: Annotated[float, Field(ge=0, le=1)]
    """By which the size is multiplied."""
    disagreement: Annotated[float, Field(ge=0, le=1)] | None
    evidence: list[str]
    contaminated: bool
    """The model may have learned what came after."""


class CriticReview(Data):
    """A closed trade, or a refused one with what would have become of it, reviewed."""

    score: Annotated[float, Field(ge=0, le=10)]
    """Of the process, apart from the outcome."""
    lesson: str
    analysis: str
    taken: bool
    r: float | None
    """The result over the distance to the first stop."""
    source: Literal["llm", "cache", "rules"]
    code: str
