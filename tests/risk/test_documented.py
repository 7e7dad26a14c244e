"""The page about the gate names every rule, protection, exit, key and denial there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.settings.risk_keys import EXIT_KEYS, RISK_KEYS
from risk.exits import EXITS
from risk.protections import PROTECTIONS
from risk.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
CODE = re.compile(r"""(?:Denial\(\s*|\bcode = |\bCODE = |locked\()"([A-Z][A-Z_]+)\"""")


def codes() -> set[str]:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "risk").rglob("*.py")]
    return {code for source in sources for code in CODE.findall(source)}


def test_there_are_codes_to_be_named() -> None:
    assert {"KILL_SWITCH", "MAX_VAR", "COOLDOWN", "SIZE_TOO_SMALL", "DRAWDOWN_GUARD"} <= codes()


@pytest.mark.parametrize("name", [*RULES, *EXITS, *RISK_KEYS, *EXIT_KEYS, *sorted(codes())])
def test_it_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", PROTECTIONS)
def test_the_key_of_a_protection_is_on_the_page(name: str) -> None:
    assert f"| `{name}" in PAGE or f"`{name}_trades`" in PAGE
