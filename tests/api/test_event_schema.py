"""What is published of the events: the JSON Schema, the page, the verb."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from api.events import alerts, registry
from api.events.page import PAGE, fields, page
from cli import app
from domain.events import TYPES


def run(*arguments: str) -> str:
    done = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["events", "schema", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def an_event(kind: str, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"v": 1, "seq": 1, "id": "x", "type": kind, "ts": "2024-01-01T00:00:00Z", "run_id": "run", "symbol": None}
    return head | {"correlation_id": None, "causation_id": None, "data": data} | more


LIFE = {"cycle": 1, "state": "running", "seq": 7}


def test_every_type_has_a_model_and_no_other_has() -> None:
    assert set(registry.MODELS) == set(TYPES)
    assert len({name for kind in alerts.KINDS for name in alerts.names(kind)}) == sum(
        len(alerts.names(kind)) for kind in alerts.KINDS
    )
    assert set(alerts.KINDS) == set(alerts.Alert.__args__[0].__args__)  # type: ignore[attr-defined]


def test_the_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make it anew: python -m api.events.page"


def test_the_page_names_every_type_every_alert_and_every_field() -> None:
    said = page()
    for kind, model in registry.MODELS.items():
        assert kind in said
        if kind != "ALERT":
            assert all(f"| {name} |" in said for name, _, _ in fields(model))
    for kind in alerts.KINDS:
        assert all(name in said for name in alerts.names(kind))
        assert all(f"| {name} |" in said for name, _, _ in fields(kind) if name != "alert")


def test_an_event_is_one_or_it_is_refused() -> None:
    registry.check(an_event("HEARTBEAT", LIFE))
    registry.check(an_event("HEARTBEAT", LIFE | {"simulated": True}))
    wrong: list[dict[str, Any]] = [
        an_event("HEARTBEAT", LIFE | {"more": 1}),
        an_event("HEARTBEAT", {"cycle": 1, "state": "running"}),
        an_event("HEARTBEAT", LIFE | {"cycle": "1"}),
        an_event("HEARTBEAT", LIFE | {"state": "dancing"}),
        an_event("HEARTBEAT", LIFE, more=1),
        an_event("HEARTBEAT", LIFE, v=2),
        an_event("HEARTBEAT", LIFE, seq=0),
        an_event("HEARTBEAT", LIFE, ts="2024-01-01T00:00:00+02:00"),
        an_event("HEALTH", LIFE),
        an_event("ALERT", {"alert": "NOBODY_KNOWS"}),
        an_event("ALERT", {"alert": "DATABASE_AWAY", "reason": "x", "symbol": "y"}),
    ]
    for one in wrong:
        with pytest.raises(ValidationError):
            registry.check(one)
    with pytest.raises(KeyError):
        registry.check(an_event("BAR", {}))


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if "$ref" in value else []
        here += list(value.get("discriminator", {}).get("mapping", {}).values())
        return here + [one for each in value.values() for one in references(each)]
    return [one for each in value for one in references(each)] if isinstance(value, list) else []


@pytest.mark.parametrize("kind", [None, *TYPES])
def test_the_schema_stands_by_itself(kind: str | None) -> None:
    made = json.loads(json.dumps(registry.schema(kind)))

    assert made["$schema"].endswith("2020-12/schema")
    assert {one.removeprefix("#/$defs/") for one in references(made)} <= set(made.get("$defs", {}))
    assert kind is None or made["properties"]["type"]["const"] == kind


def test_the_verb_prints_the_schema_of_a_type_and_of_all() -> None:
    assert msgspec.json.decode(run("--json")) == json.loads(json.dumps(registry.schema()))
    assert msgspec.json.decode(run("trade_execution", "--json")) == json.loads(
        json.dumps(registry.schema("TRADE_EXECUTION"))
    )


def test_the_verb_tells_people_what_a_type_says() -> None:
    assert all(one in run() for one in TYPES)
    assert "commission  number" in run("TRADE_EXECUTION")
    assert "leverage  number or null" in run("ACCOUNT_UPDATE")
    assert all(name in run("ALERT") for kind in alerts.KINDS for name in alerts.names(kind))


def test_the_verb_knows_what_is_no_type() -> None:
    done = CliRunner().invoke(app, ["events", "schema", "TRADE"])

    assert done.exit_code == 2
    assert "unknown event type 'TRADE'" in done.output
