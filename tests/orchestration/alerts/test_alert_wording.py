"""What is said of an event: complete, in one line, and nothing that a receiver would obey."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import ALERT, SCAN_SUMMARY
from orchestration.alerts.terms import FIELDS
from orchestration.alerts.wording import LONGEST, data_of, facts_of, neutral
from tests.orchestration.terminal.story import scan

T = 1_704_153_600_000_000_000


def row(data: dict[str, Any], kind: str = ALERT, symbol: str | None = None) -> dict[str, Any]:
    body = msgspec.json.encode(data)
    return {"seq": 7, "type": kind, "at": T, "run_id": "0123456789", "symbol": symbol, "body": body, "form": 0}


def told(data: dict[str, Any], symbol: str | None = None) -> dict[str, str]:
    return facts_of(row(data, symbol=symbol), data, "paper", "SIMULATED")


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example/login)",
    "http://evil.example/login",
    "@everyone @here",
    "<!channel> <@U123> <http://evil.example|our bank>",
    "**bold** `code` ~~gone~~ ||hidden||",
    "line\nSubject: spam\r\nBcc: all@example.org",
    "\x1b[31mred\x1b[0m \x07",
    "right\u202eto left",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_field_carries_markup_mentions_links_or_a_second_line(text: str) -> None:
    data = {"alert": "ASK_OPERATOR", "order_id": text, "text": text, "reason": text, "code": text, "actor": text}

    for name, said in told(data, symbol=text).items():
        assert not set(said) & set("<>@`*[]|~\n\r\x1b\x07\u202e"), name
        assert "://" not in said, name


@given(st.text())
def test_any_text_becomes_one_printable_line_of_limited_length(text: str) -> None:
    said = neutral(text)

    assert said.isprintable()
    assert len(said) <= LONGEST
    assert not set(said) & set("<>@`*[]|~")


def test_harmless_text_stays_as_it_is() -> None:
    text = "EURUSD MAX_DRAWDOWN_SOFT: 0.0812 against 0.08 (two losses), 3 % & more; größer"

    assert neutral(text) == text


def test_every_field_is_there_for_every_event() -> None:
    assert set(told({})) == set(FIELDS)
    assert told({"alert": "LOCKED"})["price"] == "-"


def test_an_alert_is_told_in_a_sentence() -> None:
    data = {"alert": "TRADING_STATE", "from": "ACTIVE", "to": "HALTED", "code": "MAX_DRAWDOWN"}
    data |= {"value": 0.1312, "threshold": 0.12}
    assert told(data)["sentence"] == "ACTIVE to HALTED MAX_DRAWDOWN: 0.1312 against 0.12"

    data = {"alert": "RESOURCE", "resource": "disk", "value": 91.5, "limit": 90.0, "severity": "critical"}
    assert told(data)["sentence"] == "disk 91.5 against 90"

    data = {"alert": "ACTOR_GIVEN_UP", "actor": "Observer", "reason": "Observer: 6 restarts within 60 s", "restarts": 6}
    assert told(data)["sentence"] == "Observer Observer: 6 restarts within 60 s"

    data = {"alert": "ASK_OPERATOR", "order_id": "o1", "text": "the venue forgets"}
    assert told(data, "BTC")["sentence"] == "BTC o1 the venue forgets"


def test_a_packed_scan_gives_its_head() -> None:
    draft = scan(3, {"EURUSD": 1.1}, equity=99_000.0)
    packed = {"type": SCAN_SUMMARY, "body": draft.data, "form": draft.form}

    assert data_of(packed)["equity"] == 99_000.0
