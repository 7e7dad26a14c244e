"""What a person should hear of: one model per kind of ALERT, told apart by ``alert``."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from api.events.base import Data, Figure, Moment, Side

TradingState = Literal["ACTIVE", "REDUCING", "HALTED"]


class TradingStateChanged(Data):
    """The gate stands elsewhere than before."""

    alert: Literal["TRADING_STATE"]
    before: TradingState = Field(alias="from")
    to: TradingState
    code: str
    """What caused it; empty when it is ACTIVE again."""
    value: Figure
    threshold: Figure


class Locked(Data):
    """Something may not enter for a while."""

    alert: Literal["LOCKED"]
    lock: str
    code: str
    side: Side | None
    """null for both."""
    until: Moment
    reason: str


class Unlocked(Data):
    """An operator took a lock away."""

    alert: Literal["UNLOCKED"]
    lock: str
    code: str
    reason: str
    by: str


class StopRefused(Data):
    """The venue refused to move a stop; the one before stands."""

    alert: Literal["STOP_REFUSED"]
    code: str
    text: str
    purpose: str
    stop: float | None
    target: float | None
    flag: str


class StopMissing(Data):
    """A position had no stop at the venue, or a looser one, and got it back."""

    alert: Literal["STOP_MISSING"]
    text: str
    """"set again", or why it was refused."""


class OrderInDoubt(Data):
    """Nothing is certain of an order: it is asked about, and its symbol takes no new risk meanwhile."""

    alert: Literal["ORDER_UNKNOWN"]
    order_id: str
    code: str
    text: str


class Overfill(Data):
    """More was filled than was asked for."""

    alert: Literal["OVERFILL"]
    order_id: str
    code: str
    text: str
    asked: float
    filled: float


class AskOperator(Data):
    """Only a person can find out what became of an order: ``orders resolve``."""

    alert: Literal["ASK_OPERATOR"]
    order_id: str
    text: str


class RevivedOrder(Data):
    """An order that had ended worked at the venue, and was cancelled."""

    alert: Literal["REVIVED_ORDER"]
    order_id: str
    was: str


class ClosedOutside(Data):
    """A position was closed by somebody else."""

    alert: Literal["CLOSED_OUTSIDE"]
    fill_id: str


class Foreign(Data):
    """Something in the account that no order of ours explains (FOREIGN_…), a fill that an inferred one of ours stands
    for already (EXPLAINED), or one without units or price (BAD_FILL): never touched."""

    alert: Literal["FOREIGN_ORDER", "FOREIGN_FILL", "FOREIGN_POSITION", "EXPLAINED", "BAD_FILL"]
    venue: str
    key: str
    quantity: float
    """Signed units."""


class Supervised(Data):
    """What the supervisor did about an actor."""

    alert: Literal[
        "ACTOR_RESTARTED",
        "ACTOR_HANGS",
        "ACTOR_RESET",
        "ACTOR_FAILED",
        "ACTOR_GIVEN_UP",
        "HALTED_BY_SUPERVISOR",
        "STOPPED_BY_SUPERVISOR",
    ]
    actor: str
    reason: str
    restarts: int


class Trouble(Data):
    """Something beside the trading does not work: the news calendar or headlines, the sign of life, the database for a
    moment; or research says GO nearly always or nearly never."""

    alert: Literal["NEWS_CALENDAR", "HEARTBEAT", "DATABASE_AWAY", "NEWS_SOURCE", "RESEARCH_GO_RATE"]
    reason: str


class Commanded(Data):
    """Somebody asked something of the engine, and what came of it."""

    alert: Literal["COMMAND"]
    command: int
    """Its number in the table of commands."""
    verb: str
    by: str
    """Who asked: user@host, or ``api:ROLE@ADDRESS``."""
    reason: str
    state: Literal["DONE", "REFUSED"]
    said: str
    """Why it was refused; empty else."""


class ResourceLimit(Data):
    """A resource of the machine has passed a limit, or is clearly below it again (``severity`` info)."""

    alert: Literal["RESOURCE"]
    resource: str
    value: float
    limit: float
    """What was passed; for a warning a part of what is allowed."""
    severity: Literal["info", "warning", "critical"]


class NotifyFailed(Data):
    """A channel of notifications cannot be reached; trading does not notice."""

    alert: Literal["NOTIFY_FAILED"]
    channel: str
    reason: str
    attempts: int
    """Failures in a row."""


class NotifyRecovered(Data):
    """A channel of notifications works again."""

    alert: Literal["NOTIFY_RECOVERED"]
    channel: str
    attempts: int
    """Failures before it."""


class Emergency(Data):
    """A halt was carried out; what the venue had afterwards."""

    alert: Literal["EMERGENCY"]
    by: Literal["driver", "supervisor"]
    reason: str
    cancelled: dict[str, str]
    """Order to its status."""
    closing: list[str]
    """Symbols that an exit works for."""
    orders: dict[str, str]
    """Exits that were sent, with their status."""
    left: list[str]
    """Entries that still work."""
    positions: dict[str, float]
    """What is held at the venue, in signed units."""
    verified: bool
    """No entry is left."""


class EmergencyFailed(Data):
    """A halt could not be carried out, and is tried again."""

    alert: Literal["EMERGENCY_FAILED"]
    by: Literal["supervisor"]
    reason: str


KINDS: tuple[type[Data], ...] = (
    TradingStateChanged,
    Locked,
    Unlocked,
    StopRefused,
    StopMissing,
    OrderInDoubt,
    Overfill,
    AskOperator,
    RevivedOrder,
    ClosedOutside,
    Foreign,
    Supervised,
    Trouble,
    Commanded,
    ResourceLimit,
    NotifyFailed,
    NotifyRecovered,
    Emergency,
    EmergencyFailed,
)


def names(kind: type[Data]) -> tuple[str, ...]:
    """The values of ``alert`` that a model stands for."""
    return get_args(kind.model_fields["alert"].annotation)


Alert = Annotated[
    TradingStateChanged
    | Locked
    | Unlocked
    | StopRefused
    | StopMissing
    | OrderInDoubt
    | Overfill
    | AskOperator
    | RevivedOrder
    | ClosedOutside
    | Foreign
    | Supervised
    | Trouble
    | Commanded
    | ResourceLimit
    | NotifyFailed
    | NotifyRecovered
    | Emergency
    | EmergencyFailed,
    Field(discriminator="alert"),
]
