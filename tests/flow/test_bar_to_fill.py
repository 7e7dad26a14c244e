"""From a bar to a fill, told by the events."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.system import System, path

UP_AND_DOWN = path((40, -0.0001), (40, 0.0003), (60, -0.0003))


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_a_cross_becomes_a_position(system: System) -> None:
    story = system.run({"EURUSD": path((40, -0.0001), (20, 0.0003))})

    assert story.said("EURUSD") == [
        "CANDIDATE",
        "RISK_APPROVED",
        "ORDER_SUBMITTED",
        "ORDER_ACCEPTED",
        "ORDER_FILLED",
        "TRADE_EXECUTION",
        "POSITION_OPENED",
        *("CANDIDATE", "RISK_APPROVED", "ORDER_SUBMITTED", "ORDER_ACCEPTED", "ORDER_FILLED", "TRADE_EXECUTION"),
        *("POSITION_CLOSED", "POSITION_OPENED"),
    ]
    assert [one["quantity"] for one in story.summary.positions] == [10_000]
    assert story.summary.exit_reason == "end_of_data"


def test_a_reversal_is_one_order_whose_fill_closes_and_opens(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN})

    quantities = [one["data"]["quantity"] for one in story.of("TRADE_EXECUTION")]
    assert quantities[0] == 10_000
    assert set(quantities[1:]) == {20_000}
    assert story.summary.fills == story.summary.orders == len(quantities)


def test_the_sequence_has_no_gaps_and_the_causes_lead_back_to_the_candidate(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN})

    numbers = [one["seq"] for one in story.events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    known = {one["id"]: one for one in story.events}
    cause = story.of("POSITION_OPENED")[0]
    story_back = []
    while cause["causation_id"] is not None:
        cause = known[cause["causation_id"]]
        story_back.append(cause["type"])
    assert story_back == ["TRADE_EXECUTION", "ORDER_FILLED", "RISK_APPROVED", "CANDIDATE"]


def test_every_cycle_has_a_reason_for_every_symbol(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN, "BTC": path((100, 5.0), start=40_000.0)})

    summaries = story.of("SCAN_SUMMARY")
    assert [one["data"]["cycle"] for one in summaries] == list(range(1, 142))
    assert all(set(one["data"]["symbols"]) == {"EURUSD", "BTC"} for one in summaries)
    assert story.reasons("EURUSD")[0] == "WARMING_UP"
    assert story.reasons("BTC")[-1] == "NO_NEW_BAR"


def test_the_same_bars_make_the_same_decisions_again(system: System) -> None:
    first = system.run({"EURUSD": UP_AND_DOWN}, preset="balanced")
    second = system.run({"EURUSD": UP_AND_DOWN}, preset="balanced")

    assert first.run_id != second.run_id
    assert first.summary.decisions_hash == second.summary.decisions_hash
    assert first.summary.fills > 0
    assert first.summary.equity == second.summary.equity


def test_a_stop_at_the_venue_closes_the_position_and_nothing_enters_again(system: System) -> None:
    closes = path((45, -0.0001), (12, 0.0003), (30, -0.0010))
    story = system.run({"EURUSD": closes}, preset="balanced", sets=("strategy.side=long", "strategy.target_atr=0"))

    reasons = [one["data"]["reason"] for one in story.of("POSITION_CLOSED")]
    assert reasons == ["STOP"]
    assert story.summary.positions == []


def test_a_denial_says_code_value_and_threshold(system: System) -> None:
    closes = {"EURUSD": UP_AND_DOWN, "GBPUSD": UP_AND_DOWN}
    story = system.run(closes, sets=("risk.max_open_positions=1",))

    denied = story.of("RISK_DENIED")
    assert denied
    assert {one["data"]["code"] for one in denied} == {"MAX_OPEN_POSITIONS"}
    assert all(one["data"]["value"] == 1 and one["data"]["threshold"] == 1 for one in denied)
    held: set[str] = set()
    for one in story.events:
        held |= {one["symbol"]} if one["type"] == "POSITION_OPENED" else set()
        held -= {one["symbol"]} if one["type"] == "POSITION_CLOSED" else set()
        if one["type"] == "SCAN_SUMMARY":
            assert len(held) <= 1


def test_all_that_is_held_is_told_after_every_fill(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN, "GBPUSD": UP_AND_DOWN})

    told = [one["data"]["positions"] for one in story.of("POSITION_UPDATE")]
    held: dict[str, float] = {}
    for one in story.events:
        data, symbol = one["data"], one["symbol"]
        if one["type"] == "TRADE_EXECUTION":
            held[symbol] = held.get(symbol, 0.0) + data["quantity"] * (1 if data["side"] == "BUY" else -1)
        if one["type"] == "POSITION_UPDATE":
            listed = {each["symbol"]: each["quantity"] * (1 - 2 * each["type"]) for each in data["positions"]}
            assert listed == {name: units for name, units in held.items() if units}
    assert len(told) == len(story.of("ACCOUNT_UPDATE")) >= 3
    first = told[0][0]
    opened = story.of("POSITION_OPENED")[0]["data"]
    assert first | {"price_current": 0, "profit": 0} == {
        "ticket": opened["order_id"],
        "symbol": "EURUSD",
        "type": 0 if opened["side"] == "BUY" else 1,
        "direction": opened["side"],
        "volume": opened["quantity"] / 100_000,
        "quantity": opened["quantity"],
        "entry_price": opened["entry"],
        "price_current": 0,
        "sl_price": opened["stop"],
        "tp_price": opened["target"],
        "profit": 0,
        "strategy": "ema_cross",
    }
    gain = (first["price_current"] - first["entry_price"]) * first["quantity"] * (1 - 2 * first["type"])
    assert first["profit"] == pytest.approx(gain, abs=1e-6)


def test_financing_reaches_the_book_as_it_left_the_venue(system: System) -> None:
    closes = path((45, -0.0001), (1435, 0.00001))
    costs = ("venues.paper.financing_bps.forex.long=5", "venues.paper.financing_bps.forex.short=5")
    story = system.run({"EURUSD": closes}, sets=costs)

    charges = [one for one in story.of("POSITION_UPDATE") if one["symbol"] is not None]
    assert [one["data"]["financing"] > 0 for one in charges] == [True]
    cash = story.runtime.object("VenueGateway:paper").account().cash["USD"]
    assert cash == story.runtime.object("RiskManager").book.balance


def test_a_cycle_whose_candidates_are_all_denied_ends_like_any_other(system: System) -> None:
    story = system.run({"EURUSD": UP_AND_DOWN}, sets=("risk.max_trades_per_day=1",))

    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} == {"MAX_TRADES_PER_DAY"}
    assert story.summary.exit_reason == "end_of_data"
