"""What an error says; that each one survives pickling is in tests/test_architecture.py."""

from __future__ import annotations

import pytest

from domain.errors import ActorLost, ArgusError, ConfigError, DeadlineMissed, InvalidTransition, Refused, Unavailable


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError(["one", "two"]), "one\ntwo"),
        (ConfigError("alone"), "alone"),
        (InvalidTransition("o1", "FILLED", "INTENT"), "o1: FILLED -> INTENT is not a step; so far: -"),
        (InvalidTransition("o1", "A", "B", ("X", "A")), "o1: A -> B is not a step; so far: X A"),
        (ActorLost("RiskManager", "killed"), "RiskManager is lost: killed"),
        (DeadlineMissed("Executor", 2.5), "Executor did not answer within 2.5 s"),
        (Refused("no money", "10019"), "no money [10019]"),
        (Unavailable("no connection"), "no connection"),
    ],
)
def test_an_error_says_what_was_attempted(error: ArgusError, text: str) -> None:
    assert str(error) == text


def test_all_problems_are_kept() -> None:
    assert ConfigError(["one", "two"]).problems == ("one", "two")
    assert ConfigError("alone").problems == ("alone",)
