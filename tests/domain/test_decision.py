"""Decisions are bytes that two runs can be compared by."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import msgspec
import pytest

from domain.decision import decide, decisions_hash
from tests.factories import T, nano

USUAL: dict[str, Any] = {
    "at": T,
    "symbol": "EURUSD",
    "strategy": "ema_cross",
    "purpose": "ENTRY",
    "side": 1,
    "quantity": nano(250_000),
    "entry": nano("1.10005"),
    "stop": nano("1.09805"),
    "target": 0,
    "answer": "APPROVED",
}


def test_an_approval_in_canonical_form() -> None:
    assert decide(**USUAL) == (
        b'{"T":"2024-01-02T12:00:00Z","answer":"APPROVED","code":"","entry":"1.10005","purpose":"ENTRY",'
        b'"quantity":"250000","side":1,"stop":"1.09805","strategy":"ema_cross","symbol":"EURUSD","target":"0",'
        b'"threshold":null,"value":null}'
    )


def test_a_denial_in_canonical_form() -> None:
    denied = USUAL | {"answer": "DENIED", "code": "MAX_DAILY_LOSS", "value": 200.5, "threshold": 200, "quantity": 0}

    assert decide(**denied) == (
        b'{"T":"2024-01-02T12:00:00Z","answer":"DENIED","code":"MAX_DAILY_LOSS","entry":"1.10005","purpose":"ENTRY",'
        b'"quantity":"0","side":1,"stop":"1.09805","strategy":"ema_cross","symbol":"EURUSD","target":"0",'
        b'"threshold":200,"value":200.5}'
    )


def test_a_decision_holds_what_the_design_names_and_nothing_else() -> None:
    parts = {"T", "symbol", "strategy", "purpose", "side", "quantity", "entry", "stop", "target"}
    said = {"answer", "code", "value", "threshold"}

    assert set(msgspec.json.decode(decide(**USUAL))) == parts | said


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("at", T + 1),
        ("symbol", "BTC"),
        ("strategy", "bos"),
        ("purpose", "SIGNAL"),
        ("side", -1),
        ("quantity", nano(250_000) + 1),
        ("entry", nano("1.1")),
        ("stop", 0),
        ("target", 1),
        ("answer", "DENIED"),
        ("code", "LOCKED"),
        ("value", 1.0),
        ("threshold", "x"),
    ],
)
def test_every_field_tells_decisions_apart(name: str, other: object) -> None:
    assert decide(**USUAL | {name: other}) != decide(**USUAL)


def test_the_hash_depends_on_every_decision_and_their_order() -> None:
    decisions = [decide(**USUAL | {"symbol": one}) for one in ("A", "B", "C")]
    hashes = {decisions_hash(order) for order in itertools.permutations(decisions)}

    assert len(hashes) == 6
    assert decisions_hash(decisions[:2]) not in hashes
    assert decisions_hash([b"ab", b"c"]) != decisions_hash([b"a", b"bc"])


def test_the_hash_is_sha256_over_lines() -> None:
    assert decisions_hash([b"a", b"b"]) == hashlib.sha256(b"a\nb\n").hexdigest()
    assert decisions_hash([]) == hashlib.sha256().hexdigest()
