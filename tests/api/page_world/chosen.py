"""What can be chosen: the shipped presets, keys, strategies and rules, as the API itself tells them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from starlette.requests import Request

from api.read import settings
from api.read.shapes_settings import Checked
from orchestration.settings import Overrides, describe, load, presets
from tests.api.page_world.facts import HOSTILE, LONG, RUN, Plain

STARTED = Overrides(preset="balanced", symbols=("EURUSD", "BTC"), sets=("risk.max_daily_loss=2500",))


def told(name: str, hostile: bool) -> Plain:
    """The answer of /api/presets, /api/config, /api/strategies or /api/rules."""
    return _hostile(name) if hostile else _shipped(name)


@cache
def _shipped(name: str) -> Plain:
    if name == "config":
        rows = describe(load(STARTED, {})).items()
        items = [{"key": key, "value": one["value"], "source": one["from"]} | _bounds(one) for key, one in rows]
        return {"run_id": RUN, "items": items}
    made = {"presets": presets, "strategies": settings._strategies, "rules": settings._rules}[name]
    return {"items": made(), "next": None}


def _bounds(one: Plain) -> Plain:
    return {"allowed": one.get("allowed"), "what": one.get("what")}


def _hostile(name: str) -> Plain:
    bad = HOSTILE[1]
    key = {"key": f"risk.{bad}", "value": {bad: LONG}, "source": bad, "allowed": bad, "what": LONG}
    parameter = {"name": bad, "default": bad, "low": None, "high": 1.0, "unit": bad, "doc": LONG, "choices": [bad]}
    row: Plain = {
        "presets": {"name": bad, "intent": LONG, "values": {"risk": {bad: LONG, "sizing": bad}, bad: bad}},
        "config": key,
        "strategies": {"name": bad, "doc": f"{bad}\n\n{LONG}", "warm_up": 3, "levels": True, "parameters": [parameter]},
        "rules": {"name": bad, "stage": 1, "keys": [key["key"]], "always": False, "doc": LONG},
    }[name]
    return {"items": [row]} | ({"run_id": bad} if name == "config" else {"next": None})


def validated(body: Plain) -> Plain:
    """What /api/presets/validate answers."""
    request = Request({"type": "http", "headers": [], "method": "POST"})
    answer: Any = json.loads(bytes(settings.validate(request, Checked(**body)).body))
    return answer  # type: ignore[no-any-return]
