"""The answers about account, positions, orders and trades, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Side = Literal["BUY", "SELL"]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2024-01-02T14:30:00Z"])]
"""ISO 8601, UTC."""
Figure = float | str | bool | None
"""What a rule compared: a number, a word, or nothing."""


class Shape(BaseModel):
    """What all answers share: nothing is sent that is not described."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


Item = TypeVar("Item")


class Page(Shape, Generic[Item]):
    """A part of a list, the newest first; ``next`` as ``after`` goes on behind it, null at the end."""

    items: list[Item]
    next: str | None


# -- account ---------------------------------------------------------------------------------------


class Exposure(Shape):
    """What is held, in the account currency."""

    by_currency: dict[str, float]
    """Net: what is held of a base counts up, what was paid in a quote counts down."""
    by_venue: dict[str, float]
    """Gross."""
    by_class: dict[str, float]
    """Gross, by asset class."""
    gross: float
    missing: list[str]
    """Symbols without a price or a rate: they are in none of the sums."""


class Account(Shape):
    """The account of the run, at its last cycle. Money in ``currency``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account": "paper:20240102T000000-abcd",
                    "currency": "USD",
                    "balance": 100_012.5,
                    "equity": 100_150.2,
                    "profit": 137.7,
                    "day_pl": 95.1,
                    "drawdown": 0.0021,
                    "peak": 100_361.0,
                    "started_cash": 100_000.0,
                    "exposure": {
                        "by_currency": {"EUR": 13_200.0, "USD": -13_200.0},
                        "by_venue": {"paper": 13_200.0},
                        "by_class": {"forex": 13_200.0},
                        "gross": 13_200.0,
                        "missing": [],
                    },
                    "simulated": True,
                    "run_id": "20240102T000000-abcd",
                    "at": "2024-01-02T14:30:00Z",
                }
            ]
        }
    )

    account: str | None
    """null before the first run; so is everything else."""
    currency: str | None
    balance: float | None
    equity: float | None
    profit: float | None
    """Of what is open: equity less balance."""
    day_pl: float | None
    """Since the risk day began."""
    drawdown: float | None
    """Below the peak, as a share of it."""
    peak: float | None
    started_cash: float | None
    exposure: Exposure
    simulated: bool
    run_id: str | None
    at: Moment | None
    """The cycle that it is from."""


class Position(Shape):
    """What is held in one symbol. Money in the account currency, prices in the symbol's."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "symbol": "EURUSD",
                    "side": "BUY",
                    "quantity": 12_000.0,
                    "entry_price": 1.1,
                    "price_current": 1.1042,
                    "profit": 50.4,
                    "value": 13_250.4,
                    "quote": "USD",
                    "stop": 1.095,
                    "target": 1.11,
                    "risk": 60.0,
                    "realised": 0.0,
                    "commission": 1.32,
                    "opened_at": "2024-01-02T14:30:00Z",
                    "strategy": "ema_cross",
                    "venue": "paper",
                    "account": "paper:20240102T000000-abcd",
                    "entry_order": "3fa94c21",
                    "correlation_id": "3fa94c21",
                }
            ]
        }
    )

    symbol: str
    side: Side
    quantity: float
    """Signed: below zero is short."""
    entry_price: float | None
    """The average paid."""
    price_current: float | None
    """The last close."""
    profit: float | None
    """Before commission; null where a price or a rate is missing."""
    value: float | None
    quote: str | None
    """The currency of the prices."""
    stop: float | None
    target: float | None
    risk: float
    """Money between the entry and the first stop."""
    realised: float
    commission: float
    opened_at: Moment
    strategy: str
    venue: str
    account: str
    entry_order: str
    correlation_id: str


# -- orders and trades -------------------------------------------------------------------------------


class Order(Shape):
    """An order that the gate answered, with what became of it."""

    id: str
    at: Moment
    symbol: str
    side: str
    quantity: float
    filled: float
    price_average: float | None
    """Of its fills."""
    reduces: float
    """How much of it closes."""
    kind: str
    """MARKET, LIMIT or STOP."""
    price: float | None
    """The limit; null for a market order."""
    entry: float | None
    """The price it was planned at."""
    stop: float | None
    target: float | None
    purpose: str
    """ENTRY, SIGNAL, STOP, TARGET, EMERGENCY, OPERATOR:… or the name of an exit."""
    strategy: str
    status: str
    """INTENT, DENIED, SUBMITTED, ACCEPTED, TRIGGERED, PARTIALLY_FILLED, PENDING_CANCEL, FILLED, CANCELLED, REJECTED,
    EXPIRED or UNKNOWN."""
    code: str
    text: str
    value: Any
    """What the rule that denied it found."""
    threshold: Any
    """What that rule allows."""
    reasons: list[Any]
    """Why the strategy wanted it."""
    venue: str
    venue_ref: str
    account: str
    run_id: str
    correlation_id: str
    expires_at: Moment | None
    attempt: int
    rank: int


class Step(Shape):
    """One step of an order."""

    seq: int
    """The number of the event that tells of it."""
    status: str
    at: Moment
    code: str
    text: str
    fill_id: str | None


class Fill(Shape):
    """One fill at the venue."""

    id: str
    at: Moment
    quantity: float
    price: float
    commission: float


class OrderStory(Shape):
    """One order with its steps and fills, oldest first."""

    order: Order
    steps: list[Step]
    fills: list[Fill]


class Trade(Shape):
    """A close, in whole or in part. Money in the account currency."""

    fill_id: str
    symbol: str
    strategy: str
    side: str
    """Of the position: BUY was long."""
    quantity: float
    entry: float
    exit: float
    opened_at: Moment
    closed_at: Moment
    pnl: float
    """Before commission."""
    commission: float
    net: float
    r: float | None
    """``pnl`` over the risk fixed at entry; null without a stop."""
    reason: str
    flat: bool
    """Whether nothing of the position was left."""
    session: str
    factors: list[Any]
    """The reasons of the candidate that opened it."""
    run_id: str
    account: str
    correlation_id: str


class Candidate(Shape):
    """A wish to enter, and what became of it."""

    id: str
    seq: int
    at: Moment
    symbol: str | None
    direction: str | None
    strategy: str | None
    score: float | None
    probability: float | None
    price: float | None
    limit: float | None
    stop_distance: float | None
    target_distance: float | None
    reasons: list[Any]
    order_id: str | None
    answer: str | None
    """APPROVED or DENIED; null while the gate has not answered."""
    code: str | None
    """Why it was denied."""
    value: Any
    threshold: Any
    status: str | None
    """Of its order."""
    quantity: float | None
    filled: float
    correlation_id: str | None


class Denials(Page[Order]):
    """What the gate denied, and how often each code did in this run."""

    by_code: dict[str, int]


class Lock(Shape):
    """What may not enter, and until when."""

    id: str
    account: str
    symbol: str | None
    """null: everything."""
    side: str | None
    """null: both."""
    code: str
    reason: str
    from_at: Moment
    until_at: Moment
    state: Literal["ACTIVE", "EXPIRED", "REMOVED"]
    removed_at: Moment | None
    removed_why: str | None


class Locks(Shape):
    """The locks of the account."""

    items: list[Lock]
    next: None = None
