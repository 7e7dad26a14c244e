"""What the gate can be told, as a person reads it: the rules with their keys, and every key in its order."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from cli import app
from orchestration.settings import Overrides, describe, load
from orchestration.settings.keys import KEYS
from risk.rules import RULES


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0
    return result.stdout


def test_the_rules_are_told_in_lines_that_fit_a_terminal() -> None:
    text = said("rules")
    rules = json.loads(said("rules", "--json"))

    assert max(map(len, text.splitlines())) <= 120
    assert [one["name"] for one in rules] == list(RULES)
    words = text.replace(",", " ").split()
    for one in rules:
        assert one["name"] in words
        assert set(one["keys"]) <= set(words)
        assert " ".join(one["doc"].split()[:4]) in " ".join(words).replace("  ", " ") or "," in one["doc"]


def test_keys_are_shown_in_their_order_beside_what_they_are_about() -> None:
    shown = list(describe(load(Overrides(symbols=("EURUSD",)), {})))

    declared = [one for one in shown if one in KEYS]
    assert declared == [one for one in KEYS if one in shown]
    assert shown.index("risk.news_before") < shown.index("risk.news_after")
    venues = [one for one in shown if one.startswith("venues.")]
    assert venues == sorted(venues)
    place = shown.index(venues[0])
    assert shown[place - 1].startswith("exits.")
    assert shown[place : place + len(venues)] == venues


def test_every_key_of_the_gate_says_what_it_is_and_what_is_allowed() -> None:
    shown = describe(load(Overrides(symbols=("EURUSD",)), {}))

    for path in (one for one in KEYS if one.startswith(("risk.", "exits."))):
        assert shown[path]["what"], path
        assert shown[path]["allowed"], path
