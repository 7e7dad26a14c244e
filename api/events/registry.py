"""Which model is which type's, and what follows from it: the envelope, the JSON Schema, whether an event is one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, create_model

from api.events import running, trading
from api.events.alerts import Alert
from api.events.base import Envelope
from domain import events
from domain.events import ORDER_STEPS, TYPES, VERSION

DIALECT = "https://json-schema.org/draft/2020-12/schema"

MODELS: dict[str, Any] = {
    events.RUN_STARTED: running.RunStarted,
    events.SCAN_START: running.ScanStart,
    events.SCAN_SUMMARY: running.ScanSummary,
    events.CANDIDATE: trading.CandidateFound,
    events.RISK_DENIED: trading.RiskDenied,
    events.RISK_APPROVED: trading.RiskApproved,
    events.RESEARCH_START: trading.ResearchStart,
    events.RESEARCH_RESULT: trading.ResearchResult,
    **{f"ORDER_{one}": trading.OrderStep for one in ORDER_STEPS},
    events.TRADE_EXECUTION: trading.TradeExecution,
    events.POSITION_OPENED: trading.PositionOpened,
    events.POSITION_CLOSED: trading.PositionClosed,
    events.POSITION_UPDATE: trading.PositionUpdate,
    events.ACCOUNT_UPDATE: trading.AccountUpdate,
    events.CRITIC_REVIEW: trading.CriticReview,
    events.ENGINE_STATE: running.EngineState,
    events.HEALTH: running.Health,
    events.ALERT: Alert,
    events.HEARTBEAT: running.Heartbeat,
    events.ERROR: running.Error,
    events.RUN_SUMMARY: running.RunSummary,
}


@cache
def envelope(kind: str) -> type[BaseModel]:
    """The model of a whole event of this type."""
    own: dict[str, Any] = {"type": (Literal[kind], ...), "data": (MODELS[kind], ...)}
    made: type[BaseModel] = create_model(kind, __base__=Envelope, **own)
    made.__doc__ = None
    return made


def check(event: Mapping[str, Any]) -> None:
    """Raises pydantic.ValidationError for an event with a field that its type does not have, lacks, or has otherwise;
    KeyError for a type that is not one."""
    envelope(event["type"]).model_validate(dict(event), strict=True, extra="forbid")


@cache
def schema(kind: str | None = None) -> dict[str, Any]:
    """JSON Schema of an event of this type; of every event where none is named. Fields may be added later: who reads
    ignores those it does not know."""
    if kind is not None:
        return {"$schema": DIALECT, **TypeAdapter(envelope(kind)).json_schema()}
    definitions: dict[str, Any] = {}
    for one in TYPES:
        made = TypeAdapter(envelope(one)).json_schema(ref_template="#/$defs/{model}")
        definitions |= made.pop("$defs", {})
        definitions[one] = made
    return {
        "$schema": DIALECT,
        "title": f"An event of Argus, version {VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{one}"} for one in TYPES],
        "$defs": definitions,
    }
