"""What an event is worth, and what may be said of it: facts of a fixed list, free of anything a receiver would obey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from domain import events
from domain.events import PACKED_SCAN
from domain.timeframe import iso
from journal.codec import facts as scan_facts
from orchestration.alerts.terms import CRITICAL, DATA, INFO, SEVERITIES, WARNING
from orchestration.terminal.exits import visible
from orchestration.terminal.figures import plain
from orchestration.terminal.sentences import sentence

LONGEST = 300
"""Characters of one fact."""

_WORTH = {
    "EMERGENCY": CRITICAL,
    "EMERGENCY_FAILED": CRITICAL,
    "RUN_FAILED": CRITICAL,
    "HALTED_BY_SUPERVISOR": CRITICAL,
    "STOPPED_BY_SUPERVISOR": CRITICAL,
    "ACTOR_FAILED": CRITICAL,
    "ACTOR_GIVEN_UP": CRITICAL,
    "ACTOR_RESTARTED": INFO,
    "ASK_OPERATOR": CRITICAL,
    "OVERFILL": CRITICAL,
    "STOP_MISSING": CRITICAL,
    "BAD_FILL": CRITICAL,
    "EXPLAINED": INFO,
    "LOCKED": INFO,
    "UNLOCKED": INFO,
    "NOTIFY_RECOVERED": INFO,
    "COMMAND": INFO,
}
"""By kind of ALERT; one that is not here is a warning."""
_STATES = {"ACTIVE": INFO, "REDUCING": WARNING, "HALTED": CRITICAL, "error": WARNING, "emergency": CRITICAL}
_TYPES = {events.ERROR: WARNING, "ORDER_UNKNOWN": WARNING, "ORDER_REJECTED": WARNING}


def severity(kind: str, data: Mapping[str, Any]) -> str:
    """info, warning or critical."""
    if kind == events.ENGINE_STATE:
        return _STATES.get(str(data.get("state")), INFO)
    if kind != events.ALERT:
        return _TYPES.get(kind, INFO)
    alert = str(data.get("alert"))
    if alert == "TRADING_STATE":
        return _STATES.get(str(data.get("to")), WARNING)
    own = data.get("severity")
    return own if alert == "RESOURCE" and own in SEVERITIES else _WORTH.get(alert, WARNING)


def data_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a row of the event table; of a packed scan what stands above its rows."""
    body = row["body"]
    found = scan_facts(body) if row.get("form") == PACKED_SCAN else msgspec.json.decode(body)
    return found if isinstance(found, dict) else {}


def facts_of(row: Mapping[str, Any], data: Mapping[str, Any], account: str, mode: str) -> dict[str, str]:
    """Every field as text, and safe to be told."""
    kind, symbol = str(row["type"]), row.get("symbol") or ""
    alert = str(data.get("alert") or "") if kind == events.ALERT else ""
    found = {name: neutral(plain(data.get(name))) for name in DATA}
    return found | {
        "type": kind,
        "alert": neutral(alert) or "-",
        "what": neutral(alert or kind),
        "severity": severity(kind, data),
        "symbol": neutral(symbol) or "-",
        "time": iso(row["at"])[:19].replace("T", " ") + " UTC",
        "seq": str(row["seq"]),
        "run": neutral(str(row["run_id"])),
        "account": neutral(account),
        "mode": mode,
        "rule": "-",
        "sentence": neutral(_sentence(kind, symbol, data)),
    }


def _sentence(kind: str, symbol: str, data: Mapping[str, Any]) -> str:
    if kind != events.ALERT:
        return sentence(kind, symbol, data)
    return " ".join(one for one in (*_subject(symbol, data), *_reason(data)) if one)


def _subject(symbol: str, data: Mapping[str, Any]) -> list[str]:
    change = f"{data['from']} to {data['to']}" if {"from", "to"} <= set(data) else ""
    about = [str(data[one]) for one in ("actor", "resource", "channel", "lock", "order_id", "key") if data.get(one)]
    return [symbol, change, *(one[:40] for one in about)]


def _reason(data: Mapping[str, Any]) -> list[str]:
    value, limit = data.get("value"), data.get("threshold", data.get("limit"))
    against = f" against {plain(limit)}" if limit is not None else ""
    figure = f"{plain(value)}{against}" if value is not None else ""
    said = [str(data[one]) for one in ("code", "reason", "text") if data.get(one)]
    return [": ".join(one for one in (*said, figure) if one)]


# -- hostile text ----------------------------------------------------------------------------------

_HARMLESS = str.maketrans(
    {
        "<": "\u2039",
        ">": "\u203a",
        "@": "\uff20",
        "`": "'",
        "*": "\u2217",
        "[": "\u27e6",
        "]": "\u27e7",
        "|": "\u00a6",
        "~": "\u02dc",
    }
)


def neutral(text: str, longest: int = LONGEST) -> str:
    """One line that no receiver takes for markup, a mention, a link or a command; what does not print is spelt out."""
    text = visible(text).translate(_HARMLESS).replace("://", ": //")
    return text if len(text) <= longest else text[: longest - 1] + "…"
