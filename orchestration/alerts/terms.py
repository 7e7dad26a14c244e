"""The words that rules may use: severities, the fields of a template, and how a template is checked and filled."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

INFO, WARNING, CRITICAL = "info", "warning", "critical"
SEVERITIES = (INFO, WARNING, CRITICAL)

ENVELOPE = ("type", "alert", "what", "severity", "symbol", "time", "seq", "run", "account", "mode", "rule", "sentence")
DATA = (
    *("code", "reason", "text", "value", "threshold", "from", "to", "state", "error", "cycle", "attempt"),
    *("actor", "restarts", "by", "verified", "lock", "until", "venue", "key", "quantity", "side", "direction"),
    *("strategy", "score", "price", "entry", "exit", "stop", "target", "pnl", "r", "commission", "purpose", "order_id"),
    *("fill_id", "asked", "filled", "was", "equity", "balance", "exit_reason", "cycles", "candidates", "orders"),
    *("fills", "resource", "limit", "channel", "attempts", "timeframe", "count"),
)
FIELDS = (*ENVELOPE, *DATA)
"""What a title, a text or a key may name; ``-`` where an event does not have it."""


def check(template: str, known: Sequence[str] = FIELDS) -> None:
    """Raises ValueError for anything but text and ``{field}``."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r}: {error}; a brace is written {{{{ or }}}}") from None
    for _, field, form, conversion in parts:
        if field is None:
            continue
        if form or conversion:
            raise ValueError(f"{{{field}}} takes no format")
        if field not in known:
            raise ValueError(f"{{{field}}} is not a field (known: {', '.join(known)})")


def fill(template: str, facts: Mapping[str, str]) -> str:
    """The text with its fields; ``check`` has seen the template."""
    parts = string.Formatter().parse(template)
    return "".join(text + (facts[field] if field is not None else "") for text, field, _, _ in parts)
