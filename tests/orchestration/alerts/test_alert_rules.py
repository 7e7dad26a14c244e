"""Rules: what they match, what is refused at the start, and what holds without any."""

from __future__ import annotations

from typing import Any

import pytest

from domain.events import ALERT, ENGINE_STATE, RUN_SUMMARY, TRADE_EXECUTION
from orchestration.alerts.rules import DEFAULTS, Rule, in_force, parsed, types_of
from orchestration.alerts.terms import CRITICAL, FIELDS, INFO, WARNING, check, fill
from orchestration.alerts.wording import severity


def matched(kind: str, data: dict[str, Any], symbol: str = "") -> list[str]:
    worth = severity(kind, data)
    return [one.name for one in DEFAULTS if one.matches(kind, symbol, data, worth)]


@pytest.mark.parametrize(
    ("kind", "data", "rule", "worth"),
    [
        (ALERT, {"alert": "EMERGENCY"}, "emergency", CRITICAL),
        (ALERT, {"alert": "EMERGENCY_FAILED"}, "emergency", CRITICAL),
        (ALERT, {"alert": "TRADING_STATE", "to": "HALTED", "code": "MAX_DRAWDOWN"}, "halted", CRITICAL),
        (ALERT, {"alert": "TRADING_STATE", "to": "REDUCING", "code": "MAX_DRAWDOWN_SOFT"}, "drawdown", WARNING),
        (ALERT, {"alert": "TRADING_STATE", "to": "ACTIVE", "code": ""}, "trading_again", INFO),
        (ALERT, {"alert": "HALTED_BY_SUPERVISOR", "actor": "RiskManager"}, "actors", CRITICAL),
        (ALERT, {"alert": "ACTOR_GIVEN_UP", "actor": "Observer"}, "actors", CRITICAL),
        (ALERT, {"alert": "ORDER_UNKNOWN"}, "orders", WARNING),
        (ALERT, {"alert": "ASK_OPERATOR"}, "orders", CRITICAL),
        (ALERT, {"alert": "FOREIGN_POSITION"}, "orders", WARNING),
        (ALERT, {"alert": "STOP_MISSING"}, "stops", CRITICAL),
        (ALERT, {"alert": "DATABASE_AWAY"}, "database", WARNING),
        (ALERT, {"alert": "RESOURCE", "severity": CRITICAL}, "resources", CRITICAL),
        (ALERT, {"alert": "RESOURCE", "severity": INFO}, "resources", INFO),
        (ALERT, {"alert": "NOTIFY_FAILED", "channel": "phone"}, "beside", WARNING),
        (ALERT, {"alert": "RUN_FAILED"}, "run_failed", CRITICAL),
        (RUN_SUMMARY, {"exit_reason": "cycles"}, "run_ended", INFO),
        (ENGINE_STATE, {"state": "error"}, "engine_error", WARNING),
    ],
)
def test_what_is_told_without_any_rule(kind: str, data: dict[str, Any], rule: str, worth: str) -> None:
    assert matched(kind, data) == [rule]
    assert severity(kind, data) == worth


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (ALERT, {"alert": "ACTOR_RESTARTED"}),
        (ALERT, {"alert": "LOCKED"}),
        (ALERT, {"alert": "COMMAND", "verb": "pause"}),
        (ENGINE_STATE, {"state": "running"}),
        (TRADE_EXECUTION, {"price": 1.0}),
    ],
)
def test_what_is_not(kind: str, data: dict[str, Any]) -> None:
    assert matched(kind, data) == []


def test_an_alert_that_nobody_has_thought_of_is_a_warning() -> None:
    assert severity(ALERT, {"alert": "SOMETHING_NEW"}) == WARNING
    assert severity(ALERT, {"alert": "TRADING_STATE", "to": "SOMETHING_NEW"}) == WARNING
    assert severity(ALERT, {"alert": "RESOURCE", "severity": "no severity"}) == WARNING


def test_every_pattern_must_match() -> None:
    (rule,) = parsed(
        [{"name": "mine", "on": ["TRADE_*", "ALERT"], "symbol": "EUR*", "code": ["A", "B*"], "at_least": "warning"}]
    )

    assert rule.matches("ALERT", "EURUSD", {"code": "BX"}, WARNING)
    assert not rule.matches("ERROR", "EURUSD", {"code": "BX"}, WARNING)
    assert not rule.matches("ALERT", "BTC", {"code": "BX"}, WARNING)
    assert not rule.matches("ALERT", "EURUSD", {"code": "C"}, WARNING)
    assert not rule.matches("ALERT", "EURUSD", {"code": "A"}, INFO)
    assert types_of([rule]) == ("TRADE_EXECUTION", "ALERT")


def test_a_rule_of_the_same_name_takes_the_place_of_one() -> None:
    own = parsed([{"name": "halted", "alert": "TRADING_STATE", "channels": []}])

    names = [one.name for one in in_force(own, True)]
    assert names.count("halted") == 1
    assert names[0] == "halted"
    assert in_force(own, True)[0].channels == ()
    assert in_force(own, False) == own


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "rule 1: it has no name"),
        ({"name": "a", "titel": "x"}, "titel is not known; did you mean title?"),
        ({"name": "a", "on": "ALRET"}, "there is no type of event ALRET; did you mean ALERT?"),
        ({"name": "a", "severity": "loud"}, "severity = loud: allowed: one of info, warning, critical"),
        ({"name": "a", "at_least": "loud"}, "at_least = loud"),
        ({"name": "a", "dedup": -1}, "dedup: allowed: seconds from 0 to 604800"),
        ({"name": "a", "dedup": "soon"}, "dedup: allowed"),
        ({"name": "a", "symbol": [""]}, "symbol: allowed: a pattern"),
        ({"name": "a", "text": "{nothing}"}, "text: {nothing} is not a field (known: type, alert"),
        ({"name": "a", "text": "{symbol.__class__}"}, "{symbol.__class__} is not a field"),
        ({"name": "a", "text": "{symbol[0]}"}, "{symbol[0]} is not a field"),
        ({"name": "a", "title": "{symbol!r}"}, "{symbol} takes no format"),
        ({"name": "a", "title": "{symbol:>999999999}"}, "{symbol} takes no format"),
        ({"name": "a", "key": "{}"}, "{} is not a field"),
        ({"name": "a", "text": "{symbol"}, "expected '}' before end of string"),
        ({"name": "a", "text": ""}, "text: allowed: text"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        parsed([rule])
    assert said in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError, match=r"rule 1 \(a\): .*; rule 3: .*; rule 4 \(b\): there is another") as refused:
        parsed([{"name": "a", "on": "X"}, {"name": "b"}, {"on": "ALERT"}, {"name": "b"}])
    assert "rule 2" not in str(refused.value)


def test_a_template_is_text_with_fields() -> None:
    check("{{literally}} {symbol} {sentence}")
    facts = dict.fromkeys(FIELDS, "-") | {"symbol": "{seq} {0.__class__}", "seq": "7"}

    assert fill("{{literally}} {symbol}/{seq}", facts) == "{literally} {seq} {0.__class__}/7"


def test_the_rules_that_hold_by_themselves_are_sound() -> None:
    for rule in DEFAULTS:
        for template in (rule.title, rule.text, rule.key):
            check(template)
        assert types_of([rule])
    assert len({one.name for one in DEFAULTS}) == len(DEFAULTS)
    assert Rule(name="x").channels is None
