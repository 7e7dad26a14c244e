"""The events of design section 11: their types, and the draft from which the journal makes an envelope."""

from __future__ import annotations

from typing import Any

import msgspec

from domain.candidate import identity

VERSION = 1

RUN_STARTED = "RUN_STARTED"
SCAN_START = "SCAN_START"
SCAN_SUMMARY = "SCAN_SUMMARY"
CANDIDATE = "CANDIDATE"
RISK_DENIED = "RISK_DENIED"
RISK_APPROVED = "RISK_APPROVED"
RESEARCH_START = "RESEARCH_START"
RESEARCH_RESULT = "RESEARCH_RESULT"
TRADE_EXECUTION = "TRADE_EXECUTION"
POSITION_OPENED = "POSITION_OPENED"
POSITION_CLOSED = "POSITION_CLOSED"
POSITION_UPDATE = "POSITION_UPDATE"
ACCOUNT_UPDATE = "ACCOUNT_UPDATE"
CRITIC_REVIEW = "CRITIC_REVIEW"
ENGINE_STATE = "ENGINE_STATE"
HEALTH = "HEALTH"
ALERT = "ALERT"
HEARTBEAT = "HEARTBEAT"
ERROR = "ERROR"
RUN_SUMMARY = "RUN_SUMMARY"

ORDER_STEPS = (
    "EXPIRED",
    "CANCELLED",
    "SUBMITTED",
    "ACCEPTED",
    "TRIGGERED",
    "PARTIALLY_FILLED",
    "PENDING_CANCEL",
    "FILLED",
    "REJECTED",
    "UNKNOWN",
)

TYPES = (
    RUN_STARTED,
    SCAN_START,
    SCAN_SUMMARY,
    CANDIDATE,
    RISK_DENIED,
    RISK_APPROVED,
    RESEARCH_START,
    RESEARCH_RESULT,
    *(f"ORDER_{one}" for one in ORDER_STEPS),
    TRADE_EXECUTION,
    POSITION_OPENED,
    POSITION_CLOSED,
    POSITION_UPDATE,
    ACCOUNT_UPDATE,
    CRITIC_REVIEW,
    ENGINE_STATE,
    HEALTH,
    ALERT,
    HEARTBEAT,
    ERROR,
    RUN_SUMMARY,
)

JSON, PACKED_SCAN = 0, 1
"""How an event's body is stored: canonical JSON, or the packed rows of a SCAN_SUMMARY."""


class Draft(msgspec.Struct, frozen=True, gc=False):
    """An event before it has its ``seq``. ``key`` says which one it is among its type: its id is computed from it.

    ``at`` is market time for whatever a cycle causes, machine time else. ``data`` is a mapping, or
    ready bytes in the given ``form``.
    """

    type: str
    at: int
    key: str
    data: Any
    symbol: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    form: int = JSON

    def id(self, run_id: str) -> str:
        return event_id(run_id, self.type, self.key)


def event_id(run_id: str, kind: str, key: str) -> str:
    """The id that the event of this type and key has, so that a cause can be named before it is written.

    It begins as a key that is an id does, so that the events of one moment lie side by side in the index.
    """
    found = identity(run_id, kind, key)
    return f"{key[:8]}{found[8:]}" if len(key) >= 32 else found
