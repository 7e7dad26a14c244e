"""What can be traded, and the presets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.money import NANO, from_decimal
from orchestration.settings import Overrides, asset_classes, instruments, load, presets
from orchestration.settings.instrument_list import listed, problems
from risk.config import ExitConfig, RiskConfig
from risk.contradictions import contradictions


def one(symbol: str, extra: dict[str, Any] | None = None, **given: Any) -> Any:
    return instruments(extra, "USD", {symbol: 2}, **given)[0][symbol]


@pytest.mark.parametrize(
    ("symbol", "kind", "base", "quote", "contract", "tick", "step", "most"),
    [
        ("EURUSD", "forex", "EUR", "USD", 100_000, "0.00001", 1_000, 50_000_000),
        ("USDJPY", "forex", "USD", "JPY", 100_000, "0.001", 1_000, 50_000_000),
        ("EURJPY", "forex", "EUR", "JPY", 100_000, "0.001", 1_000, 50_000_000),
        ("XAUUSD", "metal", "XAU", "USD", 100, "0.001", 1, 50_000),
        ("XAGUSD", "metal", "XAG", "USD", 5_000, "0.001", 50, 2_500_000),
        ("BTC", "crypto", "BTC", "USD", 1, "0.01", "0.00001", 100_000),
        ("BTCUSD", "crypto", "BTC", "USD", 1, "0.01", "0.00001", 100_000),
        ("SOLUSDT", "crypto", "SOL", "USDT", 1, "0.01", "0.00001", 100_000),
    ],
)
def test_the_listed_numbers_are_exact_and_in_units(
    symbol: str, kind: str, base: str, quote: str, contract: int, tick: str, step: int | str, most: int
) -> None:
    found = one(symbol)

    assert (found.symbol, found.asset_class, found.base, found.quote) == (symbol, kind, base, quote)
    assert found.contract == contract * NANO
    assert found.tick == from_decimal(tick)
    assert found.lot_step == found.min_quantity == from_decimal(step)
    assert found.max_quantity == most * NANO
    assert found.spread > 0
    assert found.listed


def test_every_listed_symbol_is_an_instrument() -> None:
    found, notices = instruments(None, "USD", dict.fromkeys(listed(), 5))

    assert len(found) == len(listed()) >= 40
    assert notices == []
    assert all(one.lot_step <= one.min_quantity <= one.max_quantity for one in found.values())
    assert found["EURUSD"].lots(found["EURUSD"].min_quantity) == Decimal("0.01")


def test_symbols_name_their_venues() -> None:
    assert one("EURUSD").venues == {"mt5": "EURUSD"}
    assert one("SOL").venues == {"jupiter": "So11111111111111111111111111111111111111112"}


def test_a_symbol_that_is_not_listed_is_taken_with_a_notice_and_a_hint() -> None:
    found, notices = instruments(None, "EUR", {"ACME": 3, "eurusd": 5, "EURUSD": 5})

    assert (found["ACME"].quote, found["ACME"].tick, found["ACME"].contract) == ("EUR", NANO // 1000, NANO)
    assert not found["ACME"].listed
    assert len(notices) == 2
    assert "ACME is not in conf/instruments.yaml" in notices[0]
    assert "did you mean EURUSD?" in notices[1]


def test_the_configurations_own_entries_go_over_the_listed_ones() -> None:
    extra = {
        "EURUSD": {"spread": 0.0002},
        "ACME": {"contract": 10, "tick": 0.05, "quote": "EUR"},
        "XBT": {"like": "BTC"},
    }

    assert one("EURUSD", extra).spread == from_decimal("0.0002")
    assert one("EURUSD", extra).contract == 100_000 * NANO
    assert (one("ACME", extra).contract, one("ACME", extra).quote) == (10 * NANO, "EUR")
    assert (one("XBT", extra).asset_class, one("XBT", extra).base) == ("crypto", "BTC")


def test_without_conversion_the_quote_is_the_account_currency() -> None:
    assert one("USDJPY", convert=False).quote == "USD"


def test_asset_classes_are_known_before_the_data() -> None:
    extra = {"ACME": {"class": "metal"}}
    assert asset_classes(("EURUSD", "BTC", "ACME", "X"), extra) == {
        "EURUSD": "forex",
        "BTC": "crypto",
        "ACME": "metal",
        "X": "other",
    }


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ({"tick": -1}, "A.tick = -1: allowed: a number > 0"),
        ({"tick": 1e-10}, "at most nine decimals"),
        ({"tick": "0.1"}, "A.tick = '0.1'"),
        ({"contract": True}, "A.contract = True"),
        ({"contract": float("inf")}, "A.contract = inf"),
        ({"spread": -1}, "A.spread = -1: allowed: a number >= 0"),
        ({"lot_step": 0.001, "minimum": 0.0015}, "A.minimum = 0.0015: allowed: a multiple"),
        ({"maximum": 0.001}, "A.maximum = 0.001 is below the minimum"),
        ({"contract": 0.001, "lot_step": 1e-7, "minimum": 1}, "below 0.000000001"),
        ({"quote": "usd"}, "A.quote = 'usd'"),
        ({"quote": 1}, "A.quote = 1"),
        ({"base": 1}, "A.base = 1"),
        ({"venues": "mt5"}, "A.venues = 'mt5'"),
        ({"like": "NOPE"}, "A.like = 'NOPE'"),
        ({"like": "BTCUSD"}, "not itself like another"),
        ({"tik": 1}, "A.tik is not a known key"),
    ],
)
def test_an_entry_that_is_no_instrument_says_why(entry: dict[str, Any], part: str) -> None:
    assert any(part in text for text in problems({"A": entry})["A"])


def test_presets_say_what_they_are_for() -> None:
    found = {one["name"]: one for one in presets()}

    named = {"conservative", "balanced", "aggressive", "scalping", "swing", "crypto", "prop-firm", "yardstick"}
    assert set(found) == named
    assert all(one["intent"] and one["values"]["risk"] for one in found.values())


def test_balanced_has_the_fixed_numbers() -> None:
    run = load(Overrides(symbols=("EURUSD",)), {})

    assert run.risk == RiskConfig(
        sizing="fixed_fraction",
        risk_fraction=0.005,
        max_open_positions=5,
        max_positions_per_symbol=1,
        max_orders_in_flight=5,
        max_order_notional=200_000 * NANO,
        max_daily_loss=3_000 * NANO,
        max_drawdown_soft=0.10,
        max_drawdown=0.15,
        max_trades_per_day=100,
        max_risk=0.01,
        max_spread_bps={"forex": 5.0, "metal": 10.0, "crypto": 25.0, "default": 25.0},
        max_correlation=0.85,
        max_currency_exposure=4.0,
        max_leverage=10.0,
    )
    assert run.exits == ExitConfig(breakeven_at=1.0, breakeven_lock=0.1)
    (paper,) = run.venues
    assert paper.costs() == {
        "commission_bps": {"default": 1.0, "crypto": 10.0},
        "slippage_bps": {"default": 0.0},
        "spread": "data",
        "fill_on": "next_open",
        "participation": 0.0,
        "financing_bps": {},
    }


def test_yardstick_is_fixed_units_without_limits_stops_spread_and_conversion() -> None:
    run = load(Overrides(symbols=("EURUSD",), preset="yardstick"), {})

    assert run.risk == RiskConfig(
        sizing="fixed_units", units=10_000 * NANO, require_stop=False, stages_off=(2, 5, 6, 7, 8, 10)
    )
    assert not run.account.convert
    assert run.strategy.preset == {"stop_atr": 0, "target_atr": 0}
    (paper,) = run.venues
    assert (paper.commission_bps, paper.slippage_bps, paper.spread) == ({"default": 1.0}, {"default": 0.0}, "none")


def test_the_fill_model_takes_every_presets_costs() -> None:
    from venues.fills import FillModel

    for preset in presets():
        run = load(Overrides(symbols=("EURUSD",), preset=preset["name"]), {})
        assert FillModel(**run.venues[0].costs()).terms(one("EURUSD")).commission > 0


@pytest.mark.parametrize("name", [one["name"] for one in presets()])
def test_no_limit_of_a_preset_contradicts_another(name: str) -> None:
    run = load(Overrides(symbols=("EURUSD",), preset=name), {})

    assert contradictions(run.risk, run.exits) == []
    assert run.notices == ()
