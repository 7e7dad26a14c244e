from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from domain.research import ROLES
from research.masking import DATE, DAY, TIME, Masking, placeholder
from research.prompting import prompt

ROOT = Path(__file__).resolve().parents[2]


def test_names_are_hidden_and_shown_again() -> None:
    masking = Masking(["EURUSD", "SPX500.cash", "AAPL"])
    text = "EURUSD rises with SPX500.cash; held AAPL, XAUUSD, BTC/USDT and USD"
    hidden = masking.hide(text)

    for name in ("EURUSD", "SPX", "AAPL", "XAU", "BTC", "USD", "EUR"):
        assert name not in hidden
    assert masking.show(hidden) == text


def test_a_name_has_one_placeholder_whoever_hides_it_and_when() -> None:
    assert Masking(["EURUSD"]).hide("EURUSD") == Masking(["GBPUSD", "EURUSD"]).hide("EURUSD") == placeholder("eurusd")
    asked = "from research.masking import placeholder; print(placeholder('EURUSD'))"
    other = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == placeholder("EURUSD")
    assert placeholder("EURUSD") != placeholder("GBPUSD")


def test_what_is_hidden_stays_as_it_is_when_it_is_hidden_again() -> None:
    masking = Masking(["EURUSD"])
    once = masking.hide("EURUSD on 2024-01-05, Friday 14:00 UTC")

    assert masking.hide(once) == once


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("on 2024-01-05", f"on {DATE}"),
        ("at 2024-01-05T08:30:00.123Z", f"at {DATE}"),
        ("at 2024-01-05 08:30+01:00", f"at {DATE}"),
        ("05.01.2024 and 1/5/24", f"{DATE} and {DATE}"),
        ("on 5th January 2024", f"on {DATE}"),
        ("on Jan. 5, 2024", f"on {DATE}"),
        ("in May 2023", f"in {DATE}"),
        ("since 2019, in 2024 and the end of 2023", f"{DATE}, {DATE} and the end {DATE}"),
        ("Q3 2023", DATE),
        ("session LONDON, Friday 14:00 UTC", f"session LONDON, {DAY} {TIME}"),
        ("at 2:30 pm EST", f"at {TIME}"),
    ],
)
def test_dates_and_times_are_hidden(text: str, hidden: str) -> None:
    assert Masking().hide(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "ADX 14 is 45.6, +DI 20.1, -DI 10.0; EMA 20 is 1.23 ATR above EMA 200",
        "the price moved -2.00 ATR in 20 bars; RSI 14 is 55.0",
        '{"key": "slow", "now": 2000, "low": 1990, "high": 2010}',
        "own past trades: 2024, 55 % won; in 2000 bars",
        "GO NO_GO ABSTAIN TRENDING MACD and may go on",
        "reward to risk 2.00, horizon 20 bars of H1",
        "E1, E2, ... from 0 to 1",
    ],
)
def test_numbers_and_other_words_stay(text: str) -> None:
    assert Masking().hide(text) == text


def test_other_words_for_a_currency_are_hidden_too() -> None:
    hidden = Masking().hide("Gold rises, the Dollar and bitcoins fall; euros too")

    assert hidden == (
        f"{placeholder('XAU')} rises, the {placeholder('USD')} and {placeholder('BTC')} fall; {placeholder('EUR')} too"
    )


def test_a_short_name_is_no_word_in_small_letters() -> None:
    masking = Masking(["GO", "ALL", "A"])

    assert masking.hide("go with all of a market") == "go with all of a market"
    assert "ALL" not in masking.hide("ALL")


def test_a_name_inside_of_another_word_stays() -> None:
    masking = Masking(["APPLE", "DAX"])
    assert masking.hide("APPLES DAXTER") == "APPLES DAXTER"


def test_a_placeholder_that_nobody_has_made_is_shown_as_it_is() -> None:
    assert Masking().show("N00000000 and NABCDEF") == "N00000000 and NABCDEF"


@pytest.mark.parametrize("role", ROLES)
def test_no_prompt_says_what_would_be_hidden(role: str) -> None:
    asked = prompt(role)
    examples = asked.system.replace("such as USD", "")

    assert Masking().hide(examples) == examples
    assert Masking().hide(asked.user) == asked.user
